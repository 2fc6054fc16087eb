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
constexpr std::chrono::minutes kThoroughlyEvery{1};

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
  pace_.look(state_.rows_appended.value(), base::mono_now());
  if (!pace_.has_time_for(merges.front(), state_.options.seal)) return false;
  TRY(merge(merges.front()));
  return true;
}

base::Result<FreshRows> Keeper::fresh_rows(const TableDefinition& table) {
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(state_.gate);
    generation = state_.generation.at(table.relation);
  }
  auto lease = TRY(state_.lease());
  const auto facts = TRY(lease.connection().numbers(
      fmt::format("SELECT count(*), min(TimeGenerated) FROM {}", hot_name(table, generation))));
  return FreshRows{static_cast<std::uint64_t>(facts[0]), facts[1]};
}

base::Result<bool> Keeper::has_fresh_rows(const TableDefinition& table) {
  return TRY(fresh_rows(table)).rows != 0;
}

base::Result<bool> Keeper::is_due(const TableDefinition& table, kql::Ticks now) {
  const FreshRows fresh = TRY(fresh_rows(table));
  const SealOptions& options = state_.options.seal;
  const Due due = seal_due(fresh, now, options);
  return due == Due::Now ||
         (due == Due::WhenQuiet && quiet_.look(table, fresh.rows, base::mono_now(), options));
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
