#include <gtest/gtest.h>

#include "hub/identity/ip_filter.h"
#include "hub/listen/listener_testing.h"

namespace hub::listen {
namespace {

using limits::Kind;
using operations::Level;
using operations::Reason;

class ListenerRulesTest : public ListenerTest {
 protected:
  double& hub_rate(Kind kind) { return options_.limits.hub[static_cast<std::size_t>(kind)]; }
  std::size_t count(std::uint32_t sub_code) {
    const auto recent = operations_.recent(1'000);
    return static_cast<std::size_t>(
        std::ranges::count(recent, sub_code, &operations::Record::sub_code));
  }
};

TEST_F(ListenerRulesTest, AnAddressIsRefusedAtTheDoorAndRecorded) {
  ASSERT_TRUE(
      registry_->ip_filter()
          .set({{"no loops", identity::Access::Deny, "127.0.0.0/8"}}, identity::Access::Allow, "")
          .has_value());
  start();
  TestClient client(listener_->port());
  EXPECT_FALSE(client.shake_hands());
  const operations::Record record = recorded(Reason::IpFilter);
  EXPECT_EQ(record.ip, "127.0.0.1");
  EXPECT_EQ(record.status_code, 401);
  EXPECT_NE(record.detail.find("no loops"), std::string::npos);
  EXPECT_EQ(service_->counters.refused_address.value(), 1U);
  EXPECT_TRUE(soon([&] { return service_->connections.load() == 0; }));

  ASSERT_TRUE(
      registry_->ip_filter()
          .set({{"loops", identity::Access::Allow, "127.0.0.1"}}, identity::Access::Deny, "")
          .has_value());
  const auto welcome = connected();
  EXPECT_TRUE(welcome->alive());
  EXPECT_EQ(operations_.recent(1)[0].auth.accepting_ip_filter_rule, "loops");
}

TEST_F(ListenerRulesTest, AnExpiredTokenIsSaidTwice) {
  start();
  const auto client = connected();
  wall_ += 3'600;
  EXPECT_TRUE(client->closed());
  EXPECT_TRUE(soon([&] { return count(404104) == 1; }));
  const auto recent = operations_.recent(2);
  EXPECT_EQ(recent[1].sub_code, 401003U);
  EXPECT_EQ(recent[0].sub_code, 404104U);
  EXPECT_EQ(recent[0].reason, Reason::SasExpired);
}

TEST_F(ListenerRulesTest, ATokensRenewalIsNoTakeover) {
  start();
  const auto first = connected();
  wall_ += 2'700;
  const auto second = connected();
  EXPECT_TRUE(first->closed());
  EXPECT_TRUE(second->alive());
  EXPECT_TRUE(soon([&] { return operations_.count(Reason::TokenRenewal) == 2; }));
  for (const operations::Record& record : operations_.recent(2)) {
    EXPECT_EQ(record.reason, Reason::TokenRenewal) << record.operation;
    EXPECT_EQ(record.level, Level::Information);
    EXPECT_EQ(record.status_code, 200);
  }
  EXPECT_EQ(operations_.count(Reason::TakenOver), 0U);
  EXPECT_EQ(service_->counters.token_renewals.value(), 1U);

  // As the SDKs do it: goodbye, then again with a new token.
  wall_ += 2'700;
  second->send(wire::mqtt::Disconnect{});
  EXPECT_TRUE(second->closed());
  EXPECT_TRUE(soon([&] { return !registry_->activity({"d1", ""}).connected; }));
  const auto third = connected();
  EXPECT_EQ(recorded(Reason::TokenRenewal).operation, "deviceConnect");
  EXPECT_EQ(service_->counters.token_renewals.value(), 2U);
  // Too soon for another: this one takes over.
  const auto fourth = connected();
  EXPECT_TRUE(third->closed());
  EXPECT_EQ(recorded(Reason::TakenOver).sub_code, 400027U);
}

TEST_F(ListenerRulesTest, AfterExpiryTheClientComesBackWithANewToken) {
  start();
  const auto first = connected();
  wall_ += 3'600;
  EXPECT_TRUE(first->closed());
  EXPECT_TRUE(soon([&] { return count(404104) == 1; }));
  wall_ += 5;
  const auto second = connected();
  EXPECT_EQ(recorded(Reason::TokenRenewal).operation, "deviceConnect");
}

TEST_F(ListenerRulesTest, KeysAreRotatedWithoutDowntime) {
  start();
  const auto client = connected();
  const std::string old_token = token({"d1", ""});
  const auto old_keys = registry_->get({"d1", ""})->keys;
  identity::Change change;
  change.primary_key = "";
  ASSERT_TRUE(registry_->update({"d1", ""}, change, "test").has_value());
  EXPECT_TRUE(client->alive()) << "until its token ends";
  TestClient late(listener_->port());
  ASSERT_TRUE(late.shake_hands());
  EXPECT_EQ(log_in(late, {"d1", ""}, old_token), 5);
  EXPECT_TRUE(client->alive());
  TestClient secondary(listener_->port());
  ASSERT_TRUE(secondary.shake_hands());
  const std::string by_secondary = wire::make_sas("hub.example/devices/d1", old_keys.secondary,
                                                  options_.wall_now() + std::chrono::hours(1))
                                       .value();
  EXPECT_EQ(log_in(secondary, {"d1", ""}, by_secondary), 0);
}

TEST_F(ListenerRulesTest, TooManyConnectsAreRefused) {
  hub_rate(Kind::Connect) = 1;
  options_.limits.burst = std::chrono::seconds(2);
  options_.limits.max_delay = std::chrono::seconds(0);
  start();
  const auto first = connected();
  const auto second = connected({"d2", ""});
  TestClient third(listener_->port());
  ASSERT_TRUE(third.shake_hands());
  EXPECT_EQ(log_in(third, {"d1", "m1"}, token({"d1", "m1"})), 3) << "SDKs try again";
  const operations::Record record = recorded(Reason::Throttled);
  EXPECT_EQ(record.status_code, 429);
  EXPECT_EQ(record.module_id, "m1");
  EXPECT_TRUE(first->alive());
  mono_ += 1'000;
  TestClient fourth(listener_->port());
  ASSERT_TRUE(fourth.shake_hands());
  EXPECT_EQ(log_in(fourth, {"d1", "m1"}, token({"d1", "m1"})), 0);
}

TEST_F(ListenerRulesTest, FastSendersAreSlowedDownThenCut) {
  hub_rate(Kind::Telemetry) = 1;
  options_.limits.burst = std::chrono::seconds(2);
  options_.limits.max_delay = std::chrono::seconds(1);
  start();
  const auto client = connected();
  for (std::uint16_t id = 1; id <= 4; ++id)
    client->send(publish(id, "x"));
  EXPECT_EQ(client->puback(), 1U);
  EXPECT_EQ(client->puback(), 2U);
  EXPECT_EQ(client->puback(), 3U);
  // The third was a second too early: so much later the fourth is looked at.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(sink_.wait_for(3).size(), 3U);
  mono_ += 1'000;
  EXPECT_EQ(client->puback(), 4U);
  // Others have to share: what would wait too long is refused.
  const auto other = connected({"d2", ""});
  other->send(publish(1, "x", "devices/d2/messages/events/"));
  other->send(publish(2, "x", "devices/d2/messages/events/"));
  EXPECT_TRUE(other->closed() || other->closed());
  EXPECT_EQ(recorded(Reason::Throttled).sub_code, 429001U);
}

TEST_F(ListenerRulesTest, TheDaysQuotaEndsTheConnection) {
  options_.limits.daily_units = 3;
  start();
  const auto client = connected();
  client->send(publish(1, std::string(8'000, 'x')));
  EXPECT_EQ(client->puback(), 1U);
  client->send(publish(2, std::string(8'000, 'x')));
  EXPECT_TRUE(client->closed());
  const operations::Record record = recorded(Reason::Quota);
  EXPECT_EQ(record.status_code, 403);
  EXPECT_EQ(record.sub_code, 403002U);
  EXPECT_EQ(sink_.wait_for(1).size(), 1U);
  const auto again = connected();
  again->send(publish(3, "x"));
  EXPECT_EQ(again->puback(), 3U);
}

}  // namespace
}  // namespace hub::listen
