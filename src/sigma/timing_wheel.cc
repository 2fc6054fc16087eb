#include "sigma/timing_wheel.h"

#include <algorithm>

#include "base/result.h"

namespace sigma {
namespace {

void clear(TimingWheel::Hook& slot) {
  slot.previous = &slot;
  slot.next = &slot;
}

}  // namespace

TimingWheel::TimingWheel() {
  for (Hook& slot : near_)
    clear(slot);
  for (auto& level : far_) {
    for (Hook& slot : level)
      clear(slot);
  }
  clear(due_);
}

void TimingWheel::link(Hook& slot, Hook& hook) {
  hook.previous = slot.previous;
  hook.next = &slot;
  slot.previous->next = &hook;
  slot.previous = &hook;
}

void TimingWheel::unlink(Hook& hook) {
  hook.previous->next = hook.next;
  hook.next->previous = hook.previous;
  hook.previous = nullptr;
  hook.next = nullptr;
}

// Into the level in whose slots its distance is told; what is farther than all waits in the last.
void TimingWheel::place(Hook& hook) {
  std::uint64_t due = std::max(hook.due, now_ + 1);
  std::uint64_t distance = due - now_;
  if (distance < near_.size()) return link(near_[due % near_.size()], hook);
  std::size_t shift = kFirstBits;
  for (std::size_t level = 0; level < kLevels; ++level, shift += kBits) {
    const std::uint64_t span = std::uint64_t{1} << (shift + kBits);
    if (distance >= span && level + 1 < kLevels) continue;
    if (distance >= span) due = now_ + span - 1;
    return link(far_[level][(due >> shift) % far_[level].size()], hook);
  }
}

void TimingWheel::set(Hook& hook, std::uint64_t due) {
  if (has(hook)) {
    unlink(hook);
  } else {
    ++size_;
  }
  hook.due = due;
  place(hook);
}

void TimingWheel::remove(Hook& hook) {
  if (!has(hook)) return;
  unlink(hook);
  --size_;
}

// All that waits in a slot finds its place anew, now that it is nearer.
void TimingWheel::spread(Hook& slot) {
  Hook* hook = slot.next;
  clear(slot);
  while (hook != &slot) {
    Hook* const next = hook->next;
    if (hook->due <= now_) {
      link(due_, *hook);
    } else {
      place(*hook);
    }
    hook = next;
  }
}

void TimingWheel::tick() {
  ++now_;
  std::size_t shift = kFirstBits;
  for (std::size_t level = 0; level < kLevels; ++level, shift += kBits) {
    if (now_ % (std::uint64_t{1} << shift) != 0) break;
    spread(far_[level][(now_ >> shift) % far_[level].size()]);
  }
  spread(near_[now_ % near_.size()]);
}

TimingWheel::Hook* TimingWheel::next_due(std::uint64_t to) {
  // After a very long pause it is quicker to look at all that waits than at every tick; then the
  // order of what is due is lost.
  constexpr std::uint64_t kLongPause = 1U << 26U;
  if (to > now_ && to - now_ > kLongPause && !empty()) {
    now_ = to;
    for (Hook& slot : near_)
      spread(slot);
    for (auto& level : far_) {
      for (Hook& slot : level)
        spread(slot);
    }
  }
  while (due_.next == &due_ && now_ < to && !empty())
    tick();
  if (due_.next == &due_) {
    now_ = std::max(now_, to);
    return nullptr;
  }
  Hook* const hook = due_.next;
  remove(*hook);
  return hook;
}

}  // namespace sigma
