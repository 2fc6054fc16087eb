#include "base/log.h"
#include "hub/ingest/ingest_state.h"

namespace hub::ingest {
namespace {

// Items that are deduped and examined at once.
constexpr std::size_t kStagedItems = 5'000;

}  // namespace

// --------------------------------------------------------------------------

std::unique_ptr<schema::Decoded> Ingest::State::handed(std::uint64_t sequence) {
  const std::lock_guard lock(pipeline_mutex);
  while (!handed_over.empty() && handed_over.front().sequence < sequence)
    handed_over.pop_front();
  if (handed_over.empty() || handed_over.front().sequence != sequence) return nullptr;
  auto decoded = std::move(handed_over.front().decoded);
  handed_over.pop_front();
  return decoded;
}

// Reads until the journal's end or a full stage; true when it may have more.
bool Ingest::State::read_records(journal::Reader& reader) {
  std::uint64_t limit = 0;
  {
    const std::lock_guard lock(pipeline_mutex);
    limit = committed;
  }
  while (pipeline.staged_items() < kStagedItems && pipeline.rows() < options.batch_rows) {
    if (reader.position() > limit) return false;
    auto record = reader.next();
    if (!record) {
      LOG_ERROR("journal.read").field("error", record.error().to_string());
      return false;
    }
    if (!*record) return false;
    const std::uint64_t sequence = (*record)->sequence;
    if (sequence > expected) {
      counters.journal_corrupt_records.add(sequence - expected);
      LOG_ERROR("journal.gap").field("from", expected).field("to", sequence - 1);
    }
    expected = sequence + 1;
    pipeline.add(sequence, (*record)->payload, handed(sequence));
  }
  return true;
}

// Whether the step was done; failures are logged and counted, the first of a row as an operation.
bool Ingest::State::attempt(base::Result<void> result, const char* what) {
  if (result) {
    if (std::exchange(store_failing, false)) {
      LOG_NOTICE("ingest.storing");
    }
    return true;
  }
  counters.store_failures.add();
  LOG_ERROR("ingest.store").field("step", what).field("error", result.error().to_string());
  if (std::exchange(store_failing, true)) return false;
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::DeviceTelemetry;
  record.operation = "storeEvents";
  record.status_code = 503;
  record.level = operations::Level::Error;
  record.reason = result.error().code == base::Code::Full ? operations::Reason::DiskFull
                                                          : operations::Reason::NotDurable;
  record.detail = result.error().to_string();
  operations.record(std::move(record));
  return false;
}

// Rows wait a little for more of them, unless they are many or somebody waits for them.
bool Ingest::State::flush_is_due() {
  const std::lock_guard lock(pipeline_mutex);
  const auto now = base::mono_now();
  if ((outbox_grew || !pipeline.idle()) && flush_at == base::MonoTime::max()) {
    flush_at = now + options.batch_delay;
  }
  return hurry || no_more || pipeline.rows() >= options.batch_rows || now >= flush_at;
}

bool Ingest::State::flush() {
  bool had_grown = false;
  {
    const std::lock_guard lock(pipeline_mutex);
    had_grown = std::exchange(outbox_grew, false);
  }
  const bool done = attempt(pipeline.flush(), "flush");
  {
    const std::lock_guard lock(pipeline_mutex);
    if (!done) {
      outbox_grew = outbox_grew || had_grown;
      return false;
    }
    journal_state.stored_sequence = pipeline.stored_sequence();
    stored.notify_all();
  }
  flush_at = base::MonoTime::max();
  trim_to = pipeline.stored_sequence();
  const std::lock_guard lock(mutex);
  submitted.notify_one();
  return true;
}

void Ingest::State::run_pipeline() {
  journal::Reader reader(*log, pipeline.sequence() + 1);
  while (true) {
    const bool more = read_records(reader);
    bool done = attempt(pipeline.process(), "process");
    if (done && flush_is_due()) done = flush();
    std::unique_lock lock(pipeline_mutex);
    if (!done) {
      // Nothing is lost: the journal holds it. A stop does not wait for a disk that stays full.
      if (no_more) return;
      noticed.wait_for(lock, options.retry_delay, [this] { return no_more; });
      continue;
    }
    if (more) continue;
    const bool settled = pipeline.idle() && !outbox_grew;
    if (no_more && settled) return;
    if (hurry || no_more) {
      hurry = hurry && !settled;
      continue;
    }
    const auto woken = [this] { return std::exchange(notice, false); };
    if (flush_at == base::MonoTime::max()) {
      noticed.wait(lock, woken);
    } else {
      noticed.wait_until(lock, flush_at, woken);
    }
  }
}

}  // namespace hub::ingest
