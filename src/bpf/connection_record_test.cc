#include "bpf/connection_record.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bpf/event.h"

namespace bpf {
namespace {

vedette_connection example() {
  vedette_connection one{};
  one.kind = VEDETTE_CLOSED;
  one.flags = VEDETTE_INCOMING | VEDETTE_OWNED;
  one.pid = 42;
  one.at = 5'000'000'000;
  one.start = 4'000'000'000;
  one.id = 0x10001;
  one.inode = 777;
  one.bytes_sent = 10;
  one.bytes_received = 1ULL << 40U;
  one.opened = 4'500'000'000;
  one.uid = 1000;
  one.net_ns = 4026531840U;
  one.family = AF_INET6;
  one.protocol = IPPROTO_TCP;
  one.local_port = 443;
  one.remote_port = 50000;
  one.error = 111;
  one.local[15] = 1;
  one.remote[0] = 0x20;
  std::snprintf(one.comm, sizeof one.comm, "%s", "nginx");
  return one;
}

base::ByteView bytes_of(const vedette_connection& one) {
  return {reinterpret_cast<const std::uint8_t*>(&one), sizeof one};
}

TEST(ReadConnection, ReadsEveryField) {
  const vedette_connection raw = example();
  const auto read = read_connection(bytes_of(raw));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, ConnectionKind::Closed);
  EXPECT_TRUE(read->incoming);
  EXPECT_TRUE(read->owned);
  EXPECT_FALSE(read->listener);
  EXPECT_FALSE(read->udp);
  EXPECT_TRUE(read->ipv6);
  EXPECT_EQ(read->pid, 42U);
  EXPECT_EQ(read->at, 5'000'000'000U);
  EXPECT_EQ(read->start, 4'000'000'000U);
  EXPECT_EQ(read->id, 0x10001U);
  EXPECT_EQ(read->inode, 777U);
  EXPECT_EQ(read->bytes_sent, 10U);
  EXPECT_EQ(read->bytes_received, 1ULL << 40U);
  EXPECT_EQ(read->opened, 4'500'000'000U);
  EXPECT_EQ(read->uid, 1000U);
  EXPECT_EQ(read->net_ns, 4026531840U);
  EXPECT_EQ(read->local_port, 443);
  EXPECT_EQ(read->remote_port, 50000);
  EXPECT_EQ(read->error, 111);
  EXPECT_EQ(read->local[15], 1);
  EXPECT_EQ(read->remote[0], 0x20);
  EXPECT_EQ(read->comm, "nginx");
}

TEST(ReadConnection, RefusesWhatIsNotOne) {
  for (std::size_t size = 0; size < sizeof(vedette_connection); ++size) {
    const vedette_connection raw = example();
    EXPECT_FALSE(read_connection(bytes_of(raw).first(size))) << size;
  }
  vedette_connection raw = example();
  raw.kind = VEDETTE_EXEC;
  EXPECT_FALSE(read_connection(bytes_of(raw)));
  raw = example();
  raw.family = AF_UNIX;
  EXPECT_FALSE(read_connection(bytes_of(raw)));
  raw = example();
  raw.protocol = IPPROTO_SCTP;
  EXPECT_FALSE(read_connection(bytes_of(raw)));
}

}  // namespace
}  // namespace bpf
