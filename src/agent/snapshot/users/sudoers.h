#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/snapshot/users/accounts.h"
#include "base/result.h"

// Who may become whom by sudo. Source: sudoers(5).
namespace agent::snapshot::users {

// One line that lets users run commands, as written, aliases not yet resolved.
struct SudoRule {
  std::vector<std::string> users;  // "alice", "%wheel", "#1000", "ADMINS", "ALL"; "!" in front: not
  std::string hosts;
  std::string run_as;    // what stands in brackets; empty: root
  std::string commands;  // with tags taken out
  bool no_password = false;
  std::string source;  // "/etc/sudoers:27"
};

struct Sudoers {
  std::vector<SudoRule> rules;
  std::vector<std::pair<std::string, std::vector<std::string>>> user_aliases;
  std::vector<std::string>
      unread;  // files that are included and could not be read, with the reason
  std::size_t malformed = 0;
};

// Gives the text of a file, or the names in a folder. Errors: any.
struct SudoersFiles {
  std::function<base::Result<std::string>(const std::string&)> read;
  std::function<base::Result<std::vector<std::string>>(const std::string&)> list;
  std::string host;  // for %h
};

// Reads a file and all that it includes: at most 64 files, 16 levels, 16384 lines. Threads: pure.
Sudoers read_sudoers(const std::string& path, const SudoersFiles& files);

// What a user may do, by the rules that name the user or one of the groups.
struct SudoGrant {
  bool allowed = false;
  bool no_password = false;           // of any rule
  bool everything = false;            // any command as root or as anybody
  std::vector<std::string> sources;   // "%sudo /etc/sudoers:27"
  std::vector<std::string> commands;  // at most 16
};
SudoGrant grant_of(const Sudoers& sudoers, const Account& account,
                   const std::vector<const Group*>& groups);

}  // namespace agent::snapshot::users
