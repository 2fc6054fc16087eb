// Facts of the hub's as JSON, judged.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/time.h"
#include "detect/posture/hub_checks.h"
#include "detect/posture/judge.h"

namespace detect::posture {
namespace {

using base::json::Value;

const Value::Array& array_of(const Value* value) {
  static const Value::Array kNone;
  const Value::Array* array = value == nullptr ? nullptr : value->if_array();
  return array == nullptr ? kNone : *array;
}

std::string text_of(const Value* value) {
  if (value == nullptr) return {};
  if (const std::string* text = value->if_string()) return *text;
  if (const std::int64_t* number = value->if_int()) return std::to_string(*number);
  return {};
}

const Value* first_of(const Value& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const Value* found = object.find(name)) return found;
  }
  return nullptr;
}

// A pair as a list of two, or as an object with those members.
std::pair<const Value*, const Value*> pair_of(const Value& value,
                                              std::initializer_list<std::string_view> first,
                                              std::initializer_list<std::string_view> second) {
  if (const Value::Array* array = value.if_array()) {
    return {!array->empty() ? array->data() : nullptr,
            array->size() > 1 ? array->data() + 1 : nullptr};
  }
  return {first_of(value, first), first_of(value, second)};
}

bool allows(std::string_view action) {
  return base::equal_ignore_case(action, "accept") || base::equal_ignore_case(action, "allow");
}

std::vector<Verdict> judge_config(const Value& facts) {
  std::vector<Verdict> verdicts;
  if (const Value* list = first_of(facts, {"ipFilter", "ipFilterRules"})) {
    AddressFilter filter;
    for (const Value& rule : array_of(list)) {
      const auto [action, range] = pair_of(rule, {"action"}, {"range", "ipMask", "ip", "address"});
      filter.rules.push_back(
          {.name = std::string(rule.text_or("filterName", rule.text_or("name", ""))),
           .allow = allows(text_of(action)),
           .range = text_of(range)});
    }
    if (const Value* otherwise = first_of(facts, {"ipFilterDefault", "defaultAction"}))
      filter.default_allow = allows(text_of(otherwise));
    verdicts.push_back(judge_filter_default(filter));
    verdicts.push_back(judge_filter_ranges(filter));
    if (const Value* seen = first_of(facts, {"observedAddresses", "observed", "sources"})) {
      std::vector<std::string> addresses;
      for (const Value& address : array_of(seen))
        addresses.push_back(text_of(&address));
      verdicts.push_back(judge_filter_fit(filter, networks_of(addresses)));
    }
  }
  if (const Value* list = first_of(facts, {"diagnostics", "diagnosticSettings"})) {
    std::vector<DiagnosticSink> sinks;
    for (const Value& sink : array_of(list)) {
      const auto [category, days] =
          pair_of(sink, {"category", "categoryGroup"}, {"retentionDays", "days", "retention"});
      sinks.push_back(
          {text_of(category), static_cast<int>(base::parse_int(text_of(days)).value_or(0))});
    }
    verdicts.push_back(judge_diagnostics(sinks));
  }
  return verdicts;
}

struct Session {
  std::string network;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

std::optional<std::int64_t> moment(const Value* value) {
  const std::string text = text_of(value);
  if (const auto number = base::parse_int(text)) return number;
  const auto time = base::parse_rfc3339(text);
  if (!time) return std::nullopt;
  return time->utc.time_since_epoch() / std::chrono::seconds(1);
}

// One identity at two places at once.
bool overlap_elsewhere(const Value* list) {
  std::vector<Session> sessions;
  for (const Value& each : array_of(list)) {
    Session session;
    session.network = text_of(first_of(each, {"network", "ip", "address"}));
    if (const auto address = parse_prefix(session.network))
      session.network = address->shortened(address->v6 ? 48 : 24).to_string();
    const auto from = moment(first_of(each, {"start", "from"}));
    const auto to = moment(first_of(each, {"end", "to"}));
    if (!from || session.network.empty()) continue;
    session.from = *from;
    session.to = to.value_or(std::numeric_limits<std::int64_t>::max());
    for (const Session& other : sessions) {
      const bool together = session.from < other.to && other.from < session.to;
      if (together && session.network != other.network) return true;
    }
    sessions.push_back(std::move(session));
  }
  return false;
}

std::vector<Verdict> judge_identity(const Value& facts) {
  SharedCredential shared;
  const Value* key = first_of(facts, {"keyHash", "hash"});
  shared.kind = key != nullptr ? "key" : "certificate";
  shared.hash = text_of(key != nullptr ? key : first_of(facts, {"thumbprint", "certificate"}));
  std::set<std::string> devices;
  for (const Value& device : array_of(first_of(facts, {"devices", "identities"}))) {
    const std::string name = text_of(&device);
    // A module's identity is its device's.
    devices.insert(name.substr(0, name.find('/')));
  }
  shared.devices.assign(devices.begin(), devices.end());
  shared.count = devices.size();
  if (overlap_elsewhere(first_of(facts, {"sessions", "connections"}))) {
    shared.devices.emplace_back("a device elsewhere");
    shared.count = std::max<std::size_t>(shared.count, 2);
  }
  return {judge_credentials(devices.empty() ? "" : *devices.begin(), std::span(&shared, 1))};
}

std::vector<Verdict> judge_edge_module(const Value& facts) {
  std::vector<Verdict> verdicts;
  if (facts.find("createOptions") != nullptr) {
    const EdgeModule module{
        .name = std::string(facts.text_or("name", facts.text_or("module", ""))),
        .create_options = read_create_options(facts),
        .default_log_driver = text_of(first_of(facts, {"daemonDefault", "defaultLogDriver"}))};
    verdicts.push_back(judge_edge_privileges(std::span(&module, 1)));
    verdicts.push_back(judge_edge_logging(std::span(&module, 1)));
  }
  std::vector<EdgeRegistry> registries;
  if (const Value* registry = first_of(facts, {"registry", "address"})) {
    registries.push_back({"", text_of(registry), text_of(first_of(facts, {"username", "user"}))});
  }
  const Value* credentials = facts.find("registryCredentials");
  if (credentials != nullptr && credentials->if_object() != nullptr) {
    for (const base::json::Member& each : *credentials->if_object()) {
      registries.push_back({each.name, std::string(each.value.text_or("address", "")),
                            std::string(each.value.text_or("username", ""))});
    }
  }
  if (!registries.empty()) verdicts.push_back(judge_edge_registries(registries));
  return verdicts;
}

std::map<std::string, std::uint64_t> counts_of(const Value* object) {
  std::map<std::string, std::uint64_t> counts;
  if (object == nullptr || object->if_object() == nullptr) return counts;
  for (const base::json::Member& each : *object->if_object()) {
    const std::int64_t* number = each.value.if_int();
    if (number != nullptr && *number >= 0) counts[each.name] += static_cast<std::uint64_t>(*number);
  }
  return counts;
}

std::vector<Verdict> judge_edge_hub_facts(const Value& facts) {
  EdgeHub hub;
  for (const Value& head : array_of(first_of(facts, {"heads", "protocolHeads"})))
    hub.heads.push_back(base::to_lower(text_of(&head)));
  const Value* clients = facts.find("clients7d");
  hub.observed_long_enough = clients != nullptr;
  for (const auto& [head, count] : counts_of(clients))
    hub.clients[base::to_lower(head)] += count;
  return {judge_edge_hub(hub)};
}

std::vector<Verdict> judge_group(const Value& facts) {
  const auto counts = counts_of(facts.find("hashes"));
  const auto usual = majority(counts);
  std::vector<ModuleSettings> deviating;
  for (const auto& [digest, count] : counts) {
    if (usual && count > 0 && digest != *usual)
      deviating.push_back({digest, std::string(facts.text_or("group", "")), digest, *usual});
  }
  return {judge_settings_of_group("", deviating)};
}

}  // namespace

std::vector<Verdict> judge_facts(std::string_view name, const Value& facts) {
  if (name == "HubConfig") return judge_config(facts);
  if (name == "HubIdentity") return judge_identity(facts);
  if (name == "HubTls") {
    return {judge_tls(text_of(first_of(facts, {"version", "tlsVersion"})),
                      text_of(first_of(facts, {"suite", "cipher", "cipherSuite"})))};
  }
  if (name == "EdgeModule") return judge_edge_module(facts);
  if (name == "EdgeHub") return judge_edge_hub_facts(facts);
  if (name == "GroupSettings") return judge_group(facts);
  return {};
}

}  // namespace detect::posture
