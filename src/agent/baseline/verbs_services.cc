// Software that is installed, and services that start or listen.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/json.h"
#include "base/text.h"

namespace agent::baseline {

using base::Result;

namespace {

// Who is installed, by database or as a program that lies there.
Result<std::vector<std::string>> present(Facts& facts, const Parameters& p) {
  std::vector<std::string> found;
  const Installed& installed = TRY_REF(facts.installed());
  for (const std::string_view name : p.words("packages")) {
    if (installed.packages.contains(std::string(name)))
      found.push_back(fmt::format("{} ({})", name, installed.source));
  }
  for (const std::string_view program : p.words("programs")) {
    const bool there = TRY(exists(facts.host(), std::string(program)));
    if (there) found.emplace_back(program);
  }
  return found;
}

// The ports of the list that something listens on from outside.
Result<std::vector<std::string>> open_ports(Facts& facts, const Parameters& p) {
  std::vector<std::string> found;
  for (const std::string_view port : p.words("ports")) {
    const auto& listeners = TRY_REF(facts.listeners());
    if (std::any_of(listeners.begin(), listeners.end(), [&](const Listener& listener) {
          return listener.port == port && !listener.loopback;
        }))
      found.push_back(fmt::format("something listens on {}", port));
  }
  return found;
}

// packages: names; programs: paths; ports: "tcp/23".
Result<Outcome> not_installed(Facts& facts, const Parameters& p) {
  const auto found = TRY(present(facts, p));
  if (!found.empty()) return failed(joined(found));
  const auto ports = TRY(open_ports(facts, p));
  if (!ports.empty()) return failed(joined(ports) + ", though no such package is known");
  return pass();
}

Result<Outcome> installed(Facts& facts, const Parameters& p) {
  const auto found = TRY(present(facts, p));
  return found.empty() ? failed(fmt::format("none of {}", p.get("packages"))) : pass(joined(found));
}

// units; processes: names as the kernel cuts them; ports.
Result<Outcome> service_off(Facts& facts, const Parameters& p) {
  Examples wrong;
  for (const std::string_view unit : p.words("units")) {
    const UnitState state = TRY(unit_state(facts.host(), std::string(unit)));
    if (!state.enabled_by.empty())
      wrong.add(fmt::format("{} starts by {}", unit, state.enabled_by));
  }
  for (const std::string_view name : p.words("processes")) {
    for (const RunningProcess& process : TRY_REF(facts.processes())) {
      if (process.name != name.substr(0, 15)) continue;
      wrong.add(fmt::format("{} runs as process {}", name, process.pid));
      break;
    }
  }
  for (const std::string& port : TRY(open_ports(facts, p)))
    wrong.add(port);
  return wrong.empty() ? pass() : failed(wrong.text());
}

// "tcp://0.0.0.0:2375" without TLS, from the configuration.
Result<void> docker_hosts(const Host& host, Examples& wrong) {
  const std::string text = TRY(read_optional(host, "/etc/docker/daemon.json"));
  if (!text.empty()) {
    const base::json::Value json = TRY(base::json::parse(text));
    const auto* const verify = json.find("tlsverify");
    const bool tls = verify != nullptr && verify->if_bool() != nullptr && *verify->if_bool();
    const auto* const hosts = json.find("hosts");
    if (hosts != nullptr && hosts->if_array() != nullptr) {
      for (const auto& one : *hosts->if_array()) {
        if (one.if_string() != nullptr && one.if_string()->starts_with("tcp://") && !tls)
          wrong.add(*one.if_string() + " in /etc/docker/daemon.json");
      }
    }
  }
  const std::string unit = TRY(unit_text(host, "docker.service"));
  std::string command;  // an empty ExecStart= forgets those before
  each_line(unit, [&](std::string_view line, int) {
    line = base::trim(line);
    if (line.starts_with("ExecStart=")) command = line.substr(10);
  });
  if (command.find("tcp://") != std::string::npos &&
      command.find("--tlsverify") == std::string::npos)
    wrong.add("docker.service: " + command);
  return {};
}

Result<Outcome> docker_no_tcp(Facts& facts, const Parameters&) {
  bool docker = false;
  for (const char* const path : {"/usr/bin/dockerd", "/usr/local/bin/dockerd", "/usr/sbin/dockerd",
                                 "/etc/docker/daemon.json", "/snap/bin/docker"})
    docker = docker || TRY(exists(facts.host(), path));
  for (const RunningProcess& process : TRY_REF(facts.processes()))
    docker = docker || process.name == "dockerd";
  if (!docker) return not_applicable("no Docker here");
  Examples wrong;
  TRY(docker_hosts(facts.host(), wrong));
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (process.name != "dockerd") continue;
    const std::string line = joined(process.arguments, " ");
    if (line.find("tcp://") != std::string::npos && line.find("--tlsverify") == std::string::npos)
      wrong.add("running: " + line);
  }
  for (const Listener& listener : TRY_REF(facts.listeners())) {
    if (listener.port == "tcp/2375" && !listener.loopback)
      wrong.add("something listens on tcp/2375");
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

// Words in brackets of a "deb [trusted=yes] ..." line, or "Trusted: yes" in the newer form.
void apt_sources(std::string_view text, const std::string& path, Examples& wrong) {
  each_line(text, [&](std::string_view line, int number) {
    const std::string lower = base::to_lower(without_comment(line));
    std::string tight = lower;
    std::erase_if(tight, [](char c) { return c == ' ' || c == '\t'; });
    for (const std::string_view option :
         {"trusted=yes", "allow-insecure=yes", "trusted:yes", "allow-insecure:yes"}) {
      if (tight.find(option) != std::string::npos)
        wrong.add(fmt::format("{} in {}:{}", option, path, number));
    }
  });
}

Result<Outcome> signed_sources(Facts& facts, const Parameters&) {
  const Host& host = facts.host();
  Examples wrong;
  bool any = false;
  std::vector<std::string> files = {"/etc/apt/sources.list"};
  for (const std::string& name : TRY(list_optional(host, "/etc/apt/sources.list.d"))) {
    if (name.ends_with(".list") || name.ends_with(".sources"))
      files.push_back("/etc/apt/sources.list.d/" + name);
  }
  for (const std::string& file : files) {
    const std::string text = TRY(read_optional(host, file));
    any = any || !text.empty();
    apt_sources(text, file, wrong);
  }
  for (const std::string& name : TRY(list_optional(host, "/etc/apt/apt.conf.d"))) {
    const std::string path = "/etc/apt/apt.conf.d/" + name;
    const std::string text = TRY(host.read(path));
    each_line(text, [&](std::string_view line, int number) {
      const std::string lower = base::to_lower(line);
      if (base::trim(lower).starts_with("//")) return;
      const bool asks = lower.find("allowunauthenticated") != std::string::npos ||
                        lower.find("allowinsecurerepositories") != std::string::npos;
      if (asks &&
          (lower.find("true") != std::string::npos || lower.find("\"1\"") != std::string::npos ||
           lower.find("yes") != std::string::npos))
        wrong.add(fmt::format("{}:{}", path, number));
    });
  }
  const std::string opkg = TRY(read_optional(host, "/etc/opkg.conf"));
  if (!opkg.empty()) {
    any = true;
    bool checks = false;
    each_line(opkg, [&](std::string_view line, int) {
      const auto words = words_of(without_comment(line));
      checks = checks || (words.size() >= 2 && words[0] == "option" &&
                          words[1] == "check_signature" && (words.size() == 2 || words[2] != "0"));
    });
    if (!checks) wrong.add("no \"option check_signature\" in /etc/opkg.conf");
  }
  for (const std::string& path : TRY(expand(host, "/etc/yum.repos.d/*.repo"))) {
    any = true;
    const std::string text = TRY(host.read(path));
    each_line(text, [&](std::string_view line, int number) {
      std::string tight(without_comment(line));
      std::erase_if(tight, [](char c) { return c == ' ' || c == '\t'; });
      if (tight == "gpgcheck=0") wrong.add(fmt::format("gpgcheck=0 in {}:{}", path, number));
    });
  }
  if (!any) return not_applicable("no package sources here");
  return wrong.empty() ? pass() : failed(wrong.text());
}

constexpr std::array<Verb, 5> kVerbs = {{
    {"not-installed", not_installed},
    {"installed", installed},
    {"service-off", service_off},
    {"docker-no-tcp", docker_no_tcp},
    {"signed-sources", signed_sources},
}};

}  // namespace

std::span<const Verb> service_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
