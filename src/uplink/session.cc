#include "uplink/session.h"

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <utility>

#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "os/connect.h"
#include "os/tls.h"
#include "uplink/backoff.h"
#include "uplink/packet_ids.h"
#include "wire/mqtt.h"
#include "wire/property_bag.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace uplink {

namespace mqtt = wire::mqtt;
using base::ByteVec;
using base::ByteView;
using base::Code;
using base::Error;
using base::MonoTime;
using base::Result;
using std::chrono::nanoseconds;

namespace {

// What the hub sends us is small as long as we subscribe to nothing.
constexpr std::size_t kMaxIncomingBytes = 64U << 10U;
// Beyond this, what is to be sent waits in the spool rather than in memory.
constexpr std::size_t kMaxUnsentBytes = 64U << 10U;

std::string security_bag() {
  wire::PropertyBag bag;
  bag.set("$.ct", "application/json");
  bag.set("$.ce", "utf-8");
  bag.set("$.ifid", wire::kSecurityInterface);
  return bag.encode();
}

Error refusal(mqtt::ConnectCode code) {
  switch (code) {
    case mqtt::ConnectCode::UnacceptableProtocol:
      return {Code::Unsupported, "hub", -1, "does not speak MQTT 3.1.1"};
    case mqtt::ConnectCode::IdentifierRejected:
      return {Code::Denied, "hub", -1, "refused the client id"};
    case mqtt::ConnectCode::ServerUnavailable:
      return {Code::Unavailable, "hub", -1, "is not available now"};
    case mqtt::ConnectCode::BadCredentials:
    case mqtt::ConnectCode::NotAuthorized:
      return {Code::Denied, "hub", -1, "refused the credentials"};
    case mqtt::ConnectCode::Accepted:
      break;
  }
  return {Code::Malformed, "hub", -1, "unknown CONNACK code"};
}

}  // namespace

struct Session::State {
  enum class Phase : std::uint8_t { Stopped, Waiting, Connecting, Online, Renewing };
  struct InFlight {
    Message message;
    std::uint16_t packet_id = 0;
    bool on_this_connection = false;
    MonoTime sent_at;
  };

  os::Loop& loop;
  Options options;
  Callbacks callbacks;
  os::TlsClient tls;
  std::string topic;
  Backoff backoff;
  std::minstd_rand random;

  Phase phase = Phase::Stopped;
  std::unique_ptr<os::Connect> connect;
  std::unique_ptr<os::TlsStream> stream;
  std::optional<mqtt::Stream> packets;
  std::deque<InFlight> in_flight;  // in the order of their first transmission
  PacketIds packet_ids;
  MonoTime last_sent;
  MonoTime online_since;
  bool heard = false;   // since the last look of the keep-alive timer
  bool pinged = false;  // at that look
  SessionStats stats;

  os::TimerId phase_timer = 0;  // end of Waiting, Connecting or Renewing
  os::TimerId renewal_timer = 0;
  os::TimerId keep_alive_timer = 0;
  os::TimerId ack_timer = 0;

  State(os::Loop& the_loop, Options the_options, Callbacks the_callbacks, os::TlsClient the_tls);
  wire::TopicOwner owner() const {
    return {options.identity.device_id, options.identity.module_id};
  }
  bool online() const { return phase == Phase::Online || phase == Phase::Renewing; }

  void begin_connecting();
  void connected(Result<os::Fd> socket);
  Result<ByteVec> connect_packet() const;
  void received(ByteView bytes);
  Result<void> handle(const mqtt::Packet& packet);
  Result<void> accepted(const mqtt::Connack& connack);
  void acknowledged(std::uint16_t packet_id);

  void pump();
  void publish(InFlight& item, bool again);
  void send(ByteView bytes);

  void connect_timed_out();
  void look_for_acks();
  void keep_alive();
  void renew();
  void finish_renewal();

  void fail(const Error& error);
  void disconnect();
  void drop_connection();
  void set_timer(os::TimerId& timer, nanoseconds delay, void (State::*action)());
  double random01() { return std::uniform_real_distribution<double>(0, 1)(random); }
};

Session::State::State(os::Loop& the_loop, Options the_options, Callbacks the_callbacks,
                      os::TlsClient the_tls)
    : loop(the_loop),
      options(std::move(the_options)),
      callbacks(std::move(the_callbacks)),
      tls(std::move(the_tls)),
      topic(wire::events_topic(owner(), security_bag())),
      backoff(options.backoff_first, options.backoff_most) {
  std::array<std::uint8_t, 4> seed{};
  base::random_bytes(seed);
  random.seed(*base::Cursor(seed).u32le());
}

void Session::State::set_timer(os::TimerId& timer, nanoseconds delay, void (State::*action)()) {
  loop.cancel(timer);
  timer = loop.after(delay, [this, action] { (this->*action)(); });
}

// --- Connecting ---

void Session::State::begin_connecting() {
  phase = Phase::Connecting;
  set_timer(phase_timer, options.connect_timeout, &State::connect_timed_out);
  connect = std::make_unique<os::Connect>(
      loop, options.identity.host_name, options.identity.port, options.connect_timeout,
      [this](Result<os::Fd> socket) { connected(std::move(socket)); });
}

void Session::State::connected(Result<os::Fd> socket) {
  connect.reset();
  if (!socket) {
    fail(socket.error());
    return;
  }
  auto hello = connect_packet();
  if (!hello) {
    fail(hello.error());
    return;
  }
  packets.emplace(kMaxIncomingBytes);
  stream = std::make_unique<os::TlsStream>(
      loop, tls, std::move(*socket), options.identity.host_name,
      os::TlsStream::Callbacks{.on_open = nullptr,
                               .on_data = [this](ByteView bytes) { received(bytes); },
                               .on_drained = [this] { pump(); },
                               .on_closed = [this](const Error& error) { fail(error); }});
  send(*hello);  // goes out when the peer has proved who it is
  base::wipe(*hello);
}

Result<ByteVec> Session::State::connect_packet() const {
  const Identity& identity = options.identity;
  std::string resource = identity.host_name + "/devices/" + identity.device_id;
  if (!identity.module_id.empty()) resource += "/modules/" + identity.module_id;
  const auto life = std::chrono::duration_cast<base::WallTime::duration>(options.token_life);
  std::string token = TRY(wire::make_sas(resource, identity.key_base64, options.wall_now() + life));
  const std::string client_id = wire::mqtt_client_id(owner());
  const std::string username =
      wire::mqtt_username(identity.host_name, owner(), options.client_type);
  mqtt::Connect packet;
  packet.client_id = client_id;
  packet.clean_session = false;
  packet.keep_alive_seconds = static_cast<std::uint16_t>(std::clamp<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(options.keep_alive).count(), 1, 1177));
  packet.username = username;
  packet.password = base::as_bytes(token);
  ByteVec bytes;
  auto encoded = mqtt::encode(packet, bytes);
  base::wipe({reinterpret_cast<std::uint8_t*>(token.data()), token.size()});
  if (!encoded) return std::unexpected(std::move(encoded).error());
  return bytes;
}

// --- Receiving ---

void Session::State::received(ByteView bytes) {
  heard = true;
  packets->feed(bytes);
  for (;;) {
    auto packet = packets->next();
    if (!packet) {
      fail(packet.error());
      return;
    }
    if (!*packet) return;
    if (auto handled = handle(**packet); !handled) {
      fail(handled.error());
      return;
    }
    if (!stream) return;  // the packet led to the end of the connection
  }
}

Result<void> Session::State::handle(const mqtt::Packet& packet) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return accepted(*connack);
  if (!online()) return base::fail(Code::Malformed, "hub", -1, "a packet before CONNACK");
  if (const auto* puback = std::get_if<mqtt::Puback>(&packet)) {
    acknowledged(puback->packet_id);
    return {};
  }
  // We subscribe to nothing; what a session of former times is still sent is not for us.
  if (std::holds_alternative<mqtt::Pingresp>(packet) ||
      std::holds_alternative<mqtt::Publish>(packet))
    return {};
  return base::fail(Code::Malformed, "hub", -1,
                    std::string(mqtt::to_string(mqtt::type_of(packet))));
}

Result<void> Session::State::accepted(const mqtt::Connack& connack) {
  if (phase != Phase::Connecting) return base::fail(Code::Malformed, "hub", -1, "a second CONNACK");
  if (connack.code != mqtt::ConnectCode::Accepted) {
    ++stats.refused;
    backoff.penalise();
    return std::unexpected(refusal(connack.code));
  }
  phase = Phase::Online;
  online_since = base::mono_now();
  pinged = false;
  loop.cancel(phase_timer);
  ++stats.connects;
  LOG_NOTICE("hub.connected")
      .field("host", options.identity.host_name)
      .field("tls", stream->description())
      .field("unacknowledged", in_flight.size());
  set_timer(renewal_timer, options.token_life / 4 * 3, &State::renew);
  set_timer(keep_alive_timer, options.keep_alive / 2, &State::keep_alive);
  pump();
  return {};
}

void Session::State::acknowledged(std::uint16_t packet_id) {
  const auto found = std::find_if(in_flight.begin(), in_flight.end(), [&](const InFlight& item) {
    return item.packet_id == packet_id && item.on_this_connection;
  });
  if (found == in_flight.end()) return;  // of no message of ours: harmless
  const Message message = std::move(found->message);
  in_flight.erase(found);
  ++stats.messages_acknowledged;
  // Only now is it certain that the hub works, and not merely answers.
  backoff.reset();
  callbacks.acknowledged(message);
  if (phase == Phase::Renewing && in_flight.empty()) {
    finish_renewal();
  } else {
    pump();
  }
}

// --- Sending ---

void Session::State::pump() {
  if (phase != Phase::Online) return;
  for (InFlight& item : in_flight) {
    if (stream->unsent_bytes() > kMaxUnsentBytes) return;
    if (!item.on_this_connection) publish(item, true);
  }
  while (in_flight.size() < options.window && stream->unsent_bytes() <= kMaxUnsentBytes) {
    auto message = callbacks.next();
    if (!message) return;
    const std::uint16_t packet_id = packet_ids.next([this](std::uint16_t id) {
      return std::any_of(in_flight.begin(), in_flight.end(),
                         [&](const InFlight& other) { return other.packet_id == id; });
    });
    InFlight& item = in_flight.emplace_back();
    item.message = std::move(*message);
    item.packet_id = packet_id;
    publish(item, false);
  }
}

void Session::State::publish(InFlight& item, bool again) {
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = base::as_bytes(item.message.payload);
  packet.packet_id = item.packet_id;
  packet.qos = 1;
  packet.dup = again;
  ByteVec bytes;
  const auto encoded = mqtt::encode_publish(packet, bytes);
  ASSERT(encoded);  // the topic is ours, and the size was limited when it was packed
  item.on_this_connection = true;
  item.sent_at = base::mono_now();
  send(bytes);
  stats.bytes_sent += item.message.payload.size();
  if (again) {
    ++stats.messages_resent;
  } else {
    ++stats.messages_sent;
    if (item.message.payload.size() < 4096) ++stats.messages_under_4kb;
  }
  if (ack_timer == 0) set_timer(ack_timer, options.ack_timeout, &State::look_for_acks);
}

void Session::State::send(ByteView bytes) {
  last_sent = base::mono_now();
  stream->write(bytes);
}

// --- Time ---

void Session::State::connect_timed_out() {
  fail({Code::Unavailable, "hub", -1, stream ? "no CONNACK in time" : "no connection in time"});
}

// Follows the oldest message in flight.
void Session::State::look_for_acks() {
  ack_timer = 0;
  if (!online() || in_flight.empty()) return;
  const auto waited = base::mono_now() - in_flight.front().sent_at;
  if (in_flight.front().on_this_connection && waited >= options.ack_timeout) {
    fail({Code::Unavailable, "hub", -1, "no PUBACK in time"});
    return;
  }
  set_timer(ack_timer, options.ack_timeout - waited, &State::look_for_acks);
}

// Twice in each keep-alive period: a hub that says nothing for all of it is gone.
void Session::State::keep_alive() {
  if (pinged && !heard) {
    fail({Code::Unavailable, "hub", -1, "no answer to a ping in time"});
    return;
  }
  pinged = !heard || base::mono_now() - last_sent >= options.keep_alive / 2;
  heard = false;
  if (pinged) {
    ByteVec bytes;
    ASSERT(mqtt::encode(mqtt::Pingreq{}, bytes));
    send(bytes);
  }
  set_timer(keep_alive_timer, options.keep_alive / 2, &State::keep_alive);
}

void Session::State::renew() {
  phase = Phase::Renewing;
  if (in_flight.empty()) {
    finish_renewal();
  } else {
    set_timer(phase_timer, options.renewal_grace, &State::finish_renewal);
  }
}

void Session::State::finish_renewal() {
  ++stats.token_renewals;
  disconnect();
  begin_connecting();
}

// --- Ending ---

void Session::State::fail(const Error& error) {
  if (phase == Phase::Stopped || phase == Phase::Waiting) return;
  if (online()) {
    ++stats.disconnects;
    // A hub that merely has nothing to acknowledge has proved itself by lasting.
    if (base::mono_now() - online_since > options.backoff_most) backoff.reset();
  } else {
    ++stats.connect_failures;
  }
  stats.last_error = error.to_string();
  drop_connection();
  phase = Phase::Waiting;
  const nanoseconds delay = backoff.next(random01());
  set_timer(phase_timer, delay, &State::begin_connecting);
  LOG_WARNING("hub.not_connected")
      .field("host", options.identity.host_name)
      .field("error", stats.last_error)
      .field("retry_ms", std::chrono::duration_cast<std::chrono::milliseconds>(delay).count())
      .field("unacknowledged", in_flight.size());
}

void Session::State::disconnect() {
  if (online()) {
    ByteVec bytes;
    ASSERT(mqtt::encode(mqtt::Disconnect{}, bytes));
    send(bytes);
    stream->close_write();
  }
  drop_connection();
}

void Session::State::drop_connection() {
  connect.reset();
  stream.reset();
  packets.reset();
  for (os::TimerId* timer : {&phase_timer, &renewal_timer, &keep_alive_timer, &ack_timer}) {
    loop.cancel(std::exchange(*timer, 0));
  }
  for (InFlight& item : in_flight)
    item.on_this_connection = false;
}

// --- The session ---

Result<std::unique_ptr<Session>> Session::create(os::Loop& loop, Options options,
                                                 Callbacks callbacks) {
  auto tls = TRY(os::TlsClient::create(options.identity.ca_file));
  if (options.window < 1) return base::fail(Code::Invalid, "session", -1, "window is 0");
  auto state =
      std::make_unique<State>(loop, std::move(options), std::move(callbacks), std::move(tls));
  TRY(state->connect_packet());
  if (state->topic.find_first_of("+#") != std::string::npos) {
    return base::fail(Code::Unsupported, "device id", -1,
                      "MQTT has no topic for an id with '+' or '#'");
  }
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() {
  stop();
}

void Session::start() {
  if (state_->phase == State::Phase::Stopped) state_->begin_connecting();
}

void Session::stop() {
  state_->disconnect();
  state_->phase = State::Phase::Stopped;
}

void Session::pump() {
  state_->pump();
}

bool Session::ready() const {
  return state_->phase == State::Phase::Online && state_->in_flight.size() < state_->options.window;
}

SessionStats Session::stats() const {
  SessionStats stats = state_->stats;
  stats.online = state_->online();
  stats.in_flight = state_->in_flight.size();
  return stats;
}

}  // namespace uplink
