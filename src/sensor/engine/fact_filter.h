#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "dissect/evidence.h"
#include "dissect/transaction.h"
#include "sensor/flow/flow.h"

namespace sensor::engine {

// Plants repeat themselves: what was told already is told again only after kAgain, with how often
// it was said meanwhile. Remembers at most `capacity` facts in two generations; when both are full
// the older goes, which is counted and costs nothing but repetition. What passes depends on the two
// ends' own packets alone. Threads: one.
class FactFilter {
 public:
  static constexpr base::WallTime::duration kAgain = std::chrono::seconds(60);

  explicit FactFilter(std::size_t capacity) : half_(capacity / 2) {}

  // Whether to tell; then `repeats` is how often it was not told since the last time.
  bool passes(std::uint64_t fact, base::WallTime time, std::uint64_t& repeats);
  std::uint64_t forgotten() const { return forgotten_; }
  std::uint64_t held_back() const { return held_back_; }

  // What makes a fact: keyed by the process, so that nobody can hide one behind another.
  static std::uint64_t of(const dissect::Transaction& transaction, std::string& scratch);
  static std::uint64_t of(const dissect::Evidence& evidence, const dissect::End& from,
                          const dissect::End& to, std::uint16_t vlan, std::string& scratch);
  static std::uint64_t of(const dissect::End& from, const dissect::End& to, std::uint16_t vlan);

 private:
  struct Told {
    base::WallTime time;
    std::uint64_t repeats = 0;
  };
  using Generation = std::unordered_map<std::uint64_t, Told>;

  std::size_t half_;
  Generation young_;
  Generation old_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace sensor::engine
