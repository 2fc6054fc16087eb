#include <algorithm>

#include "detect/posture/state.h"

namespace detect::posture {

std::string_view to_string(State state) {
  switch (state) {
    case State::Active:
      return "active";
    case State::Resolved:
      return "resolved";
    case State::Dismissed:
      break;
  }
  return "dismissed";
}

std::optional<State> parse_state(std::string_view text) {
  for (const State state : {State::Active, State::Resolved, State::Dismissed}) {
    if (to_string(state) == text) return state;
  }
  return std::nullopt;
}

Score score_of(const std::vector<Summary>& summaries) {
  Score score;
  double points = 0;
  double most = 0;
  for (const Summary& summary : summaries) {
    const std::int64_t counted = summary.healthy + summary.unhealthy;
    if (counted == 0) continue;
    Score::Part part;
    part.kind = summary.kind;
    part.most = weight(recommendation(summary.kind).severity);
    part.points = part.most * summary.credit / static_cast<double>(counted);
    part.healthy = summary.healthy;
    part.unhealthy = summary.unhealthy;
    points += part.points;
    most += part.most;
    score.parts.push_back(part);
  }
  if (most <= 0) return score;
  score.percent = 100 * points / most;
  for (Score::Part& part : score.parts)
    part.gain = 100 * (part.most - part.points) / most;
  std::ranges::stable_sort(score.parts, std::greater{}, &Score::Part::gain);
  return score;
}

}  // namespace detect::posture
