// How long passwords last, how they are kept, and what new sessions start with.
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

// The last line with the name counts, as for login(1).
std::optional<std::string> login_def(std::string_view text, std::string_view name) {
  std::optional<std::string> value;
  each_line(text, [&](std::string_view line, int) {
    const auto words = words_of(without_comment(line));
    if (words.size() >= 2 && words[0] == name) value = words[1];
  });
  return value;
}

Result<Outcome> login_defs(Facts& facts, const Parameters& p) {
  const auto& answer = facts.login_defs();
  if (!answer && answer.error().code == Code::NotFound)
    return not_applicable("/etc/login.defs does not exist");
  const auto value = login_def(TRY_REF(answer), p.get("key"));
  if (!value) return failed(fmt::format("/etc/login.defs does not set {}", p.get("key")));
  const std::string evidence = fmt::format("{} {}", p.get("key"), *value);
  const auto number = number_of(*value);
  if (!number) return unknown(evidence + " is no number");
  return number_meets(*number, p.get("expect")) ? pass(evidence) : failed(evidence);
}

Result<Outcome> password_age(Facts& facts, const Parameters& p) {
  const auto limit = number_of(p.get("at-most"));
  ASSERT(limit);
  Examples wrong;
  const auto& answer = facts.login_defs();
  if (answer || answer.error().code != Code::NotFound) {
    const auto value = login_def(TRY_REF(answer), p.get("key"));
    const auto number = value ? number_of(*value) : std::nullopt;
    if (!number || *number > *limit || *number < 0)
      wrong.add(fmt::format("{} is {} for new accounts", p.get("key"), value.value_or("not set")));
  }
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (entry.hash.empty() || !usable_hash(entry.hash)) continue;
    if (!entry.max_days || *entry.max_days > *limit || *entry.max_days < 0) {
      wrong.add(fmt::format("{} has {}", entry.name,
                            entry.max_days ? std::to_string(*entry.max_days) : "no limit"));
    }
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<Outcome> useradd_inactive(Facts& facts, const Parameters& p) {
  const auto text = facts.host().read("/etc/default/useradd");
  if (!text && text.error().code == Code::NotFound)
    return failed("/etc/default/useradd does not exist: accounts are never locked");
  const auto value = shell_value(TRY(text), "INACTIVE");
  if (!value) return failed("INACTIVE is not set: accounts are never locked");
  const auto number = number_of(*value);
  const std::string evidence = "INACTIVE=" + *value;
  if (!number) return unknown(evidence + " is no number");
  return number_meets(*number, fmt::format("{}..{}", p.get("from"), p.get("to")))
             ? pass(evidence)
             : failed(evidence);
}

// What pam_unix makes new hashes with; "" when its line names nothing (then login.defs decides).
Result<std::string> pam_hash(Facts& facts) {
  static constexpr std::array<std::string_view, 7> kKinds = {
      "md5", "bigcrypt", "sha256", "sha512", "blowfish", "gost_yescrypt", "yescrypt"};
  for (const char* const service : {"common-password", "system-auth", "passwd"}) {
    const auto stack = facts.pam(service);
    if (!stack && stack.error().code == Code::NotFound) continue;
    for (const PamEntry& entry : TRY(stack)) {
      if (entry.type != "password" || entry.module != "pam_unix.so") continue;
      for (const std::string_view kind : kKinds) {
        if (entry.has(kind)) return std::string(kind);
      }
    }
    return "";
  }
  return "";
}

bool strong_kind(std::string_view kind) {
  const std::string name = base::to_lower(kind);
  return name == "sha512" || name == "yescrypt" || name == "gost_yescrypt";
}

// accept: what strong hashes start with, between the dollars.
Result<Outcome> password_hash(Facts& facts, const Parameters& p) {
  Examples wrong;
  const std::string pam = TRY(pam_hash(facts));
  const auto& defs = facts.login_defs();
  if (!defs && defs.error().code != Code::NotFound) return std::unexpected(defs.error());
  const auto method = defs ? login_def(*defs, "ENCRYPT_METHOD") : std::nullopt;
  if (!pam.empty() && !strong_kind(pam)) wrong.add("pam_unix uses " + pam);
  if (method && !strong_kind(*method)) wrong.add("ENCRYPT_METHOD is " + *method);
  if (pam.empty() && !method) wrong.add("neither pam_unix nor /etc/login.defs names a method");
  const auto accepted = p.words("accept");
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (entry.hash.empty() || !usable_hash(entry.hash)) continue;
    const auto parts = base::split(entry.hash, '$');
    const std::string_view kind = parts.size() > 2 ? parts[1] : "DES";
    if (std::find(accepted.begin(), accepted.end(), kind) == accepted.end())
      wrong.add(fmt::format("the hash of {} is of kind {}", entry.name, kind));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

// The files that shells of all users read, and every file that those read in turn.
Result<std::vector<std::string>> shell_files(Facts& facts) {
  std::vector<std::string> files = {"/etc/profile", "/etc/bash.bashrc", "/etc/bashrc"};
  for (const std::string& name : TRY(list_optional(facts.host(), "/etc/profile.d"))) {
    if (name.ends_with(".sh")) files.push_back("/etc/profile.d/" + name);
  }
  return files;
}

Result<Outcome> umask(Facts& facts, const Parameters& p) {
  const auto wanted = mode_of(p.get("mode"));
  ASSERT(wanted);
  const auto too_weak = [&](std::string_view text) {
    const auto mask = mode_of(text);
    return mask && (*wanted & ~*mask) != 0;
  };
  Examples wrong;
  const auto& defs = facts.login_defs();
  if (!defs && defs.error().code != Code::NotFound) return std::unexpected(defs.error());
  const auto value = defs ? login_def(*defs, "UMASK") : std::nullopt;
  bool found = value.has_value();
  if (value && too_weak(*value)) wrong.add("UMASK is " + *value + " in /etc/login.defs");
  for (const std::string& file : TRY(shell_files(facts))) {
    const std::string text = TRY(read_optional(facts.host(), file));
    each_line(text, [&](std::string_view line, int number) {
      const auto words = words_of(without_comment(line));
      const auto at = std::find(words.begin(), words.end(), "umask");
      if (at == words.end() || at + 1 == words.end()) return;
      std::string_view mask = at[1];
      while (mask.ends_with(';'))
        mask.remove_suffix(1);
      found = found || mode_of(mask).has_value();
      if (too_weak(mask)) wrong.add(fmt::format("umask {} in {}:{}", mask, file, number));
    });
  }
  if (!wrong.empty()) return failed(wrong.text());
  return found ? pass() : failed("no umask is set: 022 is in effect");
}

// "readonly TMOUT=900; export TMOUT": the number.
std::optional<std::string> timeout_of(std::string_view line) {
  const std::size_t at = line.find("TMOUT=");
  if (at == std::string_view::npos) return std::nullopt;
  if (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t' && line[at - 1] != ';')
    return std::nullopt;
  const std::string_view value = line.substr(at + 6);
  return std::string(value.substr(0, value.find_first_of("; \t&|)")));
}

Result<Outcome> shell_timeout(Facts& facts, const Parameters& p) {
  const auto limit = number_of(p.get("at-most"));
  ASSERT(limit);
  std::string good;
  Examples wrong;
  for (const std::string& file : TRY(shell_files(facts))) {
    const std::string text = TRY(read_optional(facts.host(), file));
    each_line(text, [&](std::string_view line, int number) {
      const auto value = timeout_of(without_comment(line));
      if (!value) return;
      const auto seconds = number_of(*value);
      const std::string evidence = fmt::format("TMOUT={} in {}:{}", *value, file, number);
      if (seconds && *seconds > 0 && *seconds <= *limit) {
        good = evidence;
      } else {
        wrong.add(evidence);
      }
    });
  }
  if (!wrong.empty()) return failed(wrong.text());
  return good.empty() ? failed("TMOUT is not set") : pass(good);
}

constexpr std::array<Verb, 6> kVerbs = {{
    {"login-defs", login_defs},
    {"password-age", password_age},
    {"useradd-inactive", useradd_inactive},
    {"password-hash", password_hash},
    {"umask", umask},
    {"shell-timeout", shell_timeout},
}};

}  // namespace

std::span<const Verb> password_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
