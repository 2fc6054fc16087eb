#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace hub::provisioning {

// At most so many in that time, on average and at once.
struct Rate {
  std::uint64_t count = 0;
  std::chrono::seconds per{1};
};

// A bucket that fills at a rate, one for each name. Names that were not heard of for the rate's
// time are as good as new, and are forgotten when there are many. Threads: one at a time.
class Pace {
 public:
  explicit Pace(Rate rate) : rate_(rate) {}
  bool take(std::string_view name, base::MonoTime now);
  std::size_t names() const { return buckets_.size(); }

  static constexpr std::size_t kMaxNames = 50'000;

 private:
  struct Bucket {
    double left = 0;
    base::MonoTime at;
  };
  void forget(base::MonoTime now);

  Rate rate_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace hub::provisioning
