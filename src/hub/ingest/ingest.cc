#include "hub/ingest/ingest.h"

#include "base/log.h"
#include "hub/ingest/ingest_state.h"
#include "hub/operations/audit.h"

namespace hub::ingest {
namespace {

// The event store has not seen what the journal has given up already: it was replaced by an older
// copy or an empty one, or has lost its newest part.
operations::Record gap_record(std::uint64_t first, std::uint64_t last) {
  operations::Record record;
  record.category = operations::Category::DeviceTelemetry;
  record.operation = "storeEvents";
  record.status_code = 500;
  record.level = operations::Level::Error;
  record.reason = operations::Reason::NotDurable;
  record.detail = "the event store lacks journal records " + std::to_string(first) + " to " +
                  std::to_string(last) +
                  ", which are gone: it was replaced by an older copy, or damaged";
  return record;
}

}  // namespace

// ------------------------------------------------------------------------------------

base::Result<std::unique_ptr<Ingest>> Ingest::start(Options options, store::EventStore& events,
                                                    detect::Alerts& alerts, detect::Stream& stream,
                                                    operations::Operations& operations) {
  auto state = std::make_unique<State>(std::move(options), events, alerts, stream, operations);
  journal::Options journal;
  journal.segment_bytes = state->options.journal_segment_bytes;
  journal.max_bytes = state->options.journal_max_bytes;
  journal.max_record_bytes = kMaxRecordBytes + kMaxExtraBytes;
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
  operations::AuditLog* audit = state->options.audit;
  if (audit != nullptr) TRY(audit->continue_after(events.audit_position()));
  TRY(state->pipeline.recall());
  state->expected = std::max(events.journal_sequence() + 1, state->log->first_sequence());
  const std::uint64_t unseen = events.journal_sequence() + 1;
  const std::uint64_t first_there = state->log->first_sequence();
  state->committed = state->log->next_sequence() - 1;
  state->journal_state.stored_sequence = events.journal_sequence();
  state->publish_journal();
  auto ingest = std::unique_ptr<Ingest>(new Ingest(std::move(state)));
  State& running = *ingest->state_;
  const auto outbox_grew = [&running] {
    const std::lock_guard lock(running.pipeline_mutex);
    running.outbox_grew = true;
    running.notice = true;
    running.noticed.notify_one();
  };
  alerts.on_outbox(outbox_grew);
  if (audit != nullptr) audit->on_grown(outbox_grew);
  if (running.options.on_twins) running.options.on_twins(outbox_grew);
  if (running.options.on_recommendations) running.options.on_recommendations(outbox_grew);
  running.trim_to = events.journal_sequence();
  running.journal_thread = std::thread([&running] { running.run_journal(); });
  running.pipeline_thread = std::thread([&running] { running.run_pipeline(); });
  if (first_there > unseen) {
    running.counters.journal_corrupt_records.add(first_there - unseen);
    LOG_ERROR("ingest.gap").field("from", unseen).field("to", first_there - 1);
    operations::Record record = gap_record(unseen, first_there - 1);
    record.time = running.options.now();
    ingest->record(record);
    operations.record(std::move(record));
  }
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
  if (state_->options.audit != nullptr) state_->options.audit->on_grown({});
  if (state_->options.on_twins) state_->options.on_twins({});
  if (state_->options.on_recommendations) state_->options.on_recommendations({});
}

base::Result<void> Ingest::drain(std::chrono::milliseconds timeout) {
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

std::unique_ptr<journal::Reader> Ingest::reader(std::uint64_t from) const {
  return std::make_unique<journal::Reader>(*state_->log, from);
}

std::uint64_t Ingest::committed() const {
  const std::lock_guard lock(state_->pipeline_mutex);
  return state_->committed;
}

bool Ingest::wait_committed(std::uint64_t after, const std::stop_token& stop,
                            base::MonoTime deadline) {
  std::unique_lock lock(state_->pipeline_mutex);
  ++state_->followers;
  const bool more =
      state_->followed.wait_until(lock, stop, deadline, [&] { return state_->committed > after; });
  --state_->followers;
  return more;
}

const Counters& Ingest::counters() const {
  return state_->counters;
}

Ingest::JournalState Ingest::journal() const {
  const std::lock_guard lock(state_->pipeline_mutex);
  return state_->journal_state;
}

}  // namespace hub::ingest
