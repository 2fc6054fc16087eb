#include "agent/baseline/host.h"

#include "agent/baseline/lines.h"

namespace agent::baseline {

using base::Code;
using base::Result;

Result<bool> exists(const Host& host, const std::string& path) {
  const auto facts = host.lstat(path);
  if (facts) return true;
  if (facts.error().code == Code::NotFound) return false;
  return std::unexpected(facts.error());
}

Result<std::string> read_optional(const Host& host, const std::string& path) {
  auto text = host.read(path);
  if (!text && text.error().code == Code::NotFound) return "";
  return text;
}

Result<std::vector<std::string>> list_optional(const Host& host, const std::string& path) {
  auto names = host.list(path);
  if (!names && names.error().code == Code::NotFound) return std::vector<std::string>{};
  return names;
}

Result<std::vector<std::string>> expand(const Host& host, const std::string& pattern) {
  constexpr std::size_t kMaxPaths = 4096;
  std::vector<std::string> paths = {""};
  std::size_t at = 0;
  while (at < pattern.size()) {
    const std::size_t end = std::min(pattern.find('/', at + 1), pattern.size());
    const std::string step = pattern.substr(at, end - at);  // with its slash
    at = end;
    std::vector<std::string> next;
    for (const std::string& path : paths) {
      if (step.find_first_of("*?[") == std::string::npos) {
        next.push_back(path + step);
        continue;
      }
      const auto names = host.list(path.empty() ? "/" : path);
      // A file where the pattern has a folder matches nothing.
      if (!names && names.error().code == Code::Denied) return std::unexpected(names.error());
      if (!names) continue;
      for (const std::string& name : *names) {
        const bool hidden = name.starts_with('.') && step[1] != '.';
        if (!hidden && glob_matches(step.substr(1), name)) next.push_back(path + "/" + name);
        if (next.size() > kMaxPaths) return base::fail(Code::TooLarge, "expand", -1, pattern);
      }
    }
    paths = std::move(next);
  }
  std::vector<std::string> there;
  for (std::string& path : paths) {
    const bool found = TRY(exists(host, path));
    if (found) there.push_back(std::move(path));
  }
  return there;
}

}  // namespace agent::baseline
