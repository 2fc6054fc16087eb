#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/counter.h"
#include "base/time.h"
#include "hub/limits/settings.h"

// How fast, and how much in a day, identities may use the hub.
namespace hub::limits {

struct Decision {
  enum class Verdict : std::uint8_t {
    Pass,
    Delay,      // it may be done when `delay` is over, without asking again
    Throttled,  // too fast: 429
    Quota,      // the day's messages are used up: 403002
  };
  Verdict verdict = Verdict::Pass;
  std::chrono::nanoseconds delay{0};
  std::uint64_t units = 0;  // blocks that it counts as; 0 of what is not metered or not permitted

  bool permitted() const { return verdict == Verdict::Pass || verdict == Verdict::Delay; }
};

// Whose operation it is; empty device id: nobody's in particular, a service's.
struct Who {
  std::string_view device_id;
  std::string_view module_id;
};

// What the day has used so far. `day` counts UTC days since 1970.
struct Usage {
  std::int64_t day = 0;
  std::uint64_t units = 0;
};

// Since start.
struct Counters {
  std::array<base::Counter, kKinds> passed;
  std::array<base::Counter, kKinds> delayed;
  std::array<base::Counter, kKinds> throttled;
  base::Counter quota_refused;
  base::Counter untracked;  // identities passed without a limit of their own: too many at once
};

// A bucket of tokens that refills evenly, as the time at which it will be full again (the generic
// cell rate algorithm): one number, no lock. Threads: any.
class Bucket {
 public:
  struct Taken {
    bool taken = false;
    std::chrono::nanoseconds delay{0};
  };
  // `cost`: how long the bucket takes to refill that much.
  Taken take(std::chrono::nanoseconds cost, std::chrono::nanoseconds burst,
             std::chrono::nanoseconds max_delay, base::MonoTime now);
  void give_back(std::chrono::nanoseconds cost);
  bool is_full(base::MonoTime now) const;

 private:
  std::atomic<std::int64_t> full_at_{
      std::numeric_limits<std::int64_t>::min()};  // nanoseconds of the steady clock
};

// Decides and counts. Knows no clock and stores nothing: see usage() and restore(). Cheap, never
// waits, memory bounded. Threads: any.
class Limits {
 public:
  static constexpr std::size_t kMaxTracked = 1U << 20U;  // identities with less than a full bucket

  explicit Limits(const Settings& settings) : settings_(settings) {}

  // May `who` do this now? `bytes`: of the message or payload, for the meter.
  Decision check(Kind kind, Who who, std::size_t bytes, base::MonoTime now, base::WallTime wall);
  // Blocks of so many bytes; an empty message is one, too.
  std::uint64_t units_of(std::size_t bytes) const;

  const Settings& settings() const { return settings_; }
  const Counters& counters() const { return counters_; }
  Usage usage(base::WallTime wall) const;
  // What was used before a restart; of another day it does not count. Before the first check().
  void restore(const Usage& usage);

 private:
  static constexpr std::size_t kShards = 64;
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Bucket> buckets;  // guarded by mutex
  };

  bool reserve(std::uint64_t units, base::WallTime wall);
  void release(std::uint64_t units);
  Bucket::Taken take_own(Kind kind, Who who, std::chrono::nanoseconds cost, base::MonoTime now);
  void give_back_own(Kind kind, Who who, std::chrono::nanoseconds cost);

  const Settings settings_;
  Counters counters_;
  std::array<Bucket, kKinds> hub_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> used_{0};  // the day, then 40 bits of units
};

}  // namespace hub::limits
