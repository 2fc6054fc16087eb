#include "hub/egress/cursor_table.h"

#include <array>

namespace hub::egress {

using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE forward_cursor (
    name TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    line INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
)sql"};

}  // namespace

Result<CursorTable> CursorTable::open(const std::string& path) {
  auto db = TRY(store::Sqlite::open(path));
  TRY(db.migrate("egress", kSteps));
  return CursorTable(std::move(db));
}

Result<std::optional<Offset>> CursorTable::find(std::string_view forward) {
  const std::lock_guard lock(mutex_);
  auto row = TRY(db_.prepare("SELECT sequence, line FROM forward_cursor WHERE name = ?"));
  row.bind(1, forward);
  if (!TRY(row.step())) return std::optional<Offset>();
  return std::optional(Offset{static_cast<std::uint64_t>(row.integer(0)),
                              static_cast<std::uint32_t>(row.integer(1))});
}

Result<void> CursorTable::save(std::string_view forward, const Offset& next) {
  const std::lock_guard lock(mutex_);
  return db_.run(
      "INSERT INTO forward_cursor (name, sequence, line) VALUES (?,?,?) "
      "ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, line = excluded.line",
      forward, static_cast<std::int64_t>(next.sequence), static_cast<std::int64_t>(next.index));
}

}  // namespace hub::egress
