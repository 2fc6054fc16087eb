#include "agent/dns/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

namespace agent::dns {
namespace {

using namespace std::chrono_literals;

// A datagram from port 53 of a loopback address to nobody in particular.
bool send_answer(int family, const base::ByteVec& message) {
  const os::Fd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(53);
  // Not where a resolver of this machine would be.
  v4.sin_addr.s_addr = htonl(0x7F123456);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(53);
  v6.sin6_addr = in6addr_loopback;
  const auto* address = family == AF_INET ? reinterpret_cast<const sockaddr*>(&v4)
                                          : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
  if (::bind(fd.get(), address, size) != 0) return false;
  v4.sin_port = v6.sin6_port = htons(9);
  return ::sendto(fd.get(), message.data(), message.size(), 0, address, size) > 0;
}

TEST(DnsListener, HearsAnswersOfBothFamilies) {
  const auto loop = os::Loop::create();
  ASSERT_TRUE(loop);
  const auto listener = Listener::open(**loop);
  if (!listener && listener.error().code == base::Code::Denied)
    GTEST_SKIP() << "needs CAP_NET_RAW: " << listener.error().to_string();
  ASSERT_TRUE(listener);
  const auto v4 = base::hex_decode(
      "12348180000100010000000001610765"
      "78616d706c650000010001"
      "c00c000100010000012c0004c0000207");
  const auto v6 = base::hex_decode(
      "12348180000100010000000001620765"
      "78616d706c6500001c0001"
      "c00c001c00010000012c001020010db8000000000000000000000007");
  ASSERT_TRUE(v4 && v6);
  if (!send_answer(AF_INET, *v4)) GTEST_SKIP() << "port 53 cannot be used here";
  const bool six = send_answer(AF_INET6, *v6);
  (*loop)->after(50ms, [&] { (*loop)->stop(); });
  ASSERT_TRUE((*loop)->run());
  EXPECT_EQ((*listener)->name_of(connections::Address::v4({192, 0, 2, 7})), "a.example");
  connections::Address address;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  if (six) {
    EXPECT_EQ((*listener)->name_of(address), "b.example");
  }
  EXPECT_EQ((*listener)->malformed(), 0U);
}

}  // namespace
}  // namespace agent::dns
