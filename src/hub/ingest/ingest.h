#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/operations/operations.h"
#include "schema/decode.h"

namespace detect {
class Alerts;
class Stream;
}  // namespace detect
namespace store {
class EventStore;
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
  std::function<base::WallTime()> now = base::wall_now;
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
  // Departures from the schema that were accepted, by schema::Leniency.
  std::array<base::Counter, schema::kLeniencies> leniencies;
  base::Counter events;                   // accepted, before the dedupe
  base::Counter duplicate_events;         // resent ones
  base::Counter items;                    // rows of SecurityIoTRawEvent
  base::Counter findings;                 // of streaming rules
  base::Counter operations;               // records stored
  base::Counter operations_dropped;       // records lost: queue full or journal failing
  base::Counter store_failures;           // batches that had to be tried again
  base::Counter journal_corrupt_records;  // lost from the journal, found when it was opened or read
};

// Journal and pipeline, a thread each.
//
// submit(): validates security messages on the calling thread. The journal thread commits what
// waits as one group, then calls each Done, in the order of submission. The pipeline thread follows
// the journal: dedupe, rules, alerts, rows; and trims what is stored.
// When the queue is full, submit() refuses and the caller waits for on_room().
// Full disk: what cannot be journaled is not acknowledged (Done false), which is counted and
// recorded once as an operation; service resumes by itself when there is space.
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

  const Counters& counters() const;
  struct JournalState {
    std::uint64_t first_sequence = 0;
    std::uint64_t next_sequence = 0;
    std::uint64_t stored_sequence = 0;  // applied to the stores
    std::uint64_t bytes = 0;
    bool failing = false;  // messages are being refused
    std::string problem;   // why
  };
  JournalState journal() const;

 private:
  struct State;
  explicit Ingest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::ingest
