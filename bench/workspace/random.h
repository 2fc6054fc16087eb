#pragma once

#include <cstdint>

namespace bench {

// SplitMix64: the same numbers for the same seed, on every machine and with every compiler.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = (state_ += 0x9E3779B97F4A7C15ULL);
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31U);
  }
  // 0 to below `limit`, which is at most 2^32.
  std::uint64_t below(std::uint64_t limit) { return ((next() >> 32U) * limit) >> 32U; }
  // The same, with small numbers more often than large ones.
  std::uint64_t skewed(std::uint64_t limit) { return below(below(limit) + 1); }
  // Between 0 and twice `mean`, which is at most 2^62.
  std::int64_t around(std::int64_t mean) {
    return static_cast<std::int64_t>(next() % (2 * static_cast<std::uint64_t>(mean) + 1));
  }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace bench
