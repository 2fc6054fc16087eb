#include "uplink/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "uplink/session_state.h"
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

// A whole twin: 32 KiB of desired and as much of reported properties, and room for a hub that
// writes them with spaces.
constexpr std::size_t kMaxIncomingBytes = 256U << 10U;

std::string security_bag() {
  wire::PropertyBag bag;
  bag.set("$.ct", "application/json");
  bag.set("$.ce", "utf-8");
  bag.set("$.ifid", wire::kSecurityInterface);
  return bag.encode();
}

}  // namespace

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
  open_twin();
}

void Session::State::set_timer(os::TimerId& timer, nanoseconds delay, void (State::*action)()) {
  loop.cancel(timer);
  timer = loop.after(delay, [this, action] { (this->*action)(); });
}

// --- Connecting ---

void Session::State::begin_connecting() {
  phase = Phase::Connecting;
  if (options.identity.through_device && module_key.empty()) {
    ask_for_key();
  } else {
    connect_to_hub();
  }
}

void Session::State::ask_for_key() {
  key_request = std::make_unique<ModuleKeyRequest>(
      loop, *device_tls, options.identity, options.connect_timeout, options.wall_now(),
      [this](Result<std::string> answer) {
        const auto request = std::move(key_request);  // until the end of this call
        if (!answer) {
          fail(answer.error());
          return;
        }
        module_key = std::move(*answer);
        connect_to_hub();
      });
}

void Session::State::connect_to_hub() {
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
  std::string token;
  if (!by_certificate()) {
    std::string resource = identity.host_name + "/devices/" + identity.device_id;
    if (!identity.module_id.empty()) resource += "/modules/" + identity.module_id;
    const auto life = std::chrono::duration_cast<base::WallTime::duration>(options.token_life);
    token = TRY(wire::make_sas(resource, key(), options.wall_now() + life));
  }
  const std::string client_id = wire::mqtt_client_id(owner());
  const std::string username =
      wire::mqtt_username(identity.host_name, owner(), options.client_type);
  mqtt::Connect packet;
  packet.client_id = client_id;
  packet.clean_session = false;
  packet.keep_alive_seconds = static_cast<std::uint16_t>(std::clamp<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(options.keep_alive).count(), 1, 1177));
  packet.username = username;
  if (!by_certificate()) packet.password = base::as_bytes(token);
  ByteVec bytes;
  auto encoded = mqtt::encode(packet, bytes);
  base::wipe({reinterpret_cast<std::uint8_t*>(token.data()), token.size()});
  if (!encoded) return std::unexpected(std::move(encoded).error());
  return bytes;
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
  if (callbacks.changed) callbacks.changed();
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
  key_request.reset();
  connect.reset();
  stream.reset();
  packets.reset();
  for (os::TimerId* timer :
       {&phase_timer, &renewal_timer, &keep_alive_timer, &ack_timer, &twin_timer}) {
    loop.cancel(std::exchange(*timer, 0));
  }
  twin_at = MonoTime::max();
  subscribe_id = 0;
  if (twin) twin->disconnected();
  for (InFlight& item : in_flight)
    item.on_this_connection = false;
}

// --- The session ---

Result<std::unique_ptr<Session>> Session::create(os::Loop& loop, Options options,
                                                 Callbacks callbacks) {
  TRY(check_identity(options.identity));
  if (options.window < 1) return base::fail(Code::Invalid, "session", -1, "window is 0");
  const Identity& identity = options.identity;
  const auto plain = [&] { return os::TlsClient::create(identity.ca_file); };
  const auto with_certificate = [&] {
    return os::TlsClient::create(identity.ca_file, identity.certificate_pem,
                                 identity.private_key_pem);
  };
  std::optional<os::TlsClient> device_tls;
  if (identity.through_device)
    device_tls = TRY(identity.has_certificate() ? with_certificate() : plain());
  const bool shows = identity.has_certificate() && !identity.through_device;
  auto tls = TRY(shows ? with_certificate() : plain());
  auto state =
      std::make_unique<State>(loop, std::move(options), std::move(callbacks), std::move(tls));
  state->device_tls = std::move(device_tls);
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

Result<void> Session::report(std::string_view json) {
  ASSERT(state_->twin);
  TRY(state_->twin->report(json, base::mono_now()));
  state_->plan_twin();
  return {};
}

SessionStats Session::stats() const {
  SessionStats stats = state_->stats;
  if (state_->twin) stats.twin = state_->twin->stats();
  stats.online = state_->online();
  stats.in_flight = state_->in_flight.size();
  return stats;
}

}  // namespace uplink
