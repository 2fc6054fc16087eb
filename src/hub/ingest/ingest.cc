#include "hub/ingest/ingest.h"

#include "base/log.h"
#include "hub/ingest/ingest_state.h"

namespace hub::ingest {

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

const Counters& Ingest::counters() const {
  return state_->counters;
}

Ingest::JournalState Ingest::journal() const {
  const std::lock_guard lock(state_->pipeline_mutex);
  return state_->journal_state;
}

}  // namespace hub::ingest
