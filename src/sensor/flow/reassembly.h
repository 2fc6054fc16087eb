#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "sensor/flow/counts.h"

namespace sensor::flow {

// Memory that all streams of a worker share.
struct Budget {
  std::size_t limit = 64U << 20U;
  std::size_t used = 0;

  bool take(std::size_t bytes) {
    if (bytes > limit - used) return false;
    used += bytes;
    return true;
  }
  void give(std::size_t bytes) { used -= bytes; }
};

// Who gets what is in order.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void bytes(base::ByteView bytes) = 0;
  // So many bytes were not seen (0: nobody knows).
  virtual void gap(std::size_t bytes) = 0;
  // Bytes were sent twice, and differed: the first copy was taken.
  virtual void conflict() = 0;
};

// One direction of a TCP stream, put in order. At most kMaxHeld bytes wait for what is missing
// before them; the first copy of a byte wins. Needs no start: the first segment is where it begins.
// Threads: one.
// Source: RFC 9293 section 3.4.
class Reassembly {
 public:
  static constexpr std::size_t kMaxHeld = 64U << 10U;
  static constexpr std::size_t kMaxPieces = 128;
  // A segment farther off is of another stream.
  static constexpr std::int32_t kWindow = 1 << 24;

  Reassembly(Budget& budget, FlowCounts& counts) : budget_(&budget), counts_(&counts) {}
  ~Reassembly();
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;

  // The stream begins after `sequence`.
  void begin(std::uint32_t sequence);
  // `size` is that on the wire: of `bytes` the end may be missing.
  void segment(std::uint32_t sequence, base::ByteView bytes, std::size_t size, base::WallTime now,
               Delivery& to);
  // The other end has all before `sequence`: what is missing of that will not come.
  void acknowledged(std::uint32_t sequence, Delivery& to);
  // Gives up what has been missing since before `since`.
  void give_up_before(base::WallTime since, Delivery& to);
  // Nothing more will come.
  void finish(Delivery& to);

  bool begun() const { return begun_; }
  bool waiting() const { return !pieces_.empty(); }
  std::uint32_t next() const { return next_; }

 private:
  struct Piece {
    std::uint32_t sequence = 0;
    base::ByteVec bytes;
  };
  // The last segments that were delivered, to know a different copy.
  struct Seen {
    std::uint32_t sequence = 0;
    std::uint32_t size = 0;
    std::uint32_t checksum = 0;
  };

  std::int32_t ahead(std::uint32_t sequence) const {
    return static_cast<std::int32_t>(sequence - next_);
  }
  void again(std::uint32_t sequence, base::ByteView bytes, Delivery& to);
  void deliver(base::ByteView bytes, Delivery& to);
  void hold(std::uint32_t sequence, base::ByteView bytes, Delivery& to);
  std::size_t insert(std::size_t at, std::uint32_t sequence, base::ByteView bytes);
  void drain(Delivery& to);
  void skip_to_first(Delivery& to);

  Budget* budget_;
  FlowCounts* counts_;
  bool begun_ = false;
  std::uint8_t seen_next_ = 0;
  std::uint32_t next_ = 0;
  std::size_t held_ = 0;
  base::WallTime since_;
  std::vector<Piece> pieces_;  // in order, without overlaps
  Seen seen_[2];
};

}  // namespace sensor::flow
