#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/egress/line.h"
#include "store/sqlite.h"

namespace hub::egress {

// How far each forward is, in SQLite. Threads: any.
class CursorTable {
 public:
  static base::Result<CursorTable> open(const std::string& path);
  CursorTable(CursorTable&& other) noexcept : db_(std::move(other.db_)) {}

  base::Result<std::optional<Offset>> find(std::string_view forward);
  // Durable after return.
  base::Result<void> save(std::string_view forward, const Offset& next);

 private:
  explicit CursorTable(store::Sqlite db) : db_(std::move(db)) {}
  std::mutex mutex_;
  store::Sqlite db_;
};

}  // namespace hub::egress
