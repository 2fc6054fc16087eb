#include "sigma/value_set.h"

#include "base/result.h"

namespace sigma {

void ValueSet::add(const Clue& clue) {
  switch (clue.kind) {
    case Clue::Kind::Whole:
      return anchored_.add(clue.text, Anchor::Whole, 0);
    case Clue::Kind::Start:
      return anchored_.add(clue.text, Anchor::Start, 0);
    case Clue::Kind::End:
      return anchored_.add(clue.text, Anchor::End, 0);
    case Clue::Kind::Anywhere:
      return literals_.add(clue.text, 0);
    case Clue::Kind::Present:
    case Clue::Kind::Regex:
      break;
  }
  ASSERT(false);
}

void ValueSet::build() {
  anchored_.build();
  literals_.build();
}

bool ValueSet::matches(std::string_view text) const {
  bool found = false;
  anchored_.find(text, [&found](std::uint32_t) { found = true; });
  return found || literals_.occurs_in(text);
}

}  // namespace sigma
