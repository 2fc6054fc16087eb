// Edge devices: what their deployment lets modules do.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/hub_checks.h"

namespace detect::posture {
namespace {

using base::json::Value;

constexpr std::size_t kMaxPieces = 64;  // createOptions01 ... ; the runtime has fewer
constexpr std::string_view kEdgeHub = "edgeHub";

// The container engine reads names whatever their case.
const Value* member(const Value* object, std::string_view name) {
  if (object == nullptr || object->if_object() == nullptr) return nullptr;
  for (const base::json::Member& each : *object->if_object()) {
    if (base::equal_ignore_case(each.name, name)) return &each.value;
  }
  return nullptr;
}

std::string_view text_of(const Value* value) {
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

bool is_true(const Value* value) {
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  return flag != nullptr && *flag;
}

// Capabilities that lead to the host, or to what others on it do.
bool is_broad(std::string_view capability) {
  std::string name = base::to_lower(base::trim(capability));
  if (name.starts_with("cap_")) name.erase(0, 4);
  constexpr std::array<std::string_view, 8> kBroad = {"all",        "sys_admin",  "net_admin",
                                                      "sys_module", "sys_ptrace", "dac_read_search",
                                                      "sys_rawio",  "bpf"};
  return std::ranges::find(kBroad, name) != kBroad.end();
}

// Folders and sockets of the host that are as good as the host.
bool is_whole_host(std::string_view source) {
  std::string path(base::trim(source));
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  constexpr std::array<std::string_view, 3> kSockets = {"docker.sock", "containerd.sock",
                                                        "podman.sock"};
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  return path == "/" || std::ranges::find(kSockets, name) != kSockets.end();
}

struct Permission {
  std::string key;
  std::string text;
};

void add_mounts(const Value* host, std::vector<Permission>& out) {
  const Value* binds = member(host, "Binds");
  if (binds != nullptr && binds->if_array() != nullptr) {
    for (const Value& bind : *binds->if_array()) {
      const std::string_view text = text_of(&bind);
      const std::string_view source = text.substr(0, text.find(':'));
      if (is_whole_host(source))
        out.push_back({"Binds=" + std::string(source), "mounts " + std::string(source)});
    }
  }
  const Value* mounts = member(host, "Mounts");
  if (mounts == nullptr || mounts->if_array() == nullptr) return;
  for (const Value& mount : *mounts->if_array()) {
    const std::string_view source = text_of(member(&mount, "Source"));
    if (!source.empty() && is_whole_host(source))
      out.push_back({"Mounts=" + std::string(source), "mounts " + std::string(source)});
  }
}

std::vector<Permission> permissions_of(const Value& options) {
  std::vector<Permission> out;
  const Value* host = member(&options, "HostConfig");
  if (is_true(member(host, "Privileged"))) out.push_back({"Privileged", "is privileged"});
  const Value* added = member(host, "CapAdd");
  if (added != nullptr && added->if_array() != nullptr) {
    for (const Value& capability : *added->if_array()) {
      const std::string name(text_of(&capability));
      if (is_broad(name)) out.push_back({"CapAdd=" + name, "has the capability " + name});
    }
  }
  for (const std::string_view mode : {"NetworkMode", "PidMode"}) {
    if (base::equal_ignore_case(text_of(member(host, mode)), "host"))
      out.push_back({std::string(mode),
                     mode == "PidMode" ? "sees the host's processes" : "is in the host's network"});
  }
  const Value* endpoints = member(member(&options, "NetworkingConfig"), "EndpointsConfig");
  const bool known =
      std::ranges::find(out, std::string_view("NetworkMode"), &Permission::key) != out.end();
  if (!known && member(endpoints, "host") != nullptr)
    out.push_back({"NetworkMode", "is in the host's network"});
  add_mounts(host, out);
  return out;
}

Item module_item(const EdgeModule& module, std::string_view key, std::string title,
                 Severity severity) {
  Item item;
  item.key = module.name.empty() ? std::string(key)
             : key.empty()       ? module.name
                                 : fmt::format("{} {}", module.name, key);
  item.title = std::move(title);
  item.severity = severity;
  Value::Object facts;
  if (!module.name.empty()) facts.push_back({"module", Value(module.name)});
  if (!key.empty()) facts.push_back({"option", Value(std::string(key))});
  item.facts = Value(std::move(facts));
  return item;
}

std::string title_of(const EdgeModule& module) {
  return module.name.empty() ? std::string("The module") : "Module " + module.name;
}

// The registry of an Azure container registry's address: acme of acme.azurecr.io.
std::string_view azure_registry(std::string_view address) {
  const auto scheme = address.find("://");
  if (scheme != std::string_view::npos) address.remove_prefix(scheme + 3);
  address = address.substr(0, address.find('/'));
  for (const std::string_view suffix : {".azurecr.io", ".azurecr.cn", ".azurecr.us"}) {
    if (address.size() > suffix.size() &&
        base::equal_ignore_case(address.substr(address.size() - suffix.size()), suffix))
      return address.substr(0, address.size() - suffix.size());
  }
  return {};
}

std::string setting_of(std::string_view head) {
  std::string name(head);
  if (!name.empty() && name.front() >= 'a' && name.front() <= 'z')
    name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return name + "Settings__enabled";
}

// What a module connects to the edge hub by; empty: it does not say.
std::string protocol_of(const Value& module) {
  const Value* env = module.find("env");
  for (const std::string_view name : {"ClientTransportType", "clientTransportType"}) {
    const Value* variable = member(env, name);
    const std::string text = base::to_lower(text_of(member(variable, "value")));
    if (text.starts_with("amqp")) return "amqp";
    if (text.starts_with("mqtt")) return "mqtt";
    if (text.starts_with("http")) return "http";
  }
  return {};
}

bool is_off(const Value& edge_hub, std::string_view head) {
  const Value* value = member(member(edge_hub.find("env"), setting_of(head)), "value");
  if (value == nullptr) return false;
  if (const bool* flag = value->if_bool()) return !*flag;
  return base::equal_ignore_case(text_of(value), "false");
}

// As far as modules tell: one that does not say how it connects may use any.
std::optional<EdgeHub> hub_of(const Value& desired) {
  const Value* system = desired.find("systemModules");
  const Value* edge_hub = system == nullptr ? nullptr : system->find(kEdgeHub);
  const Value* modules = desired.find("modules");
  if (edge_hub == nullptr || modules == nullptr || modules->if_object() == nullptr ||
      modules->if_object()->empty())
    return std::nullopt;
  EdgeHub hub;
  for (const std::string_view head : {"amqp", "mqtt", "http"}) {
    if (!is_off(*edge_hub, head)) hub.heads.emplace_back(head);
  }
  for (const base::json::Member& module : *modules->if_object()) {
    const std::string protocol = protocol_of(module.value);
    if (protocol.empty()) return std::nullopt;
    ++hub.clients[protocol];
  }
  return hub;
}

void add_modules(const Value* modules, std::vector<EdgeModule>& out) {
  if (modules == nullptr || modules->if_object() == nullptr) return;
  for (const base::json::Member& each : *modules->if_object()) {
    const Value* settings = each.value.find("settings");
    if (settings == nullptr) continue;
    out.push_back({each.name, read_create_options(*settings)});
  }
}

}  // namespace

Value read_create_options(const Value& settings) {
  const Value* first = settings.find("createOptions");
  if (first == nullptr) return {};
  if (first->if_object() != nullptr) return *first;
  std::string text(text_of(first));
  for (std::size_t piece = 1; piece < kMaxPieces; ++piece) {
    const std::string_view more = text_of(settings.find(fmt::format("createOptions{:02}", piece)));
    if (more.empty()) break;
    text += more;
  }
  auto parsed = base::json::parse(base::trim(text).empty() ? "{}" : std::string_view(text));
  if (!parsed || parsed->if_object() == nullptr) return {};
  return std::move(*parsed);
}

Verdict judge_edge_privileges(std::span<const EdgeModule> modules) {
  Verdict verdict{.kind = Kind::EdgePrivileges};
  for (const EdgeModule& module : modules) {
    for (const Permission& permission : permissions_of(module.create_options)) {
      Item item =
          module_item(module, permission.key,
                      fmt::format("{} {}", title_of(module), permission.text), Severity::High);
      item.steps = {
          "Change createOptions of the module in the deployment, or in the twin of $edgeAgent."};
      verdict.items.push_back(std::move(item));
    }
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_edge_logging(std::span<const EdgeModule> modules) {
  Verdict verdict{.kind = Kind::EdgeLogging};
  for (const EdgeModule& module : modules) {
    const Value* host = member(&module.create_options, "HostConfig");
    std::string driver = base::to_lower(text_of(member(member(host, "LogConfig"), "Type")));
    if (driver.empty()) driver = base::to_lower(module.default_log_driver);
    if (driver != "none") continue;
    Item item = module_item(module, module.name.empty() ? "module" : "",
                            title_of(module) + " keeps no log", Severity::Low);
    item.steps = {
        R"(Set createOptions to {"HostConfig":{"LogConfig":{"Type":"json-file","Config":{"max-size":"10m","max-file":"3"}}}}.)"};
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_edge_registries(std::span<const EdgeRegistry> registries) {
  Verdict verdict{.kind = Kind::EdgeRegistry};
  for (const EdgeRegistry& registry : registries) {
    const std::string_view name = azure_registry(registry.address);
    // The admin account has the name of its registry; principals have a GUID's, tokens their own.
    if (name.empty() || !base::equal_ignore_case(name, base::trim(registry.user))) continue;
    Item item;
    item.key = registry.address;
    item.title = fmt::format("{} is used with its admin account", registry.address);
    item.severity = Severity::Medium;
    item.steps = {
        "Make a service principal with the role AcrPull, or a token, and put its name "
        "and secret into registryCredentials.",
        "Then switch the admin account off."};
    item.commands = {
        fmt::format("az acr update --name {} --admin-enabled false", shell_word(name))};
    Value::Object facts;
    facts.push_back({"address", Value(registry.address)});
    facts.push_back({"username", Value(registry.user)});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_edge_hub(const EdgeHub& hub) {
  Verdict verdict{.kind = Kind::EdgeHubMemory};
  if (!hub.observed_long_enough) return verdict;
  std::set<std::string> known;
  for (const std::string& head : hub.heads) {
    const auto clients = hub.clients.find(head);
    if (clients != hub.clients.end() && clients->second > 0) continue;
    if (!known.insert(head).second) continue;
    Item item;
    item.key = head;
    item.title = fmt::format("The edge hub serves {}, which nobody uses", head);
    item.severity = Severity::Low;
    item.steps = {
        fmt::format("Set the environment variable {} of edgeHub to false.", setting_of(head))};
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

EdgeDeployment read_deployment(const Value& desired) {
  EdgeDeployment out;
  add_modules(desired.find("systemModules"), out.modules);
  // The runtime's own: it steers the container engine, and cannot do so without its socket.
  std::erase_if(out.modules, [](const EdgeModule& module) { return module.name == "edgeAgent"; });
  add_modules(desired.find("modules"), out.modules);
  const Value* runtime = desired.find("runtime");
  const Value* settings = runtime == nullptr ? nullptr : runtime->find("settings");
  const Value* credentials = settings == nullptr ? nullptr : settings->find("registryCredentials");
  if (credentials != nullptr && credentials->if_object() != nullptr) {
    for (const base::json::Member& each : *credentials->if_object()) {
      out.registries.push_back({each.name, std::string(each.value.text_or("address", "")),
                                std::string(each.value.text_or("username", ""))});
    }
  }
  out.hub = hub_of(desired);
  return out;
}

}  // namespace detect::posture
