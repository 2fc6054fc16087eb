#include "hub/link/service.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "hub/link/member.h"
#include "os/scratch_testing.h"

namespace hub::link {
namespace {

using operations::Reason;

class NoSink final : public Sink {
 public:
  bool offer(const Message&, Done&) override { return false; }
  void on_room(std::function<void()> callback) override { callback(); }
};

class TestHost final : public Host {
 public:
  void cut(std::uint32_t connection, Reason reason) override {
    cuts.emplace_back(connection, reason);
  }
  void report(const Outcome& outcome) override { outcomes.push_back(outcome); }
  void deliver(std::uint32_t connection, Delivery delivery) override {
    deliveries.emplace_back(connection, std::move(delivery));
  }

  std::vector<std::pair<std::uint32_t, Reason>> cuts;
  std::vector<Outcome> outcomes;
  std::vector<std::pair<std::uint32_t, Delivery>> deliveries;
};

TEST(SessionTable, CutsTheOlderConnectionOfAnIdentity) {
  SessionTable table;
  TestHost mqtt;
  TestHost amqp;
  table.replace({"d", ""}, {&mqtt, 1});
  table.replace({"d", "m"}, {&mqtt, 2});
  EXPECT_TRUE(mqtt.cuts.empty());
  table.replace({"d", ""}, {&amqp, 1});
  ASSERT_EQ(mqtt.cuts.size(), 1U);
  EXPECT_EQ(mqtt.cuts[0], std::pair(1U, Reason::TakenOver));
  // The one that was taken over ends later, and takes nobody's place along.
  table.remove({"d", ""}, {&mqtt, 1});
  EXPECT_TRUE(table.contains({"d", ""}));
  table.remove({"d", ""}, {&amqp, 1});
  EXPECT_FALSE(table.contains({"d", ""}));
  EXPECT_TRUE(table.contains({"d", "m"}));
}

TEST(SessionTable, CutsADeviceWithItsModules) {
  SessionTable table;
  TestHost host;
  table.replace({"c", "m"}, {&host, 1});
  table.replace({"d", ""}, {&host, 2});
  table.replace({"d", "m"}, {&host, 3});
  table.replace({"d", "n"}, {&host, 4});
  table.replace({"e", ""}, {&host, 5});
  table.cut({"d", "m"}, Reason::Deleted);
  ASSERT_EQ(host.cuts.size(), 1U);
  EXPECT_EQ(host.cuts[0], std::pair(3U, Reason::Deleted));
  host.cuts.clear();
  table.cut({"d", ""}, Reason::Disabled);
  ASSERT_EQ(host.cuts.size(), 3U);
  EXPECT_EQ(host.cuts[2], std::pair(4U, Reason::Disabled));
}

TEST(SessionTable, DeliversToTheIdentityOnly) {
  SessionTable table;
  TestHost host;
  table.replace({"d", "m"}, {&host, 7});
  EXPECT_FALSE(table.deliver({"d", ""}, CommandsWaiting{}));
  EXPECT_TRUE(table.deliver({"d", "m"}, TwinDesired{3, "{}"}));
  ASSERT_EQ(host.deliveries.size(), 1U);
  EXPECT_EQ(host.deliveries[0].first, 7U);
  EXPECT_EQ(std::get<TwinDesired>(host.deliveries[0].second).version, 3);
}

class MemberTest : public testing::Test {
 protected:
  MemberTest() {
    options_.wall_now = [this] { return now_; };
    registry_ =
        identity::Registry::open({folder_ / "state.db", "hub.example", options_.wall_now}, records_)
            .value();
    twins::Options twins;
    twins.path = folder_ / "state.db";
    twins_ = twins::Twins::open(std::move(twins), *registry_, records_).value();
    EXPECT_TRUE(registry_->create({{"d", ""}, identity::Status::Enabled, "", {}}, "test"));
    commands::Options commands;
    commands.path = folder_ / "state.db";
    messages_ = commands::Messages::open(std::move(commands), *registry_, records_).value();
    methods_.emplace(commands::MethodOptions(), *registry_, records_);
    service_.emplace(options_, *registry_, *twins_, *messages_, *methods_, records_, sink_);
  }

  identity::Grant grant() const {
    identity::Grant grant;
    grant.name = {"d", ""};
    grant.generation_id = registry_->get(grant.name).value().generation_id;
    grant.expires_at = now_ + std::chrono::hours(1);
    grant.auth.type = "sas";
    return grant;
  }

  base::WallTime now_{std::chrono::seconds(1'800'000'000)};
  os::ScratchDir folder_;
  Options options_;
  operations::Operations records_;
  NoSink sink_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<commands::Messages> messages_;
  std::optional<commands::Methods> methods_;
  TestHost host_;
  std::optional<Service> service_;
};

TEST_F(MemberTest, MessagesOfAWhileMakeOneRecord) {
  Member member(*service_, host_, 1, {});
  EXPECT_FALSE(member.log_in([this] { return grant(); }));
  member.count_message(5000, true);
  member.count_message(100, true);
  member.count_message(8193, false);
  member.tell_activity();
  member.tick();
  for (const auto& record : records_.recent(10))
    EXPECT_NE(record.operation, "ingress") << "not yet";
  member.leave();
  member.record_end(Reason::PeerClosed, "");
  const auto records = records_.recent(10);
  ASSERT_GE(records.size(), 2U);
  const operations::Record& traffic = records[1];
  EXPECT_EQ(traffic.operation, "ingress");
  EXPECT_EQ(traffic.category, operations::Category::DeviceTelemetry);
  EXPECT_EQ(traffic.device_id, "d");
  EXPECT_EQ(traffic.count, 3U);
  EXPECT_EQ(traffic.security_messages, 2U);
  EXPECT_EQ(traffic.small_messages, 1U);
  EXPECT_EQ(traffic.bytes, 13'293U);
  EXPECT_EQ(traffic.meter_units, 6U) << "2 + 1 + 3";
  const auto sizes = registry_->activity({"d", ""}).security_sizes.sum(now_);
  EXPECT_EQ(sizes.messages, 2U);
  EXPECT_EQ(sizes.small, 1U);
}

TEST_F(MemberTest, IsThereFromItsLoginToItsEnd) {
  Member member(*service_, host_, 1, {});
  EXPECT_FALSE(member.log_in([this] { return grant(); }));
  member.welcome();
  EXPECT_TRUE(member.logged_in());
  EXPECT_TRUE(service_->sessions.contains({"d", ""}));
  EXPECT_TRUE(registry_->activity({"d", ""}).connected);
  member.count_message(100, true);
  member.leave();
  member.record_end(Reason::PeerClosed, "");
  EXPECT_FALSE(service_->sessions.contains({"d", ""}));
  const identity::Activity activity = registry_->activity({"d", ""});
  EXPECT_FALSE(activity.connected);
  EXPECT_EQ(activity.security_messages, 1U);
  const auto records = records_.recent(10);
  ASSERT_GE(records.size(), 3U);
  EXPECT_EQ(records[0].operation, "deviceDisconnect");
  EXPECT_EQ(records[0].sub_code, 404104U);
  EXPECT_EQ(records[0].bytes, 100U);
  EXPECT_EQ(records[2].operation, "deviceConnect");
}

TEST_F(MemberTest, LooksAgainWhenAnIdentityWentWhileItLoggedIn) {
  Member member(*service_, host_, 1, {});
  int asked = 0;
  const auto refusal = member.log_in([&]() -> std::expected<identity::Grant, identity::Refusal> {
    if (++asked == 1) {
      EXPECT_TRUE(registry_->remove({"d", ""}, "", "test"));
      return identity::Grant{{"d", ""}, "g", now_ + std::chrono::hours(1), {}, "", "", ""};
    }
    return std::unexpected(identity::Refusal{});
  });
  EXPECT_TRUE(refusal.has_value());
  EXPECT_EQ(asked, 2);
  EXPECT_FALSE(member.logged_in());
  EXPECT_FALSE(service_->sessions.contains({"d", ""}));
}

TEST_F(MemberTest, ExpiresWithItsProofAndLivesOnWithANewerOne) {
  Member member(*service_, host_, 1, {});
  EXPECT_FALSE(member.log_in([this] { return grant(); }));
  EXPECT_FALSE(member.expired());
  now_ += std::chrono::hours(1);
  ASSERT_TRUE(member.expired());
  EXPECT_EQ(member.expired()->reason, Reason::SasExpired);
  member.renew(grant());
  EXPECT_FALSE(member.expired());
  member.leave();
}

TEST_F(MemberTest, IsCutWhenItsIdentityIsDisabledOrDeleted) {
  Member member(*service_, host_, 9, {});
  EXPECT_FALSE(member.log_in([this] { return grant(); }));
  identity::Change change;
  change.status = identity::Status::Disabled;
  ASSERT_TRUE(registry_->update({"d", ""}, change, "test"));
  ASSERT_EQ(host_.cuts.size(), 1U);
  EXPECT_EQ(host_.cuts[0], std::pair(9U, Reason::Disabled));
  ASSERT_TRUE(registry_->remove({"d", ""}, "", "test"));
  ASSERT_EQ(host_.cuts.size(), 2U);
  EXPECT_EQ(host_.cuts[1], std::pair(9U, Reason::Deleted));
  member.leave();
}

TEST_F(MemberTest, NobodyIsCalledAfterTheServiceIsGone) {
  service_.reset();
  EXPECT_TRUE(registry_->remove({"d", ""}, "", "test"));
  EXPECT_TRUE(host_.cuts.empty());
}

}  // namespace
}  // namespace hub::link
