#include "hub/snapshot.h"

#include <map>

#include "base/json.h"
#include "base/text.h"
#include "hub/hub.h"
#include "hub/identity/authorities.h"
#include "hub/identity/ip_filter.h"

namespace hub {

namespace {

using base::Result;
using base::json::Value;
using base::json::Writer;

// Where the hub keeps its files is not how it is set up.
constexpr std::string_view kNoSetting = "state.dir";
constexpr std::string_view kForward = "forward";

void write_tls(Writer& writer, const Config& config) {
  writer.key("tls");
  writer.begin_object();
  writer.field("minVersion", config.tls_min_version);
  writer.field("ciphers", config.tls_ciphers);
  writer.field("cipherSuites", config.tls_cipher_suites);
  writer.end_object();
}

void write_ip_filter(Writer& writer, const identity::Registry& registry) {
  const auto state = registry.ip_filter().current();
  writer.key("ipFilter");
  writer.begin_object();
  writer.field("default", identity::to_string(state.filter->otherwise()));
  writer.key("rules");
  writer.begin_array();
  for (const identity::AddressRule& rule : state.filter->rules()) {
    writer.begin_object();
    writer.field("name", rule.name);
    writer.field("action", identity::to_string(rule.access));
    writer.field("range", rule.range);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

// "forward.siem" of "forward.siem.url": each destination is a section of its own.
std::string section_of(std::string_view key) {
  const auto parts = base::split(key, '.');
  std::string section(parts[0]);
  if (section == kForward && parts.size() > 2) section += "." + std::string(parts[1]);
  return section;
}

using Sections = std::map<std::string, std::map<std::string, std::string>>;

Result<Sections> sections_of(std::string_view snapshot) {
  const auto parsed = TRY(base::json::parse(snapshot));
  Sections sections;
  const Value* settings = parsed.find("settings");
  if (settings == nullptr || settings->if_object() == nullptr) return sections;
  for (const auto& [key, value] : *settings->if_object())
    sections[section_of(key)][key] = value.to_json();
  return sections;
}

void write_members(Writer& writer, std::string_view name,
                   const std::map<std::string, std::string>& members) {
  writer.key(name);
  writer.begin_object();
  for (const auto& [key, value] : members) {
    writer.key(key);
    writer.raw(value);
  }
  writer.end_object();
}

operations::AuditRecord own_record(std::string_view action, base::WallTime now) {
  operations::AuditRecord record;
  record.time = now;
  record.actor = "system";
  record.method = "file";
  record.action = action;
  record.result = "ok";
  record.status_code = 200;
  return record;
}

}  // namespace

Result<std::string> snapshot_json(const Config& config, const identity::Registry& registry) {
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("version", version());
  writer.field("hostName", config.host_name);
  writer.key("settings");
  writer.begin_object();
  for (const auto& [key, value] : config.settings) {
    if (key == kNoSetting) continue;
    writer.key(key);
    writer.raw(value);
  }
  writer.end_object();
  write_tls(writer, config);
  write_ip_filter(writer, registry);
  writer.key("policies");
  writer.begin_array();
  for (const identity::Policy& policy : TRY(registry.policies()))
    writer.value(policy.name);
  writer.end_array();
  writer.key("certificates");
  writer.begin_array();
  for (const identity::Authority& authority : TRY(registry.authorities().list())) {
    writer.begin_object();
    writer.field("name", authority.name);
    writer.field("thumbprintSha256", authority.sha256);
    writer.field("verified", authority.verified);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

Result<std::vector<SettingsChange>> settings_changes(std::string_view before,
                                                     std::string_view after) {
  Sections old_sections = TRY(sections_of(before));
  Sections new_sections = TRY(sections_of(after));
  for (const auto& [section, members] : old_sections)
    new_sections.try_emplace(section);
  std::vector<SettingsChange> changes;
  for (const auto& [section, members] : new_sections) {
    const auto& was = old_sections[section];
    if (was == members) continue;
    SettingsChange change{section, members.empty(), {}};
    Writer writer(change.properties);
    writer.begin_object();
    write_members(writer, "before", was);
    write_members(writer, "after", members);
    writer.end_object();
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<void> record_local(operations::AuditLog& audit, std::string_view action,
                          std::string_view target, base::WallTime now) {
  auto record = own_record(action, now);
  record.actor = "local";
  record.method = "local";
  record.target = target;
  return audit.record(std::move(record));
}

Result<void> record_start(operations::AuditLog& audit, const Config& config,
                          const identity::Registry& registry, base::WallTime now) {
  const std::string snapshot = TRY(snapshot_json(config, registry));
  const auto before = TRY(audit.latest(kStartAction, ""));
  if (before) {
    for (SettingsChange& change : TRY(settings_changes(before->properties, snapshot))) {
      const bool forward = change.section.starts_with(kForward);
      auto record = own_record(
          std::string(forward ? kForward : "settings") + (change.removed ? ".delete" : ".put"),
          now);
      record.target = std::move(change.section);
      record.properties = std::move(change.properties);
      TRY(audit.record(std::move(record)));
    }
  }
  auto record = own_record(kStartAction, now);
  record.detail = version();
  record.properties = snapshot;
  return audit.record(std::move(record));
}

}  // namespace hub
