#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/retention/policy.h"
#include "store/sqlite.h"

namespace hub::retention {

// A legal hold as people see it.
struct HoldRecord {
  std::int64_t id = 0;
  std::string reason;
  std::string owner;                    // who answers for it
  std::string table;                    // empty: every table
  std::string device_id;                // empty: every device
  std::optional<base::WallTime> from;   // of TimeGenerated; nullopt: from the beginning
  std::optional<base::WallTime> to;     // not part of it; nullopt: what comes later, too
  std::optional<base::WallTime> until;  // ends by itself; nullopt: when somebody releases it
  base::WallTime created;
  std::string created_by;
  std::optional<base::WallTime> released;
  std::string released_by;
  std::string release_reason;

  bool is_active(base::WallTime now) const { return !released && (!until || now < *until); }
  Hold hold() const;
};

// The holds, in SQLite. What was released stays on record. Threads: any.
class HoldTable {
 public:
  // `path` may be shared with other components. Errors: those of store::Sqlite.
  static base::Result<HoldTable> open(const std::string& path);
  HoldTable(HoldTable&& other) noexcept : db_(std::move(other.db_)) {}

  // Durable after return; gives it its id.
  base::Result<HoldRecord> add(HoldRecord hold);
  // Errors: NotFound, Conflict (it has ended before).
  base::Result<HoldRecord> release(std::int64_t id, std::string_view by, std::string_view reason,
                                   base::WallTime now);
  // Errors: NotFound.
  base::Result<HoldRecord> get(std::int64_t id) const;
  // All, the newest first.
  base::Result<std::vector<HoldRecord>> list() const;
  base::Result<std::vector<Hold>> active(base::WallTime now) const;

 private:
  explicit HoldTable(store::Sqlite db) : db_(std::move(db)) {}

  mutable std::mutex mutex_;  // guards db_; held while the disk is written
  mutable store::Sqlite db_;
};

}  // namespace hub::retention
