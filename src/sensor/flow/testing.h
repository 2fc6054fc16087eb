#pragma once

// A protocol for tests: 'Q' (request) or 'R' (response), the length of what follows, that. The
// first byte of it is the number by which answers find their requests; "??" in it is an issue, "=x"
// evidence of a name.

#include <memory>
#include <string>

#include "base/bytes.h"
#include "dissect/protocol.h"

namespace sensor::flow::testing {

class ToySession final : public dissect::Session {
 public:
  dissect::Frame frame(dissect::Side, base::ByteView bytes) override {
    if (bytes[0] != 'Q' && bytes[0] != 'R') return dissect::Frame::lost();
    if (bytes.size() < 2) return dissect::Frame::need(2);
    // 255: long, and only its beginning is of interest.
    if (bytes[1] == 255) return dissect::Frame::pdu(1000, 10);
    return dissect::Frame::pdu(2U + bytes[1]);
  }

  void take(const dissect::Pdu& pdu, dissect::Sink& sink) override {
    const std::string_view text = base::as_text(pdu.bytes);
    sink.text("text", text);
    dissect::Message message;
    message.kind = text[0] == 'Q' ? dissect::Kind::Request : dissect::Kind::Response;
    message.key = text.size() > 2 ? static_cast<std::uint8_t>(text[2]) : 0;
    message.operation = {1, "ask"};
    message.access = dissect::Access::Read;
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    if (text.find("??") != std::string_view::npos) {
      dissect::Issue issue;
      issue.what = "unclear";
      sink.issue(issue);
    }
    if (const std::size_t at = text.find('='); at != std::string_view::npos)
      sink.tell(dissect::Fact::Name, text.substr(at + 1));
    sink.message(message);
  }
};

inline dissect::Match toy_probe(const dissect::Sample& sample) {
  if (sample.bytes.empty()) return dissect::Match::Unsure;
  if (sample.bytes[0] != 'Q' && sample.bytes[0] != 'R') return dissect::Match::No;
  if (sample.bytes.size() < 3) return dissect::Match::Unsure;
  // One that nobody else would send.
  return sample.bytes[2] == '!' ? dissect::Match::Yes : dissect::Match::Likely;
}

inline std::unique_ptr<dissect::Session> toy_open(const dissect::FlowInfo&) {
  return std::make_unique<ToySession>();
}

inline constexpr dissect::Transport kToyTransports[] = {
    dissect::Transport::Tcp, dissect::Transport::Udp, dissect::Transport::Link};
inline constexpr std::uint16_t kToyPorts[] = {7000};
inline constexpr std::uint16_t kToySelectors[] = {0x88B5};
inline constexpr dissect::Protocol kToy = {"toy",     "Toy",         true,      kToyTransports,
                                           kToyPorts, kToySelectors, toy_probe, toy_open};

// Another, which has a port, and says "ZZ" and no more.
inline dissect::Match other_probe(const dissect::Sample& sample) {
  return base::as_text(sample.bytes).starts_with("ZZ") ? dissect::Match::Yes : dissect::Match::No;
}
inline constexpr dissect::Transport kOtherTransports[] = {dissect::Transport::Tcp};
inline constexpr std::uint16_t kOtherPorts[] = {8000};
inline constexpr dissect::Protocol kOther = {"other",     "Other", false,       kOtherTransports,
                                             kOtherPorts, {},      other_probe, toy_open};
inline constexpr const dissect::Protocol* kProtocols[] = {&kOther, &kToy};

// 'Q', length, text.
inline base::ByteVec message(char kind, std::string_view text) {
  base::ByteWriter bytes;
  bytes.u8(static_cast<std::uint8_t>(kind));
  bytes.u8(static_cast<std::uint8_t>(text.size()));
  bytes.text(text);
  return std::move(bytes).take();
}

}  // namespace sensor::flow::testing
