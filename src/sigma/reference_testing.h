#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <re2/re2.h>

#include "base/text.h"
#include "sigma/pattern.h"
#include "sigma/rule.h"

// Sigma's meaning written as plainly as possible, for tests to compare the compiled rules with. It
// shares no code with them but the parser and the address arithmetic.
namespace sigma::reference {

// The text of a field of Sigma's name; nullopt when it is absent.
using Lookup = std::function<std::optional<std::string>(std::string_view field)>;

inline bool glob(const std::vector<Piece>& pieces, std::size_t piece, std::string_view text) {
  if (piece == pieces.size()) return text.empty();
  const Piece& now = pieces[piece];
  if (now.kind == Piece::Kind::Literal) {
    return text.starts_with(now.text) && glob(pieces, piece + 1, text.substr(now.text.size()));
  }
  if (now.kind == Piece::Kind::AnyCharacter)
    return !text.empty() && glob(pieces, piece + 1, text.substr(1));
  for (std::size_t skip = 0; skip <= text.size(); ++skip) {
    if (glob(pieces, piece + 1, text.substr(skip))) return true;
  }
  return false;
}

inline bool matches(const Pattern& pattern, const std::optional<std::string>& value,
                    const Lookup& lookup) {
  if (pattern.compare == Compare::Exists) return value.has_value() == pattern.expected;
  if (pattern.compare == Compare::Null) return !value || value->empty();
  if (!value) return false;
  const bool fold = pattern.letters == Case::Insensitive;
  const std::string text = fold ? base::to_lower(*value) : *value;
  switch (pattern.compare) {
    case Compare::Text:
      for (auto pieces : pattern.variants) {
        if (fold) {
          for (Piece& piece : pieces)
            piece.text = base::to_lower(piece.text);
        }
        if (glob(pieces, 0, text)) return true;
      }
      return false;
    case Compare::Regex:
      return RE2::PartialMatch(*value, RE2(pattern.text));
    case Compare::Cidr:
      return in_cidr(*parse_cidr(pattern.text), *value);
    case Compare::FieldRef: {
      const auto other = lookup(pattern.text);
      return other && (fold ? base::to_lower(*other) : *other) == text;
    }
    default:
      break;
  }
  char* end = nullptr;
  const double number = std::strtod(value->c_str(), &end);
  if (value->empty() || *end != '\0') return false;
  if (pattern.compare == Compare::Less) return number < pattern.number;
  if (pattern.compare == Compare::LessEqual) return number <= pattern.number;
  if (pattern.compare == Compare::Greater) return number > pattern.number;
  return number >= pattern.number;
}

inline bool holds(const FieldTest& test, const Lookup& lookup) {
  const auto value = lookup(test.field);
  std::size_t count = 0;
  for (const Pattern& pattern : test.patterns)
    count += matches(pattern, value, lookup) ? 1U : 0U;
  const bool result = test.all ? count == test.patterns.size() : count > 0;
  return result != test.negated;
}

inline bool holds(const Selection& selection, const Lookup& lookup) {
  for (const auto& tests : selection.alternatives) {
    bool all = true;
    for (const FieldTest& test : tests)
      all = all && holds(test, lookup);
    if (all) return true;
  }
  return false;
}

inline bool holds(const Rule& rule, const Condition& condition, const Lookup& lookup) {
  std::size_t count = 0;
  for (const Condition& operand : condition.operands)
    count += holds(rule, operand, lookup) ? 1U : 0U;
  switch (condition.kind) {
    case Condition::Kind::Selection:
      return holds(rule.selections[condition.selection], lookup);
    case Condition::Kind::Not:
      return count == 0;
    case Condition::Kind::And:
      return count == condition.operands.size();
    case Condition::Kind::Or:
      return count > 0;
    case Condition::Kind::AtLeast:
      return count >= condition.count;
  }
  return false;
}

inline bool holds(const Rule& rule, const Lookup& lookup) {
  return holds(rule, rule.condition, lookup);
}

}  // namespace sigma::reference
