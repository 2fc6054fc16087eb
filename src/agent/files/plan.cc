#include "agent/files/plan.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <deque>
#include <memory>

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

namespace agent::files {

namespace {

constexpr std::string_view kExecute = ":execute";

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}
std::string join(const std::string& folder, std::string_view name) {
  return (folder == "/" ? "/" : folder + "/") + std::string(name);
}

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool matches(const std::string& pattern, std::string_view name) {
  return ::fnmatch(pattern.c_str(), std::string(name).c_str(), 0) == 0;
}

// The folders in a folder, sorted.
std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  while (folder != nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR || (entry->d_type == DT_UNKNOWN && is_folder(join(path, name))))
      names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

class Planner {
 public:
  explicit Planner(std::size_t limit) : limit_(limit) {}

  void add(const Entry& entry) {
    const std::string folder = parent_of(entry.path);
    if (!is_folder(folder)) {
      add_way(folder);
    } else if (Interest* const interest = interest_of(folder); interest != nullptr) {
      interest->names.push_back({name_of(entry.path), entry.execute});
      const std::vector<std::string> found =
          is_pattern(name_of(entry.path)) ? folders_in(folder) : std::vector{name_of(entry.path)};
      for (const std::string& name : found) {
        if (matches(name_of(entry.path), name) && is_folder(join(folder, name)))
          add_tree(join(folder, name), entry.execute);
      }
    }
  }

  Plan take() && { return std::move(plan_); }

 private:
  Interest* interest_of(const std::string& folder) {
    const auto known = plan_.folders.find(folder);
    if (known != plan_.folders.end()) return &known->second;
    if (plan_.folders.size() >= limit_) {
      ++plan_.left_out;
      return nullptr;
    }
    return &plan_.folders[folder];
  }

  // The nearest folder above that is there, and the name in it that leads to the missing one.
  void add_way(std::string missing) {
    while (missing != "/" && !is_folder(parent_of(missing)))
      missing = parent_of(missing);
    if (Interest* const interest = interest_of(parent_of(missing)); interest != nullptr)
      interest->ways.push_back(name_of(missing));
  }

  void add_tree(const std::string& top, bool execute) {
    std::deque<std::string> folders = {top};
    while (!folders.empty()) {
      const std::string folder = std::move(folders.front());
      folders.pop_front();
      Interest* const interest = interest_of(folder);
      if (interest == nullptr) continue;
      interest->all = true;
      interest->execute = interest->execute || execute;
      if (plan_.left_out > 0) continue;  // no use in looking further
      for (const std::string& name : folders_in(folder))
        folders.push_back(join(folder, name));
    }
  }

  std::size_t limit_;
  Plan plan_;
};

// The path behind links; the same when there is none, or nothing.
std::string resolved(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  return ::realpath(path.c_str(), buffer.data()) == nullptr ? path : std::string(buffer.data());
}

}  // namespace

Entry read_entry(std::string_view text) {
  Entry entry;
  if (text.ends_with(kExecute)) {
    entry.execute = true;
    text.remove_suffix(kExecute.size());
  }
  while (text.size() > 1 && text.ends_with('/'))
    text.remove_suffix(1);
  entry.path = text;
  return entry;
}

bool Interest::wants(std::string_view name) const {
  return all ||
         std::ranges::any_of(names, [&](const Entry& one) { return matches(one.path, name); });
}

bool Interest::wants_execution(std::string_view name) const {
  return execute || std::ranges::any_of(names, [&](const Entry& one) {
           return one.execute && matches(one.path, name);
         });
}

bool Interest::leads(std::string_view name) const {
  return std::ranges::find(ways, name) != ways.end() || wants(name);
}

Plan make_plan(const std::vector<Entry>& entries, std::size_t max_folders) {
  Planner planner(max_folders);
  for (const Entry& entry : entries) {
    if (!entry.path.starts_with('/') || entry.path == "/") continue;
    planner.add(entry);
    // Through links in the way to it, and those that it is.
    const std::string behind = is_pattern(name_of(entry.path))
                                   ? join(resolved(parent_of(entry.path)), name_of(entry.path))
                                   : resolved(entry.path);
    if (behind != entry.path) planner.add({behind, entry.execute});
  }
  return std::move(planner).take();
}

}  // namespace agent::files
