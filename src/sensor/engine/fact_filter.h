#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

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
  std::uint64_t of(const dissect::Transaction& transaction);
  std::uint64_t of(const dissect::Evidence& evidence, const dissect::End& from,
                   const dissect::End& to, std::uint16_t vlan);
  static std::uint64_t of(const dissect::End& from, const dissect::End& to, std::uint16_t vlan);

 private:
  struct Told {
    base::WallTime time;
    std::uint64_t repeats = 0;
  };
  // Facts side by side, each at the first free place from where its hash points to.
  class Generation {
   public:
    std::size_t size() const { return size_; }
    // Null: it is not there.
    Told* find(std::uint64_t fact);
    // Only what is not there yet.
    Told& add(std::uint64_t fact, const Told& told);
    // One that find() gave is not of this generation any more; it may still be found.
    void leave() { --size_; }

   private:
    struct Place {
      std::uint64_t fact = 0;  // 0: free
      Told told;
    };
    Place& place_of(std::uint64_t fact);
    void grow();

    std::vector<Place> places_;  // a power of two, at most three quarters used
    std::size_t used_ = 0;
    std::size_t size_ = 0;
  };
  // What a fact is made of, word by word.
  class Words {
   public:
    void begin(std::size_t most);
    void put(std::uint64_t word) { words_[count_++] = word; }
    void put(const dissect::End& end);
    // Without its length, which is to be put before it.
    void text(std::string_view text);
    static std::size_t room(std::string_view text) { return text.size() / 8 + 1; }
    std::uint64_t hash() const;

   private:
    std::vector<std::uint64_t> words_;
    std::size_t count_ = 0;
  };

  std::size_t half_;
  Words words_;
  Generation young_;
  Generation old_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace sensor::engine
