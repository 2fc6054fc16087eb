#include "hub/network/network.h"

#include <algorithm>

#include <fmt/format.h>

#include "hub/network/address.h"

namespace hub::network {

using base::Result;

Result<std::unique_ptr<Network>> Network::open(Options options) {
  auto tables = TRY(Writer::open(options.path, options.bounds));
  auto reader = TRY(Reader::open(options.path));
  return std::unique_ptr<Network>(new Network(std::move(tables), std::move(reader)));
}

void Network::take(const schema::NetworkAsset& item, const detect::Origin& origin,
                   base::WallTime observed) {
  counters_.assets.add();
  Picture picture{{std::string(origin.device_id), std::string(origin.module_id)}, observed, item};
  const auto [place, is_new] = pictures_.try_emplace({picture.sensor, item.asset_id});
  if (!is_new && place->second.observed > observed) return;
  place->second = std::move(picture);
}

void Network::claim(std::string_view device_id, std::string address, base::WallTime time) {
  const auto [written, unknown] =
      written_.try_emplace(fmt::format("{}\n{}", device_id, address), time);
  if (!unknown && time >= written->second && time - written->second < kAgain) return;
  written->second = std::max(written->second, time);
  Key key(device_id, std::move(address));
  Claim fresh{key.first, key.second, time, time};
  const auto [place, is_new] = claims_.try_emplace(std::move(key), std::move(fresh));
  if (is_new) return;
  place->second.first = std::min(place->second.first, time);
  place->second.last = std::max(place->second.last, time);
}

void Network::claim_host(std::string_view device_id, std::string_view text, base::WallTime time) {
  if (auto address = host_address(text)) claim(device_id, std::move(address->text), time);
}

void Network::on_event(const schema::Event& event, const detect::Origin& origin,
                       std::vector<detect::Finding>&) {
  const base::WallTime observed = std::min(event.time.utc, origin.received);
  if (const auto* assets = std::get_if<std::vector<schema::NetworkAsset>>(&event.payload)) {
    for (const schema::NetworkAsset& item : *assets)
      take(item, origin, observed);
  } else if (const auto* made =
                 std::get_if<std::vector<schema::ConnectionCreate>>(&event.payload)) {
    for (const schema::ConnectionCreate& item : *made)
      claim_host(origin.device_id, item.local_address.value_or(""), observed);
  } else if (const auto* ports = std::get_if<std::vector<schema::ListeningPorts>>(&event.payload)) {
    for (const schema::ListeningPorts& item : *ports)
      claim_host(origin.device_id, item.local_address.value_or(""), observed);
  } else if (const auto* parts =
                 std::get_if<std::vector<schema::ConnectedHardware>>(&event.payload)) {
    for (const schema::ConnectedHardware& item : *parts) {
      const std::string* text = schema::find(item.extra_details, "MacAddress");
      if (text == nullptr) continue;
      if (auto address = hardware_address(*text))
        claim(origin.device_id, std::move(address->text), observed);
    }
  }
}

void Network::on_twin(const store::TwinRow& twin, const detect::Origin&,
                      std::vector<detect::Finding>&) {
  if (twin.operation != "deleted") return;
  const Sensor who{std::string(twin.device_id), std::string(twin.module_id)};
  const auto said = [&who](const Sensor& sensor) {
    return sensor.device_id == who.device_id &&
           (who.module_id.empty() || sensor.module_id == who.module_id);
  };
  std::erase_if(pictures_, [&said](const auto& each) { return said(each.first.first); });
  if (who.module_id.empty()) {
    std::erase_if(claims_, [&who](const auto& each) { return each.first.first == who.device_id; });
    // Should it come back, it has to be written again.
    const std::string prefix = who.device_id + '\n';
    std::erase_if(written_, [&prefix](const auto& each) { return each.first.starts_with(prefix); });
  }
  deleted_.push_back(who);
}

Result<void> Network::settle() {
  while (!deleted_.empty()) {
    TRY(tables_.forget(deleted_.back()));
    deleted_.pop_back();
  }
  if (pictures_.empty() && claims_.empty()) return {};
  std::vector<Picture> pictures;
  pictures.reserve(pictures_.size());
  for (const auto& [key, picture] : pictures_)
    pictures.push_back(picture);
  std::vector<Claim> claims;
  claims.reserve(claims_.size());
  for (const auto& [key, claim] : claims_)
    claims.push_back(claim);
  const auto evicted = tables_.put(pictures, claims);
  if (!evicted) {
    counters_.failures.add();
    return std::unexpected(evicted.error());
  }
  counters_.assets_evicted.add(evicted->assets);
  counters_.addresses_evicted.add(evicted->addresses);
  pictures_.clear();
  claims_.clear();
  if (written_.size() > kMostWritten) written_.clear();
  return {};
}

Result<std::int64_t> Network::count() const {
  const std::lock_guard lock(reader_mutex_);
  return reader_.count();
}

}  // namespace hub::network
