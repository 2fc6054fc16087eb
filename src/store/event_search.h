#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Looks for a text in the details of events without putting them together: in the parts that they
// are kept as (event_details.h).
// Threads: pure; an object may be used by many at once.
namespace store {

// Whether details may contain a text, whatever the case of letters. "No" is certain.
class DetailsSearch {
 public:
  // Apart: the text is one in a field's name, and whether a field has that name is known already;
  // it is looked for in everything else.
  enum class Names : std::uint8_t { Among, Apart };
  explicit DetailsSearch(std::string_view wanted, Names names = Names::Among);

  // The parts do not say: the text may stand in what is written between and around them, in names
  // of fields, in numbers or in times.
  bool undecided() const { return undecided_; }
  // Only where it is not undecided(). What the column EventDetails has.
  bool may_be_in_rest(std::string_view rest) const;
  // What the column of a field has.
  bool may_be_in_value(std::string_view value) const;

 private:
  bool find(std::string_view text) const;

  std::string wanted_;  // the longest part that can be looked for, in lower case
  bool undecided_;
};

}  // namespace store
