#include "agent/trail/call.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace agent::trail {
namespace {

using audit::Activity;

audit::Event event_of(const char* call, const char* address = nullptr) {
  audit::Event event;
  event.records.push_back({1300, call});
  if (address != nullptr) event.records.push_back({1306, address});
  return event;
}

constexpr const char* kV6 = "saddr=0A0001BB0000000020010DB800000000000000000000000700000000";

TEST(ReadSocketCall, Connect) {
  const auto call = read_socket_call(
      event_of("arch=c000003e syscall=42 success=yes exit=0 a0=5 a1=7f a2=1c pid=77 uid=1000 "
               "comm=\"curl\" exe=\"/usr/bin/curl\"",
               kV6));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->activity, Activity::Connect);
  EXPECT_FALSE(call->in_progress);
  EXPECT_EQ(call->fd, 5);
  EXPECT_EQ(call->pid, 77U);
  EXPECT_EQ(call->uid, 1000U);
  EXPECT_EQ(call->executable, "/usr/bin/curl");
  ASSERT_TRUE(call->peer);
  EXPECT_EQ(call->peer->ip, "2001:db8::7");
  EXPECT_EQ(call->peer->port, 443);
}

TEST(ReadSocketCall, ConnectOnItsWay) {
  const auto call =
      read_socket_call(event_of("arch=c000003e syscall=42 success=no exit=-115 a0=1f pid=7", kV6));
  ASSERT_TRUE(call);
  EXPECT_TRUE(call->in_progress);
  EXPECT_EQ(call->fd, 31);
  EXPECT_FALSE(
      read_socket_call(event_of("arch=c000003e syscall=42 success=no exit=-111 a0=5 pid=7", kV6)));
}

TEST(ReadSocketCall, AcceptTellsTheNewSocket) {
  const auto call =
      read_socket_call(event_of("arch=c000003e syscall=288 success=yes exit=9 a0=3 pid=7"));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->activity, Activity::Accept);
  EXPECT_EQ(call->fd, 9);
  EXPECT_FALSE(call->peer);
}

TEST(ReadSocketCall, SocketWithFlags) {
  const auto call = read_socket_call(
      event_of("arch=c000003e syscall=41 success=yes exit=4 a0=a a1=80802 a2=11 pid=7"));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->activity, Activity::Socket);
  EXPECT_EQ(call->fd, 4);
  EXPECT_EQ(call->family, AF_INET6);
  EXPECT_EQ(call->type, SOCK_DGRAM);
}

TEST(ReadSocketCall, Socketcall) {
  const auto connect = read_socket_call(
      event_of("arch=40000003 syscall=102 success=yes exit=0 a0=3 a1=ff pid=7", kV6));
  ASSERT_TRUE(connect);
  EXPECT_EQ(connect->activity, Activity::Connect);
  EXPECT_EQ(connect->fd, std::nullopt);
  const auto accepted =
      read_socket_call(event_of("arch=40000003 syscall=102 success=yes exit=6 a0=5 pid=7"));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->fd, 6);
  EXPECT_FALSE(read_socket_call(event_of("arch=40000003 syscall=102 exit=0 a0=2 pid=7")));
}

TEST(ReadSocketCall, Others) {
  EXPECT_FALSE(read_socket_call(event_of("arch=c000003e syscall=59 success=yes exit=0 pid=7")));
  EXPECT_FALSE(read_socket_call(event_of("arch=c000003e success=yes exit=0 pid=7")));
  EXPECT_FALSE(read_socket_call({}));
}

}  // namespace
}  // namespace agent::trail
