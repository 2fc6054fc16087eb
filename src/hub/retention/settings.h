#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hub::retention {

// How long and how much of a table is kept; 0: without limit.
struct Limit {
  std::chrono::seconds max_age{0};
  std::uint64_t max_bytes = 0;  // on disk
  bool operator==(const Limit&) const = default;
};

// Which raw events become rows. Detection sees all of them either way.
enum class RawEvents : std::uint8_t { Off, On, Chosen };
std::string_view to_string(RawEvents raw);  // "off"

struct RawChoice {
  RawEvents mode = RawEvents::On;
  // Chosen: what is stored is of one of these types and of a device in one of these security
  // groups; an empty list stands for all.
  std::vector<std::string> types;
  std::vector<std::string> groups;

  // Whether it takes the device's group to tell.
  bool needs_group() const { return mode == RawEvents::Chosen && !groups.empty(); }
  bool takes_type(std::string_view type) const;
  bool takes_group(std::string_view group) const;
};

// [retention] of hub.toml.
struct Settings {
  RawChoice raw;
  Limit otherwise;                                   // of tables that have no limit of their own
  std::map<std::string, Limit, std::less<>> tables;  // by the names that queries use
  std::uint64_t disk_max = 0;                        // of the whole event store; 0: no limit
  std::chrono::seconds interval{60};                 // between looks at age and sizes
  double cost_per_gib = 0;                           // of what is stored, as it came
  std::string currency;

  Limit of(std::string_view table) const;
};

// What a limit of the disk means: above `start` the oldest rows go until `goal` is reached, and
// above `stop` no further rows are stored.
struct Marks {
  std::uint64_t goal = 0;
  std::uint64_t start = 0;
  std::uint64_t stop = 0;
};
// 80, 90 and 92 percent. The rest is for what is written between two looks, and for pieces while
// the rows that they are made of are still there.
Marks marks_of(std::uint64_t disk_max);

// Raw events are kept for 90 days, telemetry for 30, operations for 90; alerts, the audit and Usage
// for 400. Others without limit.
Settings default_settings();

}  // namespace hub::retention
