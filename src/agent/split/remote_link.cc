#include "agent/split/remote_link.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>

#include "agent/split/channel_stream.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"

namespace agent::split {

namespace channel = uplink::channel;
using base::ByteVec;
using base::ByteView;
using base::Code;
using base::fail;
using base::Result;
using uplink::Message;
using uplink::SessionStats;
using namespace std::chrono_literals;

namespace {

// What a stop waits for the farewell.
constexpr auto kFarewell = 700ms;

// The counters of all network processes so far.
void add_counts(SessionStats& sum, const SessionStats& one) {
  sum.connects += one.connects;
  sum.connect_failures += one.connect_failures;
  sum.refused += one.refused;
  sum.disconnects += one.disconnects;
  sum.token_renewals += one.token_renewals;
  sum.messages_sent += one.messages_sent;
  sum.messages_resent += one.messages_resent;
  sum.messages_acknowledged += one.messages_acknowledged;
  sum.messages_under_4kb += one.messages_under_4kb;
  sum.bytes_sent += one.bytes_sent;
  sum.twin.gets += one.twin.gets;
  sum.twin.desired += one.twin.desired;
  sum.twin.reports += one.twin.reports;
  sum.twin.accepted += one.twin.accepted;
  sum.twin.refused += one.twin.refused;
  sum.twin.retries += one.twin.retries;
  sum.twin.malformed += one.twin.malformed;
}

}  // namespace

struct RemoteLink::State : std::enable_shared_from_this<RemoteLink::State> {
  struct InFlight {
    std::uint64_t id = 0;
    Message message;
    bool sent = false;  // to the present network process
  };

  os::Loop& loop;
  Keeper& keeper;
  Options options;
  Callbacks callbacks;
  std::unique_ptr<ChannelStream> stream;
  std::deque<InFlight> in_flight;
  std::size_t in_flight_bytes = 0;
  std::uint64_t last_id = 0;
  std::optional<std::string> report;
  SessionStats earlier;  // counts of network processes that ended
  SessionStats current;
  Stats processes;
  std::optional<channel::Configured> configured;
  bool started = false;
  bool stopped_answered = false;
  bool heard = false;  // since the last ping
  os::TimerId ping_timer = 0;

  State(os::Loop& the_loop, Keeper& the_keeper, Options the_options, Callbacks the_callbacks)
      : loop(the_loop),
        keeper(the_keeper),
        options(std::move(the_options)),
        callbacks(std::move(the_callbacks)) {}

  // --- The process at the other end ---

  void keeper_ready() {
    auto next = keeper.take();
    if (!next) {
      loop.unwatch(keeper.fd());
      lost({Code::Closed, "keeper of the network process", -1, {}});
      LOG_ERROR("network.keeper_gone").field("unacknowledged", in_flight.size());
      if (options.gone) options.gone();
      return;
    }
    if (next->channel) attach(std::move(*next));
  }

  void attach(Keeper::Started next) {
    lost({Code::Closed, "network process", -1, "replaced"});
    ++processes.started;
    processes.pid = next.pid;
    configured.reset();
    stream = std::make_unique<ChannelStream>(
        loop, std::move(next.channel),
        ChannelStream::Callbacks{.frame = [this](ByteView bytes) { return take(bytes); },
                                 .closed = [this](const base::Error& error) { ended(error); }});
    configure();
  }

  void configure() {
    auto configuration = options.configure();
    if (!configuration) {
      current.last_error = configuration.error().to_string();
      LOG_ERROR("network.not_configured").field("error", current.last_error);
      return;
    }
    configuration->twin = callbacks.desired != nullptr;
    ByteVec bytes;
    channel::ToNetwork frame(std::move(*configuration));
    channel::encode(frame, bytes);
    uplink::wipe(std::get<channel::Configure>(frame).options.identity);
    stream->send(std::move(bytes));
  }

  // The present process is no more.
  void lost(const base::Error& error) {
    if (!stream) return;
    stream.reset();
    processes.pid = 0;
    add_counts(earlier, current);
    const bool was_online = current.online;
    current = SessionStats();
    if (was_online) ++earlier.disconnects;
    current.last_error = error.to_string();
    for (InFlight& item : in_flight)
      item.sent = false;
  }

  void ended(const base::Error& error) {
    if (error.code != Code::Closed) {
      ++processes.misbehaved;
      LOG_ERROR("network.misbehaved").field("error", error.to_string());
      keeper.replace_worker();
    }
    // Not from within the stream's own call.
    loop.post([weak = weak_from_this(), gone = stream.get(), error] {
      const auto state = weak.lock();
      if (state && state->stream.get() == gone) state->lost(error);
    });
  }

  // --- What it says ---

  Result<void> take(ByteView bytes) {
    heard = true;
    auto frame = TRY(channel::decode_to_collector(bytes));
    return std::visit([this](auto& body) { return handle(body); }, frame);
  }

  Result<void> handle(channel::Configured& frame) {
    if (configured) return fail(Code::Malformed, "network process", -1, "configured twice");
    configured = std::move(frame);
    if (!configured->ok) {
      current.last_error = configured->reason;
      LOG_ERROR("network.configuration_refused").field("reason", configured->reason);
      return {};
    }
    if (report) send(channel::Report{*report});
    if (started) send(channel::Start{});
    return {};
  }

  Result<void> handle(channel::State& frame) {
    const bool came_online = frame.stats.online && !current.online;
    current = std::move(frame.stats);
    if (callbacks.changed) callbacks.changed();
    if (came_online) pump();
    return {};
  }

  Result<void> handle(const channel::Acknowledged& frame) {
    const auto found = std::find_if(in_flight.begin(), in_flight.end(),
                                    [&](const InFlight& item) { return item.id == frame.id; });
    if (found == in_flight.end() || !found->sent)
      return fail(Code::Malformed, "network process", -1, "acknowledged what it does not have");
    const Message message = std::move(found->message);
    in_flight_bytes -= message.payload.size();
    in_flight.erase(found);
    callbacks.acknowledged(message);
    pump();
    return {};
  }

  Result<void> handle(const channel::DesiredTwin& frame) {
    if (!callbacks.desired) return fail(Code::Malformed, "network process", -1, "unasked twin");
    // An object in JSON, or it is not from a hub.
    const auto parsed = base::json::parse(frame.desired.json);
    if (!parsed || parsed->if_object() == nullptr)
      return fail(Code::Malformed, "network process", -1, "a twin that is no object");
    callbacks.desired(frame.desired);
    return {};
  }

  Result<void> handle(const channel::Stopped& /*frame*/) {
    stopped_answered = true;
    return {};
  }

  // --- What we say ---

  void send(const channel::ToNetwork& frame) {
    if (!stream) return;
    ByteVec bytes;
    channel::encode(frame, bytes);
    stream->send(std::move(bytes));
  }

  bool usable() const {
    return started && stream && configured && configured->ok && current.online;
  }
  bool has_room() const {
    return in_flight.empty() || (in_flight.size() < options.window &&
                                 in_flight_bytes + kTypicalMessage <= options.window_bytes);
  }
  static constexpr std::size_t kTypicalMessage = 64U << 10U;

  void pump() {
    if (!usable()) return;
    for (InFlight& item : in_flight) {
      if (!item.sent) publish(item);
    }
    while (usable() && has_room()) {
      auto message = callbacks.next();
      if (!message) return;
      in_flight_bytes += message->payload.size();
      in_flight.push_back({++last_id, std::move(*message), false});
      publish(in_flight.back());
    }
  }

  void publish(InFlight& item) {
    item.sent = true;
    send(channel::Publish{item.id, item.message.events, item.message.payload});
  }

  void ping() {
    if (!stream) return;
    if (!heard) {
      ++processes.misbehaved;
      LOG_ERROR("network.silent").field("pid", static_cast<std::int64_t>(processes.pid));
      keeper.replace_worker();
      lost({Code::Unavailable, "network process", -1, "silent"});
      return;
    }
    heard = false;
    send(channel::Ping{});
  }
};

RemoteLink::RemoteLink(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<RemoteLink>> RemoteLink::open(os::Loop& loop, Keeper& keeper,
                                                     Options options, Callbacks callbacks) {
  // What is wrong with the configuration is better known now than from the log.
  {
    auto probe = TRY(options.configure());
    uplink::wipe(probe.options.identity);
  }
  auto owned = std::make_shared<State>(loop, keeper, std::move(options), std::move(callbacks));
  State& state = *owned;
  std::unique_ptr<RemoteLink> link(new RemoteLink(std::move(owned)));
  TRY(loop.watch(keeper.fd(), os::Loop::kReadable,
                 [raw = &state](std::uint32_t /*ready*/) { raw->keeper_ready(); }));
  pollfd wait{keeper.fd(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(state.options.patience.count())) == 1) {
    auto first = TRY(keeper.take());
    if (first.channel) state.attach(std::move(first));
  }
  if (state.stream) {
    state.stream->run_until([&] { return state.configured.has_value(); }, state.options.patience);
    if (state.configured && !state.configured->ok)
      return fail(Code::Invalid, "hub", -1, state.configured->reason);
  }
  state.ping_timer = loop.every(state.options.ping, [raw = &state] { raw->ping(); });
  return link;
}

RemoteLink::~RemoteLink() {
  state_->loop.cancel(state_->ping_timer);
  state_->loop.unwatch(state_->keeper.fd());
}

void RemoteLink::start() {
  State& s = *state_;
  if (std::exchange(s.started, true)) return;
  if (s.configured && s.configured->ok) s.send(channel::Start{});
}

void RemoteLink::stop() {
  State& s = *state_;
  if (!std::exchange(s.started, false) || !s.stream) return;
  s.stopped_answered = false;
  s.send(channel::Stop{});
  s.stream->run_until([&] { return s.stopped_answered; }, kFarewell);
  for (State::InFlight& item : s.in_flight)
    item.sent = false;
}

void RemoteLink::pump() {
  state_->pump();
}

bool RemoteLink::ready() const {
  return state_->usable() && state_->has_room();
}

Result<void> RemoteLink::report(std::string_view json) {
  const auto parsed = TRY(base::json::parse(json));
  if (parsed.if_object() == nullptr) return fail(Code::Invalid, "reported properties");
  state_->report = std::string(json);
  if (state_->configured && state_->configured->ok) state_->send(channel::Report{*state_->report});
  return {};
}

SessionStats RemoteLink::stats() const {
  SessionStats stats = state_->current;
  add_counts(stats, state_->earlier);
  stats.in_flight = state_->in_flight.size();
  return stats;
}

RemoteLink::Stats RemoteLink::process_stats() const {
  return state_->processes;
}

}  // namespace agent::split
