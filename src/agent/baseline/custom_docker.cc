// Commands of the original format about Docker. They ask the engine's socket; none starts a
// program.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/custom_verbs.h"
#include "agent/baseline/docker.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/pattern.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;
using base::json::Value;

namespace {

// The engine's flags: of the running process, else of its configuration file, where names of lists
// end in an s ("authorization-plugins").
struct Flags {
  std::vector<std::string> arguments;
  Value file;

  std::optional<std::string> get(std::string_view name) const;
};

std::optional<std::string> Flags::get(std::string_view name) const {
  const std::string flag = "--" + std::string(name);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(flag + "=")) return arguments[i].substr(flag.size() + 1);
    if (arguments[i] != flag) continue;
    const bool value_follows = i + 1 < arguments.size() && !arguments[i + 1].starts_with("-");
    return value_follows ? arguments[i + 1] : "true";
  }
  for (const std::string& key : {std::string(name), std::string(name) + "s"}) {
    const Value* const value = file.find(key);
    if (value == nullptr || value->is_null()) continue;
    if (value->if_string() != nullptr) return *value->if_string();
    if (value->if_array() == nullptr) return value->to_json();
    std::vector<std::string> all;
    for (const Value& each : *value->if_array())
      all.push_back(each.if_string() != nullptr ? *each.if_string() : each.to_json());
    if (!all.empty()) return joined(all, ",");
  }
  return std::nullopt;
}

Result<Flags> flags(Facts& facts) {
  Flags found;
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (process.name == "dockerd") found.arguments = process.arguments;
  }
  const std::string text = TRY(read_optional(facts.host(), "/etc/docker/daemon.json"));
  if (!base::trim(text).empty()) found.file = TRY(base::json::parse(text));
  return found;
}

// value: exactly (booleans in any case); regex: any that matches.
Result<bool> flag_is(const Flags& all, const CustomCheck& check) {
  const auto value = all.get(check.get("key"));
  if (!value) return false;
  if (check.has("regex")) return TRY(Pattern::compile(check.get("regex"))).found_in(*value);
  return base::equal_ignore_case(*value, check.get("value"));
}

Result<Outcome> flag_set(Facts& facts, const CustomCheck& check) {
  const Flags all = TRY(flags(facts));
  const bool is = TRY(flag_is(all, check));
  if (is) return pass();
  return failed(
      fmt::format("{} is {}", check.get("key"), all.get(check.get("key")).value_or("not set")));
}

Result<Outcome> flag_not_set(Facts& facts, const CustomCheck& check) {
  const Flags all = TRY(flags(facts));
  const bool is = TRY(flag_is(all, check));
  return is ? failed(fmt::format("{} is {}", check.get("key"), check.get("value"))) : pass();
}

bool on_network(const Flags& all) {
  for (const char* const name : {"host", "H"}) {
    if (const auto hosts = all.get(name); hosts && hosts->find("tcp://") != std::string::npos)
      return true;
  }
  return std::any_of(all.arguments.begin(), all.arguments.end(), [](const std::string& argument) {
    return argument.find("tcp://") != std::string::npos;
  });
}

Result<Outcome> tls_flags(Facts& facts, const CustomCheck&) {
  const Flags all = TRY(flags(facts));
  if (!on_network(all)) return pass("the engine listens on no network port");
  Examples missing;
  for (const char* const name : {"tlsverify", "tlscacert", "tlscert", "tlskey"}) {
    if (!all.get(name)) missing.add(name);
  }
  return missing.empty() ? pass() : failed("not set: " + missing.text());
}

Result<Outcome> tls_file_stats(Facts& facts, const CustomCheck& check) {
  const auto path = TRY(flags(facts)).get(check.get("key"));
  if (!path) return not_applicable(fmt::format("{} is not set", check.get("key")));
  const auto file = facts.host().stat(*path);
  if (!file && file.error().code == Code::NotFound) return failed(*path + " does not exist");
  if (!file) return std::unexpected(file.error());
  std::string wrong = judge_stats(facts, *path, *file, check);
  return wrong.empty() ? pass() : failed(std::move(wrong));
}

Result<Outcome> info(Facts& facts, const CustomCheck&) {
  return pass(joined(TRY(docker::info_lines(facts.host())), "; "));
}

Result<Outcome> no_info(Facts& facts, const CustomCheck& check) {
  return judge_lines(TRY(docker::info_lines(facts.host())), check, LineRule::None, "docker info");
}

Result<Outcome> version(Facts& facts, const CustomCheck& check) {
  const bool enough = TRY(docker::version_at_least(facts.host(), check.get("version")));
  return enough ? pass() : failed(fmt::format("older than {}", check.get("version")));
}

// With a key one line from the template for each object, else all lines of its inspection.
Result<Outcome> no_inspect(const std::vector<Value>& objects, const CustomCheck& check,
                           std::string_view where) {
  std::vector<std::string> lines;
  for (const Value& object : objects) {
    if (check.get("key").empty()) {
      for (std::string& line : docker::pretty_lines(object))
        lines.push_back(std::move(line));
    } else {
      lines.push_back(TRY(docker::render(check.get("key"), object)));
    }
  }
  return judge_lines(lines, check, LineRule::None, where);
}

Result<Outcome> no_container_inspect(Facts& facts, const CustomCheck& check) {
  return no_inspect(TRY(docker::containers(facts.host())), check, "a container");
}
Result<Outcome> no_network_inspect(Facts& facts, const CustomCheck& check) {
  return no_inspect(TRY(docker::networks(facts.host())), check, "a network");
}

std::string name_of(const Value& container) {
  return std::string(container.text_or("Name", container.text_or("Id", "")));
}

// Every container has a security option that matches.
Result<Outcome> security_options(Facts& facts, const CustomCheck& check) {
  const Pattern pattern = TRY(Pattern::compile(check.get("regex")));
  Examples wrong;
  for (const Value& container : TRY(docker::containers(facts.host()))) {
    const Value* const options = docker::member(container, "HostConfig.SecurityOpt");
    bool found = false;
    if (options != nullptr && options->if_array() != nullptr) {
      for (const Value& option : *options->if_array())
        found = found || (option.if_string() != nullptr && pattern.found_in(*option.if_string()));
    }
    if (!found) wrong.add(name_of(container));
  }
  return wrong.empty() ? pass()
                       : failed(fmt::format("without {}: {}", check.get("regex"), wrong.text()));
}

Result<Outcome> socket_mount(Facts& facts, const CustomCheck&) {
  Examples wrong;
  for (const Value& container : TRY(docker::containers(facts.host()))) {
    const Value* const mounts = docker::member(container, "Mounts");
    if (mounts == nullptr || mounts->if_array() == nullptr) continue;
    for (const Value& mount : *mounts->if_array()) {
      if (mount.text_or("Source", "").ends_with("docker.sock")) wrong.add(name_of(container));
    }
  }
  return wrong.empty() ? pass() : failed("the engine's socket is mounted in " + wrong.text());
}

Result<Outcome> default_bridge(Facts& facts, const CustomCheck&) {
  Examples wrong;
  for (const Value& container : TRY(docker::containers(facts.host()))) {
    const Value* const bridge = docker::member(container, "NetworkSettings.Networks.bridge");
    if (bridge != nullptr && !bridge->is_null()) wrong.add(name_of(container));
  }
  return wrong.empty() ? pass() : failed("on the default bridge: " + wrong.text());
}

// AppArmor's profile, or a label of SELinux.
Result<Outcome> mandatory_access(Facts& facts, const CustomCheck&) {
  Examples wrong;
  for (const Value& container : TRY(docker::containers(facts.host()))) {
    const bool apparmor = !container.text_or("AppArmorProfile", "").empty() &&
                          container.text_or("AppArmorProfile", "") != "unconfined";
    const bool selinux = !container.text_or("ProcessLabel", "").empty();
    if (!apparmor && !selinux) wrong.add(name_of(container));
  }
  return wrong.empty() ? pass() : failed("not confined: " + wrong.text());
}

// The one command that is published: whether a swarm manager locks its keys away.
Result<Outcome> command_output(Facts& facts, const CustomCheck& check) {
  if (check.get("key") != "swarm unlock-key")
    return unknown(fmt::format("\"docker {}\" is not run", check.get("key")));
  const bool swarm = TRY(docker::in_swarm(facts.host(), true));
  if (!swarm) return not_applicable("no swarm");
  const Value answer = TRY(docker::get(facts.host(), "/swarm"));
  const Value* const locks = docker::member(answer, "Spec.EncryptionConfig.AutoLockManagers");
  const bool locked = locks != nullptr && locks->if_bool() != nullptr && *locks->if_bool();
  return locked ? pass() : failed("no unlock key is set");
}

constexpr std::array<CustomVerb, 14> kVerbs = {{
    {"CheckDockerInfo", info},
    {"CheckDockerVersionAtLeast", version},
    {"CheckDockerdFlagSet", flag_set},
    {"CheckDockerdFlagNotSet", flag_not_set},
    {"CheckDockerTLSFlagsSet", tls_flags},
    {"CheckDockerTLSFileStats", tls_file_stats},
    {"CheckNoMatchingLinesDockerInfo", no_info},
    {"CheckNoMatchingLinesDockerContainerInspect", no_container_inspect},
    {"CheckNoMatchingLinesDockerNetworkInspect", no_network_inspect},
    {"CheckDockerSecOps", security_options},
    {"CheckDockerSockMount", socket_mount},
    {"CheckDockerNotUsingDefaultBridge", default_bridge},
    {"CheckMACEnabledDocker", mandatory_access},
    {"CheckDockerCommandOutputNotMatch", command_output},
}};

}  // namespace

std::span<const CustomVerb> custom_docker_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
