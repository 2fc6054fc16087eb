#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "hub/network/tables.h"

// Who talked to whom, as sensors saw it, joined with what the agents at the ends said of the
// connections: which process it was.
namespace hub::network {

struct End {
  std::string address;  // empty: it has none; else as the sensor writes it
  std::string hardware;
  bool operator==(const End&) const = default;
};

// What is the same of all that is one flow.
struct FlowKey {
  Sensor sensor;
  End client;
  End server;
  std::string port;  // the server's; empty: none
  std::optional<std::int64_t> vlan;
  std::string protocol;     // tcp, udp, an EtherType
  std::string application;  // empty: not known
  std::string expected;     // what the port is for, where something else was spoken
};

struct FlowSums {
  std::int64_t flows = 0;
  std::int64_t client_packets = 0;
  std::int64_t server_packets = 0;
  std::int64_t client_bytes = 0;
  std::int64_t server_bytes = 0;
  std::int64_t messages = 0;
  std::int64_t issues = 0;
};

// A report of a sensor.
struct Talk {
  FlowKey key;
  FlowSums sums;
  base::WallTime first;  // of its connections, which may have begun before the report
  base::WallTime last;
};

// What an agent said of connections that are alike, within a minute.
struct Connection {
  std::string device_id;
  std::string local;
  std::string remote;
  std::string port;       // the server's
  std::string protocol;   // in lower case
  bool accepted = false;  // the device is the server
  std::int64_t process_id = 0;
  std::string user_id;
  std::string executable;
  std::string command_line;
  std::int64_t count = 0;
  base::WallTime first;
  base::WallTime last;
};

struct Process {
  std::int64_t process_id = 0;
  std::string user_id;
  std::string user_name;  // empty: not known
  std::string executable;
  std::string command_line;
  std::int64_t connections = 0;
  base::WallTime first;
  base::WallTime last;
};

// What is known of an end.
struct Party {
  std::string asset_id;   // empty: none, or there are several
  std::string device_id;  // empty: none with an agent
};

// What a party did in a flow.
struct Part {
  Party party;
  std::vector<Process> processes;  // those with most connections first
  std::uint64_t left_out = 0;      // processes beyond kProcesses
};

struct Flow {
  FlowKey key;
  FlowSums sums;
  base::WallTime first;
  base::WallTime last;
  Part client;
  Part server;
};

// The most processes that one end of a flow is told with.
inline constexpr std::size_t kProcesses = 16;
// How far the clocks of a sensor and an agent may be apart.
inline constexpr std::chrono::seconds kClockSlack{60};

using PartyOf = std::function<Party(const Sensor& sensor, const End& end)>;
using UserName = std::function<std::string(const std::string& device, const std::string& user_id)>;

// Sums up the reports by flow, the newest first. An end whose party is a device with an agent gets
// the processes of its connections with the other end's address, on that port, by that protocol,
// that overlap a report in time. Threads: pure.
std::vector<Flow> join(std::span<const Talk> talks, std::span<const Connection> connections,
                       const PartyOf& party_of, const UserName& user_name);

}  // namespace hub::network
