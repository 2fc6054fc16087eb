// What services and devices may do over AMQP: the limits and the rules about addresses.
#include <algorithm>

#include <gtest/gtest.h>

#include "hub/amqp/session_testing.h"
#include "hub/identity/ip_filter.h"

namespace hub::amqp {

using limits::Kind;
using operations::Reason;

namespace {

class AmqpLimitsTest : public SessionTest {
 protected:
  AmqpLimitsTest() {
    link_options_.limits.burst = std::chrono::seconds(1);
    link_options_.limits.max_delay = std::chrono::seconds(0);
  }
  // What $cbs answers a service.
  int connect_service() {
    TestClient& client = connect();
    const int status = put_token(client, kHost, policy_token("service"));
    client.came.clear();
    return status;
  }
  static Message to_device(std::string_view body) {
    Message message;
    message.to = "/devices/d1/messages/devicebound";
    message.data = {body};
    return message;
  }
  void deny(const char* range) {
    ASSERT_TRUE(
        registry_->ip_filter()
            .set({{"not from there", identity::Access::Deny, range}}, identity::Access::Allow, "")
            .has_value());
  }
};

TEST_F(AmqpLimitsTest, MessagesOfServicesAreCounted) {
  hub_rate(Kind::CommandSend) = 1;
  make_service();
  ASSERT_EQ(connect_service(), 200);
  pn_link_t* link = client_->sender("/messages/devicebound");
  client_->run();
  client_->send(link, to_device("one"));
  pn_delivery_t* second = client_->send(link, to_device("two"));
  client_->run();
  EXPECT_EQ(TestClient::rejection(second), condition::kThrottled);
  const auto refused = records("send");
  const auto found = std::ranges::find(refused, Reason::Throttled, &operations::Record::reason);
  ASSERT_NE(found, refused.end());
  EXPECT_EQ(found->status_code, 429);
  EXPECT_EQ(found->sub_code, 429001U);
  EXPECT_EQ(found->device_id, "d1");
  EXPECT_EQ(found->actor, "policy:service");
  EXPECT_EQ(shared_->counters.rejected.value(), 1U);
  mono_ += 1'000;
  pn_delivery_t* third = client_->send(link, to_device("three"));
  client_->run();
  EXPECT_EQ(TestClient::rejection(third), "");
}

TEST_F(AmqpLimitsTest, ServicesThatAreTooFastAreReadMoreSlowly) {
  hub_rate(Kind::CommandSend) = 1;
  link_options_.limits.max_delay = std::chrono::seconds(5);
  make_service();
  ASSERT_EQ(connect_service(), 200);
  pn_link_t* link = client_->sender("/messages/devicebound");
  client_->run();
  client_->send(link, to_device("one"));
  client_->send(link, to_device("two"));
  client_->run();
  EXPECT_FALSE(session_->wants_more());
  mono_ += 1'000;
  EXPECT_TRUE(session_->wants_more());
}

TEST_F(AmqpLimitsTest, TheDaysQuotaHoldsForServicesToo) {
  link_options_.limits.daily_units = 2;
  make_service();
  ASSERT_EQ(connect_service(), 200);
  pn_link_t* link = client_->sender("/messages/devicebound");
  client_->run();
  client_->send(link, to_device(std::string(8'000, 'x')));
  pn_delivery_t* second = client_->send(link, to_device("two"));
  client_->run();
  EXPECT_EQ(TestClient::rejection(second), condition::kQuota);
}

TEST_F(AmqpLimitsTest, LoginsOfServicesAreCounted) {
  hub_rate(Kind::Connect) = 1;
  make_service();
  EXPECT_EQ(connect_service(), 200);
  client_.reset();
  session_->end(Reason::PeerClosed);
  cbs_of_ = nullptr;
  cbs_in_ = nullptr;
  connect_service();
  EXPECT_EQ(client_->farewell(), condition::kThrottled) << "SDKs try again";
  const auto connects = records("serviceConnect");
  ASSERT_EQ(connects.size(), 2U);
  EXPECT_EQ(connects[0].status_code, 429);
  EXPECT_EQ(connects[0].reason, Reason::Throttled);
  EXPECT_EQ(connects[0].auth.skn, "service");
  EXPECT_EQ(shared_->counters.service_logins.value(), 1U);
  EXPECT_EQ(shared_->counters.tokens.value(), 2U);
  EXPECT_EQ(shared_->counters.tokens_refused.value(), 1U);
}

TEST_F(AmqpLimitsTest, ReadingAndChangingATwinAreCountedApart) {
  identity_rate(Kind::TwinRead) = 1;
  identity_rate(Kind::TwinUpdate) = 1;
  make_service();
  TestClient& client = connect_device();
  client.receiver("/devices/d1/twin");
  pn_link_t* out = client.sender("/devices/d1/twin");
  client.run();
  Message get;
  get.annotations = {{"operation", Value::symbol("GET")}};
  Message patch;
  patch.annotations = {{"operation", Value::symbol("PATCH")},
                       {"resource", Value::symbol("/properties/reported")}};
  patch.data = {R"({"a":1})"};
  int number = 0;
  for (Message* message : {&get, &patch, &get, &patch}) {
    message->correlation_id = Value::text("c" + std::to_string(++number));
    client.send(out, *message);
    await_messages(client, static_cast<std::size_t>(number));
  }
  std::vector<std::int64_t> statuses;
  for (const TestClient::Came& came : client.came)
    statuses.push_back(find(came.message().annotations, "status")->number);
  EXPECT_EQ(statuses, (std::vector<std::int64_t>{200, 204, 429, 429}));
  EXPECT_EQ(service_->counters.twin_requests_refused.value(), 2U);
}

TEST_F(AmqpLimitsTest, ServicesAreHeldToTheRulesAboutAddresses) {
  deny("192.0.2.0/24");
  EXPECT_EQ(connect_service(), 401);
  const auto connects = records("serviceConnect");
  ASSERT_EQ(connects.size(), 1U);
  EXPECT_EQ(connects[0].reason, Reason::IpFilter);
  EXPECT_EQ(connects[0].ip, "192.0.2.7");
  EXPECT_NE(connects[0].detail.find("not from there"), std::string::npos);
  pn_link_t* link = client_->sender("/messages/devicebound");
  client_->run();
  EXPECT_EQ(TestClient::refusal(link), condition::kUnauthorized);
}

TEST_F(AmqpLimitsTest, ANewTokenDoesNotOutliveARuleAboutItsAddress) {
  TestClient& client = connect_device();
  deny("192.0.2.7");
  EXPECT_EQ(put_token(client, audience("/devices/d1"), token("/devices/d1")), 401);
  EXPECT_EQ(records("deviceConnect")[0].reason, Reason::IpFilter);
}

}  // namespace
}  // namespace hub::amqp
