#include "sensor/engine/live.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "os/thread.h"
#include "sensor/engine/lanes.h"

namespace sensor::engine {

using capture::PacketSource;

Health health_of(const packet::Decoder& decoder, const Worker& worker, const Clock& clock,
                 std::uint64_t lost) {
  Health health;
  const auto add = [&](std::string_view name, std::uint64_t value) {
    health.emplace_back(name, value);
  };
  add("packets_lost", lost);
  decoder.counts().each(add);
  decoder.fragment_counts().each(add);
  worker.counts().each(add);
  add("flows_now", worker.flows());
  add("facts_repeated", worker.facts_held_back());
  add("facts_forgotten", worker.facts_forgotten());
  add("clock_steps_back", clock.steps_back());
  return health;
}

Live::Live(const flow::Registry& registry, Consumer& consumer, const Settings& settings,
           std::vector<std::unique_ptr<PacketSource>> sources)
    : consumer_(consumer) {
  WorkerSettings each = settings.worker;
  const std::size_t count = std::max<std::size_t>(1, sources.size());
  each.tracker.flows = std::max(1U, each.tracker.flows / static_cast<std::uint32_t>(count));
  each.tracker.reassembly /= count;
  each.fact_capacity /= count;
  // Workers count flows in turns, from when they began, so that neither another worker nor the next
  // run calls one of its own the same. Microseconds, of which readers of JSON keep all digits.
  const auto begun = base::wall_now().time_since_epoch();
  each.tracker.first_id = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(begun).count());
  each.tracker.next_id = count;
  for (auto& source : sources) {
    auto lane = std::make_unique<Lane>();
    lane->source = std::move(source);
    lane->worker = std::make_unique<Worker>(registry, each);
    ++each.tracker.first_id;
    lane->decoder = packet::Decoder(settings.decode);
    lanes_.push_back(std::move(lane));
  }
}

Live::~Live() {
  stop();
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void Live::work(Lane& lane) {
  packet::RawPacket raw;
  packet::Packet packet;
  Ticks ticks;
  std::uint64_t position = 0;
  while (!stopping_) {
    const auto next = lane.source->next(raw);
    if (!next) {
      const std::lock_guard lock(mutex_);
      if (outcome_) outcome_ = std::unexpected(next.error());
      stopping_ = true;
      break;
    }
    if (*next == PacketSource::Next::End) break;
    const bool something = *next == PacketSource::Next::Packet;
    // Without packets, time passes by the clock that would have stamped them.
    const base::WallTime now = lane.clock.with(something ? raw.time : base::wall_now());
    ++position;
    if (ticks.due(now)) {
      lane.worker->pass_time(now, tick_position(position));
      report(lane);
    }
    if (something && lane.decoder.decode(raw, packet))
      lane.worker->take(packet, now, packet_position(position));
    if (lane.worker->records().size() >= kBatch || !something) hand_over(lane);
  }
  lane.worker->finish(tick_position(position + 1));
  hand_over(lane);
  report(lane);
  const std::lock_guard lock(mutex_);
  --working_;
  changed_.notify_all();
}

void Live::hand_over(Lane& lane) {
  std::vector<Record>& records = lane.worker->records();
  if (records.empty()) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.size() < kWaiting; });
  waiting_.push_back(std::exchange(records, {}));
  changed_.notify_all();
}

void Live::report(Lane& lane) {
  Health health = health_of(lane.decoder, *lane.worker, lane.clock, lane.source->lost());
  const std::lock_guard lock(mutex_);
  lane.health = std::move(health);
}

Health Live::sum() {
  Health whole;
  const std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (whole.empty()) {
      whole = lane->health;
      continue;
    }
    for (std::size_t i = 0; i < lane->health.size(); ++i)
      whole[i].second += lane->health[i].second;
  }
  return whole;
}

// False: nothing within kBreath.
bool Live::take(std::vector<Record>& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kBreath, [this] { return !waiting_.empty() || working_ == 0; });
  if (waiting_.empty()) return false;
  batch = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.notify_all();
  return true;
}

base::Result<void> Live::run(const std::function<void(const Health&)>& idle) {
  working_ = lanes_.size();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    lane.thread = os::start_thread("sensor-" + std::to_string(i), [this, &lane] { work(lane); });
  }
  std::vector<Record> batch;
  for (bool over = false; !over;) {
    if (take(batch)) {
      for (const Record& record : batch)
        consumer_.take(record);
    } else {
      const std::lock_guard lock(mutex_);
      over = working_ == 0 && waiting_.empty();
    }
    idle(sum());
  }
  for (const auto& lane : lanes_)
    lane->thread.join();
  const std::lock_guard lock(mutex_);
  return outcome_;
}

}  // namespace sensor::engine
