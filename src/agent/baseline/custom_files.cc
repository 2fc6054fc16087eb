// Commands of the original format about files, folders and accounts.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include <fmt/format.h>

#include "agent/baseline/custom_verbs.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/pattern.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"
#include "base/time.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

// Is the name, or the id, in a list with commas?
bool in_list(std::string_view list, const std::string& name, std::uint32_t id) {
  for (const std::string_view one : base::split(list, ',')) {
    const std::string_view word = base::trim(one);
    if (word == "root" ? id == 0 : word == name || word == std::to_string(id)) return true;
  }
  return false;
}

std::string user_name(Facts& facts, std::uint32_t uid) {
  if (facts.accounts()) {
    for (const Account& account : *facts.accounts()) {
      if (account.uid == uid) return account.name;
    }
  }
  return std::to_string(uid);
}

std::string group_name(Facts& facts, std::uint32_t gid) {
  if (facts.groups()) {
    for (const Group& group : *facts.groups()) {
      if (group.gid == gid) return group.name;
    }
  }
  return std::to_string(gid);
}

Result<Outcome> file_exists(Facts& facts, const CustomCheck& check) {
  const std::string path(check.get("path"));
  const bool there = TRY(exists(facts.host(), path));
  return there ? pass() : failed(path + " does not exist");
}

Result<Outcome> file_not_exists(Facts& facts, const CustomCheck& check) {
  const std::string path(check.get("path"));
  const bool there = TRY(exists(facts.host(), path));
  return there ? failed(path + " exists") : pass();
}

// A name in the folder matches.
Result<Outcome> file_exists_regex(Facts& facts, const CustomCheck& check) {
  const std::string path(check.get("path"));
  const Pattern pattern = TRY(Pattern::compile(check.get("regex")));
  for (const std::string& name : TRY(list_optional(facts.host(), path))) {
    if (pattern.found_in(name)) return pass(path + "/" + name);
  }
  return failed(fmt::format("nothing in {} matches {}", path, check.get("regex")));
}

Result<Outcome> stats_of(Facts& facts, const std::string& path, const CustomCheck& check,
                         bool must_exist) {
  const auto file = facts.host().stat(path);
  if (!file && file.error().code == Code::NotFound)
    return must_exist ? failed(path + " does not exist") : pass(path + " does not exist");
  if (!file) return std::unexpected(file.error());
  std::string wrong = judge_stats(facts, path, *file, check);
  return wrong.empty() ? pass() : failed(std::move(wrong));
}

Result<Outcome> file_stats(Facts& facts, const CustomCheck& check) {
  return stats_of(facts, std::string(check.get("path")), check, true);
}
Result<Outcome> file_stats_if_exists(Facts& facts, const CustomCheck& check) {
  return stats_of(facts, std::string(check.get("path")), check, false);
}

// All plain files below the folder.
Result<Outcome> dir_stats(Facts& facts, const CustomCheck& check) {
  std::string folder(check.get("path"));
  while (folder.size() > 1 && folder.ends_with('/'))
    folder.pop_back();
  Examples wrong;
  const auto walked =
      facts.host().walk(folder, {}, [&](const std::string& path, const FileFacts& file) {
        if (file.kind == FileFacts::Kind::Regular) {
          if (std::string one = judge_stats(facts, path, file, check); !one.empty())
            wrong.add(std::move(one));
        }
        return true;
      });
  if (!walked && walked.error().code == Code::NotFound) return pass(folder + " does not exist");
  if (!wrong.empty()) return failed(wrong.text());
  if (!walked) return std::unexpected(walked.error());
  return pass();
}

Result<Outcome> unit_file_stats(Facts& facts, const CustomCheck& check) {
  const std::string unit(check.get("path"));
  const std::string path = TRY(unit_path(facts.host(), unit));
  if (path.empty()) return failed("there is no unit " + unit);
  return stats_of(facts, path, check, true);
}

// expect: exists, owner, FileMatchPerm (mode-mask: the bits that may be set), FileNotExists.
Result<Outcome> user_dirs(Facts& facts, const CustomCheck& check) {
  const std::string_view expect = check.get("expect");
  Examples wrong;
  for (const Account& account : TRY(facts.people())) {
    const auto home = facts.host().stat(account.home);
    if (!home && home.error().code != Code::NotFound) return std::unexpected(home.error());
    if (!home) {
      if (expect == "exists") wrong.add(account.home + " does not exist");
      continue;
    }
    if (expect == "owner" && home->uid != account.uid)
      wrong.add(fmt::format("{} belongs to {}", account.home, user_name(facts, home->uid)));
    if (expect == "FileNotExists") {
      const std::string path = account.home + "/" + std::string(check.get("path"));
      const bool there = TRY(exists(facts.host(), path));
      if (there) wrong.add(path + " exists");
    }
    if (expect == "FileMatchPerm") {
      const Pattern pattern = TRY(Pattern::compile(check.get("regex")));
      const auto allowed = mode_of(check.get("mode-mask"));
      if (!allowed) return unknown("mode-mask is no octal number");
      for (const std::string& name : TRY(list_optional(facts.host(), account.home))) {
        if (!pattern.found_in(name)) continue;
        const FileFacts file = TRY(facts.host().lstat(account.home + "/" + name));
        if (file.kind == FileFacts::Kind::Regular && (file.mode & ~*allowed & 0777U) != 0)
          wrong.add(fmt::format("{}/{} is {}", account.home, name, mode_text(file.mode)));
      }
    }
  }
  if (expect != "exists" && expect != "owner" && expect != "FileNotExists" &&
      expect != "FileMatchPerm")
    return unknown(fmt::format("unknown expectation \"{}\"", expect));
  return wrong.empty() ? pass() : failed(wrong.text());
}

// A command that is one of our own verbs with fixed parameters.
Result<Outcome> ours(
    Facts& facts, std::string_view verb,
    std::initializer_list<std::pair<std::string_view, std::string_view>> parameters) {
  Parameters all;
  for (const auto& [name, value] : parameters)
    all.add(name, value);
  const Verb* const found = find_verb(verb);
  ASSERT(found != nullptr);
  return found->judge(facts, all);
}

Result<Outcome> home_permissions(Facts& facts, const CustomCheck&) {
  return ours(facts, "homes", {{"want", "mode"}, {"mode", "0750"}});
}
Result<Outcome> group_validity(Facts& facts, const CustomCheck&) {
  return ours(facts, "primary-groups-exist", {});
}
Result<Outcome> root_uid(Facts& facts, const CustomCheck&) {
  return ours(facts, "only-root-is-zero", {});
}
Result<Outcome> system_accounts(Facts& facts, const CustomCheck&) {
  return ours(facts, "system-accounts-locked",
              {{"below", "1000"}, {"except", "root sync halt shutdown"}});
}

// variable: the number of the field, from 0.
Result<Outcome> no_duplicates(Facts& facts, const CustomCheck& check) {
  const auto field = number_of(check.get("variable"));
  if (!field || *field < 0 || *field > 16) return unknown("variable is no number of a field");
  const std::string text = TRY(facts.host().read(std::string(check.get("path"))));
  std::map<std::string, int> seen;
  each_line(text, [&](std::string_view line, int) {
    const auto fields = base::split(line, ':');
    if (!line.starts_with('#') && fields.size() > static_cast<std::size_t>(*field))
      ++seen[std::string(fields[static_cast<std::size_t>(*field)])];
  });
  Examples wrong;
  for (const auto& [value, count] : seen) {
    if (count > 1) wrong.add(fmt::format("{} occurs {} times", value, count));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

// key: the field with a day; expect: before or after; value: now, or a day.
Result<Outcome> shadow_date(Facts& facts, const CustomCheck& check) {
  constexpr std::int64_t kSecondsADay = 86'400;
  const auto field = number_of(check.get("key"));
  if (!field || *field < 0 || *field > 16) return unknown("key is no number of a field");
  const auto now =
      std::chrono::floor<std::chrono::seconds>(base::wall_now()).time_since_epoch().count();
  const auto limit = check.get("value") == "now" ? std::optional<long long>(now / kSecondsADay)
                                                 : number_of(check.get("value"));
  if (!limit) return unknown("value is neither now nor a day");
  const bool before = check.get("expect") == "before";
  if (!before && check.get("expect") != "after")
    return unknown("expect is neither before nor after");
  const std::string text = TRY(facts.host().read("/etc/shadow"));
  Examples wrong;
  each_line(text, [&](std::string_view line, int) {
    const auto fields = base::split(line, ':');
    if (fields.size() <= static_cast<std::size_t>(*field) || fields[1].empty() ||
        !usable_hash(fields[1]))
      return;
    const auto day = number_of(fields[static_cast<std::size_t>(*field)]);
    // Today counts as before: the day is not over.
    if (day && (before ? *day > *limit : *day <= *limit))
      wrong.add(fmt::format("{} has the day {}", fields[0], *day));
  });
  return wrong.empty() ? pass() : failed(wrong.text());
}

// minlen, and either minclass or all four credits.
Result<Outcome> pw_quality(Facts& facts, const CustomCheck& check) {
  std::map<std::string, long long> settings;
  const auto text = facts.host().read(std::string(check.get("path")));
  if (!text && text.error().code == Code::NotFound)
    return failed(fmt::format("{} does not exist", check.get("path")));
  if (!text) return std::unexpected(text.error());
  each_line(*text, [&](std::string_view line, int) {
    line = without_comment(line);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return;
    if (const auto number = number_of(base::trim(line.substr(equals + 1))))
      settings[std::string(base::trim(line.substr(0, equals)))] = *number;
  });
  const auto setting = [&](const char* name, long long fallback) {
    const auto found = settings.find(name);
    return found == settings.end() ? fallback : found->second;
  };
  if (setting("minlen", 8) < 14) return failed(fmt::format("minlen is {}", setting("minlen", 8)));
  bool credits = true;
  for (const char* const credit : {"dcredit", "ucredit", "lcredit", "ocredit"})
    credits = credits && setting(credit, 0) <= -1;
  if (setting("minclass", 0) < 4 && !credits)
    return failed(
        fmt::format("minclass is {}, and not all four credits are -1", setting("minclass", 0)));
  return pass();
}

constexpr std::array<CustomVerb, 15> kVerbs = {{
    {"CheckFileExists", file_exists},
    {"CheckFileNotExists", file_not_exists},
    {"CheckFileExistsRegex", file_exists_regex},
    {"CheckFileStats", file_stats},
    {"CheckFileStatsIfExists", file_stats_if_exists},
    {"CheckDirStats", dir_stats},
    {"CheckUnitFileStats", unit_file_stats},
    {"CheckUserDirs", user_dirs},
    {"CheckHomeDirectoryPermissions", home_permissions},
    {"CheckGroupValidity", group_validity},
    {"CheckRootUID", root_uid},
    {"CheckSystemAccounts", system_accounts},
    {"CheckNoDuplicateAccounts", no_duplicates},
    {"CheckShadowDate", shadow_date},
    {"CheckPwQuality", pw_quality},
}};

}  // namespace

// owner, group: names with commas; mode: exactly, or at most with allow-stricter; mode-mask: bits
// that must not be set.
std::string judge_stats(Facts& facts, const std::string& path, const FileFacts& file,
                        const CustomCheck& check) {
  const std::string user = user_name(facts, file.uid);
  const std::string group = group_name(facts, file.gid);
  std::string is = fmt::format("{} is {} {}:{}", path, mode_text(file.mode), user, group);
  if (!check.get("owner").empty() && !in_list(check.get("owner"), user, file.uid)) return is;
  if (!check.get("group").empty() && !in_list(check.get("group"), group, file.gid)) return is;
  if (const auto mode = mode_of(check.get("mode")); mode && !check.get("mode").empty()) {
    const bool stricter = check.get("allow-stricter") == "true";
    if (stricter ? (file.mode & ~*mode) != 0 : file.mode != *mode) return is;
  }
  if (const auto mask = mode_of(check.get("mode-mask")); mask && !check.get("mode-mask").empty()) {
    if ((file.mode & *mask) != 0) return is;
  }
  return "";
}

std::span<const CustomVerb> custom_file_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
