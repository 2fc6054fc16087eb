#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "kql/ticks.h"

namespace store {

// One item of an event's payload, as a row of SecurityIoTRawEvent.
struct EventRow {
  kql::Ticks time_generated = 0;  // when the hub received it
  kql::Ticks time_stamp = 0;      // when it happened, by the device's clock
  std::string_view device_id;
  std::string_view module_id;
  std::string_view agent_version;
  base::Guid agent_id;
  base::Guid event_id;
  std::uint32_t item = 0;  // position in the payload
  std::string_view name;   // ProcessCreate
  std::string_view category;
  std::string_view type;
  bool is_empty = false;
  std::string_view details;  // JSON object
};

// A row of SecurityAlert: an alert as it was at one moment. Later rows of the same id replace it.
struct AlertRow {
  std::uint64_t outbox = 0;  // position in the alerts' outbox; rises
  kql::Ticks time_generated = 0;
  kql::Ticks start_time = 0;
  kql::Ticks end_time = 0;
  kql::Ticks processing_end_time = 0;
  std::string alert_id;
  std::string rule_id;
  std::string title;
  std::string severity;
  std::string description;
  std::string status;
  std::string compromised_entity;
  std::string tactics;
  std::string techniques;
  std::string confidence;
  std::string link;
  std::string remediation_json;
  std::string extended_json;
  std::string entities_json;
};

// A row of IoTHubOperations.
struct OperationRow {
  kql::Ticks time = 0;
  std::string_view category;
  std::string_view operation;
  std::string_view level;
  std::int32_t status_code = 0;
  std::int64_t sub_code = 0;
  std::string_view reason;
  std::string_view description;
  std::string_view device_id;
  std::string_view module_id;
  std::string_view generation_id;
  std::string_view protocol;
  std::string_view caller_ip;
  std::string_view sdk_version;
  std::int64_t bytes = 0;
  std::int64_t duration_ms = 0;
  std::string_view request_id;
  std::string_view actor;
  std::string_view properties;  // JSON object
};

// Rows on their way into the store, with the text that their views point to.
class Batch {
 public:
  // A copy of the text that lives as long as the batch.
  std::string_view keep(std::string_view text);

  std::vector<EventRow> events;
  std::vector<AlertRow> alerts;
  std::vector<OperationRow> operations;

  std::size_t rows() const { return events.size() + alerts.size() + operations.size(); }
  void clear();

 private:
  std::unique_ptr<std::pmr::monotonic_buffer_resource> text_ =
      std::make_unique<std::pmr::monotonic_buffer_resource>(64 * 1024);
};

// What makes a row of SecurityIoTRawEvent itself. `time_stamp` is not part of the identity: it says
// where in the store an older row of the same identity would be.
struct EventKey {
  std::string_view device_id;
  std::string_view module_id;
  base::Guid event_id;
  std::uint32_t item = 0;
  kql::Ticks time_stamp = 0;
};

struct EventStoreOptions {
  std::string path;         // the database file; a folder `<path>.tmp` is used for spilling
  std::string resource_id;  // the hub, as AssociatedResourceId and ResourceId
  std::size_t memory_limit = std::size_t{512} << 20U;
  unsigned threads = 0;                 // 0: one for each processor
  std::size_t recent_keys = 1'000'000;  // identities kept in memory for the exact dedupe
};

// The workspace: DuckDB, fed from the journal.
//
// claim() and append() belong to one thread, the writer. Queries (query.h) run on connections of
// their own meanwhile and see committed batches only.
class EventStore {
 public:
  // Opens or makes the database, its tables and views, and rebuilds the set of recent identities.
  // Errors: Conflict (another process has it open), Corrupt (the detail says what to do), Full, Io.
  static base::Result<std::unique_ptr<EventStore>> open(EventStoreOptions options);
  ~EventStore();
  EventStore(const EventStore&) = delete;
  EventStore& operator=(const EventStore&) = delete;

  // For each identity: 1 when it is new, 0 when it is stored, claimed before, or repeated among
  // `keys`. What is new is claimed by this call, and must be appended before it may be claimed
  // again. Exact as long as a resent event carries the same time stamp, as it does: it is sent as
  // stored. Errors: those of the database; then nothing is claimed.
  base::Result<std::vector<std::uint8_t>> claim(std::span<const EventKey> keys);

  // Stores all rows, and that the journal was applied up to `journal_sequence`, in one transaction.
  // Durable after return. After an error nothing of it is stored and the same batch may be tried
  // again. Errors: Full (disk), Io, Corrupt.
  base::Result<void> append(const Batch& batch, std::uint64_t journal_sequence);

  // What the last append() said; 0 for a new store. Threads: any.
  std::uint64_t journal_sequence() const;
  // The highest AlertRow::outbox stored. Threads: any.
  std::uint64_t alert_outbox() const;
  // Identifies this workspace; made with the store.
  std::string tenant_id() const;

  struct Stats {
    std::uint64_t rows_appended = 0;  // since open
    std::uint64_t duplicates = 0;     // identities that claim() found stored or claimed
    std::uint64_t lookups = 0;        // of these claims, those that had to ask the database
    std::uint64_t batches = 0;
    std::uint64_t failures = 0;  // append() calls that failed
  };
  Stats stats() const;  // Threads: any.

 private:
  friend class Queries;
  struct State;
  explicit EventStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace store
