#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sensor/engine/engine.h"

namespace sensor::engine {

// Listens to sources that never end, a worker for each, which share nothing: packets are decoded
// where they are taken. Who tells what first is the network's affair here; one consumer hears all
// of it, on the thread of run(). Bounded: workers wait for a consumer that is slow, and the kernel
// counts what they miss meanwhile. Threads: as said.
class Live {
 public:
  // `registry` and `consumer` outlive it. As many workers as sources.
  Live(const flow::Registry& registry, Consumer& consumer, const Settings& settings,
       std::vector<std::unique_ptr<capture::PacketSource>> sources);
  ~Live();
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  // Until stop(), or a source fails. `idle` is called between records, at least each kBreath, with
  // what has been counted. Errors: those of the sources.
  base::Result<void> run(const std::function<void(const Health&)>& idle);
  // Threads and signal handlers: any.
  void stop() { stopping_ = true; }

 private:
  static constexpr std::size_t kWaiting = 64;  // batches
  static constexpr std::chrono::milliseconds kBreath{250};
  struct Lane {
    std::unique_ptr<capture::PacketSource> source;
    std::unique_ptr<Worker> worker;
    packet::Decoder decoder;
    Clock clock;
    Health health;  // of a moment ago; under mutex_
    std::thread thread;
  };

  void work(Lane& lane);
  void hand_over(Lane& lane);
  void report(Lane& lane);
  Health sum();
  bool take(std::vector<Record>& batch);

  Consumer& consumer_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<Record>> waiting_;
  std::size_t working_ = 0;
  base::Result<void> outcome_;
};

// What a decoder and a worker have counted.
Health health_of(const packet::Decoder& decoder, const Worker& worker, const Clock& clock,
                 std::uint64_t lost);

}  // namespace sensor::engine
