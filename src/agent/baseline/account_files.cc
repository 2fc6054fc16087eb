#include "agent/baseline/account_files.h"

#include <limits>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

namespace {

// The fields of each line of `text` that has at least `count`.
void each_entry(std::string_view text, std::size_t count,
                const std::function<void(const std::vector<std::string_view>&)>& on_entry) {
  each_line(text, [&](std::string_view line, int) {
    if (line.empty() || line.front() == '#' || line.front() == '+' || line.front() == '-') return;
    const auto fields = base::split(line, ':');
    if (fields.size() >= count) on_entry(fields);
  });
}

std::optional<std::uint32_t> id_of(std::string_view text) {
  const auto number = number_of(text);
  if (!number || *number < 0 || *number > std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::vector<Account> read_passwd(std::string_view text) {
  std::vector<Account> accounts;
  each_entry(text, 7, [&](const auto& fields) {
    const auto uid = id_of(fields[2]);
    const auto gid = id_of(fields[3]);
    if (!uid || !gid) return;
    accounts.push_back({.name = std::string(fields[0]),
                        .password = std::string(fields[1]),
                        .uid = *uid,
                        .gid = *gid,
                        .home = std::string(fields[5]),
                        .shell = std::string(fields[6])});
  });
  return accounts;
}

std::vector<ShadowEntry> read_shadow(std::string_view text) {
  std::vector<ShadowEntry> entries;
  each_entry(text, 5, [&](const auto& fields) {
    entries.push_back({.name = std::string(fields[0]),
                       .hash = std::string(fields[1]),
                       .changed = number_of(fields[2]),
                       .max_days = number_of(fields[4])});
  });
  return entries;
}

std::vector<Group> read_group(std::string_view text) {
  std::vector<Group> groups;
  each_entry(text, 4, [&](const auto& fields) {
    const auto gid = id_of(fields[2]);
    if (!gid) return;
    Group group{.name = std::string(fields[0]), .gid = *gid, .members = {}};
    for (const std::string_view member : base::split(fields[3], ',')) {
      if (!base::trim(member).empty()) group.members.emplace_back(base::trim(member));
    }
    groups.push_back(std::move(group));
  });
  return groups;
}

bool usable_hash(std::string_view hash) {
  if (hash.empty()) return true;
  if (hash.front() == '!' || hash.front() == '*' || hash == "x") return false;
  // DES gives 13 characters, everything newer starts with '$' or '_'.
  return hash.front() == '$' || hash.front() == '_' || hash.size() == 13;
}

bool refuses_login(std::string_view shell) {
  const std::string_view name = shell.substr(shell.find_last_of('/') + 1);
  return name == "nologin" || name == "false" || shell == "/dev/null" || name == "git-shell" ||
         name == "sync" || name == "halt" || name == "shutdown";
}

}  // namespace agent::baseline
