#include "agent/connections/socket_list.h"

#include <vector>

#include <gtest/gtest.h>

namespace agent::connections {
namespace {

using namespace std::chrono_literals;
using snapshot::ports::Family;
using snapshot::ports::Transport;

constexpr std::uint8_t kEstablished = 1;
constexpr std::uint8_t kSynSent = 2;
constexpr std::uint8_t kTimeWait = 6;
constexpr std::uint8_t kListen = 10;

SocketList::Socket socket(std::uint16_t local_port, std::uint16_t remote_port,
                          std::uint8_t state = kEstablished) {
  SocketList::Socket one;
  one.transport = Transport::Tcp;
  one.family = Family::V4;
  one.local = {10, 0, 0, 1};
  if (remote_port != 0) one.remote = {10, 0, 0, 2};
  one.local_port = local_port;
  one.remote_port = remote_port;
  one.state = state;
  one.inode = local_port * 100ULL;
  one.uid = 1000;
  return one;
}

class SocketListTest : public ::testing::Test {
 protected:
  std::vector<Observed> seen_;
  Sink sink_ = [this](const Observed& one) { seen_.push_back(one); };
  base::WallTime now_{1'700'000'000s};
  SocketList list_{false,
                   [](std::uint64_t inode) { return static_cast<std::uint32_t>(inode / 100); }};
};

TEST_F(SocketListTest, TellsWhatBeganAndEndedBetweenLists) {
  list_.update({socket(22, 0, kListen), socket(22, 40000)}, now_, sink_);
  EXPECT_TRUE(seen_.empty());
  list_.update({socket(22, 0, kListen), socket(22, 40000), socket(22, 40001), socket(50000, 443)},
               now_ + 1s, sink_);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[0].direction, Direction::In);
  EXPECT_EQ(seen_[0].remote.port, 40001);
  EXPECT_EQ(seen_[1].direction, Direction::Out);
  EXPECT_EQ(seen_[1].remote.address.to_string(), "10.0.0.2");
  EXPECT_EQ(seen_[1].inode, 5'000'000U);
  EXPECT_EQ(seen_[1].uid, 1000U);
  EXPECT_EQ(seen_[1].pid, 50000U);
  EXPECT_NE(seen_[0].id, seen_[1].id);
  // What was there before us is not told at its end either.
  list_.update({socket(22, 0, kListen), socket(22, 40001)}, now_ + 4s, sink_);
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_EQ(seen_[2].what, What::Closed);
  EXPECT_EQ(seen_[2].id, seen_[1].id);
  EXPECT_EQ(seen_[2].opened, now_ + 1s);
  EXPECT_EQ(seen_[2].pid, 50000U);
}

TEST_F(SocketListTest, WhatTheKernelRemembersWasOpenedAndClosedOnce) {
  list_.update({}, now_, sink_);
  for (int i = 1; i <= 3; ++i)
    list_.update({socket(50000, 80, kTimeWait)}, now_ + i * 1s, sink_);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[0].what, What::Opened);
  EXPECT_EQ(seen_[1].what, What::Closed);
  list_.update({}, now_ + 60s, sink_);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(SocketListTest, AttemptsAreNoConnections) {
  list_.update({}, now_, sink_);
  list_.update({socket(50000, 80, kSynSent)}, now_ + 1s, sink_);
  EXPECT_TRUE(seen_.empty());
  list_.update({socket(50000, 80)}, now_ + 2s, sink_);
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(SocketListTest, NotificationsFillTheTimeBetweenLists) {
  list_.update({socket(80, 0, kListen)}, now_, sink_);
  SocketList::Socket brief = socket(80, 40000, 7);
  brief.bytes_sent = 5;
  brief.bytes_received = 7;
  list_.destroyed(brief, now_, sink_);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[0].direction, Direction::In);
  EXPECT_EQ(seen_[1].what, What::Closed);
  EXPECT_EQ(seen_[1].bytes_sent, 5U);
  EXPECT_EQ(seen_[1].bytes_received, 7U);
  // Nobody answered.
  list_.destroyed(socket(50000, 81, 7), now_, sink_);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(SocketListTest, ANotificationBringsTheBytesOfAKnownOne) {
  list_.update({}, now_, sink_);
  list_.update({socket(50000, 80)}, now_ + 1s, sink_);
  SocketList::Socket end = socket(50000, 80, 7);
  end.bytes_sent = 5;
  list_.destroyed(end, now_ + 2s, sink_);
  list_.update({}, now_ + 3s, sink_);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[1].bytes_sent, 5U);
  EXPECT_EQ(seen_[1].id, seen_[0].id);
}

TEST_F(SocketListTest, LoopbackAsConfigured) {
  SocketList::Socket inside = socket(50000, 80);
  inside.local = inside.remote = {127, 0, 0, 1};
  SocketList::Socket own = socket(50001, 80);
  own.remote = own.local;
  list_.update({}, now_, sink_);
  list_.update({inside, own}, now_ + 1s, sink_);
  EXPECT_TRUE(seen_.empty());
  list_.update({}, now_ + 2s, sink_);
  list_.set_loopback(true);
  list_.update({inside, own}, now_ + 3s, sink_);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(SocketListTest, UdpNeedsAnotherEnd) {
  SocketList::Socket bound = socket(53, 0, 7);
  bound.transport = Transport::Udp;
  SocketList::Socket connected = socket(50000, 53);
  connected.transport = Transport::Udp;
  list_.update({}, now_, sink_);
  list_.update({bound, connected}, now_ + 1s, sink_);
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_EQ(seen_[0].protocol, Protocol::Udp);
}

}  // namespace
}  // namespace agent::connections
