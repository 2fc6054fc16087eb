#include "detect/changes/watch.h"

namespace detect::changes {

std::string origin_key(const Origin& origin) {
  return std::string(origin.device_id) + "\n" + std::string(origin.module_id);
}

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Evidence evidence_of(const schema::Event& event, std::size_t item) {
  Evidence evidence;
  evidence.event_id = event.id;
  evidence.item = static_cast<std::uint32_t>(item);
  evidence.time = event.time.utc;
  evidence.event_name = schema::to_string(event.name());
  evidence.details_json = schema::event_details_json(event, item);
  return evidence;
}

std::string_view extra(const schema::ExtraDetails& details, std::string_view name) {
  for (const auto& [key, value] : details) {
    if (key == name) return value;
  }
  return {};
}

Finding finding_of(const RuleInfo& rule, const Origin& origin) {
  Finding finding;
  finding.rule = rule;
  finding.device_id = origin.device_id;
  finding.module_id = origin.module_id;
  finding.received = origin.received;
  finding.sequence = origin.sequence;
  return finding;
}

bool deletes_device(const store::OperationRow& operation) {
  return operation.category == "DeviceIdentityOperations" && operation.operation == "delete" &&
         operation.status_code < 300 && !operation.device_id.empty() && operation.module_id.empty();
}

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}

base::WallTime time_member(const base::json::Value& value, std::string_view name) {
  const auto* member = value.find(name);
  const auto* number = member == nullptr ? nullptr : member->if_int();
  return base::WallTime(std::chrono::nanoseconds(number == nullptr ? 0 : *number));
}

}  // namespace detect::changes
