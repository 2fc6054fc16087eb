#include "advisories/advisory.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace advisories {
namespace {

constexpr std::array<std::string_view, 6> kSeverities{"unknown", "negligible", "low",
                                                      "medium",  "high",       "critical"};
constexpr std::array<std::string_view, 6> kPlans{"open",    "no-dsa",      "postponed",
                                                 "ignored", "end-of-life", "undetermined"};

bool consists_of(std::string_view text, std::size_t most, std::string_view marks) {
  if (text.empty() || text.size() > most) return false;
  return std::ranges::all_of(text, [marks](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

std::optional<Severity> parse_severity(std::string_view text) {
  const auto found = std::ranges::find(kSeverities, text);
  if (found == kSeverities.end()) return std::nullopt;
  return static_cast<Severity>(found - kSeverities.begin());
}

Severity severity_of_word(std::string_view word) {
  // Debian marks with stars what somebody only guessed.
  while (word.ends_with('*'))
    word.remove_suffix(1);
  const std::string lower = base::to_lower(base::trim(word));
  if (lower == "moderate") return Severity::Medium;
  if (lower == "important") return Severity::High;
  if (lower == "unimportant") return Severity::Negligible;
  return parse_severity(lower).value_or(Severity::Unknown);
}

Severity severity_of_score(double score) {
  if (score >= 9) return Severity::Critical;
  if (score >= 7) return Severity::High;
  if (score >= 4) return Severity::Medium;
  return score > 0 ? Severity::Low : Severity::Unknown;
}

std::string_view to_string(Plan plan) {
  return kPlans[static_cast<std::size_t>(plan)];
}

std::optional<Plan> parse_plan(std::string_view text) {
  const auto found = std::ranges::find(kPlans, text);
  if (found == kPlans.end()) return std::nullopt;
  return static_cast<Plan>(found - kPlans.begin());
}

bool is_advisory_id(std::string_view text) {
  return consists_of(text, kMaxId, "-_.:+");
}

bool is_package_name(std::string_view text) {
  return consists_of(text, kMaxId, "-_.+~");
}

std::string summary_of(std::string_view text) {
  text = base::trim(text);
  const bool cut = text.size() > kMaxSummary;
  text = text.substr(0, kMaxSummary);
  // Not in the middle of a character.
  while (cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80U) != 0)
    text.remove_suffix(1);
  std::string out = base::to_utf8(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (cut) out += "...";
  return out;
}

}  // namespace advisories
