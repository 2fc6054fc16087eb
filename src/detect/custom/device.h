#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/custom/definition.h"

// What custom alerts remember of a device. For the sources of this folder.
namespace detect::custom {

struct Window {
  std::int64_t index = 0;
  std::int64_t count = 0;
  bool told = false;
};

// The counts of a Range.
struct Series {
  // Windows kept: late events find theirs, and what is too little is judged late, too.
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kKeptForMinimum = 160;

  std::shared_ptr<const Rule> rule;  // nullptr: restored, and not linked yet
  std::string rule_id;
  base::WallTime since;                 // as the rule's
  std::optional<base::WallTime> first;  // observation
  std::int64_t judged = 0;              // windows before it were judged for too little
  std::vector<Window> windows;          // by rising index, those with a count

  // The window, made when it is not there; nullptr: it is too old.
  Window* window(std::int64_t index);
  std::int64_t count(std::int64_t index) const;
};

// A value of a List that was told, and what happened of it since.
struct Held {
  std::string rule_id;
  std::string value;
  base::WallTime until;
  std::int64_t hits = 0;  // not told yet
  // Of the last of these.
  base::WallTime received;
  std::string module_id;
  std::optional<Evidence> evidence;

  std::size_t bytes() const;
};

struct Device {
  std::string id;
  std::string group;
  std::uint64_t fleet_version = 0;  // when the group was read; 0: not yet
  std::string agent;                // the module that events come from
  std::vector<Series> series;
  std::map<std::string, Held> held;          // by hold_key()
  std::map<std::string, std::string> users;  // names by UserId, of the latest LocalUsers
  // How late its events are: the most of this day and of the day before.
  std::chrono::nanoseconds lag{0};
  std::chrono::nanoseconds lag_before{0};
  base::WallTime lag_since;
  bool dirty = false;     // its memory is to be saved
  bool resized = true;    // its size is to be counted again
  std::size_t bytes = 0;  // as counted last
  std::size_t user_bytes = 0;

  std::size_t measure() const;
  void set_users(std::map<std::string, std::string> all);
  void note_lag(base::WallTime happened, base::WallTime received);
};

std::string hold_key(std::string_view rule_id, std::string_view value);

// Pieces of memory: `d` and the device's id, `h` and a hold's.
std::string device_key(std::string_view device);
std::string held_key(std::string_view device, std::string_view hold);
std::string device_json(const Device& device);
std::string held_json(const Held& held);
// Into a device that has an id only. False: the text is none of ours.
bool read_device(std::string_view json, Device& device);
bool read_held(std::string_view json, Held& held);

}  // namespace detect::custom
