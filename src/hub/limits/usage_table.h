#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "hub/limits/limits.h"
#include "store/sqlite.h"

namespace hub::limits {

// What each day used, in SQLite, so that a restart gives no day twice. Threads: one at a time.
class UsageTable {
 public:
  static constexpr std::int64_t kKeptDays = 400;

  // Makes its table where it is missing. Errors: those of store::Sqlite.
  static base::Result<UsageTable> open(const std::string& path);

  // The latest day.
  base::Result<Usage> latest();
  // Newest first.
  base::Result<std::vector<Usage>> days(std::size_t limit);
  // Replaces what is known of its day, and forgets what is too old.
  base::Result<void> store(const Usage& usage);

 private:
  explicit UsageTable(store::Sqlite database) : database_(std::move(database)) {}
  store::Sqlite database_;
};

}  // namespace hub::limits
