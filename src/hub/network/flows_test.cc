#include "hub/network/flows.h"

#include <gtest/gtest.h>

namespace hub::network {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr base::WallTime kNow{std::chrono::hours(500'000)};
const Sensor kNorth{"sensor-1", "vedette-sensor"};
const Sensor kSouth{"sensor-2", "vedette-sensor"};

Talk talk(std::string client, std::string server, std::string port, base::WallTime first,
          base::WallTime last, const Sensor& sensor = kNorth) {
  Talk out;
  out.key.sensor = sensor;
  out.key.client.address = std::move(client);
  out.key.server.address = std::move(server);
  out.key.port = std::move(port);
  out.key.protocol = "tcp";
  out.sums = {1, 10, 9, 1000, 900, 8, 0};
  out.first = first;
  out.last = last;
  return out;
}

Connection connection(std::string device, std::string local, std::string remote, std::string port,
                      std::int64_t process, base::WallTime time) {
  Connection out;
  out.device_id = std::move(device);
  out.local = std::move(local);
  out.remote = std::move(remote);
  out.port = std::move(port);
  out.protocol = "tcp";
  out.process_id = process;
  out.user_id = "1000";
  out.executable = "/usr/bin/p" + std::to_string(process);
  out.count = 1;
  out.first = out.last = time;
  return out;
}

// 10.0.0.1 is at the north d1, at the south d2; 2001:db8::9 at the north d9.
Party party_of(const Sensor& sensor, const End& end) {
  if (end.address == "10.0.0.1") return {"asset-1", sensor == kNorth ? "d1" : "d2"};
  if (end.address == "2001:db8::9") return {"asset-9", "d9"};
  return {};
}
std::string user_name(const std::string& device, const std::string& user) {
  return device + "'s " + user;
}

std::vector<Flow> joined(std::vector<Talk> talks, std::vector<Connection> connections) {
  return join(talks, connections, party_of, user_name);
}

std::vector<std::int64_t> processes(const Part& part) {
  std::vector<std::int64_t> out;
  for (const Process& each : part.processes)
    out.push_back(each.process_id);
  return out;
}
using Numbers = std::vector<std::int64_t>;

TEST(Flows, NameTheProcessOfTheSameConnection) {
  const auto flows = joined(
      {talk("10.0.0.1", "10.0.0.9", "502", kNow, kNow + minutes(5)),
       talk("10.0.0.1", "10.0.0.9", "502", kNow + minutes(5), kNow + minutes(9))},
      {connection("d1", "10.0.0.1", "10.0.0.9", "502", 7, kNow + minutes(1)),
       connection("d1", "10.0.0.1", "10.0.0.9", "502", 7, kNow + minutes(6)),
       connection("d1", "10.0.0.1", "10.0.0.9", "502", 8, kNow + minutes(6)),
       connection("d1", "10.0.0.1", "10.0.0.9", "503", 1, kNow + minutes(1)),    // another port
       connection("d1", "10.0.0.1", "10.0.0.8", "502", 2, kNow + minutes(1)),    // another server
       connection("d1", "172.17.0.2", "10.0.0.9", "502", 3, kNow + minutes(1)),  // another end
       connection("d2", "10.0.0.1", "10.0.0.9", "502", 4, kNow + minutes(1)),    // another site
       connection("d1", "10.0.0.1", "10.0.0.9", "502", 5, kNow + minutes(30)),   // later
       connection("d1", "10.0.0.1", "10.0.0.9", "502", 6, kNow - minutes(30))});
  ASSERT_EQ(flows.size(), 1U);
  const Flow& flow = flows[0];
  EXPECT_EQ(flow.sums.flows, 2);
  EXPECT_EQ(flow.sums.server_bytes, 1800);
  EXPECT_EQ(flow.first, kNow);
  EXPECT_EQ(flow.last, kNow + minutes(9));
  EXPECT_EQ(flow.client.party.device_id, "d1");
  EXPECT_EQ(processes(flow.client), (Numbers{7, 8}));
  const Process& process = flow.client.processes[0];
  EXPECT_EQ(process.executable, "/usr/bin/p7");
  EXPECT_EQ(process.user_name, "d1's 1000");
  EXPECT_EQ(process.connections, 2);
  EXPECT_EQ(process.last, kNow + minutes(6));
  EXPECT_TRUE(flow.server.processes.empty());
}

TEST(Flows, OfBothSitesStayApart) {
  const auto flows = joined({talk("10.0.0.1", "10.0.0.9", "502", kNow, kNow, kNorth),
                             talk("10.0.0.1", "10.0.0.9", "502", kNow, kNow + seconds(1), kSouth)},
                            {connection("d1", "10.0.0.1", "10.0.0.9", "502", 1, kNow),
                             connection("d2", "10.0.0.1", "10.0.0.9", "502", 2, kNow)});
  ASSERT_EQ(flows.size(), 2U);
  EXPECT_EQ(processes(flows[0].client), Numbers{2});
  EXPECT_EQ(processes(flows[1].client), Numbers{1});
}

TEST(Flows, NameTheServersProcessAlsoByIPv6) {
  auto accepted = connection("d9", "2001:DB8:0:0::9", "2001:db8::1", "4840", 3, kNow);
  accepted.accepted = true;
  // What the device began itself is another matter.
  const auto begun = connection("d9", "2001:db8::9", "2001:db8::1", "4840", 4, kNow);
  const auto flows =
      joined({talk("2001:db8::1", "2001:db8::9", "4840", kNow, kNow)}, {accepted, begun});
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(processes(flows[0].server), Numbers{3});
  EXPECT_TRUE(flows[0].client.processes.empty());
}

TEST(Flows, ClocksMayDifferALittle) {
  const auto one = [](base::WallTime time) {
    const auto flows = joined({talk("10.0.0.1", "10.0.0.9", "502", kNow, kNow + seconds(10))},
                              {connection("d1", "10.0.0.1", "10.0.0.9", "502", 1, time)});
    return flows.at(0).client.processes.size();
  };
  EXPECT_EQ(one(kNow - kClockSlack), 1U);
  EXPECT_EQ(one(kNow - kClockSlack - seconds(1)), 0U);
  EXPECT_EQ(one(kNow + seconds(10) + kClockSlack), 1U);
  EXPECT_EQ(one(kNow + seconds(11) + kClockSlack), 0U);
}

TEST(Flows, TheMostBusyProcessesAreTold) {
  std::vector<Connection> connections;
  for (int i = 0; i < 20; ++i) {
    connections.push_back(connection("d1", "10.0.0.1", "10.0.0.9", "502", i, kNow));
    connections.back().count = i;
  }
  const auto flows = joined({talk("10.0.0.1", "10.0.0.9", "502", kNow, kNow)}, connections);
  ASSERT_EQ(flows[0].client.processes.size(), kProcesses);
  EXPECT_EQ(flows[0].client.processes[0].process_id, 19);
  EXPECT_EQ(flows[0].client.left_out, 4U);
}

TEST(Flows, WithoutNetworkAddresses) {
  Talk goose = talk("", "", "", kNow, kNow);
  goose.key.protocol = "0x88b8";
  goose.key.client.hardware = "00:1d:9c:00:00:01";
  goose.key.server.hardware = "01:0c:cd:01:00:01";
  Talk other = goose;
  other.key.client.hardware = "00:1d:9c:00:00:02";
  const auto flows = joined({goose, other, goose}, {});
  ASSERT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows[0].sums.flows + flows[1].sums.flows, 3);
}

}  // namespace
}  // namespace hub::network
