#include "hub/listen/dps_session.h"

#include <algorithm>

#include "base/text.h"
#include "hub/identity/ip_filter.h"
#include "hub/limits/limits.h"

namespace hub::listen {

using operations::Level;
using operations::Reason;
namespace mqtt = wire::mqtt;
using Next = DpsSession::Next;

namespace {

constexpr std::size_t kMaxShown = 128;

std::string shown(std::string_view text) {
  return base::to_utf8(text.substr(0, kMaxShown));
}

}  // namespace

DpsSession::DpsSession(link::Service& service, provisioning::Provisioning& provisioning,
                       const link::Transport& transport, base::ByteVec& out)
    : service_(service),
      provisioning_(provisioning),
      transport_(transport),
      out_(out),
      opened_(service.options.mono_now()) {}

operations::Record DpsSession::new_record(const char* operation) const {
  operations::Record record;
  record.time = service_.options.wall_now();
  record.operation = operation;
  record.device_id = shown(user_.registration_id);
  record.protocol = transport_.protocol;
  record.ip = transport_.ip;
  record.tls_version = transport_.tls_version;
  record.tls_cipher = transport_.tls_cipher;
  record.sdk_version = shown(user_.client_version);
  record.auth = grant_.auth;
  return record;
}

Next DpsSession::close(Reason reason, std::string detail) {
  reason_ = reason;
  detail_ = std::move(detail);
  return Next::Close;
}

Next DpsSession::refuse(const identity::Refusal& refusal) {
  service_.counters.logins_refused.add();
  provisioning_.refuse(refusal, new_record("registrationConnect"));
  const auto code = refusal.reason == Reason::Throttled ? mqtt::ConnectCode::ServerUnavailable
                                                        : mqtt::ConnectCode::NotAuthorized;
  ASSERT(mqtt::encode(mqtt::Connack{false, code}, out_).has_value());
  return close(refusal.reason, refusal.detail);
}

Next DpsSession::connect(const mqtt::Connect& packet, wire::DpsUsername user) {
  user_ = std::move(user);
  const auto address = service_.registry.ip_filter().decide(transport_.ip);
  if (address.access != identity::Access::Allow) {
    identity::Refusal refusal;
    refusal.name.device_id = shown(user_.registration_id);
    refusal.sub_code = 401002;
    refusal.reason = Reason::IpFilter;
    refusal.detail = "refused by the rule '" + address.rule + "'";
    return refuse(refusal);
  }
  if (packet.client_id != user_.registration_id) {
    identity::Refusal refusal;
    refusal.name.device_id = shown(user_.registration_id);
    refusal.sub_code = 401002;
    refusal.reason = Reason::ClientId;
    refusal.detail = "the client id is '" + shown(packet.client_id) + "'";
    return refuse(refusal);
  }
  provisioning::Credentials credentials;
  credentials.id_scope = user_.id_scope;
  credentials.registration_id = user_.registration_id;
  credentials.token = base::as_text(packet.password.value_or(base::ByteView()));
  credentials.certificate = transport_.certificate ? &*transport_.certificate : nullptr;
  auto grant = provisioning_.attest(credentials);
  if (!grant) return refuse(grant.error());
  const limits::Decision decision =
      service_.limits.check(limits::Kind::Connect, {user_.registration_id, {}}, 0,
                            service_.options.mono_now(), service_.options.wall_now());
  if (!decision.permitted()) {
    identity::Refusal refusal;
    refusal.name.device_id = shown(user_.registration_id);
    refusal.status_code = 429;
    refusal.sub_code = 429001;
    refusal.reason = Reason::Throttled;
    refusal.detail = "too many operations of the kind connect";
    refusal.auth = std::move(grant->auth);
    return refuse(refusal);
  }
  grant_ = std::move(*grant);
  connected_ = true;
  last_heard_ = service_.options.mono_now();
  silence_ = service_.options.max_silence;
  if (packet.keep_alive_seconds > 0) {
    const std::chrono::nanoseconds asked =
        std::chrono::milliseconds(1'500) * packet.keep_alive_seconds;
    silence_ = std::min(silence_, asked);
  }
  service_.counters.logins.add();
  operations::Record record = new_record("registrationConnect");
  record.duration = std::chrono::duration_cast<std::chrono::milliseconds>(last_heard_ - opened_);
  service_.operations.record(std::move(record));
  ASSERT(mqtt::encode(mqtt::Connack{}, out_).has_value());
  return Next::Continue;
}

Next DpsSession::take(const mqtt::Packet& packet) {
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) return take(*publish);
  if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) return take(*subscribe);
  if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&packet)) return take(*unsubscribe);
  if (std::holds_alternative<mqtt::Puback>(packet)) return Next::Continue;
  if (std::holds_alternative<mqtt::Pingreq>(packet)) {
    ASSERT(mqtt::encode(mqtt::Pingresp{}, out_).has_value());
    return Next::Continue;
  }
  if (std::holds_alternative<mqtt::Disconnect>(packet)) return close(Reason::None, {});
  service_.counters.malformed.add();
  return close(Reason::Protocol, std::string(mqtt::to_string(mqtt::type_of(packet))) +
                                     " is not a client's, or not now");
}

Next DpsSession::take(const mqtt::Publish& packet) {
  if (packet.qos == 2) {
    service_.counters.qos2.add();
    return close(Reason::QosNotServed, "a publish with QoS 2");
  }
  const auto topic = wire::parse_dps_topic(packet.topic);
  if (!topic) {
    service_.counters.unknown_topic.add();
    return close(Reason::TopicNotServed, "topic '" + shown(packet.topic) + "'");
  }
  operations::Record record = new_record("");
  record.request_id = shown(topic->request_id);
  const provisioning::Reply reply =
      topic->kind == wire::DpsRequestTopic::Kind::Register
          ? provisioning_.begin(grant_, base::as_text(packet.payload), std::move(record))
          : provisioning_.poll(grant_, topic->operation_id, std::move(record));
  if (packet.packet_id != 0) {
    mqtt::encode_puback(packet.packet_id, out_);
    service_.counters.pubacks.add();
  }
  publish(topic->request_id, reply);
  return Next::Continue;
}

void DpsSession::publish(std::string_view request_id, const provisioning::Reply& reply) {
  if (!subscribed_) return;
  const std::string topic = wire::dps_result_topic(reply.status, request_id, reply.retry_after);
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = base::as_bytes(reply.body);
  packet.qos = qos_;
  if (qos_ != 0) {
    last_packet_id_ = static_cast<std::uint16_t>(last_packet_id_ + 1);
    if (last_packet_id_ == 0) last_packet_id_ = 1;
    packet.packet_id = last_packet_id_;
  }
  // Fails only for a request id that makes the topic one that MQTT does not allow: then there is no
  // answer.
  (void)mqtt::encode_publish(packet, out_);
}

Next DpsSession::take(const mqtt::Subscribe& packet) {
  mqtt::Suback answer{packet.packet_id, {}};
  for (const mqtt::Subscription& wanted : packet.subscriptions) {
    if (wanted.filter != wire::kDpsFilter) {
      answer.codes.push_back(mqtt::kSubscribeFailure);
      continue;
    }
    subscribed_ = true;
    // QoS 2 is not served; what asks for it gets 1.
    qos_ = std::min<std::uint8_t>(wanted.qos, 1);
    answer.codes.push_back(qos_);
  }
  ASSERT(mqtt::encode(answer, out_).has_value());
  return Next::Continue;
}

Next DpsSession::take(const mqtt::Unsubscribe& packet) {
  for (const std::string_view filter : packet.filters) {
    if (filter == wire::kDpsFilter) subscribed_ = false;
  }
  ASSERT(mqtt::encode(mqtt::Unsuback{packet.packet_id}, out_).has_value());
  return Next::Continue;
}

Next DpsSession::tick(bool heard) {
  if (!connected_) return Next::Continue;
  const base::MonoTime now = service_.options.mono_now();
  if (heard) last_heard_ = now;
  if (now - last_heard_ >= silence_) {
    service_.counters.keep_alive_expired.add();
    return close(Reason::KeepAlive, "nothing was heard for too long");
  }
  if (service_.options.wall_now() < grant_.expires_at) return Next::Continue;
  service_.counters.token_expired.add();
  const bool certificate = grant_.auth.type == "x509";
  return close(certificate ? Reason::CertExpired : Reason::SasExpired,
               (certificate ? "the certificate expired at " : "the token expired at ") +
                   base::format_rfc3339(grant_.expires_at, 0));
}

void DpsSession::end(Reason reason, const std::string& detail) {
  if (!connected_) return;
  operations::Record record = new_record("registrationDisconnect");
  const bool clean = reason == Reason::None || reason == Reason::Stopping;
  record.reason = reason;
  record.detail = detail;
  if (!clean) {
    const bool expired = reason == Reason::SasExpired || reason == Reason::CertExpired;
    const bool gone = reason == Reason::KeepAlive || reason == Reason::PeerClosed;
    record.status_code = expired ? 401 : gone ? 404 : 400;
    record.sub_code = expired ? 401002 : gone ? 404104 : 0;
    record.level = expired || gone ? Level::Warning : Level::Error;
  }
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(service_.options.mono_now() - opened_);
  service_.operations.record(std::move(record));
}

}  // namespace hub::listen
