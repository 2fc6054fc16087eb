// What an MQTT session is asked and told beside its messages: twins, direct methods, subscriptions.
#include <algorithm>

#include "base/text.h"
#include "hub/listen/mqtt_session.h"

namespace hub::listen {

using operations::Reason;
namespace mqtt = wire::mqtt;
using Next = MqttSession::Next;

namespace {

constexpr std::size_t kMaxShownId = 128;  // of a request
// What is kept of a session: the QoS of the subscription to messages, and whether it had others.
constexpr std::uint8_t kKeptQos = 1;
constexpr std::uint8_t kKeptPart = 16;

constexpr unsigned bit(wire::FilterKind kind) {
  return 1U << static_cast<unsigned>(kind);
}

}  // namespace

Next MqttSession::take_request(const mqtt::Publish& packet, const wire::PublishTopic& topic) {
  if (packet.packet_id != 0) {
    held_acks_.emplace_back(offered_, packet.packet_id);
    release_held();
  }
  if (topic.kind == wire::PublishKind::MethodResponse) {
    (void)service_.methods.answer(member_.name(), topic.request_id, topic.status,
                                  base::as_text(packet.payload), member_.new_record(""));
  } else {
    take_twin_request(packet, topic);
  }
  return Next::Continue;
}

void MqttSession::take_twin_request(const mqtt::Publish& packet, const wire::PublishTopic& topic) {
  service_.counters.twin_requests.add();
  const std::string id(topic.request_id);
  const bool update = topic.kind == wire::PublishKind::TwinReported;
  const auto kind = update ? limits::Kind::TwinUpdate : limits::Kind::TwinRead;
  if (twin_requests_ < service_.options.max_twin_requests &&
      !member_.charge(kind, packet.payload.size())) {
    twins::DeviceRequest request;
    request.name = member_.name();
    request.generation_id = member_.peer().generation_id;
    request.record = member_.new_record("");
    request.record.request_id = base::to_utf8(topic.request_id.substr(0, kMaxShownId));
    if (update) request.patch = std::string(base::as_text(packet.payload));
    auto answer = [host = &host_, connection = connection_, id](twins::DeviceAnswer given) {
      host->deliver(connection, link::TwinAnswer{id, std::move(given)});
    };
    if (service_.twins.request(std::move(request), std::move(answer))) {
      ++twin_requests_;
      return;
    }
  }
  service_.counters.twin_requests_refused.add();
  // The SDKs want both members, or they ignore the status.
  answer_twin(
      {id, {429, R"({"errorCode":429001,"message":"too many requests; try again later"})", {}}});
}

void MqttSession::answer_twin(const link::TwinAnswer& answer) {
  const auto& [id, given] = answer;
  const std::string topic = given.version
                                ? wire::twin_result_topic(given.status, id, *given.version)
                                : wire::twin_result_topic(given.status, id);
  publish(wire::FilterKind::TwinResults, topic, given.body);
}

void MqttSession::deliver(const link::Delivery& delivery) {
  if (const auto* answer = std::get_if<link::TwinAnswer>(&delivery)) {
    --twin_requests_;
    answer_twin(*answer);
  } else if (const auto* desired = std::get_if<link::TwinDesired>(&delivery)) {
    service_.counters.twin_changes_told.add();
    publish(wire::FilterKind::TwinDesired, wire::twin_desired_topic(desired->version),
            desired->json);
  } else if (const auto* call = std::get_if<link::MethodCall>(&delivery)) {
    publish(wire::FilterKind::Methods, wire::method_topic(call->method, call->request_id),
            call->payload.empty() ? "null" : call->payload);
  } else if (std::holds_alternative<link::CommandsWaiting>(delivery)) {
    commands_.look();
  } else if (const auto* task = std::get_if<link::Task>(&delivery)) {
    task->run();
  }
}

void MqttSession::publish(wire::FilterKind kind, std::string_view topic, std::string_view payload) {
  if ((subscriptions_ & (1U << static_cast<unsigned>(kind))) == 0) return;
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = base::as_bytes(payload);
  // Fails only for a request id that makes the topic longer than MQTT allows: then there is no
  // answer.
  (void)mqtt::encode_publish(packet, out_);
}

void MqttSession::refuses_to_take() {
  close(Reason::Limit, "does not take what it subscribed to");
}

Next MqttSession::take(const mqtt::Subscribe& packet) {
  mqtt::Suback answer{packet.packet_id, {}};
  std::size_t refused = 0;
  for (const mqtt::Subscription& wanted : packet.subscriptions) {
    const auto kind = wire::parse_filter(wanted.filter, owner());
    // QoS 2 is not served; what asks for it gets 1.
    const auto qos = std::min<std::uint8_t>(wanted.qos, 1);
    if (kind)
      subscribe(*kind, qos);
    else
      ++refused;
    answer.codes.push_back(kind ? qos : mqtt::kSubscribeFailure);
  }
  const auto granted = static_cast<std::size_t>(__builtin_popcount(subscriptions_));
  if (granted + refused > service_.options.max_subscriptions) {
    service_.counters.too_many_subscriptions.add();
    return close(
        Reason::Subscriptions,
        "more than " + std::to_string(service_.options.max_subscriptions) + " subscriptions");
  }
  ASSERT(mqtt::encode(answer, out_).has_value());
  keep_session();
  // After the SUBACK, as clients expect.
  serve_methods((subscriptions_ & bit(wire::FilterKind::Methods)) != 0);
  commands_.look();
  return Next::Continue;
}

Next MqttSession::take(const mqtt::Unsubscribe& packet) {
  for (const std::string_view filter : packet.filters) {
    const auto kind = wire::parse_filter(filter, owner());
    if (!kind) continue;
    subscriptions_ &= ~bit(*kind);
    if (*kind == message_filter()) commands_.unsubscribed();
  }
  serve_methods((subscriptions_ & bit(wire::FilterKind::Methods)) != 0);
  keep_session();
  ASSERT(mqtt::encode(mqtt::Unsuback{packet.packet_id}, out_).has_value());
  return Next::Continue;
}

void MqttSession::subscribe(wire::FilterKind kind, std::uint8_t qos) {
  subscriptions_ |= bit(kind);
  if (kind == message_filter()) commands_.subscribed(qos);
}

wire::FilterKind MqttSession::message_filter() const {
  return member_.name().is_module() ? wire::FilterKind::ModuleInputs
                                    : wire::FilterKind::DeviceBound;
}

// Only the subscription to messages outlives a connection. A client is told that its session is
// there only if that was all it had: it would not subscribe to the rest again.
bool MqttSession::find_session() {
  const std::string& generation = member_.peer().generation_id;
  if (clean_) {
    service_.messages.keep_subscription(member_.name(), generation, std::nullopt);
    return false;
  }
  const auto kept = service_.messages.kept_subscription(member_.name(), generation);
  if (!kept) return false;
  subscribe(message_filter(), *kept & kKeptQos);
  return (*kept & kKeptPart) == 0;
}

void MqttSession::keep_session() {
  if (clean_) return;
  std::optional<std::uint8_t> kept;
  if (commands_.qos()) {
    const bool more = subscriptions_ != bit(message_filter());
    kept = static_cast<std::uint8_t>(*commands_.qos() | (more ? kKeptPart : 0));
  }
  service_.messages.keep_subscription(member_.name(), member_.peer().generation_id, kept);
}

void MqttSession::serve_methods(bool wanted) {
  if (wanted == served_.has_value()) return;
  if (!wanted) {
    service_.methods.leave(member_.name(), *served_);
    served_.reset();
    return;
  }
  served_ = service_.methods.serve(member_.name(), [host = &host_, connection = connection_](
                                                       const commands::MethodRequest& request) {
    host->deliver(connection,
                  link::MethodCall{request.request_id, request.method, request.payload});
  });
}

}  // namespace hub::listen
