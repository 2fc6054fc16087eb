#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/posture/state.h"
#include "store/events.h"
#include "store/sqlite.h"

// The tables that assessments are kept in; for the sources of this folder. Errors: those of
// store::Statement::step(), and Malformed for JSON that is not what was written.
namespace detect::posture {

std::span<const std::string_view> posture_migrations();

// Columns of a row of posture_assessment (a) with the device's group (d).
inline constexpr std::string_view kAssessmentColumns =
    "a.recommendation, a.device_id, coalesce(d.security_group, ''), a.state, a.severity, "
    "a.first_evaluated, a.evaluated, a.observed, a.changed, a.discovered, a.resolved, a.credit, "
    "a.item_count, a.accepted_count";
inline constexpr std::string_view kAssessmentTables =
    "posture_assessment a LEFT JOIN posture_device d ON d.device_id = a.device_id";
// nullopt: of a recommendation that this program does not know.
std::optional<Assessment> read_assessment(const store::Statement& row);

base::Result<std::optional<Assessment>> find_assessment(store::Sqlite& db, Kind kind,
                                                        std::string_view device_id);
base::Result<void> put_assessment(store::Sqlite& db, const Assessment& assessment);
// By severity, the worst first, then by key.
base::Result<std::vector<KeptItem>> read_kept(store::Sqlite& db, Kind kind,
                                              std::string_view device_id);
// Puts these in the place of those. Says whether other keys are there now.
base::Result<bool> replace_kept(store::Sqlite& db, const Assessment& of,
                                const std::vector<KeptItem>& before,
                                const std::vector<KeptItem>& after);

base::Result<std::vector<Exception>> read_exceptions(store::Sqlite& db);

// The group of a device; nullopt: it is not known.
base::Result<std::optional<std::string>> find_group(store::Sqlite& db, std::string_view device_id);
// The tag of a twin that names the group, that of its security module's before its own; empty:
// none.
enum class TagOf : std::uint8_t { Device, SecurityModule };
base::Result<void> put_tag(store::Sqlite& db, std::string_view device_id, TagOf of,
                           std::string_view group);

// A row of SecurityRecommendation for the assessment as it is now.
base::Result<void> add_row(store::Sqlite& db, const Assessment& assessment,
                           const std::vector<KeptItem>& items, std::string_view reason,
                           base::WallTime now);
base::Result<void> read_rows(store::Sqlite& db, std::uint64_t after, std::size_t limit,
                             store::Batch& batch);

// When the first of them ends, as to_integer() has it; the end of time when none does.
std::int64_t first_expiry(const std::vector<Exception>& exceptions);

std::int64_t to_integer(base::WallTime time);
base::WallTime to_time(std::int64_t nanoseconds);
std::optional<base::WallTime> to_optional_time(std::int64_t nanoseconds);  // 0: none

}  // namespace detect::posture
