#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
  std::string_view properties;  // JSON object; empty: made of the columns below
  std::int64_t meter_units = 0;
  std::int64_t count = 1;              // of what is summed up in it
  std::int64_t security_messages = 0;  // among these messages
  std::int64_t small_messages = 0;     // among the security messages
  std::string_view auth_scope;
  std::string_view auth_type;
  std::string_view auth_issuer;
  std::string_view auth_policy;
  std::string_view credential;
  std::string_view ip_filter_rule;
  std::string_view tls_version;
  std::string_view tls_cipher;
};

// A row of IoTHubAudit: a change of how the hub is set up, made or refused.
struct AuditRow {
  std::uint64_t id = 0;  // position in the audit log; rises
  kql::Ticks time = 0;
  std::string actor;
  std::string method;
  std::string action;
  std::string target;
  std::string result;  // ok, or why not
  std::int32_t status_code = 0;
  std::string caller_ip;
  std::string request_id;
  std::string detail;
  std::string properties;  // JSON object
};

// A row of DeviceTelemetry.
struct TelemetryRow {
  kql::Ticks time_generated = 0;  // when the hub received it
  std::string_view device_id;
  std::string_view module_id;
  std::string_view message_id;
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view system_properties;  // JSON object
  std::string_view properties;         // JSON object
  std::string_view body_encoding;      // json, text, base64
  std::string_view body;
};

// A row of SecurityRecommendation: a recommendation as it was at one moment. Later rows of the same
// id and device replace it.
struct RecommendationRow {
  std::uint64_t outbox = 0;  // position in the recommendations' outbox; rises
  kql::Ticks time_generated = 0;
  std::string_view device_id;
  std::string_view id;
  std::string_view name;
  std::string_view display_name;
  std::string_view severity;  // High, Medium, Low
  std::string_view state;     // Active, Resolved, Dismissed
  std::string_view description;
  std::string_view policy_id;
  kql::Ticks discovered = 0;  // 0: none, as in the next three
  kql::Ticks first_evaluated = 0;
  kql::Ticks state_changed = 0;
  kql::Ticks resolved = 0;
  std::string_view additional_data;  // JSON
  std::string_view properties;       // JSON
};

// A row of DeviceTwins: a twin after a change.
struct TwinRow {
  std::uint64_t id = 0;  // position in the twins' outbox; rises
  kql::Ticks time = 0;
  std::string device_id;
  std::string module_id;
  std::string generation_id;
  std::string operation;  // found, created, updated, deleted
  std::string parts;      // what was changed: "Tags,Desired"
  std::string actor;      // of the service; empty: the device itself
  std::string etag;
  std::int64_t version = 0;
  std::int64_t desired_version = 0;
  std::int64_t reported_version = 0;
  std::string tags;      // JSON object
  std::string desired;   // JSON object
  std::string reported;  // JSON object
};

// Rows on their way into the store, with the text that their views point to.
class Batch {
 public:
  // A copy of the text that lives as long as the batch.
  std::string_view keep(std::string_view text);

  std::vector<EventRow> events;
  std::vector<AlertRow> alerts;
  std::vector<OperationRow> operations;
  std::vector<TelemetryRow> telemetry;
  std::vector<AuditRow> audits;  // by rising id
  std::vector<RecommendationRow> recommendations;
  std::vector<TwinRow> twins;  // by rising id

  std::size_t rows() const {
    return events.size() + alerts.size() + operations.size() + telemetry.size() + audits.size() +
           recommendations.size() + twins.size();
  }
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

// When rows leave the database file for pieces (pieces.h).
struct SealOptions {
  // Sealed and merged in the background; false: only when somebody asks for it.
  bool automatic = true;
  // So many hot rows of a table are sealed at once, fewer where the store has little memory.
  std::uint64_t rows = 500'000;
  std::uint64_t min_rows = 20'000;                     // fewer stay hot also when their day is over
  std::uint64_t piece_rows = 2'000'000;                // pieces are not merged beyond it
  std::size_t merge_memory = std::size_t{256} << 20U;  // beside EventStoreOptions::memory_limit
  std::chrono::milliseconds every{30'000};             // how often is looked
  // Hears of each step in the making and unmaking of a piece; for tests of crashes.
  std::function<void(std::string_view)> on_step = {};
};

struct EventStoreOptions {
  // The database file. Folders beside it: `<path>.pieces` (pieces.h), `<path>.tmp` for spilling.
  std::string path;
  // A folder of its own for what Queries::export_kql() writes, emptied when it is opened; empty:
  // nothing is exported.
  std::string export_dir = {};
  std::string resource_id;  // the hub, as AssociatedResourceId and ResourceId
  std::size_t memory_limit = std::size_t{512} << 20U;
  std::size_t spill_limit = std::size_t{4} << 30U;  // what may be spilled to `<path>.tmp`
  unsigned threads = 0;                             // 0: one for each processor
  std::size_t recent_keys = 1'000'000;  // identities kept in memory for the exact dedupe
  SealOptions seal = {};
};

// The workspace: DuckDB, fed from the journal, and pieces of older rows (pieces.h).
//
// claim() and append() belong to one thread, the writer. Queries (query.h) run on connections of
// their own meanwhile and see committed batches only. A thread of the store's own seals and merges;
// neither the writer nor queries wait for it.
class EventStore {
 public:
  // Opens or makes the database, its tables and views, and rebuilds the set of recent identities.
  // A piece that is missing or damaged is logged and counted, and keeps nothing else from working.
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
  // The highest AuditRow::id stored. Threads: any.
  std::uint64_t audit_position() const;
  // The highest TwinRow::id stored. Threads: any.
  std::uint64_t twin_position() const;
  // The highest RecommendationRow::outbox stored. Threads: any.
  std::uint64_t recommendation_position() const;
  // Identifies this workspace; made with the store.
  std::string tenant_id() const;

  struct Stats {
    std::uint64_t rows_appended = 0;  // since open
    std::uint64_t duplicates = 0;     // identities that claim() found stored or claimed
    std::uint64_t lookups = 0;        // of these claims, those that had to ask the database
    std::uint64_t batches = 0;
    std::uint64_t failures = 0;        // append() calls that failed
    std::uint64_t usage_failures = 0;  // merges of Usage that failed; tried again
  };
  Stats stats() const;  // Threads: any.

 private:
  friend class Queries;
  friend class Pieces;
  friend class Keeper;
  friend class Backup;
  friend class Export;
  friend class Import;
  struct State;
  explicit EventStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace store
