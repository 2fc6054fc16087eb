// Owners and modes: of named files, of log files, and what the walk over all files found.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

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

// Names and ids both count: "root" is 0 whatever the account files say.
bool is_one_of(std::uint32_t id, const std::string& name,
               const std::vector<std::string_view>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](std::string_view one) { return one == "root" ? id == 0 : one == name; });
}

// path: one or more patterns; mode: at most these bits; owner, group: any of the names.
Result<Outcome> permissions(Facts& facts, const Parameters& p) {
  const auto mode = mode_of(p.get("mode"));
  ASSERT(mode);
  Examples wrong;
  std::size_t seen = 0;
  for (const std::string_view pattern : p.words("path")) {
    for (const std::string& path : TRY(expand(facts.host(), std::string(pattern)))) {
      FileFacts file = TRY(facts.host().lstat(path));
      if (file.kind == FileFacts::Kind::Link) {
        // The mode of a link means nothing; what it leads to is what is read.
        const auto target = facts.host().stat(path);
        if (!target && target.error().code == Code::NotFound) continue;
        file = TRY(target);
      }
      ++seen;
      const std::string user = user_name(facts, file.uid);
      const std::string group = group_name(facts, file.gid);
      if ((file.mode & ~*mode) != 0 || !is_one_of(file.uid, user, p.words("owner")) ||
          !is_one_of(file.gid, group, p.words("group")))
        wrong.add(fmt::format("{} is {} {}:{}", path, mode_text(file.mode), user, group));
    }
  }
  if (!wrong.empty()) return failed(wrong.text());
  if (seen == 0) return not_applicable(fmt::format("{} does not exist", p.get("path")));
  return pass();
}

// Of these many may write: they have a group of their own, and hold no text.
bool is_login_record(std::string_view path) {
  static constexpr std::array<std::string_view, 4> kNames = {"/wtmp", "/btmp", "/lastlog",
                                                             "/faillog"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return path.ends_with(name); });
}

Result<Outcome> log_files(Facts& facts, const Parameters& p) {
  const auto mode = mode_of(p.get("mode"));
  const auto depth = number_of(p.get("depth"));
  ASSERT(mode && depth);
  Examples wrong;
  const std::string top = "/var/log";
  const auto walked =
      facts.host().walk(top, {}, [&](const std::string& path, const FileFacts& file) {
        const auto level =
            std::count(path.begin() + static_cast<std::ptrdiff_t>(top.size()), path.end(), '/');
        if (file.kind == FileFacts::Kind::Regular) {
          const unsigned allowed = is_login_record(path) ? 0664U : *mode;
          if ((file.mode & ~allowed & 07777U) != 0)
            wrong.add(fmt::format("{} is {}", path, mode_text(file.mode)));
        }
        return level < *depth;
      });
  if (!walked && walked.error().code == Code::NotFound)
    return not_applicable("/var/log does not exist");
  if (!wrong.empty()) return failed(wrong.text());
  if (!walked) return std::unexpected(walked.error());
  return pass();
}

// find: setuid, world-writable, not-sticky or unowned.
Result<Outcome> walk(Facts& facts, const Parameters& p) {
  const Walked& walked = TRY_REF(facts.walked());
  const std::string_view what = p.get("find");
  const Walked::Found& found = what == "setuid"           ? walked.setuid
                               : what == "world-writable" ? walked.world_writable
                               : what == "not-sticky"     ? walked.not_sticky
                                                          : walked.unowned;
  std::vector<std::string> paths = found.paths;
  std::size_t count = found.count;
  if (what == "setuid" && count > 0) {
    const auto strays =
        TRY(without_package(facts.host(), std::set<std::string>(paths.begin(), paths.end())));
    paths.assign(strays.begin(), strays.end());
    // Beyond what was kept nobody knows which are a package's.
    if (count > Walked::kMaxPaths)
      return base::fail(Code::TooLarge, "walk", -1, fmt::format("{} files with the bit", count));
    count = paths.size();
  }
  if (count > 0) {
    Examples examples;
    for (const std::string& path : paths)
      examples.add(path);
    return failed(fmt::format("{}: {}", count, examples.text()));
  }
  if (!walked.incomplete.empty())
    return unknown("nothing found, but not everything could be read: " + walked.incomplete);
  return pass(fmt::format("{} files and folders", walked.entries));
}

constexpr std::array<Verb, 3> kVerbs = {{
    {"permissions", permissions},
    {"log-files", log_files},
    {"walk", walk},
}};

}  // namespace

std::span<const Verb> file_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
