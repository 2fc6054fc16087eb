#include "hub/api/running_queries.h"

#include <algorithm>

#include "store/query.h"

namespace hub::api {

namespace {

constexpr std::size_t kMaxEarly = 256;

}  // namespace

RunningQueries::Place::~Place() {
  if (queries_ == nullptr) return;
  const std::lock_guard lock(queries_->mutex_);
  queries_->running_.erase(id_);
}

bool RunningQueries::Place::take(RunningQueries& queries, Query query, store::Cancel& cancel,
                                 base::MonoTime now) {
  const std::lock_guard lock(queries.mutex_);
  const auto is_it = [&query](const Early& each) {
    return each.id == query.id && each.who == query.owner;
  };
  std::erase_if(queries.early_, [now](const Early& each) { return each.until <= now; });
  if (std::ranges::any_of(queries.early_, is_it)) cancel.cancel();
  std::string id = query.id;
  const auto [place, taken] = queries.running_.try_emplace(id, Running{std::move(query), &cancel});
  if (!taken) return false;
  queries_ = &queries;
  id_ = std::move(id);
  return true;
}

bool RunningQueries::cancel(std::string_view id, std::string_view who, bool administers,
                            base::MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found != running_.end()) {
    if (!administers && found->second.query.owner != who) return false;
    // It lives until its place is given back, which waits for the lock.
    found->second.cancel->cancel();
    return true;
  }
  if (early_.size() == kMaxEarly) early_.pop_front();
  early_.push_back({std::string(id), std::string(who), now + kRemember});
  return false;
}

std::vector<RunningQueries::Query> RunningQueries::list(std::string_view who,
                                                        bool administers) const {
  std::vector<Query> out;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, running] : running_) {
      if (administers || running.query.owner == who) out.push_back(running.query);
    }
  }
  std::ranges::sort(out, {}, &Query::started);
  return out;
}

}  // namespace hub::api
