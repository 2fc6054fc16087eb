#include "uplink/uplink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "schema/message.h"
#include "uplink/packer.h"
#include "uplink/split.h"
#include "uplink/sync_worker.h"

namespace uplink {

using base::MonoTime;
using base::Result;
using std::chrono::nanoseconds;

struct Uplink::State : std::enable_shared_from_this<Uplink::State> {
  os::Loop& loop;
  Options options;
  std::size_t max_event_bytes = 0;
  std::unique_ptr<Spool> spool;
  std::optional<Outbox> outbox;
  std::optional<Packer> packer;
  std::unique_ptr<Session> session;
  std::uint64_t events_split = 0;

  bool flush_planned = false;
  bool low_due = true;  // what earlier runs left behind goes at once
  os::TimerId flush_timer = 0;
  os::TimerId low_timer = 0;
  os::TimerId expiry_timer = 0;
  MonoTime expiry_at = MonoTime::max();
  os::TimerId sync_timer = 0;
  MonoTime sync_at = MonoTime::max();
  bool high_unsynced = false;
  // What the worker is at, and when it should be at it again.
  struct Syncing {
    Spool::Sync sync;
    Result<void> result;
  };
  std::shared_ptr<Syncing> syncing;
  nanoseconds sync_again{0};
  SyncWorker worker;

  State(os::Loop& the_loop, Options the_options)
      : loop(the_loop), options(std::move(the_options)) {}

  void collect(const schema::Event& event, Priority priority);
  void plan_flush();
  void flush();
  void plan_low();
  std::optional<Message> next_message();
  void acknowledged(const Message& message);
  void plan_expiry();
  void plan_sync(nanoseconds delay);
  void begin_sync();
  void end_sync();
  void cancel_timers();
};

// --- Collecting ---

void Uplink::State::collect(const schema::Event& event, Priority priority) {
  const std::size_t parts = encode_in_parts(
      event, max_event_bytes, [&](std::string json) { spool->append(std::move(json), priority); });
  events_split += parts > 1 ? 1 : 0;
  high_unsynced |= priority == Priority::High;
  plan_flush();
}

// Once for all events of a turn of the loop: one write, and one message where they fit.
void Uplink::State::plan_flush() {
  if (std::exchange(flush_planned, true)) return;
  flush_timer = loop.after(nanoseconds(0), [this] { flush(); });
}

void Uplink::State::flush() {
  flush_planned = false;
  spool->flush();
  plan_sync(std::exchange(high_unsynced, false) ? options.sync_delay_high : options.sync_delay_low);
  plan_low();
  session->pump();
}

void Uplink::State::plan_expiry() {
  const MonoTime next = outbox->next_expiry();
  if (next == expiry_at) return;
  loop.cancel(expiry_timer);
  expiry_at = next;
  if (next == MonoTime::max()) return;
  expiry_timer = loop.after(next - base::mono_now(), [this] {
    expiry_at = MonoTime::max();
    outbox->expire(base::mono_now());
    plan_expiry();
  });
}

// --- Sending ---

// Low events wait a moment for company.
void Uplink::State::plan_low() {
  if (low_due || low_timer != 0 || !packer->has_unsent(Priority::Low)) return;
  low_timer = loop.after(options.low_delay, [this] {
    low_timer = 0;
    low_due = true;
    session->pump();
  });
}

std::optional<Message> Uplink::State::next_message() {
  auto message = packer->next(low_due);
  // Until then, what piles up while messages are in flight is sent as it comes.
  if (!packer->has_unsent(Priority::Low)) low_due = false;
  return message;
}

void Uplink::State::acknowledged(const Message& message) {
  for (const Priority priority : {Priority::High, Priority::Low}) {
    const auto& covers = message.covers[static_cast<std::size_t>(priority)];
    if (covers) spool->settle(priority, *covers, Outcome::Acknowledged);
  }
  plan_sync(options.sync_delay_low);
}

// --- Making durable ---

void Uplink::State::plan_sync(nanoseconds delay) {
  sync_again = std::min(sync_again, delay);
  const MonoTime at = base::mono_now() + delay;
  if (syncing || at >= sync_at || !spool->needs_sync()) return;
  loop.cancel(sync_timer);
  sync_at = at;
  sync_timer = loop.after(delay, [this] { begin_sync(); });
}

void Uplink::State::begin_sync() {
  sync_at = MonoTime::max();
  if (syncing || !spool->needs_sync()) return;
  syncing = std::make_shared<Syncing>();
  syncing->sync = spool->begin_sync();
  sync_again = options.sync_delay_low;
  // The disk may take its time; the loop must not.
  worker.run([weak = weak_from_this(), &home = loop, running = syncing] {
    running->result = running->sync.job.run();
    home.post([weak, running] {
      const auto state = weak.lock();
      if (state && state->syncing == running) state->end_sync();
    });
  });
}

void Uplink::State::end_sync() {
  const auto ended = std::exchange(syncing, nullptr);
  spool->end_sync(ended->sync, ended->result);
  plan_sync(sync_again);
}

void Uplink::State::cancel_timers() {
  for (os::TimerId* timer : {&flush_timer, &low_timer, &expiry_timer, &sync_timer}) {
    loop.cancel(std::exchange(*timer, 0));
  }
  flush_planned = false;
  expiry_at = sync_at = MonoTime::max();
}

// --- The uplink ---

Result<std::unique_ptr<Uplink>> Uplink::open(os::Loop& loop, Options options) {
  auto state = std::make_shared<State>(loop, std::move(options));
  const Packer::Options packing{state->options.agent_version, state->options.agent_id,
                                state->options.max_message_bytes};
  state->max_event_bytes = Packer::max_event_bytes(packing);
  if (state->max_event_bytes < 1024) {
    return base::fail(base::Code::Invalid, "uplink", -1, "max_message_bytes is too small");
  }
  Spool::Options spool_options = state->options.spool;
  spool_options.max_event_bytes = state->max_event_bytes;
  state->spool = TRY(Spool::open(spool_options));
  state->packer.emplace(*state->spool, packing);
  // The state owns all that calls back into it.
  State* const raw = state.get();
  state->outbox.emplace(
      state->options.outbox,
      [raw](const schema::Event& event, Priority priority) { raw->collect(event, priority); });
  Session::Options session_options = state->options.session;
  session_options.identity = state->options.identity;
  state->session = TRY(Session::create(
      loop, std::move(session_options),
      {.next = [raw] { return raw->next_message(); },
       .acknowledged = [raw](const Message& message) { raw->acknowledged(message); }}));
  return std::unique_ptr<Uplink>(new Uplink(std::move(state)));
}

Uplink::Uplink(std::shared_ptr<State> state) : state_(std::move(state)) {}

Uplink::~Uplink() {
  stop();
}

void Uplink::submit(schema::Event event, Priority priority) {
  state_->outbox->submit(std::move(event), priority, base::mono_now());
  state_->plan_expiry();
}

void Uplink::start() {
  state_->session->start();
}

void Uplink::stop() {
  State& s = *state_;
  s.session->stop();
  s.outbox->flush();
  s.spool->flush();
  s.worker.wait();
  if (s.syncing) s.end_sync();
  // Which counts and logs what fails.
  if (s.spool->needs_sync()) [[maybe_unused]]
    const auto synced = s.spool->sync();
  s.cancel_timers();
}

Uplink::Stats Uplink::stats() const {
  Stats stats;
  stats.spool = state_->spool->stats();
  stats.outbox = state_->outbox->stats();
  stats.session = state_->session->stats();
  stats.events_split = state_->events_split;
  return stats;
}

}  // namespace uplink
