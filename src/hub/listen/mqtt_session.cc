#include "hub/listen/mqtt_session.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/property_bag.h"

namespace hub::listen {

using identity::Refusal;
using operations::Level;
using operations::Reason;
namespace mqtt = wire::mqtt;
using Next = MqttSession::Next;

namespace {

constexpr std::size_t kMaxConnectBytes = 16 * 1024;
// A topic has at most 65,535 bytes; its fixed part does not count as the message's.
constexpr std::size_t kMaxOverhead = 65'535 + 16;
constexpr std::size_t kKibibyte = 1024;
constexpr std::string_view kWillProperty = "iothub-MessageType=Will";
constexpr std::string_view kRetainProperty = "mqtt-retain=true";

std::string auth_json(const operations::Auth& auth) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.field("scope", auth.scope);
  writer.field("type", auth.type);
  writer.field("issuer", auth.issuer);
  if (!auth.skn.empty()) writer.field("skn", auth.skn);
  writer.end_object();
  return out;
}

void append_property(std::string& bag, std::string_view property) {
  if (bag.ends_with('/')) bag.pop_back();
  if (!bag.empty()) bag.push_back('&');
  bag.append(property);
}

struct Ending {
  int status_code;
  std::uint32_t sub_code;
  Level level;
};

// How the end of a session is recorded.
Ending ending_of(Reason reason) {
  switch (reason) {
    case Reason::None:
    case Reason::Stopping:
      return {200, 0, Level::Information};
    case Reason::TakenOver:
      return {400, 400027, Level::Warning};
    case Reason::SasExpired:
      return {401, 401003, Level::Warning};
    case Reason::Deleted:
      return {404, 404001, Level::Warning};
    case Reason::Disabled:
      return {403, 401003, Level::Warning};
    case Reason::KeepAlive:
    case Reason::PeerClosed:
      return {404, 404104, Level::Warning};
    case Reason::Oversize:
      return {413, 0, Level::Error};
    case Reason::NotDurable:
      return {503, 0, Level::Error};
    default:
      return {400, 0, Level::Error};
  }
}

// Sixteen bytes of plain data: std::function keeps them without allocating.
struct Report {
  Host* host;
  std::uint32_t connection;
  std::uint16_t packet_id;
  std::uint16_t kibibytes;

  void operator()(bool durable) const { host->report({connection, packet_id, kibibytes, durable}); }
};
static_assert(sizeof(Report) == 16 && std::is_trivially_copyable_v<Report>);

}  // namespace

MqttSession::MqttSession(Service& service, Host& host, std::uint32_t connection,
                         Transport transport)
    : service_(service),
      host_(host),
      connection_(connection),
      transport_(std::move(transport)),
      opened_(service.options.mono_now()) {}

std::size_t MqttSession::max_packet_bytes() const {
  return logged_in() ? service_.options.max_message_bytes + kMaxOverhead : kMaxConnectBytes;
}

bool MqttSession::wants_more() const {
  return offered_ - settled_ < service_.options.max_unacknowledged &&
         kibibytes_on_way_ * kKibibyte < service_.options.max_unacknowledged_bytes;
}

Next MqttSession::close(Reason reason, std::string detail) {
  closed_ = true;
  reason_ = reason;
  detail_ = std::move(detail);
  return Next::Close;
}

Next MqttSession::take(const mqtt::Packet& packet) {
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet);
      publish != nullptr && logged_in()) {
    return take(*publish);
  }
  if (const auto* connect = std::get_if<mqtt::Connect>(&packet);
      connect != nullptr && !logged_in()) {
    return take(*connect);
  }
  if (logged_in()) {
    if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) return take(*subscribe);
    if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&packet))
      return take(*unsubscribe);
    if (std::holds_alternative<mqtt::Pingreq>(packet)) {
      ASSERT(mqtt::encode(mqtt::Pingresp{}, out_).has_value());
      return Next::Continue;
    }
    if (std::holds_alternative<mqtt::Disconnect>(packet)) {
      will_.reset();
      return close(Reason::None, {});
    }
    // For a message of ours that it no longer has to confirm.
    if (std::holds_alternative<mqtt::Puback>(packet)) return Next::Continue;
  }
  service_.counters.malformed.add();
  return close(Reason::Protocol,
               std::string(mqtt::to_string(mqtt::type_of(packet))) +
                   (logged_in() ? " is not a client's, or not now" : " before CONNECT"));
}

void MqttSession::violated(const base::Error& error) {
  if (error.code == base::Code::TooLarge) {
    service_.counters.oversize.add();
    close(Reason::Oversize,
          "a packet above " + std::to_string(max_packet_bytes()) + " bytes was announced");
    return;
  }
  service_.counters.malformed.add();
  if (error.code == base::Code::Unsupported && !logged_in()) {
    ASSERT(mqtt::encode(mqtt::Connack{false, mqtt::ConnectCode::UnacceptableProtocol}, out_)
               .has_value());
    service_.counters.logins_refused.add();
  }
  close(Reason::Protocol, error.to_string());
}

Next MqttSession::take(const mqtt::Connect& packet) {
  if (packet.client_id.empty()) {
    Refusal refusal;
    refusal.reason = Reason::ClientId;
    refusal.detail = "the client id is empty";
    return refuse(mqtt::ConnectCode::IdentifierRejected, refusal);
  }
  if (auto refusal = log_in(packet)) return refuse(mqtt::ConnectCode::NotAuthorized, *refusal);
  if (packet.will && !keep_will(*packet.will)) {
    service_.counters.logins_refused.add();
    ASSERT(mqtt::encode(mqtt::Connack{false, mqtt::ConnectCode::NotAuthorized}, out_).has_value());
    return close(Reason::WillTopic,
                 "the will is no message that " + name_.to_string() + " may send");
  }
  const base::MonoTime now = service_.options.mono_now();
  last_heard_ = now;
  silence_ = service_.options.max_silence;
  if (packet.keep_alive_seconds > 0) {
    const std::chrono::nanoseconds asked =
        std::chrono::milliseconds(1'500) * packet.keep_alive_seconds;
    silence_ = std::min(silence_, asked);
  }
  service_.counters.logins.add();
  operations::Record record = new_record("deviceConnect");
  record.duration = std::chrono::duration_cast<std::chrono::milliseconds>(now - opened_);
  service_.operations.record(std::move(record));
  // Sessions hold no state beyond a connection yet, whatever clean-session says.
  ASSERT(mqtt::encode(mqtt::Connack{}, out_).has_value());
  return Next::Continue;
}

std::optional<Refusal> MqttSession::log_in(const mqtt::Connect& packet) {
  const identity::Login login{packet.client_id, packet.username.value_or(std::string_view()),
                              base::as_text(packet.password.value_or(base::ByteView()))};
  const SessionTable::Place here{&host_, connection_};
  for (bool entered = false;;) {
    const std::uint64_t revocations = service_.revocations.load();
    auto grant = service_.registry.authenticate(login, service_.options.wall_now());
    if (!grant) {
      if (entered) service_.sessions.remove(name_, here);
      return std::move(grant).error();
    }
    if (!entered) {
      entered = true;
      name_ = grant->name;
      const auto before = service_.sessions.replace(name_, here);
      if (before) before->host->cut(before->connection, Reason::TakenOver);
    }
    // Disabled or deleted while this went on: the table may have been searched too early.
    if (revocations != service_.revocations.load()) continue;
    expires_ = grant->expires_at;
    auth_ = std::move(grant->auth);
    Peer peer{
        name_.device_id,     name_.module_id, std::move(grant->generation_id), auth_json(auth_),
        transport_.protocol, transport_.ip,   std::move(grant->client_type)};
    peer_ = std::make_unique<const Peer>(std::move(peer));
    presence_ = service_.registry.connected(name_, peer_->client_type, peer_->ip);
    return std::nullopt;
  }
}

Next MqttSession::refuse(mqtt::ConnectCode code, const Refusal& refusal) {
  service_.counters.logins_refused.add();
  operations::Record record = new_record("deviceConnect");
  record.status_code = refusal.status_code;
  record.sub_code = refusal.sub_code;
  record.level = Level::Error;
  record.device_id = refusal.name.device_id;
  record.module_id = refusal.name.module_id;
  record.auth = refusal.auth;
  record.reason = refusal.reason;
  record.detail = refusal.detail;
  record.sdk_version = refusal.client_type;
  service_.operations.record(std::move(record));
  ASSERT(mqtt::encode(mqtt::Connack{false, code}, out_).has_value());
  return close(refusal.reason, refusal.detail);
}

bool MqttSession::keep_will(const mqtt::Will& will) {
  const auto topic = wire::parse_publish_topic(will.topic);
  if (!topic || topic->kind != wire::PublishKind::Events || will.qos > 1) return false;
  if (!wire::same_topic_id(topic->owner.device_id, name_.device_id) ||
      !wire::same_topic_id(topic->owner.module_id, name_.module_id)) {
    return false;
  }
  KeptWill kept{std::string(topic->bag), std::string(base::as_text(will.payload))};
  append_property(kept.bag, kWillProperty);
  if (will.retain) append_property(kept.bag, kRetainProperty);
  if (kept.bag.size() + kept.payload.size() > service_.options.max_message_bytes) return false;
  will_ = std::move(kept);
  return true;
}

Next MqttSession::take(const mqtt::Publish& packet) {
  if (packet.qos == 2) {
    service_.counters.qos2.add();
    return close(Reason::QosNotServed, "a publish with QoS 2");
  }
  const auto topic = wire::parse_publish_topic(packet.topic);
  const bool own = topic && (topic->kind != wire::PublishKind::Events ||
                             (wire::same_topic_id(topic->owner.device_id, name_.device_id) &&
                              wire::same_topic_id(topic->owner.module_id, name_.module_id)));
  if (!own) {
    service_.counters.unknown_topic.add();
    return close(Reason::TopicNotServed,
                 "topic '" + base::to_utf8(packet.topic.substr(0, 128)) + "'");
  }
  return topic->kind == wire::PublishKind::Events ? take_events(packet, *topic)
                                                  : take_request(packet, *topic);
}

Next MqttSession::take_events(const mqtt::Publish& packet, const wire::PublishTopic& topic) {
  const std::size_t size = topic.bag.size() + packet.payload.size();
  if (size > service_.options.max_message_bytes) {
    service_.counters.oversize.add();
    return close(Reason::Oversize, "a message of " + std::to_string(size) +
                                       " bytes; the limit is " +
                                       std::to_string(service_.options.max_message_bytes));
  }
  std::string_view bag = topic.bag;
  if (packet.retain) {
    scratch_ = bag;
    append_property(scratch_, kRetainProperty);
    bag = scratch_;
  }
  const bool security = wire::is_security_message(bag);
  const Message message{*peer_, service_.options.wall_now(), bag, base::as_text(packet.payload),
                        security};
  const auto kibibytes = static_cast<std::uint16_t>((size + kKibibyte - 1) / kKibibyte);
  Sink::Done done = Report{&host_, connection_, packet.packet_id, kibibytes};
  // A Done on another thread cannot overtake this: it is queued for this one.
  if (!service_.sink.offer(message, done)) return Next::Hold;
  ++offered_;
  kibibytes_on_way_ += kibibytes;
  ++messages_;
  ++tick_messages_;
  message_bytes_ += size;
  service_.counters.messages.add();
  service_.counters.message_bytes.add(size);
  if (security) {
    ++tick_security_messages_;
    service_.counters.security_messages.add();
  }
  return Next::Continue;
}

Next MqttSession::take_request(const mqtt::Publish& packet, const wire::PublishTopic& topic) {
  if (packet.packet_id != 0) {
    held_acks_.emplace_back(offered_, packet.packet_id);
    release_held();
  }
  if (topic.kind == wire::PublishKind::MethodResponse) return Next::Continue;  // nobody asked
  service_.counters.twin_requests.add();
  constexpr auto kResults = static_cast<unsigned>(wire::FilterKind::TwinResults);
  if ((subscriptions_ & (1U << kResults)) == 0) return Next::Continue;
  // The SDKs want both members, or they ignore the status.
  constexpr std::string_view kBody =
      R"({"errorCode":501001,"message":"this hub does not serve twins"})";
  const std::string answer = wire::twin_result_topic(501, topic.request_id);
  mqtt::Publish publish;
  publish.topic = answer;
  publish.payload = base::as_bytes(kBody);
  // Fails only for a request id that makes the topic longer than MQTT allows: then there is no
  // answer.
  (void)mqtt::encode_publish(publish, out_);
  return Next::Continue;
}

Next MqttSession::take(const mqtt::Subscribe& packet) {
  mqtt::Suback answer{packet.packet_id, {}};
  std::size_t refused = 0;
  for (const mqtt::Subscription& wanted : packet.subscriptions) {
    const auto kind = wire::parse_filter(wanted.filter, owner());
    if (kind) subscriptions_ |= 1U << static_cast<unsigned>(*kind);
    if (!kind) ++refused;
    // QoS 2 is not served; what asks for it gets 1.
    answer.codes.push_back(kind ? std::min<std::uint8_t>(wanted.qos, 1) : mqtt::kSubscribeFailure);
  }
  const auto granted = static_cast<std::size_t>(__builtin_popcount(subscriptions_));
  if (granted + refused > service_.options.max_subscriptions) {
    service_.counters.too_many_subscriptions.add();
    return close(
        Reason::Subscriptions,
        "more than " + std::to_string(service_.options.max_subscriptions) + " subscriptions");
  }
  ASSERT(mqtt::encode(answer, out_).has_value());
  return Next::Continue;
}

Next MqttSession::take(const mqtt::Unsubscribe& packet) {
  for (const std::string_view filter : packet.filters) {
    const auto kind = wire::parse_filter(filter, owner());
    if (kind) subscriptions_ &= ~(1U << static_cast<unsigned>(*kind));
  }
  ASSERT(mqtt::encode(mqtt::Unsuback{packet.packet_id}, out_).has_value());
  return Next::Continue;
}

void MqttSession::acknowledge(std::uint16_t packet_id) {
  mqtt::encode_puback(packet_id, out_);
  service_.counters.pubacks.add();
}

void MqttSession::release_held() {
  std::size_t released = 0;
  while (released < held_acks_.size() && held_acks_[released].first <= settled_) {
    acknowledge(held_acks_[released++].second);
  }
  held_acks_.erase(held_acks_.begin(), held_acks_.begin() + static_cast<std::ptrdiff_t>(released));
}

Next MqttSession::settled(const Outcome& outcome) {
  ++settled_;
  kibibytes_on_way_ -= outcome.kibibytes;
  if (!outcome.durable) {
    service_.counters.not_durable.add();
    // The sender sees no PUBACK, comes back later and sends it again.
    return close(Reason::NotDurable, "a message could not be stored");
  }
  if (outcome.packet_id != 0) acknowledge(outcome.packet_id);
  if (!held_acks_.empty()) release_held();
  return Next::Continue;
}

Next MqttSession::tick() {
  if (!logged_in()) return Next::Continue;
  const base::MonoTime now = service_.options.mono_now();
  if (heard_) {
    heard_ = false;
    last_heard_ = now;
    service_.registry.active(name_, std::exchange(tick_messages_, 0),
                             std::exchange(tick_security_messages_, 0));
  }
  if (now - last_heard_ >= silence_) {
    service_.counters.keep_alive_expired.add();
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now - last_heard_).count();
    return close(Reason::KeepAlive, "nothing was heard for " + std::to_string(seconds) + " s");
  }
  if (service_.options.wall_now() >= expires_) {
    service_.counters.token_expired.add();
    return close(Reason::SasExpired, "the token expired at " + base::format_rfc3339(expires_, 0));
  }
  return Next::Continue;
}

void MqttSession::send_will() {
  if (!will_) return;
  const bool quiet =
      reason_ == Reason::Stopping || reason_ == Reason::Deleted || reason_ == Reason::Disabled;
  if (quiet) return;
  const Message message{*peer_, service_.options.wall_now(), will_->bag, will_->payload,
                        wire::is_security_message(will_->bag)};
  Sink::Done done = [](bool) {};
  const bool taken = service_.sink.offer(message, done);
  (taken ? service_.counters.wills : service_.counters.wills_dropped).add();
}

void MqttSession::end(Reason reason) {
  if (!closed_) reason_ = reason;
  if (!logged_in()) {
    if (reason_ == Reason::Protocol || reason_ == Reason::Oversize) {
      LOG_INFO("mqtt.violation").field("ip", transport_.ip).field("detail", detail_);
    }
    return;
  }
  service_.sessions.remove(name_, {&host_, connection_});
  if (heard_) service_.registry.active(name_, tick_messages_, tick_security_messages_);
  service_.registry.disconnected(name_, presence_);
  send_will();
  record_end();
}

void MqttSession::record_end() {
  const Ending ending = ending_of(reason_);
  operations::Record record = new_record("deviceDisconnect");
  record.status_code = ending.status_code;
  record.sub_code = ending.sub_code;
  record.level = ending.level;
  record.reason = reason_;
  record.detail = detail_;
  record.bytes = message_bytes_;
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(service_.options.mono_now() - opened_);
  service_.operations.record(std::move(record));
}

operations::Record MqttSession::new_record(const char* operation) const {
  operations::Record record;
  record.time = service_.options.wall_now();
  record.operation = operation;
  record.protocol = transport_.protocol;
  record.ip = transport_.ip;
  record.tls_version = transport_.tls_version;
  record.tls_cipher = transport_.tls_cipher;
  record.auth = auth_;
  if (peer_) {
    record.device_id = peer_->device_id;
    record.module_id = peer_->module_id;
    record.generation_id = peer_->generation_id;
    record.sdk_version = peer_->client_type;
  }
  return record;
}

}  // namespace hub::listen
