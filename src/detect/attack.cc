#include "detect/attack.h"

#include <algorithm>
#include <vector>

#include "detect/attack_file.h"

namespace detect {
namespace {

struct Table {
  std::string_view version;
  std::string_view later_version;
  std::vector<Technique> techniques;
};

// What stands between two texts of a line; empty when either is missing.
std::string_view between(std::string_view line, std::string_view before, std::string_view after) {
  const auto begin = line.find(before);
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin + before.size());
  const auto end = line.find(after);
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

// The file is ours and one technique a line: `  T1070: {name: Indicator Removal}`.
Table read_table() {
  Table out;
  for (const AttackFile& file : attack_files()) {
    std::string_view rest = file.text;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.starts_with("version: '")) out.version = between(line, "'", "'");
      if (line.starts_with("later: '")) out.later_version = between(line, "'", "'");
      if (!line.starts_with("  T")) continue;
      Technique technique{between(line, "  ", ":"), between(line, "{name: ", "}"), {}};
      if (const auto later = technique.name.find(", later: "); later != std::string_view::npos) {
        technique.later = technique.name.substr(later + 9);
        technique.name = technique.name.substr(0, later);
      }
      out.techniques.push_back(technique);
    }
  }
  std::ranges::sort(out.techniques, {}, &Technique::id);
  return out;
}

const Table& table() {
  static const Table read = read_table();
  return read;
}

}  // namespace

std::span<const Technique> techniques() {
  return table().techniques;
}

std::optional<Technique> find_technique(std::string_view id) {
  const auto& all = table().techniques;
  const auto found = std::ranges::lower_bound(all, id, {}, &Technique::id);
  if (found == all.end() || found->id != id) return std::nullopt;
  return *found;
}

std::string_view attack_version() {
  return table().version;
}

std::string_view later_attack_version() {
  return table().later_version;
}

}  // namespace detect
