#include "store/due.h"

#include <algorithm>
#include <chrono>

namespace store {
namespace {

// Pieces of a day that is not over yet are merged when there are so many.
constexpr std::size_t kManyPieces = 8;
// How long a row takes to be merged where other work has most of the processors.
constexpr double kMergeSeconds = 20e-6;
constexpr std::chrono::milliseconds kPaceOver{500};
// So many pieces of a day are merged whatever comes in: each costs every question something.
constexpr std::size_t kTooManyPieces = 64;
// Less is left for rows to come.
constexpr std::int64_t kWorthwhile = std::int64_t{64} << 20U;
// More rows than that are not moved: hot ones are sealed soon. Others stay, and there are many
// where many devices are.
constexpr std::int64_t kMostHotRows = 100'000;
constexpr std::int64_t kMostRows = 5'000'000;

std::uint64_t rows_of(const std::vector<PieceRecord>& pieces) {
  std::uint64_t rows = 0;
  for (const PieceRecord& piece : pieces)
    rows += piece.rows;
  return rows;
}

// Which of one day's pieces are to be merged.
std::vector<PieceRecord> merge_of(const std::vector<PieceRecord>& day, bool is_over,
                                  std::uint64_t piece_rows, bool force) {
  std::vector<PieceRecord> fresh;
  for (const PieceRecord& piece : day) {
    if (!piece.merged) fresh.push_back(piece);
  }
  if (!is_over) return fresh.size() >= kManyPieces ? fresh : std::vector<PieceRecord>();
  if (fresh.empty() && !(force && day.size() > 1)) return {};
  // What is as large as a piece may be is left alone.
  if (rows_of(day) <= piece_rows) return day;
  return fresh;
}

}  // namespace

Due seal_due(const FreshRows& fresh, kql::Ticks now, const SealOptions& options) {
  if (fresh.rows >= options.rows) return Due::Now;
  const bool day_over = day_of(fresh.first_generated) < day_of(now - kGrace);
  return fresh.rows >= options.min_rows && day_over ? Due::WhenQuiet : Due::No;
}

bool Quiet::look(const TableDefinition& table, std::uint64_t rows, base::MonoTime now,
                 const SealOptions& options) {
  Seen& seen = seen_[&table];
  if (seen.rows > rows || seen.rows == 0) seen = {rows, now};
  if (now - seen.since < options.every) return false;
  const bool quiet = rows - seen.rows < options.min_rows;
  seen = {rows, now};
  return quiet;
}

std::vector<Merge> plan_merges(const std::vector<PieceRecord>& pieces, kql::Ticks now,
                               std::uint64_t piece_rows, bool force) {
  // A day is over when a later one has begun: also when rows of the past come in.
  std::map<const TableDefinition*, kql::Ticks> last_received;
  for (const PieceRecord& piece : pieces) {
    kql::Ticks& last = last_received[piece.table];
    last = std::max(last, piece.last_generated);
  }
  std::vector<Merge> merges;
  for (std::size_t begin = 0; begin < pieces.size();) {
    const PieceRecord& first = pieces[begin];
    std::size_t end = begin;
    std::vector<PieceRecord> day;
    for (; end < pieces.size() && pieces[end].table == first.table && pieces[end].day == first.day;
         ++end) {
      if (pieces[end].damage.empty()) day.push_back(pieces[end]);
    }
    const bool is_over = force || first.day < day_of(std::min(now, last_received[first.table]));
    auto chosen = merge_of(day, is_over, piece_rows, force);
    if (!chosen.empty()) merges.push_back({first.table, first.day, std::move(chosen)});
    begin = end;
  }
  return merges;
}

void Pace::look(std::uint64_t appended, base::MonoTime now) {
  if (now - since_ < kPaceOver) return;
  const double seconds = std::chrono::duration<double>(now - since_).count();
  pace_ = static_cast<double>(appended - rows_) / seconds;
  rows_ = appended;
  since_ = now;
}

bool Pace::has_time_for(const Merge& merge, const SealOptions& options) const {
  const double coming = pace_ * kMergeSeconds * static_cast<double>(rows_of(merge.pieces));
  return coming <= static_cast<double>(options.rows) || merge.pieces.size() >= kTooManyPieces;
}

bool shrinking_pays(std::int64_t free, std::int64_t used, std::span<const StoredTable> tables) {
  if (free < kWorthwhile || free < used) return false;
  return std::ranges::none_of(tables, [](const StoredTable& table) {
    return table.rows > (is_hot_name(table.name) ? kMostHotRows : kMostRows);
  });
}

}  // namespace store
