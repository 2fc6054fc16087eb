#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sensor/capture/source.h"
#include "sensor/engine/worker.h"
#include "sensor/packet/decode.h"

namespace sensor::engine {

struct Settings {
  unsigned int workers = 1;
  packet::DecodeSettings decode;
  WorkerSettings worker;  // its bounds are those of all workers together
};

// The sensor's only clock: that of the packets. Never goes back; when packets do by more than
// kJitter, as from one capture to the next, it goes on from where it was. A pause is never longer
// than kLongestPause, after which nothing is under way any more; at kEnd of days time stands still.
class Clock {
 public:
  static constexpr base::WallTime::duration kJitter = std::chrono::seconds(1);
  static constexpr base::WallTime::duration kLongestPause = std::chrono::hours(24);
  static constexpr base::WallTime kEnd{std::chrono::seconds(9'200'000'000)};

  // The time it is with that packet.
  base::WallTime with(base::WallTime packet);
  std::uint64_t steps_back() const { return steps_back_; }

 private:
  bool begun_ = false;
  base::WallTime packet_;
  base::WallTime now_;
  std::uint64_t steps_back_ = 0;
};

// Numbers by name, for people and records.
using Health = std::vector<std::pair<std::string_view, std::uint64_t>>;

// Takes all packets of a source through decoding, workers and their filters to a consumer.
//
// What the consumer hears, and in what order, depends on nothing but the packets and the settings:
// it is the same with one worker or many, as long as no bound of memory is reached. With one worker
// everything happens on the calling thread; with more, packets are read and decoded there, workers
// have threads of their own, and so has the consumer.
// `registry` and `consumer` outlive it. Threads: one.
class Engine {
 public:
  Engine(const flow::Registry& registry, Consumer& consumer, const Settings& settings);
  ~Engine();

  // Until the source ends.
  base::Result<void> run(capture::PacketSource& source);
  // When run() is over.
  Health health() const;

 private:
  base::Result<void> run_here(capture::PacketSource& source);
  base::Result<void> run_threads(capture::PacketSource& source);
  void hand_over(std::vector<Record>& records);

  Consumer& consumer_;
  Settings settings_;
  packet::Decoder decoder_;
  Clock clock_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t lost_ = 0;
};

}  // namespace sensor::engine
