#pragma once

#include <algorithm>
#include <vector>

#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

// Which of two is believed: what a person stated, else what is surer, else what was said later.
inline bool better(const Value& a, const Value& b) {
  if (a.stated != b.stated) return a.stated;
  if (a.confidence != b.confidence) return a.confidence > b.confidence;
  if (a.last != b.last) return a.last > b.last;
  return a.text < b.text;
}

// Adds what was said, the believed one first; at most so many.
inline void put(std::vector<Value>& values, const Value& value) {
  const auto same = std::ranges::find_if(values, [&](const Value& one) {
    return one.text == value.text && one.source == value.source && one.stated == value.stated;
  });
  if (same != values.end()) {
    same->confidence = std::max(same->confidence, value.confidence);
    same->first = std::min(same->first, value.first);
    same->last = std::max(same->last, value.last);
  } else {
    values.push_back(value);
  }
  std::ranges::sort(values, better);
  if (values.size() > Inventory::kMaxValues) values.pop_back();
}

}  // namespace sensor::inventory
