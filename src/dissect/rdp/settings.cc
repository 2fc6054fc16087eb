#include "dissect/rdp/settings.h"

#include <algorithm>

#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::rdp {

namespace {

constexpr int kMaxBlocks = 32;
constexpr std::uint32_t kMaxChannelCount = 31;

void client_core(Reader& block, Settings& settings, Sink& sink) {
  const std::uint16_t minor = block.u16le();
  sink.number("version_major", block.u16le());
  sink.number("version_minor", minor);
  sink.number("desktop_width", block.u16le());
  sink.number("desktop_height", block.u16le());
  sink.number("color_depth", block.u16le());
  block.skip(2);
  sink.number("keyboard_layout", block.u32le());
  const std::uint32_t build = block.u32le();
  settings.computer = printable_utf16le(block.bytes(32));
  if (!block) {
    sink.issue({Issue::Kind::Truncated, "client's settings end too early", kClientCore, 0});
    return;
  }
  sink.number("client_build", build);
  sink.text("client_name", settings.computer);
  sink.tell(Fact::Hostname, settings.computer, Confidence::Banner);
  if (build > 0) sink.tell(Fact::OsVersion, "build " + std::to_string(build), Confidence::Banner);
  sink.number("keyboard_type", block.u32le());
  sink.number("keyboard_subtype", block.u32le());
  sink.number("function_keys", block.u32le());
  block.skip(64);
  // All of what follows is optional.
  block.skip(2);
  const std::uint16_t product = block.u16le();
  const std::uint32_t serial = block.u32le();
  if (!block) return;
  sink.number("product_id", product);
  sink.number("serial_number", serial);
  block.skip(6);
  const std::string license = printable_utf16le(block.bytes(64));
  if (block) sink.text("license_id", license);
}

void client_network(Reader& block, Settings& settings, Sink& sink) {
  const std::uint32_t count = block.u32le();
  if (!block || count > kMaxChannelCount) {
    sink.issue({Issue::Kind::Malformed, "more channels than there may be", count, 0});
    return;
  }
  sink.number("channels", count);
  for (std::uint32_t i = 0; i < count && block; ++i) {
    const std::string name = printable(block.text(8));
    block.skip(4);
    if (!block) return;
    sink.text("channel_name", name);
    if (settings.channel_count < Settings::kMaxChannels)
      settings.channels[settings.channel_count++] = name;
  }
}

void read_block(std::uint16_t type, Reader& block, Settings& settings, Sink& sink) {
  switch (type) {
    case kClientCore:
      client_core(block, settings, sink);
      break;
    case kClientSecurity:
      sink.number("encryption_methods", block.u32le());
      break;
    case kClientNetwork:
      client_network(block, settings, sink);
      break;
    case kServerCore:
      sink.number("version_minor", block.u16le());
      sink.number("version_major", block.u16le());
      break;
    case kServerSecurity:
      settings.encryption = block.u32le();
      settings.level = block.u32le();
      sink.number("encryption_method", settings.encryption);
      sink.number("encryption_level", settings.level);
      break;
    case kServerNetwork: {
      // MS-RDPBCGR 2.2.1.4.4: the channel for input and output, then how many others there are.
      block.skip(2);
      const std::uint16_t count = block.u16le();
      if (block) sink.number("channels", count);
      break;
    }
    default:
      break;
  }
}

}  // namespace

base::ByteView find_blocks(base::ByteView user_data) {
  const std::string_view text = base::as_text(user_data);
  std::size_t at = text.find("Duca");
  if (at == std::string_view::npos) at = text.find("McDn");
  if (at == std::string_view::npos) return {};
  Reader reader(user_data.subspan(at + 4));
  // A length as packed encoding has it: one byte, or two with the highest bit.
  const std::uint8_t first = reader.u8();
  std::size_t length = first;
  if ((first & 0x80U) != 0) length = std::size_t{first & 0x3fU} << 8U | reader.u8();
  if (!reader) return {};
  return reader.rest().first(std::min(length, reader.remaining()));
}

Settings read_settings(base::ByteView user_data, Sink& sink) {
  Settings settings;
  Reader reader(find_blocks(user_data));
  for (int i = 0; i < kMaxBlocks && reader.remaining() >= 4; ++i) {
    const std::uint16_t type = reader.u16le();
    const std::uint16_t length = reader.u16le();
    sink.number("block_type", type);
    sink.number("block_length", length);
    if (length < 4 || length - std::size_t{4} > reader.remaining()) {
      sink.issue(
          {Issue::Kind::Malformed, "block of settings has a length that cannot be", type, 0});
      return settings;
    }
    Reader block = reader.sub(length - std::size_t{4});
    read_block(type, block, settings, sink);
    settings.good = true;
  }
  return settings;
}

}  // namespace dissect::rdp
