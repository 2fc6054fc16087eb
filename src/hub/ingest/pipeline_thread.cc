#include <future>

#include "base/log.h"
#include "hub/ingest/ingest_state.h"

namespace hub::ingest {
namespace {

// Items that are deduped and examined at once.
constexpr std::size_t kStagedItems = 5'000;
constexpr std::size_t kStagedBytes = std::size_t{8} << 20U;  // of their messages
// What alerts wait for the journal, before they are stored without having been in it.
constexpr std::chrono::seconds kAlertPatience{2};
constexpr std::size_t kAlertsAtOnce = 256;

}  // namespace

// --------------------------------------------------------------------------

std::unique_ptr<schema::Decoded> Ingest::State::handed(std::uint64_t sequence) {
  const std::lock_guard lock(pipeline_mutex);
  std::unique_ptr<schema::Decoded> decoded;
  while (!handed_over.empty() && handed_over.front().sequence <= sequence) {
    Handed& front = handed_over.front();
    if (front.sequence == sequence) decoded = std::move(front.decoded);
    handed_over_bytes -= front.bytes;
    handed_over.pop_front();
  }
  return decoded;
}

// Reads until the journal's end or a full stage; true when it may have more.
bool Ingest::State::read_records(journal::Reader& reader) {
  {
    const std::lock_guard lock(pipeline_mutex);
    known = committed;
  }
  while (pipeline.staged_items() < kStagedItems && pipeline.staged_bytes() < kStagedBytes &&
         !pipeline.is_full(options.batch_rows)) {
    if (reader.position() > known) return false;
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

// So that those who follow the journal hear of alerts; how many will not. The pipeline goes on
// without, rather than wait for a journal that may itself wait for the pipeline to make room.
std::size_t Ingest::State::journal_alerts(std::span<const store::AlertRow> rows) {
  std::size_t missing = 0;
  for (std::size_t begin = 0; begin < rows.size(); begin += kAlertsAtOnce) {
    const auto part = rows.subspan(begin, std::min(kAlertsAtOnce, rows.size() - begin));
    const std::size_t journaled = journal_some_alerts(part);
    missing += part.size() - journaled;
  }
  return missing;
}

std::size_t Ingest::State::journal_some_alerts(std::span<const store::AlertRow> rows) {
  auto answer = std::make_shared<std::promise<bool>>();
  auto durable = answer->get_future();
  std::vector<base::ByteVec> records;
  for (const store::AlertRow& row : rows) {
    base::ByteVec record;
    encode(row, record);
    if (record.size() <= kMaxRecordBytes) records.push_back(std::move(record));
  }
  if (records.empty()) return 0;
  {
    const std::lock_guard lock(mutex);
    if (stopping || failing) return 0;
    for (const base::ByteVec& record : records) {
      Entry entry;
      entry.kind = RecordKind::Alert;
      entry.begin = waiting.bytes.size();
      waiting.bytes.insert(waiting.bytes.end(), record.begin(), record.end());
      entry.end = waiting.bytes.size();
      if (&record == &records.back())
        entry.done = [answer](bool stored_it) { answer->set_value(stored_it); };
      waiting.entries.push_back(std::move(entry));
      ++submissions;
    }
    if (!std::exchange(waiting.urgent, true)) submitted.notify_one();
  }
  const bool done = durable.wait_for(kAlertPatience) == std::future_status::ready && durable.get();
  return done ? records.size() : 0;
}

// Whether the step was done; failures are logged and counted, the first of a row as an operation.
bool Ingest::State::attempt(base::Result<void> result, const char* what) {
  if (result) {
    if (std::exchange(store_failing, false)) {
      LOG_NOTICE("ingest.storing");
      const std::lock_guard lock(pipeline_mutex);
      journal_state.store_failing = false;
    }
    return true;
  }
  counters.store_failures.add();
  LOG_ERROR("ingest.store").field("step", what).field("error", result.error().to_string());
  if (std::exchange(store_failing, true)) return false;
  {
    const std::lock_guard lock(pipeline_mutex);
    journal_state.store_failing = true;
  }
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
  return hurry || no_more || !guests.empty() || pipeline.is_full(options.batch_rows) ||
         now >= flush_at;
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

base::Result<void> Ingest::run_on_writer(const Step& step) {
  State& state = *state_;
  State::Guest guest{&step, {}, false};
  std::unique_lock lock(state.pipeline_mutex);
  if (state.no_more_guests) return base::fail(base::Code::Closed, "event store");
  state.guests.push_back(&guest);
  state.notice = true;
  state.noticed.notify_one();
  state.stored.wait(lock, [&guest] { return guest.done; });
  return std::move(guest.result);
}

// One of those who wait for the writer, which has no rows of its own now.
void Ingest::State::run_guest() {
  Guest* guest = nullptr;
  {
    const std::lock_guard lock(pipeline_mutex);
    if (guests.empty() || !pipeline.idle()) return;
    guest = guests.front();
    guests.pop_front();
  }
  auto result = (*guest->step)();
  const std::lock_guard lock(pipeline_mutex);
  guest->result = std::move(result);
  guest->done = true;
  stored.notify_all();
}

// Those who come or wait when the pipeline ends.
void Ingest::State::dismiss_guests() {
  const std::lock_guard lock(pipeline_mutex);
  no_more_guests = true;
  for (Guest* guest : guests) {
    guest->result = base::fail(base::Code::Closed, "event store");
    guest->done = true;
  }
  guests.clear();
  stored.notify_all();
}

// For rules and detectors, once everything that was journaled has been processed. While nothing can
// be journaled it stands still: nobody is heard of then.
bool Ingest::State::pass_time() {
  const auto now = base::mono_now();
  if (now < clock_at) return true;
  clock_at = now + options.clock_interval;
  if (failing) return true;
  pipeline.on_time(options.now() - options.clock_slack);
  return attempt(pipeline.process(), "process");
}

void Ingest::State::run_pipeline() {
  follow_journal();
  dismiss_guests();
}

void Ingest::State::follow_journal() {
  journal::Reader reader(*log, pipeline.sequence() + 1);
  while (true) {
    const bool more = read_records(reader);
    bool done = attempt(pipeline.process(), "process");
    if (done && !more) done = pass_time();
    if (done && flush_is_due()) done = flush();
    if (done) run_guest();
    std::unique_lock lock(pipeline_mutex);
    if (!done) {
      // Nothing is lost: the journal holds it. A stop does not wait for a disk that stays full.
      if (no_more) return;
      noticed.wait_for(lock, options.retry_delay, [this] { return no_more; });
      continue;
    }
    if (more || !guests.empty()) continue;
    // What was committed since, the last of all perhaps, is still to be read.
    const bool settled = pipeline.idle() && !outbox_grew && known == committed;
    if (no_more && settled) return;
    if (hurry || no_more) {
      hurry = hurry && !settled;
      continue;
    }
    const auto woken = [this] { return std::exchange(notice, false); };
    noticed.wait_until(lock, std::min(flush_at, clock_at), woken);
  }
}

}  // namespace hub::ingest
