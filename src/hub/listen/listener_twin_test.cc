#include <gtest/gtest.h>

#include "hub/listen/listener_testing.h"

namespace hub::listen {
namespace {

namespace mqtt = wire::mqtt;

constexpr std::string_view kGet = "$iothub/twin/GET/?$rid=42";
constexpr std::string_view kReport = "$iothub/twin/PATCH/properties/reported/?$rid=r-1";

class ListenerTwinTest : public ListenerTest {
 protected:
  std::unique_ptr<TestClient> subscribed(const identity::Name& name) {
    auto client = connected(name);
    client->send(mqtt::Subscribe{
        1, {{"$iothub/twin/res/#", 0}, {"$iothub/twin/PATCH/properties/desired/#", 0}}});
    const auto answer = client->receive();
    EXPECT_TRUE(answer && std::holds_alternative<mqtt::Suback>(*answer));
    return client;
  }
  struct Got {
    std::string topic;
    std::string payload;
  };
  static Got next(TestClient& client) {
    const auto packet = client.receive();
    if (!packet || !std::holds_alternative<mqtt::Publish>(*packet)) return {"none", ""};
    const auto& publish = std::get<mqtt::Publish>(*packet);
    return {std::string(publish.topic), std::string(base::as_text(publish.payload))};
  }
  void desire(const identity::Name& name, std::string_view patch) {
    twins::Update update;
    update.desired = base::json::parse(patch).value();
    EXPECT_TRUE(twins_->update(name, update, "test").has_value());
  }

  const identity::Name kModule{"d1", "m1"};
};

TEST_F(ListenerTwinTest, ServesTheTwin) {
  start();
  desire(kModule, R"({"a":1})");
  const auto client = subscribed(kModule);
  client->send(publish(0, " ", kGet));
  Got got = next(*client);
  EXPECT_EQ(got.topic, "$iothub/twin/res/200/?$rid=42");
  EXPECT_EQ(got.payload, R"({"desired":{"a":1,"$version":2},"reported":{"$version":1}})");

  client->send(publish(0, R"({"r":{"x":1}})", kReport));
  got = next(*client);
  EXPECT_EQ(got.topic, "$iothub/twin/res/204/?$rid=r-1&$version=2");
  EXPECT_EQ(got.payload, "");
  EXPECT_EQ(twins_->get(kModule)->reported.properties.to_json(), R"({"r":{"x":1}})");

  client->send(publish(0, "nonsense", kReport));
  got = next(*client);
  EXPECT_EQ(got.topic, "$iothub/twin/res/400/?$rid=r-1");
  EXPECT_NE(got.payload.find("errorCode"), std::string::npos);
  EXPECT_TRUE(client->alive());
  EXPECT_EQ(service_->counters.twin_requests.value(), 3U);
  EXPECT_EQ(operations_.count(operations::Category::D2CTwinOperations, operations::Level::Error),
            1U);
}

TEST_F(ListenerTwinTest, TellsOfDesiredChangesAtOnceAndOnlyThoseWhoseTheyAre) {
  start();
  const auto device = subscribed({"d1", ""});
  const auto module = subscribed(kModule);
  const auto deaf = connected({"d2", ""});
  desire(kModule, R"({"a":{"value":"PT1H"}})");
  desire(kModule, R"({"a":null})");
  desire({"d1", ""}, R"({"own":1})");
  desire({"d2", ""}, R"({"b":1})");
  Got got = next(*module);
  EXPECT_EQ(got.topic, "$iothub/twin/PATCH/properties/desired/?$version=2");
  EXPECT_EQ(got.payload, R"({"a":{"value":"PT1H"},"$version":2})");
  EXPECT_EQ(next(*module).payload, R"({"a":null,"$version":3})");
  EXPECT_EQ(next(*device).payload, R"({"own":1,"$version":2})");
  EXPECT_TRUE(deaf->alive());
  EXPECT_TRUE(device->alive());
  EXPECT_TRUE(module->alive());
}

TEST_F(ListenerTwinTest, ANewerConnectionIsTheOneThatIsTold) {
  start();
  const auto older = subscribed(kModule);
  const auto newer = subscribed(kModule);
  EXPECT_TRUE(older->closed());
  desire(kModule, R"({"a":1})");
  EXPECT_EQ(next(*newer).payload, R"({"a":1,"$version":2})");
}

TEST_F(ListenerTwinTest, TakesReportsOfThoseWhoDoNotListen) {
  start();
  const auto client = connected(kModule);
  client->send(publish(7, R"({"r":1})", kReport));
  EXPECT_EQ(client->puback(), 7);
  EXPECT_TRUE(soon([&] { return twins_->get(kModule)->reported.version == 2; }));
  EXPECT_TRUE(client->alive());
  client->send(publish(0, "{}", "$iothub/methods/res/200/?$rid=1"));
  EXPECT_TRUE(client->alive());
}

TEST_F(ListenerTwinTest, OneConnectionMayNotAskTooMuchAtOnce) {
  options_.max_twin_requests = 0;
  start();
  const auto client = subscribed(kModule);
  client->send(publish(0, " ", kGet));
  const Got got = next(*client);
  EXPECT_EQ(got.topic, "$iothub/twin/res/429/?$rid=42");
  EXPECT_NE(got.payload.find("message"), std::string::npos);
  EXPECT_EQ(service_->counters.twin_requests_refused.value(), 1U);
}

TEST_F(ListenerTwinTest, AnswersEveryRequestOfAFlood) {
  start();
  const auto client = subscribed(kModule);
  constexpr int kRequests = 500;
  for (int i = 0; i < kRequests; ++i) {
    const std::string topic = "$iothub/twin/GET/?$rid=" + std::to_string(i);
    ASSERT_TRUE(client->send(publish(0, " ", topic)));
  }
  int answered = 0;
  int later = 0;
  for (int i = 0; i < kRequests; ++i) {
    const Got got = next(*client);
    answered += got.topic.starts_with("$iothub/twin/res/200/") ? 1 : 0;
    later += got.topic.starts_with("$iothub/twin/res/429/") ? 1 : 0;
  }
  EXPECT_EQ(answered + later, kRequests);
  EXPECT_GE(answered, 32);
  // Afterwards there is room again.
  client->send(publish(0, " ", kGet));
  EXPECT_EQ(next(*client).topic, "$iothub/twin/res/200/?$rid=42");
}

TEST_F(ListenerTwinTest, ARequestIdThatFitsNoAnswerGetsNone) {
  start();
  const auto client = subscribed(kModule);
  const std::string topic = "$iothub/twin/GET/?$rid=" + std::string(65'510, 'x');
  client->send(publish(0, " ", topic));
  EXPECT_TRUE(client->alive());
}

TEST_F(ListenerTwinTest, AnIdentityThatIsGoneIsAnsweredNoMore) {
  start();
  const auto client = subscribed(kModule);
  ASSERT_TRUE(registry_->remove(kModule, "", "test").has_value());
  EXPECT_TRUE(client->closed());
}

}  // namespace
}  // namespace hub::listen
