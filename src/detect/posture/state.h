#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/posture/verdict.h"

// Assessments and exceptions, as they are kept.
namespace detect::posture {

// Active: something is wrong. Resolved: nothing is, any more or from the start. Dismissed: all that
// is wrong was accepted by somebody.
enum class State : std::uint8_t { Active, Resolved, Dismissed };
std::string_view to_string(State state);  // "active"
std::optional<State> parse_state(std::string_view text);

// What somebody accepts, and why: the whole of a recommendation or one item of it, on one device,
// in a security group, or everywhere.
struct Exception {
  std::int64_t id = 0;
  Kind kind{};
  std::string device_id;  // empty: all
  std::string group;      // empty: all
  std::string item;       // an item's key; empty: all
  std::string reason;
  std::string actor;
  base::WallTime created;
  std::optional<base::WallTime> expires;

  bool covers(std::string_view device, std::string_view device_group, std::string_view key) const {
    return (device_id.empty() || device_id == device) && (group.empty() || group == device_group) &&
           (item.empty() || item == key);
  }
};

struct KeptItem {
  Item item;
  base::WallTime since;
  std::int64_t exception = 0;  // that accepts it; 0: none does
};

// A recommendation for one device, or for the hub.
struct Assessment {
  Kind kind{};
  std::string device_id;  // empty: the hub
  std::string group;      // security group of the device; empty: the hub, or not known
  State state = State::Resolved;
  Severity severity{};
  base::WallTime first_evaluated;
  base::WallTime evaluated;
  base::WallTime observed;                   // of what it was last judged by
  base::WallTime changed;                    // of the state
  std::optional<base::WallTime> discovered;  // the last time that something began to be wrong
  std::optional<base::WallTime> resolved;    // the last time that nothing was wrong any more
  double credit = 1;
  std::int64_t item_count = 0;
  std::int64_t accepted_count = 0;  // of these, by exceptions
  std::vector<KeptItem> items;      // where they were asked for
};

// What an exception that is not made yet would do.
struct ExceptionPreview {
  std::int64_t items = 0;             // that it would accept
  std::int64_t devices = 0;           // that have them; the hub counts as one
  std::vector<std::string> examples;  // some of these
};

// One recommendation over many devices.
struct Summary {
  Kind kind{};
  State state = State::Resolved;  // Active when it is on any of them
  Severity severity{};            // the worst of those on which it is active
  std::int64_t unhealthy = 0;
  std::int64_t healthy = 0;
  std::int64_t dismissed = 0;
  std::optional<base::WallTime> evaluated = {};
  std::optional<base::WallTime> changed = {};
  double credit = 0;  // the sum of the credits of those that count: not dismissed
};

// The same thing on many devices.
struct ItemSummary {
  std::string key;
  std::string title;  // of one of them
  Severity severity{};
  std::int64_t devices = 0;
  std::int64_t accepted = 0;  // of these
  base::WallTime since;       // the first
};

// The whole: 100 when nothing is wrong.
struct Score {
  std::optional<double> percent;  // nullopt: nothing was assessed
  std::int64_t devices = 0;       // that were assessed
  struct Part {
    Kind kind{};
    double points = 0;
    double most = 0;
    std::int64_t unhealthy = 0;
    std::int64_t healthy = 0;
    double gain = 0;  // what the percentage would rise by, were all of it in order
  };
  std::vector<Part> parts;  // those with the most to gain first
};
// Every recommendation counts by its severity and by the share of devices that are healthy; what
// was dismissed does not count. Pure.
Score score_of(const std::vector<Summary>& summaries);

struct GroupScore {
  std::string group;
  Score score;
};

}  // namespace detect::posture
