#include "hub/limits/usage_table.h"

#include <array>

namespace hub::limits {

using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE limits_usage (
    day INTEGER NOT NULL PRIMARY KEY,
    units INTEGER NOT NULL
  ) STRICT;
)sql"};

}  // namespace

Result<UsageTable> UsageTable::open(const std::string& path) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(database.migrate("limits", kSteps));
  return UsageTable(std::move(database));
}

Result<Usage> UsageTable::latest() {
  const auto days = TRY(this->days(1));
  return days.empty() ? Usage{} : days.front();
}

Result<std::vector<Usage>> UsageTable::days(std::size_t limit) {
  auto rows =
      TRY(database_.prepare("SELECT day, units FROM limits_usage ORDER BY day DESC LIMIT ?"));
  rows.bind_all(static_cast<std::int64_t>(limit));
  std::vector<Usage> days;
  while (TRY(rows.step()))
    days.push_back({rows.integer(0), static_cast<std::uint64_t>(rows.integer(1))});
  return days;
}

Result<void> UsageTable::store(const Usage& usage) {
  TRY(database_.run("INSERT OR REPLACE INTO limits_usage VALUES (?, ?)", usage.day,
                    static_cast<std::int64_t>(usage.units)));
  return database_.run("DELETE FROM limits_usage WHERE day < ?", usage.day - kKeptDays);
}

}  // namespace hub::limits
