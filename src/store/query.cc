#include "store/query.h"

#include <fmt/format.h>

#include "store/catalogue.h"
#include "store/keeper.h"
#include "store/query_state.h"

namespace store {
namespace {

using kql::Type;

std::size_t size_of(const Value& value) {
  constexpr std::size_t kPlain = 8;
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? text->size() : kPlain;
}

// The type that a column of the emitted SQL must have, so that its values can be read as such.
bool holds(Type type, duckdb_type found) {
  switch (type) {
    case Type::Bool:
      return found == DUCKDB_TYPE_BOOLEAN;
    case Type::Int:
      return found == DUCKDB_TYPE_INTEGER;
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return found == DUCKDB_TYPE_BIGINT;
    case Type::Real:
      return found == DUCKDB_TYPE_DOUBLE;
    default:
      return found == DUCKDB_TYPE_VARCHAR;
  }
}

base::Result<void> read_rows(duck::Rows& rows, const QueryOptions& options, QueryResult& result) {
  QueryStats& stats = result.stats;
  while (TRY(rows.next())) {
    std::vector<duck::Column> columns;
    for (idx_t index = 0; index < result.columns.size(); ++index)
      columns.push_back(rows.column(index));
    for (idx_t row = 0; row < rows.size(); ++row) {
      if (result.rows.size() >= options.row_limit) stats.cut_by = Limit::Rows;
      if (stats.bytes > options.byte_limit) stats.cut_by = Limit::Bytes;
      if (stats.truncated()) return {};
      std::vector<Value> values;
      values.reserve(columns.size());
      for (std::size_t index = 0; index < columns.size(); ++index) {
        values.push_back(value_at(columns[index], row, result.columns[index].type));
        stats.bytes += size_of(values.back());
      }
      result.rows.push_back(std::move(values));
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::None:
      return "";
    case Limit::Time:
      return "time";
    case Limit::Rows:
      return "rows";
    case Limit::Bytes:
      return "bytes";
    case Limit::Memory:
      return "memory";
  }
  return "";
}

Limit QueryFailure::limit() const {
  if (!diagnostics.empty()) return Limit::None;
  if (error.code == base::Code::Expired) return Limit::Time;
  return error.code == base::Code::Full ? Limit::Memory : Limit::None;
}

Value value_at(const duck::Column& column, idx_t row, Type type) {
  if (column.is_null(row)) return {};
  switch (type) {
    case Type::Bool:
      return column.as<bool>(row);
    case Type::Int:
      return std::int64_t{column.as<std::int32_t>(row)};
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return column.as<std::int64_t>(row);
    case Type::Real:
      return column.as<double>(row);
    case Type::Decimal:
    case Type::String:
    case Type::Guid:
    case Type::Dynamic:
      return std::string(column.text(row));
  }
  return {};
}

base::Result<void> check_columns(const Running& statement,
                                 const std::vector<kql::Column>& columns) {
  for (idx_t column = 0; column < columns.size(); ++column) {
    if (!holds(columns[column].type, statement.column_type(column))) {
      return base::fail(base::Code::Unsupported, "query result", -1,
                        fmt::format("column '{}' should be {} but DuckDB gives its type {}",
                                    columns[column].name, kql::type_name(columns[column].type),
                                    static_cast<int>(statement.column_type(column))));
    }
  }
  return {};
}

void write_value(base::json::Writer& writer, kql::Type type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return writer.null();
  switch (type) {
    case Type::Bool:
      return writer.value(std::get<bool>(value));
    case Type::Int:
    case Type::Long:
      return writer.value(std::get<std::int64_t>(value));
    case Type::Real:
      return writer.value(std::get<double>(value));
    case Type::DateTime:
      return writer.value(kql::format_datetime(std::get<std::int64_t>(value)));
    case Type::TimeSpan:
      return writer.value(kql::format_timespan(std::get<std::int64_t>(value)));
    case Type::Dynamic:
      return writer.raw(std::get<std::string>(value));
    case Type::Decimal:
    case Type::String:
    case Type::Guid:
      return writer.value(std::get<std::string>(value));
  }
}

std::string value_text(kql::Type type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (type == Type::DateTime) return kql::format_datetime(std::get<std::int64_t>(value));
  if (type == Type::TimeSpan) return kql::format_timespan(std::get<std::int64_t>(value));
  std::string text;
  base::json::Writer writer(text);
  write_value(writer, type, value);
  return text;
}

Cancel::Cancel() : state_(std::make_unique<State>()) {}
Cancel::~Cancel() = default;

bool Cancel::cancelled() const {
  return state_->cancelled;
}

void Cancel::cancel() {
  state_->cancelled = true;
  const std::lock_guard lock(state_->mutex);
  if (state_->connection != nullptr) duckdb_interrupt(state_->connection);
}

base::Result<void> Queries::State::guarded(std::chrono::milliseconds timeout, Cancel* cancel,
                                           const Work& work) {
  auto lease = TRY(store.lease());
  duck::Connection& connection = lease.connection();
  const auto reading = duck::Reading::begin(connection);
  const auto set_cancel = [&](duckdb_connection target) {
    if (cancel == nullptr) return false;
    const std::lock_guard lock(cancel->state_->mutex);
    cancel->state_->connection = target;
    return cancel->state_->cancelled.load();
  };
  if (set_cancel(connection.get())) {
    set_cancel(nullptr);
    cancellations.add();
    return base::fail(base::Code::Closed, "query", -1, "cancelled");
  }
  const auto alarm = watchdog.arm(base::mono_now() + timeout, connection.get());
  auto outcome = reading ? work(connection) : std::unexpected(reading.error());
  const bool ended = set_cancel(nullptr);
  const bool expired = watchdog.disarm(alarm);
  if (!outcome && store.keeper->suspect(outcome.error())) {
    return base::fail(
        base::Code::Unavailable, "query", -1,
        "a piece of the event store is damaged and is being set aside; ask once more");
  }
  if (outcome || outcome.error().code != base::Code::Closed) return outcome;
  if (ended) {
    cancellations.add();
    return base::fail(base::Code::Closed, "query", -1, "cancelled");
  }
  if (expired) {
    timed_out.add();
    return base::fail(base::Code::Expired, "query", -1,
                      fmt::format("it ran for more than {} ms", timeout.count()));
  }
  return base::fail(base::Code::Unavailable, "query", -1,
                    "the event store was opened again; ask once more");
}

base::Result<void> Queries::State::execute(const std::string& sql, const QueryOptions& options,
                                           QueryResult& result) {
  const auto* cancelled = options.cancel != nullptr ? &options.cancel->state_->cancelled : nullptr;
  return guarded(options.timeout, options.cancel,
                 [&](duck::Connection& connection) -> base::Result<void> {
                   Running statement;
                   TRY(statement.prepare(connection, sql));
                   auto rows = TRY(statement.run(cancelled));
                   ASSERT(rows.column_count() == result.columns.size());
                   TRY(check_columns(statement, result.columns));
                   return read_rows(rows, options, result);
                 });
}

std::optional<std::vector<std::vector<std::string>>> Queries::State::probe(
    const std::string& sql, const QueryOptions& options, std::optional<base::Error>& error) {
  QueryResult result;
  result.columns = {{"name", kql::Type::String}, {"type", kql::Type::String}};
  auto outcome = execute(sql, options, result);
  if (!outcome) {
    error = std::move(outcome).error();
    return std::nullopt;
  }
  std::vector<std::vector<std::string>> out;
  for (const auto& row : result.rows) {
    auto& texts = out.emplace_back();
    for (const Value& value : row)
      texts.push_back(value_text(kql::Type::String, value));
  }
  return out;
}

base::Result<std::unique_ptr<Queries>> Queries::open(EventStore& store, std::size_t concurrent) {
  return std::unique_ptr<Queries>(new Queries(std::make_unique<State>(*store.state_, concurrent)));
}

Queries::Queries(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queries::~Queries() = default;

std::unexpected<QueryFailure> Queries::State::fail(QueryFailure failure) {
  failed.add();
  return std::unexpected(std::move(failure));
}

std::unexpected<QueryFailure> Queries::State::refuse() {
  refused.add();
  return fail({{},
               {base::Code::Unavailable, "query", -1,
                fmt::format("{} queries are running already; try again", concurrent)}});
}

std::expected<QueryResult, QueryFailure> Queries::run_kql(std::string_view text,
                                                          const QueryOptions& options) {
  const auto begin = base::mono_now();
  state_->queries.add();
  const Slot slot(*state_);
  if (!slot.taken()) return state_->refuse();
  std::optional<base::Error> probe_error;
  const auto probe = [&](const std::string& sql) {
    return state_->probe(sql, options, probe_error);
  };
  // One more than is shown tells whether there are more.
  auto compiled = kql::compile(text, catalogue(),
                               {.now = options.now,
                                .time_range = options.time_range,
                                .row_limit = options.row_limit + 1,
                                .probe = probe,
                                .parameters = options.parameters});
  if (probe_error) return state_->fail({{}, std::move(*probe_error)});
  if (!compiled) {
    return state_->fail(
        {std::move(compiled).error(), {base::Code::Invalid, "query", -1, "it has errors"}});
  }
  QueryResult result;
  result.stats.compile = base::mono_now() - begin;
  result.columns = std::move(compiled->columns);
  result.render = std::move(compiled->render);
  result.warnings = std::move(compiled->warnings);
  auto outcome = state_->execute(compiled->sql, options, result);
  if (!outcome) return state_->fail({{}, std::move(outcome).error()});
  result.stats.rows = result.rows.size();
  result.stats.elapsed = base::mono_now() - begin;
  return result;
}

Queries::Stats Queries::stats() const {
  return {state_->queries.value(), state_->failed.value(), state_->timed_out.value(),
          state_->cancellations.value(), state_->refused.value()};
}

}  // namespace store
