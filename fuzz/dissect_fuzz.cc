// Every protocol of the sensor, driven as the sensor drives it.
//
// An input is the protocol's name and a line feed, a byte of flags, and pieces: a byte (1: from B
// rather than A, 2: bytes were lost before it), a length of two bytes, big-endian, and as many
// bytes (or what is left). A name that is none picks a protocol by its hash, so that nothing is
// wasted. Flags: 1, B is a client; 2, nobody wants details; the upper four bits pick the transport
// and the port.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/hash.h"
#include "base/text.h"
#include "dissect/all/list.h"
#include "dissect/reader.h"
#include "dissect/transaction.h"

namespace {

using dissect::Frame;

void require(bool holds) {
  if (!holds) std::abort();
}

// Reads all that it is given, so that a view that is gone is found.
class Toucher final : public dissect::Sink, private dissect::Details {
 public:
  explicit Toucher(bool details) : Sink(details ? this : nullptr) {}

  const dissect::Pdu* pdu = nullptr;
  dissect::TransactionPool pool;
  dissect::Matcher matcher{"fuzz", pool};
  std::uint64_t sum = 0;

  void message(const dissect::Message& message) override {
    require(message.objects.size() <= dissect::kMaxObjects);
    matcher.take(message, *pdu, [this](const dissect::Transaction& one) {
      touch(one.operation.name);
      touch(one.sub_operation.name);
      touch(one.status.name);
      for (const dissect::NamedObject& object : one.objects) {
        touch(object.space);
        touch(object.name);
      }
    });
  }
  void evidence(const dissect::Evidence& one) override {
    require(base::is_utf8(one.value));
    touch(one.value);
  }
  void issue(const dissect::Issue& issue) override { touch(issue.what); }

 private:
  void touch(std::string_view text) { sum += base::crc32c(base::as_bytes(text)); }
  void number(std::string_view name, std::uint64_t value) override {
    touch(name);
    sum += value;
  }
  void real(std::string_view name, double) override { touch(name); }
  void text(std::string_view name, std::string_view value) override {
    touch(name);
    require(base::is_utf8(value));
    touch(value);
  }
  void bytes(std::string_view name, base::ByteView value) override {
    touch(name);
    sum += base::crc32c(value);
  }
};

class Flow {
 public:
  Flow(const dissect::Protocol& protocol, std::uint8_t flags)
      : protocol_(protocol), sink_((flags & 2U) == 0) {
    const std::size_t pick = flags >> 4U;
    flow_.transport = protocol.transports[pick % protocol.transports.size()];
    if (!protocol.ports.empty()) flow_.b.port = protocol.ports[pick % protocol.ports.size()];
    if (!protocol.selectors.empty())
      flow_.selector = protocol.selectors[pick % protocol.selectors.size()];
    flow_.a.ip = dissect::IpAddress::of(base::ByteVec{192, 0, 2, 1});
    flow_.b.ip = dissect::IpAddress::of(base::ByteVec{192, 0, 2, 2});
    flow_.a.port = 50000;
    if ((flags & 1U) != 0) flow_.server = dissect::Side::A;
    flow_.server_known = true;
    session_ = protocol.open(flow_);
  }

  void piece(dissect::Side side, bool gap, base::ByteView bytes) {
    ++packet_;
    protocol_.probe({flow_, side, bytes, {}});
    if (flow_.transport != dissect::Transport::Tcp) {
      take(side, bytes, bytes.size());
      return;
    }
    base::ByteVec& waiting = waiting_[side == dissect::Side::A ? 0 : 1];
    bool lost = false;
    if (gap) {
      session_->gap(side);
      waiting.clear();
      lost = true;
    }
    waiting.insert(waiting.end(), bytes.begin(), bytes.end());
    while (!waiting.empty() && step(side, waiting, lost)) {
    }
    if (waiting.size() > dissect::kMaxPdu) {
      waiting.clear();
      session_->gap(side);
    }
  }
  void finish() {
    sink_.matcher.finish([](const dissect::Transaction&) {});
  }

 private:
  bool step(dissect::Side side, base::ByteVec& waiting, bool& lost) {
    if (lost) {
      const auto next = session_->resync(side, waiting);
      if (!next) return false;
      require(*next < waiting.size());
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(*next));
      lost = false;
    }
    const Frame frame = session_->frame(side, waiting);
    if (frame.kind == Frame::Kind::Lost) {
      // Whatever resync() says, the byte that was refused is passed by.
      waiting.erase(waiting.begin());
      lost = true;
      return true;
    }
    if (frame.kind == Frame::Kind::Incomplete) {
      require(frame.size == 0 || frame.size > waiting.size());
      return false;
    }
    require(frame.size > 0);
    if (frame.size > waiting.size()) {
      // A message of which not all is kept need not be waited for.
      if (frame.keep > waiting.size()) return false;
    }
    const std::size_t shown = std::min({frame.keep, frame.size, waiting.size(), dissect::kMaxPdu});
    const base::ByteVec pdu(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(shown));
    const std::size_t passed = std::min(frame.size, waiting.size());
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(passed));
    take(side, pdu, frame.size);
    return true;
  }

  void take(dissect::Side side, base::ByteView bytes, std::size_t size) {
    // Of its own memory, so that reading past the end is found.
    const base::ByteVec copy(bytes.begin(), bytes.end());
    dissect::Pdu pdu;
    pdu.side = side;
    pdu.packet = packet_;
    pdu.time = base::WallTime(std::chrono::seconds(1'700'000'000 + packet_));
    pdu.size = size;
    pdu.bytes = copy;
    pdu.from = flow_.end(side);
    pdu.to = flow_.end(dissect::other(side));
    sink_.pdu = &pdu;
    session_->take(pdu, sink_);
    sink_.pdu = nullptr;
  }

  const dissect::Protocol& protocol_;
  Toucher sink_;
  dissect::FlowInfo flow_;
  std::unique_ptr<dissect::Session> session_;
  base::ByteVec waiting_[2];
  std::uint64_t packet_ = 0;
};

const dissect::Protocol* pick(std::string_view name) {
  if (const dissect::Protocol* named = dissect::all::find(name)) return named;
  const auto all = dissect::all::protocols();
  return all.empty() ? nullptr : all[base::crc32c(base::as_bytes(name)) % all.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView input(data, size);
  const std::string_view text = base::as_text(input);
  const std::size_t end = text.substr(0, 32).find('\n');
  if (end == std::string_view::npos) return 0;
  const dissect::Protocol* protocol = pick(text.substr(0, end));
  if (protocol == nullptr) return 0;
  dissect::Reader reader(input.subspan(end + 1));
  Flow flow(*protocol, reader.u8());
  while (reader.remaining() >= 3) {
    const std::uint8_t control = reader.u8();
    const std::size_t length = std::min<std::size_t>(reader.u16be(), reader.remaining());
    flow.piece((control & 1U) != 0 ? dissect::Side::B : dissect::Side::A, (control & 2U) != 0,
               reader.bytes(length));
  }
  flow.finish();
  return 0;
}
