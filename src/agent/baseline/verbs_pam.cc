// What PAM demands of new passwords, and what it does about wrong ones.
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

struct Stack {
  std::string service;
  std::vector<PamEntry> entries;  // of the type that was asked for
};

// The stacks that decide, as distributions name them: all that are there. NotFound: no PAM.
Result<std::vector<Stack>> stacks(Facts& facts, const char* type,
                                  std::initializer_list<const char*> services) {
  std::vector<Stack> found;
  for (const char* const service : services) {
    auto entries = facts.pam(service);
    if (!entries && entries.error().code == Code::NotFound) continue;
    Stack stack{.service = service, .entries = TRY(std::move(entries))};
    std::erase_if(stack.entries, [&](const PamEntry& entry) { return entry.type != type; });
    found.push_back(std::move(stack));
  }
  if (found.empty()) return base::fail(Code::NotFound, "no PAM");
  return found;
}

Result<std::vector<Stack>> password_stacks(Facts& facts) {
  auto found = stacks(facts, "password", {"common-password", "system-auth", "password-auth"});
  if (!found && found.error().code == Code::NotFound) return stacks(facts, "password", {"passwd"});
  return found;
}

Result<std::vector<Stack>> auth_stacks(Facts& facts) {
  auto found = stacks(facts, "auth", {"common-auth", "system-auth", "password-auth"});
  if (!found && found.error().code == Code::NotFound) return stacks(facts, "auth", {"login"});
  return found;
}

const PamEntry* entry_of(const Stack& stack, std::span<const std::string_view> modules) {
  for (const PamEntry& entry : stack.entries) {
    if (std::find(modules.begin(), modules.end(), entry.module) != modules.end()) return &entry;
  }
  return nullptr;
}

// "name = value" of a module's own file; bare words are flags with the value "".
std::map<std::string, std::string> read_settings(std::string_view text) {
  std::map<std::string, std::string> settings;
  each_line(text, [&](std::string_view line, int) {
    line = without_comment(line);
    if (line.empty()) return;
    const std::size_t equals = line.find('=');
    std::string value;
    if (equals != std::string_view::npos) value = base::trim(line.substr(equals + 1));
    settings[std::string(base::trim(line.substr(0, equals)))] = std::move(value);
  });
  return settings;
}

// Of pam_pwquality: the folder's files first, then the main file over them.
Result<std::map<std::string, std::string>> quality_settings(Facts& facts) {
  std::map<std::string, std::string> settings;
  const auto add = [&](std::string_view text) {
    for (auto& [name, value] : read_settings(text))
      settings[name] = value;
  };
  constexpr const char* kFolder = "/etc/security/pwquality.conf.d";
  for (const std::string& name : TRY(list_optional(facts.host(), kFolder))) {
    if (name.ends_with(".conf")) add(TRY(facts.host().read(std::string(kFolder) + "/" + name)));
  }
  add(TRY(read_optional(facts.host(), "/etc/security/pwquality.conf")));
  return settings;
}

// A setting as the module takes it: its argument, its file, its default.
long long setting_of(const PamEntry& entry, const std::map<std::string, std::string>& settings,
                     const std::string& name, long long fallback) {
  if (const auto argument = entry.value(name)) return number_of(*argument).value_or(fallback);
  const auto found = settings.find(name);
  return found == settings.end() ? fallback : number_of(found->second).value_or(fallback);
}

const PamEntry* entry_named(const Stack& stack, std::string_view module) {
  return entry_of(stack, {&module, 1});
}

constexpr std::array<std::string_view, 2> kTally = {"pam_tally2.so", "pam_tally.so"};
constexpr std::array<std::string_view, 3> kQuality = {"pam_pwquality.so", "pam_cracklib.so",
                                                      "pam_passwdqc.so"};

// The file belongs to pam_pwquality alone.
Result<std::map<std::string, std::string>> settings_for(Facts& facts, const PamEntry& entry) {
  if (entry.module != "pam_pwquality.so") return std::map<std::string, std::string>{};
  return quality_settings(facts);
}

Result<Outcome> password_length(Facts& facts, const Parameters& p) {
  const auto least = number_of(p.get("at-least"));
  ASSERT(least);
  const auto found = password_stacks(facts);
  if (!found && found.error().code == Code::NotFound) return not_applicable("no PAM here");
  Examples wrong;
  std::string evidence;
  for (const Stack& stack : TRY_REF(found)) {
    long long length = 0;
    if (const PamEntry* const entry = entry_of(stack, kQuality)) {
      length = setting_of(*entry, TRY(settings_for(facts, *entry)), "minlen",
                          entry->module == "pam_pwquality.so" ? 8 : 9);
    }
    // pam_unix has a limit of its own.
    if (const PamEntry* const unix = entry_named(stack, "pam_unix.so"))
      length = std::max(length, setting_of(*unix, {}, "minlen", 6));
    evidence = fmt::format("{}: at least {} characters", stack.service, length);
    if (length < *least) wrong.add(evidence);
  }
  return wrong.empty() ? pass(evidence) : failed(wrong.text());
}

Result<Outcome> password_classes(Facts& facts, const Parameters& p) {
  const auto least = number_of(p.get("at-least"));
  ASSERT(least);
  const auto found = password_stacks(facts);
  if (!found && found.error().code == Code::NotFound) return not_applicable("no PAM here");
  Examples wrong;
  for (const Stack& stack : TRY_REF(found)) {
    const PamEntry* const entry = entry_of(stack, kQuality);
    if (entry == nullptr) {
      wrong.add(stack.service + ": no module looks at the quality of passwords");
      continue;
    }
    const auto settings = TRY(settings_for(facts, *entry));
    bool credits = true;
    for (const char* const credit : {"dcredit", "ucredit", "lcredit", "ocredit"})
      credits = credits && setting_of(*entry, settings, credit, 0) <= -1;
    const long long classes = setting_of(*entry, settings, "minclass", 0);
    if (classes < *least && !credits)
      wrong.add(fmt::format("{}: minclass is {}, and not all four credits are -1", stack.service,
                            classes));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<std::map<std::string, std::string>> faillock_settings(Facts& facts) {
  return read_settings(TRY(read_optional(facts.host(), "/etc/security/faillock.conf")));
}

// What locks accounts in a stack: its entry with the settings; nullptr with `why` when nothing
// does.
const PamEntry* lockout_entry(const Stack& stack, std::string& why) {
  if (const PamEntry* const tally = entry_of(stack, kTally)) return tally;
  const PamEntry* before = nullptr;
  const PamEntry* after = nullptr;
  for (const PamEntry& entry : stack.entries) {
    if (entry.module != "pam_faillock.so") continue;
    if (entry.has("preauth")) before = &entry;
    if (entry.has("authfail")) after = &entry;
  }
  if (before != nullptr && after != nullptr) return after;
  why = before == nullptr && after == nullptr ? "no pam_faillock"
        : before == nullptr                   ? "pam_faillock without a preauth line"
                                              : "pam_faillock without an authfail line";
  why = stack.service + ": " + why;
  return nullptr;
}

Result<Outcome> lockout(Facts& facts, const Parameters& p) {
  const auto most = number_of(p.get("deny"));
  ASSERT(most);
  const auto found = auth_stacks(facts);
  if (!found && found.error().code == Code::NotFound) return not_applicable("no PAM here");
  const auto settings = TRY(faillock_settings(facts));
  Examples wrong;
  std::string evidence;
  for (const Stack& stack : TRY_REF(found)) {
    std::string why;
    const PamEntry* const entry = lockout_entry(stack, why);
    if (entry == nullptr) {
      wrong.add(why);
      continue;
    }
    const bool faillock = entry->module == "pam_faillock.so";
    const long long deny =
        faillock ? setting_of(*entry, settings, "deny", 3) : setting_of(*entry, {}, "deny", 0);
    evidence = fmt::format("{}: locked after {} failures", stack.service, deny);
    if (deny < 1 || deny > *most) wrong.add(evidence);
  }
  return wrong.empty() ? pass(evidence) : failed(wrong.text());
}

Result<Outcome> lockout_time(Facts& facts, const Parameters& p) {
  const auto least = number_of(p.get("at-least"));
  ASSERT(least);
  const auto found = auth_stacks(facts);
  if (!found && found.error().code == Code::NotFound) return not_applicable("no PAM here");
  const auto settings = TRY(faillock_settings(facts));
  Examples wrong;
  std::string evidence;
  for (const Stack& stack : TRY_REF(found)) {
    std::string why;
    const PamEntry* const entry = lockout_entry(stack, why);
    if (entry == nullptr) {
      wrong.add(why);
      continue;
    }
    // 0: until an administrator unlocks it, which for pam_tally2 is the default.
    const bool faillock = entry->module == "pam_faillock.so";
    const long long seconds = faillock ? setting_of(*entry, settings, "unlock_time", 600)
                                       : setting_of(*entry, {}, "unlock_time", 0);
    evidence = fmt::format("{}: locked for {} s", stack.service, seconds);
    if (seconds != 0 && seconds < *least) wrong.add(evidence);
  }
  return wrong.empty() ? pass(evidence) : failed(wrong.text());
}

Result<Outcome> password_history(Facts& facts, const Parameters& p) {
  const auto least = number_of(p.get("at-least"));
  ASSERT(least);
  const auto found = password_stacks(facts);
  if (!found && found.error().code == Code::NotFound) return not_applicable("no PAM here");
  const auto settings =
      read_settings(TRY(read_optional(facts.host(), "/etc/security/pwhistory.conf")));
  Examples wrong;
  std::string evidence;
  for (const Stack& stack : TRY_REF(found)) {
    long long remembered = 0;
    if (const PamEntry* const entry = entry_named(stack, "pam_pwhistory.so"))
      remembered = setting_of(*entry, settings, "remember", 10);
    if (const PamEntry* const unix = entry_named(stack, "pam_unix.so"))
      remembered = std::max(remembered, setting_of(*unix, {}, "remember", 0));
    evidence = fmt::format("{}: {} remembered", stack.service, remembered);
    if (remembered < *least) wrong.add(evidence);
  }
  return wrong.empty() ? pass(evidence) : failed(wrong.text());
}

// No entry of the module, in any file, has one of the options.
Result<Outcome> pam_no_option(Facts& facts, const Parameters& p) {
  const auto names = facts.host().list("/etc/pam.d");
  if (!names && names.error().code == Code::NotFound) return not_applicable("no PAM here");
  Examples wrong;
  for (const std::string& name : TRY_REF(names)) {
    // What the package manager left beside a file is not read by PAM.
    if (name.find(".dpkg-") != std::string::npos || name.ends_with(".rpmnew") ||
        name.ends_with(".rpmsave") || name.ends_with('~'))
      continue;
    const std::string path = "/etc/pam.d/" + name;
    for (const PamEntry& entry : read_pam(TRY(facts.host().read(path)), path)) {
      if (entry.module != p.get("module")) continue;
      for (const std::string_view option : p.words("option")) {
        if (entry.has(option)) wrong.add(fmt::format("{} in {}", option, entry.where));
      }
    }
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

constexpr std::array<Verb, 6> kVerbs = {{
    {"password-length", password_length},
    {"password-classes", password_classes},
    {"lockout", lockout},
    {"lockout-time", lockout_time},
    {"password-history", password_history},
    {"pam-no-option", pam_no_option},
}};

}  // namespace

std::span<const Verb> pam_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
