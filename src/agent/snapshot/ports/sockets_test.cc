#include "agent/snapshot/ports/sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace agent::snapshot::ports {
namespace {

// An inet_diag_msg with one attribute, as the kernel writes it.
base::ByteVec diag(std::uint8_t family, std::uint8_t state, base::ByteView address,
                   std::uint16_t port, std::optional<bool> v6_only) {
  base::ByteWriter out;
  out.u8(family);
  out.u8(state);
  out.u16le(0);
  out.u16be(port);
  out.u16be(0);
  base::ByteVec padded(address.begin(), address.end());
  padded.resize(16);
  out.bytes(padded);
  out.bytes(base::ByteVec(16));
  out.u32le(3);           // interface
  out.u64le(0xFFFFFFFF);  // cookie
  out.u32le(0);
  out.u32le(0);
  out.u32le(128);
  out.u32le(1000);   // uid
  out.u32le(98765);  // inode
  if (v6_only) {
    out.u16le(5);
    out.u16le(11);  // INET_DIAG_SKV6ONLY
    out.u8(*v6_only ? 1 : 0);
    out.u8(0);
    out.u16le(0);
  }
  return std::move(out).take();
}

constexpr std::array<std::uint8_t, 16> kDocumentation = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                                         0,    0,    0,    0,    0, 0, 0, 1};

TEST(ReadDiag, ReadsBothFamilies) {
  const std::array<std::uint8_t, 4> v4 = {127, 0, 0, 1};
  const auto listening = read_diag(diag(AF_INET, 10, v4, 22, std::nullopt), Transport::Tcp);
  ASSERT_TRUE(listening) << listening.error().to_string();
  EXPECT_TRUE(listening->listens());
  EXPECT_EQ(listening->local_text(), "127.0.0.1");
  EXPECT_EQ(listening->local_port, 22);
  EXPECT_EQ(listening->inode, 98765U);
  EXPECT_EQ(listening->uid, 1000U);
  EXPECT_EQ(listening->interface, 3U);
  EXPECT_EQ(listening->v6_only, std::nullopt);

  const auto six = read_diag(diag(AF_INET6, 10, kDocumentation, 443, true), Transport::Tcp);
  ASSERT_TRUE(six) << six.error().to_string();
  EXPECT_EQ(six->local_text(), "2001:db8::1");
  EXPECT_EQ(six->v6_only, true);
}

TEST(ReadDiag, AConnectedSocketDoesNotListen) {
  const std::array<std::uint8_t, 4> v4 = {127, 0, 0, 1};
  EXPECT_FALSE(read_diag(diag(AF_INET, 1, v4, 22, {}), Transport::Tcp)->listens());
  EXPECT_FALSE(read_diag(diag(AF_INET, 7, v4, 22, {}), Transport::Tcp)->listens());
  EXPECT_TRUE(read_diag(diag(AF_INET, 7, v4, 53, {}), Transport::Udp)->listens());
  EXPECT_FALSE(read_diag(diag(AF_INET, 1, v4, 53, {}), Transport::Udp)->listens());
  EXPECT_FALSE(read_diag(diag(AF_INET, 7, v4, 0, {}), Transport::Udp)->listens());
}

TEST(ReadDiag, RefusesDamage) {
  const base::ByteVec whole = diag(AF_INET6, 10, kDocumentation, 443, false);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // 72 bytes without attributes are a whole answer; padding may be missing.
    if (size == 72 || size > 76) continue;
    EXPECT_FALSE(read_diag(base::ByteView(whole).first(size), Transport::Tcp)) << size;
  }
  EXPECT_FALSE(read_diag(diag(AF_UNIX, 10, kDocumentation, 443, false), Transport::Tcp));
}

TEST(ReadProcSockets, OnlyWhatListens) {
  constexpr std::string_view kText =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "21731 1 00000000 100 0 0 10 0\n"
      "   1: 0F02000A:0016 0202000A:CC3A 01 00000000:00000000 02:00047E7D 00000000  1000        0 "
      "41731 2 00000000 20 4 31 10 -1\n";
  const ProcSockets read = read_proc_sockets(kText, Transport::Tcp, Family::V4, 10);
  EXPECT_EQ(read.malformed, 0U);
  ASSERT_EQ(read.sockets.size(), 1U);
  EXPECT_EQ(read.sockets[0].local_text(), "127.0.0.1");
  EXPECT_EQ(read.sockets[0].local_port, 631);
  EXPECT_EQ(read.sockets[0].inode, 21731U);
}

TEST(ReadProcSockets, AddressesOfIpv6) {
  constexpr std::string_view kText =
      "  sl  local_address                         remote_address                        st\n"
      "   1: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000   33        0 5 1 0 100 0 0 10 0\n"
      "   2: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000   33        0 6 1 0 100 0 0 10 0\n";
  const ProcSockets read = read_proc_sockets(kText, Transport::Tcp, Family::V6, 10);
  ASSERT_EQ(read.sockets.size(), 2U);
  EXPECT_EQ(read.sockets[0].local_text(), "2001:db8::1");
  EXPECT_EQ(read.sockets[1].local_text(), "::1");
  EXPECT_EQ(read.sockets[1].local_port, 25);
}

TEST(ReadProcSockets, SaysWhatItCouldNotRead) {
  constexpr std::string_view kText =
      "header\n"
      "   0: 0100007F 00000000:0000 0A x x x 0 0 1\n"
      "   0: 0100007F:0277 00000000:0000 0A 0:0 00:0 0 0 0 21731 1\n"
      "   1: 0100007F:0278 00000000:0000 0A 0:0 00:0 0 0 0 21732 1\n";
  const ProcSockets read = read_proc_sockets(kText, Transport::Tcp, Family::V4, 1);
  EXPECT_EQ(read.malformed, 1U);
  EXPECT_EQ(read.sockets.size(), 1U);
  EXPECT_TRUE(read.cut);
}

TEST(ReadProcSctp, OnlyListeningEndpoints) {
  constexpr std::string_view kText =
      " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
      "ffff0001 ffff0002 2   10  29   11171   0   11165 10.0.0.1 10.0.0.2 \n"
      "ffff0001 ffff0002 2   10  29   11172   7   11166 2001:db8::1 \n"
      "ffff0001 ffff0002 2   1   29   11173   0   11167 10.0.0.1 \n";
  const ProcSockets read = read_proc_sctp(kText, 10);
  EXPECT_EQ(read.malformed, 0U);
  ASSERT_EQ(read.sockets.size(), 2U);
  EXPECT_EQ(read.sockets[0].local_port, 11171);
  EXPECT_EQ(read.sockets[1].local_text(), "2001:db8::1");
  EXPECT_EQ(read.sockets[1].uid, 7U);
}

}  // namespace
}  // namespace agent::snapshot::ports
