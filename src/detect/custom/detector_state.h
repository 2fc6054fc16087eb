#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "detect/custom/detector.h"
#include "detect/custom/device.h"
#include "detect/custom/events.h"
#include "detect/custom/presence.h"

// The inside of the detector; for the sources of this folder. What it does is in detector.cc,
// counts in windows in detector_windows.cc, lists of what is allowed in detector_lists.cc, and what
// it remembers in detector_saving.cc.
namespace detect::custom {

inline constexpr base::WallTime kNever = base::WallTime::max();

constexpr std::uint32_t bit(Type type) {
  return std::uint32_t{1} << static_cast<unsigned>(type);
}

using RulePtr = std::shared_ptr<const Rule>;

struct GroupRules {
  std::vector<RulePtr> all;
  std::uint32_t types = 0;
  bool minimum = false;  // some count may be too small
};

// All that is in force.
struct Book {
  std::vector<RulePtr> rules;
  std::unordered_map<std::string, GroupRules> groups;
  std::unordered_map<std::string_view, RulePtr> by_id;  // views into the rules
  std::uint32_t types = 0;
  bool minimum = false;

  explicit Book(std::vector<RulePtr> given) : rules(std::move(given)) {
    for (const RulePtr& rule : rules) {
      const Definition& definition = rule->definition();
      if (!definition.enabled) continue;
      GroupRules& group = groups[definition.group];
      group.all.push_back(rule);
      group.types |= bit(definition.type);
      types |= bit(definition.type);
      const bool low = rule->info().kind == Kind::Range && definition.min > 0;
      group.minimum = group.minimum || low;
      minimum = minimum || low;
      by_id.emplace(rule->id(), rule);
    }
  }
};

using EvidenceMaker = std::function<Evidence()>;

struct CustomDetector::State {
  using Devices = std::list<Device>;

  State(Fleet& known, Options given) : fleet(known), options(given) {}

  Fleet& fleet;
  const Options options;

  std::mutex mutex;  // guards `next`
  std::shared_ptr<const Book> next = std::make_shared<Book>(std::vector<RulePtr>());
  std::atomic<std::uint64_t> next_version{1};

  std::shared_ptr<const Book> book = next;
  std::uint64_t version = 1;
  Devices devices;  // the last used first
  std::unordered_map<std::string_view, Devices::iterator> by_id;
  std::size_t bytes = 0;
  std::array<Presence, kWires> presences;  // by Wire; Any: by whatever
  base::WallTime due = kNever;             // something has to be judged or told then
  std::vector<std::string> forgotten;      // keys of memory
  std::vector<std::string> dirty_devices;
  std::map<std::string, std::pair<std::string, std::string>> dirty_holds;  // device and hold

  std::atomic<std::uint64_t> rule_count{0};
  std::atomic<std::uint64_t> device_count{0};
  std::atomic<std::uint64_t> byte_count{0};
  base::Counter late;
  base::Counter evicted_devices;
  base::Counter evicted_values;
  base::Counter unjudged;

  void adopt(std::vector<Finding>& findings);
  void link(Device& device, const Book& former, std::vector<Finding>& findings);
  Device& add_device(std::string_view id);
  Device* find_device(std::string_view id, std::vector<Finding>& findings);
  const GroupRules* rules_of(const Device& device) const;
  void settle(Device& device);
  void mark(Device& device);
  void make_room(std::vector<Finding>& findings);
  void erase(Devices::iterator device);

  Finding new_finding(const Rule& rule, const Device& device, const Observation& seen) const;
  void take(const Observation& seen, const EvidenceMaker& evidence, std::vector<Finding>& findings);
  Series& series_of(Device& device, const RulePtr& rule, base::WallTime begin);
  void count(Device& device, const RulePtr& rule, const Observation& seen,
             const EvidenceMaker& evidence, std::vector<Finding>& findings);
  void compare(Device& device, const RulePtr& rule, const Observation& seen,
               const EvidenceMaker& evidence, std::vector<Finding>& findings);
  void tell(const Rule& rule, const Device& device, Held& held, std::vector<Finding>& findings);
  void drop_hold(Device& device, std::map<std::string, Held>::iterator held);
  void make_room_for_hold(Device& device, std::vector<Finding>& findings);

  void learn_users(const schema::Event& event, const Origin& origin,
                   std::vector<Finding>& findings);
  void note_connection(const store::OperationRow& operation, base::WallTime time);
  void scan(base::WallTime now, std::vector<Finding>& findings);
  void release(Device& device, base::WallTime now, std::vector<Finding>& findings);
  void judge(Device& device, base::WallTime now, std::vector<Finding>& findings);
  void judge(Device& device, Series& series, base::WallTime now, std::vector<Finding>& findings);
  const Presence& presence_for(const Rule& rule) const {
    return presences[static_cast<std::size_t>(wire_of(rule.definition().type))];
  }
  bool is_whole(const Device& device, const Series& series, std::int64_t window) const;
  std::chrono::nanoseconds delay_of(const Device& device, const Rule& rule);
};

}  // namespace detect::custom
