#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "detect/detector.h"
#include "hub/network/tables.h"

namespace hub::network {

struct Options {
  std::string path;  // file_beside() of state.db, made when absent
  Bounds bounds;
};

// Since start.
struct Counters {
  base::Counter assets;             // descriptions of devices that sensors sent
  base::Counter assets_evicted;     // devices forgotten for want of room
  base::Counter addresses_evicted;  // addresses, of these and of devices with an agent
  base::Counter failures;           // of the store; it is tried again
};

// As a detector it keeps the latest picture of each device that sensors see, and the addresses that
// agents have by their connections, listening ports and network cards. It finds nothing.
//
// What it is told of goes to its tables before it counts as decided (settle); told again after a
// crash it changes nothing, as the newest picture stays and times only grow. Devices and modules
// that are deleted take along what they said.
// Threads: what is Detector's, one at a time; the rest any.
class Network final : public detect::Detector {
 public:
  // Errors: those of the store.
  static base::Result<std::unique_ptr<Network>> open(Options options);

  void on_event(const schema::Event& event, const detect::Origin& origin,
                std::vector<detect::Finding>& findings) override;
  void on_twin(const store::TwinRow& twin, const detect::Origin& origin,
               std::vector<detect::Finding>& findings) override;
  base::Result<void> settle() override;

  // Devices that sensors see. Threads: any.
  base::Result<std::int64_t> count() const;
  const Counters& counters() const { return counters_; }

 private:
  // An address that is claimed all the time is written so often.
  static constexpr std::chrono::minutes kAgain{10};
  static constexpr std::size_t kMostWritten = 100'000;

  Network(Writer tables, Reader reader) : tables_(std::move(tables)), reader_(std::move(reader)) {}
  void take(const schema::NetworkAsset& item, const detect::Origin& origin,
            base::WallTime observed);
  void claim(std::string_view device_id, std::string address, base::WallTime time);
  void claim_host(std::string_view device_id, std::string_view text, base::WallTime time);

  using Key = std::pair<std::string, std::string>;
  Writer tables_;
  mutable std::mutex reader_mutex_;
  mutable Reader reader_;  // guarded by reader_mutex_
  Counters counters_;
  std::map<std::pair<Sensor, std::string>, Picture> pictures_;  // by the sensor and its name of it
  std::map<Key, Claim> claims_;                                 // by device and address
  std::vector<Sensor> deleted_;
  // What was written of late, so that it need not be again: device, newline, address.
  std::unordered_map<std::string, base::WallTime> written_;
};

}  // namespace hub::network
