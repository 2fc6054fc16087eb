#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "kql/kql.h"
#include "os/fd.h"
#include "store/events.h"

namespace store {

// A value of a result. By the type of its column: Bool bool; Int, Long, DateTime and TimeSpan
// (ticks) int64; Real double; String, Decimal, Guid and Dynamic (a JSON text) string. monostate is
// null.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

// The value as JSON, as the API and the CLI show it: datetime as RFC 3339 text with seven digits,
// timespan as KQL text, dynamic as JSON itself, decimal and guid as text.
void write_value(base::json::Writer& writer, kql::Type type, const Value& value);
// The value as plain text, for tables and CSV; null is empty.
std::string value_text(kql::Type type, const Value& value);

// What a query may not go beyond.
enum class Limit : std::uint8_t { None, Time, Rows, Bytes, Memory };
// "time", "rows"...; None is "".
std::string_view to_string(Limit limit);

struct QueryStats {
  std::size_t rows = 0;
  std::size_t bytes = 0;                // of text, and eight for each other value
  Limit cut_by = Limit::None;           // Rows or Bytes: there was more
  std::chrono::nanoseconds compile{0};  // of `elapsed`
  std::chrono::nanoseconds elapsed{0};

  bool truncated() const { return cut_by != Limit::None; }
};

struct QueryResult {
  std::vector<kql::Column> columns;
  std::vector<std::vector<Value>> rows;
  QueryStats stats;
  std::optional<kql::Render> render;
  std::vector<kql::Diagnostic> warnings;
};

// Why there is no result. `diagnostics` are the query's own faults; when there are none, `error`
// says what happened while it ran: Expired (timeout), Closed (cancelled), Full (out of memory or
// disk), Unavailable (too many queries at once), Invalid (a value that cannot be computed).
struct QueryFailure {
  std::vector<kql::Diagnostic> diagnostics;
  base::Error error;

  // The limit that ended it: Time or Memory, else None.
  Limit limit() const;
};

// Ends a query from another thread.
class Cancel {
 public:
  Cancel();
  ~Cancel();
  Cancel(const Cancel&) = delete;
  Cancel& operator=(const Cancel&) = delete;
  // Threads: any. Before, during or after the query.
  void cancel();
  bool cancelled() const;

 private:
  friend class Queries;
  struct State;
  std::unique_ptr<State> state_;
};

struct QueryOptions {
  base::WallTime now;  // what now() means
  std::chrono::milliseconds timeout{30'000};
  std::size_t row_limit = 10'000;
  std::size_t byte_limit = std::size_t{64} << 20U;  // as QueryStats::bytes
  std::optional<kql::TimeRange> time_range = {};    // see kql::Options
  kql::Parameters parameters = {};                  // of its declare query_parameters
  Cancel* cancel = nullptr;                         // may be nullptr; must outlive the call
};

enum class ExportFormat : std::uint8_t { Ndjson, Parquet };

struct ExportOptions {
  base::WallTime now;  // what now() means
  std::chrono::milliseconds timeout{600'000};
  std::uint64_t max_bytes = std::uint64_t{4} << 30U;  // of the file
  kql::Parameters parameters = {};                    // of its declare query_parameters
  Cancel* cancel = nullptr;                           // may be nullptr; must outlive the call
};

// A result in a file that has no name any more: it goes with the descriptor.
struct ExportedFile {
  os::Fd file;
  std::uint64_t bytes = 0;
};

// Answers KQL over the workspace's tables. Threads: any; each call holds a connection of its own.
class Queries {
 public:
  // The store must outlive it. At most `concurrent` queries run at once; further ones are refused.
  static base::Result<std::unique_ptr<Queries>> open(EventStore& store, std::size_t concurrent = 8);
  ~Queries();
  Queries(const Queries&) = delete;
  Queries& operator=(const Queries&) = delete;

  std::expected<QueryResult, QueryFailure> run_kql(std::string_view text,
                                                   const QueryOptions& options);

  // All rows of a result, however many, as a file. NDJSON: an object for each row, values as the
  // API writes them. Parquet: datetime as TIMESTAMP (UTC, microseconds), timespan as BIGINT (100
  // ns), dynamic, guid and decimal as text. Memory is bounded; the store's export_dir has to hold
  // it. Error beyond those of run_kql(): TooLarge (max_bytes), Unsupported (no export_dir).
  std::expected<ExportedFile, QueryFailure> export_kql(std::string_view text, ExportFormat format,
                                                       const ExportOptions& options);

  struct Stats {
    std::uint64_t queries = 0;
    std::uint64_t failed = 0;     // for any reason, the query's own faults included
    std::uint64_t timed_out = 0;  // of these
    std::uint64_t cancelled = 0;  // as well
    std::uint64_t refused = 0;    // too many at once
  };
  Stats stats() const;

 private:
  struct State;
  class Slot;
  explicit Queries(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace store
