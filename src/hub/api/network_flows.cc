// Reads flows of assets from the workspace and joins them with what agents said.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "hub/api/network_json.h"
#include "hub/network/address.h"
#include "store/query.h"

namespace hub::api {

using network::Asset;
using network::End;
using network::Party;
using network::Questions;
using network::Sensor;
using network::Wanted;

namespace {

constexpr std::chrono::hours kDefaultRange{24};

std::expected<base::WallTime, Response> time_parameter(const Call& call, std::string_view name,
                                                       base::WallTime otherwise) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr) return otherwise;
  const auto time = base::parse_rfc3339(*text);
  if (time) return time->utc;
  return std::unexpected(problem(call.request, Problem::BadRequest,
                                 fmt::format("{}: expected a time as in RFC 3339", name)));
}

// Who the ends of flows are, each looked for once.
class Parties {
 public:
  Parties(network::Reader& tables, network::Owners& owners) : tables_(tables), owners_(owners) {}

  // Errors: those of the tables.
  base::Result<Party> of(const Sensor& sensor, const End& end) {
    const std::string& address = end.address.empty() ? end.hardware : end.address;
    const auto known = known_.find({sensor, address});
    if (known != known_.end()) return known->second;
    Party party = TRY(look(sensor, address, end.address.empty()));
    known_.emplace(std::pair(sensor, address), party);
    return party;
  }

 private:
  base::Result<Party> look(const Sensor& sensor, const std::string& address, bool hardware) {
    std::string text;
    if (hardware) {
      if (const auto card = network::hardware_address(address)) text = card->text;
    } else if (const auto host = network::host_address(address)) {
      text = host->text;
    }
    Party party;
    if (text.empty()) return party;
    auto assets = TRY(tables_.assets_with(std::span(&text, 1)));
    std::erase_if(assets, [&sensor](const Asset& each) { return each.sensor != sensor; });
    // The same address in several networks of one sensor: nobody knows which it is.
    if (assets.size() != 1) return party;
    party.asset_id = assets.front().id;
    party.device_id = TRY(owners_.of(assets.front())).device_id;
    return party;
  }

  network::Reader& tables_;
  network::Owners& owners_;
  std::map<std::pair<Sensor, std::string>, Party> known_;
};

using Names = std::map<std::pair<std::string, std::string>, std::string>;

std::vector<Wanted> wanted_of(const std::vector<Asset>& assets) {
  std::vector<Wanted> out;
  for (const Asset& asset : assets) {
    if (asset.addresses.empty() && asset.hardware.empty()) continue;
    out.push_back({asset.sensor, asset.addresses, asset.hardware});
  }
  return out;
}

}  // namespace

std::expected<FlowRange, Response> flow_range(const Call& call) {
  FlowRange range;
  const auto limit = limit_parameter(call);
  if (!limit) return std::unexpected(limit.error());
  range.limit = *limit;
  const auto to = time_parameter(call, "to", call.now + std::chrono::seconds(1));
  if (!to) return std::unexpected(to.error());
  range.window.to = *to;
  const auto from = time_parameter(call, "from", *to - kDefaultRange);
  if (!from) return std::unexpected(from.error());
  range.window.from = *from;
  return range;
}

std::expected<FlowList, Response> read_flows(Call& call, network::Reader& tables,
                                             network::Owners& owners,
                                             const std::vector<Asset>& assets,
                                             const FlowRange& range) {
  const auto failed = [&call](const store::QueryFailure& failure) {
    return std::unexpected(query_failed(call.request, failure));
  };
  store::QueryOptions options{.now = call.now};
  options.cancel = call.cancel;
  const Questions questions(*call.services.dependencies.queries, options);
  const auto talks = questions.talks(wanted_of(assets), range.window);
  if (!talks) return failed(talks.error());
  FlowList list;
  list.truncated = talks->truncated;
  Parties parties(tables, owners);
  std::set<std::string> devices;
  for (const network::Talk& talk : talks->rows) {
    for (const End* end : {&talk.key.client, &talk.key.server}) {
      const auto party = parties.of(talk.key.sensor, *end);
      if (!party) return std::unexpected(problem(call.request, party.error()));
      if (party->device_id.empty() || devices.contains(party->device_id)) continue;
      if (devices.size() < network::kMostDevices) {
        devices.insert(party->device_id);
      } else {
        list.truncated = true;
      }
    }
  }
  const auto connections = questions.connections(devices, range.window);
  if (!connections) return failed(connections.error());
  const auto users = questions.users(devices, range.window);
  if (!users) return failed(users.error());
  list.truncated = list.truncated || connections->truncated || users->truncated;
  Names names;
  for (const Questions::User& user : users->rows)
    names[{user.device_id, user.user_id}] = user.name;
  list.flows = network::join(
      talks->rows, connections->rows,
      // All are known by now, so that none can fail.
      [&parties](const Sensor& sensor, const End& end) {
        return parties.of(sensor, end).value_or(Party{});
      },
      [&names](const std::string& device, const std::string& user) {
        const auto found = names.find({device, user});
        return found == names.end() ? std::string() : found->second;
      });
  if (list.flows.size() > range.limit) {
    list.flows.resize(range.limit);
    list.truncated = true;
  }
  return list;
}

}  // namespace hub::api
