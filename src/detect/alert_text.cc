#include "detect/alert_text.h"

#include <array>

#include "base/json.h"
#include "base/text.h"
#include "detect/attack.h"
#include "kql/ticks.h"

namespace detect {
namespace {

using base::json::Writer;

constexpr std::array<std::string_view, 4> kSeverities = {"Informational", "Low", "Medium", "High"};
constexpr std::array<std::string_view, 3> kStatuses = {"new", "active", "closed"};
constexpr std::array<std::string_view, kVerdicts> kVerdictNames = {
    "", "truePositive", "benign", "falsePositive", "undetermined", "resolved"};
// The words of Microsoft Sentinel for the same.
constexpr std::array<std::string_view, kVerdicts> kClassifications = {
    "", "TruePositive", "BenignPositive", "FalsePositive", "Undetermined", "BenignPositive"};
// The words of Log Analytics for the same.
constexpr std::array<std::string_view, 3> kRowStatuses = {"New", "InProgress", "Resolved"};

void write_texts(Writer& writer, std::string_view key, const std::vector<std::string>& texts) {
  writer.key(key);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

std::vector<std::string> read_texts(const base::json::Value& object, std::string_view key) {
  std::vector<std::string> out;
  const auto* member = object.find(key);
  const auto* array = member != nullptr ? member->if_array() : nullptr;
  if (array == nullptr) return out;
  for (const auto& value : *array) {
    if (const auto* text = value.if_string()) out.push_back(*text);
  }
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts)
    out += (out.empty() ? "" : ", ") + text;
  return out;
}

// A KQL string literal.
std::string kql_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The text of an event's field; a number as it is written.
std::string text_of(const base::json::Value& details, std::string_view name) {
  const auto* member = details.find(name);
  if (member == nullptr || member->is_null()) return {};
  if (const auto* string = member->if_string()) return *string;
  return member->to_json();
}

// Who spoke to whom, as far as the event tells.
struct Ends {
  std::string source;
  std::string destination;
  std::string protocol;
};

Ends ends_of(const base::json::Value& details) {
  std::string remote = text_of(details, "RemoteAddress");
  if (remote.empty()) remote = text_of(details, "CallerIpAddress");
  Ends ends;
  ends.protocol = text_of(details, "Protocol");
  // Without a direction it is who came from there: a login, a caller of the hub.
  if (text_of(details, "Direction") == "Out") {
    ends.source = text_of(details, "LocalAddress");
    ends.destination = std::move(remote);
  } else {
    ends.source = std::move(remote);
    ends.destination = text_of(details, "LocalAddress");
  }
  return ends;
}

// {"DeviceId":..,...}: what rules and workbooks read from an alert, and the event's own fields.
// What the numbers in Techniques mean: they change between versions.
void write_techniques(Writer& writer, const RuleInfo& rule) {
  if (rule.techniques.empty()) return;
  writer.field("AttackVersion", attack_version());
  writer.field("AttackLaterVersion", later_attack_version());
  writer.key("AttackTechniques");
  writer.begin_array();
  for (const std::string& id : rule.techniques) {
    writer.begin_object();
    writer.field("Id", id);
    if (const auto known = find_technique(id)) {
      writer.field("Name", known->name);
      if (!known->later.empty()) writer.field("LaterId", known->later);
    }
    writer.end_object();
  }
  writer.end_array();
}

std::string extended_json(const Alert& alert, const Evidence& evidence,
                          const base::json::Value& details, RowKind kind, std::string_view link) {
  const Ends ends = ends_of(details);
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("DeviceId", alert.device_id);
  writer.field("ModuleId", alert.module_id);
  // Text with a capital, as the queries in the field compare it.
  writer.field("isNew", kind == RowKind::First ? "True" : "False");
  writer.field("AlertManagementUri", link);
  writer.field("HitCount", alert.hit_count);
  writer.field("WhyFlagged", alert.why_flagged);
  writer.field("Entity", alert.entity);
  writer.field("RuleId", alert.rule.id);
  if (!alert.rule.author.empty()) writer.field("RuleAuthor", alert.rule.author);
  if (!alert.rule.license.empty()) writer.field("RuleLicense", alert.rule.license);
  write_texts(writer, "Aliases", alert.rule.aliases);
  write_techniques(writer, alert.rule);
  writer.field("Protocol", ends.protocol);
  writer.field("SourceDeviceAddress", ends.source);
  writer.field("DestinationDeviceAddress", ends.destination);
  writer.field("Owner", alert.assignee);
  writer.field("Classification", kClassifications[static_cast<std::size_t>(alert.verdict)]);
  writer.field("RawEventName", evidence.event_name);
  writer.field("IoTRawEventId", evidence.event_id.to_string());
  writer.key("EventDetails");
  writer.raw(evidence.details_json.empty() ? "{}" : evidence.details_json);
  writer.end_object();
  return json;
}

void write_process(Writer& writer, const base::json::Value& details,
                   const std::string& executable) {
  const auto slash = executable.rfind('/') + 1;
  writer.begin_object();
  writer.field("$id", "2");
  writer.field("Type", "process");
  writer.field("ProcessId", text_of(details, "ProcessId"));
  writer.field("CommandLine", text_of(details, "CommandLine"));
  writer.key("ImageFile");
  writer.begin_object();
  writer.field("$id", "3");
  writer.field("Type", "file");
  writer.field("Name", executable.substr(slash));
  writer.field("Directory", executable.substr(0, slash));
  writer.end_object();
  writer.end_object();
}

// The device, and the process, the account and the other end's address where the event has them.
std::string entities_json(const Alert& alert, const base::json::Value& details) {
  std::string json;
  Writer writer(json);
  writer.begin_array();
  writer.begin_object();
  writer.field("$id", "1");
  writer.field("Type", "iotdevice");
  writer.field("DeviceId", alert.device_id);
  writer.end_object();
  if (const std::string executable = text_of(details, "Executable"); !executable.empty())
    write_process(writer, details, executable);
  if (const std::string user = text_of(details, "UserName"); !user.empty()) {
    writer.begin_object();
    writer.field("$id", "4");
    writer.field("Type", "account");
    writer.field("Name", user);
    writer.end_object();
  }
  std::string address = text_of(details, "RemoteAddress");
  if (address.empty()) address = text_of(details, "CallerIpAddress");
  if (!address.empty()) {
    writer.begin_object();
    writer.field("$id", "5");
    writer.field("Type", "ip");
    writer.field("Address", address);
    writer.end_object();
  }
  writer.end_array();
  return json;
}

}  // namespace

std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

std::optional<Severity> parse_severity(std::string_view text) {
  for (std::size_t i = 0; i < kSeverities.size(); ++i) {
    if (base::equal_ignore_case(text, kSeverities[i])) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Status status) {
  return kStatuses[static_cast<std::size_t>(status)];
}

std::optional<Status> parse_status(std::string_view text) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): one name for each
    if (base::equal_ignore_case(text, kStatuses[i])) return static_cast<Status>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Verdict verdict) {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}

std::optional<Verdict> parse_verdict(std::string_view text) {
  for (std::size_t i = 1; i < kVerdictNames.size(); ++i) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): one name for each
    if (base::equal_ignore_case(text, kVerdictNames[i])) return static_cast<Verdict>(i);
  }
  return std::nullopt;
}

std::string rule_json(const RuleInfo& rule) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("id", rule.id);
  writer.field("title", rule.title);
  writer.field("description", rule.description);
  writer.field("author", rule.author);
  writer.field("license", rule.license);
  writer.field("url", rule.url);
  writer.field("severity", to_string(rule.severity));
  write_texts(writer, "remediation", rule.remediation);
  write_texts(writer, "tactics", rule.tactics);
  write_texts(writer, "techniques", rule.techniques);
  write_texts(writer, "aliases", rule.aliases);
  write_texts(writer, "falsePositives", rule.false_positives);
  writer.end_object();
  return json;
}

base::Result<RuleInfo> parse_rule_json(std::string_view json) {
  const auto value = TRY(base::json::parse(json));
  RuleInfo rule;
  rule.id = value.text_or("id", "");
  rule.title = value.text_or("title", "");
  rule.description = value.text_or("description", "");
  rule.author = value.text_or("author", "");
  rule.license = value.text_or("license", "");
  rule.url = value.text_or("url", "");
  rule.severity = parse_severity(value.text_or("severity", "")).value_or(Severity::Medium);
  rule.remediation = read_texts(value, "remediation");
  rule.tactics = read_texts(value, "tactics");
  rule.techniques = read_texts(value, "techniques");
  rule.aliases = read_texts(value, "aliases");
  rule.false_positives = read_texts(value, "falsePositives");
  return rule;
}

std::string matched_json(const std::vector<Match>& matched) {
  std::string json;
  Writer writer(json);
  writer.begin_array();
  for (const Match& match : matched) {
    writer.begin_object();
    writer.field("field", match.field);
    writer.field("value", match.value);
    writer.field("pattern", match.pattern);
    writer.field("found", match.found);
    writer.end_object();
  }
  writer.end_array();
  return json;
}

base::Result<std::vector<Match>> parse_matched_json(std::string_view json) {
  const auto value = TRY(base::json::parse(json));
  std::vector<Match> out;
  if (const auto* array = value.if_array()) {
    for (const auto& match : *array) {
      out.push_back(
          {std::string(match.text_or("field", "")), std::string(match.text_or("value", "")),
           std::string(match.text_or("pattern", "")), std::string(match.text_or("found", ""))});
    }
  }
  return out;
}

std::string query_text(const Alert& alert, const std::vector<std::string>& event_ids) {
  std::string query = "SecurityIoTRawEvent\n| where DeviceId == " + kql_quoted(alert.device_id) +
                      "\n| where IoTRawEventId in (";
  for (std::size_t i = 0; i < event_ids.size(); ++i)
    query += (i == 0 ? "" : ", ") + kql_quoted(event_ids[i]);
  query +=
      ")\n| project TimeGenerated, TimeStamp, DeviceId, RawEventName, EventDetails\n| sort by "
      "TimeGenerated asc\n";
  return query;
}

store::AlertRow alert_row(const Alert& alert, const Evidence& evidence, RowKind kind,
                          base::WallTime now, std::string_view link_base) {
  const std::string link = std::string(link_base) + "/alerts/" + alert.id;
  store::AlertRow row;
  row.time_generated = kql::to_ticks(now);
  row.start_time = kql::to_ticks(alert.first_seen);
  row.end_time = kql::to_ticks(alert.last_seen);
  row.processing_end_time = kql::to_ticks(now);
  row.alert_id = alert.id;
  row.rule_id = alert.rule.id;
  row.title = alert.title;
  row.severity = to_string(alert.severity);
  row.description = alert.rule.description;
  row.status = kRowStatuses[static_cast<std::size_t>(alert.status)];
  row.compromised_entity = alert.device_id;
  row.tactics = joined(alert.rule.tactics);
  std::string techniques;
  Writer writer(techniques);
  writer.begin_array();
  for (const std::string& technique : alert.rule.techniques)
    writer.value(technique);
  writer.end_array();
  row.techniques = std::move(techniques);
  row.confidence = "Medium";
  row.link = link;
  Writer remediation(row.remediation_json);
  remediation.begin_array();
  for (const std::string& step : alert.rule.remediation)
    remediation.value(step);
  remediation.end_array();
  const auto details = base::json::parse(evidence.details_json);
  const base::json::Value known = details ? *details : base::json::Value();
  row.extended_json = extended_json(alert, evidence, known, kind, link);
  row.entities_json = entities_json(alert, known);
  return row;
}

}  // namespace detect
