#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "dissect/protocol.h"
#include "sensor/flow/reassembly.h"

namespace sensor::flow {

// Who gets whole messages: `bytes` may be less than `size` (Frame::keep).
class Messages {
 public:
  virtual ~Messages() = default;
  virtual void message(dissect::Side side, base::ByteView bytes, std::size_t size) = 0;
};

// Cuts one direction of a stream into a session's messages; what is not whole yet is kept, at most
// kMaxPdu bytes of it. Threads: one.
class Framer {
 public:
  Framer(dissect::Side side, Budget& budget, FlowCounts& counts)
      : side_(side), budget_(&budget), counts_(&counts) {}
  ~Framer();
  Framer(const Framer&) = delete;
  Framer& operator=(const Framer&) = delete;

  void feed(base::ByteView bytes, dissect::Session& session, Messages& to);
  void gap(std::size_t bytes, dissect::Session& session, Messages& to);
  // Forgets all.
  void reset();
  // Whether there were any bytes yet.
  bool fed() const { return fed_; }
  // How often no message began, since the last one that did.
  unsigned int lost_in_a_row() const { return lost_in_a_row_; }

 private:
  bool step(base::ByteView& view, dissect::Session& session, Messages& to);
  bool take(const dissect::Frame& frame, base::ByteView& view, Messages& to);
  void keep(base::ByteView view);
  bool find(base::ByteView& view, dissect::Session& session);
  void lose();

  dissect::Side side_;
  Budget* budget_;
  FlowCounts* counts_;
  base::ByteVec held_;
  std::size_t counted_ = 0;    // of held_, in the budget
  std::size_t need_ = 0;       // held_ is of no use before it has so many bytes
  std::size_t size_ = 0;       // of the message that held_ has all of that is kept; 0: none
  std::size_t remaining_ = 0;  // ... and so much of it is yet to pass by
  bool fed_ = false;
  bool lost_ = false;
  unsigned int lost_in_a_row_ = 0;
};

}  // namespace sensor::flow
