#include "bpf/connection_probe.h"

#include <algorithm>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/connection_record.h"
#include "os/fd.h"

namespace bpf {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t port_of(const os::Fd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

os::Fd listening() {
  os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in any = loopback(0);
  EXPECT_EQ(::bind(fd.get(), generic(any), sizeof any), 0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

class ConnectionProbeTest : public ::testing::Test {
 protected:
  void load(bool with_loopback) {
    auto probe = ConnectionProbe::load({.ring_bytes = 1U << 20U, .loopback = with_loopback});
    if (!probe && (probe.error().code == base::Code::Denied ||
                   probe.error().code == base::Code::Unsupported)) {
      GTEST_SKIP() << probe.error().to_string();
    }
    ASSERT_TRUE(probe) << probe.error().to_string();
    probe_ = std::move(*probe);
  }

  // Of all records so far, those with one of its ends at that port.
  std::vector<Connection> records_of(std::uint16_t port) {
    std::size_t count = 0;
    do {
      const auto drained = probe_->drain(1024, [this](base::ByteView bytes) {
        auto record = read_connection(bytes);
        ASSERT_TRUE(record);
        record->comm = {};  // lies in the ring
        all_.push_back(*record);
      });
      EXPECT_TRUE(drained);
      count = drained.value_or(0);
    } while (count == 1024);
    std::vector<Connection> found;
    std::ranges::copy_if(all_, std::back_inserter(found), [port](const Connection& one) {
      return one.local_port == port || one.remote_port == port;
    });
    return found;
  }

  // One connection to that port that sends three bytes and gets two.
  static std::uint16_t talk(const os::Fd& server, std::uint16_t port) {
    os::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = loopback(port);
    EXPECT_EQ(::connect(client.get(), generic(to), sizeof to), 0);
    const std::uint16_t local = port_of(client);
    os::Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char buffer[8];
    EXPECT_EQ(::send(client.get(), "abc", 3, 0), 3);
    EXPECT_EQ(::recv(accepted.get(), buffer, sizeof buffer, 0), 3);
    EXPECT_EQ(::send(accepted.get(), "de", 2, 0), 2);
    accepted.reset();
    EXPECT_EQ(::recv(client.get(), buffer, sizeof buffer, 0), 2);
    EXPECT_EQ(::recv(client.get(), buffer, sizeof buffer, 0), 0);
    return local;
  }

  std::unique_ptr<ConnectionProbe> probe_;
  std::vector<Connection> all_;
};

TEST_F(ConnectionProbeTest, TellsBothEndsFromTheFirstToTheLast) {
  load(true);
  if (IsSkipped()) return;
  const os::Fd server = listening();
  const std::uint16_t port = port_of(server);
  const std::uint16_t client_port = talk(server, port);
  const auto records = records_of(port);
  ASSERT_EQ(records.size(), 4U);
  for (const bool incoming : {false, true}) {
    const auto opened = std::ranges::find_if(records, [&](const Connection& one) {
      return one.kind == ConnectionKind::Opened && one.incoming == incoming;
    });
    const auto closed = std::ranges::find_if(records, [&](const Connection& one) {
      return one.kind == ConnectionKind::Closed && one.incoming == incoming;
    });
    ASSERT_NE(opened, records.end());
    ASSERT_NE(closed, records.end());
    EXPECT_EQ(opened->id, closed->id);
    EXPECT_LE(closed->opened, opened->at);
    EXPECT_GT(closed->opened, 0U);
    EXPECT_EQ(opened->pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(opened->uid, ::getuid());
    EXPECT_EQ(opened->listener, incoming);
    EXPECT_EQ(opened->local_port, incoming ? port : client_port);
    // The port is given back before the end is told.
    EXPECT_EQ(closed->local_port, incoming ? port : client_port);
    EXPECT_EQ(closed->remote_port, incoming ? client_port : port);
    EXPECT_FALSE(closed->listener);
    EXPECT_EQ(closed->bytes_sent, incoming ? 2U : 3U);
    EXPECT_EQ(closed->bytes_received, incoming ? 3U : 2U);
  }
  EXPECT_EQ(probe_->lost(), 0U);
}

TEST_F(ConnectionProbeTest, LoopbackCanBeSwitched) {
  load(false);
  if (IsSkipped()) return;
  const os::Fd server = listening();
  const std::uint16_t port = port_of(server);
  talk(server, port);
  EXPECT_TRUE(records_of(port).empty());
  ASSERT_TRUE(probe_->set_loopback(true));
  talk(server, port);
  EXPECT_EQ(records_of(port).size(), 4U);
  ASSERT_TRUE(probe_->set_loopback(false));
  talk(server, port);
  EXPECT_EQ(records_of(port).size(), 4U);
}

TEST_F(ConnectionProbeTest, TellsWhyAConnectionFailed) {
  load(true);
  if (IsSkipped()) return;
  std::uint16_t port = 0;
  {
    const os::Fd gone = listening();
    port = port_of(gone);
  }
  const os::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = loopback(port);
  EXPECT_EQ(::connect(client.get(), generic(to), sizeof to), -1);
  const auto records = records_of(port);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].kind, ConnectionKind::Failed);
  EXPECT_EQ(records[0].error, ECONNREFUSED);
  EXPECT_EQ(records[0].pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(ConnectionProbeTest, TellsTheFirstDatagramOfEachPeer) {
  load(true);
  if (IsSkipped()) return;
  const os::Fd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in any = loopback(0);
  ASSERT_EQ(::bind(server.get(), generic(any), sizeof any), 0);
  const std::uint16_t port = port_of(server);
  const os::Fd client(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = loopback(port);
  for (int i = 0; i < 3; ++i) {
    char buffer[8];
    ASSERT_EQ(::sendto(client.get(), "x", 1, 0, generic(to), sizeof to), 1);
    ASSERT_EQ(::recv(server.get(), buffer, sizeof buffer, 0), 1);
  }
  const auto records = records_of(port);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(std::ranges::count(records, true, &Connection::incoming), 1);
  for (const Connection& record : records) {
    EXPECT_TRUE(record.udp);
    EXPECT_EQ(record.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(record.local_port, record.incoming ? port : port_of(client));
  }
}

}  // namespace
}  // namespace bpf
