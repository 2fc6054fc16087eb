#include "hub/network/owners.h"

#include <algorithm>
#include <set>

#include "hub/network/address.h"

namespace hub::network {

using base::Result;

namespace {

// Who has an address, of which sort the best is.
struct Candidate {
  bool global = false;
  std::vector<Claim> claims;
};

// The device whose claims began when those of all others had ended.
const std::string* last_of(const std::map<std::string, Candidate>& candidates) {
  const std::string* best = nullptr;
  base::WallTime begun = base::WallTime::min();
  for (const auto& [device, candidate] : candidates) {
    base::WallTime first = base::WallTime::max();
    for (const Claim& claim : candidate.claims)
      first = std::min(first, claim.first);
    if (best == nullptr || first > begun) {
      best = &device;
      begun = first;
    }
  }
  for (const auto& [device, candidate] : candidates) {
    if (best == &device) continue;
    for (const Claim& claim : candidate.claims)
      if (claim.last >= begun) return nullptr;
  }
  return best;
}

bool shares(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::ranges::any_of(
      some, [&](const auto& each) { return std::ranges::find(others, each) != others.end(); });
}

}  // namespace

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::Hardware:
      return "hardware";
    case Basis::Global:
      return "global";
    case Basis::Site:
      break;
  }
  return "site";
}

std::string_view to_string(Doubt doubt) {
  switch (doubt) {
    case Doubt::OtherSite:
      return "otherSite";
    case Doubt::OtherHardware:
      return "otherHardware";
    case Doubt::Ambiguous:
      break;
  }
  return "ambiguous";
}

const std::string& Owners::site(const std::string& device_id) {
  const auto known = sites_.find(device_id);
  if (known != sites_.end()) return known->second;
  return sites_.emplace(device_id, site_of_(device_id)).first->second;
}

Result<const Owners::Claims*> Owners::claimants(const std::string& address) {
  auto known = claimants_.find(address);
  if (known == claimants_.end()) {
    Claims claims = TRY(tables_.claimants(address));
    known = claimants_.emplace(address, std::move(claims)).first;
  }
  return &known->second;
}

Result<const std::vector<std::string>*> Owners::cards(const std::string& device_id) {
  auto known = cards_.find(device_id);
  if (known == cards_.end()) {
    std::vector<std::string> found;
    for (Claim& claim : TRY(tables_.claims_of(device_id)))
      if (hardware_address(claim.address)) found.push_back(std::move(claim.address));
    known = cards_.emplace(device_id, std::move(found)).first;
  }
  return &known->second;
}

// Devices that have a network card of it.
Result<std::vector<std::string>> Owners::by_hardware(const Asset& asset) {
  std::set<std::string> devices;
  std::set<std::string> at_its_address;
  for (const std::string& address : asset.addresses) {
    for (const Claim& claim : *TRY(claimants(address)))
      at_its_address.insert(claim.device_id);
  }
  for (const std::string& card : asset.hardware) {
    const auto address = hardware_address(card);
    for (const Claim& claim : *TRY(claimants(card))) {
      if (address && (address->universal || at_its_address.contains(claim.device_id)))
        devices.insert(claim.device_id);
    }
  }
  // Some cards are there twice all the same: the address says which.
  if (devices.size() > 1) {
    std::set<std::string> both;
    std::ranges::set_intersection(devices, at_its_address, std::inserter(both, both.end()));
    if (!both.empty()) devices = std::move(both);
  }
  return std::vector<std::string>(devices.begin(), devices.end());
}

Result<void> Owners::by_address(const Asset& asset, Owner& owner) {
  std::map<std::string, Candidate> candidates;
  std::map<std::string, Doubt> doubts;
  for (const std::string& text : asset.addresses) {
    const auto address = host_address(text);
    if (!address) continue;
    for (const Claim& claim : *TRY(claimants(text))) {
      const std::vector<std::string>& own = *TRY(cards(claim.device_id));
      if (!asset.hardware.empty() && !own.empty() && !shares(asset.hardware, own)) {
        doubts.try_emplace(claim.device_id, Doubt::OtherHardware);
      } else if (!address->global && site(claim.device_id) != site(asset.sensor.device_id)) {
        doubts.try_emplace(claim.device_id, Doubt::OtherSite);
      } else {
        Candidate& candidate = candidates[claim.device_id];
        candidate.global = candidate.global || address->global;
        candidate.claims.push_back(claim);
      }
    }
  }
  if (const std::string* last = last_of(candidates)) {
    owner.device_id = *last;
    owner.basis = candidates[*last].global ? Basis::Global : Basis::Site;
  }
  for (const auto& [device, candidate] : candidates) {
    if (device != owner.device_id) doubts[device] = Doubt::Ambiguous;
  }
  for (const auto& [device, doubt] : doubts) {
    if (device != owner.device_id) owner.doubts.push_back({device, doubt});
  }
  return {};
}

Result<Owner> Owners::of(const Asset& asset) {
  Owner owner;
  const std::vector<std::string> devices = TRY(by_hardware(asset));
  if (devices.size() == 1) {
    owner.device_id = devices.front();
    owner.basis = Basis::Hardware;
    return owner;
  }
  if (devices.empty()) {
    TRY(by_address(asset, owner));
    return owner;
  }
  for (const std::string& device : devices)
    owner.doubts.push_back({device, Doubt::Ambiguous});
  return owner;
}

}  // namespace hub::network
