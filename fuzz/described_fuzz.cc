// Protocol descriptions: compiled, and then run over messages.
//
// An input is a description, a zero byte, and pieces: a byte (1: from B rather than A), a length of
// two bytes, big-endian, and as many bytes (or what is left).
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "dissect/described/described.h"
#include "dissect/described/source.h"
#include "dissect/described/syntax.h"
#include "dissect/reader.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

class Checked final : public dissect::Sink, private dissect::Details {
 public:
  Checked() : Sink(this) {}

  std::size_t sum = 0;

  void message(const dissect::Message& message) override {
    require(message.objects.size() <= dissect::kMaxObjects);
    for (const dissect::Object& one : message.objects)
      sum += one.space.size() + static_cast<std::size_t>(std::ranges::count(one.name, 'a'));
    sum += static_cast<std::size_t>(std::ranges::count(message.operation.name, 'a'));
  }
  void evidence(const dissect::Evidence& one) override { require(base::is_utf8(one.value)); }
  void issue(const dissect::Issue& issue) override { sum += std::string_view(issue.what).size(); }

 private:
  void number(std::string_view name, std::uint64_t) override { sum += name.size(); }
  void real(std::string_view name, double) override { sum += name.size(); }
  void text(std::string_view, std::string_view value) override { require(base::is_utf8(value)); }
  void bytes(std::string_view, base::ByteView value) override {
    sum += static_cast<std::size_t>(std::ranges::count(value, 0));
  }
};

void talk(const dissect::Protocol& protocol, base::ByteView input) {
  dissect::FlowInfo flow;
  flow.transport = protocol.transports.front();
  const auto session = protocol.open(flow);
  Checked sink;
  dissect::Reader reader(input);
  while (reader.remaining() >= 3) {
    dissect::Pdu pdu;
    pdu.side = (reader.u8() & 1U) != 0 ? dissect::Side::B : dissect::Side::A;
    const std::size_t length = std::min<std::size_t>(reader.u16be(), reader.remaining());
    // Of its own memory, so that reading past the end is found.
    const base::ByteView piece = reader.bytes(length);
    const base::ByteVec copy(piece.begin(), piece.end());
    protocol.probe({flow, pdu.side, copy, {}});
    const dissect::Frame frame = session->frame(pdu.side, copy);
    if (frame.kind == dissect::Frame::Kind::Pdu && !copy.empty()) require(frame.size > 0);
    pdu.size = copy.size();
    pdu.bytes = copy;
    session->take(pdu, sink);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView input(data, size);
  const std::string_view text = base::as_text(input);
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string_view description = text.substr(0, end);
  require(dissect::described::json_until(description) <= description.size());
  const auto made = dissect::described::Description::compile(description, "fuzz");
  if (!made) return 0;
  talk((*made)->protocol(), input.subspan(std::min(end + 1, input.size())));
  return 0;
}
