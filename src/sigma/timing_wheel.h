#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sigma {

// When things are due, in whole ticks: adding, moving and removing cost the same however many there
// are. Things carry a Hook of their own and must remove it before they go. Threads: one at a time.
class TimingWheel {
 public:
  struct Hook {
    Hook* previous = nullptr;  // nullptr: not in a wheel
    Hook* next = nullptr;
    std::uint64_t due = 0;
  };

  TimingWheel();
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // Where time begins; before the first add().
  void start(std::uint64_t now) { now_ = now; }
  std::uint64_t now() const { return now_; }
  bool empty() const { return size_ == 0; }

  // Adds it, or moves it when it is there. What is due already comes with the next tick.
  void set(Hook& hook, std::uint64_t due);
  static bool has(const Hook& hook) { return hook.previous != nullptr; }
  void remove(Hook& hook);

  // Moves time on and takes out the next hook that is due by then; nullptr: no more, and now() is
  // `to`. Time does not go back. Earlier ones come first,
  // those of one tick in any order.
  Hook* next_due(std::uint64_t to);

 private:
  // 256 ticks one by one, then 64 slots for each level, each slot as long as all of the level
  // below.
  static constexpr std::size_t kFirstBits = 8;
  static constexpr std::size_t kBits = 6;
  static constexpr std::size_t kLevels = 4;

  void place(Hook& hook);
  void spread(Hook& slot);
  void tick();
  static void link(Hook& slot, Hook& hook);
  static void unlink(Hook& hook);

  std::uint64_t now_ = 0;
  std::size_t size_ = 0;
  std::array<Hook, std::size_t{1} << kFirstBits> near_;
  std::array<std::array<Hook, std::size_t{1} << kBits>, kLevels> far_;
  Hook due_;  // taken from its slot, not handed out yet
};

}  // namespace sigma
