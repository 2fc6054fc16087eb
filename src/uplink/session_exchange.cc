#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "uplink/session_state.h"

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

// Beyond this, what is to be sent waits in the spool rather than in memory.
constexpr std::size_t kMaxUnsentBytes = 64U << 10U;

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
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    delivered(*publish);
    return {};
  }
  if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) return subscribed(*suback);
  if (std::holds_alternative<mqtt::Pingresp>(packet)) return {};
  return base::fail(Code::Malformed, "hub", -1,
                    std::string(mqtt::to_string(mqtt::type_of(packet))));
}

Result<void> Session::State::accepted(const mqtt::Connack& connack) {
  if (phase != Phase::Connecting) return base::fail(Code::Malformed, "hub", -1, "a second CONNACK");
  if (connack.code != mqtt::ConnectCode::Accepted) {
    ++stats.refused;
    backoff.penalise();
    // It may have been rotated.
    base::wipe({reinterpret_cast<std::uint8_t*>(module_key.data()), module_key.size()});
    module_key.clear();
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
  if (!by_certificate()) set_timer(renewal_timer, options.token_life / 4 * 3, &State::renew);
  set_timer(keep_alive_timer, options.keep_alive / 2, &State::keep_alive);
  if (twin) subscribe_to_twin();
  if (callbacks.changed) callbacks.changed();
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

// What is not the twin's is left from a session of former times, and not for us.
void Session::State::delivered(const mqtt::Publish& packet) {
  ByteVec bytes;
  if (packet.packet_id != 0) mqtt::encode_puback(packet.packet_id, bytes);
  if (!bytes.empty()) send(bytes);
  if (!twin) return;
  twin->take(packet, base::mono_now());
  plan_twin();
}

// --- The twin ---

void Session::State::open_twin() {
  if (!callbacks.desired) return;
  twin.emplace(options.twin,
               TwinClient::Callbacks{
                   .publish =
                       [this](std::string_view to, std::string_view payload) {
                         mqtt::Publish packet;
                         packet.topic = to;
                         packet.payload = base::as_bytes(payload);
                         ByteVec bytes;
                         ASSERT(mqtt::encode_publish(packet, bytes));  // short, and ours
                         send(bytes);
                       },
                   .desired = [this](const Desired& desired) { callbacks.desired(desired); },
                   .random01 = [this] { return random01(); },
               });
}

void Session::State::subscribe_to_twin() {
  subscribe_id = new_packet_id();
  mqtt::Subscribe packet;
  packet.packet_id = subscribe_id;
  for (const std::string_view filter : TwinClient::filters())
    packet.subscriptions.push_back({filter, 0});
  ByteVec bytes;
  ASSERT(mqtt::encode(packet, bytes));
  send(bytes);
}

Result<void> Session::State::subscribed(const mqtt::Suback& packet) {
  if (subscribe_id == 0 || packet.packet_id != std::exchange(subscribe_id, 0)) {
    return base::fail(Code::Malformed, "hub", -1, "SUBACK for no SUBSCRIBE of ours");
  }
  twin->subscribed(
      std::ranges::none_of(packet.codes,
                           [](std::uint8_t code) { return code == mqtt::kSubscribeFailure; }),
      base::mono_now());
  plan_twin();
  return {};
}

void Session::State::tick_twin() {
  twin_at = MonoTime::max();
  twin->tick(base::mono_now());
  plan_twin();
}

void Session::State::plan_twin() {
  const MonoTime next = online() ? twin->deadline() : MonoTime::max();
  if (next == twin_at) return;
  twin_at = next;
  loop.cancel(std::exchange(twin_timer, 0));
  if (next != MonoTime::max())
    set_timer(twin_timer, std::max<nanoseconds>(next - base::mono_now(), nanoseconds(0)),
              &State::tick_twin);
}

// --- Sending ---

std::uint16_t Session::State::new_packet_id() {
  return packet_ids.next([this](std::uint16_t id) {
    return id == subscribe_id ||
           std::any_of(in_flight.begin(), in_flight.end(),
                       [&](const InFlight& other) { return other.packet_id == id; });
  });
}

void Session::State::pump() {
  if (phase != Phase::Online) return;
  for (InFlight& item : in_flight) {
    if (stream->unsent_bytes() > kMaxUnsentBytes) return;
    if (!item.on_this_connection) publish(item, true);
  }
  while (in_flight.size() < options.window && stream->unsent_bytes() <= kMaxUnsentBytes) {
    auto message = callbacks.next();
    if (!message) return;
    const std::uint16_t packet_id = new_packet_id();
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

}  // namespace uplink
