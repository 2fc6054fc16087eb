#include "agent/snapshot/users/sudoers.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace agent::snapshot::users {

using base::Result;

namespace {

constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxRuleLines = 16384;
constexpr std::size_t kMaxCommands = 16;
constexpr std::size_t kMaxAliasDepth = 8;

constexpr std::array<std::string_view, 14> kTags = {
    "EXEC",        "NOEXEC",    "FOLLOW",     "NOFOLLOW",    "INTERCEPT",
    "NOINTERCEPT", "LOG_INPUT", "LOG_OUTPUT", "NOLOG_INPUT", "NOLOG_OUTPUT",
    "NOPASSWD",    "PASSWD",    "SETENV",     "NOSETENV"};
constexpr std::array<std::string_view, 4> kAliasKinds = {"User_Alias", "Runas_Alias", "Host_Alias",
                                                         "Cmnd_Alias"};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Where `stop` first stands outside of quotes, brackets and escapes; npos when nowhere.
std::size_t find_bare(std::string_view text, std::string_view stops, std::size_t from = 0) {
  bool quoted = false;
  int brackets = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && brackets == 0 && stops.find(text[i]) != std::string_view::npos) {
      return i;
    } else if (!quoted && text[i] == '(') {
      ++brackets;
    } else if (!quoted && text[i] == ')') {
      --brackets;
    }
  }
  return std::string_view::npos;
}

std::vector<std::string_view> split_bare(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = find_bare(text, std::string_view(&separator, 1), at);
    parts.push_back(base::trim(text.substr(at, end - at)));
    if (end == std::string_view::npos) return parts;
    at = end + 1;
  }
}

// Quotes and escapes taken off a name.
std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') continue;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view part : split_bare(list, ',')) {
    if (part.empty()) continue;
    std::string_view rest = part;
    bool negated = false;
    while (rest.starts_with('!')) {
      negated = !negated;
      rest = base::trim(rest.substr(1));
    }
    names.push_back((negated ? "!" : "") + plain(rest));
  }
  return names;
}

// "#" begins a comment, except in front of a number: that is a user's.
std::string_view without_comment(std::string_view line) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == '#' && !quoted) {
      const bool number = i + 1 < line.size() && line[i + 1] >= '0' && line[i + 1] <= '9';
      const bool of_group = i > 0 && line[i - 1] == '%';
      if (!number && !of_group) return line.substr(0, i);
    }
  }
  return line;
}

std::optional<std::string_view> directive(std::string_view line, std::string_view name) {
  if (!line.starts_with('@') && !line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  if (!line.starts_with(name)) return std::nullopt;
  line.remove_prefix(name.size());
  if (line.empty() || !is_blank(line.front())) return std::nullopt;
  return base::trim(line);
}

// "NOPASSWD: SETENV: /bin/ls" and "(root) NOPASSWD: ALL", for one command of a list.
struct CommandSpec {
  std::string run_as;
  std::string command;
  std::optional<bool> no_password;
  bool has_run_as = false;
};

CommandSpec read_command(std::string_view text) {
  CommandSpec spec;
  if (text.starts_with('(')) {
    const std::size_t close = std::min(text.find(')'), text.size() - 1);
    spec.run_as = base::trim(text.substr(1, close - 1));
    spec.has_run_as = true;
    text = base::trim(text.substr(close + 1));
  }
  while (true) {
    const std::size_t end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    const std::string_view after =
        end == std::string_view::npos ? std::string_view() : base::trim(text.substr(end));
    if (end == 0 || !after.starts_with(':')) break;
    const std::string_view tag = text.substr(0, end);
    const bool mail = tag == "MAIL" || tag == "NOMAIL";
    if (!mail && std::ranges::find(kTags, tag) == kTags.end()) break;
    if (tag == "NOPASSWD") spec.no_password = true;
    if (tag == "PASSWD") spec.no_password = false;
    text = base::trim(after.substr(1));
  }
  spec.command = text;
  return spec;
}

class Reader {
 public:
  explicit Reader(const SudoersFiles& files) : files_(files) {}

  void read_file(const std::string& path, std::size_t depth) {
    if (depth > kMaxDepth || ++read_ > kMaxFiles) {
      out_.unread.push_back(path + ": too many includes");
      return;
    }
    const auto text = files_.read(path);
    if (!text) {
      out_.unread.push_back(path + ": " + text.error().to_string());
      return;
    }
    std::string joined;
    std::size_t number = 0;
    std::size_t first = 0;
    for (std::string_view line : base::split(*text, '\n')) {
      ++number;
      if (joined.empty()) first = number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.ends_with('\\')) {
        joined += line.substr(0, line.size() - 1);
        joined += ' ';
        continue;
      }
      joined += line;
      read_line(joined, path, first, depth);
      joined.clear();
    }
    if (!joined.empty()) read_line(joined, path, first, depth);
  }
  Sudoers take() { return std::move(out_); }

 private:
  void read_line(std::string_view line, const std::string& path, std::size_t number,
                 std::size_t depth) {
    line = base::trim(line);
    if (const auto file = directive(line, "include"))
      return read_file(resolve(*file, path), depth + 1);
    if (const auto folder = directive(line, "includedir"))
      return read_folder(resolve(*folder, path), depth);
    line = base::trim(without_comment(line));
    if (line.empty() || line.starts_with("Defaults")) return;
    if (++lines_ > kMaxRuleLines) {
      ++out_.malformed;
      return;
    }
    for (const std::string_view kind : kAliasKinds) {
      if (line.starts_with(kind) && line.size() > kind.size() && is_blank(line[kind.size()])) {
        if (kind == "User_Alias") read_aliases(line.substr(kind.size()));
        return;
      }
    }
    read_rule(line, fmt::format("{}:{}", path, number));
  }

  std::string resolve(std::string_view name, const std::string& from) const {
    std::string file = plain(name);
    for (std::size_t at = file.find("%h"); at != std::string::npos; at = file.find("%h", at))
      file.replace(at, 2, files_.host), at += files_.host.size();
    if (file.starts_with('/')) return file;
    return from.substr(0, from.rfind('/') + 1) + file;
  }

  void read_folder(const std::string& folder, std::size_t depth) {
    const auto names = files_.list(folder);
    if (!names) {
      out_.unread.push_back(folder + ": " + names.error().to_string());
      return;
    }
    for (const std::string& name : *names) {
      // As sudo: what a package manager or an editor leaves behind does not count.
      if (name.find('.') != std::string::npos || name.ends_with('~')) continue;
      read_file(folder + "/" + name, depth + 1);
    }
  }

  // NAME = a, b : OTHER = c
  void read_aliases(std::string_view text) {
    for (const std::string_view part : split_bare(text, ':')) {
      const std::size_t equals = find_bare(part, "=");
      if (equals == std::string_view::npos) {
        ++out_.malformed;
        continue;
      }
      out_.user_aliases.emplace_back(base::trim(part.substr(0, equals)),
                                     names_of(part.substr(equals + 1)));
    }
  }

  // users hosts = (as) TAG: command, command : hosts = commands
  void read_rule(std::string_view line, const std::string& source) {
    const std::size_t equals = find_bare(line, "=");
    if (equals == std::string_view::npos) {
      ++out_.malformed;
      return;
    }
    // The list of users ends where two of its names are not separated by a comma.
    std::size_t end = 0;
    bool after_comma = true;
    std::size_t at = 0;
    while (at < equals) {
      while (at < equals && is_blank(line[at]))
        ++at;
      if (at >= equals) break;
      if (line[at] == ',') {
        after_comma = true;
        ++at;
        continue;
      }
      if (!after_comma) break;
      const bool negation = line[at] == '!';
      at = negation ? at + 1 : std::min(find_bare(line, " \t,", at), equals);
      after_comma = negation;
      end = at;
    }
    if (end == 0 || at >= equals) {
      ++out_.malformed;
      return;
    }
    add_specs(names_of(line.substr(0, end)), line.substr(end), source);
  }

  void add_specs(const std::vector<std::string>& users, std::string_view rest,
                 const std::string& source) {
    const std::size_t equals = find_bare(rest, "=");
    std::string hosts(base::trim(rest.substr(0, equals)));
    std::string run_as;
    bool no_password = false;
    for (std::string_view part : split_bare(rest.substr(equals + 1), ',')) {
      while (true) {
        CommandSpec spec = read_command(part);
        if (spec.has_run_as) run_as = spec.run_as;
        if (spec.no_password) no_password = *spec.no_password;
        // Within a command a colon is escaped: a bare one begins further hosts = commands.
        const std::size_t colon = find_bare(spec.command, ":");
        const std::string command(base::trim(std::string_view(spec.command).substr(0, colon)));
        out_.rules.push_back({users, hosts, run_as, command, no_password, source});
        if (colon == std::string::npos) break;
        part = base::trim(part.substr(part.size() - (spec.command.size() - colon) + 1));
        const std::size_t next = find_bare(part, "=");
        if (next == std::string_view::npos) break;
        hosts = base::trim(part.substr(0, next));
        part = base::trim(part.substr(next + 1));
        run_as.clear();
        no_password = false;
      }
    }
  }

  const SudoersFiles& files_;
  Sudoers out_;
  std::size_t read_ = 0;
  std::size_t lines_ = 0;
};

class Matcher {
 public:
  Matcher(const Sudoers& sudoers, const Account& account, const std::vector<const Group*>& groups)
      : sudoers_(sudoers), account_(account), groups_(groups) {}

  // The name in the list that decides, nullptr when none allows. The last one that matches wins.
  const std::string* match(const std::vector<std::string>& users, std::size_t depth = 0) const {
    const std::string* decides = nullptr;
    for (const std::string& user : users) {
      const bool negated = user.starts_with('!');
      if (matches(negated ? std::string_view(user).substr(1) : std::string_view(user), depth))
        decides = negated ? nullptr : &user;
    }
    return decides;
  }

 private:
  bool matches(std::string_view user, std::size_t depth) const {
    if (user == "ALL" || user == account_.name) return true;
    if (user.starts_with("%#")) {
      return std::ranges::any_of(groups_, [&](const Group* group) {
        return std::to_string(group->gid) == user.substr(2);
      });
    }
    if (user.starts_with('%')) {
      return std::ranges::any_of(groups_,
                                 [&](const Group* group) { return group->name == user.substr(1); });
    }
    if (user.starts_with('#')) return std::to_string(account_.uid) == user.substr(1);
    if (depth == kMaxAliasDepth) return false;
    for (const auto& [name, members] : sudoers_.user_aliases) {
      if (name == user) return match(members, depth + 1) != nullptr;
    }
    return false;
  }

  const Sudoers& sudoers_;
  const Account& account_;
  const std::vector<const Group*>& groups_;
};

bool becomes_root(std::string_view run_as) {
  const std::string_view user = base::trim(run_as.substr(0, run_as.find(':')));
  return run_as.empty() || user == "ALL" || user == "root" || user == "#0";
}

}  // namespace

Sudoers read_sudoers(const std::string& path, const SudoersFiles& files) {
  Reader reader(files);
  reader.read_file(path, 0);
  return reader.take();
}

SudoGrant grant_of(const Sudoers& sudoers, const Account& account,
                   const std::vector<const Group*>& groups) {
  SudoGrant grant;
  const Matcher matcher(sudoers, account, groups);
  for (const SudoRule& rule : sudoers.rules) {
    const std::string* by = matcher.match(rule.users);
    if (by == nullptr || rule.commands.empty() || rule.commands.starts_with('!')) continue;
    grant.allowed = true;
    grant.no_password = grant.no_password || rule.no_password;
    if (rule.commands == "ALL" && becomes_root(rule.run_as)) grant.everything = true;
    std::string source = *by + " " + rule.source;
    if (std::ranges::find(grant.sources, source) == grant.sources.end())
      grant.sources.push_back(std::move(source));
    if (grant.commands.size() < kMaxCommands) {
      grant.commands.push_back(
          rule.run_as.empty() ? rule.commands : fmt::format("({}) {}", rule.run_as, rule.commands));
    }
  }
  return grant;
}

}  // namespace agent::snapshot::users
