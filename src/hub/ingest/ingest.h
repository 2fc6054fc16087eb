#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/operations/operations.h"
#include "schema/decode.h"
#include "store/events.h"

namespace journal {
class Reader;
}
namespace detect {
class Alerts;
class Detector;
class Stream;
}  // namespace detect
namespace hub::operations {
class AuditLog;
}

// What devices send, on its way: validated, journaled, acknowledged, then detected and stored.
namespace hub::ingest {

// A device-to-cloud message. Who sent it comes from the connection, never from the payload.
// Borrowed for the duration of the call.
struct Received {
  std::string_view device_id;
  std::string_view module_id;
  std::string_view generation_id;
  std::string_view auth_method;  // JSON, as the connection was authenticated; may be empty
  base::WallTime received_at;
  std::string_view properties;  // the property bag, encoded
  std::string_view payload;
  bool security = false;  // the bag says that it is a security message
};

// A security message that is not taken, or not as a whole, and why.
struct SetAside {
  std::uint64_t sequence = 0;  // of the journal; the same message again has the same
  Received message;
  operations::Reason reason = operations::Reason::None;  // MessageInvalid, EventInvalid
  std::string_view why;
};

// True: taken care of, acknowledge. False: it could not be stored, do not.
using Done = std::function<void(bool durable)>;

struct Options {
  std::string journal_dir;
  std::size_t journal_max_bytes = std::size_t{4} << 30U;
  std::size_t journal_segment_bytes = std::size_t{8} << 20U;
  std::size_t queue_bytes = std::size_t{64} << 20U;  // waiting for the journal
  std::size_t queue_messages = 65'536;
  std::size_t batch_rows = 10'000;             // a batch for the event store, at most
  std::chrono::milliseconds batch_delay{100};  // from a row's arrival to its batch
  std::chrono::milliseconds retry_delay{500};  // after a failure of journal or stores
  bool store_telemetry = false;                // as rows of DeviceTelemetry
  // What the stores have seen stays that long for those who follow the journal; room for new
  // messages comes first.
  std::size_t journal_keep_bytes = 0;
  // Keeps messages that did not validate. Called on the pipeline's thread, again after an error and
  // after a crash. Errors Full, Unavailable: try again; others: it will not get better, count it.
  // Empty: they are refused without a trace but the record.
  std::function<base::Result<void>(std::span<const SetAside>)> set_aside = {};
  std::function<base::WallTime()> now = base::wall_now;
  // What is stored as IoTHubAudit; must outlive the ingest. nullptr: nothing is.
  operations::AuditLog* audit = nullptr;
  // Whether an event of that device and type becomes rows; rules see it either way. Called on the
  // pipeline's thread for each. Empty: all do.
  std::function<bool(std::string_view device, std::string_view type)> stores_event = {};
  // Whether there is room for further rows of events, telemetry and operations. Rows that there is
  // none for are counted instead. Called on the pipeline's thread for each. Empty: there is.
  std::function<bool()> has_room = {};
  // Changes of twins for DeviceTwins, those after a position, oldest first; and what the event
  // store has of them. Errors: try again. Called on the pipeline's thread; empty: there are none.
  std::function<base::Result<std::vector<store::TwinRow>>(std::uint64_t after, std::size_t limit)>
      twins = {};
  std::function<base::Result<void>(std::uint64_t stored)> twins_stored = {};
  // Is given what to call, on any thread, when there are more of them; an empty one at the end.
  std::function<void(std::function<void()> grown)> on_twins = {};
  // Rows of SecurityRecommendation after a position, oldest first, into the batch; and what the
  // event store has of them. As twins above.
  std::function<base::Result<void>(std::uint64_t after, std::size_t limit, store::Batch& batch)>
      recommendations = {};
  std::function<base::Result<void>(std::uint64_t stored)> recommendations_stored = {};
  std::function<void(std::function<void()> grown)> on_recommendations = {};
  // What decides beside the rules, called on the pipeline's thread; must outlive the ingest. What
  // they remember is given back to them when it starts.
  std::vector<detect::Detector*> detectors = {};
  // How often time passes for rules and detectors when nothing comes.
  std::chrono::milliseconds clock_interval{1000};
  // A message is journaled at most so long after it was received, unless the disk is slower.
  std::chrono::milliseconds clock_slack{2000};
  // Told of each security message, on the pipeline's thread: who sent it, the time of its newest
  // event by the sender's clock, and when it was received. Empty: nobody is.
  std::function<void(std::string_view device, std::string_view module, base::WallTime newest,
                     base::WallTime received)>
      on_clock = {};
};

// Since start; any thread may read.
struct Counters {
  base::Counter messages;           // taken
  base::Counter message_bytes;      // of their payloads
  base::Counter security_messages;  // of these
  base::Counter telemetry_messages;
  base::Counter no_room;      // submit() calls that found the queue full
  base::Counter not_durable;  // messages not stored: journal full, disk full or failing
  base::Counter commits;      // of the journal; each is one fdatasync
  base::Counter commit_failures;
  base::Counter refused_messages;  // security messages that are no such thing
  base::Counter refused_events;    // events refused within messages that were taken
  base::Counter set_aside;         // messages kept because they did not validate
  base::Counter set_aside_lost;    // of these: could not be kept
  // Departures from the schema that were accepted, by schema::Leniency.
  std::array<base::Counter, schema::kLeniencies> leniencies;
  base::Counter events;                   // accepted, before the dedupe
  base::Counter duplicate_events;         // resent ones
  base::Counter items;                    // rows of SecurityIoTRawEvent
  base::Counter not_stored;               // items that were not to be stored, or had no room
  base::Counter rows_no_room;             // rows of all tables that there was no room for
  base::Counter findings;                 // of rules and detectors
  base::Counter memory_kept;              // pieces of what detectors remember, written
  base::Counter memory_useless;           // of these, that could not be used after a restart
  base::Counter telemetry_rows;           // of DeviceTelemetry
  base::Counter operations;               // records stored
  base::Counter audits;                   // of the audit log, stored
  base::Counter operations_dropped;       // records lost: queue full or journal failing
  base::Counter store_failures;           // batches that had to be tried again
  base::Counter alerts_not_followed;      // alerts stored, and missing in the journal
  base::Counter journal_corrupt_records;  // lost from the journal, found when it was opened or read
};

// Journal and pipeline, a thread each.
//
// submit(): validates security messages on the calling thread. The journal thread commits what
// waits as one group, then calls each Done, in the order of submission. The pipeline thread follows
// the journal: dedupe, rules and detectors, alerts, rows; and trims what is stored. What was found
// and what rules and detectors remember is kept in one transaction with how far they came, before
// the rows are: a crash repeats no decision and forgets none.
// When the queue is full, submit() refuses and the caller waits for on_room().
// Full disk: what cannot be journaled is not acknowledged (Done false), which is counted and
// recorded once as an operation; service resumes by itself when there is space, whether or not
// anybody sends meanwhile. Records of operations wait for that, as many as there is room for.
class Ingest {
 public:
  // Opens the journal and starts; replays what the stores have not seen. `stream` gives the rules.
  // Everything named must outlive it. Errors: Conflict, Corrupt, Io, Full.
  static base::Result<std::unique_ptr<Ingest>> start(Options options, store::EventStore& events,
                                                     detect::Alerts& alerts, detect::Stream& stream,
                                                     operations::Operations& operations);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Takes the message and, then only, `done`: it will be called once, on the journal thread. False:
  // there is no room and nothing happened. Threads: any.
  bool submit(const Received& message, Done& done);
  // Calls back once, when there is room again; at once when there is. Threads: any.
  void on_room(std::function<void()> callback);

  // Journals the record for IoTHubOperations, without waiting. Threads: any; the operations' sink.
  void record(const operations::Record& record);

  // Returns when everything submitted so far is answered and can be queried. For tests and a clean
  // stop.
  // Errors: Expired.
  base::Result<void> drain(std::chrono::milliseconds timeout);
  // Commits what waits, calls its Dones, stores it, ends the threads. Later submit() calls are
  // refused. Idempotent.
  void stop();

  // Submits a message that was set aside, if all of it is acceptable now, and waits for the disk.
  // Errors: Invalid (it is not; the detail says why), Unavailable (no room, or not stored).
  base::Result<void> replay(const Received& message, std::chrono::milliseconds timeout);

  // Runs `step` on the pipeline's thread, which is the event store's writer, when all rows that it
  // has are stored; waits for its result. Meanwhile messages are taken and acknowledged as ever,
  // and stored after it. Errors: Closed (stop() has been called; it is not run), and the step's.
  // Threads: any but the pipeline's.
  using Step = std::function<base::Result<void>()>;
  base::Result<void> run_on_writer(const Step& step);

  // For those who follow the journal: its records (record.h) from `from` on, of which those up to
  // committed() may be shown to others. Threads: any; the reader's own.
  std::unique_ptr<journal::Reader> reader(std::uint64_t from) const;
  std::uint64_t committed() const;
  // Returns when more than `after` is committed (true), at the deadline or when asked to stop.
  bool wait_committed(std::uint64_t after, const std::stop_token& stop, base::MonoTime deadline);

  const Counters& counters() const;
  struct JournalState {
    std::uint64_t first_sequence = 0;
    std::uint64_t next_sequence = 0;
    std::uint64_t stored_sequence = 0;  // applied to the stores
    std::uint64_t bytes = 0;
    bool failing = false;        // messages are being refused
    std::string problem;         // why
    bool store_failing = false;  // what the journal holds cannot be applied to the stores
  };
  JournalState journal() const;

 private:
  struct State;
  explicit Ingest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::ingest
