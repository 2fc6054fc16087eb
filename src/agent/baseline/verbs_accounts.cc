// The account databases.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"

namespace agent::baseline {

using base::Result;

namespace {

Outcome none_of(const Examples& wrong) {
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<Outcome> no_empty_passwords(Facts& facts, const Parameters&) {
  Examples wrong;
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (entry.hash.empty()) wrong.add(entry.name + " has no password");
  }
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.password.empty()) wrong.add(account.name + " has no password in /etc/passwd");
  }
  return none_of(wrong);
}

Result<Outcome> all_shadowed(Facts& facts, const Parameters&) {
  Examples wrong;
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.password != "x" && account.password != "*" && !account.password.starts_with('!'))
      wrong.add(account.name);
  }
  return none_of(wrong);
}

Result<Outcome> only_root_is_zero(Facts& facts, const Parameters&) {
  Examples wrong;
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.uid == 0 && account.name != "root") wrong.add(account.name + " has user id 0");
  }
  return none_of(wrong);
}

Result<Outcome> root_group_is_zero(Facts& facts, const Parameters&) {
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.name != "root") continue;
    if (account.gid == 0) return pass();
    return failed(fmt::format("root has the group {}", account.gid));
  }
  return failed("there is no account root");
}

// database: passwd or group; field: name or id.
Result<Outcome> unique(Facts& facts, const Parameters& p) {
  std::map<std::string, std::vector<std::string>> holders;
  const bool by_name = p.get("field") == "name";
  const auto add = [&](const std::string& name, std::uint32_t id) {
    holders[by_name ? name : std::to_string(id)].push_back(by_name ? std::to_string(id) : name);
  };
  if (p.get("database") == "passwd") {
    for (const Account& account : TRY_REF(facts.accounts()))
      add(account.name, account.uid);
  } else {
    for (const Group& group : TRY_REF(facts.groups()))
      add(group.name, group.gid);
  }
  Examples wrong;
  for (const auto& [key, all] : holders) {
    if (all.size() > 1) wrong.add(fmt::format("{}: {}", key, joined(all)));
  }
  return none_of(wrong);
}

Result<Outcome> primary_groups_exist(Facts& facts, const Parameters&) {
  std::set<std::uint32_t> gids;
  for (const Group& group : TRY_REF(facts.groups()))
    gids.insert(group.gid);
  Examples wrong;
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (!gids.contains(account.gid))
      wrong.add(fmt::format("{} has the group {}", account.name, account.gid));
  }
  return none_of(wrong);
}

Result<Outcome> group_without_members(Facts& facts, const Parameters& p) {
  for (const Group& group : TRY_REF(facts.groups())) {
    if (group.name != p.get("group")) continue;
    Examples wrong;
    for (const std::string& member : group.members)
      wrong.add(member);
    for (const Account& account : TRY_REF(facts.accounts())) {
      if (account.gid == group.gid) wrong.add(account.name + " (primary group)");
    }
    return none_of(wrong);
  }
  return not_applicable(fmt::format("there is no group {}", p.get("group")));
}

Result<Outcome> system_accounts_locked(Facts& facts, const Parameters& p) {
  const auto below = number_of(p.get("below"));
  ASSERT(below);
  const auto exempt = p.words("except");
  Examples wrong;
  for (const Account& account : TRY_REF(facts.accounts())) {
    if (account.uid >= *below ||
        std::find(exempt.begin(), exempt.end(), account.name) != exempt.end())
      continue;
    if (!refuses_login(account.shell))
      wrong.add(fmt::format("{} has {}", account.name,
                            account.shell.empty() ? "/bin/sh" : account.shell));
  }
  return none_of(wrong);
}

Result<Outcome> no_plus_entries(Facts& facts, const Parameters&) {
  Examples wrong;
  for (const char* const path : {"/etc/passwd", "/etc/shadow", "/etc/group"}) {
    const std::string text = TRY(facts.host().read(path));
    each_line(text, [&](std::string_view line, int number) {
      if (line.starts_with('+')) wrong.add(fmt::format("{}:{}", path, number));
    });
  }
  return none_of(wrong);
}

Result<Outcome> accounts_locked(Facts& facts, const Parameters& p) {
  const auto names = p.words("names");
  Examples wrong;
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (std::find(names.begin(), names.end(), entry.name) != names.end() && usable_hash(entry.hash))
      wrong.add(entry.name);
  }
  return none_of(wrong);
}

// What malware tries first on devices: for any account, and for some their own.
constexpr std::array<std::string_view, 14> kCommon = {
    "",     "password", "admin", "root",   "12345", "123456", "1234",
    "user", "default",  "pass",  "system", "guest", "toor",   "changeme"};
using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array<Pair, 14> kOwn = {{{"root", "xc3511"},
                                        {"root", "vizxv"},
                                        {"root", "888888"},
                                        {"root", "anko"},
                                        {"root", "juantech"},
                                        {"root", "hi3518"},
                                        {"root", "klv123"},
                                        {"root", "dreambox"},
                                        {"root", "realtek"},
                                        {"admin", "admin1234"},
                                        {"admin", "smcadmin"},
                                        {"pi", "raspberry"},
                                        {"ubnt", "ubnt"},
                                        {"support", "support"}}};

// One hash of today costs a core up to a tenth of a second: this many are tried in one run.
constexpr int kMaxTries = 120;

struct Tries {
  int left = kMaxTries;
  std::string unknown_kind;

  // Is it one of the known passwords? The password itself is never told to anybody.
  Result<bool> known(const Host& host, const ShadowEntry& entry) {
    std::vector<std::string_view> candidates(kCommon.begin(), kCommon.end());
    candidates.emplace_back(entry.name);
    for (const auto& [name, password] : kOwn) {
      if (name == entry.name) candidates.push_back(password);
    }
    for (const std::string_view candidate : candidates) {
      if (left-- <= 0) return false;
      const auto makes = host.password_makes(candidate, entry.hash);
      if (!makes && makes.error().code == base::Code::Invalid) {
        unknown_kind = entry.name;
        return false;
      }
      const bool found = TRY(makes);
      if (found) return true;
    }
    return false;
  }
};

Result<Outcome> no_default_passwords(Facts& facts, const Parameters&) {
  Tries tries;
  Examples wrong;
  std::size_t tried = 0;
  for (const ShadowEntry& entry : TRY_REF(facts.shadow())) {
    if (entry.hash.empty() || !usable_hash(entry.hash)) continue;
    const bool known = TRY(tries.known(facts.host(), entry));
    if (known) wrong.add(entry.name);
    ++tried;
  }
  if (!wrong.empty()) return failed(wrong.text());
  if (tries.left < 0) return unknown("more accounts than one run tries");
  if (!tries.unknown_kind.empty()) return unknown("unknown kind of hash: " + tries.unknown_kind);
  if (tried == 0) return pass("no account has a password");
  return pass(fmt::format("{} accounts with passwords", tried));
}

constexpr std::array<Verb, 11> kVerbs = {{
    {"no-empty-passwords", no_empty_passwords},
    {"all-shadowed", all_shadowed},
    {"only-root-is-zero", only_root_is_zero},
    {"root-group-is-zero", root_group_is_zero},
    {"unique", unique},
    {"primary-groups-exist", primary_groups_exist},
    {"group-without-members", group_without_members},
    {"system-accounts-locked", system_accounts_locked},
    {"no-plus-entries", no_plus_entries},
    {"accounts-locked", accounts_locked},
    {"no-default-passwords", no_default_passwords},
}};

}  // namespace

std::span<const Verb> account_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
