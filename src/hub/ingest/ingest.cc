#include "hub/ingest/ingest.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"
#include "hub/ingest/pipeline.h"
#include "hub/ingest/record.h"
#include "journal/log.h"
#include "journal/reader.h"

namespace hub::ingest {
namespace {

using std::chrono::milliseconds;

// Records whose decoded message is handed to the pipeline; those beyond are decoded again.
constexpr std::size_t kMaxHandedOver = 4096;
// The pipeline is told of new telemetry no more often than this: it only moves the position.
constexpr std::chrono::seconds kTelemetryNotice{1};
// Operations wait this long for company before they cost a commit of their own.
constexpr milliseconds kOperationDelay{100};
constexpr std::size_t kMaxRecordBytes = std::size_t{4} << 20U;
// Items that are deduped and examined at once.
constexpr std::size_t kStagedItems = 5'000;

// One submission: its record in the batch's bytes, none when there is only an answer to give.
struct Entry {
  std::size_t begin = 0;
  std::size_t end = 0;
  Done done;
  std::unique_ptr<schema::Decoded> decoded;
  RecordKind kind = RecordKind::Telemetry;
  bool durable = false;
};

struct Submissions {
  base::ByteVec bytes;
  std::vector<Entry> entries;
  bool urgent = false;  // somebody waits for an answer

  void clear() {
    bytes.clear();
    entries.clear();
    urgent = false;
  }
};

struct Handed {
  std::uint64_t sequence;
  std::unique_ptr<schema::Decoded> decoded;
};

std::string explain(const std::vector<schema::Violation>& violations) {
  if (violations.empty()) return {};
  const schema::Violation& first = violations.front();
  std::string text = first.pointer + ": expected " + first.expected + ", found " + first.found;
  if (violations.size() > 1) text += " (and " + std::to_string(violations.size() - 1) + " more)";
  return text;
}

}  // namespace

struct Ingest::State {
  State(Options ingest_options, store::EventStore& event_store, detect::Alerts& alert_state,
        detect::Stream& stream, operations::Operations& operation_log)
      : options(std::move(ingest_options)),
        events(event_store),
        alerts(alert_state),
        operations(operation_log),
        pipeline(event_store, alert_state, stream, counters) {}

  // Submitting threads.
  bool has_room(std::size_t size) const;
  bool check(const Received& message, std::unique_ptr<schema::Decoded>& decoded);
  void refuse(const Received& message, operations::Reason reason, std::string detail,
              std::size_t count);

  // The journal thread.
  void run_journal();
  bool next_submissions();
  void journal_submissions();
  base::Result<void> append_and_commit();
  void hand_over();
  void answer();
  void set_failing(const base::Error* error);
  void publish_journal();

  // The pipeline thread.
  void run_pipeline();
  bool read_records(journal::Reader& reader);
  std::unique_ptr<schema::Decoded> handed(std::uint64_t sequence);
  bool attempt(base::Result<void> result, const char* what);
  bool finished() const;

  Options options;
  Counters counters;
  store::EventStore& events;
  detect::Alerts& alerts;
  operations::Operations& operations;

  // Guarded by `mutex`: what submitting threads and the journal thread share.
  mutable std::mutex mutex;
  std::condition_variable submitted;
  Submissions waiting;
  std::vector<std::function<void()>> room_waiters;
  std::uint64_t submissions = 0;  // ever
  bool stopping = false;

  // The journal thread's own.
  std::unique_ptr<journal::Log> log;
  Submissions taken;
  base::MonoTime retry_at{};
  base::MonoTime noticed_at{};
  std::atomic<bool> failing{false};
  std::atomic<std::uint64_t> trim_to{0};
  std::uint64_t trimmed = 0;

  // Guarded by `pipeline_mutex`: what the journal thread tells the pipeline.
  mutable std::mutex pipeline_mutex;
  std::condition_variable noticed;
  std::condition_variable stored;  // and answered
  std::deque<Handed> handed_over;
  std::uint64_t committed = 0;  // last sequence of the journal
  std::uint64_t answered = 0;   // of the submissions
  bool notice = false;
  bool outbox_grew = true;  // alerts have rows to store; after a crash perhaps from before
  bool hurry = false;       // flush at once: somebody waits in drain()
  bool no_more = false;     // the journal thread has ended
  JournalState journal_state;

  // The pipeline thread's own.
  Pipeline pipeline;
  std::uint64_t expected = 0;  // the sequence that the journal should have next
  bool store_failing = false;

  std::thread journal_thread;
  std::thread pipeline_thread;
};

// --- submitting
// -----------------------------------------------------------------------------------

bool Ingest::State::has_room(std::size_t size) const {
  if (waiting.entries.empty()) return true;
  return waiting.entries.size() < options.queue_messages &&
         waiting.bytes.size() + size <= options.queue_bytes;
}

void Ingest::State::refuse(const Received& message, operations::Reason reason, std::string detail,
                           std::size_t count) {
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::DeviceTelemetry;
  record.operation = reason == operations::Reason::EventInvalid ? "refuseEvents" : "refuseMessage";
  record.status_code = 400;
  record.level = operations::Level::Warning;
  record.device_id = message.device_id;
  record.module_id = message.module_id;
  record.generation_id = message.generation_id;
  record.reason = reason;
  record.detail =
      count > 1 ? std::to_string(count) + " events; the first: " + detail : std::move(detail);
  record.bytes = message.payload.size();
  operations.record(std::move(record));
}

// Whether anything of a security message is worth keeping; what is not is counted and recorded.
bool Ingest::State::check(const Received& message, std::unique_ptr<schema::Decoded>& decoded) {
  decoded =
      std::make_unique<schema::Decoded>(schema::decode(message.payload, schema::Mode::Lenient));
  for (std::size_t i = 0; i < decoded->leniencies.size(); ++i) {
    if (decoded->leniencies[i] != 0) counters.leniencies[i].add(decoded->leniencies[i]);
  }
  const bool any = !decoded->events.empty() || decoded->valid();
  if (!any && decoded->refused.empty()) {
    counters.refused_messages.add();
    refuse(message, operations::Reason::MessageInvalid, explain(decoded->message_violations), 1);
    return false;
  }
  if (!decoded->refused.empty()) {
    counters.refused_events.add(decoded->refused.size());
    const schema::RefusedEvent& first = decoded->refused.front();
    refuse(message, operations::Reason::EventInvalid, explain(first.violations),
           decoded->refused.size());
  } else if (!decoded->message_violations.empty()) {
    refuse(message, operations::Reason::MessageInvalid,
           "taken all the same; " + explain(decoded->message_violations), 1);
  }
  if (!any) counters.refused_messages.add();
  return any;
}

bool Ingest::submit(const Received& message, Done& done) {
  State& state = *state_;
  const std::size_t size = encoded_size(message);
  {
    const std::lock_guard lock(state.mutex);
    if (state.stopping || !state.has_room(size)) {
      state.counters.no_room.add();
      return false;
    }
  }
  Entry entry;
  entry.kind = message.security ? RecordKind::Security : RecordKind::Telemetry;
  bool keep = size <= kMaxRecordBytes;
  if (!keep) {
    state.counters.refused_messages.add();
    state.refuse(message, operations::Reason::Oversize,
                 std::to_string(message.payload.size()) + " bytes", 1);
  } else if (message.security) {
    keep = state.check(message, entry.decoded);
  }
  {
    const std::lock_guard lock(state.mutex);
    entry.begin = state.waiting.bytes.size();
    if (keep) encode(message, state.waiting.bytes);
    entry.end = state.waiting.bytes.size();
    entry.done = std::move(done);
    state.waiting.entries.push_back(std::move(entry));
    ++state.submissions;
    // The journal thread looks again by itself after each commit.
    if (!std::exchange(state.waiting.urgent, true)) state.submitted.notify_one();
  }
  state.counters.messages.add();
  state.counters.message_bytes.add(message.payload.size());
  (message.security ? state.counters.security_messages : state.counters.telemetry_messages).add();
  return true;
}

void Ingest::on_room(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    // Half of the queue: not at once full again.
    const bool room = state_->waiting.bytes.size() <= state_->options.queue_bytes / 2 &&
                      state_->waiting.entries.size() <= state_->options.queue_messages / 2;
    if (!room && !state_->stopping) {
      state_->room_waiters.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Ingest::record(const operations::Record& record) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.stopping || !state.has_room(1024)) {
    state.counters.operations_dropped.add();
    return;
  }
  Entry entry;
  entry.kind = RecordKind::Operation;
  entry.begin = state.waiting.bytes.size();
  encode(record, state.waiting.bytes);
  entry.end = state.waiting.bytes.size();
  state.waiting.entries.push_back(std::move(entry));
  ++state.submissions;
  if (state.waiting.entries.size() == 1) state.submitted.notify_one();
}

// --- the journal thread
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

base::Result<void> Ingest::State::append_and_commit() {
  base::Result<void> result;
  std::uint64_t first = 0;
  for (Entry& entry : taken.entries) {
    if (entry.begin == entry.end) continue;
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
    if (entry.kind != RecordKind::Telemetry) tell = true;
    if (entry.decoded && handed_over.size() < kMaxHandedOver) {
      handed_over.push_back({sequence, std::move(entry.decoded)});
    }
    ++sequence;
  }
  committed = log->next_sequence() - 1;
  if (!tell) return;
  noticed_at = now;
  notice = true;
  noticed.notify_one();
}

void Ingest::State::answer() {
  for (Entry& entry : taken.entries) {
    // What was refused for good is answered like what was stored: sending it again is of no use.
    const bool settled = entry.durable || entry.begin == entry.end;
    if (!settled) {
      if (entry.kind == RecordKind::Operation) {
        counters.operations_dropped.add();
      } else {
        counters.not_durable.add();
      }
    }
    if (entry.done) entry.done(settled);
  }
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
    answer();
    const std::lock_guard lock(pipeline_mutex);
    answered += taken.entries.size();
    stored.notify_all();
    taken.clear();
  }
  if (const auto up_to = trim_to.load(); up_to > trimmed) {
    const auto result = log->trim(up_to);
    if (!result) {
      LOG_WARNING("journal.trim").field("error", result.error().to_string());
    }
    trimmed = up_to;
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

// --- the pipeline thread
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

void Ingest::State::run_pipeline() {
  journal::Reader reader(*log, pipeline.sequence() + 1);
  base::MonoTime flush_at = base::MonoTime::max();
  while (true) {
    const bool more = read_records(reader);
    bool done = attempt(pipeline.process(), "process");
    std::unique_lock lock(pipeline_mutex);
    if ((outbox_grew || !pipeline.idle()) && flush_at == base::MonoTime::max()) {
      flush_at = base::mono_now() + options.batch_delay;
    }
    const bool now =
        hurry || no_more || pipeline.rows() >= options.batch_rows || base::mono_now() >= flush_at;
    if (done && now) {
      const bool had_grown = std::exchange(outbox_grew, false);
      lock.unlock();
      done = attempt(pipeline.flush(), "flush");
      lock.lock();
      outbox_grew = outbox_grew || (had_grown && !done);
      if (done) {
        flush_at = base::MonoTime::max();
        trim_to = pipeline.stored_sequence();
        journal_state.stored_sequence = pipeline.stored_sequence();
        stored.notify_all();
        {
          const std::lock_guard submit_lock(mutex);
          submitted.notify_one();
        }
      }
    }
    if (!done) {
      // Nothing is lost: the journal holds it. A stop does not wait for a disk that stays full.
      if (no_more) return;
      noticed.wait_for(lock, options.retry_delay, [this] { return no_more; });
      continue;
    }
    if (no_more && !more && pipeline.idle()) return;
    if (more || hurry) {
      if (!more && pipeline.idle() && !outbox_grew) hurry = false;
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

// --- the whole
// ------------------------------------------------------------------------------------

base::Result<std::unique_ptr<Ingest>> Ingest::start(Options options, store::EventStore& events,
                                                    detect::Alerts& alerts, detect::Stream& stream,
                                                    operations::Operations& operations) {
  auto state = std::make_unique<State>(std::move(options), events, alerts, stream, operations);
  journal::Options journal;
  journal.segment_bytes = state->options.journal_segment_bytes;
  journal.max_bytes = state->options.journal_max_bytes;
  journal.max_record_bytes = kMaxRecordBytes;
  // What the stores have applied was given out, whatever the folder still says.
  journal.min_next_sequence = std::max(events.journal_sequence(), alerts.applied_sequence()) + 1;
  state->log = TRY(journal::Log::open(state->options.journal_dir, journal));
  if (const journal::Recovery& found = state->log->recovery();
      found.lost_records + found.damaged_bytes + found.torn_bytes > 0) {
    LOG_WARNING("journal.recovered")
        .field("intact_records", found.records)
        .field("lost_records", found.lost_records)
        .field("damaged_bytes", found.damaged_bytes)
        .field("torn_bytes", found.torn_bytes);
  }
  TRY(alerts.continue_outbox(events.alert_outbox()));
  state->expected = std::max(events.journal_sequence() + 1, state->log->first_sequence());
  state->committed = state->log->next_sequence() - 1;
  state->journal_state.stored_sequence = events.journal_sequence();
  state->publish_journal();
  auto ingest = std::unique_ptr<Ingest>(new Ingest(std::move(state)));
  State& running = *ingest->state_;
  alerts.on_outbox([&running] {
    const std::lock_guard lock(running.pipeline_mutex);
    running.outbox_grew = true;
    running.notice = true;
    running.noticed.notify_one();
  });
  running.trim_to = events.journal_sequence();
  running.journal_thread = std::thread([&running] { running.run_journal(); });
  running.pipeline_thread = std::thread([&running] { running.run_pipeline(); });
  return ingest;
}

Ingest::Ingest(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ingest::~Ingest() {
  stop();
}

void Ingest::stop() {
  std::vector<std::function<void()>> waiters;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->submitted.notify_one();
    waiters.swap(state_->room_waiters);
  }
  for (const auto& waiter : waiters)
    waiter();
  if (state_->journal_thread.joinable()) state_->journal_thread.join();
  if (state_->pipeline_thread.joinable()) state_->pipeline_thread.join();
  state_->alerts.on_outbox({});
}

base::Result<void> Ingest::drain(milliseconds timeout) {
  const auto deadline = base::mono_now() + timeout;
  State& state = *state_;
  std::uint64_t submissions = 0;
  {
    const std::lock_guard lock(state.mutex);
    submissions = state.submissions;
  }
  std::unique_lock lock(state.pipeline_mutex);
  const auto answered = [&] { return state.answered >= submissions; };
  if (!state.stored.wait_until(lock, deadline, answered))
    return base::fail(base::Code::Expired, "drain");
  const std::uint64_t target = state.committed;
  while (state.journal_state.stored_sequence < target || state.outbox_grew) {
    state.hurry = true;
    state.notice = true;
    state.noticed.notify_one();
    if (state.stored.wait_until(lock, deadline) == std::cv_status::timeout) {
      return base::fail(base::Code::Expired, "drain");
    }
  }
  return {};
}

const Counters& Ingest::counters() const {
  return state_->counters;
}

Ingest::JournalState Ingest::journal() const {
  const std::lock_guard lock(state_->pipeline_mutex);
  return state_->journal_state;
}

}  // namespace hub::ingest
