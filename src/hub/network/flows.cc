#include "hub/network/flows.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "hub/network/address.h"

namespace hub::network {

namespace {

// How both write an address; what is none stays as it is.
std::string plain(const std::string& address) {
  auto known = host_address(address);
  return known ? std::move(known->text) : address;
}

// By what a report and a connection are about the same.
using Match = std::tuple<std::string, bool, std::string, std::string, std::string, std::string>;
using Index = std::multimap<Match, const Connection*>;

Index index_of(std::span<const Connection> connections) {
  Index index;
  for (const Connection& each : connections) {
    index.emplace(Match(each.device_id, each.accepted, plain(each.local), plain(each.remote),
                        each.port, each.protocol),
                  &each);
  }
  return index;
}

auto order_of(const FlowKey& key) {
  return std::tie(key.sensor, key.client.address, key.client.hardware, key.server.address,
                  key.server.hardware, key.port, key.vlan, key.protocol, key.application,
                  key.expected);
}
struct Order {
  bool operator()(const FlowKey& a, const FlowKey& b) const { return order_of(a) < order_of(b); }
};

// Routers change on the way, devices with an address do not.
FlowKey key_of(const Talk& talk) {
  FlowKey key = talk.key;
  for (End* end : {&key.client, &key.server}) {
    if (!end->address.empty()) end->hardware.clear();
  }
  return key;
}

using Who = std::tuple<std::int64_t, std::string, std::string, std::string>;

struct Gathered {
  Flow flow;
  std::set<const Connection*> client;  // that overlap one of its reports
  std::set<const Connection*> server;
};

bool overlap(const Talk& talk, const Connection& connection) {
  return connection.first <= talk.last + kClockSlack && connection.last + kClockSlack >= talk.first;
}

void gather(const Talk& talk, const Index& index, bool accepted, const std::string& device,
            std::set<const Connection*>& into) {
  const std::string client = plain(talk.key.client.address);
  const std::string server = plain(talk.key.server.address);
  if (device.empty() || client.empty() || server.empty()) return;
  const Match match(device, accepted, accepted ? server : client, accepted ? client : server,
                    talk.key.port, talk.key.protocol);
  const auto [begin, end] = index.equal_range(match);
  for (auto each = begin; each != end; ++each) {
    if (overlap(talk, *each->second)) into.insert(each->second);
  }
}

void fill(Part& part, const std::set<const Connection*>& connections, const UserName& user_name) {
  std::map<Who, Process> processes;
  for (const Connection* connection : connections) {
    const Who who(connection->process_id, connection->user_id, connection->executable,
                  connection->command_line);
    const auto [place, is_new] = processes.try_emplace(who);
    Process& process = place->second;
    if (is_new) {
      process.process_id = connection->process_id;
      process.user_id = connection->user_id;
      process.executable = connection->executable;
      process.command_line = connection->command_line;
      process.first = connection->first;
      process.last = connection->last;
      if (!process.user_id.empty())
        process.user_name = user_name(part.party.device_id, process.user_id);
    }
    process.connections += connection->count;
    process.first = std::min(process.first, connection->first);
    process.last = std::max(process.last, connection->last);
  }
  for (auto& [who, process] : processes)
    part.processes.push_back(std::move(process));
  std::ranges::stable_sort(part.processes, std::ranges::greater(), &Process::connections);
  if (part.processes.size() <= kProcesses) return;
  part.left_out = part.processes.size() - kProcesses;
  part.processes.resize(kProcesses);
}

void add(FlowSums& sums, const FlowSums& more) {
  sums.flows += more.flows;
  sums.client_packets += more.client_packets;
  sums.server_packets += more.server_packets;
  sums.client_bytes += more.client_bytes;
  sums.server_bytes += more.server_bytes;
  sums.messages += more.messages;
  sums.issues += more.issues;
}

}  // namespace

std::vector<Flow> join(std::span<const Talk> talks, std::span<const Connection> connections,
                       const PartyOf& party_of, const UserName& user_name) {
  const Index index = index_of(connections);
  std::map<FlowKey, Gathered, Order> all;
  for (const Talk& talk : talks) {
    const auto [place, is_new] = all.try_emplace(key_of(talk));
    Gathered& gathered = place->second;
    Flow& flow = gathered.flow;
    if (is_new) {
      flow.key = talk.key;
      flow.first = talk.first;
      flow.last = talk.last;
      flow.client.party = party_of(talk.key.sensor, talk.key.client);
      flow.server.party = party_of(talk.key.sensor, talk.key.server);
    }
    if (talk.last > flow.last) {
      flow.key = talk.key;
      flow.last = talk.last;
    }
    flow.first = std::min(flow.first, talk.first);
    add(flow.sums, talk.sums);
    gather(talk, index, false, flow.client.party.device_id, gathered.client);
    gather(talk, index, true, flow.server.party.device_id, gathered.server);
  }
  std::vector<Flow> out;
  out.reserve(all.size());
  for (auto& [key, gathered] : all) {
    fill(gathered.flow.client, gathered.client, user_name);
    fill(gathered.flow.server, gathered.server, user_name);
    out.push_back(std::move(gathered.flow));
  }
  std::ranges::stable_sort(out, std::ranges::greater(), &Flow::last);
  return out;
}

}  // namespace hub::network
