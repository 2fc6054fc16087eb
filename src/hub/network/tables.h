#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "schema/message.h"
#include "store/sqlite.h"

// What sensors say of devices in their networks, and by which addresses agents' devices are known.
namespace hub::network {

// Who tells.
struct Sensor {
  std::string device_id;
  std::string module_id;
  auto operator<=>(const Sensor&) const = default;
};

// A device in a network, as a sensor described it last.
struct Picture {
  Sensor sensor;
  base::WallTime observed;
  schema::NetworkAsset item;
};

struct Asset {
  std::string id;  // the same for the same asset of the same sensor, always
  Sensor sensor;
  std::string details;   // the event's fields as a JSON object, without ExtraDetails
  std::string evidence;  // JSON, as the sensor wrote it; only of asset(), empty where it gave none
  bool gone = false;
  base::WallTime first;
  base::WallTime last;
  std::vector<std::string> addresses;  // network addresses as host_address() writes them
  std::vector<std::string> hardware;   // as hardware_address() does
};

// That a device has an address, by what its agent said.
struct Claim {
  std::string device_id;
  std::string address;
  base::WallTime first;
  base::WallTime last;
};

struct AssetFilter {
  std::string search = {};    // in names, addresses, vendor, model ..., whatever the case
  std::string type = {};      // the whole of it, whatever the case
  std::string protocol = {};  // that it serves or uses
  std::int64_t level = 0;     // of the Purdue model; 0: any
  std::string sensor = {};    // the sensor's device
  bool gone = false;          // also those that are no devices of their own any more
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before
};

struct AssetPage {
  std::vector<Asset> items;
  std::string next_cursor;  // empty: no more
  std::int64_t total = 0;
};

struct Bounds {
  std::size_t assets_of_sensor = 50'000;
  std::size_t assets = 400'000;
  std::size_t addresses_of_device = 256;
};

// What had to go for a bound: what was not seen for the longest time.
struct Evicted {
  std::uint64_t assets = 0;
  std::uint64_t addresses = 0;  // of assets and devices, by which they are not found then
};

// The file, in the folder of the hub's state.db. Errors of both classes: those of store::Sqlite,
// and those that are named.
std::string file_beside(const std::string& state_file);

// Writes the tables, in a SQLite file of their own. What was changed is durable after return; told
// again it changes nothing. Threads: one at a time.
class Writer {
 public:
  // Addresses of one asset by which it can be found.
  static constexpr std::size_t kAddressesOfAsset = 64;

  static base::Result<Writer> open(const std::string& path, const Bounds& bounds);

  // A picture that is older than what is known says only that it was there before. Claims of one
  // device and address become one.
  base::Result<Evicted> put(std::span<const Picture> pictures, std::span<const Claim> claims);
  // All that a device said; of a sensor: with its module, only what that said.
  base::Result<void> forget(const Sensor& who);

 private:
  Writer(store::Sqlite writer, const Bounds& bounds)
      : writer_(std::move(writer)), bounds_(bounds) {}

  base::Result<bool> put_picture(const Picture& picture, Evicted& evicted);
  base::Result<std::uint64_t> put_addresses(std::int64_t asset, const Picture& picture);
  base::Result<bool> put_claim(const Claim& claim);
  base::Result<std::uint64_t> trim_assets(const Sensor* sensor, std::size_t most);
  base::Result<std::uint64_t> trim_claims(const std::string& device_id);

  store::Sqlite writer_;
  Bounds bounds_;
};

// Reads the tables, while another may write them. Threads: one at a time.
class Reader {
 public:
  // Errors: Io (there is no such file).
  static base::Result<Reader> open(const std::string& path);

  // Errors: Invalid (cursor).
  base::Result<AssetPage> list(const AssetFilter& filter);
  // Errors: NotFound.
  base::Result<Asset> asset(std::string_view id);
  // Those that have any of these addresses, of either kind, and are there; by id.
  base::Result<std::vector<Asset>> assets_with(std::span<const std::string> addresses);
  // What a device claims; and who claims an address.
  base::Result<std::vector<Claim>> claims_of(std::string_view device_id);
  base::Result<std::vector<Claim>> claimants(std::string_view address);
  base::Result<std::int64_t> count();

 private:
  explicit Reader(store::Sqlite reader) : reader_(std::move(reader)) {}
  base::Result<void> read_addresses(std::vector<Asset>& assets);

  store::Sqlite reader_;
};

}  // namespace hub::network
