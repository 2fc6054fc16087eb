#include "hub/network/address.h"

#include <gtest/gtest.h>

namespace hub::network {
namespace {

std::string shown(std::string_view text) {
  const auto address = host_address(text);
  if (!address) return "none";
  return address->text + (address->global ? " global" : "");
}

TEST(HostAddress, IsWrittenInOneWay) {
  EXPECT_EQ(shown("10.0.0.9"), "10.0.0.9");
  EXPECT_EQ(shown("::FFFF:10.0.0.9"), "10.0.0.9");
  EXPECT_EQ(shown("2001:0DB8:0::0001"), "2001:db8::1");
  EXPECT_EQ(shown("fe80::1%eth0"), "fe80::1");
  EXPECT_EQ(shown("2a01:4f8::7"), "2a01:4f8::7 global");
  EXPECT_EQ(shown("9.9.9.9"), "9.9.9.9 global");
}

TEST(HostAddress, EverySiteMayHaveThese) {
  for (const char* text : {"10.255.255.255", "100.64.0.1", "169.254.1.1", "172.31.0.1", "192.0.2.1",
                           "192.168.1.1", "198.19.0.1", "fd00::1", "fe80::1", "2001:db8::1"})
    EXPECT_EQ(shown(text), text);
  EXPECT_EQ(shown("172.32.0.1"), "172.32.0.1 global");
  EXPECT_EQ(shown("100.128.0.1"), "100.128.0.1 global");
}

TEST(HostAddress, IsOfOneHost) {
  for (const char* text : {"", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                           "ff02::1", "*", "10.0.0", "10.0.0.1/8", "host"})
    EXPECT_EQ(shown(text), "none") << text;
}

TEST(HardwareAddress, OfOneCard) {
  const auto known = hardware_address("00-1D-9C-C7-B0-70");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->text, "00:1d:9c:c7:b0:70");
  EXPECT_TRUE(known->universal);
  EXPECT_FALSE(hardware_address("02:42:ac:11:00:02")->universal);
  for (const char* text : {"", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
                           "00:1d:9c:c7:b0", "00:1d:9c:c7:b0:7x", "00.1d.9c.c7.b0.70"})
    EXPECT_FALSE(hardware_address(text)) << text;
}

}  // namespace
}  // namespace hub::network
