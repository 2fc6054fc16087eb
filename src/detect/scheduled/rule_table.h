#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "detect/scheduled/analytics.h"
#include "store/sqlite.h"

// The tables of analytic rules, one function for each statement; for the sources of this folder.
// Errors: those of store::Statement::step().
namespace detect::scheduled {

std::span<const std::string_view> rule_migrations();

// A rule as it is kept: its text is read again when it is used.
struct StoredRule {
  std::string id;
  std::string yaml;
  std::string file;  // of one that comes with the program
  bool enabled = true;
  std::int64_t version = 1;
  base::WallTime updated;
  std::string updated_by;
  base::WallTime window_end;                   // of the last run that went well
  base::WallTime not_before;                   // a rule that failed waits
  std::optional<base::WallTime> silent_until;  // suppressed
  std::int64_t runs = 0;
  std::int64_t failures = 0;
  std::int64_t findings = 0;
  std::optional<LastRun> last;
};

base::Result<std::vector<StoredRule>> read_rules(store::Sqlite& db);
base::Result<std::optional<StoredRule>> find_rule(store::Sqlite& db, std::string_view id);
base::Result<std::int64_t> count_rules(store::Sqlite& db);
// Text, switch, version and window of a rule; inserts it when it is new.
base::Result<void> write_rule(store::Sqlite& db, const StoredRule& rule);
base::Result<void> delete_rule(store::Sqlite& db, std::string_view id);
// Those that came with the program and are not among `ids` any more.
base::Result<void> delete_old_builtins(store::Sqlite& db, const std::vector<std::string>& ids);

// What a run leaves behind: window_end, not_before, silent_until, totals and `last`.
base::Result<void> write_run(store::Sqlite& db, const StoredRule& rule);

// Rows that were found, so that overlapping windows do not find them again.
base::Result<bool> is_known_row(store::Sqlite& db, std::string_view id, const base::Guid& row);
// Remembers them; forgets those that no window from `oldest` on can have.
base::Result<void> remember_rows(store::Sqlite& db, std::string_view id,
                                 const std::vector<base::Guid>& rows, const Window& window);

}  // namespace detect::scheduled
