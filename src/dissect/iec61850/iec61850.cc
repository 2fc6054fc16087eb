#include "dissect/iec61850/iec61850.h"

#include <algorithm>
#include <bit>

#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::iec61850 {

namespace {

constexpr std::size_t kHeader = 8;

void show(const ber::Element& data, int depth, Sink& sink);

void show_inside(base::ByteView value, int depth, Sink& sink) {
  if (depth >= ber::kMaxDepth) {
    sink.issue({Issue::Kind::LeftOut, "data in more levels than are read", 0, 0});
    return;
  }
  ber::Elements parts(value);
  while (parts.next())
    show(parts.here(), depth + 1, sink);
  if (!parts.ok()) sink.issue({Issue::Kind::Malformed, "structure that cannot be read", 0, 0});
}

void show_number(const ber::Element& data, Sink& sink) {
  if (data.tag == 6) {
    if (const auto number = ber::natural(data.value)) sink.number("unsigned", *number);
    return;
  }
  if (const auto number = ber::integer(data.value)) {
    if (*number < 0)
      sink.real("integer", static_cast<double>(*number));
    else
      sink.number("integer", static_cast<std::uint64_t>(*number));
  }
}

void show(const ber::Element& data, int depth, Sink& sink) {
  if (data.tag_class != ber::Class::Context) return;
  switch (data.tag) {
    case 1:
    case 2:
      return show_inside(data.value, depth, sink);
    case 3:
      if (const auto flag = ber::boolean(data.value)) sink.number("boolean", *flag ? 1 : 0);
      return;
    case 4:
      if (const auto bits = ber::bits(data.value)) sink.bytes("bit_string", bits->bytes);
      return;
    case 5:
    case 6:
      return show_number(data, sink);
    case 7:
      if (const auto number = floating(data.value)) sink.real("float", *number);
      return;
    case 9:
      return sink.bytes("octet_string", data.value);
    case 10:
      return sink.text("visible_string", printable(data.value));
    case 12:
      return sink.bytes("binary_time", data.value);
    case 16:
      return sink.text("mms_string", printable(data.value));
    case 17:
      if (const auto time = utc_time(data.value)) sink.real("utc_time", *time);
      return;
    default:
      return;
  }
}

}  // namespace

std::optional<double> utc_time(base::ByteView value) {
  if (value.size() != 8) return std::nullopt;
  Reader reader(value);
  const double seconds = reader.u32be();
  return seconds + reader.u24be() / static_cast<double>(1U << 24U);
}

std::optional<double> floating(base::ByteView value) {
  Reader reader(value);
  const std::uint8_t exponent = reader.u8();
  if (exponent == 8 && value.size() == 5) return std::bit_cast<float>(reader.u32be());
  if (exponent == 11 && value.size() == 9) return std::bit_cast<double>(reader.u64be());
  return std::nullopt;
}

void show_data(const ber::Element& data, Sink& sink) {
  if (sink.wants_details()) show(data, 0, sink);
}

std::optional<EthernetHeader> read_header(base::ByteView payload) {
  Reader reader(payload);
  EthernetHeader header;
  header.appid = reader.u16be();
  header.length = reader.u16be();
  header.reserved1 = reader.u16be();
  header.reserved2 = reader.u16be();
  if (!reader.ok() || header.length < kHeader) return std::nullopt;
  header.apdu = reader.bytes(std::min(header.length - kHeader, reader.remaining()));
  return header;
}

void show_header(const EthernetHeader& header, Sink& sink) {
  sink.number("appid", header.appid);
  sink.number("length", header.length);
  sink.number("reserved1", header.reserved1);
  sink.number("reserved2", header.reserved2);
  if (header.apdu.size() + kHeader < header.length)
    sink.issue({Issue::Kind::Truncated, "shorter than its length says", header.length, 2});
}

}  // namespace dissect::iec61850
