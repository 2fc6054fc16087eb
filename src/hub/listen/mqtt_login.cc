// How an MQTT session begins, and the will that is sent when it ends.
#include <algorithm>

#include "hub/listen/mqtt_property.h"
#include "hub/listen/mqtt_session.h"
#include "wire/property_bag.h"

namespace hub::listen {

using identity::Refusal;
using link::Message;
using link::Sink;
using operations::Reason;
namespace mqtt = wire::mqtt;
using Next = MqttSession::Next;

Next MqttSession::take(const mqtt::Connect& packet) {
  if (packet.client_id.empty()) {
    Refusal refusal;
    refusal.reason = Reason::ClientId;
    refusal.detail = "the client id is empty";
    return refuse(mqtt::ConnectCode::IdentifierRejected, refusal);
  }
  if (service_.provisioning != nullptr && packet.username) {
    auto user = wire::parse_dps_username(*packet.username, service_.registry.host_name());
    if (user) {
      dps_ =
          std::make_unique<DpsSession>(service_, *service_.provisioning, member_.transport(), out_);
      const Next next = dps_->connect(packet, std::move(*user));
      stream_.set_max_packet_bytes(max_packet_bytes());
      return take_registering(next);
    }
  }
  const identity::ClientCertificate* certificate =
      member_.transport().certificate ? &*member_.transport().certificate : nullptr;
  const identity::Login login{packet.client_id, packet.username.value_or(std::string_view()),
                              base::as_text(packet.password.value_or(base::ByteView())),
                              certificate};
  const auto refusal = member_.log_in(
      [&] { return service_.registry.authenticate(login, service_.options.wall_now()); });
  // Who is only too fast shall come again, which SDKs do not after NotAuthorized.
  if (refusal) {
    return refuse(refusal->reason == Reason::Throttled ? mqtt::ConnectCode::ServerUnavailable
                                                       : mqtt::ConnectCode::NotAuthorized,
                  *refusal);
  }
  if (packet.will && !keep_will(*packet.will)) {
    service_.counters.logins_refused.add();
    ASSERT(mqtt::encode(mqtt::Connack{false, mqtt::ConnectCode::NotAuthorized}, out_).has_value());
    return close(Reason::WillTopic,
                 "the will is no message that " + member_.name().to_string() + " may send");
  }
  const base::MonoTime now = service_.options.mono_now();
  last_heard_ = now;
  silence_ = service_.options.max_silence;
  if (packet.keep_alive_seconds > 0) {
    const std::chrono::nanoseconds asked =
        std::chrono::milliseconds(1'500) * packet.keep_alive_seconds;
    silence_ = std::min(silence_, asked);
  }
  stream_.set_max_packet_bytes(max_packet_bytes());
  member_.welcome();
  clean_ = packet.clean_session;
  const bool present = find_session();
  ASSERT(mqtt::encode(mqtt::Connack{present, mqtt::ConnectCode::Accepted}, out_).has_value());
  // Before any SUBSCRIBE, as the session has one.
  commands_.look();
  return Next::Continue;
}

Next MqttSession::refuse(mqtt::ConnectCode code, const Refusal& refusal) {
  member_.refused(refusal);
  refused_ = true;
  ASSERT(mqtt::encode(mqtt::Connack{false, code}, out_).has_value());
  return close(refusal.reason, refusal.detail);
}

bool MqttSession::keep_will(const mqtt::Will& will) {
  const auto topic = wire::parse_publish_topic(will.topic);
  if (!topic || topic->kind != wire::PublishKind::Events || will.qos > 1) return false;
  if (!wire::same_topic_id(topic->owner.device_id, member_.name().device_id) ||
      !wire::same_topic_id(topic->owner.module_id, member_.name().module_id)) {
    return false;
  }
  KeptWill kept{std::string(topic->bag), std::string(base::as_text(will.payload))};
  append_property(kept.bag, kWillProperty);
  if (will.retain) append_property(kept.bag, kRetainProperty);
  if (kept.bag.size() + kept.payload.size() > service_.options.max_message_bytes) return false;
  will_ = std::move(kept);
  return true;
}

void MqttSession::send_will() {
  if (!will_) return;
  const bool quiet =
      reason_ == Reason::Stopping || reason_ == Reason::Deleted || reason_ == Reason::Disabled;
  if (quiet) return;
  const Message message{member_.peer(), service_.options.wall_now(), will_->bag, will_->payload,
                        wire::is_security_message(will_->bag)};
  Sink::Done done = [](bool) {};
  const bool taken = service_.sink.offer(message, done);
  (taken ? service_.counters.wills : service_.counters.wills_dropped).add();
}

}  // namespace hub::listen
