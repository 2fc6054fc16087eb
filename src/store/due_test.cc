#include "store/due.h"

#include <gtest/gtest.h>

#include "store/catalogue.h"

namespace store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kToday = 10;

SealOptions options() {
  SealOptions out;
  out.rows = 1'000;
  out.min_rows = 100;
  out.every = milliseconds(30'000);
  return out;
}

base::MonoTime after(milliseconds time) {
  return base::MonoTime(std::chrono::hours(1)) + time;
}

PieceRecord piece(std::uint64_t id, std::int64_t day, std::uint64_t rows, bool merged,
                  const char* damage = "", const TableDefinition& table = raw_event_table()) {
  PieceRecord record;
  record.id = id;
  record.table = &table;
  record.day = day;
  record.last_generated = day_begin(day);
  record.rows = rows;
  record.merged = merged;
  record.damage = damage;
  return record;
}

TEST(SealDue, WaitsForEnoughRowsOrTheEndOfTheirDay) {
  const kql::Ticks today = day_begin(kToday);
  const kql::Ticks yesterday = day_begin(kToday - 1);
  const kql::Ticks noon = today + 12 * kql::kTicksPerHour;
  const auto due = [](std::uint64_t rows, kql::Ticks first, kql::Ticks now) {
    return seal_due({rows, first}, now, options());
  };
  EXPECT_EQ(due(0, 0, noon), Due::No);
  EXPECT_EQ(due(999, today, noon), Due::No);
  EXPECT_EQ(due(1'000, today, noon), Due::Now);
  EXPECT_EQ(due(99, yesterday, noon), Due::No) << "too few for a piece of their own";
  EXPECT_EQ(due(100, yesterday, noon), Due::WhenQuiet);
  EXPECT_EQ(due(1'000, yesterday, noon), Due::Now);
  // What was received before midnight may still be on its way.
  EXPECT_EQ(due(100, yesterday, today + kGrace - 1), Due::No);
  EXPECT_EQ(due(100, yesterday, today + kGrace), Due::WhenQuiet);
  EXPECT_EQ(due(100, today + kql::kTicksPerDay, noon), Due::No) << "from a clock that is ahead";
}

TEST(Quiet, TakesALookAfterAWhile) {
  Quiet quiet;
  const TableDefinition& table = raw_event_table();
  const auto look = [&](std::uint64_t rows, milliseconds time) {
    return quiet.look(table, rows, after(time), options());
  };
  EXPECT_FALSE(look(500, seconds(0))) << "nothing to compare with";
  EXPECT_FALSE(look(500, seconds(29)));
  EXPECT_TRUE(look(599, seconds(30))) << "fewer than a piece of their own";
  EXPECT_FALSE(look(599, seconds(59)));
  EXPECT_FALSE(look(699, seconds(60))) << "a hundred came in";
  EXPECT_TRUE(look(699, seconds(90)));
  // They were sealed: other rows are counted from the beginning.
  EXPECT_FALSE(look(10, seconds(120)));
  EXPECT_TRUE(look(10, seconds(150)));
  EXPECT_FALSE(quiet.look(alert_table(), 10, after(seconds(180)), options()))
      << "another table has a look of its own";
}

TEST(Pace, MergesWaitWhileRowsComeInFast) {
  Pace pace;
  const Merge merge{
      &raw_event_table(), 1, {piece(1, 1, 400'000, false), piece(2, 1, 600'000, false)}};
  // A merge of a million rows takes 20 seconds; a thousand rows may come in meanwhile.
  pace.look(0, after(seconds(0)));
  pace.look(49, after(seconds(1)));
  EXPECT_DOUBLE_EQ(pace.rows_per_second(), 49);
  EXPECT_TRUE(pace.has_time_for(merge, options()));
  pace.look(10'000, after(milliseconds(1'499)));
  EXPECT_DOUBLE_EQ(pace.rows_per_second(), 49) << "too soon to tell";
  pace.look(100, after(seconds(2)));
  EXPECT_DOUBLE_EQ(pace.rows_per_second(), 51);
  EXPECT_FALSE(pace.has_time_for(merge, options()));
  const Merge small{&raw_event_table(), 1, {piece(1, 1, 100'000, false)}};
  EXPECT_TRUE(pace.has_time_for(small, options()));
  pace.look(100, after(seconds(3)));
  EXPECT_TRUE(pace.has_time_for(merge, options())) << "it is quiet again";
}

TEST(Pace, TooManyPiecesAreMergedAtAnyPace) {
  Pace pace;
  pace.look(0, after(seconds(0)));
  pace.look(10'000'000, after(seconds(1)));
  Merge merge{&raw_event_table(), 1, {}};
  for (std::uint64_t id = 1; id < 64; ++id)
    merge.pieces.push_back(piece(id, 1, 100'000, false));
  EXPECT_FALSE(pace.has_time_for(merge, options()));
  merge.pieces.push_back(piece(64, 1, 100'000, false));
  EXPECT_TRUE(pace.has_time_for(merge, options()));
}

TEST(ShrinkingPays, WhereMostOfAFileIsFreeAndLittleIsMoved) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20U;
  const std::vector<StoredTable> few = {{hot_name(raw_event_table(), 3), "", 100'000},
                                        {"usage_sum", "", 5'000'000}};
  EXPECT_TRUE(shrinking_pays(64 * kMiB, 64 * kMiB, few));
  EXPECT_FALSE(shrinking_pays(64 * kMiB - 1, kMiB, few)) << "rows to come will fill it";
  EXPECT_FALSE(shrinking_pays(64 * kMiB, 64 * kMiB + 1, few)) << "more is moved than gained";
  const std::vector<StoredTable> hot = {{hot_name(raw_event_table(), 3), "", 100'001}};
  EXPECT_FALSE(shrinking_pays(640 * kMiB, kMiB, hot)) << "they are sealed soon";
  const std::vector<StoredTable> large = {{"usage_sum", "", 5'000'001}};
  EXPECT_FALSE(shrinking_pays(640 * kMiB, kMiB, large));
  EXPECT_TRUE(shrinking_pays(640 * kMiB, kMiB, {}));
}

TEST(PlanMerges, MergesDaysThatAreOver) {
  std::vector<PieceRecord> many;
  for (std::uint64_t i = 0; i < 8; ++i)
    many.push_back(piece(i, 10, 1, false));
  const struct {
    const char* name;
    std::vector<PieceRecord> pieces;
    std::int64_t today;
    bool force;
    std::vector<std::vector<std::uint64_t>> expected;
  } cases[] = {
      {"none", {}, 10, false, {}},
      {"today", {piece(1, 10, 5, false), piece(2, 10, 5, false)}, 10, false, {}},
      {"today, many", many, 10, false, {{0, 1, 2, 3, 4, 5, 6, 7}}},
      {"yesterday",
       {piece(1, 9, 5, false), piece(2, 9, 5, false), piece(99, 10, 5, true)},
       10,
       false,
       {{1, 2}}},
      {"one, to be compressed", {piece(1, 9, 5, false), piece(99, 10, 5, true)}, 10, false, {{1}}},
      {"yesterday, and nothing since",
       {piece(1, 9, 5, false), piece(2, 9, 5, false)},
       10,
       false,
       {}},
      {"done", {piece(1, 9, 5, true)}, 10, false, {}},
      {"late",
       {piece(1, 9, 5, true), piece(2, 9, 5, false), piece(99, 10, 5, true)},
       10,
       false,
       {{1, 2}}},
      {"late, beside large ones",
       {piece(1, 9, 95, true), piece(2, 9, 6, false), piece(99, 10, 5, true)},
       10,
       false,
       {{2}}},
      {"days apart",
       {piece(1, 8, 5, false), piece(2, 9, 5, false), piece(3, 10, 5, false)},
       10,
       false,
       {{1}, {2}}},
      {"damaged", {piece(1, 9, 5, false, "gone"), piece(2, 9, 5, true)}, 10, false, {}},
      {"of the future: its clock may be wrong",
       {piece(1, 11, 5, false), piece(2, 11, 5, false), piece(99, 12, 5, true)},
       10,
       false,
       {}},
      {"tables apart: one table's day is over for itself alone",
       {piece(1, 9, 5, false, "", alert_table()), piece(2, 9, 5, false), piece(3, 9, 5, false),
        piece(99, 10, 5, true)},
       10,
       false,
       {{2, 3}}},
      {"oldest day first",
       {piece(1, 7, 5, false), piece(2, 8, 95, true), piece(3, 8, 6, false), piece(4, 8, 7, false),
        piece(99, 10, 5, true)},
       10,
       false,
       {{1}, {3, 4}}},
      {"many, and one of them damaged",
       {piece(0, 10, 1, false, "gone"), piece(1, 10, 1, false), piece(2, 10, 1, false),
        piece(3, 10, 1, false), piece(4, 10, 1, false), piece(5, 10, 1, false),
        piece(6, 10, 1, false), piece(7, 10, 1, false)},
       10,
       false,
       {}},
      {"forced", {piece(1, 10, 5, true), piece(2, 10, 5, true)}, 10, true, {{1, 2}}},
      {"forced, done", {piece(1, 10, 5, true)}, 10, true, {}},
      {"forced, large", {piece(1, 10, 95, true), piece(2, 10, 50, true)}, 10, true, {}},
  };
  for (const auto& c : cases) {
    std::vector<std::vector<std::uint64_t>> found;
    for (const Merge& merge : plan_merges(c.pieces, day_begin(c.today), 100, c.force)) {
      auto& ids = found.emplace_back();
      for (const PieceRecord& record : merge.pieces)
        ids.push_back(record.id);
    }
    EXPECT_EQ(found, c.expected) << c.name;
  }
}

}  // namespace
}  // namespace store
