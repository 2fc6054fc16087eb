#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/retention/settings.h"
#include "kql/ticks.h"

// What has to go, and why: pieces, limits, holds and the time in, a plan out. Threads: pure.
namespace hub::retention {

// Rows of one table that were stored away together, or those that still lie in the database file
// (hot). Times are those of TimeGenerated.
struct Piece {
  std::uint64_t id = 0;  // hot: 0
  std::string table;     // as queries know it
  kql::Ticks first = 0;
  kql::Ticks last = 0;  // of its newest row
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // on disk; hot: 0, as they share one file
  bool hot = false;
  bool by_device = true;   // its rows say of which device they are
  bool only_held = false;  // all of its rows are held: there is nothing to take out of it
  // Some of its rows say what is so now, and stay whatever the limits say.
  bool keeps_current = false;
};

// Evidence that must stay, whatever the limits say.
struct Hold {
  std::string table;   // empty: every table
  std::string device;  // empty: every device
  kql::Ticks from = 0;
  kql::Ticks to = kql::kMaxDateTimeTicks;  // not part of it

  bool overlaps(const Piece& piece) const;
  // Every row of it. A hold of a device covers all rows that do not say of which they are.
  bool covers(const Piece& piece) const;
};

enum class Why : std::uint8_t { Age, TableSize, DiskLimit };
inline constexpr std::size_t kWhys = 3;
std::string_view to_string(Why why);  // "age", "tableSize", "diskLimit"

// One piece that goes, or those of its rows that are older than `before` and that nothing holds.
struct Step {
  Piece piece;
  Why why = Why::Age;
  std::vector<Hold> keep;
  // Of a piece that keeps what is so now, what older rows of its table will be there still: those
  // received from then on, and those that one of the holds is about.
  std::vector<Hold> table_holds = {};
  kql::Ticks others_from = kql::kMaxDateTimeTicks;
  kql::Ticks before = kql::kMaxDateTimeTicks;  // hot rows only

  bool whole() const { return keep.empty() && !piece.hot && !piece.keeps_current; }
};

struct Plan {
  std::vector<Step> steps;       // the oldest first, in the order in which they are taken
  std::vector<Step> held;        // what limits want gone and holds keep as it is
  std::uint64_t disk_after = 0;  // what is surely left of `disk_used`: rows taken out of a piece
                                 // count for nothing
  bool fits = true;              // `disk_after` is not above Marks::start, or there is no limit
};

struct Request {
  std::span<const Piece> pieces;
  const Settings& settings;
  std::span<const Hold> holds;
  std::uint64_t disk_used = 0;  // of the whole event store: pieces and everything else
  kql::Ticks now = 0;
};

// In this order:
// 1. pieces whose newest row, and hot rows that, are older than their table's limit;
// 2. while a table's pieces take more than its limit, held ones not counted: its oldest;
// 3. while the store takes more than Marks::start of the disk's limit, down to Marks::goal: the
//    oldest piece of any table but alerts, recommendations and the audit; and only when there is
//    none, the oldest of these, unless even all of them would not be enough.
Plan make_plan(const Request& request);

// The tables that go last.
bool is_evidence(std::string_view table);

}  // namespace hub::retention
