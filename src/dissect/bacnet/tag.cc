#include "dissect/bacnet/tag.h"

#include <algorithm>

#include "dissect/text.h"

namespace dissect::bacnet {

namespace {

std::string from_latin1(base::ByteView text) {
  base::ByteVec wide;
  for (const std::uint8_t byte : text.first(std::min<std::size_t>(text.size(), 256))) {
    wide.push_back(0);
    wide.push_back(byte);
  }
  return printable_utf16be(wide);
}

}  // namespace

std::uint64_t Tag::unsigned_value() const {
  if (value.empty() || value.size() > 8) return 0;
  return Reader(value).big(value.size());
}

std::int64_t Tag::signed_value() const {
  if (value.empty() || value.size() > 8) return 0;
  std::uint64_t bits = unsigned_value();
  if ((value[0] & 0x80U) != 0 && value.size() < 8) bits |= ~std::uint64_t{0} << 8 * value.size();
  return static_cast<std::int64_t>(bits);
}

bool read_tag(Reader& reader, Tag& tag) {
  const std::uint8_t first = reader.u8();
  if (!reader) return false;
  tag = {};
  tag.number = first >> 4U;
  if (tag.number == 15) tag.number = reader.u8();
  const bool context = (first & 8U) != 0;
  unsigned int length = first & 7U;
  if (context && length >= 6) {
    tag.kind = length == 6 ? Tag::Kind::Opening : Tag::Kind::Closing;
    return reader.ok();
  }
  tag.kind = context ? Tag::Kind::Context : Tag::Kind::Application;
  if (!context && tag.number == kBoolean) {
    tag.truth = length == 1;
    if (length > 1) reader.fail();
    return reader.ok();
  }
  if (length > 5) {
    reader.fail();
    return false;
  }
  if (length == 5) {
    length = reader.u8();
    if (length == 254) {
      length = reader.u16be();
    } else if (length == 255) {
      length = reader.u32be();
    }
  }
  tag.value = reader.bytes(length);
  return reader.ok();
}

std::string text_of(base::ByteView characters) {
  if (characters.empty()) return {};
  const base::ByteView text = characters.subspan(1);
  switch (characters[0]) {
    case 4:
      return printable_utf16be(text);
    case 5:
      return from_latin1(text);
    default:
      return printable(text);
  }
}

}  // namespace dissect::bacnet
