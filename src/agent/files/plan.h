#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agent::files {

// One path of the setting fileEventPaths: a file, a folder (with all below), or names by a pattern
// in its last part ("/etc/cron*"). With ":execute" at its end, running it is an event too.
struct Entry {
  std::string path;  // no slash at the end, but for "/"
  bool execute = false;
  bool operator==(const Entry&) const = default;
};
// Threads: pure.
Entry read_entry(std::string_view text);

// What is wanted of the names in one folder.
struct Interest {
  bool all = false;               // every name: the folder, or one above it, is watched
  bool execute = false;           // of every name
  std::vector<Entry> names;       // `path` is a pattern for the name
  std::vector<std::string> ways;  // names that lead to what is not there yet
  bool operator==(const Interest&) const = default;

  bool wants(std::string_view name) const;
  bool wants_execution(std::string_view name) const;
  // Something appeared or vanished that changes what has to be watched.
  bool leads(std::string_view name) const;
};

// The folders to watch for the entries as the file system is now: those of files, folders with all
// below (links not followed, other file systems below included), and of what is missing the nearest
// folder above that is there. An entry that is a link is watched with what it leads to.
struct Plan {
  std::map<std::string, Interest> folders;
  std::size_t left_out = 0;  // folders beyond the limit
};
inline constexpr std::size_t kMaxFolders = 4096;
Plan make_plan(const std::vector<Entry>& entries, std::size_t max_folders = kMaxFolders);

}  // namespace agent::files
