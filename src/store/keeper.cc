#include "store/keeper.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "os/thread.h"
#include "store/piece_file.h"

namespace store {
namespace {

constexpr int kNice = 10;
constexpr std::chrono::milliseconds kInterruptAgain{20};
// How long after midnight a day is over: what was received before is stored by then.
constexpr kql::Ticks kGrace = 15 * kql::kTicksPerMinute;
constexpr std::chrono::minutes kThoroughlyEvery{1};
// How long a row takes to be merged where other work has most of the processors.
constexpr double kMergeSeconds = 20e-6;
constexpr std::chrono::milliseconds kPaceOver{500};
// So many pieces of a day are merged whatever comes in: each costs every question something.
constexpr std::size_t kTooManyPieces = 64;

}  // namespace

Keeper::Working::Working(Keeper& keeper, duck::Connection& connection) : keeper_(keeper) {
  const std::lock_guard lock(keeper_.mutex_);
  keeper_.working_ = connection.get();
}

Keeper::Working::~Working() {
  const std::lock_guard lock(keeper_.mutex_);
  keeper_.working_ = nullptr;
}

void Keeper::start() {
  thread_ = os::start_thread("store-keeper", [this] { work(); });
}

Keeper::~Keeper() {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    // Again and again: a statement that has just begun forgets an interrupt.
    do {
      if (working_ != nullptr) duckdb_interrupt(working_);
    } while (!done_.wait_for(lock, kInterruptAgain, [this] { return ended_; }));
  }
  thread_.join();
}

base::Result<void> Keeper::run(const Job& job) {
  Waiting waiting{&job, {}};
  std::unique_lock lock(mutex_);
  if (stopping_) return base::fail(base::Code::Closed, "event store", -1, "it is being closed");
  jobs_.push_back(&waiting);
  wake_.notify_all();
  done_.wait(lock, [&waiting] { return waiting.done; });
  return std::move(waiting.result);
}

void Keeper::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_all();
}

bool Keeper::suspect(const base::Error& error) {
  if (state_.pieces.load() == 0 || !is_about_pieces(error)) return false;
  suspicion_ = true;
  wake();
  return true;
}

void Keeper::answer_jobs(std::unique_lock<std::mutex>& lock) {
  while (!jobs_.empty()) {
    Waiting& waiting = *jobs_.front();
    jobs_.pop_front();
    if (stopping_) {
      waiting.result = base::fail(base::Code::Closed, "event store", -1, "it is being closed");
    } else {
      lock.unlock();
      auto result = (*waiting.job)();
      lock.lock();
      waiting.result = std::move(result);
    }
    waiting.done = true;
    done_.notify_all();
  }
}

void Keeper::work() {
  // Rows that are sealed later are no harm; queries that wait are.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
  std::unique_lock lock(mutex_);
  bool more = false;
  while (!stopping_) {
    answer_jobs(lock);
    if (stopping_) break;
    if (!more) {
      wake_.wait_for(lock, state_.options.seal.every,
                     [this] { return stopping_ || woken_ || !jobs_.empty(); });
      if (stopping_ || !jobs_.empty()) continue;
    }
    woken_ = false;
    lock.unlock();
    more = background_step();
    lock.lock();
  }
  answer_jobs(lock);
  ended_ = true;
  done_.notify_all();
}

bool Keeper::background_step() {
  if (suspicion_.exchange(false)) {
    if (const auto done = examine(false); !done) {
      failures_.add();
      LOG_WARNING("store.examine").field("error", done.error().to_string());
    }
  }
  if (!state_.options.seal.automatic) return false;
  const auto done = do_one_thing(kql::to_ticks(base::wall_now()));
  if (done) return *done;
  // Closed: interrupted, by the store's end or because the database is opened again.
  if (done.error().code != base::Code::Closed && done.error().code != base::Code::Unavailable) {
    failures_.add();
    LOG_WARNING("store.seal").field("error", done.error().to_string());
  }
  return false;
}

// Nothing is sealed meanwhile. Rows that come in faster would fill the database file, which they
// are to leave before they are ever written there.
bool Keeper::has_time_for(const Merge& merge) {
  const auto now = base::mono_now();
  const std::uint64_t rows = state_.rows_appended.value();
  if (now - appended_.since >= kPaceOver) {
    const double seconds = std::chrono::duration<double>(now - appended_.since).count();
    pace_ = static_cast<double>(rows - appended_.rows) / seconds;
    appended_ = {rows, now};
  }
  std::uint64_t merged = 0;
  for (const PieceRecord& piece : merge.pieces)
    merged += piece.rows;
  const double coming = pace_ * kMergeSeconds * static_cast<double>(merged);
  return coming <= static_cast<double>(state_.options.seal.rows) ||
         merge.pieces.size() >= kTooManyPieces;
}

base::Result<bool> Keeper::do_one_thing(kql::Ticks now) {
  for (const TableDefinition* table : tables_with_pieces()) {
    if (TRY(is_due(*table, now))) TRY(roll(*table));
    if (TRY(seal_frozen(*table)) == 0) continue;
    TRY(shorten_log());
    return true;
  }
  std::vector<PieceRecord> pieces;
  {
    auto lease = TRY(state_.lease());
    pieces = TRY(read_pieces(lease.connection()));
  }
  const auto merges = plan_merges(pieces, now - kGrace, state_.options.seal.piece_rows, false);
  if (merges.empty()) {
    // Once after rows have left the database.
    if (left_at_shrink_ == sealed_rows_.value()) return false;
    left_at_shrink_ = sealed_rows_.value();
    TRY(shrink());
    return false;
  }
  if (!has_time_for(merges.front())) return false;
  TRY(merge(merges.front()));
  return true;
}

// How many there are, and the first TimeGenerated.
base::Result<std::vector<std::int64_t>> Keeper::fresh_rows(const TableDefinition& table) {
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(state_.gate);
    generation = state_.generation.at(table.relation);
  }
  auto lease = TRY(state_.lease());
  return lease.connection().numbers(
      fmt::format("SELECT count(*), min(TimeGenerated) FROM {}", hot_name(table, generation)));
}

base::Result<bool> Keeper::has_fresh_rows(const TableDefinition& table) {
  return TRY(fresh_rows(table))[0] != 0;
}

// No row was added since this was asked before, or not many. Rows of the past may come in quickly:
// then their number decides.
bool Keeper::is_quiet(const TableDefinition& table, std::uint64_t rows) {
  const auto now = base::mono_now();
  Seen& seen = seen_[&table];
  if (seen.rows > rows || seen.rows == 0) seen = {rows, now};
  if (now - seen.since < state_.options.seal.every) return false;
  const bool quiet = rows - seen.rows < state_.options.seal.min_rows;
  seen = {rows, now};
  return quiet;
}

base::Result<bool> Keeper::is_due(const TableDefinition& table, kql::Ticks now) {
  const auto facts = TRY(fresh_rows(table));
  const auto rows = static_cast<std::uint64_t>(facts[0]);
  const SealOptions& options = state_.options.seal;
  if (rows >= options.rows) return true;
  return rows >= options.min_rows && day_of(facts[1]) < day_of(now - kGrace) &&
         is_quiet(table, rows);
}

base::Result<void> Keeper::compact(bool force) {
  std::vector<PieceRecord> pieces;
  {
    auto lease = TRY(state_.lease());
    pieces = TRY(read_pieces(lease.connection()));
  }
  const kql::Ticks now = kql::to_ticks(base::wall_now()) - kGrace;
  for (const Merge& planned : plan_merges(pieces, now, state_.options.seal.piece_rows, force))
    TRY(merge(planned));
  TRY(shrink());
  return {};
}

base::Result<void> Keeper::examine(bool thoroughly) {
  auto lease = TRY(state_.lease());
  const Working working(*this, lease.connection());
  bool changed = TRY(state_.examine_pieces(lease.connection(), thoroughly));
  // A file that can be opened may be damaged further in.
  if (!changed && !thoroughly && base::mono_now() - last_thorough_ > kThoroughlyEvery) {
    changed = TRY(state_.examine_pieces(lease.connection(), true));
    last_thorough_ = base::mono_now();
  }
  return {};
}

}  // namespace store
