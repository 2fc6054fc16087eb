// What sensors see in networks, joined with what the agents there say.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "hub/api/network_json.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::json::Writer;
using network::Asset;
using network::AssetFilter;
using network::Owner;
using network::Owners;
using network::Reader;

namespace {

constexpr std::size_t kMaxText = 256;
constexpr std::int64_t kMaxLevel = 4;

Response none_here(const Call& call) {
  return problem(call.request, Problem::Unavailable, "This hub keeps nothing of networks.");
}

std::expected<AssetFilter, Response> filter_of(const Call& call) {
  AssetFilter filter;
  const auto limit = limit_parameter(call);
  if (!limit) return std::unexpected(limit.error());
  filter.limit = *limit;
  const auto gone = flag_parameter(call, "gone");
  if (!gone) return std::unexpected(gone.error());
  filter.gone = *gone;
  for (const auto& [name, place] : {std::pair("search", &filter.search),
                                    {"type", &filter.type},
                                    {"protocol", &filter.protocol},
                                    {"sensor", &filter.sensor},
                                    {"cursor", &filter.cursor}}) {
    const std::string* text = call.target.parameter(name);
    if (text == nullptr) continue;
    if (text->size() > kMaxText) {
      return std::unexpected(
          problem(call.request, Problem::BadRequest, std::string(name) + ": too long"));
    }
    *place = *text;
  }
  if (const std::string* text = call.target.parameter("level")) {
    const auto level = base::parse_int(*text);
    if (!level || *level < 1 || *level > kMaxLevel) {
      return std::unexpected(
          problem(call.request, Problem::BadRequest, "level: expected a number from 1 to 4"));
    }
    filter.level = *level;
  }
  return filter;
}

Response list_assets(Call& call) {
  auto tables = network_tables(call);
  if (!tables) return none_here(call);
  const auto filter = filter_of(call);
  if (!filter) return filter.error();
  const auto page = tables->list(*filter);
  if (!page) return problem(call.request, page.error());
  Owners owners(*tables, site_of(call));
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Asset& asset : page->items) {
    const auto owner = owners.of(asset);
    if (!owner) return problem(call.request, owner.error());
    write_asset(writer, asset, *owner, owners.site(asset.sensor.device_id), Depth::Summary);
  }
  writer.end_array();
  writer.field("total", page->total);
  cursor_field(writer, page->next_cursor);
  writer.end_object();
  return json_response(200, std::move(body));
}

std::expected<Asset, Response> asset_of(const Call& call, Reader& tables) {
  auto asset = tables.asset(call.path[0]);
  if (asset) return std::move(*asset);
  if (asset.error().code == base::Code::NotFound) {
    return std::unexpected(problem(call.request, Problem::NotFound,
                                   "No sensor sees an asset with that id; it may have been "
                                   "forgotten with its sensor."));
  }
  return std::unexpected(problem(call.request, asset.error()));
}

Response get_asset(Call& call) {
  auto tables = network_tables(call);
  if (!tables) return none_here(call);
  const auto asset = asset_of(call, *tables);
  if (!asset) return asset.error();
  Owners owners(*tables, site_of(call));
  const auto owner = owners.of(*asset);
  if (!owner) return problem(call.request, owner.error());
  std::string body;
  Writer writer(body);
  write_asset(writer, *asset, *owner, owners.site(asset->sensor.device_id), Depth::Whole);
  return json_response(200, std::move(body));
}

Response list_asset_conversations(Call& call) {
  auto tables = network_tables(call);
  if (!tables) return none_here(call);
  const auto range = flow_range(call);
  if (!range) return range.error();
  auto asset = asset_of(call, *tables);
  if (!asset) return asset.error();
  Owners owners(*tables, site_of(call));
  const auto flows = read_flows(call, *tables, owners, {std::move(*asset)}, *range);
  if (!flows) return flows.error();
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_flows(writer, "items", *flows, *range);
  writer.end_object();
  return json_response(200, std::move(body));
}

// What sensors see of a device: assets that it is, and those that have an address of it without
// being it, or without anybody knowing.
struct Seen {
  std::vector<Asset> own;
  std::map<std::string, Owner> owners;  // by asset
  struct Other {
    Asset asset;
    network::Doubt why{};
  };
  std::vector<Other> others;
};

base::Result<Seen> seen_of(Reader& tables, Owners& owners, const std::string& device,
                           const std::vector<network::Claim>& claims) {
  std::vector<std::string> addresses;
  for (const network::Claim& claim : claims)
    addresses.push_back(claim.address);
  Seen seen;
  for (Asset& asset : TRY(tables.assets_with(addresses))) {
    Owner owner = TRY(owners.of(asset));
    if (owner.device_id == device) {
      seen.owners.emplace(asset.id, std::move(owner));
      seen.own.push_back(std::move(asset));
      continue;
    }
    const auto doubt = std::ranges::find(owner.doubts, device, &network::Doubted::device_id);
    if (doubt != owner.doubts.end()) seen.others.push_back({std::move(asset), doubt->doubt});
  }
  return seen;
}

void write_seen(Writer& writer, Owners& owners, const Seen& seen) {
  writer.key("assets");
  writer.begin_array();
  for (const Asset& asset : seen.own) {
    write_asset(writer, asset, seen.owners.at(asset.id), owners.site(asset.sensor.device_id),
                Depth::Summary);
  }
  writer.end_array();
  writer.key("others");
  writer.begin_array();
  for (const Seen::Other& each : seen.others) {
    writer.begin_object();
    writer.field("assetId", each.asset.id);
    writer.field("sensorDeviceId", each.asset.sensor.device_id);
    writer.key("addresses");
    writer.begin_array();
    for (const std::string& address : each.asset.addresses)
      writer.value(address);
    writer.end_array();
    writer.field("why", to_string(each.why));
    writer.end_object();
  }
  writer.end_array();
}

Response get_device_network(Call& call) {
  auto tables = network_tables(call);
  if (!tables) return none_here(call);
  const auto range = flow_range(call);
  if (!range) return range.error();
  const std::string device(call.path[0]);
  const auto identity = call.services.dependencies.registry->get({device, {}});
  if (!identity) return identity_refused(call, identity.error());
  const auto claims = tables->claims_of(device);
  if (!claims) return problem(call.request, claims.error());
  Owners owners(*tables, site_of(call));
  const auto seen = seen_of(*tables, owners, device, *claims);
  if (!seen) return problem(call.request, seen.error());
  const auto flows = read_flows(call, *tables, owners, seen->own, *range);
  if (!flows) return flows.error();
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("deviceId", device);
  const std::string& site = owners.site(device);
  writer.key("site");
  if (site.empty()) {
    writer.null();
  } else {
    writer.value(site);
  }
  writer.key("addresses");
  writer.begin_array();
  for (const network::Claim& claim : *claims) {
    writer.begin_object();
    writer.field("address", claim.address);
    writer.field("firstSeen", time_text(claim.first));
    writer.field("lastSeen", time_text(claim.last));
    writer.end_object();
  }
  writer.end_array();
  write_seen(writer, owners, *seen);
  write_flows(writer, "flows", *flows, *range);
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

void add_network_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  const std::vector<std::string_view> range{"from", "to", "limit"};
  table.push_back({Get,
                   "/network/assets",
                   Look,
                   list_assets,
                   {},
                   {"search", "type", "protocol", "level", "sensor", "gone", "limit", "cursor"}});
  table.push_back({Get, "/network/assets/{assetId}", Look, get_asset});
  table.push_back({Get,
                   "/network/assets/{assetId}/conversations",
                   Look,
                   list_asset_conversations,
                   {},
                   range,
                   Pool::Queries});
  table.push_back(
      {Get, "/devices/{deviceId}/network", Look, get_device_network, {}, range, Pool::Queries});
}

}  // namespace hub::api
