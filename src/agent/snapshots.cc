#include "agent/snapshots.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/time.h"
#include "uplink/sync_worker.h"

namespace agent {

using base::MonoTime;
using base::Result;

struct Snapshots::State : std::enable_shared_from_this<Snapshots::State> {
  struct Entry {
    std::unique_ptr<Snapshot> snapshot;
    schema::EventName event{};
    std::optional<MonoTime> taken;  // begun; nullopt: never, or it was off since
    SourceReport source;
    bool known = false;  // `source` was told
  };
  // What the worker brings back.
  struct Picture {
    Result<schema::Payload> payload;
    SourceReport source;
    base::WallTime time;
  };

  os::Loop& loop;
  Options options;
  std::vector<Entry> entries;
  std::deque<std::size_t> waiting;
  bool running = false;
  bool started = false;
  bool stopped = false;
  os::TimerId timer = 0;
  // The last member: its thread ends before what it works with.
  uplink::SyncWorker worker;

  State(os::Loop& the_loop, Options the_options)
      : loop(the_loop), options(std::move(the_options)) {}

  void plan();
  void take_next();
  void taken(std::size_t index, Picture picture);
};

// Queues what is due, and sets the timer for what is due next.
void Snapshots::State::plan() {
  loop.cancel(std::exchange(timer, 0));
  if (!started || stopped) return;
  const MonoTime now = base::mono_now();
  MonoTime next = MonoTime::max();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    if (options.off.contains(entry.event)) continue;
    if (!entry.taken || now - *entry.taken >= options.period) {
      entry.taken = now;
      if (std::find(waiting.begin(), waiting.end(), i) == waiting.end()) waiting.push_back(i);
    }
    next = std::min(next, *entry.taken + options.period);
  }
  if (next != MonoTime::max()) {
    timer = loop.after(next - now, [this] {
      timer = 0;
      plan();
    });
  }
  take_next();
}

void Snapshots::State::take_next() {
  if (running || stopped || waiting.empty()) return;
  const std::size_t index = waiting.front();
  waiting.pop_front();
  running = true;
  worker.wait();  // the task before has posted its picture, and may be about to return
  worker.run(
      [weak = weak_from_this(), &home = loop, snapshot = entries[index].snapshot.get(), index] {
        auto picture = std::make_shared<Picture>(Picture{snapshot->take(), {}, base::wall_now()});
        picture->source = snapshot->source();
        home.post([weak, index, picture] {
          if (const auto state = weak.lock()) state->taken(index, std::move(*picture));
        });
      });
}

void Snapshots::State::taken(std::size_t index, Picture picture) {
  running = false;
  Entry& entry = entries[index];
  entry.source = std::move(picture.source);
  entry.known = true;
  if (options.off.contains(entry.event) || (stopped && !picture.payload)) {
    // Turned off in between, or abandoned.
  } else if (picture.payload) {
    schema::Event event;
    event.id = base::Guid::random();
    event.time = {picture.time, std::chrono::minutes(0)};
    event.payload = std::move(*picture.payload);
    // Only a Periodic event may say that there is nothing.
    if (event.item_count() > 0 || event.category() == schema::Category::Periodic)
      options.emit(std::move(event));
  } else {
    entry.source.tier = "none";
    if (entry.source.reason.empty()) entry.source.reason = picture.payload.error().to_string();
    LOG_WARNING("snapshot.failed")
        .field("event", schema::to_string(entry.event))
        .field("error", picture.payload.error().to_string());
    if (options.failed) options.failed(entry.event, picture.payload.error());
  }
  take_next();
}

Snapshots::Snapshots(os::Loop& loop, std::vector<std::unique_ptr<Snapshot>> snapshots,
                     Options options)
    : state_(std::make_shared<State>(loop, std::move(options))) {
  for (auto& snapshot : snapshots) {
    const schema::EventName event = snapshot->event();
    state_->entries.push_back({std::move(snapshot), event, std::nullopt, {}, false});
  }
}

Snapshots::~Snapshots() {
  stop();
  state_->worker.wait();
}

void Snapshots::start() {
  state_->started = true;
  state_->plan();
}

void Snapshots::set_period(std::chrono::nanoseconds period) {
  if (period == state_->options.period) return;
  state_->options.period = period;
  state_->plan();
}

void Snapshots::set_off(std::set<schema::EventName> off) {
  if (off == state_->options.off) return;
  state_->options.off = std::move(off);
  for (State::Entry& entry : state_->entries) {
    if (state_->options.off.contains(entry.event)) entry.taken.reset();
  }
  std::erase_if(state_->waiting,
                [&](std::size_t index) { return !state_->entries[index].taken.has_value(); });
  state_->plan();
}

void Snapshots::take_again(schema::EventName event) {
  if (!state_->started) return;
  for (State::Entry& entry : state_->entries) {
    if (entry.event == event) entry.taken.reset();
  }
  state_->plan();
}

void Snapshots::stop() {
  state_->stopped = true;
  state_->waiting.clear();
  state_->loop.cancel(std::exchange(state_->timer, 0));
  for (const State::Entry& entry : state_->entries)
    entry.snapshot->abandon();
}

bool Snapshots::idle() const {
  return !state_->running && state_->waiting.empty();
}

std::vector<SourceReport> Snapshots::sources() const {
  std::vector<SourceReport> sources;
  for (const State::Entry& entry : state_->entries) {
    if (entry.known && !state_->options.off.contains(entry.event)) sources.push_back(entry.source);
  }
  return sources;
}

}  // namespace agent
