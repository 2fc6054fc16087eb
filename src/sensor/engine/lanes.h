#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "sensor/engine/record.h"
#include "sensor/engine/worker.h"

namespace sensor::engine {

// Packets of a batch; records that one worker gathers before they are handed over.
inline constexpr std::size_t kBatch = 1024;

// Time passes, for workers, once a second of the clock.
class Ticks {
 public:
  bool due(base::WallTime now) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (second == last_) return false;
    last_ = second;
    return true;
  }

 private:
  std::chrono::sys_seconds last_{std::chrono::seconds::min()};
};

// Time passes before the packet that shows it.
inline std::uint64_t tick_position(std::uint64_t packet) {
  return packet * 2;
}
inline std::uint64_t packet_position(std::uint64_t packet) {
  return packet * 2 + 1;
}

// What time brings about has no order between flows but that in which they began; everything else
// is told as it happened.
void in_order(std::vector<Record>& records);

// Workers on threads of their own: batches of packets go to all of them, each takes those of its
// pairs of ends, and what they tell goes to the consumer, on one more thread, batch after batch.
// Bounded: the caller waits while all batches are in use. Threads: one.
class Lanes {
 public:
  Lanes(const std::vector<std::unique_ptr<Worker>>& workers, Consumer& consumer);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void packet(const packet::Packet& packet, base::WallTime now, std::uint64_t position);
  void tick(base::WallTime now, std::uint64_t position);
  // Ends all flows, and returns when the consumer has heard everything. Nothing may follow.
  void finish(std::uint64_t position);

 private:
  static constexpr std::size_t kBatches = 8;
  enum class Kind : std::uint8_t { Packet, Tick, Finish };
  struct Item {
    Kind kind = Kind::Packet;
    unsigned int worker = 0;
    std::uint64_t position = 0;
    base::WallTime now;
    std::size_t offset = 0;  // of the payload in `bytes`
    packet::Packet packet;
  };
  struct Batch {
    std::vector<Item> items;
    base::ByteVec bytes;
    std::vector<std::vector<Record>> records;  // of each worker
    std::atomic<std::uint32_t> working{0};
  };

  Batch& filling() { return batches_[filled_ % kBatches]; }
  void publish();
  void work(unsigned int which);
  void consume();

  const std::vector<std::unique_ptr<Worker>>& workers_;
  Consumer& consumer_;
  std::array<Batch, kBatches> batches_;
  std::uint64_t filled_ = 0;                 // batches that were published
  std::atomic<std::uint64_t> published_{0};  // the same, for workers
  std::atomic<std::uint64_t> consumed_{0};
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;
};

}  // namespace sensor::engine
