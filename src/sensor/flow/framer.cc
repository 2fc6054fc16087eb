#include "sensor/flow/framer.h"

#include <algorithm>
#include <cstring>

namespace sensor::flow {

using dissect::Frame;
using dissect::kMaxPdu;

Framer::~Framer() {
  budget_->give(counted_);
}

void Framer::reset() {
  held_ = {};
  budget_->give(counted_);
  counted_ = 0;
  need_ = 0;
  size_ = 0;
  remaining_ = 0;
  fed_ = false;
  lost_ = false;
  lost_in_a_row_ = 0;
}

void Framer::lose() {
  counts_->add(FlowCount::Lost);
  ++lost_in_a_row_;
  lost_ = true;
  need_ = 0;
}

void Framer::feed(base::ByteView bytes, dissect::Session& session, Messages& to) {
  fed_ = true;
  if (size_ != 0) {
    const std::size_t passed = std::min(remaining_, bytes.size());
    remaining_ -= passed;
    bytes = bytes.subspan(passed);
    if (remaining_ != 0) return;
    const std::size_t size = size_;
    size_ = 0;
    lost_in_a_row_ = 0;
    to.message(side_, held_, size);
    keep({});
  }
  if (bytes.empty()) return;
  base::ByteView view = bytes;
  if (!held_.empty()) {
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    view = held_;
  }
  while (!view.empty() && view.size() >= need_ && size_ == 0 && step(view, session, to)) {
  }
  keep(view);
}

// Whether there may be more in what is left.
bool Framer::step(base::ByteView& view, dissect::Session& session, Messages& to) {
  if (lost_ && !find(view, session)) return false;
  const Frame frame = session.frame(side_, view);
  switch (frame.kind) {
    case Frame::Kind::Pdu:
      if (frame.size == 0) break;
      return take(frame, view, to);
    case Frame::Kind::Incomplete:
      need_ = std::max(frame.size, view.size() + 1);
      if (need_ <= kMaxPdu) return false;
      counts_->add(FlowCount::HeldOut, view.size());
      break;
    case Frame::Kind::Lost:
      break;
  }
  lose();
  view = view.subspan(1);
  return true;
}

bool Framer::take(const Frame& frame, base::ByteView& view, Messages& to) {
  const std::size_t shown = std::min({frame.keep, frame.size, kMaxPdu});
  if (view.size() >= frame.size) {
    need_ = 0;
    lost_in_a_row_ = 0;
    to.message(side_, view.first(shown), frame.size);
    view = view.subspan(frame.size);
    return true;
  }
  need_ = shown;
  if (view.size() < shown) return false;
  need_ = 0;
  size_ = frame.size;
  remaining_ = frame.size - view.size();
  view = view.first(shown);
  return false;
}

bool Framer::find(base::ByteView& view, dissect::Session& session) {
  const auto at = session.resync(side_, view);
  if (!at || *at >= view.size()) {
    view = {};
    return false;
  }
  lost_ = false;
  view = view.subspan(*at);
  return true;
}

// Makes `view`, which may be a part of held_, all of held_.
void Framer::keep(base::ByteView view) {
  if (view.empty()) {
    held_.clear();
    if (held_.capacity() > 4096) held_ = {};
  } else if (!held_.empty() && view.data() >= held_.data() &&
             view.data() < held_.data() + held_.size()) {
    std::memmove(held_.data(), view.data(), view.size());
    held_.resize(view.size());
  } else {
    held_.assign(view.begin(), view.end());
  }
  budget_->give(counted_);
  counted_ = 0;
  if (budget_->take(held_.size())) {
    counted_ = held_.size();
    return;
  }
  counts_->add(FlowCount::HeldOut, held_.size());
  held_ = {};
  size_ = 0;
  lose();
}

void Framer::gap(std::size_t bytes, dissect::Session& session, Messages& to) {
  if (size_ != 0 && bytes != 0) {
    const std::size_t inside = std::min(bytes, remaining_);
    remaining_ -= inside;
    bytes -= inside;
    if (remaining_ == 0) {
      const std::size_t size = size_;
      size_ = 0;
      to.message(side_, held_, size);
    }
    if (bytes == 0) {
      if (size_ == 0) keep({});
      return;
    }
  }
  size_ = 0;
  keep({});
  need_ = 0;
  lost_ = true;
  session.gap(side_);
}

}  // namespace sensor::flow
