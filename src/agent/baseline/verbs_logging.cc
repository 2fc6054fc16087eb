// What the system keeps of what happened.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr std::array<std::string_view, 5> kLogPackages = {"rsyslog", "syslog-ng", "syslog-ng-core",
                                                          "busybox-syslogd", "inetutils-syslogd"};
constexpr std::array<const char*, 6> kLogPrograms = {"/usr/sbin/rsyslogd",
                                                     "/usr/sbin/syslog-ng",
                                                     "/lib/systemd/systemd-journald",
                                                     "/usr/lib/systemd/systemd-journald",
                                                     "/sbin/syslogd",
                                                     "/sbin/logd"};
// With the names of their processes: journald is started by systemd itself.
constexpr std::array<std::string_view, 5> kLogProcesses = {"rsyslogd", "syslog-ng",
                                                           "systemd-journal", "syslogd", "logd"};

Result<Outcome> log_installed(Facts& facts) {
  const Installed& installed = TRY_REF(facts.installed());
  for (const std::string_view name : kLogPackages) {
    if (installed.packages.contains(std::string(name))) return pass(std::string(name));
  }
  for (const char* const program : kLogPrograms) {
    const bool there = TRY(exists(facts.host(), program));
    if (there) return pass(program);
  }
  return failed("neither rsyslog, syslog-ng, syslogd nor journald");
}

Result<Outcome> log_daemon(Facts& facts, const Parameters& p) {
  if (p.get("want") == "installed") return log_installed(facts);
  std::string running;
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (std::find(kLogProcesses.begin(), kLogProcesses.end(), process.name) != kLogProcesses.end())
      running = process.name;
  }
  if (running.empty()) return failed("no log daemon runs");
  if (running == "systemd-journal") return pass("journald runs");
  for (const char* const unit :
       {"rsyslog.service", "syslog-ng.service", "syslog.service", "syslogd.service",
        "inetutils-syslogd.service", "busybox-syslogd.service", "log.service"}) {
    const UnitState state = TRY(unit_state(facts.host(), unit));
    if (!state.enabled_by.empty()) return pass(running + " runs, " + state.enabled_by);
  }
  return failed(running + " runs, but nothing starts it with the system");
}

// The last "Key=value" of a systemd configuration file and its drop-ins, in the section.
Result<std::string> systemd_setting(const Host& host, const std::string& name,
                                    std::string_view section, std::string_view key) {
  std::vector<std::string> files;
  for (const char* const folder : {"/usr/lib/systemd/", "/lib/systemd/", "/etc/systemd/"}) {
    files.push_back(folder + name);
    for (const std::string& drop_in : TRY(list_optional(host, folder + name + ".d"))) {
      if (drop_in.ends_with(".conf")) files.push_back(folder + name + ".d/" + drop_in);
    }
  }
  std::string value;
  for (const std::string& file : files) {
    bool inside = false;
    const std::string text = TRY(read_optional(host, file));
    each_line(text, [&](std::string_view line, int) {
      line = base::trim(line);
      if (line.starts_with('[')) inside = line == section;
      if (!inside || !line.starts_with(key) || line.size() == key.size() || line[key.size()] != '=')
        return;
      value = base::trim(line.substr(key.size() + 1));
    });
  }
  return value;
}

Result<Outcome> journal_persistent(Facts& facts, const Parameters&) {
  bool journald = false;
  for (const char* const program :
       {"/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald"})
    journald = journald || TRY(exists(facts.host(), program));
  if (!journald) return not_applicable("no journald here");
  const std::string storage =
      base::to_lower(TRY(systemd_setting(facts.host(), "journald.conf", "[Journal]", "Storage")));
  if (storage == "persistent") return pass("Storage=persistent");
  if (storage == "volatile" || storage == "none") return failed("Storage=" + storage);
  const bool folder = TRY(exists(facts.host(), "/var/log/journal"));
  return folder ? pass("/var/log/journal exists") : failed("Storage=auto, and no /var/log/journal");
}

Result<Outcome> no_remote_log_input(Facts& facts, const Parameters&) {
  Examples wrong;
  std::vector<std::string> files = {"/etc/rsyslog.conf"};
  for (const std::string& name : TRY(list_optional(facts.host(), "/etc/rsyslog.d"))) {
    if (name.ends_with(".conf")) files.push_back("/etc/rsyslog.d/" + name);
  }
  bool any = false;
  for (const std::string& file : files) {
    const std::string text = TRY(read_optional(facts.host(), file));
    any = any || !text.empty();
    each_line(text, [&](std::string_view line, int number) {
      // Old: $ModLoad imudp, $UDPServerRun 514; new: module(load="imudp") and input(type="imudp").
      const std::string lower = base::to_lower(without_comment(line));
      const bool old_run =
          lower.starts_with("$udpserverrun") || lower.starts_with("$inputtcpserverrun");
      bool input = false;
      if (lower.starts_with("input("))
        for (const std::string_view type : {"imudp", "imtcp", "imptcp", "imrelp"})
          input = input || lower.find(type) != std::string::npos;
      if (old_run || input) wrong.add(fmt::format("{}:{}", file, number));
    });
  }
  const std::string syslog_ng = TRY(read_optional(facts.host(), "/etc/syslog-ng/syslog-ng.conf"));
  any = any || !syslog_ng.empty();
  each_line(syslog_ng, [&](std::string_view line, int number) {
    const std::string_view text = without_comment(line);
    for (const std::string_view driver : {"tcp(", "udp(", "network(", "syslog("}) {
      if (text.find("source") != std::string_view::npos &&
          text.find(driver) != std::string_view::npos)
        wrong.add(fmt::format("/etc/syslog-ng/syslog-ng.conf:{}", number));
    }
  });
  for (const Listener& listener : TRY_REF(facts.listeners())) {
    if ((listener.port == "udp/514" || listener.port == "tcp/514") && !listener.loopback)
      wrong.add("something listens on " + listener.port);
  }
  if (!wrong.empty()) return failed(wrong.text());
  return any ? pass() : not_applicable("neither rsyslog nor syslog-ng is configured");
}

Result<Outcome> log_rotation(Facts& facts, const Parameters&) {
  const bool daily = TRY(exists(facts.host(), "/etc/cron.daily/logrotate"));
  const UnitState timer = TRY(unit_state(facts.host(), "logrotate.timer"));
  if (!timer.enabled_by.empty()) return pass(timer.enabled_by);
  if (daily) return pass("/etc/cron.daily/logrotate");
  const auto text = TRY(read_optional(facts.host(), "/etc/crontab"));
  if (text.find("logrotate") != std::string::npos) return pass("/etc/crontab");
  return failed("neither an enabled logrotate.timer nor /etc/cron.daily/logrotate");
}

Result<Outcome> audit_enabled(Facts& facts, const Parameters&) {
  const AuditFacts audit = TRY(facts.host().audit());
  if (audit.enabled == 0) return failed("the kernel does not audit");
  if (audit.pid == 0) return failed("no audit daemon runs");
  const UnitState state = TRY(unit_state(facts.host(), "auditd.service"));
  if (state.enabled_by.empty()) return failed("auditd runs, but nothing starts it with the system");
  return pass(state.enabled_by);
}

Result<Outcome> audit_locked(Facts& facts, const Parameters&) {
  const auto audit = facts.host().audit();
  if (audit && audit->enabled == 2) return pass("the kernel refuses changes");
  // augenrules puts the files together by name; the last word counts.
  std::string last;
  for (const std::string& path : TRY(expand(facts.host(), "/etc/audit/rules.d/*.rules"))) {
    const std::string text = TRY(facts.host().read(path));
    each_line(text, [&](std::string_view line, int) {
      const auto words = words_of(without_comment(line));
      if (words.size() == 2 && words[0] == "-e") last = words[1];
    });
  }
  if (last == "2") return pass("-e 2 in /etc/audit/rules.d, from the next start");
  if (!audit && audit.error().code != Code::Unsupported) return std::unexpected(audit.error());
  return failed("audit rules can be changed");
}

Result<Outcome> core_dumps_off(Facts& facts, const Parameters&) {
  bool hard = false;
  std::vector<std::string> files = {"/etc/security/limits.conf"};
  for (const std::string& path : TRY(expand(facts.host(), "/etc/security/limits.d/*.conf")))
    files.push_back(path);
  for (const std::string& file : files) {
    const std::string text = TRY(read_optional(facts.host(), file));
    each_line(text, [&](std::string_view line, int) {
      const auto words = words_of(without_comment(line));
      if (words.size() < 4 || words[0] != "*" || words[2] != "core") return;
      if (words[1] == "hard" || words[1] == "-") hard = words[3] == "0";
    });
  }
  if (!hard) return failed("no \"* hard core 0\" in limits.conf");
  bool catcher = false;
  for (const char* const program :
       {"/lib/systemd/systemd-coredump", "/usr/lib/systemd/systemd-coredump"})
    catcher = catcher || TRY(exists(facts.host(), program));
  if (!catcher) return pass();
  const std::string storage =
      base::to_lower(TRY(systemd_setting(facts.host(), "coredump.conf", "[Coredump]", "Storage")));
  return storage == "none" ? pass()
                           : failed("systemd-coredump keeps images: Storage is " +
                                    (storage.empty() ? "external" : storage));
}

constexpr std::array<Verb, 7> kVerbs = {{
    {"log-daemon", log_daemon},
    {"journal-persistent", journal_persistent},
    {"no-remote-log-input", no_remote_log_input},
    {"log-rotation", log_rotation},
    {"audit-enabled", audit_enabled},
    {"audit-locked", audit_locked},
    {"core-dumps-off", core_dumps_off},
}};

}  // namespace

std::span<const Verb> logging_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
