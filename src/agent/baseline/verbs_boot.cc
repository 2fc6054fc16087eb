// What somebody at the device itself could do.
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Result;

namespace {

Result<Outcome> boot_password(Facts& facts, const Parameters&) {
  bool grub = false;
  for (const char* const path : {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
                                 "/boot/grub/user.cfg", "/boot/grub2/user.cfg"}) {
    const std::string text = TRY(read_optional(facts.host(), path));
    if (text.empty()) continue;
    grub = true;
    bool users = false;
    bool password = false;
    each_line(text, [&](std::string_view line, int) {
      line = without_comment(line);
      users = users || line.starts_with("set superusers");
      password = password || line.starts_with("password_pbkdf2") ||
                 line.starts_with("GRUB2_PASSWORD=grub.pbkdf2");
    });
    if (password && (users || std::string_view(path).ends_with("user.cfg"))) return pass(path);
  }
  if (!grub) return not_applicable("no GRUB here");
  return failed("GRUB has no superusers with a password_pbkdf2");
}

// The last ExecStart of a unit's text, arguments included.
std::string exec_start(std::string_view text) {
  std::string command;
  each_line(text, [&](std::string_view line, int) {
    line = base::trim(line);
    if (line.starts_with("ExecStart=")) command = base::trim(line.substr(10));
  });
  return command;
}

Result<Outcome> single_user_password(Facts& facts, const Parameters&) {
  for (const char* const unit : {"rescue.service", "emergency.service"}) {
    const std::string text = TRY(unit_text(facts.host(), unit));
    const std::string command = exec_start(text);
    if (text.empty()) continue;
    if (command.find("sulogin") == std::string::npos)
      return failed(fmt::format("{} runs {}", unit, command.empty() ? "nothing" : command));
    if (text.find("SYSTEMD_SULOGIN_FORCE=1") != std::string::npos)
      return failed(fmt::format("{} lets in without a password (SYSTEMD_SULOGIN_FORCE)", unit));
  }
  const std::string inittab = TRY(read_optional(facts.host(), "/etc/inittab"));
  bool shell = false;
  each_line(inittab, [&](std::string_view line, int) {
    const auto fields = base::split(without_comment(line), ':');
    if (fields.size() == 4 && (fields[1] == "S" || fields[1] == "1") && fields[2] == "wait" &&
        fields[3].find("/sh") != std::string_view::npos &&
        fields[3].find("sulogin") == std::string_view::npos)
      shell = true;
  });
  if (shell) return failed("/etc/inittab starts a shell in single user mode");
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (entry.name != "root") continue;
    if (entry.hash.empty()) return failed("root has no password");
    // sulogin opens a shell without a word when root's password is locked and --force is given; it
    // refuses otherwise. Neither is a question for a password.
    if (!usable_hash(entry.hash))
      return failed("the password of root is locked: nothing to ask for");
    return pass();
  }
  return failed("there is no account root");
}

Result<Outcome> ctrl_alt_del(Facts& facts, const Parameters&) {
  const UnitState state = TRY(unit_state(facts.host(), "ctrl-alt-del.target"));
  if (state.masked) return pass("masked");
  if (state.exists) return failed("ctrl-alt-del.target is not masked");
  const std::string inittab = TRY(read_optional(facts.host(), "/etc/inittab"));
  bool bound = false;
  each_line(inittab, [&](std::string_view line, int) {
    bound = bound || without_comment(line).find("ctrlaltdel:") != std::string_view::npos;
  });
  if (bound) return failed("/etc/inittab restarts on ctrlaltdel");
  if (!inittab.empty()) return pass();
  return not_applicable("neither systemd nor /etc/inittab here");
}

// Bare shells ("ttyS0::askfirst:/bin/ash") and getties that log somebody in by themselves.
void judge_inittab(std::string_view text, Examples& wrong) {
  each_line(text, [&](std::string_view line, int number) {
    const auto fields = base::split(without_comment(line), ':');
    if (fields.size() < 4) return;
    const std::string_view action = fields[2];
    if (action != "respawn" && action != "askfirst" && action != "once") return;
    std::string_view command = words_of(fields[3]).empty() ? "" : words_of(fields[3]).front();
    while (command.starts_with('-'))
      command.remove_prefix(1);
    const std::string_view name = command.substr(command.find_last_of('/') + 1);
    const bool shell = name == "sh" || name == "ash" || name == "bash" || name == "dash";
    const bool automatic = fields[3].find("--autologin") != std::string_view::npos ||
                           fields[3].find(" -a ") != std::string_view::npos ||
                           fields[3].find("login -f") != std::string_view::npos ||
                           fields[3].find("-l /bin/sh") != std::string_view::npos;
    if (shell || automatic) wrong.add(fmt::format("/etc/inittab:{}: {}", number, fields[3]));
  });
}

Result<Outcome> serial_console(Facts& facts, const Parameters&) {
  Examples wrong;
  bool any = false;
  const std::string inittab = TRY(read_optional(facts.host(), "/etc/inittab"));
  any = any || !inittab.empty();
  judge_inittab(inittab, wrong);
  std::set<std::string> units = {"serial-getty@.service", "getty@.service", "console-getty.service",
                                 "container-getty@.service"};
  for (const char* const folder : kUnitFolders) {
    for (const std::string& name : TRY(list_optional(facts.host(), folder))) {
      std::string unit = name;
      if (unit.ends_with(".d")) unit.resize(unit.size() - 2);
      if (unit.starts_with("serial-getty@") || unit.starts_with("getty@")) {
        if (unit.ends_with(".service")) units.insert(unit);
      }
    }
  }
  for (const std::string& unit : units) {
    const std::string text = TRY(unit_text(facts.host(), unit));
    const std::string command = exec_start(text);
    any = any || !text.empty();
    const auto words = words_of(command);
    bool automatic = false;
    for (const std::string_view word : words)
      automatic = automatic || word == "-a" || word.starts_with("--autologin");
    if (automatic) wrong.add(fmt::format("{}: {}", unit, command));
  }
  if (!wrong.empty()) return failed(wrong.text());
  return any ? pass() : not_applicable("neither getty units nor /etc/inittab here");
}

constexpr std::array<Verb, 4> kVerbs = {{
    {"boot-password", boot_password},
    {"single-user-password", single_user_password},
    {"ctrl-alt-del", ctrl_alt_del},
    {"serial-console", serial_console},
}};

}  // namespace

std::span<const Verb> boot_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
