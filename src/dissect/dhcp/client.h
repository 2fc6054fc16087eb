#pragma once

#include <string_view>

#include "dissect/sink.h"

namespace dissect::dhcp {

// What a vendor class says about who wrote it: "MSFT 5.0",
// "dhcpcd-9.4.1:Linux-5.10:armv7l:BCM2835", "android-dhcp-13", "udhcp 1.30.1". `about` and its
// addresses are copied into each fact.
void tell_vendor_class(std::string_view vendor_class, const Evidence& about, Sink& sink);

}  // namespace dissect::dhcp
