// A record of the journal, as lines for other programs: each is one JSON text on one line.
#include "base/json.h"
#include "hub/egress/line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  schema::Decoder decoder;
  std::vector<hub::egress::Line> lines;
  (void)hub::egress::append_lines(7, {data, size}, hub::egress::Filter::all(), 0, decoder, lines);
  for (const hub::egress::Line& line : lines) {
    const std::string_view text(line.text);
    ASSERT(text.find('\n') == text.size() - 1);
    // A body that is nested as deep as we read stands one deeper in its line.
    const auto json = base::json::parse(text.substr(0, text.size() - 1));
    ASSERT(json || json.error().code == base::Code::TooLarge);
    ASSERT(*hub::egress::Offset::parse(line.offset.to_string()) == line.offset);
  }
  return 0;
}
