#pragma once

// What tests of protocols share: a sink that keeps everything, and a conversation that feeds a
// session as the sensor would.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissect/protocol.h"
#include "dissect/transaction.h"

namespace dissect::testing {

// "01 02 0a", blanks ignored, to bytes.
inline base::ByteVec bytes_of(std::string_view hex) {
  base::ByteVec bytes;
  int digits = 0;
  unsigned int value = 0;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    value = value << 4U | static_cast<unsigned int>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    if (++digits % 2 != 0) continue;
    bytes.push_back(static_cast<std::uint8_t>(value));
    value = 0;
  }
  return bytes;
}

struct KeptEvidence {
  About about;
  Fact fact;
  std::string value;
  int rack = -1;
  int slot = -1;
};

class Kept final : public Sink, private Details {
 public:
  Kept() : Sink(this) {}

  // name=value for each detail, in order; numbers decimal, bytes as they are.
  std::vector<std::pair<std::string, std::string>> details;
  std::vector<Transaction> transactions;
  std::vector<KeptEvidence> evidence_;
  std::vector<std::string> issues;
  TransactionPool pool;
  Matcher matcher{"test", pool};
  const Pdu* pdu = nullptr;

  // The first detail of that name; empty: none.
  std::string detail(std::string_view name) const {
    for (const auto& [key, value] : details) {
      if (key == name) return value;
    }
    return {};
  }
  // The first value of that fact; empty: none.
  std::string fact(Fact wanted) const {
    for (const KeptEvidence& one : evidence_) {
      if (one.fact == wanted) return one.value;
    }
    return {};
  }

  void message(const Message& message) override {
    matcher.take(message, *pdu, [this](const Transaction& one) { transactions.push_back(one); });
  }
  void evidence(const Evidence& one) override {
    evidence_.push_back({one.about, one.fact, std::string(one.value), one.rack ? *one.rack : -1,
                         one.slot ? *one.slot : -1});
  }
  void issue(const Issue& issue) override { issues.emplace_back(issue.what); }

 private:
  void number(std::string_view name, std::uint64_t value) override {
    details.emplace_back(name, std::to_string(value));
  }
  void real(std::string_view name, double value) override {
    details.emplace_back(name, std::to_string(value));
  }
  void text(std::string_view name, std::string_view value) override {
    details.emplace_back(name, value);
  }
  void bytes(std::string_view name, base::ByteView value) override {
    details.emplace_back(name, base::as_text(value));
  }
};

// One flow of one protocol. Bytes of a stream may come in any pieces.
class Conversation {
 public:
  explicit Conversation(const Protocol& protocol, std::uint16_t server_port = 0,
                        Transport transport = Transport::Tcp)
      : session_((flow_.transport = transport, flow_.b.port = server_port, flow_.a.port = 50000,
                  flow_.a.ip = IpAddress::of(base::ByteVec{192, 0, 2, 1}),
                  flow_.b.ip = IpAddress::of(base::ByteVec{192, 0, 2, 2}),
                  flow_.server_known = true, protocol.open(flow_))) {}

  Conversation& client(base::ByteView bytes) { return say(Side::A, bytes); }
  Conversation& server(base::ByteView bytes) { return say(Side::B, bytes); }
  // Requests that nobody answered are told, too.
  Kept& done() {
    kept_.matcher.finish([this](const Transaction& one) { kept_.transactions.push_back(one); });
    return kept_;
  }
  Kept& kept() { return kept_; }
  Session& session() { return *session_; }
  // What waits for more bytes.
  std::size_t waiting(Side side) const { return waiting_[side == Side::A ? 0 : 1].size(); }

 private:
  Conversation& say(Side side, base::ByteView bytes) {
    ++packet_;
    if (flow_.transport != Transport::Tcp) {
      give(side, bytes, bytes.size());
      return *this;
    }
    base::ByteVec& rest = waiting_[side == Side::A ? 0 : 1];
    rest.insert(rest.end(), bytes.begin(), bytes.end());
    while (!rest.empty()) {
      const Frame frame = session_->frame(side, rest);
      if (frame.kind != Frame::Kind::Pdu || frame.size == 0) break;
      if (rest.size() < frame.size) break;
      const std::size_t shown = std::min({frame.keep, frame.size, kMaxPdu});
      const base::ByteVec pdu(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(shown));
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(frame.size));
      give(side, pdu, frame.size);
    }
    return *this;
  }
  void give(Side side, base::ByteView bytes, std::size_t size) {
    Pdu pdu;
    pdu.side = side;
    pdu.packet = packet_;
    pdu.time =
        base::WallTime(std::chrono::seconds(1'700'000'000) + std::chrono::milliseconds(packet_));
    pdu.size = size;
    pdu.bytes = bytes;
    pdu.from = flow_.end(side);
    pdu.to = flow_.end(other(side));
    kept_.pdu = &pdu;
    session_->take(pdu, kept_);
    kept_.pdu = nullptr;
  }

  FlowInfo flow_;
  std::unique_ptr<Session> session_;
  Kept kept_;
  base::ByteVec waiting_[2];
  std::uint64_t packet_ = 0;
};

}  // namespace dissect::testing
