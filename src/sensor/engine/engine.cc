#include "sensor/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "sensor/engine/lanes.h"

namespace sensor::engine {

using capture::PacketSource;

base::WallTime Clock::with(base::WallTime packet) {
  if (!begun_) {
    begun_ = true;
    packet_ = now_ = packet;
  } else if (packet >= packet_) {
    now_ = std::min(now_ + std::min(packet - packet_, kLongestPause), kEnd);
    packet_ = packet;
  } else if (packet_ - packet > kJitter) {
    ++steps_back_;
    packet_ = packet;
  }
  return now_;
}

Engine::Engine(const flow::Registry& registry, Consumer& consumer, const Settings& settings)
    : consumer_(consumer), settings_(settings), decoder_(settings.decode) {
  settings_.workers = std::max(1U, settings_.workers);
  WorkerSettings each = settings_.worker;
  each.tracker.flows = std::max(1U, each.tracker.flows / settings_.workers);
  each.tracker.reassembly /= settings_.workers;
  each.fact_capacity /= settings_.workers;
  for (unsigned int i = 0; i < settings_.workers; ++i)
    workers_.push_back(std::make_unique<Worker>(registry, each));
}

Engine::~Engine() = default;

base::Result<void> Engine::run(PacketSource& source) {
  auto done = settings_.workers == 1 ? run_here(source) : run_threads(source);
  lost_ += source.lost();
  return done;
}

void Engine::hand_over(std::vector<Record>& records) {
  in_order(records);
  for (const Record& record : records)
    consumer_.take(record);
  records.clear();
}

base::Result<void> Engine::run_here(PacketSource& source) {
  Worker& worker = *workers_.front();
  packet::RawPacket raw;
  packet::Packet packet;
  Ticks ticks;
  std::uint64_t position = 0;
  for (;;) {
    const PacketSource::Next next = TRY(source.next(raw));
    if (next == PacketSource::Next::End) break;
    if (next == PacketSource::Next::Nothing) continue;
    ++position;
    const base::WallTime now = clock_.with(raw.time);
    if (ticks.due(now)) worker.pass_time(now, tick_position(position));
    if (decoder_.decode(raw, packet)) worker.take(packet, now, packet_position(position));
    if (worker.records().size() >= kBatch) hand_over(worker.records());
  }
  worker.finish(tick_position(position + 1));
  hand_over(worker.records());
  return {};
}

base::Result<void> Engine::run_threads(PacketSource& source) {
  Lanes lanes(workers_, consumer_);
  packet::RawPacket raw;
  packet::Packet packet;
  Ticks ticks;
  std::uint64_t position = 0;
  for (;;) {
    const auto next = source.next(raw);
    if (!next) {
      lanes.finish(position + 1);
      return std::unexpected(next.error());
    }
    if (*next == PacketSource::Next::End) break;
    if (*next == PacketSource::Next::Nothing) continue;
    ++position;
    const base::WallTime now = clock_.with(raw.time);
    if (ticks.due(now)) lanes.tick(now, position);
    if (decoder_.decode(raw, packet)) lanes.packet(packet, now, position);
  }
  lanes.finish(position + 1);
  return {};
}

Health Engine::health() const {
  Health health;
  const auto add = [&](std::string_view name, std::uint64_t value) {
    health.emplace_back(name, value);
  };
  health.emplace_back("packets_lost", lost_);
  decoder_.counts().each(add);
  decoder_.fragment_counts().each(add);
  flow::FlowCounts flows;
  std::uint64_t forgotten = 0;
  std::uint64_t held_back = 0;
  for (const auto& worker : workers_) {
    flows += worker->counts();
    forgotten += worker->facts_forgotten();
    held_back += worker->facts_held_back();
  }
  flows.each(add);
  health.emplace_back("facts_repeated", held_back);
  health.emplace_back("facts_forgotten", forgotten);
  health.emplace_back("clock_steps_back", clock_.steps_back());
  return health;
}

}  // namespace sensor::engine
