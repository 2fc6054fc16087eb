#include "uplink/pace.h"

#include <algorithm>
#include <cmath>

namespace uplink {

using base::MonoTime;
using std::chrono::nanoseconds;

namespace {
constexpr double kNanos = 1e9;
constexpr int kMostDoublings = 20;

double seconds(nanoseconds time) {
  return static_cast<double>(time.count()) / kNanos;
}
}  // namespace

// --- Occasions ---

Occasions::Occasions(nanoseconds every, MonoTime now) : every_(every), last_(now) {}

void Occasions::set_every(nanoseconds every, MonoTime now) {
  if (every == every_) return;
  // At once before: then this moment was an occasion.
  if (every_.count() == 0) {
    last_ = now;
    open_ = false;
  }
  every_ = every;
}

bool Occasions::due(MonoTime now) {
  if (every_.count() == 0) return true;
  if (now - last_ >= every_) {
    last_ += (now - last_) / every_ * every_;
    open_ = true;
  }
  return open_;
}

MonoTime Occasions::next() const {
  return every_.count() == 0 || open_ ? MonoTime::max() : last_ + every_;
}

// --- Pace ---

void Pace::resumed(std::uint64_t events, MonoTime now, double random) {
  left_ = events < options_.least_events ? 0 : events;
  began_ = now;
  const auto spread = static_cast<double>(options_.spread.count()) * random;
  next_ = now + nanoseconds(static_cast<std::int64_t>(spread));
}

void Pace::sent(std::uint64_t events, std::uint64_t bytes, MonoTime now) {
  left_ -= std::min(left_, events);
  if (left_ == 0) return;
  const auto doublings =
      std::clamp<std::int64_t>((now - began_) / options_.doubling, 0, kMostDoublings);
  const double rate =
      std::ldexp(static_cast<double>(options_.bytes_per_second), static_cast<int>(doublings));
  next_ = std::max(next_, now) +
          nanoseconds(static_cast<std::int64_t>(static_cast<double>(bytes) / rate * kNanos));
}

// --- SyncBudget ---

SyncBudget::SyncBudget(Options options, MonoTime now)
    : options_(options), left_(static_cast<double>(options.burst)), when_(now) {}

double SyncBudget::at(MonoTime now) const {
  constexpr double kDay = 86400;
  const double earned = seconds(now - when_) * static_cast<double>(options_.bytes_per_day) / kDay;
  return std::min(left_ + earned, static_cast<double>(options_.burst));
}

nanoseconds SyncBudget::wait(MonoTime now) const {
  constexpr double kDay = 86400;
  const auto apart = std::max(std::chrono::duration_cast<nanoseconds>(next_ - now), nanoseconds(0));
  const double missing = static_cast<double>(options_.cost) - at(now);
  if (missing <= 0) return apart;
  const nanoseconds earning(static_cast<std::int64_t>(
      missing * kDay / static_cast<double>(options_.bytes_per_day) * kNanos));
  return std::max(apart, earning);
}

void SyncBudget::spend(MonoTime now) {
  left_ = at(now) - static_cast<double>(options_.cost);
  when_ = now;
  next_ = now + options_.apart;
}

}  // namespace uplink
