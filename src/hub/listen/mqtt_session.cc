#include "hub/listen/mqtt_session.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/listen/mqtt_property.h"
#include "wire/property_bag.h"

namespace hub::listen {

using link::Message;
using link::Outcome;
using link::Service;
using link::Sink;
using operations::Reason;
namespace mqtt = wire::mqtt;
using Next = MqttSession::Next;

namespace {

constexpr std::size_t kMaxConnectBytes = 16 * 1024;
// A topic has at most 65,535 bytes; its fixed part does not count as the message's.
constexpr std::size_t kMaxOverhead = 65'535 + 16;
constexpr std::size_t kKibibyte = 1024;

}  // namespace

MqttSession::MqttSession(Service& service, link::Host& host, std::uint32_t connection,
                         link::Transport transport)
    : service_(service),
      host_(host),
      connection_(connection),
      member_(service, host, connection, std::move(transport)),
      stream_(kMaxConnectBytes),
      commands_(service, host, connection, member_, out_) {}

std::unique_ptr<link::Session> make_mqtt_session(Service& service, link::Host& host,
                                                 std::uint32_t connection,
                                                 link::Transport transport) {
  return std::make_unique<MqttSession>(service, host, connection, std::move(transport));
}

void MqttSession::filled(std::size_t count) {
  heard_ = true;
  stream_.filled(count);
}

Next MqttSession::take() {
  const auto packet = stream_.next();
  if (!packet) {
    violated(packet.error());
    return Next::Close;
  }
  if (!packet->has_value()) return Next::Starved;
  const Next next = take(**packet);
  if (next == Next::Hold) stream_.unread();
  return next;
}

std::size_t MqttSession::max_packet_bytes() const {
  if (registering()) return DpsSession::kMaxPacketBytes;
  return logged_in() ? service_.options.max_message_bytes + kMaxOverhead : kMaxConnectBytes;
}

bool MqttSession::wants_more() const {
  return offered_ - settled_ < service_.options.max_unacknowledged &&
         kibibytes_on_way_ * kKibibyte < service_.options.max_unacknowledged_bytes &&
         !member_.held_back();
}

Next MqttSession::close(Reason reason, std::string detail) {
  closed_ = true;
  reason_ = reason;
  detail_ = std::move(detail);
  return Next::Close;
}

Next MqttSession::take_registering(Next next) {
  return next == Next::Close ? close(dps_->reason(), dps_->detail()) : next;
}

Next MqttSession::take(const mqtt::Packet& packet) {
  if (dps_) return take_registering(dps_->take(packet));
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
    if (const auto* puback = std::get_if<mqtt::Puback>(&packet)) {
      commands_.acknowledged(puback->packet_id);
      return Next::Continue;
    }
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

Next MqttSession::take(const mqtt::Publish& packet) {
  if (packet.qos == 2) {
    service_.counters.qos2.add();
    return close(Reason::QosNotServed, "a publish with QoS 2");
  }
  const auto topic = wire::parse_publish_topic(packet.topic);
  const bool own =
      topic && (topic->kind != wire::PublishKind::Events ||
                (wire::same_topic_id(topic->owner.device_id, member_.name().device_id) &&
                 wire::same_topic_id(topic->owner.module_id, member_.name().module_id)));
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
  // Once for each message, however often there is no room for it.
  if (!charged_) {
    if (auto refused = member_.charge(limits::Kind::Telemetry, size))
      return close(refused->reason, std::move(refused->detail));
  }
  charged_ = true;
  std::string_view bag = topic.bag;
  if (packet.retain) {
    scratch_ = bag;
    append_property(scratch_, kRetainProperty);
    bag = scratch_;
  }
  const bool security = wire::is_security_message(bag);
  const Message message{member_.peer(), service_.options.wall_now(), bag,
                        base::as_text(packet.payload), security};
  const auto kibibytes = static_cast<std::uint16_t>((size + kKibibyte - 1) / kKibibyte);
  Sink::Done done = link::Report{&host_, connection_, packet.packet_id, kibibytes};
  // A Done on another thread cannot overtake this: it is queued for this one.
  if (!service_.sink.offer(message, done)) return Next::Hold;
  charged_ = false;
  ++offered_;
  kibibytes_on_way_ += kibibytes;
  member_.count_message(size, security);
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
  if (dps_) return take_registering(dps_->tick(std::exchange(heard_, false)));
  if (!logged_in()) return Next::Continue;
  const base::MonoTime now = service_.options.mono_now();
  if (heard_) {
    heard_ = false;
    last_heard_ = now;
    member_.tell_activity();
  } else {
    stream_.release();
  }
  commands_.tick();
  member_.tick();
  if (now - last_heard_ >= silence_) {
    service_.counters.keep_alive_expired.add();
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now - last_heard_).count();
    return close(Reason::KeepAlive, "nothing was heard for " + std::to_string(seconds) + " s");
  }
  if (const auto expiry = member_.expired()) {
    service_.counters.token_expired.add();
    return close(expiry->reason, expiry->detail);
  }
  return Next::Continue;
}

void MqttSession::end(Reason reason) {
  if (!closed_) reason_ = reason;
  if (dps_) return dps_->end(reason_, detail_);
  if (!logged_in()) {
    if (reason_ == Reason::Protocol || reason_ == Reason::Oversize) {
      LOG_INFO("mqtt.violation").field("ip", member_.transport().ip).field("detail", detail_);
      if (!refused_) member_.refused_unknown(reason_, detail_);
    }
    return;
  }
  if (heard_) member_.tell_activity();
  serve_methods(false);
  commands_.end();
  member_.leave();
  send_will();
  member_.record_end(reason_, detail_);
}

}  // namespace hub::listen
