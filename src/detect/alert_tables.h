#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/alerts.h"
#include "store/sqlite.h"

// The tables that alerts are kept in, one function for each statement; for the sources of this
// folder. Errors: those of store::Statement::step(), and Malformed for JSON that is not what was
// written.
namespace detect {

std::span<const std::string_view> alert_migrations();

inline constexpr std::string_view kAlertColumns =
    "id, rule, title, severity, status, device_id, module_id, entity, first_seen, last_seen, "
    "hit_count, why, verdict, assignee, suppression, closed_at, version";
// A row of kAlertColumns.
base::Result<Alert> read_alert(const store::Statement& row);

base::Result<std::optional<Alert>> find_alert(store::Sqlite& db, std::string_view id);
// The open alert about the same thing, `entity` of it, among those that this suppression hides;
// empty: among those that are shown.
base::Result<std::optional<Alert>> find_open(store::Sqlite& db, const Finding& finding,
                                             std::string_view entity, std::string_view suppression);
// How many alerts of that rule there are on that device that were first seen since then.
base::Result<std::int64_t> count_since(store::Sqlite& db, const Finding& finding,
                                       base::WallTime since);
base::Result<void> insert_alert(store::Sqlite& db, const Alert& alert);
base::Result<void> update_hits(store::Sqlite& db, const Alert& alert);
// Writes what people change, and raises the version. Errors: Exists (another open alert is about
// the same thing).
base::Result<void> update_state(store::Sqlite& db, Alert& alert);
// The alert with all that is kept of it.
base::Result<void> delete_alert(store::Sqlite& db, std::string_view id);

enum class EvidenceOrder : std::uint8_t { All, NewestOnly };
base::Result<std::vector<Evidence>> read_evidence(store::Sqlite& db, std::string_view alert_id,
                                                  EvidenceOrder order);
// Keeps how the alert began and the latest.
base::Result<void> add_evidence(store::Sqlite& db, const std::string& alert_id,
                                const Evidence& evidence);

base::Result<std::vector<HistoryEntry>> read_history(store::Sqlite& db, std::string_view alert_id);
base::Result<void> add_history(store::Sqlite& db, const std::string& alert_id,
                               const HistoryEntry& entry);

base::Result<std::vector<store::AlertRow>> read_outbox(store::Sqlite& db, std::uint64_t after,
                                                       std::size_t limit);
base::Result<void> add_outbox(store::Sqlite& db, const store::AlertRow& row);

// Nanoseconds since 1970.
std::int64_t to_integer(base::WallTime time);

}  // namespace detect
