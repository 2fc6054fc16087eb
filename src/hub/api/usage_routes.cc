// What was stored: rows, bytes and what they cost, by table, device, event type or day.
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/retention/retention.h"
#include "store/query.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::chrono::days kDefaultRange{30};
constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

struct Dimension {
  std::string_view name;
  std::string_view column;  // of Usage, as text
};
constexpr std::array<Dimension, 4> kDimensions = {
    {{"table", "DataType"},
     {"device", "DeviceId"},
     {"eventType", "EventType"},
     {"day", "format_datetime(StartTime, 'yyyy-MM-dd')"}}};

// A text of KQL's. What steers a terminal or ends the text is written as an escape, as in JSON.
std::string kql_text(std::string_view text) {
  return base::json::quoted(text);
}

std::expected<base::WallTime, Response> time_parameter(const Call& call, std::string_view name,
                                                       base::WallTime otherwise) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr) return otherwise;
  const auto time = base::parse_rfc3339(*text);
  if (time) return time->utc;
  return std::unexpected(problem(call.request, Problem::BadRequest,
                                 fmt::format("{}: expected a time as in RFC 3339", name)));
}

std::expected<const Dimension*, Response> dimension_of(const Call& call) {
  const std::string* text = call.target.parameter("by");
  if (text == nullptr) return kDimensions.data();
  for (const Dimension& dimension : kDimensions) {
    if (dimension.name == *text) return &dimension;
  }
  return std::unexpected(
      problem(call.request, Problem::BadRequest,
              fmt::format("by: expected table, device, eventType or day, found {}",
                          base::json::quoted(*text))));
}

struct Wanted {
  std::string filter;  // KQL
  const Dimension* by = nullptr;
  std::size_t limit = 50;
  base::WallTime from;
  base::WallTime to;
};

std::expected<Wanted, Response> wanted_of(const Call& call) {
  Wanted wanted;
  const auto by = dimension_of(call);
  if (!by) return std::unexpected(by.error());
  wanted.by = *by;
  const auto limit = limit_parameter(call);
  if (!limit) return std::unexpected(limit.error());
  wanted.limit = *limit;
  const auto from = time_parameter(call, "from", call.now - kDefaultRange);
  if (!from) return std::unexpected(from.error());
  const auto to = time_parameter(call, "to", call.now);
  if (!to) return std::unexpected(to.error());
  // Usage is kept by the day.
  wanted.from = std::chrono::floor<std::chrono::days>(*from);
  wanted.to = *to;
  wanted.filter =
      fmt::format("Usage | where StartTime >= datetime({}) and StartTime < datetime({})",
                  base::format_rfc3339(wanted.from), base::format_rfc3339(wanted.to));
  for (const auto& [parameter, column] : {std::pair("table", "DataType"), {"device", "DeviceId"}}) {
    if (const auto* text = call.target.parameter(parameter))
      wanted.filter += fmt::format(" | where {} == {}", column, kql_text(*text));
  }
  return wanted;
}

std::int64_t number(const store::Value& value) {
  const auto* found = std::get_if<std::int64_t>(&value);
  return found == nullptr ? 0 : *found;
}

double cost_of(std::int64_t bytes, const retention::Settings& settings) {
  return static_cast<double>(bytes) / kGib * settings.cost_per_gib;
}

void write_sums(Writer& writer, std::int64_t rows, std::int64_t bytes,
                const retention::Settings& settings) {
  writer.field("rows", rows);
  writer.field("bytes", bytes);
  writer.field("cost", cost_of(bytes, settings));
}

}  // namespace

Response get_usage(Call& call) {
  const auto* retention = call.services.dependencies.retention;
  if (retention == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub has no event store.");
  const auto wanted = wanted_of(call);
  if (!wanted) return wanted.error();
  store::QueryOptions options{.now = call.now};
  options.cancel = call.cancel;
  store::Queries& queries = *call.services.dependencies.queries;
  const auto totals = queries.run_kql(
      wanted->filter + " | summarize Rows = sum(RowCount), Bytes = sum(ByteCount)", options);
  if (!totals) return query_failed(call.request, totals.error());
  const auto items = queries.run_kql(
      fmt::format("{} | summarize Rows = sum(RowCount), Bytes = sum(ByteCount) by Name = {} "
                  "| top {} by Bytes desc",
                  wanted->filter, wanted->by->column, wanted->limit),
      options);
  if (!items) return query_failed(call.request, items.error());
  const retention::Settings& settings = retention->settings();
  const std::int64_t all_bytes = totals->rows.empty() ? 0 : number(totals->rows[0][1]);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("from", time_text(wanted->from));
  writer.field("to", time_text(wanted->to));
  write_sums(writer, totals->rows.empty() ? 0 : number(totals->rows[0][0]), all_bytes, settings);
  writer.field("currency", settings.currency);
  writer.field("costPerGib", settings.cost_per_gib);
  writer.key("items");
  writer.begin_array();
  for (const auto& row : items->rows) {
    const std::int64_t bytes = number(row[2]);
    writer.begin_object();
    writer.field("name", store::value_text(kql::Type::String, row[0]));
    write_sums(writer, number(row[1]), bytes, settings);
    writer.field(
        "percent",
        all_bytes == 0 ? 0.0 : static_cast<double>(bytes) * 100 / static_cast<double>(all_bytes));
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
