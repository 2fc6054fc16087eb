#include "shell/path.h"

#include <algorithm>
#include <array>

namespace shell {
namespace {

constexpr std::array<std::string_view, 37> kFolders = {"/",
                                                       "/bin",
                                                       "/boot",
                                                       "/dev",
                                                       "/dev/shm",
                                                       "/etc",
                                                       "/etc/cron.d",
                                                       "/etc/init.d",
                                                       "/etc/pam.d",
                                                       "/etc/profile.d",
                                                       "/etc/ssh",
                                                       "/etc/sudoers.d",
                                                       "/home",
                                                       "/lib",
                                                       "/lib/security",
                                                       "/lib/systemd/system",
                                                       "/lib64",
                                                       "/media",
                                                       "/mnt",
                                                       "/opt",
                                                       "/root",
                                                       "/run",
                                                       "/sbin",
                                                       "/srv",
                                                       "/tmp",
                                                       "/usr",
                                                       "/usr/bin",
                                                       "/usr/lib",
                                                       "/usr/lib64",
                                                       "/usr/libexec",
                                                       "/usr/local",
                                                       "/usr/local/bin",
                                                       "/usr/local/lib",
                                                       "/usr/local/sbin",
                                                       "/usr/sbin",
                                                       "/var",
                                                       "/var/tmp"};
static_assert(std::ranges::is_sorted(kFolders));

bool is_clean(std::string_view path) {
  if (path.size() > 1 && path.back() == '/') return false;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (path[i] == '/' && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

// Appends the parts of `path` to what is at [to, end), which holds a normal absolute path without
// its final slash.
char* append_parts(std::string_view path, char* to, char* end) {
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      while (end != to && *--end != '/') {
      }
      continue;
    }
    *end++ = '/';
    end = std::ranges::copy(part, end).out;
  }
  return end;
}

std::string_view normal(std::string_view folder, std::string_view path, Arena& arena) {
  char* const to = arena.room(folder.size() + path.size() + 2);
  char* end = append_parts(folder, to, to);
  end = append_parts(path, to, end);
  if (end == to) *end++ = '/';
  return {to, static_cast<std::size_t>(end - to)};
}

}  // namespace

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view extension_of(std::string_view path) {
  std::string_view name = base_name(path);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t'))
    name.remove_suffix(1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  return name.substr(dot + 1);
}

std::string_view home_of(std::string_view user, Arena& arena) {
  if (user.empty()) return {};
  if (user == "root") return "/root";
  if (user.find('/') != std::string_view::npos) return {};
  return arena.keep("/home/", user);
}

std::string_view resolve(std::string_view path, const Place& place, Arena& arena) {
  if (path.empty()) return path;
  if (path.front() == '~') {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view user = path.substr(1, slash - 1);
    const std::string_view home = user.empty() ? place.home : home_of(user, arena);
    return home.empty() ? path : normal(home, path.substr(slash), arena);
  }
  if (path.front() == '/') return is_clean(path) ? path : normal({}, path, arena);
  if (place.folder.empty()) {
    while (path.starts_with("./"))
      path.remove_prefix(2);
    return path;
  }
  return normal(place.folder, path, arena);
}

std::string_view join(std::string_view folder, std::string_view name, Arena& arena) {
  if (folder.empty()) return name;
  return arena.keep(folder, folder.back() == '/' ? "" : "/", name);
}

bool looks_like_path(std::string_view word) {
  if (word.empty()) return false;
  if (word.front() == '~' || word == "." || word == "..") return true;
  if (word.find("://") != std::string_view::npos) return false;
  if (word.front() == '.') return true;
  return word.find('/') != std::string_view::npos;
}

bool is_usual_folder(std::string_view path) {
  return std::ranges::binary_search(kFolders, path);
}

}  // namespace shell
