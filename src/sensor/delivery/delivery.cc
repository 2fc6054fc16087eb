#include "sensor/delivery/delivery.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sensor/delivery/events.h"

namespace sensor::delivery {

bool Delivery::Turn::due(base::WallTime now, std::chrono::nanoseconds every) {
  // The first is a whole turn after the beginning, so that there is something to tell.
  if (last_ == base::WallTime{}) last_ = now;
  if (now - last_ < every) return false;
  last_ = now;
  return true;
}

Delivery::Delivery(std::string sensor, std::set<std::string, std::less<>> industrial,
                   Devices devices, Outlet outlet)
    : sensor_(std::move(sensor)),
      devices_(std::move(devices)),
      outlet_(std::move(outlet)),
      interest_(settings_.accesses, std::move(industrial), settings_.transactions_in_a_minute) {}

void Delivery::configure(const Settings& settings) {
  settings_ = settings;
  interest_.set_accesses(settings.accesses);
  interest_.set_most_in_a_minute(settings.transactions_in_a_minute);
}

void Delivery::take(const engine::Record& record) {
  if (const auto* done = std::get_if<engine::TransactionRecord>(&record.content)) {
    const dissect::Transaction& one = done->transaction;
    pass_time(one.time);
    if (!has_address(one.client) || !has_address(one.server) || !interest_.wants(one)) return;
    outlet_(event_of(schema::payload_of(transaction_item(*done)), one.time, sensor_),
            Interest::priority(one.access));
  } else if (const auto* flow = std::get_if<engine::FlowRecord>(&record.content)) {
    pass_time(flow->last);
    conversations_.add(*flow);
  } else if (const auto* seen = std::get_if<engine::SightingRecord>(&record.content)) {
    pass_time(seen->time);
  }
}

void Delivery::pass_time(base::WallTime now) {
  now_ = std::max(now_, now);
  if (conversations_turn_.due(now_, settings_.conversations_every))
    tell(conversations_.take(), now_);
  if (assets_turn_.due(now_, settings_.assets_every)) tell_assets();
}

void Delivery::finish() {
  tell(conversations_.take(), now_);
  tell_assets();
}

void Delivery::tell_assets() {
  for (auto& [time, items] : assets_.changed(devices_(), now_))
    tell(std::move(items), time);
}

template <class Item>
void Delivery::tell(std::vector<Item> items, base::WallTime time) {
  for (std::size_t at = 0; at < items.size(); at += kItems) {
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kItems, items.size() - at));
    std::vector<Item> some(std::make_move_iterator(begin), std::make_move_iterator(end));
    outlet_(event_of(std::move(some), time, sensor_), uplink::Priority::Low);
  }
}

}  // namespace sensor::delivery
