#include "store/append.h"

#include <optional>
#include <string_view>

#include "store/catalogue.h"
#include "store/event_details.h"

namespace store {
namespace {

void append_field(duck::Appender& out, const EventColumn& column,
                  const DetailsSplitter::Field& field) {
  if (column.kind == schema::FieldKind::Integer) {
    out.big(field.number);
  } else if (column.kind == schema::FieldKind::Boolean) {
    out.boolean(field.number != 0);
  } else {
    out.text(field.text);
  }
}

void append_text(duck::Appender& out, std::optional<std::string_view> text) {
  if (text) {
    out.text(*text);
  } else {
    out.null();
  }
}

base::Result<void> append_event(duck::Appender& out, const EventRow& row,
                                DetailsSplitter& details) {
  details.split(row.name, row.time_stamp, row.details);
  out.big(row.time_generated);
  out.big(row.time_stamp);
  out.text(row.device_id);
  out.text(row.module_id);
  out.text(row.agent_version);
  out.guid(row.agent_id.bytes);
  out.guid(row.event_id.bytes);
  out.integer(static_cast<std::int32_t>(row.item));
  out.text(row.name);
  out.text(row.category);
  out.text(row.type);
  out.boolean(row.is_empty);
  out.text(details.rest());
  if (details.form()) {
    out.integer(*details.form());
  } else {
    out.null();
  }
  const auto columns = event_columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const DetailsSplitter::Field* field = details.field(i);
    if (field == nullptr) {
      out.null();
    } else {
      append_field(out, columns[i], *field);
    }
  }
  append_text(out, details.written_local());
  append_text(out, details.written_utc());
  return out.end_row();
}

base::Result<void> append_alert(duck::Appender& out, const AlertRow& row) {
  out.big(row.time_generated);
  out.big(row.start_time);
  out.big(row.end_time);
  out.big(row.processing_end_time);
  for (const std::string* text :
       {&row.alert_id, &row.rule_id, &row.title, &row.severity, &row.description, &row.status,
        &row.compromised_entity, &row.tactics, &row.techniques, &row.confidence, &row.link,
        &row.remediation_json, &row.extended_json, &row.entities_json}) {
    out.text(*text);
  }
  return out.end_row();
}

base::Result<void> append_operation(duck::Appender& out, const OperationRow& row) {
  out.big(row.time);
  out.text(row.category);
  out.text(row.operation);
  out.text(row.level);
  out.integer(row.status_code);
  out.big(row.sub_code);
  for (const std::string_view text :
       {row.reason, row.description, row.device_id, row.module_id, row.generation_id, row.protocol,
        row.caller_ip, row.sdk_version}) {
    out.text(text);
  }
  out.big(row.bytes);
  out.big(row.duration_ms);
  out.text(row.request_id);
  out.text(row.actor);
  out.text(row.properties.empty() ? "{}" : row.properties);
  out.big(row.meter_units);
  out.big(row.count);
  out.big(row.security_messages);
  out.big(row.small_messages);
  for (const std::string_view text :
       {row.auth_scope, row.auth_type, row.auth_issuer, row.auth_policy, row.credential,
        row.ip_filter_rule, row.tls_version, row.tls_cipher}) {
    out.text(text);
  }
  return out.end_row();
}

base::Result<void> append_audit(duck::Appender& out, const AuditRow& row) {
  out.big(static_cast<std::int64_t>(row.id));
  out.big(row.time);
  for (const std::string* text : {&row.actor, &row.method, &row.action, &row.target, &row.result})
    out.text(*text);
  out.integer(row.status_code);
  for (const std::string* text : {&row.caller_ip, &row.request_id, &row.detail})
    out.text(*text);
  out.text(row.properties.empty() ? std::string_view("{}") : std::string_view(row.properties));
  return out.end_row();
}

base::Result<void> append_telemetry(duck::Appender& out, const TelemetryRow& row) {
  out.big(row.time_generated);
  for (const std::string_view text :
       {row.device_id, row.module_id, row.message_id, row.content_type, row.content_encoding,
        row.system_properties, row.properties, row.body_encoding, row.body}) {
    out.text(text);
  }
  return out.end_row();
}

// "{}" for what is not there.
std::string_view json_or_empty(std::string_view json) {
  return json.empty() ? std::string_view("{}") : json;
}

base::Result<void> append_recommendation(duck::Appender& out, const RecommendationRow& row) {
  out.big(row.time_generated);
  for (const std::string_view text : {row.device_id, row.id, row.name, row.display_name,
                                      row.severity, row.state, row.description, row.policy_id}) {
    out.text(text);
  }
  for (const kql::Ticks time :
       {row.discovered, row.first_evaluated, row.state_changed, row.resolved}) {
    out.big(time);
  }
  out.text(json_or_empty(row.additional_data));
  out.text(json_or_empty(row.properties));
  return out.end_row();
}

base::Result<void> append_twin(duck::Appender& out, const TwinRow& row) {
  out.big(static_cast<std::int64_t>(row.id));
  out.big(row.time);
  for (const std::string* text : {&row.device_id, &row.module_id, &row.generation_id,
                                  &row.operation, &row.parts, &row.actor, &row.etag}) {
    out.text(*text);
  }
  out.big(row.version);
  out.big(row.desired_version);
  out.big(row.reported_version);
  for (const std::string* json : {&row.tags, &row.desired, &row.reported})
    out.text(json_or_empty(*json));
  return out.end_row();
}

struct Target {
  duck::Connection& connection;
  const TableName& name_of;
};

template <class Row>
base::Result<void> append_table(const Target& target, const TableDefinition& table,
                                const std::vector<Row>& rows,
                                base::Result<void> (*append)(duck::Appender&, const Row&)) {
  if (rows.empty()) return {};
  auto appender = TRY(duck::Appender::open(target.connection, target.name_of(table), table));
  for (const Row& row : rows)
    TRY(append(appender, row));
  return appender.close();
}

base::Result<void> append_events(const Target& target, const std::vector<EventRow>& rows) {
  if (rows.empty()) return {};
  const TableDefinition& table = raw_event_table();
  auto appender = TRY(duck::Appender::open(target.connection, target.name_of(table), table));
  DetailsSplitter details;
  for (const EventRow& row : rows)
    TRY(append_event(appender, row, details));
  return appender.close();
}

}  // namespace

base::Result<void> append_batch(duck::Connection& connection, const Batch& batch,
                                const TableName& name_of) {
  const Target target{connection, name_of};
  TRY(append_events(target, batch.events));
  TRY(append_table(target, alert_table(), batch.alerts, append_alert));
  TRY(append_table(target, operation_table(), batch.operations, append_operation));
  TRY(append_table(target, telemetry_table(), batch.telemetry, append_telemetry));
  TRY(append_table(target, recommendation_table(), batch.recommendations, append_recommendation));
  TRY(append_table(target, twin_table(), batch.twins, append_twin));
  return append_table(target, audit_table(), batch.audits, append_audit);
}

}  // namespace store
