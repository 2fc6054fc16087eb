#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "uplink/spool.h"

namespace uplink {

inline std::unique_ptr<Spool> must_open(const std::string& folder,
                                        std::size_t max_bytes = 1U << 20U,
                                        std::size_t max_event_bytes = 256U << 10U) {
  auto spool =
      Spool::open({.folder = folder, .max_bytes = max_bytes, .max_event_bytes = max_event_bytes});
  if (!spool) {
    ADD_FAILURE() << spool.error().to_string();
    return nullptr;
  }
  return std::move(*spool);
}

inline std::vector<std::string> read_all(Spool& spool, Priority priority) {
  std::vector<std::string> events;
  for (;;) {
    const auto record = spool.read(priority);
    if (!record) ADD_FAILURE() << record.error().to_string();
    if (!record || !*record) return events;
    events.emplace_back(base::as_text((*record)->payload));
  }
}

inline void expect_balanced(const LaneStats& lane) {
  EXPECT_EQ(lane.collected, lane.acknowledged + lane.dropped() + lane.pending)
      << "acknowledged " << lane.acknowledged << " evicted " << lane.evicted << " lost "
      << lane.lost << " too large " << lane.too_large << " refused " << lane.refused << " pending "
      << lane.pending;
  EXPECT_LE(lane.pending, lane.collected);
}

inline void expect_balanced(const Spool& spool) {
  const SpoolStats stats = spool.stats();
  expect_balanced(stats.high);
  expect_balanced(stats.low);
}

}  // namespace uplink
