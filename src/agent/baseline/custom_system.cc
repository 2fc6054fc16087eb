// Commands of the original format about software, services, the kernel and the network; and what
// they depend on.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/custom_verbs.h"
#include "agent/baseline/docker.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/pattern.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

// Is there a package? Without a database that we read nobody can say.
Result<const Installed*> packages(Facts& facts) {
  const Installed& installed = TRY_REF(facts.installed());
  if (installed.source.empty())
    return base::fail(Code::Unsupported, "packages", -1,
                      installed.rpm ? "rpm's database is not read" : "no package manager found");
  return &installed;
}

Result<std::string> package_like(Facts& facts, std::string_view expression) {
  const Pattern pattern = TRY(Pattern::compile(expression));
  for (const std::string& name : TRY(packages(facts))->packages) {
    if (pattern.found_in(name)) return name;
  }
  return "";
}

std::string_view package_name(const CustomCheck& check) {
  return check.has("packagename") ? check.get("packagename") : check.get("package");
}

Result<Outcome> package_not_installed(Facts& facts, const CustomCheck& check) {
  const std::string name(package_name(check));
  const bool there = TRY(packages(facts))->packages.contains(name);
  return there ? failed(name + " is installed") : pass();
}
Result<Outcome> package_installed(Facts& facts, const CustomCheck& check) {
  const std::string name(package_name(check));
  const bool there = TRY(packages(facts))->packages.contains(name);
  return there ? pass() : failed(name + " is not installed");
}
Result<Outcome> package_not_installed_regexp(Facts& facts, const CustomCheck& check) {
  const std::string found = TRY(package_like(facts, package_name(check)));
  return found.empty() ? pass() : failed(found + " is installed");
}
Result<Outcome> package_installed_regexp(Facts& facts, const CustomCheck& check) {
  const std::string found = TRY(package_like(facts, package_name(check)));
  return found.empty() ? failed(fmt::format("no package matches {}", package_name(check)))
                       : pass(found);
}

std::string unit_of(std::string_view service) {
  const std::string name(base::trim(service));
  return name.find('.') == std::string::npos ? name + ".service" : name;
}

// Daemons have the service's name, or that and a d.
Result<bool> runs(Facts& facts, std::string_view service) {
  std::string name(base::trim(service));
  name = name.substr(0, name.find(".service"));
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (process.name == name.substr(0, 15) || process.name == (name + "d").substr(0, 15))
      return true;
  }
  return false;
}

Result<Outcome> service_disabled(Facts& facts, const CustomCheck& check) {
  Examples wrong;
  for (const std::string_view service : base::split(check.get("service"), ',')) {
    const UnitState state = TRY(unit_state(facts.host(), unit_of(service)));
    if (!state.enabled_by.empty())
      wrong.add(fmt::format("{} starts by {}", service, state.enabled_by));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<Outcome> service_enabled(Facts& facts, const CustomCheck& check) {
  for (const std::string_view service : base::split(check.get("service"), ',')) {
    if (check.get("expect") == "running") {
      const bool running = TRY(runs(facts, service));
      if (!running) return failed(fmt::format("{} does not run", service));
      continue;
    }
    const UnitState state = TRY(unit_state(facts.host(), unit_of(service)));
    if (state.enabled_by.empty()) return failed(fmt::format("nothing starts {}", service));
  }
  return pass();
}

Result<Outcome> service_status(Facts& facts, const CustomCheck& check) {
  const bool running = TRY(runs(facts, check.get("service")));
  const bool wanted = check.get("expect") != "stopped";
  if (running == wanted) return pass();
  return failed(fmt::format("{} {}", check.get("service"), running ? "runs" : "does not run"));
}

// "key = value" for all of /proc/sys, as sysctl -a prints it.
Result<std::vector<std::string>> sysctl_lines(Facts& facts, std::string_view expression) {
  // Only the part of the tree that the expression starts with, if it says so: "^net\.ipv4\...".
  std::string prefix;
  if (expression.starts_with('^')) {
    for (std::size_t i = 1; i < expression.size(); ++i) {
      const char c = expression[i];
      const bool escaped = c == '\\' && i + 1 < expression.size() && expression[i + 1] == '.';
      if (escaped) {
        prefix += '/';
        ++i;
      } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
        prefix += c;
      } else {
        break;
      }
    }
  }
  std::vector<std::string> lines;
  const auto add = [&](const std::string& path) {
    const auto text = facts.host().read(path);
    if (!text) return;  // some can only be written
    std::string key = path.substr(10);
    std::replace(key.begin(), key.end(), '/', '.');
    each_line(*text, [&](std::string_view line, int) {
      lines.push_back(fmt::format("{} = {}", key, line));
    });
  };
  const auto whole = facts.host().stat("/proc/sys/" + prefix);
  if (!prefix.empty() && whole && whole->kind == FileFacts::Kind::Regular) {
    add("/proc/sys/" + prefix);
    return lines;
  }
  const std::string folder = prefix.substr(0, prefix.find_last_of('/') + 1);
  std::string top = "/proc/sys";
  if (prefix.find('/') != std::string::npos) top += "/" + folder.substr(0, folder.size() - 1);
  const auto walked =
      facts.host().walk(top, {}, [&](const std::string& path, const FileFacts& file) {
        if (file.kind == FileFacts::Kind::Regular && (file.mode & 0444U) != 0) add(path);
        return true;
      });
  if (!walked && walked.error().code != Code::NotFound) return std::unexpected(walked.error());
  return lines;
}

Result<Outcome> sysctl_output(Facts& facts, const CustomCheck& check) {
  const auto lines = TRY(sysctl_lines(facts, check.get("regex")));
  return judge_lines(lines, check, LineRule::Any, "the kernel's settings");
}

// As "iptables -L" heads its chains. A chain counts as dropping when any on its hook does.
Result<Outcome> iptables_status(Facts& facts, const CustomCheck& check) {
  const FirewallFacts firewall = TRY(facts.host().firewall(IpFamily::V4));
  std::vector<std::string> lines;
  constexpr std::array<const char*, 3> kNames = {"INPUT", "FORWARD", "OUTPUT"};
  for (const Hook hook : {Hook::Input, Hook::Forward, Hook::Output}) {
    const bool drops =
        std::any_of(firewall.chains.begin(), firewall.chains.end(),
                    [hook](const auto& chain) { return chain.hook == hook && chain.drops; });
    lines.push_back(fmt::format("Chain {} (policy {})", kNames[static_cast<std::size_t>(hook)],
                                drops ? "DROP" : "ACCEPT"));
  }
  return judge_lines(lines, check, LineRule::Any, "the packet filter");
}

// As "netstat -l" lists them; of UDP only when the options ask for it.
Result<Outcome> no_netstat(Facts& facts, const CustomCheck& check) {
  const std::string_view options = check.get("key");
  const bool tcp =
      options.find('t') != std::string_view::npos || options.find('u') == std::string_view::npos;
  const bool udp =
      options.find('u') != std::string_view::npos || options.find('t') == std::string_view::npos;
  std::vector<std::string> lines;
  for (const Listener& listener : TRY_REF(facts.listeners())) {
    const bool is_tcp = listener.port.starts_with("tcp/");
    if (is_tcp ? !tcp : !udp) continue;
    const bool v6 = listener.address.find(':') != std::string::npos;
    lines.push_back(fmt::format("{}{} 0 0 {}{}{}:{} {} LISTEN", listener.port.substr(0, 3),
                                v6 ? "6" : "", v6 ? "[" : "", listener.address, v6 ? "]" : "",
                                listener.port.substr(4), v6 ? "[::]:*" : "0.0.0.0:*"));
  }
  return judge_lines(lines, check, LineRule::None, "the listening sockets");
}

Result<Outcome> no_ps(Facts& facts, const CustomCheck& check) {
  std::vector<std::string> lines;
  for (const RunningProcess& process : TRY_REF(facts.processes()))
    lines.push_back(joined(process.arguments, " "));
  return judge_lines(lines, check, LineRule::None, "the command lines");
}

Result<Outcome> kernel_source(Facts& facts, const CustomCheck& check) {
  return judge_lines(lines_of(TRY(facts.host().read("/proc/version"))), check, LineRule::Any,
                     "/proc/version");
}

// variable of user root, from the files that its sessions read.
Result<Outcome> no_environment(Facts& facts, const CustomCheck& check) {
  const std::string variable(check.get("variable"));
  const std::string user = check.get("user").empty() ? "root" : std::string(check.get("user"));
  std::string home = "/root";
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.name == user) home = account.home;
  }
  std::vector<std::string> values;
  const auto take = [&](std::string_view text) {
    if (const auto value = shell_value(text, variable)) values.push_back(*value);
  };
  for (const std::string& file : {std::string("/etc/environment"), std::string("/etc/profile"),
                                  home + "/.profile", home + "/.bash_profile", home + "/.bashrc"})
    take(TRY(read_optional(facts.host(), file)));
  const std::string login_defs = TRY(read_optional(facts.host(), "/etc/login.defs"));
  each_line(login_defs, [&](std::string_view line, int) {
    const auto words = words_of(without_comment(line));
    if (words.size() == 2 && words[0] == (user == "root" ? "ENV_SUPATH" : "ENV_PATH"))
      take(words[1]);
  });
  return judge_lines(values, check, LineRule::None, variable);
}

Result<Outcome> always_pass(Facts&, const CustomCheck& check) {
  return pass(std::string(check.get("justification")));
}

Result<Outcome> ours(Facts& facts, std::string_view verb) {
  const Verb* const found = find_verb(verb);
  ASSERT(found != nullptr);
  return found->judge(facts, Parameters{});
}
Result<Outcome> no_promiscuous(Facts& facts, const CustomCheck&) {
  return ours(facts, "no-promiscuous");
}
Result<Outcome> no_wireless(Facts& facts, const CustomCheck&) {
  return ours(facts, "no-wireless");
}

constexpr std::array<CustomVerb, 16> kVerbs = {{
    {"CheckPackageInstalled", package_installed},
    {"CheckPackageInstalledRegexp", package_installed_regexp},
    {"CheckPackageNotInstalled", package_not_installed},
    {"CheckPackageNotInstalledRegexp", package_not_installed_regexp},
    {"CheckServiceDisabled", service_disabled},
    {"CheckServiceEnabled", service_enabled},
    {"CheckServiceStatus", service_status},
    {"CheckSysctlOutput", sysctl_output},
    {"CheckIptablesStatus", iptables_status},
    {"CheckNoMatchingLinesNetstat", no_netstat},
    {"CheckNoMatchingLinesPSCommand", no_ps},
    {"VerifyKernelSource", kernel_source},
    {"CheckNotMatchEnvVariable", no_environment},
    {"CheckAlwaysPass", always_pass},
    {"CheckNoPromiscInterfaces", no_promiscuous},
    {"CheckNoWirelessInterfaces", no_wireless},
}};

}  // namespace

Result<bool> is_met(const Dependency& dependency, Facts& facts) {
  const std::string& type = dependency.type;
  if (type == "PackageInstalled") return !TRY(package_like(facts, dependency.value)).empty();
  if (type == "PackageNotInstalled")
    return !TRY(packages(facts))->packages.contains(dependency.value);
  if (type == "FileExists") return exists(facts.host(), dependency.value);
  if (type == "FileNotExists") return !TRY(exists(facts.host(), dependency.value));
  if (type == "SystemDUnitExists") return !TRY(unit_path(facts.host(), dependency.value)).empty();
  if (type == "ServiceStatus") {
    const auto parts = base::split(dependency.value, '|');
    const bool running = TRY(runs(facts, parts[0]));
    return running == (parts.size() < 2 || parts[1] == "running");
  }
  if (type == "DockerSwarm") return docker::in_swarm(facts.host(), dependency.value == "true");
  if (type == "DockerVersion") return docker::version_at_least(facts.host(), dependency.value);
  return base::fail(Code::Unsupported, "dependency", -1, "unknown type " + type);
}

const CustomVerb* find_custom_verb(std::string_view name) {
  for (const std::span<const CustomVerb> verbs :
       {custom_line_verbs(), custom_file_verbs(), custom_system_verbs(), custom_docker_verbs()}) {
    for (const CustomVerb& verb : verbs) {
      if (verb.name == name) return &verb;
    }
  }
  return nullptr;
}

std::span<const CustomVerb> custom_system_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
