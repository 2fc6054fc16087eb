#include "base/log.h"
#include "hub/ingest/ingest_state.h"

namespace hub::ingest {
namespace {

// Records whose decoded message is handed to the pipeline, and their bytes, a few times of which
// the decoded messages take; those beyond are decoded again.
constexpr std::size_t kMaxHandedOver = 4096;
constexpr std::size_t kMaxHandedOverBytes = std::size_t{16} << 20U;
// Records of operations that wait for the journal to work again.
constexpr std::size_t kMaxKept = 4096;
constexpr std::size_t kMaxKeptBytes = std::size_t{4} << 20U;
// The pipeline is told of new telemetry no more often than this: it only moves the position.
constexpr std::chrono::seconds kTelemetryNotice{1};
// Operations wait this long for company before they cost a commit of their own.
constexpr std::chrono::milliseconds kOperationDelay{100};

}  // namespace

// ---------------------------------------------------------------------------

// Waits for submissions and takes them all. False: stopping, and there are none.
bool Ingest::State::next_submissions() {
  std::vector<std::function<void()>> waiters;
  {
    std::unique_lock lock(mutex);
    const auto urgent = [this] { return stopping || waiting.urgent; };
    submitted.wait(
        lock, [&] { return urgent() || !waiting.entries.empty() || trim_to.load() > trimmed; });
    if (!urgent() && !waiting.entries.empty()) submitted.wait_for(lock, kOperationDelay, urgent);
    // After a failure everybody waits a little, in the queue.
    if (failing) submitted.wait_until(lock, retry_at, [this] { return stopping; });
    if (stopping && waiting.entries.empty()) return false;
    std::swap(waiting, taken);
    waiters.swap(room_waiters);
  }
  for (const auto& waiter : waiters)
    waiter();
  return true;
}

// Drops whole files that the stores have seen, the oldest first, down to `keep_bytes`.
void Ingest::State::trim_journal(std::size_t keep_bytes) {
  const std::uint64_t stored_up_to = trim_to.load();
  while (log->size_bytes() > keep_bytes) {
    const auto oldest = log->oldest();
    if (!oldest || oldest->last > stored_up_to) break;
    const std::uint64_t before = log->first_sequence();
    const auto result = log->trim(oldest->last);
    if (!result) {
      LOG_WARNING("journal.trim").field("error", result.error().to_string());
      break;
    }
    if (log->first_sequence() == before) break;  // the file that is being written
  }
  trimmed = stored_up_to;
}

// What is kept for those who follow must not cost a message.
void Ingest::State::make_room() {
  if (options.journal_keep_bytes == 0) return;
  const std::size_t needed =
      taken.bytes.size() + taken.entries.size() * journal::Log::kRecordOverhead;
  const std::size_t room = options.journal_max_bytes - options.journal_max_bytes / 16;
  if (log->size_bytes() + needed > room) trim_journal(needed < room ? room - needed : 0);
}

base::Result<void> Ingest::State::append_and_commit() {
  make_room();
  base::Result<void> result;
  std::uint64_t first = 0;
  for (Entry& entry : taken.entries) {
    if (!entry.has_record()) continue;
    auto sequence =
        log->append(base::ByteView(taken.bytes).subspan(entry.begin, entry.end - entry.begin));
    if (!sequence) {
      result = std::unexpected(std::move(sequence).error());
      break;
    }
    if (first == 0) first = *sequence;
    entry.durable = true;
  }
  // A journal that is full up to here still keeps what came before.
  if (first != 0) {
    counters.commits.add();
    if (auto committed_now = log->commit(); !committed_now) {
      for (Entry& entry : taken.entries)
        entry.durable = false;
      return committed_now;
    }
  }
  return result;
}

// One operation when it begins and one when it ends, however many messages are refused in between.
void Ingest::State::set_failing(const base::Error* error) {
  const bool was = failing.exchange(error != nullptr);
  {
    const std::lock_guard lock(pipeline_mutex);
    journal_state.failing = error != nullptr;
    journal_state.problem = error != nullptr ? error->to_string() : "";
  }
  if (error != nullptr) {
    counters.commit_failures.add();
    retry_at = base::mono_now() + options.retry_delay;
  }
  if (was == (error != nullptr)) return;
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::DeviceTelemetry;
  record.operation = "journalWrite";
  if (error != nullptr) {
    record.status_code = 503;
    record.level = operations::Level::Error;
    record.reason = error->code == base::Code::Full ? operations::Reason::DiskFull
                                                    : operations::Reason::NotDurable;
    record.detail = error->to_string();
    LOG_ERROR("ingest.refusing").field("error", error->to_string());
  } else {
    record.detail = "messages are taken again";
    LOG_NOTICE("ingest.resumed");
  }
  operations.record(std::move(record));
}

void Ingest::State::hand_over() {
  const auto now = base::mono_now();
  bool tell = now - noticed_at >= kTelemetryNotice;
  std::uint64_t sequence = log->next_sequence();
  std::size_t records = 0;
  for (const Entry& entry : taken.entries)
    records += entry.durable ? 1U : 0U;
  sequence -= records;
  const std::lock_guard lock(pipeline_mutex);
  for (Entry& entry : taken.entries) {
    if (!entry.durable) continue;
    if (entry.kind != RecordKind::Telemetry || options.store_telemetry) tell = true;
    const std::size_t bytes = entry.end - entry.begin;
    if (entry.decoded && handed_over.size() < kMaxHandedOver &&
        handed_over_bytes + bytes <= kMaxHandedOverBytes) {
      handed_over.push_back({sequence, std::move(entry.decoded), bytes});
      handed_over_bytes += bytes;
    }
    ++sequence;
  }
  committed = log->next_sequence() - 1;
  if (followers != 0) followed.notify_all();
  if (!tell) return;
  noticed_at = now;
  notice = true;
  noticed.notify_one();
}

// Records of operations have nobody who would bring them again: they go back into the queue. While
// there are any the journal is tried again and again, so that it is found to work when it does.
bool Ingest::State::keep_for_later(const Entry& entry) {
  const std::lock_guard lock(mutex);
  if (stopping || waiting.entries.size() >= kMaxKept || waiting.bytes.size() >= kMaxKeptBytes)
    return false;
  Entry kept;
  kept.kind = entry.kind;
  kept.begin = waiting.bytes.size();
  const auto record = base::ByteView(taken.bytes).subspan(entry.begin, entry.end - entry.begin);
  waiting.bytes.insert(waiting.bytes.end(), record.begin(), record.end());
  kept.end = waiting.bytes.size();
  waiting.entries.push_back(std::move(kept));
  return true;
}

// How many submissions are over now.
std::size_t Ingest::State::answer() {
  std::size_t over = 0;
  for (Entry& entry : taken.entries) {
    // What was refused for good is answered like what was stored: sending it again is of no use.
    const bool settled = entry.durable || !entry.has_record();
    if (!settled && entry.kind == RecordKind::Operation) {
      if (keep_for_later(entry)) continue;
      counters.operations_dropped.add();
    } else if (!settled && entry.kind != RecordKind::Alert) {
      counters.not_durable.add();
    }
    ++over;
    if (entry.done) entry.done(settled);
  }
  return over;
}

void Ingest::State::publish_journal() {
  const std::lock_guard lock(pipeline_mutex);
  journal_state.first_sequence = log->first_sequence();
  journal_state.next_sequence = log->next_sequence();
  journal_state.bytes = log->size_bytes();
}

void Ingest::State::journal_submissions() {
  if (!taken.entries.empty()) {
    const auto result = append_and_commit();
    set_failing(result ? nullptr : &result.error());
    hand_over();
    const std::size_t over = answer();
    const std::lock_guard lock(pipeline_mutex);
    answered += over;
    stored.notify_all();
    taken.clear();
  }
  // A disk that is full for others needs what is only kept.
  if (failing) {
    trim_journal(0);
  } else if (trim_to.load() > trimmed) {
    trim_journal(options.journal_keep_bytes);
  }
  publish_journal();
}

void Ingest::State::run_journal() {
  while (next_submissions())
    journal_submissions();
  const std::lock_guard lock(pipeline_mutex);
  no_more = true;
  notice = true;
  noticed.notify_one();
}

}  // namespace hub::ingest
