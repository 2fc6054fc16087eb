#include "hub/rules/history.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/json.h"
#include "kql/ticks.h"
#include "schema/decode.h"

namespace hub::rules {

using base::json::Writer;
using store::QueryFailure;
using store::QueryResult;

namespace {

// Columns of the query, in its order.
enum Column : std::uint8_t { Received, Happened, Device, Module, Name, Details, Id };

constexpr std::size_t kMessageBytes = std::size_t{1} << 20U;
constexpr std::size_t kMessageEvents = 2000;
// A slice is never shorter: what was received at one moment stays together.
constexpr kql::Ticks kLeastSlice = kql::kTicksPerMillisecond;
constexpr kql::Ticks kFirstSlice = kql::kTicksPerHour;
constexpr kql::Ticks kMostSlice = 40 * kql::kTicksPerDay;
// More than may be received in a millisecond.
constexpr std::size_t kMostRows = 2'000'000;

// As KQL's verbatim text.
std::string quoted(std::string_view text) {
  std::string out = "@\"";
  for (const char c : text)
    out.append(c == '"' ? "\"\"" : std::string(1, c));
  return out + "\"";
}

std::string query_of(const Window& window, kql::Ticks from, kql::Ticks to) {
  std::string out = fmt::format(
      "SecurityIoTRawEvent | where TimeGenerated >= datetime({}) and TimeGenerated < datetime({})",
      kql::format_datetime(from), kql::format_datetime(to));
  if (!window.names.empty()) {
    out += " and RawEventName in (";
    for (std::size_t i = 0; i < window.names.size(); ++i)
      out += (i == 0 ? "" : ", ") + quoted(window.names[i]);
    out += ")";
  }
  if (!window.device_id.empty()) out += " and DeviceId == " + quoted(window.device_id);
  out +=
      " and IsEmpty == false | project TimeGenerated, TimeStamp, DeviceId, ModuleId, RawEventName, "
      "EventDetails, IoTRawEventId | sort by TimeGenerated asc";
  return out;
}

const std::string& text_at(const std::vector<store::Value>& row, Column column) {
  static const std::string kNone;
  const auto* text = std::get_if<std::string>(&row[column]);
  return text == nullptr ? kNone : *text;
}

base::WallTime time_at(const std::vector<store::Value>& row, Column column) {
  const auto* ticks = std::get_if<std::int64_t>(&row[column]);
  if (ticks == nullptr) return {};
  return kql::to_wall_time(*ticks);
}

// What the workspace keeps of an item: the event's times stand before its own members.
struct Kept {
  std::string_view local;  // TimestampLocal; empty: not there
  std::string item;
};

Kept read_kept(std::string_view details) {
  Kept out;
  for (const std::string_view key : {"TimestampLocal", "TimestampUTC"}) {
    const std::string begin = fmt::format(R"({}"{}":")", out.item.empty() ? "{" : "", key);
    if (!details.starts_with(begin)) continue;
    const std::size_t end = details.find('"', begin.size());
    if (end == std::string_view::npos) continue;
    if (key == "TimestampLocal") out.local = details.substr(begin.size(), end - begin.size());
    details.remove_prefix(end + 1);
    if (details.starts_with(',')) details.remove_prefix(1);
    out.item = "{";
  }
  out.item += details;
  return out;
}

void write_event(const std::vector<store::Value>& row, Writer& writer) {
  const auto name = schema::event_name(text_at(row, Name));
  const std::string time = base::format_rfc3339(time_at(row, Happened), 9);
  const Kept kept = read_kept(text_at(row, Details));
  writer.begin_object();
  writer.field("Id", text_at(row, Id));
  writer.field("TimestampUTC", time);
  writer.field("TimestampLocal", kept.local.empty() ? std::string_view(time) : kept.local);
  writer.field("Name", text_at(row, Name));
  if (name) {
    const schema::EventInfo& info = schema::event_info(*name);
    writer.field("Category", schema::to_string(info.category));
    writer.field("EventType", schema::to_string(info.type));
  }
  writer.field("IsEmpty", false);
  writer.field("PayloadSchemaVersion", "1.0");
  writer.key("Payload");
  writer.begin_array();
  writer.raw(kept.item);
  writer.end_array();
  writer.end_object();
}

// Rows on their way to a sink.
class Reader {
 public:
  Reader(const History::Sink& sink, Progress& progress) : sink_(sink), progress_(progress) {}

  void take(const QueryResult& result) {
    for (std::size_t next = 0; next < result.rows.size();) {
      std::string message;
      Writer writer(message);
      writer.begin_object();
      writer.field("AgentVersion", "0.0.0");
      writer.field("AgentId", base::Guid{}.to_string());
      writer.field("MessageSchemaVersion", "1.0");
      writer.key("Events");
      writer.begin_array();
      const std::size_t first = next;
      while (next < result.rows.size() && next - first < kMessageEvents &&
             message.size() < kMessageBytes)
        write_event(result.rows[next++], writer);
      writer.end_array();
      writer.end_object();
      hand_over(result, first, next - first, decoder_.decode(message, schema::Mode::Lenient));
    }
  }

 private:
  void hand_over(const QueryResult& result, std::size_t first, std::size_t count,
                 const schema::Decoded& decoded) {
    for (const schema::DecodedEvent& one : decoded.events) {
      const auto& row = result.rows[first + one.index];
      sink_(one.event,
            {text_at(row, Device), text_at(row, Module), time_at(row, Received), ++sequence_});
    }
    progress_.events += decoded.events.size();
    progress_.refused += count - decoded.events.size();
  }

  const History::Sink& sink_;
  Progress& progress_;
  schema::Decoder decoder_;
  std::uint64_t sequence_ = 0;
};

}  // namespace

std::expected<Progress, QueryFailure> History::read(const Window& window, const Pace& pace,
                                                    const Sink& sink) {
  Progress progress;
  Reader reader(sink, progress);
  const base::MonoTime end = base::mono_now() + pace.budget;
  const kql::Ticks to = kql::to_ticks(window.to);
  kql::Ticks from = kql::to_ticks(window.from);
  kql::Ticks slice = kFirstSlice;
  while (from < to) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - base::mono_now());
    if (left.count() <= 0) break;
    store::QueryOptions options;
    options.now = pace.now;
    options.timeout = left;
    options.row_limit = slice <= kLeastSlice ? kMostRows : pace.rows;
    options.cancel = pace.cancel;
    const kql::Ticks until = std::min(to, from + slice);
    auto result = queries_.run_kql(query_of(window, from, until), options);
    if (!result) {
      // What was read until then is worth something.
      if (result.error().limit() == store::Limit::Time) break;
      return std::unexpected(std::move(result.error()));
    }
    if (result->stats.truncated() && slice > kLeastSlice) {
      slice = std::max(kLeastSlice, slice / 4);
      continue;
    }
    progress.cut = progress.cut || result->stats.truncated();
    reader.take(*result);
    from = until;
    if (result->rows.size() < pace.rows / 4) slice = std::min(kMostSlice, slice * 2);
  }
  progress.complete = from >= to && !progress.cut;
  progress.reached = kql::to_wall_time(from);
  return progress;
}

}  // namespace hub::rules
