#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "detect/detector.h"

namespace detect::changes {

// Somebody who guesses passwords from elsewhere.
//
// Within ten minutes, ten failures (a repeated event counts as often as it stands for) from one
// address or its network; or from many networks, of one account. If none of those addresses logs in
// until ten minutes after such a window, that is a failed attempt, told once a day for each source.
// If one does within ten minutes of its last failure, it is a successful one; then five failures of
// that account are enough. Times are the device's own, and waiting is by ours. Logins at the device
// itself are no part of it.
// Threads: one at a time.
class BruteForce final : public Detector {
 public:
  struct Limits {
    std::size_t attempts = 256;    // remembered of a source; older ones are put together
    std::size_t sources = 20'000;  // those not heard of for longest are forgotten
  };

  BruteForce();
  explicit BruteForce(Limits limits);
  ~BruteForce() override;

  std::vector<RuleInfo> rules() const override;
  void on_event(const schema::Event& event, const Origin& origin,
                std::vector<Finding>& findings) override;
  void on_time(base::WallTime now, std::vector<Finding>& findings) override;

  std::string_view name() const override { return "brute-force"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;

  std::uint64_t evicted() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detect::changes
