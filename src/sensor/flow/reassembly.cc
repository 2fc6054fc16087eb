#include "sensor/flow/reassembly.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hash.h"

namespace sensor::flow {

Reassembly::~Reassembly() {
  budget_->give(held_);
}

void Reassembly::begin(std::uint32_t sequence) {
  begun_ = true;
  next_ = sequence + 1;
}

void Reassembly::segment(std::uint32_t sequence, base::ByteView bytes, std::size_t size,
                         base::WallTime now, Delivery& to) {
  if (!begun_) {
    begun_ = true;
    next_ = sequence;
  }
  if (ahead(sequence) > kWindow || ahead(sequence) < -kWindow) {
    finish(to);
    counts_->add(FlowCount::Gaps);
    to.gap(0);
    next_ = sequence;
  }
  const std::size_t before = ahead(sequence) < 0 ? static_cast<std::size_t>(-ahead(sequence)) : 0;
  if (before >= size) {
    again(sequence, bytes, to);
    return;
  }
  if (before > 0) {
    bytes = bytes.subspan(std::min(before, bytes.size()));
    size -= before;
    sequence = next_;
  }
  if (pieces_.empty() && sequence == next_) {
    deliver(bytes, to);
  } else {
    counts_->add(FlowCount::OutOfOrder);
    if (pieces_.empty()) since_ = now;
    hold(sequence, bytes, to);
    drain(to);
  }
  // The end of it was not captured, and will not come.
  if (bytes.size() < size && ahead(sequence) + static_cast<std::int32_t>(bytes.size()) == 0) {
    const std::size_t missing = size - bytes.size();
    counts_->add(FlowCount::Gaps);
    counts_->add(FlowCount::GapBytes, missing);
    next_ += static_cast<std::uint32_t>(missing);
    to.gap(missing);
    drain(to);
  }
}

void Reassembly::again(std::uint32_t sequence, base::ByteView bytes, Delivery& to) {
  counts_->add(FlowCount::Retransmitted);
  // Probes whether a connection is alive repeat a byte, often a made-up one.
  if (bytes.size() < 2) return;
  for (const Seen& seen : seen_) {
    if (seen.sequence != sequence || seen.size != bytes.size()) continue;
    if (seen.checksum == base::crc32c(bytes)) return;
    counts_->add(FlowCount::Conflicts);
    to.conflict();
    return;
  }
}

void Reassembly::deliver(base::ByteView bytes, Delivery& to) {
  if (bytes.empty()) return;
  if (bytes.size() > 1) {
    seen_[seen_next_] = {next_, static_cast<std::uint32_t>(bytes.size()), base::crc32c(bytes)};
    seen_next_ ^= 1U;
  }
  next_ += static_cast<std::uint32_t>(bytes.size());
  to.bytes(bytes);
}

// Where the next piece would be, after one was put in `at`.
std::size_t Reassembly::insert(std::size_t at, std::uint32_t sequence, base::ByteView bytes) {
  if (pieces_.size() >= 2 * kMaxPieces || !budget_->take(bytes.size())) {
    counts_->add(FlowCount::HeldOut, bytes.size());
    return at;
  }
  held_ += bytes.size();
  Piece piece;
  piece.sequence = sequence;
  piece.bytes.assign(bytes.begin(), bytes.end());
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(at), std::move(piece));
  return at + 1;
}

void Reassembly::hold(std::uint32_t sequence, base::ByteView bytes, Delivery& to) {
  const std::int32_t begin = ahead(sequence);
  const std::int32_t end = begin + static_cast<std::int32_t>(bytes.size());
  std::int32_t at = begin;
  bool differs = false;
  const auto part = [&](std::int32_t from, std::int32_t until) {
    return bytes.subspan(static_cast<std::size_t>(from - begin),
                         static_cast<std::size_t>(until - from));
  };
  for (std::size_t i = 0; at < end;) {
    std::int32_t first = end;
    std::int32_t last = end;
    if (i < pieces_.size()) {
      first = ahead(pieces_[i].sequence);
      last = first + static_cast<std::int32_t>(pieces_[i].bytes.size());
      if (last <= at) {
        ++i;
        continue;
      }
    }
    if (first >= end) {
      insert(i, next_ + static_cast<std::uint32_t>(at), part(at, end));
      break;
    }
    if (first > at) {
      i = insert(i, next_ + static_cast<std::uint32_t>(at), part(at, first));
      at = first;
      continue;
    }
    const std::int32_t until = std::min(end, last);
    differs |= std::memcmp(&pieces_[i].bytes[static_cast<std::size_t>(at - first)],
                           part(at, until).data(), static_cast<std::size_t>(until - at)) != 0;
    at = until;
  }
  if (differs) {
    counts_->add(FlowCount::Conflicts);
    to.conflict();
  }
  while (held_ > kMaxHeld || pieces_.size() > kMaxPieces)
    skip_to_first(to);
}

void Reassembly::drain(Delivery& to) {
  std::size_t done = 0;
  while (done < pieces_.size() && ahead(pieces_[done].sequence) <= 0) {
    const Piece piece = std::move(pieces_[done]);
    ++done;
    budget_->give(piece.bytes.size());
    held_ -= piece.bytes.size();
    const auto before = static_cast<std::size_t>(-ahead(piece.sequence));
    if (before < piece.bytes.size()) deliver(base::ByteView(piece.bytes).subspan(before), to);
  }
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Reassembly::skip_to_first(Delivery& to) {
  const std::int32_t missing = ahead(pieces_.front().sequence);
  if (missing > 0) {
    counts_->add(FlowCount::Gaps);
    counts_->add(FlowCount::GapBytes, static_cast<std::uint64_t>(missing));
    next_ = pieces_.front().sequence;
    to.gap(static_cast<std::size_t>(missing));
  }
  drain(to);
}

void Reassembly::acknowledged(std::uint32_t sequence, Delivery& to) {
  while (!pieces_.empty() && static_cast<std::int32_t>(sequence - pieces_.front().sequence) > 0)
    skip_to_first(to);
}

void Reassembly::give_up_before(base::WallTime since, Delivery& to) {
  if (since_ > since) return;
  while (!pieces_.empty())
    skip_to_first(to);
}

void Reassembly::finish(Delivery& to) {
  while (!pieces_.empty())
    skip_to_first(to);
}

}  // namespace sensor::flow
