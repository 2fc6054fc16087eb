#include "detect/scheduled/places.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace detect::scheduled {
namespace {

struct Line {
  std::string_view text;
  std::size_t offset = 0;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> out;
  for (const std::string_view line : base::split(text, '\n'))
    out.push_back({line, static_cast<std::size_t>(line.data() - text.data())});
  return out;
}

int characters(std::string_view text) {
  return static_cast<int>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// Of one line of the query: its line in the YAML, and how far into that it begins.
struct Place {
  std::size_t line = 0;
  std::size_t indent = 0;  // bytes
};

std::string_view without_end(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r'))
    line.remove_suffix(1);
  return line;
}

std::optional<std::vector<Place>> places_at(const std::vector<Line>& query,
                                            const std::vector<Line>& yaml, std::size_t first) {
  std::vector<Place> out;
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (first + i >= yaml.size()) return std::nullopt;
    const std::size_t indent = yaml[first + i].text.find(without_end(query[i].text));
    if (indent == std::string_view::npos) return std::nullopt;
    out.push_back({first + i, indent});
  }
  return out;
}

std::size_t query_key(const std::vector<Line>& yaml) {
  const auto found =
      std::ranges::find_if(yaml, [](const Line& line) { return line.text.starts_with("query"); });
  return found == yaml.end() ? 0 : static_cast<std::size_t>(found - yaml.begin());
}

kql::Diagnostic at_line(std::string message, const std::vector<Line>& yaml, std::size_t line) {
  kql::Diagnostic out;
  out.message = std::move(message);
  out.line = static_cast<int>(line) + 1;
  out.offset = yaml[line].offset;
  out.length = yaml[line].text.size();
  return out;
}

}  // namespace

kql::Diagnostic in_rule(const sigma::Problem& problem, std::string_view yaml) {
  const std::vector<Line> lines = lines_of(yaml);
  const auto line = static_cast<std::size_t>(std::max(problem.line, 1)) - 1;
  // YAML that ends too early is wrong behind its last line.
  kql::Diagnostic out = at_line(problem.message, lines, std::min(line, lines.size() - 1));
  const auto column = static_cast<std::size_t>(std::max(problem.column, 1)) - 1;
  if (line < lines.size() && column <= out.length) {
    out.offset += column;
    out.length -= column;
    out.column = characters(lines[line].text.substr(0, column)) + 1;
  }
  return out;
}

std::vector<kql::Diagnostic> in_rule(std::vector<kql::Diagnostic> diagnostics,
                                     std::string_view query, std::string_view yaml) {
  const std::vector<Line> query_lines = lines_of(query);
  const std::vector<Line> lines = lines_of(yaml);
  const std::size_t key = query_key(lines);
  std::optional<std::vector<Place>> places;
  for (std::size_t first = key; first < lines.size() && !places; ++first)
    places = places_at(query_lines, lines, first);
  for (kql::Diagnostic& each : diagnostics) {
    const auto line = static_cast<std::size_t>(std::max(each.line, 1)) - 1;
    if (!places || line >= places->size()) {
      each = at_line(fmt::format("in the query, {}:{}: {}", each.line, each.column, each.message),
                     lines, key);
      continue;
    }
    const Place& place = (*places)[line];
    const Line& there = lines[place.line];
    each.offset = there.offset + place.indent + each.offset - query_lines[line].offset;
    each.line = static_cast<int>(place.line) + 1;
    each.column += characters(there.text.substr(0, place.indent));
  }
  return diagnostics;
}

}  // namespace detect::scheduled
