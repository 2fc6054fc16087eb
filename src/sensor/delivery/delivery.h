#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/time.h"
#include "schema/message.h"
#include "sensor/delivery/assets.h"
#include "sensor/delivery/conversations.h"
#include "sensor/delivery/interest.h"
#include "sensor/engine/engine.h"
#include "uplink/spool.h"

namespace sensor::delivery {

// What is told, and how often. All of it may change while it runs.
struct Settings {
  AccessSet accesses = kInteresting;
  std::uint64_t transactions_in_a_minute = 6000;
  std::chrono::nanoseconds assets_every = std::chrono::seconds(30);
  std::chrono::nanoseconds conversations_every = std::chrono::minutes(5);
  bool operator==(const Settings&) const = default;
};

// Makes events of what workers tell and of what the inventory has learned, in the packets' time.
// Threads: one.
class Delivery {
 public:
  using Outlet = std::function<void(schema::Event, uplink::Priority)>;
  using Devices = std::function<std::vector<inventory::Device>()>;

  // `sensor` makes the ids of its events its own. `devices` is asked for what the inventory has,
  // after it was told of the same records.
  Delivery(std::string sensor, std::set<std::string, std::less<>> industrial, Devices devices,
           Outlet outlet);

  void configure(const Settings& settings);

  void take(const engine::Record& record);
  // So late it is, at least: what is due is told. Records say it, too.
  void pass_time(base::WallTime now);
  // Tells all that is left.
  void finish();

  std::size_t assets() const { return assets_.known(); }
  // As Assets has them.
  std::map<std::string, base::WallTime, std::less<>> told_assets() const { return assets_.told(); }
  void remember(const std::map<std::string, base::WallTime, std::less<>>& told) {
    assets_.remember(told);
  }
  // What was not told for a bound.
  std::uint64_t left_out() const { return conversations_.left_out() + interest_.held_back(); }

 private:
  // Something that is done every so often.
  class Turn {
   public:
    bool due(base::WallTime now, std::chrono::nanoseconds every);

   private:
    base::WallTime last_;
  };
  // Items of one event: few enough that nothing has to be divided again and again.
  static constexpr std::size_t kItems = 100;

  template <class Item>
  void tell(std::vector<Item> items, base::WallTime time);
  void tell_assets();

  std::string sensor_;
  Devices devices_;
  Outlet outlet_;
  Settings settings_;
  Interest interest_;
  Conversations conversations_;
  Assets assets_;
  Turn assets_turn_;
  Turn conversations_turn_;
  base::WallTime now_;
};

}  // namespace sensor::delivery
