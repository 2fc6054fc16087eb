#include "store/append.h"

#include "store/catalogue.h"

namespace store {
namespace {

base::Result<void> append_event(duck::Appender& out, const EventRow& row) {
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
  out.text(row.details);
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
  return out.end_row();
}

template <class Row>
base::Result<void> append_table(duck::Connection& connection, const TableDefinition& table,
                                const std::vector<Row>& rows,
                                base::Result<void> (*append)(duck::Appender&, const Row&)) {
  if (rows.empty()) return {};
  auto appender = TRY(duck::Appender::open(connection, table));
  for (const Row& row : rows)
    TRY(append(appender, row));
  return appender.close();
}

}  // namespace

base::Result<void> append_batch(duck::Connection& connection, const Batch& batch) {
  TRY(append_table(connection, raw_event_table(), batch.events, append_event));
  TRY(append_table(connection, alert_table(), batch.alerts, append_alert));
  return append_table(connection, operation_table(), batch.operations, append_operation);
}

}  // namespace store
