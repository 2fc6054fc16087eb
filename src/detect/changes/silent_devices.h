#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "detect/detector.h"

namespace detect::changes {

// What the hub knows of a device whose silence is to be judged.
struct Standing {
  bool exists = true;
  bool excused = false;    // disabled, or in maintenance: it may be silent
  base::WallTime since{};  // when that began or ended last; silence before does not count
};

struct SilenceOptions {
  std::chrono::nanoseconds after = std::chrono::hours{72};
  // Called for devices that were silent for so long, on the thread that lets time pass. Empty: all
  // exist, and none is excused.
  std::function<Standing(std::string_view device)> standing = {};
  // When time passes by more than that at once, nobody was there to hear devices, and their silence
  // does not count: the hub was down, or slept.
  std::chrono::nanoseconds largest_step = std::chrono::nanoseconds::max();
};

// Devices that sent security messages, or were given a security module, and then say nothing for a
// while. What the hub received counts, not the device's clock. The alert ends by itself with the
// next message, or with the device.
// Threads: one at a time.
class SilentDevices final : public Detector {
 public:
  explicit SilentDevices(SilenceOptions options = {});
  ~SilentDevices() override;

  std::vector<RuleInfo> rules() const override;
  void on_message(const Origin& origin, std::vector<Finding>& findings) override;
  void on_operation(const store::OperationRow& operation, const Origin& origin,
                    std::vector<Finding>& findings) override;
  void on_time(base::WallTime now, std::vector<Finding>& findings) override;
  // What nobody told of is no silence.
  void on_end(base::WallTime, std::vector<Finding>&) override {}

  // When a device was heard is kept to a part of `after`; after a restart it counts as heard at the
  // end of that part, so that no alert comes early.
  std::string_view name() const override { return "silent-devices"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detect::changes
