#include "os/netlink.h"

#include <vector>

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>

namespace os {
namespace {

base::ByteVec message(std::uint32_t length, std::uint16_t type, std::string_view payload) {
  base::ByteWriter out;
  out.u32le(length);
  out.u16le(type);
  out.u16le(0);
  out.u32le(7);
  out.u32le(0);
  out.text(payload);
  return std::move(out).take();
}

TEST(ReadNetlink, SplitsADatagram) {
  base::ByteVec bytes = message(19, 3, "abc");
  bytes.push_back(0);  // padding
  const base::ByteVec second = message(17, 4, "d");
  bytes.insert(bytes.end(), second.begin(), second.end());
  std::vector<std::pair<int, std::string>> seen;
  ASSERT_TRUE(read_netlink(bytes, [&](const NetlinkMessage& one) {
    EXPECT_EQ(one.sequence, 7U);
    seen.emplace_back(one.type, std::string(base::as_text(one.payload)));
  }));
  EXPECT_EQ(seen, (std::vector<std::pair<int, std::string>>{{3, "abc"}, {4, "d"}}));
}

TEST(ReadNetlink, TellsTruncatedFromMalformed) {
  const auto ignore = [](const NetlinkMessage&) {};
  const base::ByteVec whole = message(19, 3, "abc");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto read = read_netlink(base::ByteView(whole).first(size), ignore);
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, base::Code::Truncated) << size;
  }
  const auto short_length = read_netlink(message(15, 3, "abc"), ignore);
  ASSERT_FALSE(short_length);
  EXPECT_EQ(short_length.error().code, base::Code::Malformed);
}

TEST(NetlinkSocket, AsksTheKernel) {
  auto netlink = NetlinkSocket::open(NETLINK_ROUTE, 0, 64U << 10U);
  ASSERT_TRUE(netlink) << netlink.error().to_string();
  // A link that does not exist: the kernel answers with an error message.
  base::ByteWriter request;
  for (int i = 0; i < 4; ++i)
    request.u32le(0x7FFFFFFF);
  ASSERT_TRUE(netlink->send(RTM_GETLINK, NLM_F_REQUEST, request.view()));
  std::size_t errors = 0;
  pollfd waiting{.fd = netlink->fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waiting, 1, 5000), 1);
  const auto received = netlink->receive(
      10, [&](const NetlinkMessage& one) { errors += one.type == NLMSG_ERROR ? 1U : 0U; });
  ASSERT_TRUE(received);
  EXPECT_FALSE(received->overrun);
  EXPECT_FALSE(received->more);
  EXPECT_EQ(received->messages, 1U);
  EXPECT_EQ(errors, 1U);
}

TEST(NetlinkSocket, UnknownProtocolIsUnsupported) {
  const auto netlink = NetlinkSocket::open(31, 0, 4096);
  ASSERT_FALSE(netlink);
}

TEST(ReadAttributes, SplitsAndStops) {
  base::ByteWriter out;
  out.u16le(5);
  out.u16le(0x8001);  // nested flag
  out.u8(7);
  out.u8(0);
  out.u16le(0);  // padding
  out.u16le(6);
  out.u16le(2);
  out.u16le(9);
  std::vector<std::pair<int, std::size_t>> seen;
  ASSERT_TRUE(read_attributes(out.view(), [&](const NetlinkAttribute& one) {
    seen.emplace_back(one.type, one.payload.size());
    return true;
  }));
  EXPECT_EQ(seen, (std::vector<std::pair<int, std::size_t>>{{1, 1}, {2, 2}}));
  seen.clear();
  ASSERT_TRUE(read_attributes(out.view(), [&](const NetlinkAttribute& one) {
    seen.emplace_back(one.type, one.payload.size());
    return false;
  }));
  EXPECT_EQ(seen.size(), 1U);
  const auto cut = read_attributes(out.view().first(13), [](const auto&) { return true; });
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, base::Code::Truncated);
  const base::ByteVec tiny = {3, 0, 1, 0};
  const auto malformed = read_attributes(tiny, [](const auto&) { return true; });
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().code, base::Code::Malformed);
}

TEST(DumpNetlink, GivesTheWholeListAndTheKernelsErrors) {
  base::ByteWriter request;
  for (int i = 0; i < 4; ++i)
    request.u32le(0);
  std::size_t links = 0;
  const auto dumped =
      dump_netlink(NETLINK_ROUTE, RTM_GETLINK, request.view(), [&](const NetlinkMessage& one) {
        EXPECT_EQ(one.type, RTM_NEWLINK);
        ++links;
      });
  ASSERT_TRUE(dumped) << dumped.error().to_string();
  EXPECT_GE(links, 1U);  // the loopback interface
  const auto refused = dump_netlink(NETLINK_SOCK_DIAG, 9999, request.view(), [](const auto&) {});
  EXPECT_FALSE(refused);
}

}  // namespace
}  // namespace os
