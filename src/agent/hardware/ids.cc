#include "agent/hardware/ids.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"

namespace agent::hardware {

namespace {

// The four hexadecimal digits that a line begins with.
std::optional<std::uint16_t> id_of(std::string_view line) {
  if (line.size() < 6 || line[4] != ' ') return std::nullopt;
  std::uint16_t id = 0;
  const std::string_view digits = line.substr(0, 4);
  const char* const stop = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), stop, id, 16);
  if (error != std::errc() || end != stop) return std::nullopt;
  return id;
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

using UsbClass = std::pair<std::uint8_t, std::string_view>;
constexpr std::array kUsbClasses = {UsbClass{0x01, "Audio"},
                                    UsbClass{0x02, "Communication"},
                                    UsbClass{0x03, "HumanInterface"},
                                    UsbClass{0x05, "Physical"},
                                    UsbClass{0x06, "Image"},
                                    UsbClass{0x07, "Printer"},
                                    UsbClass{0x08, "Storage"},
                                    UsbClass{0x09, "Hub"},
                                    UsbClass{0x0a, "CommunicationData"},
                                    UsbClass{0x0b, "SmartCard"},
                                    UsbClass{0x0d, "ContentSecurity"},
                                    UsbClass{0x0e, "Video"},
                                    UsbClass{0x0f, "HealthCare"},
                                    UsbClass{0x10, "AudioVideo"},
                                    UsbClass{0x11, "Billboard"},
                                    UsbClass{0xdc, "Diagnostic"},
                                    UsbClass{0xe0, "Wireless"},
                                    UsbClass{0xef, "Miscellaneous"},
                                    UsbClass{0xfe, "ApplicationSpecific"},
                                    UsbClass{0xff, "VendorSpecific"}};

using PciClass = std::pair<std::uint32_t, std::string_view>;
// The base class and subclass; then base classes alone.
constexpr std::array kPciClasses = {PciClass{0x0101, "IdeController"},
                                    PciClass{0x0104, "RaidController"},
                                    PciClass{0x0106, "SataController"},
                                    PciClass{0x0107, "SasController"},
                                    PciClass{0x0108, "NvmeController"},
                                    PciClass{0x0200, "Ethernet"},
                                    PciClass{0x0280, "NetworkController"},
                                    PciClass{0x0403, "Audio"},
                                    PciClass{0x0600, "HostBridge"},
                                    PciClass{0x0601, "IsaBridge"},
                                    PciClass{0x0604, "PciBridge"},
                                    PciClass{0x0700, "SerialController"},
                                    PciClass{0x0c00, "FireWire"},
                                    PciClass{0x0c03, "UsbController"},
                                    PciClass{0x0c05, "SmBus"},
                                    PciClass{0x0c09, "CanBus"}};
constexpr std::array<std::string_view, 0x14> kPciBases = {
    "",          "Storage",    "Network",          "Display",     "Multimedia",
    "Memory",    "Bridge",     "Communication",    "System",      "Input",
    "Docking",   "Processor",  "SerialBus",        "Wireless",    "Intelligent",
    "Satellite", "Encryption", "SignalProcessing", "Accelerator", "Instrumentation"};

}  // namespace

IdNames find_ids(std::string_view text, std::uint16_t vendor, std::uint16_t product) {
  IdNames names;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != '\t') {
      if (!names.vendor.empty()) return names;
      // Lists of classes follow the vendors: "C 00  ...".
      if (id_of(line) == vendor) names.vendor = base::trim(line.substr(4));
    } else if (!names.vendor.empty() && line.size() > 1 && line[1] != '\t' &&
               id_of(line.substr(1)) == product) {
      names.product = base::trim(line.substr(5));
      return names;
    }
  }
  return names;
}

std::string_view usb_class(std::uint8_t code) {
  const auto found = std::ranges::find(kUsbClasses, code, &UsbClass::first);
  return found == kUsbClasses.end() ? std::string_view() : found->second;
}

std::string_view pci_class(std::uint32_t code) {
  const auto found = std::ranges::find(kPciClasses, code >> 8U, &PciClass::first);
  if (found != kPciClasses.end()) return found->second;
  const std::uint32_t base = code >> 16U;
  return base < kPciBases.size() ? kPciBases[base] : std::string_view();
}

}  // namespace agent::hardware
