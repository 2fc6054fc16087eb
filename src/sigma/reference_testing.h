#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <re2/re2.h>

#include "base/text.h"
#include "sigma/pattern.h"
#include "sigma/rule.h"
#include "sigma/time_part.h"

// Sigma's meaning written as plainly as possible, for tests to compare the compiled rules with. It
// shares no code with them but the parser and the address arithmetic.
namespace sigma::reference {

using Values = std::vector<std::string>;

// What an event or a record holds.
struct Lookup {
  // The values of a field of Sigma's name; none when it is absent.
  std::function<Values(std::string_view field)> field;
  // All that keywords are looked for in.
  Values texts = {};

  Values operator()(std::string_view name) const { return field(name); }
};

inline bool glob(const std::vector<Piece>& pieces, std::size_t piece, std::string_view text) {
  if (piece == pieces.size()) return text.empty();
  const Piece& now = pieces[piece];
  if (now.kind == Piece::Kind::Literal) {
    return text.starts_with(now.text) && glob(pieces, piece + 1, text.substr(now.text.size()));
  }
  if (now.kind == Piece::Kind::AnyCharacter) {
    if (text.empty()) return false;
    // A character of UTF-8: its first byte, and those that only continue it.
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
      ++length;
    return glob(pieces, piece + 1, text.substr(length));
  }
  for (std::size_t skip = 0; skip <= text.size(); ++skip) {
    if (glob(pieces, piece + 1, text.substr(skip))) return true;
  }
  return false;
}

inline bool matches(const Pattern& pattern, const std::string& value, const Lookup& lookup) {
  const bool fold = pattern.letters == Case::Insensitive;
  const std::string text = fold ? base::to_lower(value) : value;
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
      return RE2::PartialMatch(value, RE2(pattern.text));
    case Compare::Cidr:
      return in_cidr(*parse_cidr(pattern.text), value);
    case Compare::FieldRef: {
      for (const std::string& other : lookup(pattern.text)) {
        if ((fold ? base::to_lower(other) : other) == text) return true;
      }
      return false;
    }
    default:
      break;
  }
  char* end = nullptr;
  double number = std::strtod(value.c_str(), &end);
  if (pattern.part == TimePart::None) {
    if (value.empty() || *end != '\0') return false;
  } else {
    const auto part = time_part(value, pattern.part);
    if (!part) return false;
    number = *part;
  }
  if (pattern.compare == Compare::Equal) return number == pattern.number;
  if (pattern.compare == Compare::Less) return number < pattern.number;
  if (pattern.compare == Compare::LessEqual) return number <= pattern.number;
  if (pattern.compare == Compare::Greater) return number > pattern.number;
  return number >= pattern.number;
}

// A field of several values matches when any of them does.
inline bool matches(const Pattern& pattern, const Values& values, const Lookup& lookup) {
  if (pattern.compare == Compare::Exists) return !values.empty() == pattern.expected;
  if (pattern.compare == Compare::Null && values.empty()) return true;
  for (const std::string& value : values) {
    if (pattern.compare == Compare::Null ? value.empty() : matches(pattern, value, lookup))
      return true;
  }
  return false;
}

inline bool holds(const FieldTest& test, const Lookup& lookup) {
  std::size_t count = 0;
  for (const Pattern& pattern : test.patterns) {
    bool any = false;
    if (test.field.empty()) {
      for (const std::string& text : lookup.texts)
        any = any || matches(pattern, text, lookup);
    } else {
      any = matches(pattern, lookup(test.field), lookup);
    }
    count += any ? 1U : 0U;
  }
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

// Of a rule or a filter.
inline bool holds(const std::vector<Selection>& selections, const Condition& condition,
                  const Lookup& lookup) {
  std::size_t count = 0;
  for (const Condition& operand : condition.operands)
    count += holds(selections, operand, lookup) ? 1U : 0U;
  switch (condition.kind) {
    case Condition::Kind::Selection:
      return holds(selections[condition.selection], lookup);
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
  return holds(rule.selections, rule.condition, lookup);
}

}  // namespace sigma::reference
