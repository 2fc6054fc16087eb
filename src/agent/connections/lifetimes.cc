#include "agent/connections/lifetimes.h"

#include <utility>

namespace agent::connections {

void Lifetimes::take(const Observed& seen, base::MonoTime now) {
  switch (seen.what) {
    case What::Opened:
      opened(seen, now);
      break;
    case What::Failed:
      emit(seen, Phase::Failed);
      break;
    case What::Owner:
      owned(seen);
      break;
    case What::Closed:
      closed(seen);
      break;
  }
}

void Lifetimes::opened(const Observed& seen, base::MonoTime now) {
  if (seen.id == 0 || seen.protocol == Protocol::Udp) {
    emit(seen, Phase::Single);
    return;
  }
  while (waiting_.size() >= options_.max_waiting)
    release_oldest();
  const base::MonoTime due = now + options_.hold;
  waiting_.insert_or_assign(seen.id, Waiting{{seen, options_.who(seen), Phase::Open, {}}, due});
  order_.emplace_back(seen.id, due);
}

void Lifetimes::owned(const Observed& seen) {
  const auto found = waiting_.find(seen.id);
  // Reported already, with who listens.
  if (found == waiting_.end()) return;
  Report& report = found->second.report;
  const base::WallTime opened = report.seen.time;
  report.seen = seen;
  report.seen.time = opened;
  report.process = options_.who(seen);
}

void Lifetimes::closed(const Observed& seen) {
  const auto found = waiting_.find(seen.id);
  if (found == waiting_.end()) {
    emit(seen, Phase::Ended);
    return;
  }
  Report report = std::move(found->second.report);
  waiting_.erase(found);
  report.phase = Phase::Whole;
  report.duration = seen.time - report.seen.time;
  report.seen.bytes_sent = seen.bytes_sent;
  report.seen.bytes_received = seen.bytes_received;
  // Who closed it is the first to have used it.
  if (report.seen.listener && !seen.listener && seen.pid != 0) {
    report.seen.pid = seen.pid;
    report.seen.uid = seen.uid;
    report.seen.comm = seen.comm;
    report.seen.listener = false;
    report.process = options_.who(seen);
  }
  options_.emit(report);
}

void Lifetimes::emit(const Observed& seen, Phase phase) {
  Report report{seen, options_.who(seen), phase, {}};
  if (seen.opened) report.duration = seen.time - *seen.opened;
  options_.emit(report);
}

void Lifetimes::release_oldest() {
  if (order_.empty()) return;
  const auto [id, due] = order_.front();
  order_.pop_front();
  const auto found = waiting_.find(id);
  // Ended meanwhile, or another with that number.
  if (found == waiting_.end() || found->second.due != due) return;
  const Report report = std::move(found->second.report);
  waiting_.erase(found);
  options_.emit(report);
}

void Lifetimes::expire(base::MonoTime now) {
  while (!order_.empty() && order_.front().second <= now)
    release_oldest();
}

base::MonoTime Lifetimes::next_expiry() const {
  return order_.empty() ? base::MonoTime::max() : order_.front().second;
}

void Lifetimes::flush() {
  while (!order_.empty())
    release_oldest();
}

}  // namespace agent::connections
