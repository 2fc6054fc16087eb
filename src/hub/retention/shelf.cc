#include "hub/retention/shelf.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "store/catalogue.h"
#include "store/pieces.h"

namespace hub::retention {

using base::Result;

namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

const store::TableDefinition* find_table(std::string_view name) {
  for (const store::TableDefinition* table : store::all_tables()) {
    if (table->name == name) return table;
  }
  return nullptr;
}

// The stored column that says of which device a row is; empty: there is none.
std::string_view device_column(std::string_view name) {
  const store::TableDefinition* table = find_table(name);
  if (table == nullptr) return {};
  for (const std::string_view wanted : {"DeviceId", "CompromisedEntity"}) {
    const auto is_it = [&](const store::StoredColumn& column) { return column.name == wanted; };
    if (std::ranges::any_of(table->stored, is_it)) return wanted;
  }
  return {};
}

// The time of a row, in SQL.
std::string_view time_of(std::string_view name) {
  const store::TableDefinition* table = find_table(name);
  return table == nullptr ? "TimeGenerated" : table->age_by;
}

// Rows of which the last one of its kind says what is so now.
bool keeps_current(std::string_view table) {
  return table == store::twin_table().name || table == store::recommendation_table().name;
}

// True of the rows that one of the holds is about.
std::string held_sql(std::string_view table, std::span<const Hold> holds) {
  const std::string_view device = device_column(table);
  const std::string_view time = time_of(table);
  std::string sql;
  for (const Hold& hold : holds) {
    if (!sql.empty()) sql += " OR ";
    sql += fmt::format("({0} >= {1} AND {0} < {2}", time, hold.from, hold.to);
    if (!hold.device.empty() && !device.empty())
      sql += fmt::format(" AND \"{}\" = {}", device, quoted(hold.device));
    sql += ")";
  }
  return sql.empty() ? "false" : sql;
}

class PieceShelf final : public Shelf {
 public:
  explicit PieceShelf(store::EventStore& events) : pieces_(events) {}

  Result<std::vector<Piece>> pieces() override {
    std::vector<Piece> all;
    for (const store::Piece& found : TRY(pieces_.list())) {
      all.push_back({.id = found.id,
                     .table = std::string(found.table),
                     .first = found.first_generated,
                     .last = found.last_generated,
                     .rows = found.rows,
                     .bytes = found.bytes,
                     .by_device = !device_column(found.table).empty(),
                     .keeps_current = keeps_current(found.table)});
    }
    for (const store::HotRows& found : TRY(pieces_.hot())) {
      if (found.rows == 0) continue;
      all.push_back({.table = std::string(found.table),
                     .first = found.first_generated,
                     .last = found.last_generated,
                     .rows = found.rows,
                     .hot = true,
                     .by_device = !device_column(found.table).empty(),
                     .keeps_current = keeps_current(found.table)});
    }
    return all;
  }

  Result<void> drop(std::span<const std::uint64_t> ids) override {
    TRY(pieces_.drop(ids));
    return {};
  }

  Result<std::uint64_t> count_free(const Step& step) override {
    const std::string free = free_sql(step, TRY(staying_sql(step)));
    return step.piece.hot ? pieces_.count_hot(step.piece.table, free)
                          : pieces_.count(step.piece.id, free);
  }

  Result<std::uint64_t> trim(const Step& step) override {
    const std::string staying = TRY(staying_sql(step));
    const store::Change change =
        step.piece.hot ? TRY(pieces_.erase_hot(step.piece.table, free_sql(step, staying)))
                       : TRY(pieces_.rewrite(step.piece.id, staying));
    return change.rows;
  }

  Result<void> seal() override {
    TRY(pieces_.seal_now());
    // Otherwise the database file stays as large as it was. Where something else writes at this
    // very moment the next time will do.
    const auto done = pieces_.checkpoint();
    if (done) return {};
    LOG_INFO("retention.checkpoint").field("error", done.error().to_string());
    return {};
  }

  Disk disk() const override {
    // While the database is opened again it is as large as it was.
    if (const auto use = pieces_.disk_use()) {
      used_ = use->total();
      leaving_ = use->dropped;
      unsealed_ = use->total() - use->pieces;
    }
    return {used_.load(), leaving_.load(), unsealed_.load()};
  }

 private:
  // True of the rows that stay, whatever their age.
  Result<std::string> staying_sql(const Step& step) const {
    std::string sql = held_sql(step.piece.table, step.keep);
    if (!step.piece.keeps_current) return sql;
    const std::string older =
        fmt::format("({}) OR {} >= {}", held_sql(step.piece.table, step.table_holds),
                    time_of(step.piece.table), step.others_from);
    if (step.piece.table == store::recommendation_table().name) {
      return fmt::format(
          "{} OR {}", sql,
          store::Pieces::current_recommendations(step.piece.first, step.piece.last, older));
    }
    const auto current = TRY(pieces_.current_twins(step.piece.first, step.piece.last, older));
    if (!current.empty()) sql += fmt::format(" OR ChangeId IN ({})", fmt::join(current, ", "));
    return sql;
  }
  // True of the rows that go.
  static std::string free_sql(const Step& step, std::string_view staying) {
    return fmt::format("{} < {} AND NOT ({})", time_of(step.piece.table), step.before, staying);
  }

  store::Pieces pieces_;
  mutable std::atomic<std::uint64_t> used_{0};
  mutable std::atomic<std::uint64_t> leaving_{0};
  mutable std::atomic<std::uint64_t> unsealed_{0};
};

}  // namespace

std::unique_ptr<Shelf> make_shelf(store::EventStore& events) {
  return std::make_unique<PieceShelf>(events);
}

}  // namespace hub::retention
