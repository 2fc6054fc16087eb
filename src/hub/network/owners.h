#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/network/tables.h"

// Which device with an agent an asset is. Private addresses are there many times over, so that an
// address alone says nothing; it is decided in this order:
//
//  1. Hardware: one device, and no other, has a network card with the asset's hardware address. One
//     that software gave counts only together with a network address.
//  2. A device whose agent named its network cards, none of which is the asset's, is not it.
//  3. Global: the network address is one that the world has only once.
//  4. Site: the device has the network address, and is at the site of the sensor. The site is the
//     tag `site` of the device's twin; all that have none are at one unnamed site.
//
// Where several devices remain, the one that came by the address after all others had ceased to use
// it is it; else nobody can know, and none is.
namespace hub::network {

enum class Basis : std::uint8_t { Hardware, Global, Site };
std::string_view to_string(Basis basis);  // hardware, global, site

// Why a device with the same address is not the asset's, or not surely.
enum class Doubt : std::uint8_t { Ambiguous, OtherSite, OtherHardware };
std::string_view to_string(Doubt doubt);  // ambiguous, otherSite, otherHardware

struct Doubted {
  std::string device_id;
  Doubt doubt{};
};

struct Owner {
  std::string device_id;  // empty: none, or not known
  Basis basis{};
  std::vector<Doubted> doubts;  // others with an address of it; by device
};

// Remembers what it was told, for one request. Threads: one.
class Owners {
 public:
  // The tag of a device's twin; empty where there is none.
  using SiteOf = std::function<std::string(const std::string& device_id)>;
  // `tables` must outlive it.
  Owners(Reader& tables, SiteOf site_of) : tables_(tables), site_of_(std::move(site_of)) {}

  // Errors: those of the tables.
  base::Result<Owner> of(const Asset& asset);
  const std::string& site(const std::string& device_id);

 private:
  using Claims = std::vector<Claim>;
  base::Result<const Claims*> claimants(const std::string& address);
  // All hardware addresses of a device.
  base::Result<const std::vector<std::string>*> cards(const std::string& device_id);
  base::Result<std::vector<std::string>> by_hardware(const Asset& asset);
  base::Result<void> by_address(const Asset& asset, Owner& owner);

  Reader& tables_;
  SiteOf site_of_;
  std::map<std::string, std::string> sites_;
  std::map<std::string, Claims> claimants_;
  std::map<std::string, std::vector<std::string>> cards_;
};

}  // namespace hub::network
