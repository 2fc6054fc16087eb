#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/ingest/ingest.h"
#include "hub/ingest/pipeline.h"
#include "hub/ingest/record.h"
#include "journal/log.h"
#include "journal/reader.h"

// What the threads of the ingest share; for the sources of this folder. submit.cc runs on any
// thread, journal_thread.cc and pipeline_thread.cc on one each.
namespace hub::ingest {

inline constexpr std::size_t kMaxRecordBytes = std::size_t{4} << 20U;
// What a record may have beyond its message: why it was set aside.
inline constexpr std::size_t kMaxExtraBytes = std::size_t{64} << 10U;

// Why a message is set aside; `why` is empty when it is not.
struct Refusal {
  operations::Reason reason = operations::Reason::None;
  std::string why;
};

// One submission: its record in the batch's bytes, none when there is only an answer to give.
struct Entry {
  std::size_t begin = 0;
  std::size_t end = 0;
  Done done;
  std::unique_ptr<schema::Decoded> decoded;
  RecordKind kind = RecordKind::Telemetry;
  bool durable = false;

  bool has_record() const { return begin != end; }
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

// A message that submit() has decoded, on its way to the pipeline.
struct Handed {
  std::uint64_t sequence;
  std::unique_ptr<schema::Decoded> decoded;
  std::size_t bytes;  // of its record
};

struct Ingest::State {
  State(Options ingest_options, store::EventStore& event_store, detect::Alerts& alert_state,
        detect::Stream& stream, operations::Operations& operation_log)
      : options(std::move(ingest_options)),
        events(event_store),
        alerts(alert_state),
        operations(operation_log),
        pipeline(event_store, alert_state, stream, options, counters) {
    pipeline.on_set_aside(options.set_aside);
    pipeline.set_store_telemetry(options.store_telemetry);
    pipeline.on_alerts(
        [this](std::span<const store::AlertRow> rows) { return journal_alerts(rows); });
  }

  // Submitting threads.
  bool has_room(std::size_t size) const;
  bool check(const Received& message, std::unique_ptr<schema::Decoded>& decoded, Refusal& aside);
  void add_set_aside(const Received& message, const Refusal& refusal, Done* done);
  void refuse(const Received& message, operations::Reason reason, std::string detail,
              std::size_t count);

  // The journal thread.
  void run_journal();
  bool next_submissions();
  void journal_submissions();
  base::Result<void> append_and_commit();
  void hand_over();
  std::size_t answer();
  bool keep_for_later(const Entry& entry);
  void set_failing(const base::Error* error);
  void publish_journal();
  void make_room();
  void trim_journal(std::size_t keep_bytes);

  // The pipeline thread.
  void run_pipeline();
  void follow_journal();
  bool read_records(journal::Reader& reader);
  std::unique_ptr<schema::Decoded> handed(std::uint64_t sequence);
  std::size_t journal_alerts(std::span<const store::AlertRow> rows);
  std::size_t journal_some_alerts(std::span<const store::AlertRow> rows);
  bool attempt(base::Result<void> result, const char* what);
  bool flush_is_due();
  bool flush();
  bool pass_time();
  void run_guest();
  void dismiss_guests();

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
  std::condition_variable stored;        // and answered
  std::condition_variable_any followed;  // by those who wait in wait_committed()
  std::size_t followers = 0;             // how many
  // Steps of others that wait for the writer; each outlives its place here.
  struct Guest {
    const Step* step;
    base::Result<void> result;
    bool done = false;
  };
  std::deque<Guest*> guests;
  std::deque<Handed> handed_over;
  std::size_t handed_over_bytes = 0;
  std::uint64_t committed = 0;  // last sequence of the journal
  std::uint64_t answered = 0;   // of the submissions
  bool notice = false;
  bool outbox_grew = true;  // alerts have rows to store; after a crash perhaps from before
  bool hurry = false;       // flush at once: somebody waits in drain()
  bool no_more = false;     // the journal thread has ended
  bool no_more_guests = false;
  JournalState journal_state;

  // The pipeline thread's own.
  Pipeline pipeline;
  std::uint64_t expected = 0;  // the sequence that the journal should have next
  std::uint64_t known = 0;     // how far the journal went when it was last read
  base::MonoTime flush_at = base::MonoTime::max();
  base::MonoTime clock_at{};  // when time passes next
  bool store_failing = false;

  std::thread journal_thread;
  std::thread pipeline_thread;
};

}  // namespace hub::ingest
