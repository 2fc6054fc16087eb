// What the running kernel is set to, and what it may load.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

// Routing is what a host of containers is for.
Result<std::string> container_engine(Facts& facts) {
  static constexpr std::array<std::string_view, 7> kEngines = {
      "dockerd", "containerd", "crio", "kubelet", "k3s-server", "k3s-agent", "lxd"};
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (std::find(kEngines.begin(), kEngines.end(), process.name) != kEngines.end())
      return process.name;
  }
  return "";
}

// key: with dots; expect: values any of which will do; absent: what it means that the kernel has no
// such setting, "fail" or "skip"; exempt: "container-host".
Result<Outcome> sysctl(Facts& facts, const Parameters& p) {
  const std::string key(p.get("key"));
  std::string path = "/proc/sys/" + key;
  std::replace(path.begin(), path.end(), '.', '/');
  const auto text = facts.host().read(path);
  if (!text && text.error().code == Code::NotFound) {
    const std::string why = "the kernel has no setting " + key;
    return p.get("absent") == "fail" ? failed(why) : not_applicable(why);
  }
  const std::string value(base::trim(TRY(text)));
  const auto meets = [&](const std::string& one) {
    const auto number = number_of(one);
    return number && number_meets(*number, p.get("expect"));
  };
  // A value that does not last: the next start sets another.
  const auto& files = TRY_REF(facts.sysctl_files());
  const auto configured = files.find(key);
  std::string note;
  if (configured != files.end() && configured->second.value != value) {
    note = fmt::format("; {} sets {} at the next start", configured->second.file,
                       configured->second.value);
  }
  const std::string evidence = fmt::format("{} = {}{}", key, value, note);
  if (meets(value)) return pass(evidence);
  if (p.get("exempt") == "container-host") {
    const std::string engine = TRY(container_engine(facts));
    if (!engine.empty()) return not_applicable(evidence + ": " + engine + " needs it");
  }
  return failed(evidence);
}

std::string with_underscores(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

// "kernel/fs/udf/udf.ko.xz" -> "udf"
std::string module_of_path(std::string_view path) {
  path = path.substr(path.find_last_of('/') + 1);
  return with_underscores(path.substr(0, path.find(".ko")));
}

// Is it in a list of /lib/modules/RELEASE, whose lines start with a path?
Result<bool> listed(Facts& facts, const std::string& file, const std::string& module) {
  const std::string text = TRY(read_optional(facts.host(), file));
  bool found = false;
  each_line(text, [&](std::string_view line, int) {
    found = found || module_of_path(line.substr(0, line.find(':'))) == module;
  });
  return found;
}

struct ModprobeRules {
  bool blacklisted = false;
  bool refused = false;  // its "install" command does nothing
};

Result<ModprobeRules> modprobe_rules(Facts& facts, const std::string& module) {
  ModprobeRules rules;
  for (const char* const folder :
       {"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
        "/lib/modprobe.d"}) {
    for (const std::string& name : TRY(list_optional(facts.host(), folder))) {
      if (!name.ends_with(".conf")) continue;
      const std::string text = TRY(facts.host().read(std::string(folder) + "/" + name));
      each_line(text, [&](std::string_view line, int) {
        const auto words = words_of(without_comment(line));
        if (words.size() < 2 || with_underscores(words[1]) != module) return;
        if (words[0] == "blacklist") rules.blacklisted = true;
        if (words[0] == "install" && words.size() > 2) {
          const std::string_view command = words[2].substr(words[2].find_last_of('/') + 1);
          rules.refused = command == "true" || command == "false";
        }
      });
    }
  }
  return rules;
}

Result<Outcome> module(Facts& facts, const Parameters& p) {
  const std::string name = with_underscores(p.get("name"));
  bool loaded = false;
  const std::string loaded_text = TRY(read_optional(facts.host(), "/proc/modules"));
  each_line(loaded_text, [&](std::string_view line, int) {
    loaded = loaded || line.substr(0, line.find(' ')) == name;
  });
  if (loaded) return failed(name + " is loaded");
  bool file_system = false;
  const std::string file_systems = TRY(read_optional(facts.host(), "/proc/filesystems"));
  each_line(file_systems, [&](std::string_view line, int) {
    file_system = file_system || base::trim(line.substr(line.find('\t') + 1)) == name;
  });
  if (file_system) return failed(name + " is part of the kernel");
  const std::string release(base::trim(TRY(facts.host().read("/proc/sys/kernel/osrelease"))));
  std::string folder = "/lib/modules/" + release;
  bool have = TRY(exists(facts.host(), folder));
  if (!have) {
    folder = "/usr" + folder;
    have = TRY(exists(facts.host(), folder));
  }
  if (!have) return pass("no loadable modules for kernel " + release);
  const bool built_in = TRY(listed(facts, folder + "/modules.builtin", name));
  if (built_in) return failed(name + " is part of the kernel");
  // Without the list nobody can say what the kernel has: the rules have to do.
  const bool have_list = TRY(exists(facts.host(), folder + "/modules.dep"));
  const bool there = TRY(listed(facts, folder + "/modules.dep", name));
  if (have_list && !there) return pass("not among the modules of kernel " + release);
  const ModprobeRules rules = TRY(modprobe_rules(facts, name));
  if (rules.blacklisted && rules.refused) return pass("refused in modprobe.d");
  return failed(fmt::format("{} can be loaded: modprobe.d has {} for it", name,
                            rules.refused       ? "no blacklist line"
                            : rules.blacklisted ? "no install line"
                                                : "neither an install nor a blacklist line"));
}

Result<Outcome> no_execute(Facts& facts, const Parameters&) {
  const std::string text = TRY(facts.host().read("/proc/cpuinfo"));
  bool flags = false;
  bool nx = false;
  each_line(text, [&](std::string_view line, int) {
    if (!line.starts_with("flags")) return;
    const auto words = words_of(line.substr(line.find(':') + 1));
    flags = true;
    nx = nx || std::find(words.begin(), words.end(), "nx") != words.end();
  });
  if (!flags) return not_applicable("this processor has no such switch");
  return nx ? pass() : failed("/proc/cpuinfo shows no nx flag");
}

Result<Outcome> mandatory_access(Facts& facts, const Parameters&) {
  const std::string selinux = TRY(read_optional(facts.host(), "/sys/fs/selinux/enforce"));
  if (base::trim(selinux) == "1") return pass("SELinux enforces");
  const std::string apparmor =
      TRY(read_optional(facts.host(), "/sys/module/apparmor/parameters/enabled"));
  const auto profiles = facts.host().read("/sys/kernel/security/apparmor/profiles");
  if (base::trim(apparmor) == "Y") {
    if (!profiles && profiles.error().code == Code::Denied)
      return std::unexpected(profiles.error());
    std::size_t enforced = 0;
    each_line(
        profiles ? std::string_view(*profiles) : std::string_view(),
        [&](std::string_view line, int) { enforced += line.ends_with("(enforce)") ? 1U : 0U; });
    if (enforced > 0) return pass(fmt::format("AppArmor enforces {} profiles", enforced));
    return failed("AppArmor is on, but enforces no profile");
  }
  if (base::trim(selinux) == "0") return failed("SELinux only warns");
  return failed("neither AppArmor nor SELinux is on");
}

constexpr std::array<Verb, 4> kVerbs = {{
    {"sysctl", sysctl},
    {"module", module},
    {"no-execute", no_execute},
    {"mandatory-access", mandatory_access},
}};

}  // namespace

std::span<const Verb> kernel_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
