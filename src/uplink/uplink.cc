#include "uplink/uplink.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/id.h"
#include "base/log.h"
#include "schema/message.h"
#include "uplink/packer.h"
#include "uplink/split.h"
#include "uplink/sync_worker.h"

namespace uplink {

using base::MonoTime;
using base::Result;
using std::chrono::nanoseconds;

namespace {
constexpr std::size_t kLeastEvent = 1024;
constexpr std::size_t kLargestMessage = 256U << 10U;  // that a hub takes
}  // namespace

struct Uplink::State : std::enable_shared_from_this<Uplink::State> {
  os::Loop& loop;
  Options options;
  std::size_t max_event_bytes = 0;
  std::unique_ptr<Spool> spool;
  std::optional<Outbox> outbox;
  std::optional<Packer> packer;
  std::unique_ptr<Link> session;
  std::uint64_t events_split = 0;
  std::uint64_t events_truncated = 0;

  // Sending.
  std::array<Occasions, kPriorities> occasions;
  std::array<std::size_t, kPriorities> waiting_bytes{};  // collected and not sent, about
  Pace pace;
  std::uint64_t connects = 0;  // when `pace` last heard of one

  bool flush_planned = false;
  bool low_due = true;  // what earlier runs left behind goes at once
  os::TimerId flush_timer = 0;
  os::TimerId low_timer = 0;
  os::TimerId expiry_timer = 0;
  MonoTime expiry_at = MonoTime::max();
  os::TimerId sync_timer = 0;
  MonoTime sync_at = MonoTime::max();
  SyncBudget sync_budget;
  os::TimerId pump_timer = 0;
  MonoTime pump_at = MonoTime::max();
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
      : loop(the_loop),
        options(std::move(the_options)),
        occasions{Occasions(options.high_every, base::mono_now()),
                  Occasions(options.low_every, base::mono_now())},
        pace(options.pace),
        sync_budget(options.sync_budget, base::mono_now()) {}

  void collect(const schema::Event& event, Priority priority);
  void plan_flush();
  void flush();
  void plan_low();
  void plan_pump(MonoTime at);
  void plan_occasions();
  void notice_connection(MonoTime now);
  bool full(Priority priority) const;
  bool crowded() const;
  Packer::Due due(MonoTime now);
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
  const Pieces pieces = encode_in_parts(event, max_event_bytes, [&](std::string json) {
    waiting_bytes[static_cast<std::size_t>(priority)] += json.size();
    spool->append(std::move(json), priority);
  });
  events_split += pieces.count > 1 ? 1 : 0;
  events_truncated += pieces.truncated;
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
  plan_occasions();
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
  if (options.low_every.count() > 0 || low_due || low_timer != 0 ||
      !packer->has_unsent(Priority::Low)) {
    return;
  }
  low_timer = loop.after(options.low_delay, [this] {
    low_timer = 0;
    low_due = true;
    session->pump();
  });
}

void Uplink::State::plan_pump(MonoTime at) {
  if (at >= pump_at) return;
  loop.cancel(pump_timer);
  pump_at = at;
  pump_timer = loop.after(std::max(at - base::mono_now(), nanoseconds(0)), [this] {
    pump_at = MonoTime::max();
    session->pump();
    plan_occasions();
  });
}

// Somebody must look when a lane's next occasion has come.
void Uplink::State::plan_occasions() {
  for (const Priority priority : {Priority::High, Priority::Low}) {
    const MonoTime next = occasions[static_cast<std::size_t>(priority)].next();
    if (next != MonoTime::max() && packer->has_unsent(priority)) plan_pump(next);
  }
}

void Uplink::State::notice_connection(MonoTime now) {
  const std::uint64_t seen = session->stats().connects;
  if (seen == connects) return;
  connects = seen;
  const SpoolStats stats = spool->stats();
  // Three random bytes, as a fraction.
  std::array<std::uint8_t, 3> bytes{};
  base::random_bytes(bytes);
  std::uint32_t number = 0;
  for (const std::uint8_t byte : bytes)
    number = number << 8U | byte;
  pace.resumed(stats.high.pending + stats.low.pending, now, number / 16777216.0);
}

// Haste is better than loss: the pace of a backlog gives way before events do.
bool Uplink::State::crowded() const {
  return spool->stats().bytes > spool->max_bytes() / 4 * 3;
}

// Waiting longer would save nothing.
bool Uplink::State::full(Priority priority) const {
  return waiting_bytes[static_cast<std::size_t>(priority)] >= max_event_bytes;
}

Packer::Due Uplink::State::due(MonoTime now) {
  return {.high = occasions[0].due(now) || full(Priority::High),
          .low = (options.low_every.count() > 0 ? occasions[1].due(now) : low_due) ||
                 full(Priority::Low)};
}

std::optional<Message> Uplink::State::next_message() {
  const MonoTime now = base::mono_now();
  notice_connection(now);
  if (!pace.may_send(now) && !crowded()) {
    plan_pump(pace.next());
    return std::nullopt;
  }
  auto message = packer->next(due(now));
  bool any_unsent = false;
  for (const Priority priority : {Priority::High, Priority::Low}) {
    const auto lane = static_cast<std::size_t>(priority);
    if (message) waiting_bytes[lane] -= std::min(waiting_bytes[lane], message->event_bytes[lane]);
    if (packer->has_unsent(priority)) {
      any_unsent = true;
      continue;
    }
    waiting_bytes[lane] = 0;
    occasions[lane].drained();
    // Until then, what piles up while messages are in flight is sent as it comes.
    if (priority == Priority::Low) low_due = false;
  }
  if (!any_unsent) pace.drained();
  if (message) pace.sent(message->events, message->payload.size(), now);
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
  const MonoTime now = base::mono_now();
  delay = std::max(delay, sync_budget.wait(now));
  const MonoTime at = now + delay;
  if (syncing || at >= sync_at || !spool->needs_sync()) return;
  loop.cancel(sync_timer);
  sync_at = at;
  sync_timer = loop.after(delay, [this] { begin_sync(); });
}

void Uplink::State::begin_sync() {
  sync_at = MonoTime::max();
  if (syncing || !spool->needs_sync()) return;
  sync_budget.spend(base::mono_now());
  worker.wait();  // what it did last is told, but it may not quite be idle
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
  for (os::TimerId* timer : {&flush_timer, &low_timer, &expiry_timer, &sync_timer, &pump_timer}) {
    loop.cancel(std::exchange(*timer, 0));
  }
  flush_planned = false;
  expiry_at = sync_at = pump_at = MonoTime::max();
}

// --- The uplink ---

Result<std::unique_ptr<Uplink>> Uplink::open(os::Loop& loop, Options options) {
  auto state = std::make_shared<State>(loop, std::move(options));
  const Packer::Options packing{state->options.agent_version, state->options.agent_id,
                                state->options.max_message_bytes};
  state->max_event_bytes = Packer::max_event_bytes(packing);
  if (state->max_event_bytes < kLeastEvent) {
    return base::fail(base::Code::Invalid, "uplink", -1, "max_message_bytes is too small");
  }
  Spool::Options spool_options = state->options.spool;
  // A limit of the moment is no limit of the files: a larger one may follow.
  spool_options.max_event_bytes = std::max(state->max_event_bytes, kLargestMessage);
  state->spool = TRY(Spool::open(spool_options));
  state->packer.emplace(*state->spool, packing);
  // The state owns all that calls back into it.
  State* const raw = state.get();
  state->outbox.emplace(
      state->options.outbox,
      [raw](const schema::Event& event, Priority priority) { raw->collect(event, priority); });
  Session::Options session_options = state->options.session;
  session_options.identity = state->options.identity;
  state->session = TRY(state->options.connect(
      loop, std::move(session_options),
      {.next = [raw] { return raw->next_message(); },
       .acknowledged = [raw](const Message& message) { raw->acknowledged(message); },
       .desired = state->options.desired}));
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

void Uplink::configure(const Delivery& delivery) {
  State& s = *state_;
  const MonoTime now = base::mono_now();
  // What the change ends is collected under the limits from here on.
  s.max_event_bytes = Packer::max_event_bytes(
      {s.options.agent_version, s.options.agent_id, delivery.max_message_bytes});
  ASSERT(s.max_event_bytes >= kLeastEvent);
  s.packer->set_max_message_bytes(delivery.max_message_bytes);
  s.outbox->set_windows(delivery.aggregate);
  s.plan_expiry();
  s.spool->flush();
  s.spool->set_max_bytes(delivery.max_cache_bytes);
  s.options.low_every = delivery.low_every;
  s.occasions[0].set_every(delivery.high_every, now);
  s.occasions[1].set_every(delivery.low_every, now);
  s.pace.set_rate(delivery.resume_bytes_per_second);
  s.loop.cancel(std::exchange(s.pump_timer, 0));
  s.pump_at = MonoTime::max();
  // A turn later: whoever tells us of the change may be the session itself.
  s.plan_flush();
}

bool Uplink::quiet() const {
  State& s = *state_;
  if (s.session->stats().in_flight > 0 || s.flush_planned) return false;
  const Packer::Due due = s.due(base::mono_now());
  return !(due.high && s.packer->has_unsent(Priority::High)) &&
         !(s.packer->has_unsent(Priority::Low) && (due.low || s.options.low_every.count() == 0));
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

Result<void> Uplink::report(std::string_view json) {
  return state_->session->report(json);
}

Uplink::Stats Uplink::stats() const {
  Stats stats;
  stats.spool = state_->spool->stats();
  stats.outbox = state_->outbox->stats();
  stats.session = state_->session->stats();
  stats.events_split = state_->events_split;
  stats.events_truncated = state_->events_truncated + state_->packer->truncated();
  return stats;
}

}  // namespace uplink
