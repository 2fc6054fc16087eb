#include "agent/connections/event.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace agent::connections {
namespace {

using namespace std::chrono_literals;

Report example() {
  Report report;
  report.seen.direction = Direction::Out;
  report.seen.local = {Address::v4({10, 0, 0, 1}), 50000};
  report.seen.remote = {Address::v4({192, 0, 2, 7}), 443};
  report.seen.time = base::WallTime(1'700'000'000s);
  report.seen.id = 9;
  report.seen.pid = 42;
  report.seen.uid = 1000;
  report.seen.net_ns = 5;
  report.process = ProcessFacts();
  report.process->executable = "/usr/bin/curl";
  report.process->command_line = "curl https://example.com/";
  report.process->cgroup = "/docker/" + std::string(64, 'a');
  return report;
}

EventFacts facts() {
  EventFacts facts;
  facts.tier = "ebpf";
  facts.boot_id = "boot-1";
  facts.sequence = 77;
  facts.own_net_ns = 5;
  return facts;
}

std::string detail(const schema::ConnectionCreate& create, std::string_view name) {
  const std::string* value = schema::find(create.extra_details, name);
  return value == nullptr ? "(none)" : *value;
}

schema::ConnectionCreate make(const Report& report, const EventFacts& with) {
  // Nothing below a folder that is none.
  collect::ContainerImages containers("/dev/null");
  const schema::Event event = make_event(report, with, containers);
  EXPECT_EQ(event.time.utc, report.seen.time);
  EXPECT_EQ(event.item_count(), 1U);
  return std::get<std::vector<schema::ConnectionCreate>>(event.payload).at(0);
}

TEST(ConnectionEvent, SaysWhoAndBothEnds) {
  Report report = example();
  report.phase = Phase::Whole;
  report.duration = 1500us;
  report.seen.bytes_sent = 10;
  report.seen.bytes_received = 20;
  EventFacts with = facts();
  with.remote_name = "example.com";
  const schema::ConnectionCreate create = make(report, with);
  EXPECT_EQ(create.remote_address, "192.0.2.7");
  EXPECT_EQ(create.remote_port, "443");
  EXPECT_EQ(create.local_address, "10.0.0.1");
  EXPECT_EQ(create.local_port, "50000");
  EXPECT_EQ(create.direction, schema::Direction::Out);
  EXPECT_EQ(create.protocol, "tcp");
  EXPECT_EQ(create.process_id, 42);
  EXPECT_EQ(create.user_id, "1000");
  EXPECT_EQ(create.executable, "/usr/bin/curl");
  EXPECT_EQ(create.command_line, "curl https://example.com/");
  EXPECT_EQ(detail(create, "RemoteName"), "example.com");
  EXPECT_EQ(detail(create, "State"), "Closed");
  EXPECT_EQ(detail(create, "BytesSent"), "10");
  EXPECT_EQ(detail(create, "BytesReceived"), "20");
  EXPECT_EQ(detail(create, "DurationMilliseconds"), "1");
  EXPECT_EQ(detail(create, "ContainerId"), std::string(64, 'a'));
  EXPECT_EQ(detail(create, "ContainerRuntime"), "docker");
  EXPECT_EQ(detail(create, "Tier"), "Ebpf");
  EXPECT_EQ(detail(create, "Sequence"), "77");
  EXPECT_EQ(detail(create, "ConnectionId"), "(none)");
  EXPECT_EQ(detail(create, "NetworkNamespace"), "(none)");
  EXPECT_EQ(detail(create, "Lossy"), "(none)");
}

TEST(ConnectionEvent, OpenAndEndedShareAnId) {
  Report report = example();
  report.seen.direction = Direction::In;
  report.seen.listener = true;
  report.seen.net_ns = 6;
  schema::ConnectionCreate create = make(report, facts());
  EXPECT_EQ(create.direction, schema::Direction::In);
  EXPECT_EQ(detail(create, "State"), "Open");
  EXPECT_EQ(detail(create, "ConnectionId"), "9");
  EXPECT_EQ(detail(create, "Listener"), "true");
  EXPECT_EQ(detail(create, "NetworkNamespace"), "6");
  EXPECT_EQ(detail(create, "BytesSent"), "(none)");
  report.phase = Phase::Ended;
  create = make(report, facts());
  EXPECT_EQ(detail(create, "State"), "Ended");
  EXPECT_EQ(detail(create, "ConnectionId"), "9");
}

TEST(ConnectionEvent, FailuresSayWhy) {
  Report report = example();
  report.phase = Phase::Failed;
  report.seen.error = ECONNREFUSED;
  EXPECT_EQ(detail(make(report, facts()), "Error"), "ECONNREFUSED");
  report.seen.error = 0;
  EXPECT_EQ(detail(make(report, facts()), "Error"), "given up");
  report.seen.error = 9999;
  EXPECT_EQ(detail(make(report, facts()), "Error"), "9999");
}

TEST(ConnectionEvent, WhatIsNotKnownIsSaid) {
  Report report = example();
  report.phase = Phase::Single;
  report.process.reset();
  report.seen.protocol = Protocol::Udp;
  report.seen.local = {};
  report.seen.uid.reset();
  EventFacts with = facts();
  with.tier = "inet_diag";
  with.lossy = true;
  schema::ConnectionCreate create = make(report, with);
  EXPECT_EQ(create.executable, "unknown");
  EXPECT_FALSE(create.local_address);
  EXPECT_FALSE(create.local_port);
  EXPECT_FALSE(create.user_id);
  EXPECT_EQ(create.protocol, "udp");
  EXPECT_EQ(detail(create, "Incomplete"), "Executable");
  EXPECT_EQ(detail(create, "State"), "(none)");
  EXPECT_EQ(detail(create, "Tier"), "InetDiag");
  EXPECT_EQ(detail(create, "Lossy"), "true");
  report.seen.comm = "kworker";
  create = make(report, with);
  EXPECT_EQ(create.executable, "kworker");
}

TEST(ConnectionEvent, WhatTheSourceKnowsWins) {
  Report report = example();
  report.seen.executable = "/usr/bin/wget";
  report.seen.command_line = "wget x";
  const schema::ConnectionCreate create = make(report, facts());
  EXPECT_EQ(create.executable, "/usr/bin/wget");
  EXPECT_EQ(create.command_line, "wget x");
}

}  // namespace
}  // namespace agent::connections
