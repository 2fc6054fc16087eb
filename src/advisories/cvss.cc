#include "advisories/cvss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/text.h"

namespace advisories {
namespace {

// The base metrics of a vector; 0: not told.
struct Vector {
  char attack = 0;
  char complexity = 0;
  char privileges = 0;
  char interaction = 0;
  char scope = 0;
  std::array<char, 3> impact{};  // confidentiality, integrity, availability
};

struct Weight {
  char metric;
  double value;
};

template <std::size_t N>
double weight(const std::array<Weight, N>& weights, char metric) {
  const auto found = std::ranges::find(weights, metric, &Weight::metric);
  return found == weights.end() ? -1 : found->value;
}

constexpr std::array<Weight, 4> kAttack{{{'N', 0.85}, {'A', 0.62}, {'L', 0.55}, {'P', 0.2}}};
constexpr std::array<Weight, 2> kComplexity{{{'L', 0.77}, {'H', 0.44}}};
constexpr std::array<Weight, 3> kPrivileges{{{'N', 0.85}, {'L', 0.62}, {'H', 0.27}}};
constexpr std::array<Weight, 3> kPrivilegesChanged{{{'N', 0.85}, {'L', 0.68}, {'H', 0.5}}};
constexpr std::array<Weight, 2> kInteraction{{{'N', 0.85}, {'R', 0.62}}};
constexpr std::array<Weight, 3> kImpact{{{'H', 0.56}, {'L', 0.22}, {'N', 0}}};

void take(std::string_view name, char metric, Vector& out) {
  if (name == "AV") out.attack = metric;
  if (name == "AC") out.complexity = metric;
  if (name == "PR") out.privileges = metric;
  if (name == "UI") out.interaction = metric;
  if (name == "S") out.scope = metric;
  if (name == "C") out.impact[0] = metric;
  if (name == "I") out.impact[1] = metric;
  if (name == "A") out.impact[2] = metric;
}

// To the next tenth, without what floating point adds to a tenth.
double round_up(double value) {
  const auto scaled = static_cast<std::int64_t>(std::llround(value * 100'000));
  const std::int64_t tenths = (scaled + 9'999) / 10'000;
  return static_cast<double>(tenths) / 10;
}

}  // namespace

std::optional<double> cvss3_base_score(std::string_view vector) {
  if (!vector.starts_with("CVSS:3.0/") && !vector.starts_with("CVSS:3.1/")) return std::nullopt;
  if (vector.size() > 256) return std::nullopt;
  Vector metrics;
  for (const std::string_view part : base::split(vector.substr(9), '/')) {
    const std::size_t colon = part.find(':');
    if (colon != std::string_view::npos && part.size() == colon + 2)
      take(part.substr(0, colon), part[colon + 1], metrics);
  }
  if (metrics.scope != 'U' && metrics.scope != 'C') return std::nullopt;
  const bool changed = metrics.scope == 'C';
  const double attack = weight(kAttack, metrics.attack);
  const double complexity = weight(kComplexity, metrics.complexity);
  const double privileges = weight(changed ? kPrivilegesChanged : kPrivileges, metrics.privileges);
  const double interaction = weight(kInteraction, metrics.interaction);
  double rest = 1;
  for (const char metric : metrics.impact) {
    const double part = weight(kImpact, metric);
    if (part < 0) return std::nullopt;
    rest *= 1 - part;
  }
  if (attack < 0 || complexity < 0 || privileges < 0 || interaction < 0) return std::nullopt;
  const double base = 1 - rest;
  const double impact =
      changed ? 7.52 * (base - 0.029) - 3.25 * std::pow(base - 0.02, 15) : 6.42 * base;
  if (impact <= 0) return 0;
  const double exploitability = 8.22 * attack * complexity * privileges * interaction;
  return round_up(std::min((changed ? 1.08 : 1.0) * (impact + exploitability), 10.0));
}

}  // namespace advisories
