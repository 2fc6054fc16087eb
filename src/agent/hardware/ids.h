#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace agent::hardware {

struct IdNames {
  std::string_view vendor;   // empty: not listed
  std::string_view product;  // likewise
};

// Looks a device up in the text of usb.ids or pci.ids: "vvvv  Vendor", then indented by one tab
// "pppp  Product". The views are into `text`. Threads: pure.
IdNames find_ids(std::string_view text, std::uint16_t vendor, std::uint16_t product);

// Words for class codes; empty when the code is not known. Threads: pure.
// Source: usb.org "Defined Class Codes"; PCI Code and ID Assignment Specification.
std::string_view usb_class(std::uint8_t code);
std::string_view pci_class(std::uint32_t code);  // 24 bits, as sysfs has them

}  // namespace agent::hardware
