#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "dissect/evidence.h"
#include "dissect/transaction.h"
#include "sensor/flow/flow.h"

namespace sensor::engine {

// Plants repeat themselves: what was told already is told again only after kAgain, with how often
// it was said meanwhile. Evidence also when another value was told since, so that what is told last
// is what is true: run, stop, run. A controller's mode at each change; of other facts, which may
// have several values at once, kChanges times in kAgain.
// Remembers at most `capacity` facts and an eighth as many latest values, each in two generations;
// when both are full the older goes, which is counted and costs nothing but repetition. What passes
// depends on the two ends' own packets alone. Threads: one.
class FactFilter {
 public:
  static constexpr base::WallTime::duration kAgain = std::chrono::seconds(60);
  static constexpr std::uint32_t kChanges = 4;

  explicit FactFilter(std::size_t capacity)
      : facts_(capacity / 2), latest_(std::max<std::size_t>(capacity / 16, 1)) {}

  // Whether to tell; then `repeats` is how often it was not told since the last time.
  bool passes(std::uint64_t fact, base::WallTime time, std::uint64_t& repeats);
  // The same of evidence, which `protocol` gave.
  bool passes(const dissect::Evidence& evidence, const dissect::End& from, const dissect::End& to,
              std::uint16_t vlan, std::string_view protocol, base::WallTime time,
              std::uint64_t& repeats);
  std::uint64_t forgotten() const { return facts_.forgotten() + latest_.forgotten(); }
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
  // What was told last of something that has one value at a time.
  struct Latest {
    std::uint64_t fact = 0;
    base::WallTime since;  // from when changes are counted
    std::uint32_t changes = 0;
  };
  // Side by side, each at the first free place from where its hash points to.
  template <class Kept>
  class Generation {
   public:
    std::size_t size() const { return size_; }
    // Null: it is not there.
    Kept* find(std::uint64_t key);
    // Only what is not there yet.
    Kept& add(std::uint64_t key, const Kept& kept);
    // One that find() gave is not of this generation any more; it may still be found.
    void leave() { --size_; }

   private:
    struct Place {
      std::uint64_t key = 0;  // 0: free
      Kept kept;
    };
    Place& place_of(std::uint64_t key);
    void grow();

    std::vector<Place> places_;  // a power of two, at most three quarters used
    std::size_t used_ = 0;
    std::size_t size_ = 0;
  };
  template <class Kept>
  class Generations {
   public:
    explicit Generations(std::size_t half) : half_(half) {}
    // What is kept under that key, which is made of `begin` if nothing is: then `is_new`.
    Kept& at(std::uint64_t key, const Kept& begin, bool& is_new);
    std::uint64_t forgotten() const { return forgotten_; }

   private:
    std::size_t half_;
    Generation<Kept> young_;
    Generation<Kept> old_;
    std::uint64_t forgotten_ = 0;
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

  static bool distant(base::WallTime a, base::WallTime b);
  bool passes(std::uint64_t fact, base::WallTime time, bool changed, std::uint64_t& repeats);
  // What a fact is about, without its value.
  void begin(char what, const dissect::Evidence& evidence, const dissect::End& from,
             const dissect::End& to, std::uint16_t vlan, std::string_view text);

  Words words_;
  Generations<Told> facts_;
  Generations<Latest> latest_;
  std::uint64_t held_back_ = 0;
};

}  // namespace sensor::engine
