// Cloud-to-device messages and direct methods over MQTT.
#include <future>

#include <gtest/gtest.h>

#include "hub/listen/listener_testing.h"
#include "hub/listen/mqtt_commands.h"

namespace hub::listen {
namespace {

namespace mqtt = wire::mqtt;
using commands::Ack;
using commands::CloudMessage;
using operations::Category;

constexpr const char* kDeviceBound = "devices/d1/messages/devicebound/#";

class ListenerCommandTest : public ListenerTest {
 protected:
  static CloudMessage message(std::string id, const identity::Name& to = {"d1", ""}) {
    CloudMessage message;
    message.to = to;
    message.message_id = std::move(id);
    message.body = "body";
    return message;
  }
  void send(std::string id) {
    EXPECT_TRUE(messages_->send(message(std::move(id)), {}).has_value());
  }
  // A connection, and whether its session was there already.
  std::pair<std::unique_ptr<TestClient>, bool> resumed(bool clean,
                                                       const identity::Name& name = {"d1", ""}) {
    auto client = std::make_unique<TestClient>(listener_->port());
    EXPECT_TRUE(client->shake_hands());
    const std::string username =
        wire::mqtt_username("hub.example", {name.device_id, name.module_id}, "test/1.0");
    const std::string client_id = name.to_string();
    const std::string password = token(name);
    mqtt::Connect packet = connect_packet(client_id, username, password);
    packet.clean_session = clean;
    client->send(packet);
    const auto answer = client->receive();
    const auto* connack = answer ? std::get_if<mqtt::Connack>(&*answer) : nullptr;
    EXPECT_TRUE(connack != nullptr && connack->code == mqtt::ConnectCode::Accepted);
    return {std::move(client), connack != nullptr && connack->session_present};
  }
  static std::uint8_t subscribe(TestClient& client, const std::string& filter,
                                std::uint8_t qos = 1) {
    client.send(mqtt::Subscribe{1, {{filter, qos}}});
    const auto answer = client.receive();
    const auto* suback = answer ? std::get_if<mqtt::Suback>(&*answer) : nullptr;
    EXPECT_NE(suback, nullptr);
    return suback == nullptr ? mqtt::kSubscribeFailure : suback->codes.at(0);
  }
  struct Got {
    std::string topic;
    std::string payload;
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 0;
    bool dup = false;
  };
  static Got next(TestClient& client) {
    const auto packet = client.receive();
    const auto* publish = packet ? std::get_if<mqtt::Publish>(&*packet) : nullptr;
    if (publish == nullptr) return {"none", "", 0, 0, false};
    return {std::string(publish->topic), std::string(base::as_text(publish->payload)),
            publish->packet_id, publish->qos, publish->dup};
  }
  bool empty(const identity::Name& name = {"d1", ""}) {
    return soon([&] { return messages_->count(name) == 0; });
  }
};

TEST(CommandBag, HasSystemPropertiesFirstAndEncoded) {
  CloudMessage message;
  message.to = {"d1", ""};
  message.to_address = "/devices/d1/messages/devicebound";
  message.message_id = "m 1";
  message.correlation_id = "c";
  message.user_id = "u";
  message.content_type = "application/json";
  message.content_encoding = "utf-8";
  message.expiry = base::WallTime(std::chrono::seconds(0));
  message.ack = Ack::Full;
  message.properties = {{"a&b", "1=2"}, {"a&b", ""}};
  EXPECT_EQ(command_bag(message),
            "%24.mid=m%201&%24.cid=c&%24.uid=u&%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound&"
            "%24.ct=application%2Fjson&%24.ce=utf-8&%24.exp=1970-01-01T00%3A00%3A00.000Z&"
            "iothub-ack=full&a%26b=1%3D2&a%26b=");
}

TEST_F(ListenerCommandTest, AreCompletedByTheirPuback) {
  start();
  send("before");
  const auto client = connected();
  EXPECT_EQ(subscribe(*client, kDeviceBound, 2), 1);
  const Got first = next(*client);
  EXPECT_TRUE(first.topic.starts_with("devices/d1/messages/devicebound/%24.mid=before&"))
      << first.topic;
  EXPECT_EQ(first.payload, "body");
  EXPECT_EQ(first.qos, 1);
  send("while there");
  const Got second = next(*client);
  EXPECT_TRUE(second.topic.find("while%20there") != std::string::npos) << second.topic;
  EXPECT_NE(first.packet_id, second.packet_id);
  client->send(mqtt::Puback{second.packet_id});
  client->send(mqtt::Puback{first.packet_id});
  client->send(mqtt::Puback{999});
  EXPECT_TRUE(client->alive());
  EXPECT_TRUE(empty());
  const operations::Record record = operations_.recent(1)[0];
  EXPECT_EQ(record.category, Category::C2DCommands);
  EXPECT_EQ(record.operation, "complete");
  EXPECT_EQ(record.sdk_version, "test/1.0");
  EXPECT_EQ(record.protocol, operations::Protocol::Mqtt);
}

TEST_F(ListenerCommandTest, AreCompletedAtOnceWithoutQos) {
  start();
  const auto client = connected();
  EXPECT_EQ(subscribe(*client, kDeviceBound, 0), 0);
  for (int i = 0; i < 20; ++i)
    send(std::to_string(i));
  for (int i = 0; i < 20; ++i) {
    const Got got = next(*client);
    EXPECT_EQ(got.qos, 0);
    EXPECT_TRUE(got.topic.find("%24.mid=" + std::to_string(i) + "&") != std::string::npos);
  }
  EXPECT_TRUE(empty());
}

TEST_F(ListenerCommandTest, ComeInOrderAndAFewAtATime) {
  start();
  for (int i = 0; i < 20; ++i)
    send(std::to_string(i));
  const auto client = connected();
  subscribe(*client, kDeviceBound);
  std::vector<std::uint16_t> held;
  for (int i = 0; i < 8; ++i)
    held.push_back(next(*client).packet_id);
  // The ninth waits for a PUBACK.
  EXPECT_TRUE(client->alive());
  for (int i = 8; i < 20; ++i) {
    client->send(mqtt::Puback{held[static_cast<std::size_t>(i) - 8]});
    const Got got = next(*client);
    EXPECT_TRUE(got.topic.find("%24.mid=" + std::to_string(i) + "&") != std::string::npos);
    held.push_back(got.packet_id);
  }
}

TEST_F(ListenerCommandTest, WaitForTheNextConnectionWithItsSubscription) {
  start();
  auto [first, present] = resumed(false);
  EXPECT_FALSE(present);
  subscribe(*first, kDeviceBound);
  send("held");
  EXPECT_EQ(next(*first).packet_id, 1);
  first->vanish();
  EXPECT_TRUE(soon([&] { return service_->connections.load() == 0; }));
  send("meanwhile");
  // No SUBSCRIBE.
  auto [second, present_again] = resumed(false);
  EXPECT_TRUE(present_again);
  EXPECT_TRUE(next(*second).topic.find("held") != std::string::npos);
  const Got got = next(*second);
  EXPECT_TRUE(got.topic.find("meanwhile") != std::string::npos);
  second->send(mqtt::Puback{got.packet_id});
  // A session that had more is not all there.
  subscribe(*second, "$iothub/twin/res/#", 0);
  auto [third, present_in_part] = resumed(false);
  EXPECT_FALSE(present_in_part);
  EXPECT_TRUE(next(*third).topic.find("held") != std::string::npos);
  // A clean session forgets.
  auto [fourth, none] = resumed(true);
  EXPECT_FALSE(none);
  EXPECT_TRUE(fourth->alive());
  auto [fifth, still_none] = resumed(false);
  EXPECT_FALSE(still_none);
  EXPECT_TRUE(fifth->alive());
  subscribe(*fifth, kDeviceBound);
  EXPECT_TRUE(next(*fifth).topic.find("held") != std::string::npos);
  fifth->send(mqtt::Unsubscribe{2, {kDeviceBound}});
  ASSERT_TRUE(fifth->receive().has_value());
  auto [sixth, not_any_more] = resumed(false);
  EXPECT_FALSE(not_any_more);
  EXPECT_EQ(messages_->list({"d1", ""})->at(0).delivery_count, 4U);
}

TEST_F(ListenerCommandTest, ComeAgainWhenTheirLockEnds) {
  start();
  const auto client = connected();
  subscribe(*client, kDeviceBound);
  send("m");
  const Got first = next(*client);
  EXPECT_FALSE(first.dup);
  wall_ += 60;
  mono_ += 59'000;  // short of the keep-alive's end
  messages_->sweep();
  const Got again = next(*client);
  EXPECT_TRUE(again.dup);
  EXPECT_EQ(again.packet_id, first.packet_id);
  EXPECT_EQ(again.topic, first.topic);
  client->send(mqtt::Puback{again.packet_id});
  EXPECT_TRUE(empty());
}

TEST_F(ListenerCommandTest, AreRejectedWhenNoTopicCanHoldThem) {
  start();
  CloudMessage wide = message("wide");
  wide.ack = Ack::Negative;
  // Each byte takes three in a topic.
  wide.properties = {{"p", std::string(30'000, '/')}};
  ASSERT_TRUE(messages_->send(wide, {}).has_value());
  const auto client = connected();
  subscribe(*client, kDeviceBound);
  send("after");
  EXPECT_TRUE(next(*client).topic.find("after") != std::string::npos);
  EXPECT_EQ(recorded(operations::Reason::Rejected).request_id, "wide");
}

TEST_F(ListenerCommandTest, ReachTheInputsOfModules) {
  start();
  CloudMessage input = message("m", {"d1", "m1"});
  input.input = "in1";
  input.properties = {{"k", "v"}};
  ASSERT_TRUE(messages_->send(input, {}).has_value());
  const auto device = connected();
  EXPECT_EQ(subscribe(*device, "devices/d1/modules/m1/inputs/#"), mqtt::kSubscribeFailure);
  const auto module = connected({"d1", "m1"});
  EXPECT_EQ(subscribe(*module, "devices/d1/modules/m1/inputs/#"), 1);
  const Got got = next(*module);
  EXPECT_TRUE(got.topic.starts_with("devices/d1/modules/m1/inputs/in1/%24.mid=m&")) << got.topic;
  EXPECT_TRUE(got.topic.ends_with("&k=v"));
  module->send(mqtt::Puback{got.packet_id});
  EXPECT_TRUE(empty({"d1", "m1"}));
}

class ListenerMethodTest : public ListenerCommandTest {
 protected:
  std::future<base::Result<commands::MethodAnswer>> invoke(
      std::string payload, std::chrono::seconds connect_timeout = std::chrono::seconds(0)) {
    commands::MethodCall call;
    call.to = {"d1", ""};
    call.method = "reboot";
    call.payload = std::move(payload);
    call.connect_timeout = connect_timeout;
    auto promise = std::make_shared<std::promise<base::Result<commands::MethodAnswer>>>();
    auto future = promise->get_future();
    methods_->invoke(std::move(call), [promise](base::Result<commands::MethodAnswer> answer) {
      promise->set_value(std::move(answer));
    });
    return future;
  }
};

TEST_F(ListenerMethodTest, GoToTheDeviceAndBack) {
  start();
  const auto client = connected();
  // It is connected, and serves none.
  EXPECT_EQ(invoke("{}").get().error().code, base::Code::Closed);
  subscribe(*client, "$iothub/methods/POST/#", 0);
  auto future = invoke(R"({"in":1})");
  Got got = next(*client);
  const std::string prefix = "$iothub/methods/POST/reboot/?$rid=";
  ASSERT_TRUE(got.topic.starts_with(prefix)) << got.topic;
  EXPECT_EQ(got.payload, R"({"in":1})");
  client->send(publish(0, R"({"out":2})",
                       "$iothub/methods/res/207/?$rid=" + got.topic.substr(prefix.size())));
  const auto answer = future.get();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 207);
  EXPECT_EQ(answer->payload, R"({"out":2})");
  EXPECT_EQ(operations_.recent(1)[0].sdk_version, "test/1.0");
  // Answers that nobody asked for are acknowledged, and of no effect.
  client->send(publish(5, "{}", "$iothub/methods/res/200/?$rid=1"));
  EXPECT_EQ(client->puback(), 5);
  client->send(mqtt::Unsubscribe{2, {"$iothub/methods/POST/#"}});
  ASSERT_TRUE(client->receive().has_value());
  EXPECT_EQ(invoke("{}").get().error().code, base::Code::Closed);
}

TEST_F(ListenerMethodTest, WaitForTheDeviceToCome) {
  start();
  auto future = invoke("", std::chrono::seconds(100));
  const auto client = connected();
  subscribe(*client, "$iothub/methods/POST/#", 0);
  EXPECT_EQ(next(*client).payload, "null");
  client->send(mqtt::Disconnect{});
  EXPECT_TRUE(client->closed());
  EXPECT_TRUE(soon([&] { return !service_->sessions.contains({"d1", ""}); }));
  EXPECT_EQ(invoke("").get().error().code, base::Code::Closed);
}

}  // namespace
}  // namespace hub::listen
