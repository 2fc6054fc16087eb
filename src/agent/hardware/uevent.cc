#include "agent/hardware/uevent.h"

#include <algorithm>

namespace agent::hardware {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxProperties = 256;
constexpr std::string_view kUdevPrefix("libudev\0", 8);
constexpr std::uint32_t kUdevMagic = 0xfeedcafe;

// The text up to the next NUL, which is passed over; without one, all that is left.
std::string_view next_text(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\0'), rest.size());
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return text;
}

void read_properties(std::string_view rest, Uevent& event) {
  while (!rest.empty() && event.properties.size() < kMaxProperties) {
    const std::string_view text = next_text(rest);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    event.properties.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
}

// Where udev's properties are. All numbers but the magic are in the machine's own order.
Result<ByteView> udev_properties(ByteView datagram) {
  Cursor header(datagram);
  TRY(header.skip(kUdevPrefix.size()));
  if (TRY(header.u32be()) != kUdevMagic) return fail(Code::Malformed, "uevent", 8, "magic");
  TRY(header.skip(4));  // size of the header
  const std::uint32_t offset = TRY(header.u32le());
  const std::uint32_t length = TRY(header.u32le());
  Cursor body(datagram);
  TRY(body.skip(offset));
  return TRY(body.bytes(length));
}

}  // namespace

std::string_view Uevent::property(std::string_view name) const {
  const auto found = std::ranges::find(properties, name,
                                       [](const auto& one) { return std::string_view(one.first); });
  return found == properties.end() ? std::string_view() : std::string_view(found->second);
}

Result<Uevent> read_uevent(ByteView datagram) {
  Uevent event;
  std::string_view text = base::as_text(datagram);
  if (text.starts_with(kUdevPrefix)) {
    event.from_udev = true;
    read_properties(base::as_text(TRY(udev_properties(datagram))), event);
  } else {
    const std::string_view head = next_text(text);
    if (head.find('@') == std::string_view::npos)
      return fail(Code::Malformed, "uevent", 0, "no action");
    read_properties(text, event);
  }
  event.action = event.property("ACTION");
  event.devpath = event.property("DEVPATH");
  event.subsystem = event.property("SUBSYSTEM");
  // What leads elsewhere than below /sys/devices is no device.
  if (event.action.empty() || !event.devpath.starts_with("/") ||
      event.devpath.find("/../") != std::string::npos || event.devpath.ends_with("/.."))
    return fail(Code::Malformed, "uevent", -1, "no action or path");
  return event;
}

}  // namespace agent::hardware
