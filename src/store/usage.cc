#include "store/usage.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "store/catalogue.h"
#include "store/event_functions.h"

namespace store {
namespace {

struct Key {
  kql::Ticks day;
  std::string_view table;
  std::string_view device;
  std::string_view event;
  bool operator==(const Key&) const = default;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    const std::hash<std::string_view> text;
    std::size_t hash = static_cast<std::size_t>(key.day);
    for (const std::string_view part : {key.table, key.device, key.event})
      hash = hash * 0x9E3779B97F4A7C15U + text(part);
    return hash;
  }
};

struct Sums {
  kql::Ticks last = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};

using Table = std::unordered_map<Key, Sums, KeyHash>;

template <class... Texts>
std::int64_t bytes_of(const Texts&... texts) {
  return static_cast<std::int64_t>((std::string_view(texts).size() + ...));
}

// An object with nothing in it is stored where nothing was given, and says as little.
std::string_view said(std::string_view json) {
  return json == "{}" ? std::string_view() : json;
}

class Counting {
 public:
  explicit Counting(Table& sums) : sums_(sums) {}

  void add(kql::Ticks time, std::string_view table, std::string_view device, std::string_view event,
           std::int64_t bytes) {
    Sums& sums = sums_[{time - time % kql::kTicksPerDay, table, device, event}];
    sums.last = std::max(sums.last, time);
    ++sums.rows;
    sums.bytes += bytes;
  }

  // What a row's bytes are: those of what is said in it, not of how it is kept.
  void add(const EventRow& row) {
    add(row.time_generated, raw_event_table().name, row.device_id, row.name, bytes_of(row.details));
  }
  void add(const AlertRow& row) {
    add(row.time_generated, alert_table().name, row.compromised_entity, row.rule_id,
        bytes_of(row.title, row.description, row.extended_json, row.entities_json,
                 row.remediation_json));
  }
  void add(const OperationRow& row) {
    add(row.time, operation_table().name, row.device_id, row.category,
        bytes_of(row.operation, row.reason, row.description, row.protocol, row.caller_ip,
                 row.sdk_version, row.request_id, row.actor, said(row.properties)));
  }
  void add(const TelemetryRow& row) {
    add(row.time_generated, telemetry_table().name, row.device_id, {},
        bytes_of(row.body, said(row.properties), said(row.system_properties)));
  }
  void add(const AuditRow& row) {
    add(row.time, audit_table().name, {}, row.action,
        bytes_of(row.actor, row.target, row.detail, said(row.properties)));
  }
  void add(const RecommendationRow& row) {
    add(row.time_generated, recommendation_table().name, row.device_id, row.name,
        bytes_of(row.display_name, row.description, said(row.additional_data),
                 said(row.properties)));
  }
  void add(const TwinRow& row) {
    add(row.time, twin_table().name, row.device_id, row.operation,
        bytes_of(said(row.tags), said(row.desired), said(row.reported)));
  }

 private:
  Table& sums_;
};

// What Counting says of a row, as SQL over the stored columns.
struct Counted {
  const TableDefinition* table;
  std::string_view device;
  std::string_view event;
  std::string bytes;
};

// As said() has it.
std::string json_bytes(std::string_view column) {
  return fmt::format(
      "CASE WHEN CAST({0} AS VARCHAR) = '{{}}' THEN 0 ELSE strlen(CAST({0} AS "
      "VARCHAR)) END",
      column);
}

std::string text_bytes(std::initializer_list<std::string_view> columns) {
  std::string sum;
  for (const std::string_view column : columns)
    sum += fmt::format("{}coalesce(strlen({}), 0)", sum.empty() ? "" : " + ", column);
  return sum;
}

const Counted* counted_of(const TableDefinition& table) {
  static const std::vector<Counted> all = {
      {&raw_event_table(), "DeviceId", "RawEventName", text_bytes({event_details_call()})},
      {&alert_table(), "CompromisedEntity", "AlertType",
       text_bytes(
           {"DisplayName", "Description", "ExtendedProperties", "Entities", "RemediationSteps"})},
      {&operation_table(), "DeviceId", "Category",
       text_bytes({"OperationName", "Reason", "ResultDescription", "Protocol", "CallerIpAddress",
                   "SdkVersion", "CorrelationId", "Identity"}) +
           " + " + json_bytes("Properties")},
      {&telemetry_table(), "DeviceId", "''",
       text_bytes({"Body"}) + " + " + json_bytes("Properties") + " + " +
           json_bytes("SystemProperties")},
      {&audit_table(), "''", "OperationName",
       text_bytes({"Identity", "Target", "ResultDescription"}) + " + " + json_bytes("Properties")},
      {&recommendation_table(), "DeviceId", "RecommendationName",
       text_bytes({"RecommendationDisplayName", "Description"}) + " + " +
           json_bytes("RecommendationAdditionalData") + " + " + json_bytes("Properties")},
      {&twin_table(), "DeviceId", "Operation",
       json_bytes("Tags") + " + " + json_bytes("Desired") + " + " + json_bytes("Reported")}};
  const auto found = std::ranges::find(all, &table, &Counted::table);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

base::Result<void> UsageMeter::append(duck::Connection& connection, const Batch& batch) {
  Table sums;
  Counting counting(sums);
  const auto count = [&counting](const auto& rows) {
    for (const auto& row : rows)
      counting.add(row);
  };
  count(batch.events);
  count(batch.alerts);
  count(batch.operations);
  count(batch.telemetry);
  count(batch.audits);
  count(batch.recommendations);
  count(batch.twins);
  if (sums.empty()) return {};
  auto appender =
      TRY(duck::Appender::open(connection, std::string(usage_table().relation), usage_table()));
  for (const auto& [key, sum] : sums) {
    appender.big(key.day);
    appender.big(sum.last);
    appender.text(key.table);
    appender.text(key.device);
    appender.text(key.event);
    appender.big(sum.rows);
    appender.big(sum.bytes);
    appender.boolean(false);
    TRY(appender.end_row());
  }
  added_ += sums.size();
  return appender.close();
}

base::Result<void> UsageMeter::append(duck::Connection& connection, const TableDefinition& table,
                                      std::string_view relation) {
  const Counted* counted = counted_of(table);
  ASSERT(counted != nullptr);
  const auto rows = TRY(connection.numbers(fmt::format(
      "INSERT INTO {} SELECT TimeGenerated - TimeGenerated % {} AS day, max(TimeGenerated), {}, "
      "{} AS device, {} AS event, count(*), CAST(sum({}) AS BIGINT), false FROM {} GROUP BY day, "
      "device, event",
      usage_table().relation, kql::kTicksPerDay, duck::quote(table.name), counted->device,
      counted->event, counted->bytes, relation)));
  added_ += static_cast<std::uint64_t>(rows[0]);
  return {};
}

void UsageMeter::settle(duck::Connection& connection) {
  if (added_ < limit_) return;
  added_ = 0;
  const auto merged = connection.execute(
      "BEGIN;\n"
      "CREATE TEMP TABLE usage_merged AS SELECT Day, max(LastTime), DataType, DeviceId, "
      "EventType, CAST(sum(RowCount) AS BIGINT), CAST(sum(ByteCount) AS BIGINT), true FROM "
      "usage_sum "
      "WHERE Day >= (SELECT min(Day) FROM usage_sum WHERE NOT Merged) "
      "GROUP BY Day, DataType, DeviceId, EventType;\n"
      "DELETE FROM usage_sum WHERE Day >= (SELECT min(Day) FROM usage_sum WHERE NOT Merged);\n"
      "INSERT INTO usage_sum SELECT * FROM usage_merged;\n"
      "DROP TABLE usage_merged;\n"
      "COMMIT;");
  if (merged) {
    merges_.add();
    return;
  }
  failures_.add();
  LOG_WARNING("store.usage").field("error", merged.error().to_string());
  // What broke the connection shows at the next batch.
  (void)connection.execute("ROLLBACK");
}

}  // namespace store
