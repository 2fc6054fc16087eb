#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"
#include "sensor/inventory/saved.h"

namespace sensor {

// Keeps a sensor's inventory in a file of its state folder, so that it outlasts the program and the
// machine's power. Packets wait for it to be copied, not for the disk: a thread of its own writes.
// Threads: one.
class Keeper {
 public:
  static constexpr const char* kFile = "/inventory";  // in the folder, 0600
  // What could not be read is called so instead.
  static constexpr const char* kSetAside = "/inventory.damaged";
  // Addresses that were not seen for so long go, where there is hardly any room left.
  static constexpr std::chrono::days kForgotten{30};

  // Nobody else may keep one there while that lives. Errors: Conflict (somebody does), Io.
  static base::Result<os::Fd> claim(const std::string& folder);

  // `inventory` outlives it. Begins with what the folder has; what cannot be read is set aside, and
  // told (write_status). An empty folder's name: nothing is kept.
  Keeper(std::string folder, std::chrono::nanoseconds every, inventory::Inventory& inventory);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Of what a hub was told, as it was kept, or is to be.
  inventory::ToldIds& told() { return told_; }
  // Whether it is time to save. `told()` should be right then.
  bool due(base::MonoTime now) const;
  // Begins to write what is known now. Only when it is due: a disk that is slow is not waited for.
  void save(base::MonoTime now, base::WallTime wall);
  // Writes what is known now, and waits until it is on the disk.
  void finish(base::WallTime wall);

  // For status: members of the object that is open.
  void write_status(base::json::Writer& json) const;

 private:
  void load();
  void set_aside(const base::Error& error);
  base::ByteVec copy(base::WallTime wall);
  void write(base::ByteVec content);  // on any thread
  void join();

  const std::string folder_;
  const std::chrono::nanoseconds every_;
  inventory::Inventory& inventory_;
  inventory::ToldIds told_;
  std::string loaded_ = "new";  // or "kept", "damaged"
  std::string problem_;         // what was wrong with what was set aside
  std::uint64_t forgotten_ = 0;
  std::chrono::microseconds copying_{0};  // how long packets waited, the last time
  std::size_t size_ = 0;
  base::MonoTime next_;
  base::WallTime begun_;  // the time of what is being written, or was last
  std::thread thread_;
  std::atomic<bool> writing_{false};
  std::atomic<std::int64_t> saved_{
      0};  // nanoseconds since 1970: when what is on the disk was known
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace sensor
