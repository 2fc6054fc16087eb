#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigma/rule.h"

namespace re2 {
class RE2;
}

namespace sigma {

// Something that shows in a text, or of it, and that many can be looked for at once.
struct Clue {
  enum class Kind : std::uint8_t {
    Present,   // there is a text
    Whole,     // it is this
    Start,     // begins with it
    End,       // ends with it
    Anywhere,  // has it somewhere
    Regex      // may match this expression
  };
  Kind kind = Kind::Present;
  std::string text;  // in lower case, but for Regex
};

// A pattern, ready to be matched against a field's text.
//
// `text` is the field as it is, `lower` the same in lower case (ASCII). Threads: pure.
class Matcher {
 public:
  // Errors: what is wrong with the pattern (a regular expression that RE2 does not take).
  static std::expected<Matcher, std::string> compile(const Pattern& pattern);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  // nullopt: the field is absent. `other` is the text of the field that a FieldRef names.
  bool matches(const std::optional<std::string_view>& text, std::string_view lower,
               const std::optional<std::string_view>& other) const;
  // The part of a text that matches which made it match, for people: of a regular expression the
  // longest group (the whole where it has none), of wildcards the longest literal. Empty where no
  // part stands out (a number, an address block). A view of `text`.
  std::string_view found(std::string_view text, std::string_view lower) const;
  // Clues of which at least one shows in every field that matches; empty: unknown.
  std::vector<Clue> clues() const;
  // Clues of which one shows exactly when a text matches: a text without wildcards, in either case.
  // Empty: there are none.
  std::vector<Clue> same_as() const;
  // What matching costs, roughly: a comparison of texts is 1.
  std::uint32_t cost() const;

  Compare compare() const { return compare_; }

 private:
  struct Variant;
  Matcher();
  bool matches_text(std::string_view text) const;
  static Clue clue_of(const Variant& variant);

  Compare compare_ = Compare::Text;
  Case letters_ = Case::Insensitive;
  std::vector<Variant> variants_;
  std::unique_ptr<re2::RE2> regex_;
  std::vector<std::string> regex_witness_;
  struct Block;
  std::unique_ptr<Block> block_;
  double number_ = 0;
  TimePart part_ = TimePart::None;
  bool expected_ = true;
};

}  // namespace sigma
