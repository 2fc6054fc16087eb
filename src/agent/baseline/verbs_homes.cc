// What lies in the home folders of people, and the path that root's commands come from.
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

// "" for homes that are not a person's own place: of daemons, or none at all.
bool is_own_place(const Account& account) {
  return account.home.starts_with('/') && account.home != "/" && account.home != "/nonexistent";
}

struct Home {
  const Account& account;
  Facts& facts;
  const Parameters& p;
  Examples& wrong;

  Result<void> dot_files() const;
  Result<void> absent() const;
};

Result<void> Home::dot_files() const {
  for (const std::string& name : TRY(list_optional(facts.host(), account.home))) {
    if (!name.starts_with('.')) continue;
    const std::string path = account.home + "/" + name;
    const FileFacts file = TRY(facts.host().lstat(path));
    const auto allowed = mode_of(p.get("mode"));
    ASSERT(allowed);
    if (file.kind == FileFacts::Kind::Regular && (file.mode & ~*allowed & 0022U) != 0)
      wrong.add(fmt::format("{} is {}", path, mode_text(file.mode)));
  }
  return {};
}

Result<void> Home::absent() const {
  for (const std::string_view name : p.words("names")) {
    const std::string path = account.home + "/" + std::string(name);
    const bool found = TRY(exists(facts.host(), path));
    if (found) wrong.add(path);
  }
  return {};
}

// want: exists, owner, mode, dot-files or absent.
Result<Outcome> homes(Facts& facts, const Parameters& p) {
  const std::string_view want = p.get("want");
  Examples wrong;
  for (const Account& account : TRY(facts.people())) {
    if (!is_own_place(account)) {
      if (want == "exists") wrong.add(fmt::format("{} has {}", account.name, account.home));
      continue;
    }
    const auto facts_of_home = facts.host().stat(account.home);
    if (!facts_of_home && facts_of_home.error().code == Code::NotFound) {
      if (want == "exists") wrong.add(fmt::format("{}: {} is missing", account.name, account.home));
      continue;
    }
    const FileFacts home = TRY(facts_of_home);
    if (want == "exists" && home.kind != FileFacts::Kind::Folder)
      wrong.add(fmt::format("{}: {} is no folder", account.name, account.home));
    if (want == "owner" && home.uid != account.uid)
      wrong.add(fmt::format("{} belongs to {}", account.home, home.uid));
    if (want == "mode") {
      const auto mode = mode_of(p.get("mode"));
      ASSERT(mode);
      if ((home.mode & ~*mode & 0777U) != 0)
        wrong.add(fmt::format("{} is {}", account.home, mode_text(home.mode)));
    }
    const Home each{.account = account, .facts = facts, .p = p, .wrong = wrong};
    if (want == "dot-files") TRY(each.dot_files());
    if (want == "absent") TRY(each.absent());
  }
  for (const std::string_view path : p.words("also")) {
    const bool found = TRY(exists(facts.host(), std::string(path)));
    if (found) wrong.add(std::string(path));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<Outcome> authorized_keys(Facts& facts, const Parameters& p) {
  const auto mode = mode_of(p.get("mode"));
  ASSERT(mode);
  Examples wrong;
  std::size_t seen = 0;
  for (const Account& account : TRY(facts.people())) {
    for (const char* const name : {"/.ssh/authorized_keys", "/.ssh/authorized_keys2"}) {
      const std::string path = account.home + name;
      const auto found = facts.host().stat(path);
      if (!found && found.error().code == Code::NotFound) continue;
      const FileFacts file = TRY(found);
      ++seen;
      if ((file.mode & ~*mode) != 0 || file.uid != account.uid)
        wrong.add(fmt::format("{} is {}, of user {}", path, mode_text(file.mode), file.uid));
    }
  }
  if (!wrong.empty()) return failed(wrong.text());
  return seen == 0 ? not_applicable("no user has a list of keys") : pass();
}

struct PathEntry {
  std::string folder;
  std::string where;
};

void add_path(std::string_view value, const std::string& where, std::vector<PathEntry>& out) {
  for (const std::string_view folder : base::split(value, ':'))
    out.push_back({.folder = std::string(folder), .where = where});
}

// Where a PATH for root is set: the first process, and the files that login shells read.
Result<std::vector<PathEntry>> root_paths(Facts& facts) {
  std::vector<PathEntry> out;
  // It may be closed even to root, and the files say more about root's sessions.
  if (const auto environment = facts.host().read("/proc/1/environ")) {
    for (const std::string_view variable : base::split(*environment, '\0')) {
      if (variable.starts_with("PATH=")) add_path(variable.substr(5), "/proc/1/environ", out);
    }
  }
  for (const char* const file : {"/etc/environment", "/etc/profile", "/root/.profile",
                                 "/root/.bash_profile", "/root/.bashrc"}) {
    const std::string text = TRY(read_optional(facts.host(), file));
    each_line(text, [&](std::string_view line, int number) {
      line = without_comment(line);
      if (line.starts_with("export ")) line = base::trim(line.substr(7));
      if (!line.starts_with("PATH=")) return;
      const auto words = quoted_words_of(line.substr(5));
      add_path(words.empty() ? "" : words.front(), fmt::format("{}:{}", file, number), out);
    });
  }
  // What login(1) and su(1) give root.
  const std::string login_defs = TRY(read_optional(facts.host(), "/etc/login.defs"));
  each_line(login_defs, [&](std::string_view line, int) {
    const auto words = words_of(without_comment(line));
    if (words.size() == 2 && words[0] == "ENV_SUPATH" && words[1].starts_with("PATH="))
      add_path(words[1].substr(5), "/etc/login.defs", out);
  });
  return out;
}

Result<Outcome> root_path(Facts& facts, const Parameters&) {
  Examples wrong;
  std::set<std::string> judged;
  for (const PathEntry& entry : TRY(root_paths(facts))) {
    // "$PATH:..." goes on with what was there before.
    if (entry.folder.starts_with('$') || !judged.insert(entry.folder + entry.where).second)
      continue;
    if (!entry.folder.starts_with('/') && !entry.folder.starts_with('~')) {
      wrong.add(fmt::format("\"{}\" in {}", entry.folder, entry.where));
      continue;
    }
    const auto found = facts.host().stat(entry.folder);
    if (!found && found.error().code == Code::NotFound) continue;
    const FileFacts folder = TRY(found);
    if ((folder.mode & 0022U) != 0 || folder.uid != 0)
      wrong.add(fmt::format("{} is {}, of user {} ({})", entry.folder, mode_text(folder.mode),
                            folder.uid, entry.where));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

constexpr std::array<Verb, 3> kVerbs = {{
    {"homes", homes},
    {"authorized-keys", authorized_keys},
    {"root-path", root_path},
}};

}  // namespace

std::span<const Verb> home_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
