#include "dissect/dhcp/client.h"

#include <string>

#include "dissect/text.h"

namespace dissect::dhcp {

namespace {

void tell(const Evidence& about, Fact fact, std::string_view value, Sink& sink) {
  if (value.empty()) return;
  Evidence one = about;
  one.fact = fact;
  one.value = value;
  one.confidence = Confidence::Neighbor;
  sink.evidence(one);
}

// The part between two colons, from 0.
std::string_view part(std::string_view text, std::size_t index) {
  for (; index > 0; --index) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {};
    text.remove_prefix(colon + 1);
  }
  return text.substr(0, text.find(':'));
}

}  // namespace

void tell_vendor_class(std::string_view vendor_class, const Evidence& about, Sink& sink) {
  const std::string text = printable(vendor_class);
  const std::string_view whole = text;
  tell(about, Fact::Software, whole, sink);
  if (whole.starts_with("MSFT ")) {
    tell(about, Fact::Os, "Windows", sink);
  } else if (whole.starts_with("android-dhcp-")) {
    tell(about, Fact::Os, "Android", sink);
    tell(about, Fact::OsVersion, whole.substr(13), sink);
  } else if (whole.starts_with("dhcpcd")) {
    // name-version, then the kernel's name and release, the processor, the board.
    const std::string_view system = part(whole, 1);
    const std::size_t dash = system.find('-');
    if (dash == std::string_view::npos) return;
    tell(about, Fact::Os, system.substr(0, dash), sink);
    tell(about, Fact::OsVersion, system.substr(dash + 1), sink);
    tell(about, Fact::Hardware, part(whole, 3), sink);
  } else if (whole.starts_with("udhcp") || whole.starts_with("Linux")) {
    tell(about, Fact::Os, "Linux", sink);
  }
}

}  // namespace dissect::dhcp
