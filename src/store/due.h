#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "kql/ticks.h"
#include "store/events.h"
#include "store/manifest.h"

// What the keeper decides, without its thread, its clock and the database: what is sealed, what is
// merged and when, and whether the database file is worth making smaller. Threads: pure; the two
// classes are for one.
namespace store {

// How long after midnight a day is over: what was received before is stored by then.
inline constexpr kql::Ticks kGrace = 15 * kql::kTicksPerMinute;

// The rows of a table that are not sealed.
struct FreshRows {
  std::uint64_t rows = 0;
  kql::Ticks first_generated = 0;
};
// Whether they are to be sealed: there are enough of them; or a day is over of which there are not
// too few, and no others come that would need a piece of their own a moment later.
enum class Due : std::uint8_t { No, WhenQuiet, Now };
Due seal_due(const FreshRows& fresh, kql::Ticks now, const SealOptions& options);

// Which tables few rows are added to. Rows of the past may come in quickly, and then their number
// decides.
class Quiet {
 public:
  // Whether less than `options.min_rows` came in since the last look that is `options.every` ago.
  bool look(const TableDefinition& table, std::uint64_t rows, base::MonoTime now,
            const SealOptions& options);

 private:
  struct Seen {
    std::uint64_t rows = 0;
    base::MonoTime since{};
  };
  std::map<const TableDefinition*, Seen> seen_;
};

// The pieces of one table and day that are to become one, or several that do not overlap.
struct Merge {
  const TableDefinition* table = nullptr;
  std::int64_t day = 0;
  std::vector<PieceRecord> pieces;
};
// What is to be merged, of pieces in the order of read_pieces(). A day is merged when it is over
// and a later one has pieces, and before that when it has many.
// `force`: as if every day were over, and also what was merged before.
std::vector<Merge> plan_merges(const std::vector<PieceRecord>& pieces, kql::Ticks now,
                               std::uint64_t piece_rows, bool force);

// How fast rows come in, and whether there is time to merge meanwhile: nothing is sealed then, and
// rows that come in faster would fill the database file, which they are to leave before they are
// ever written there.
class Pace {
 public:
  // `appended`: all rows since the store was opened.
  void look(std::uint64_t appended, base::MonoTime now);
  double rows_per_second() const { return pace_; }
  // Also where there is not: so many pieces that each question pays for them.
  bool has_time_for(const Merge& merge, const SealOptions& options) const;

 private:
  std::uint64_t rows_ = 0;
  base::MonoTime since_{};
  double pace_ = 0;
};

// A table of the database file.
struct StoredTable {
  std::string name;
  std::string sql;  // makes it
  std::int64_t rows = 0;
};
// Whether so much of the file is free, in bytes, that moving the rest to its front pays, and the
// tables are small enough to be moved.
bool shrinking_pays(std::int64_t free, std::int64_t used, std::span<const StoredTable> tables);

}  // namespace store
