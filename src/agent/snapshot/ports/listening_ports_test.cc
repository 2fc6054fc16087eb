#include "agent/snapshot/ports/listening_ports.h"

#include <map>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/snapshot/ports/owners.h"
#include "os/fd.h"

namespace agent::snapshot::ports {
namespace {

enum class OnlyV6 : std::uint8_t { No, Yes };

class Listener {
 public:
  Listener(int family, int type, OnlyV6 only = OnlyV6::No)
      : socket_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_any;
    const int flag = only == OnlyV6::Yes ? 1 : 0;
    if (family == AF_INET6)
      ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &flag, sizeof flag);
    const auto* address = family == AF_INET ? reinterpret_cast<const sockaddr*>(&four)
                                            : reinterpret_cast<const sockaddr*>(&six);
    EXPECT_EQ(::bind(socket_.get(), address, family == AF_INET ? sizeof four : sizeof six), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(socket_.get(), 1), 0);
    }
    socklen_t size = sizeof six;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&six), &size);
    port_ = std::to_string(ntohs(six.sin6_port));  // at the same place in both
  }
  const std::string& port() const { return port_; }
  int fd() const { return socket_.get(); }

 private:
  os::Fd socket_;
  std::string port_;
};

const schema::ListeningPorts* item_of(const schema::Payload& payload, std::string_view protocol,
                                      const std::string& port) {
  for (const auto& item : std::get<std::vector<schema::ListeningPorts>>(payload)) {
    if (item.protocol == protocol && item.local_port == port &&
        schema::find(item.extra_details, "NetworkNamespace") == nullptr)
      return &item;
  }
  return nullptr;
}

std::string extra(const schema::ListeningPorts& item, std::string_view name) {
  const std::string* value = schema::find(item.extra_details, name);
  return value != nullptr ? *value : "(none)";
}

TEST(ListeningPorts, FindsOwnSocketsAndTheirProcess) {
  const Listener tcp4(AF_INET, SOCK_STREAM);
  const Listener dual(AF_INET6, SOCK_STREAM);
  const Listener only6(AF_INET6, SOCK_STREAM, OnlyV6::Yes);
  const Listener udp4(AF_INET, SOCK_DGRAM);
  const auto snapshot = make();
  const auto payload = snapshot->take();
  ASSERT_TRUE(payload) << payload.error().to_string();
  EXPECT_EQ(snapshot->source().tier, "inet_diag") << snapshot->source().reason;

  const auto* four = item_of(*payload, "tcp", tcp4.port());
  ASSERT_NE(four, nullptr);
  EXPECT_EQ(four->local_address, "127.0.0.1");
  EXPECT_EQ(extra(*four, "ProcessId"), std::to_string(::getpid()));
  EXPECT_EQ(extra(*four, "UserId"), std::to_string(::geteuid()));
  EXPECT_TRUE(extra(*four, "Executable").ends_with("agent_snapshot_ports_test"));
  const auto* both = item_of(*payload, "tcp", dual.port());
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(both->local_address, "::");
  EXPECT_EQ(extra(*both, "V6Only"), "false");
  const auto* six = item_of(*payload, "tcp", only6.port());
  ASSERT_NE(six, nullptr);
  EXPECT_EQ(extra(*six, "V6Only"), "true");
  EXPECT_NE(item_of(*payload, "udp", udp4.port()), nullptr);
}

TEST(ListeningPorts, LeavesOutWhatIsConnected) {
  const Listener server(AF_INET, SOCK_STREAM);
  const Listener peer(AF_INET, SOCK_DGRAM);
  const Listener client(AF_INET, SOCK_DGRAM);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(server.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  const os::Fd connected(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(connected.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  sockaddr_in mine{};
  ::getsockname(connected.get(), reinterpret_cast<sockaddr*>(&mine), &size);
  ::getsockname(peer.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  ASSERT_EQ(::connect(client.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);

  const auto payload = make()->take();
  ASSERT_TRUE(payload) << payload.error().to_string();
  EXPECT_NE(item_of(*payload, "tcp", server.port()), nullptr);
  EXPECT_EQ(item_of(*payload, "tcp", std::to_string(ntohs(mine.sin_port))), nullptr);
  EXPECT_NE(item_of(*payload, "udp", peer.port()), nullptr);
  EXPECT_EQ(item_of(*payload, "udp", client.port()), nullptr);
}

TEST(FindOwners, StopsAtItsLimit) {
  const Owners owners = find_owners(os::ProcFs(), "/proc", {1, 2, 3}, 5);
  EXPECT_TRUE(owners.cut);
  EXPECT_TRUE(owners.pids.empty());
}

TEST(InodeOfLink, ReadsOnlyItsKind) {
  EXPECT_EQ(inode_of_link("socket:[123]", "socket"), 123U);
  EXPECT_EQ(inode_of_link("net:[4026531840]", "net"), 4026531840U);
  for (const std::string_view link : {"pipe:[123]", "socket:123", "socket:[12x]", "socket:[]", ""})
    EXPECT_EQ(inode_of_link(link, "socket"), 0U) << link;
}

}  // namespace
}  // namespace agent::snapshot::ports
