#include <gtest/gtest.h>

#include "store/keeper.h"

namespace store {
namespace {

TEST(PlanMerges, MergesDaysThatAreOver) {
  const auto piece = [](std::uint64_t id, std::int64_t day, std::uint64_t rows, bool merged,
                        const char* damage = "") {
    PieceRecord record;
    record.id = id;
    record.table = &raw_event_table();
    record.day = day;
    record.last_generated = day_begin(day);
    record.rows = rows;
    record.merged = merged;
    record.damage = damage;
    return record;
  };
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
