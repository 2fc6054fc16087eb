#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <unordered_set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/time.h"
#include "schema/events.h"
#include "workspace/commands.h"

namespace bench {
namespace {

struct Share {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::unordered_set<std::string> distinct;  // of the first million rows, without the times
};

constexpr std::uint64_t kDistinctRows = 1'000'000;
// {"TimestampLocal":"...","TimestampUTC":"...", is different in nearly every row.
constexpr std::string_view kBehindTimes = "Z\",";

}  // namespace

std::uint32_t sample_device(const FleetShape& shape, std::size_t index) {
  return static_cast<std::uint32_t>((index * 7919 + 13) % shape.devices);
}

void describe(const FleetShape& shape) {
  Fleet fleet(shape);
  store::Batch batch;
  std::map<std::string, Share, std::less<>> shares;
  Share all;
  std::uint64_t late = 0;
  std::uint64_t alerts = 0;
  const auto started = base::mono_now();
  for (bool more = true; more; batch.clear()) {
    more = fleet.fill(batch, 10'000);
    alerts += batch.alerts.size();
    for (const store::EventRow& row : batch.events) {
      Share& share = shares[std::string(row.name)];
      ++share.rows;
      share.bytes += row.details.size();
      if (++all.rows <= kDistinctRows) {
        const auto at = row.details.find(kBehindTimes);
        share.distinct.emplace(row.details.substr(at == std::string_view::npos ? 0 : at));
      }
      all.bytes += row.details.size();
      late += row.time_generated - row.time_stamp > 10 * kql::kTicksPerMinute ? 1 : 0;
    }
  }
  const double seconds = std::chrono::duration<double>(base::mono_now() - started).count();
  std::string out;
  base::json::Writer json(out);
  json.begin_object();
  json.field("devices", std::uint64_t{shape.devices});
  json.field("days", std::uint64_t{shape.days});
  json.field("rows", all.rows);
  json.field("alerts", alerts);
  json.field("late_rows", late);
  json.field("details_bytes", all.bytes);
  json.field("generated_per_second", static_cast<double>(all.rows) / seconds);
  json.key("types");
  json.begin_object();
  for (const auto& [name, share] : shares) {
    json.key(name);
    json.begin_object();
    json.field("rows", share.rows);
    json.field("share", static_cast<double>(share.rows) / static_cast<double>(all.rows));
    json.field("details_bytes", share.bytes / share.rows);
    json.field("distinct_in_first_million", std::uint64_t{share.distinct.size()});
    json.end_object();
  }
  json.end_object();
  json.end_object();
  std::puts(out.c_str());
}

void write_ndjson(const FleetShape& shape) {
  Fleet fleet(shape);
  store::Batch batch;
  std::string out;
  for (bool more = true; more; batch.clear()) {
    more = fleet.fill(batch, 1000);
    out.clear();
    for (const store::EventRow& row : batch.events) {
      base::json::Writer json(out);
      json.begin_object();
      json.field("TimeGenerated", kql::format_datetime(row.time_generated));
      json.field("TimeStamp", kql::format_datetime(row.time_stamp));
      json.field("DeviceId", row.device_id);
      json.field("ModuleId", row.module_id);
      json.field("AgentVersion", row.agent_version);
      json.field("AgentId", row.agent_id.to_string());
      json.field("IoTRawEventId", row.event_id.to_string());
      json.field("Item", std::uint64_t{row.item});
      json.field("RawEventName", row.name);
      json.field("RawEventCategory", row.category);
      json.field("RawEventType", row.type);
      json.field("IsEmpty", row.is_empty);
      json.field("EventDetails", row.details);
      json.end_object();
      out += '\n';
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
}

}  // namespace bench
