#pragma once

#include <cstdint>
#include <string_view>

#include "base/counter.h"
#include "base/result.h"
#include "store/catalogue.h"
#include "store/duck.h"
#include "store/events.h"

namespace store {

// Keeps the table behind Usage: how many rows and bytes were stored on each day, by table, device
// and event type, as they came. Each batch adds its sums in its own transaction, so that they are
// exactly those of the rows; now and then the sums of a day are merged.
// Threads: the writer's.
class UsageMeter {
 public:
  // Adds the batch's sums within the connection's transaction. Errors: as duck::to_error().
  base::Result<void> append(duck::Connection& connection, const Batch& batch);
  // The same for rows that are in `relation`, which has the stored columns of `table`: those that
  // are imported. They count as they did when they first came.
  base::Result<void> append(duck::Connection& connection, const TableDefinition& table,
                            std::string_view relation);
  // Merges when there is enough to merge, in a transaction of its own. A failure is logged and
  // counted: the sums are right without, and the next batch tries again.
  void settle(duck::Connection& connection);

  std::uint64_t merges() const { return merges_.value(); }
  std::uint64_t failures() const { return failures_.value(); }

  // Rows that wait to be merged before it is done.
  void set_limit(std::uint64_t rows) { limit_ = rows; }

 private:
  std::uint64_t limit_ = 500'000;
  std::uint64_t added_ = 0;
  base::Counter merges_;
  base::Counter failures_;
};

}  // namespace store
