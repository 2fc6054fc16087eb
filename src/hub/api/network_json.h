#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "hub/api/api.h"
#include "hub/network/flows.h"
#include "hub/network/owners.h"
#include "hub/network/questions.h"

// Devices in networks and their flows, as the API writes them.
namespace hub::api {

// Appends the routes of networks below /api/v1.
void add_network_routes(std::vector<Route>& table);

// What is known of networks; each request reads it on its own. Errors: Io (nothing is).
base::Result<network::Reader> network_tables(const Call& call);

// The site of a device: its twin's tag `site`; empty where it has none, or cannot be read.
std::function<std::string(const std::string&)> site_of(const Call& call);

enum class Depth : std::uint8_t { Summary, Whole };
// `owner` says which device it is; `site` where its sensor stands.
void write_asset(base::json::Writer& writer, const network::Asset& asset,
                 const network::Owner& owner, std::string_view site, Depth depth);
void write_flow(base::json::Writer& writer, const network::Flow& flow);

// What was asked of flows: from, to and limit.
struct FlowRange {
  network::Window window;
  std::size_t limit = 50;
};
std::expected<FlowRange, Response> flow_range(const Call& call);

// Joined flows of these; the newest, as many as the range allows.
struct FlowList {
  std::vector<network::Flow> flows;
  bool truncated = false;  // there are more, or more was to be read than is at once
};
std::expected<FlowList, Response> read_flows(Call& call, network::Reader& tables,
                                             network::Owners& owners,
                                             const std::vector<network::Asset>& assets,
                                             const FlowRange& range);
// The members flows (under that name), truncated, from and to.
void write_flows(base::json::Writer& writer, std::string_view name, const FlowList& list,
                 const FlowRange& range);

}  // namespace hub::api
