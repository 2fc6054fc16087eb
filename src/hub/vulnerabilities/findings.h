#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/vulnerabilities/matching.h"
#include "store/sqlite.h"

// What is installed on devices, and what of it is vulnerable, as it is kept.
namespace hub::vulnerabilities {

// A picture of a device's software.
struct Picture {
  std::string device_id;
  base::WallTime observed;  // pieces of one picture have the same
  base::WallTime received;
  Inventory inventory;
};

// A device that has to be looked at: its software or the bundles are others than it was judged by.
struct Due {
  std::int64_t device = 0;
  std::int64_t inventory = 0;
  std::string device_id;
  bool covered = false;  // a bundle is about its release; of due(): was, when it was last judged
};

// A flaw on a device.
struct Finding {
  Flaw flaw;
  base::WallTime since;  // when it was first found there, in whatever version
};

// Which flaws are told.
enum class Fix : std::uint8_t { Any, Available, None };
struct Filter {
  Fix fix = Fix::Any;
  advisories::Severity least = advisories::Severity::Unknown;
  // Also those that are no security matter (Negligible), and those of which nobody knows whether
  // they are there at all (Undetermined).
  bool all = false;
  std::string search = {};  // in names and packages, whatever the case
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before
};

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_cursor;  // empty: no more
  std::int64_t total = 0;
};

// One vulnerability over all devices.
struct FleetFlaw {
  std::string name;
  advisories::Severity severity{};
  double score = 0;
  std::int64_t devices = 0;
  std::int64_t fixable = 0;  // of these: where a fix can be installed
  std::vector<std::string> packages;
  base::WallTime since;  // the first
};

struct DeviceFinding {
  std::string device_id;
  Finding finding;
};

// How a device stands.
struct DeviceState {
  std::string release;                   // empty: of no distribution that advisories are read for
  base::WallTime received;               // of the picture
  std::optional<base::WallTime> judged;  // when it was last compared with the bundles
  bool covered = false;                  // a bundle is about its release
  std::int64_t packages = 0;             // that are installed, by source
  std::int64_t fixable = 0;              // flaws, of those that are told
  std::int64_t open = 0;
};

struct FleetState {
  std::int64_t devices = 0;  // with a picture
  std::int64_t waiting = 0;  // of these: to be judged yet
  std::int64_t uncovered = 0;
  std::int64_t vulnerable = 0;  // with a flaw that has a fix
};

// The tables, in a SQLite file of their own. What was changed is durable after return. Errors:
// those of store::Sqlite, and those that are named. Threads: any.
class Findings {
 public:
  static base::Result<std::unique_ptr<Findings>> open(const std::string& path);

  // A picture that is older than what is known says nothing; one of the same time adds to it.
  // Gives the devices whose software is another now.
  base::Result<std::vector<std::string>> put(std::span<const Picture> pictures);
  base::Result<void> forget(const std::string& device_id);

  // Devices that were not judged by these bundles and what they have now; those of one inventory
  // one after the other, after `after` (its `inventory` and `device`).
  base::Result<std::vector<Due>> due(std::string_view bundles, const Due& after,
                                     std::size_t limit) const;
  base::Result<std::int64_t> count_due(std::string_view bundles) const;
  base::Result<Inventory> inventory(std::int64_t id) const;
  // These in the place of what was found on it: only what changed is written. Whether the device is
  // still there.
  base::Result<bool> replace(const Due& due, const std::vector<Flaw>& flaws, base::WallTime now);
  base::Result<void> judged(std::span<const Due> devices, std::string_view bundles,
                            base::WallTime now);

  // Errors: NotFound (nothing is known of its software).
  base::Result<DeviceState> device(const std::string& device_id) const;
  // Errors: Invalid (cursor).
  base::Result<Page<Finding>> of_device(const std::string& device_id, const Filter& filter) const;
  // The severe and frequent first. Errors: Invalid (cursor).
  base::Result<Page<FleetFlaw>> fleet(const Filter& filter) const;
  base::Result<Page<DeviceFinding>> devices_with(const std::string& name,
                                                 const Filter& filter) const;
  base::Result<FleetState> state(std::string_view bundles) const;

 private:
  Findings(store::Sqlite writer, store::Sqlite reader)
      : writer_(std::move(writer)), reader_(std::move(reader)) {}

  base::Result<bool> put_one(const Picture& picture);
  base::Result<std::int64_t> inventory_id(const std::string& text);
  base::Result<std::int64_t> flaw_id(const Flaw& flaw);
  base::Result<void> drop_finding(std::int64_t device, std::int64_t flaw);

  std::mutex writer_mutex_;
  store::Sqlite writer_;  // guarded by writer_mutex_
  mutable std::mutex reader_mutex_;
  mutable store::Sqlite reader_;  // guarded by reader_mutex_
};

}  // namespace hub::vulnerabilities
