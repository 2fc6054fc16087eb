#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detect/custom/definition.h"
#include "detect/detector.h"

namespace detect::custom {

// What the alerts have to know of a device.
class Fleet {
 public:
  Fleet() = default;
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  virtual ~Fleet() = default;

  // Its security group; empty: there is no such device.
  virtual std::string group_of(std::string_view device) = 0;
  // How long its agent keeps events together before it sends them.
  virtual std::chrono::nanoseconds reporting_delay(std::string_view device) = 0;
  // Another number when an answer may have changed.
  virtual std::uint64_t version() const = 0;
};

struct Counters {
  std::uint64_t rules = 0;    // in force
  std::uint64_t devices = 0;  // that something is remembered of
  std::uint64_t bytes = 0;    // of that, about
  // Totals.
  std::uint64_t late = 0;             // too old to be counted
  std::uint64_t evicted_devices = 0;  // forgotten for want of memory
  std::uint64_t evicted_values = 0;   // of lists, told before their time was over
  std::uint64_t unjudged = 0;         // windows that ended when nobody looked
};

// Something that was counted, or seen: `count` things of that type at that time, or of the value.
struct Observation {
  Type type = Type::ActiveConnections;
  std::string_view device_id;
  std::string_view module_id;
  base::WallTime time;      // when it happened
  base::WallTime received;  // when we learnt of it
  std::int64_t count = 1;
  std::string_view value = {};  // of a List; an address as Address::to_string() gives it
  std::uint64_t sequence = 0;   // of the journal record
};

// Custom alerts: counts that are out of their range in a window of time, and values that a list
// does not allow.
//
// Windows follow each other from the moment when a definition came into force, so that none is
// partial but a device's first: that one is not judged for being too low. What is too much is told
// at once, what is too little when the window is over. Events of agents count at the time when they
// happened, also when they arrive later; operations of the hub at the hub's. What is too little is
// judged for devices that were connected when the window began and when it ended, over the protocol
// that is asked about, as the hub's operations tell (deviceConnect, deviceDisconnect); of one whose
// connections are not known, a count of zero is not.
// What a list does not allow is told at once; the same of the same device is summed up for an hour.
//
// Threads: set() and counters() any; the rest one at a time.
class CustomDetector final : public Detector {
 public:
  struct Options {
    std::size_t max_bytes = std::size_t{64} << 20U;
    // The same value of the same device within that time adds to the first.
    std::chrono::seconds quiet{std::chrono::hours{1}};
  };

  // `fleet` must outlive it.
  explicit CustomDetector(Fleet& fleet) : CustomDetector(fleet, Options()) {}
  CustomDetector(Fleet& fleet, Options options);
  ~CustomDetector() override;

  // What is in force from now on; first before all else. Counts of rules that only have other
  // limits go on.
  void set(std::vector<std::shared_ptr<const Rule>> rules);
  Counters counters() const;

  void on_event(const schema::Event& event, const Origin& origin,
                std::vector<Finding>& findings) override;
  void on_operation(const store::OperationRow& operation, const Origin& origin,
                    std::vector<Finding>& findings) override;
  void on_audit(const store::AuditRow& change, const Origin& origin,
                std::vector<Finding>& findings) override;
  // Windows of hub counts are judged when `now` is their end; of events when they should have
  // arrived as well.
  void on_time(base::WallTime now, std::vector<Finding>& findings) override;
  // For replays of what is stored.
  void observe(const Observation& observation, std::vector<Finding>& findings);

  std::vector<RuleInfo> rules() const override;
  std::string_view name() const override { return "custom"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detect::custom
