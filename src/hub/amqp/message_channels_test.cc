#include <future>

#include <gtest/gtest.h>
#include <proton/disposition.h>

#include "base/json.h"
#include "hub/amqp/session_testing.h"

namespace hub::amqp {

using operations::Reason;

namespace {

constexpr const char* kDeviceBound = "/devices/d1/messages/devicebound";

class MessageChannelsTest : public SessionTest {
 protected:
  void queue(const char* id, commands::Ack ack = commands::Ack::None) {
    commands::CloudMessage message;
    message.to = {"d1", ""};
    message.message_id = id;
    message.body = std::string("body of ") + id;
    message.properties = {{"colour", "red"}};
    message.ack = ack;
    ASSERT_TRUE(messages_->send(std::move(message), {}).has_value());
  }
  TestClient& connect_service() {
    TestClient& client = connect();
    EXPECT_EQ(put_token(client, kHost, policy_token("service")), 200);
    client.came.clear();
    return client;
  }
  static void dispose(const TestClient::Came& came, std::uint64_t state) {
    pn_delivery_update(came.delivery, state);
    pn_delivery_settle(came.delivery);
  }
  // What is asked of the messages' thread is done in order.
  void sync() { messages_->sweep(); }
};

TEST_F(MessageChannelsTest, DeliversSettlesAndRespectsCredit) {
  for (const char* id : {"1", "2", "3"})
    queue(id);
  TestClient& client = connect_device();
  pn_link_t* link = client.receiver(kDeviceBound, 2);
  await_messages(client, 2);
  EXPECT_EQ(client.came.size(), 2U);
  const Message first = client.came[0].message();
  EXPECT_EQ(first.message_id, Value::text("1"));
  EXPECT_EQ(first.data[0], "body of 1");
  EXPECT_EQ(first.to, kDeviceBound);
  EXPECT_EQ(find(first.application, "colour")->bytes, "red");
  EXPECT_EQ(pn_delivery_tag(client.came[0].delivery).size, 16U);
  EXPECT_EQ(messages_->count({"d1", ""}), 3U);
  dispose(client.came[0], PN_ACCEPTED);
  dispose(client.came[1], PN_REJECTED);
  client.run();
  sync();
  EXPECT_EQ(messages_->counters().completed.value(), 1U);
  EXPECT_EQ(messages_->counters().rejected.value(), 1U);
  pn_link_flow(link, 1);
  await_messages(client, 3);
  EXPECT_EQ(client.came[2].message().message_id, Value::text("3"));
}

TEST_F(MessageChannelsTest, DeliversAgainWhatWasReleased) {
  queue("1");
  TestClient& client = connect_device();
  client.receiver(kDeviceBound, 10);
  await_messages(client, 1);
  dispose(client.came[0], PN_RELEASED);
  await_messages(client, 2);
  EXPECT_EQ(client.came[1].message().message_id, Value::text("1"));
  EXPECT_EQ(client.came[1].message().delivery_count, 1U);
}

TEST_F(MessageChannelsTest, DeliversWhatComesLater) {
  TestClient& client = connect_device();
  client.receiver(kDeviceBound, 10);
  client.run();
  queue("late");
  await_messages(client, 1);
  EXPECT_EQ(client.came[0].message().message_id, Value::text("late"));
}

TEST_F(MessageChannelsTest, GivesBackWhatWasOnItsWayWhenTheLinkEnds) {
  queue("1");
  TestClient& client = connect_device();
  pn_link_t* link = client.receiver(kDeviceBound, 10);
  await_messages(client, 1);
  pn_link_close(link);
  client.run();
  sync();
  EXPECT_EQ(messages_->counters().abandoned.value(), 1U);
  EXPECT_EQ(messages_->count({"d1", ""}), 1U);
}

TEST_F(MessageChannelsTest, CallsMethods) {
  TestClient& client = connect_device();
  client.receiver("/devices/d1/methods/devicebound");
  pn_link_t* answers = client.sender("/devices/d1/methods/devicebound");
  client.run();
  std::promise<base::Result<commands::MethodAnswer>> answered;
  commands::MethodCall call;
  call.to = {"d1", ""};
  call.method = "reboot";
  call.payload = R"({"in":5})";
  methods_->invoke(std::move(call), [&](base::Result<commands::MethodAnswer> answer) {
    answered.set_value(std::move(answer));
  });
  await_messages(client, 1);
  const Message request = client.came[0].message();
  EXPECT_EQ(find(request.application, "IoThub-methodname")->bytes, "reboot");
  EXPECT_EQ(request.correlation_id.type, Value::Type::Uuid);
  EXPECT_EQ(request.data[0], R"({"in":5})");
  Message answer;
  answer.correlation_id = request.correlation_id;
  answer.application = {{"IoThub-status", Value::integer(202)}};
  answer.data = {R"({"done":true})"};
  pn_delivery_t* delivery = client.send(answers, answer);
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
  const auto result = answered.get_future().get();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 202);
  EXPECT_EQ(result->payload, R"({"done":true})");
  Message without;
  without.correlation_id = request.correlation_id;
  delivery = client.send(answers, without);
  client.run();
  EXPECT_EQ(TestClient::rejection(delivery), "com.microsoft:argument-error");
}

TEST_F(MessageChannelsTest, ServesNoMethodsWhenTheLinkIsGone) {
  TestClient& client = connect_device();
  pn_link_t* link = client.receiver("/devices/d1/methods/devicebound");
  client.run();
  pn_link_close(link);
  client.run();
  commands::MethodCall call;
  call.to = {"d1", ""};
  call.method = "reboot";
  const auto answer = methods_->invoke(std::move(call));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, base::Code::Closed);
}

TEST_F(MessageChannelsTest, SendsForTheService) {
  TestClient& client = connect_service();
  pn_link_t* link = client.sender("/messages/devicebound");
  client.run();
  ASSERT_TRUE(TestClient::open(link));
  Message message;
  message.to = "/devices/d1/messages/devicebound";
  message.message_id = Value::text("c2d-1");
  message.application = {{"iothub-ack", Value::text("full")}, {"colour", Value::text("blue")}};
  message.data = {"hello"};
  pn_delivery_t* delivery = client.send(link, message);
  client.run();
  while (pn_delivery_remote_state(delivery) == 0 && !HasFailure()) {
    host_.wait_for_delivery();
    client.run();
  }
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
  const auto waiting = messages_->list({"d1", ""}).value();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].message_id, "c2d-1");
  EXPECT_EQ(waiting[0].ack, commands::Ack::Full);
  const auto sends = records("send");
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].actor, "policy:service");
  EXPECT_EQ(sends[0].protocol, operations::Protocol::Amqp);
}

TEST_F(MessageChannelsTest, TellsTheServiceWhyNot) {
  TestClient& client = connect_service();
  pn_link_t* link = client.sender("/messages/devicebound");
  client.run();
  const auto outcome = [&](const std::string& to, const std::string& body, const char* ack) {
    Message message;
    message.to = to;
    message.data = {body};
    message.application = {{"iothub-ack", Value::text(ack)}};
    pn_delivery_t* delivery = client.send(link, message);
    client.run();
    while (pn_delivery_remote_state(delivery) == 0 && !HasFailure()) {
      host_.wait_for_delivery();
      client.run();
    }
    return TestClient::rejection(delivery);
  };
  EXPECT_EQ(outcome("/devices/nobody/messages/devicebound", "x", "none"), "amqp:not-found");
  EXPECT_EQ(outcome("/nothing", "x", "none"), "amqp:not-found");
  EXPECT_EQ(outcome(kDeviceBound, "x", "perhaps"), "com.microsoft:argument-error");
  EXPECT_EQ(outcome(kDeviceBound, std::string(65 * 1024, 'x'), "none"),
            "amqp:link:message-size-exceeded");
  for (int i = 0; i < 50; ++i)
    queue(std::to_string(i).c_str());
  EXPECT_EQ(outcome(kDeviceBound, "x", "none"), "amqp:resource-limit-exceeded");
}

TEST_F(MessageChannelsTest, KeepsServiceLinksFromDevicesAndOtherPolicies) {
  TestClient& client = connect();
  EXPECT_EQ(put_token(client, kHost, policy_token("device")), 200);
  for (const char* address : {"/messages/devicebound"}) {
    pn_link_t* link = client.sender(address);
    client.run();
    EXPECT_EQ(TestClient::refusal(link), "amqp:unauthorized-access");
  }
  pn_link_t* feedback = client.receiver("/messages/serviceBound/feedback");
  client.run();
  EXPECT_EQ(TestClient::refusal(feedback), "amqp:unauthorized-access");
}

TEST_F(MessageChannelsTest, TellsOfFeedback) {
  TestClient& client = connect_service();
  client.receiver("/messages/serviceBound/feedback", 10);
  client.run();
  queue("wanted", commands::Ack::Full);
  const commands::Client device{{"d1", ""}, registry_->get({"d1", ""})->generation_id, {}};
  auto locked = messages_->receive(device, 1, commands::Holder::Connection).value();
  ASSERT_EQ(locked.size(), 1U);
  ASSERT_TRUE(
      messages_->settle(device, locked[0].lock_token, commands::Settlement::Complete).has_value());
  await_messages(client, 1);
  const Message feedback = client.came[0].message();
  EXPECT_EQ(feedback.content_type, commands::kFeedbackContentType);
  const auto json = base::json::parse(feedback.data[0]);
  ASSERT_TRUE(json.has_value()) << feedback.data[0];
  EXPECT_NE(feedback.data[0].find("\"wanted\""), std::string_view::npos);
  dispose(client.came[0], PN_ACCEPTED);
  client.run();
  EXPECT_FALSE(messages_->receive_feedback().value().has_value());
}

}  // namespace
}  // namespace hub::amqp
