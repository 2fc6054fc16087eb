#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "detect/detector.h"

// A device and its hub, for tests of detectors.
namespace detect::changes {

inline constexpr base::WallTime kStart = base::WallTime(std::chrono::seconds(1'790'000'000));

inline base::WallTime at(std::int64_t seconds) {
  return kStart + std::chrono::seconds(seconds);
}

template <class Item>
schema::Event event_of(std::int64_t second, std::vector<Item> items) {
  static std::uint64_t number = 0;
  schema::Event event;
  event.id = base::Guid::derived("changes_test", std::to_string(++number));
  event.time = {at(second), std::chrono::minutes(0)};
  event.payload = std::move(items);
  return event;
}

// "Title: entity", of all; one that ends an alert has a minus in front.
inline std::vector<std::string> named(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings) {
    EXPECT_FALSE(finding.why.empty());
    EXPECT_FALSE(finding.evidence.event_id == base::Guid());
    out.push_back((finding.effect == Effect::Resolve ? "-" : "") + finding.rule.title + ": " +
                  finding.entity);
  }
  return out;
}

// Drives a detector, which is thrown away and made again from what it kept at any time.
template <class Made>
class Bench {
 public:
  template <class... Arguments>
  explicit Bench(Arguments... arguments)
      : make_([arguments...] { return std::make_unique<Made>(arguments...); }),
        detector_(make_()) {}

  std::vector<Finding> event(const schema::Event& event, const std::string& device = "d1",
                             std::optional<std::int64_t> received = std::nullopt) {
    std::vector<Finding> out;
    const base::WallTime when = received ? at(*received) : event.time.utc;
    const Origin origin{device, "agent", when, ++sequence_};
    detector_->on_message(origin, out);
    detector_->on_event(event, origin, out);
    return out;
  }
  std::vector<Finding> operation(std::int64_t second, std::string_view name,
                                 std::string_view device, std::string_view module = {}) {
    std::vector<Finding> out;
    store::OperationRow row;
    row.category = "DeviceIdentityOperations";
    row.operation = name;
    row.status_code = 200;
    row.device_id = device;
    row.module_id = module;
    detector_->on_operation(row, {device, module, at(second), ++sequence_}, out);
    return out;
  }
  std::vector<Finding> twin(std::int64_t second, store::TwinRow row) {
    std::vector<Finding> out;
    detector_->on_twin(row, {row.device_id, row.module_id, at(second), ++sequence_}, out);
    return out;
  }
  std::vector<Finding> time(std::int64_t second) {
    std::vector<Finding> out;
    detector_->on_time(at(second), out);
    return out;
  }

  void save() {
    std::vector<MemoryChange> changes;
    detector_->save(changes);
    for (MemoryChange& change : changes) {
      if (change.value) {
        disk_[change.key] = std::move(*change.value);
      } else {
        disk_.erase(change.key);
      }
    }
  }
  void restart() {
    save();
    detector_ = make_();
    for (const auto& [key, value] : disk_)
      EXPECT_TRUE(detector_->restore(key, value)) << key << " " << value;
  }
  // What is kept is of no use when it is damaged, and does no harm.
  void expect_damage_is_found() {
    save();
    EXPECT_FALSE(disk_.empty());
    for (const auto& [key, value] : disk_) {
      const auto other = make_();
      for (std::size_t size = 0; size + 1 < value.size(); ++size)
        static_cast<void>(other->restore(key, value.substr(0, size)));
      EXPECT_FALSE(other->restore(key, value.substr(0, value.size() / 2)));
      EXPECT_FALSE(other->restore(key, "[]"));
      EXPECT_FALSE(other->restore(key, ""));
    }
  }
  const std::map<std::string, std::string>& disk() const { return disk_; }
  Made& detector() { return *detector_; }

 private:
  std::function<std::unique_ptr<Made>()> make_;
  std::unique_ptr<Made> detector_;
  std::map<std::string, std::string> disk_;
  std::uint64_t sequence_ = 0;
};

}  // namespace detect::changes
