#include "agent/watch/connection.h"

#include <gtest/gtest.h>

namespace agent::connections {
namespace {

TEST(ConnectionAddress, IsWrittenShort) {
  EXPECT_EQ(Address::v4({192, 0, 2, 7}).to_string(), "192.0.2.7");
  Address six;
  six.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  EXPECT_EQ(six.to_string(), "2001:db8::7");
  // As a dual-stack socket has it.
  six.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1};
  EXPECT_EQ(six.to_string(), "10.0.0.1");
  EXPECT_EQ(six, Address::v4({10, 0, 0, 1}));
}

TEST(ConnectionAddress, KnowsItsKind) {
  EXPECT_TRUE(Address::v4({127, 3, 2, 1}).is_loopback());
  EXPECT_FALSE(Address::v4({128, 0, 0, 1}).is_loopback());
  Address six;
  EXPECT_FALSE(six.known());
  EXPECT_FALSE(six.is_loopback());
  six.bytes[15] = 1;
  EXPECT_TRUE(six.is_loopback());
  EXPECT_FALSE(six.is_v4());
  EXPECT_FALSE(Address::v4({0, 0, 0, 0}).known());
}

}  // namespace
}  // namespace agent::connections
