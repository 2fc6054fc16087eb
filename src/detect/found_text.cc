#include "detect/found_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sigma/fields.h"

namespace detect {

std::string why_of(const sigma::Rule& rule, const std::vector<sigma::Matched>& matched) {
  std::string why = rule.vedette.why.empty() ? rule.title + "." : rule.vedette.why;
  if (matched.empty()) return why;
  const sigma::Matched& first = matched.front();
  // Nobody reads a long regular expression: what it found says more.
  constexpr std::size_t kReadable = 80;
  why += " " + first.field + " ";
  why += first.pattern.size() <= kReadable || first.found.empty() ? first.pattern + "."
                                                                  : "has '" + first.found + "'.";
  return why;
}

std::string entity_of(const sigma::Rule& rule, const sigma::Subject& subject) {
  const auto& own = rule.vedette.entity;
  std::string entity;
  for (const std::string& name : own.empty() ? sigma::default_entity(subject.source()) : own) {
    const auto reader = sigma::FieldReader::find(subject.source(), name);
    const auto value = reader ? reader->read_all(subject) : std::nullopt;
    if (!value) continue;
    if (!entity.empty()) entity += " ";
    entity += *value;
  }
  return entity;
}

namespace {

std::string number_text(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15)
    return std::to_string(static_cast<std::int64_t>(number));
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

std::string bound_text(const sigma::Bound& bound) {
  constexpr std::array<std::string_view, 6> kSigns = {"< ", "<= ", "> ", ">= ", "= ", "not "};
  return std::string(kSigns[static_cast<std::size_t>(bound.kind)]) + number_text(bound.number);
}

// "5m", "90s".
std::string timespan_text(std::chrono::nanoseconds timespan) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timespan).count();
  for (const auto& [unit, letter] : {std::pair{86'400, "d"}, {3600, "h"}, {60, "m"}}) {
    if (seconds % unit == 0) return std::to_string(seconds / unit) + letter;
  }
  return std::to_string(seconds) + "s";
}

}  // namespace

std::vector<Match> matches_of(const sigma::Firing& firing) {
  const sigma::Correlation& correlation = *firing.correlation;
  std::string pattern;
  for (const sigma::Bound& bound : correlation.bounds)
    pattern += (pattern.empty() ? "" : " and ") + bound_text(bound);
  if (pattern.empty()) pattern = "all " + std::to_string(correlation.rules.size()) + " rules";
  pattern += " within " + timespan_text(correlation.timespan);
  std::vector<Match> out = {{std::string(sigma::to_string(correlation.type)),
                             number_text(firing.value), std::move(pattern), ""}};
  for (const auto& [field, value] : firing.group)
    out.push_back({field, value, "the same in all", ""});
  return out;
}

std::string why_of(const sigma::Firing& firing) {
  const sigma::Correlation& correlation = *firing.correlation;
  std::string why =
      correlation.vedette.why.empty() ? correlation.title + "." : correlation.vedette.why;
  why += " " + std::to_string(firing.events) + (firing.events == 1 ? " event" : " events");
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(firing.last - firing.first).count();
  if (firing.events > 1) why += " within " + std::to_string(seconds) + " s";
  for (std::size_t i = 0; i < firing.group.size(); ++i)
    why += (i == 0 ? " with " : ", ") + firing.group[i].first + " " + firing.group[i].second;
  return why + ".";
}

std::string entity_of(const sigma::Firing& firing) {
  const auto& wanted = firing.correlation->vedette.entity;
  std::string entity;
  for (const auto& [field, value] : firing.group) {
    const bool named = std::ranges::find(wanted, field) != wanted.end();
    if (wanted.empty() ? sigma::device_field(field).has_value() : !named) continue;
    if (!entity.empty()) entity += " ";
    entity += value;
  }
  return entity;
}

}  // namespace detect
