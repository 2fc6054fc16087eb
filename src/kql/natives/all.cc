#include <vector>

#include "kql/natives/native.h"

namespace kql::natives {

std::span<const Native> all() {
  static const std::vector<Native> natives = [] {
    std::vector<Native> out;
    for (const auto part :
         {address_natives(), text_natives(), parsing_natives(), agent_natives(), pair_natives(),
          array_natives(), bag_natives(), series_natives(), season_natives(), fit_natives(),
          statistics_natives(), unit_natives(), format_natives(), range_natives()}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }();
  return natives;
}

}  // namespace kql::natives
