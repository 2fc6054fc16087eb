#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/events.h"

// The OS baseline: is this system set up as a hardened one should be?
namespace agent::baseline {

enum class Verdict : std::uint8_t {
  Pass,
  Fail,
  Err,            // could not be found out; never counted as a failure
  NotApplicable,  // what the check is about does not exist here
};
std::string_view verdict_name(Verdict verdict);  // "Pass", "Fail", "Err", "NotApplicable"

// What a check came to, and what it saw.
struct Outcome {
  Verdict verdict = Verdict::Err;
  std::string evidence;  // one line; for Pass may be empty
};
inline Outcome pass(std::string evidence = {}) {
  return {Verdict::Pass, std::move(evidence)};
}
inline Outcome failed(std::string evidence) {
  return {Verdict::Fail, std::move(evidence)};
}
inline Outcome unknown(std::string why) {
  return {Verdict::Err, std::move(why)};
}
inline Outcome not_applicable(std::string why) {
  return {Verdict::NotApplicable, std::move(why)};
}

// Name and value of what a check is given. The text is borrowed.
class Parameters {
 public:
  void add(std::string_view name, std::string_view value) { all_.emplace_back(name, value); }
  // Empty when there is none of that name.
  std::string_view get(std::string_view name) const;
  // The value's words.
  std::vector<std::string_view> words(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> all_;
};

// A check and what it came to.
struct Finding {
  std::string id;
  std::string group;
  std::string title;
  std::string cce;  // the id, where the enumeration has none
  std::string cis;
  std::string remedy;
  schema::BaselineSeverity severity = schema::BaselineSeverity::Warning;
  Outcome outcome;
};

// Collects examples of what is wrong, the first few by name and the rest by number: evidence must
// stay one readable line on the worst of systems.
class Examples {
 public:
  explicit Examples(std::size_t limit = 8) : limit_(limit) {}
  void add(std::string_view example) {
    if (++count_ <= limit_) text_.append(text_.empty() ? "" : "; ").append(example);
  }
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::string text() const {
    return count_ <= limit_ ? text_ : text_ + "; and " + std::to_string(count_ - limit_) + " more";
  }

 private:
  std::size_t limit_;
  std::size_t count_ = 0;
  std::string text_;
};

}  // namespace agent::baseline
