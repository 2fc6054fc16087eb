#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/jobs/transfer.h"
#include "store/sqlite.h"

namespace hub::jobs {

// The rows behind the imports and exports. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement, and what is named.
class TransferTable {
 public:
  static base::Result<void> migrate(store::Sqlite& database);
  explicit TransferTable(store::Sqlite database) : database_(std::move(database)) {}

  base::Result<void> insert(const Transfer& transfer);
  // Errors: NotFound.
  base::Result<Transfer> find(std::string_view id);
  base::Result<std::vector<Transfer>> list(std::size_t limit);
  // Running ones first, then the oldest; nullopt: all have ended.
  base::Result<std::optional<Transfer>> next();
  base::Result<std::uint64_t> count_unfinished();
  // Stores what changes in its life, unless it has ended. False: it had.
  base::Result<bool> set(const Transfer& transfer);
  base::Result<void> forget(base::WallTime before);

 private:
  store::Sqlite database_;
};

}  // namespace hub::jobs
