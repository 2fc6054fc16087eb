#include "detect/hub_records.h"

#include "base/json.h"
#include "kql/ticks.h"

namespace detect {
namespace {

using base::json::Value;
using sigma::audit_field;
using sigma::operation_field;
using Properties = std::deque<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxDepth = 4;
constexpr std::size_t kMaxProperties = 256;

void flatten(const Value& value, const std::string& path, std::size_t depth, Properties& out) {
  if (out.size() >= kMaxProperties) return;
  if (const auto* object = value.if_object()) {
    if (depth == kMaxDepth) return;
    for (const auto& [name, member] : *object)
      flatten(member, path.empty() ? name : path + "." + name, depth + 1, out);
  } else if (const auto* text = value.if_string()) {
    out.emplace_back(path, *text);
  } else if (!value.is_null() && value.if_array() == nullptr) {
    out.emplace_back(path, value.to_json());
  }
}

}  // namespace

void HubRecord::set_time(base::WallTime time) {
  time_ = time;
  record_.set_time({time, std::chrono::minutes{0}});
}

void HubRecord::add_properties(std::string_view json) {
  if (json.empty()) return;
  const auto value = base::json::parse(json);
  if (!value) return;
  flatten(*value, {}, 0, properties_);
  for (const auto& [path, text] : properties_) {
    if (!path.empty()) record_.add_property(path, text);
  }
}

HubRecord::HubRecord(const store::OperationRow& row, std::uint64_t sequence)
    : record_(sigma::Source::hub_operation()),
      id_(base::Guid::derived("hub operation", std::to_string(sequence))) {
  set_time(kql::to_wall_time(row.time));
  record_.add_filled(operation_field("Category"), row.category);
  record_.add_filled(operation_field("OperationName"), row.operation);
  record_.add_filled(operation_field("Level"), row.level);
  record_.add_number(operation_field("StatusCode"), row.status_code);
  record_.add_number(operation_field("SubCode"), row.sub_code);
  record_.add_filled(operation_field("Reason"), row.reason);
  record_.add_filled(operation_field("ResultDescription"), row.description);
  record_.add_filled(operation_field("DeviceId"), row.device_id);
  record_.add_filled(operation_field("ModuleId"), row.module_id);
  record_.add_filled(operation_field("GenerationId"), row.generation_id);
  record_.add_filled(operation_field("Protocol"), row.protocol);
  record_.add_filled(operation_field("CallerIpAddress"), row.caller_ip);
  record_.add_filled(operation_field("SdkVersion"), row.sdk_version);
  record_.add_filled(operation_field("TlsVersion"), row.tls_version);
  record_.add_filled(operation_field("TlsCipher"), row.tls_cipher);
  record_.add_filled(operation_field("AuthScope"), row.auth_scope);
  record_.add_filled(operation_field("AuthType"), row.auth_type);
  record_.add_filled(operation_field("AuthIssuer"), row.auth_issuer);
  record_.add_filled(operation_field("AuthPolicy"), row.auth_policy);
  record_.add_filled(operation_field("CredentialHash"), row.credential);
  record_.add_filled(operation_field("IpFilterRule"), row.ip_filter_rule);
  record_.add_number(operation_field("Count"), row.count);
  record_.add_number(operation_field("Bytes"), row.bytes);
  record_.add_number(operation_field("MeterUnits"), row.meter_units);
  record_.add_number(operation_field("SecurityMessages"), row.security_messages);
  record_.add_number(operation_field("SmallSecurityMessages"), row.small_messages);
  record_.add_number(operation_field("DurationMs"), row.duration_ms);
  record_.add_filled(operation_field("CorrelationId"), row.request_id);
  record_.add_filled(operation_field("Identity"), row.actor);
  record_.add_filled(operation_field("Properties"), row.properties);
  add_properties(row.properties);
}

HubRecord::HubRecord(const store::AuditRow& row)
    : record_(sigma::Source::hub_audit()),
      id_(base::Guid::derived("hub audit", std::to_string(row.id))) {
  set_time(kql::to_wall_time(row.time));
  const std::string_view action = row.action;
  record_.add_filled(audit_field("OperationName"), action);
  record_.add_filled(audit_field("Category"), action.substr(0, action.find('.')));
  record_.add_filled(audit_field("Target"), row.target);
  record_.add(audit_field("ResultType"), row.result == "ok" ? "Success" : "Failure");
  record_.add_filled(audit_field("Result"), row.result);
  record_.add_number(audit_field("StatusCode"), row.status_code);
  record_.add_filled(audit_field("ResultDescription"), row.detail);
  record_.add_filled(audit_field("Identity"), row.actor);
  record_.add_filled(audit_field("AuthenticationMethod"), row.method);
  record_.add_filled(audit_field("CallerIpAddress"), row.caller_ip);
  record_.add_filled(audit_field("CorrelationId"), row.request_id);
  record_.add_filled(audit_field("Properties"), row.properties);
  record_.add_number(audit_field("AuditId"), static_cast<std::int64_t>(row.id));
  add_properties(row.properties);
}

Evidence HubRecord::evidence() const {
  Evidence out;
  out.event_id = id_;
  out.time = time_;
  out.event_name = record_.source().name();
  base::json::Writer writer(out.details_json);
  writer.begin_object();
  const auto names = record_.source().fields();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto values = record_.values(i);
    if (values.empty() || names[i] == "Properties") continue;
    writer.field(names[i], values.front());
  }
  if (!properties_.empty()) {
    writer.key("Properties");
    writer.begin_object();
    for (const auto& [path, text] : properties_)
      writer.field(path, text);
    writer.end_object();
  }
  writer.end_object();
  return out;
}

}  // namespace detect
