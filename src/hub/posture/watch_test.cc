#include "hub/posture/watch.h"

#include <gtest/gtest.h>

#include "hub/identity/ip_filter.h"
#include "os/scratch_testing.h"

namespace hub::posture {
namespace {

using detect::posture::Assessment;
using detect::posture::Kind;
using detect::posture::State;

class WatchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto registry = identity::Registry::open({dir_ / "state.db", "hub.example"}, operations_);
    ASSERT_TRUE(registry);
    registry_ = std::move(*registry);
    auto posture = detect::posture::Posture::open({.path = dir_ / "state.db"});
    ASSERT_TRUE(posture);
    posture_ = std::move(*posture);
    Options options;
    options.sinks = {{"allLogs", 90}};
    watch_ = std::make_unique<Watch>(std::move(options), *registry_, *posture_);
  }

  std::optional<Assessment> find(Kind kind, const std::string& device) {
    const auto all = posture_->assessments(device);
    if (!all) return std::nullopt;
    for (const Assessment& each : *all) {
      if (each.kind == kind) return each;
    }
    return std::nullopt;
  }
  State state_of(Kind kind, const std::string& device = {}) {
    const auto found = find(kind, device);
    EXPECT_TRUE(found);
    return found ? found->state : State::Dismissed;
  }
  void add(const std::string& device, const std::string& key) {
    identity::NewIdentity wanted;
    wanted.name.device_id = device;
    wanted.keys = {key, ""};
    ASSERT_TRUE(registry_->create(wanted, "test"));
  }

  os::ScratchDir dir_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<detect::posture::Posture> posture_;
  std::unique_ptr<Watch> watch_;
};

TEST_F(WatchTest, FollowsTheIpFilter) {
  ASSERT_TRUE(watch_->look_at_filter());
  EXPECT_EQ(state_of(Kind::IpFilterDenyAll), State::Active);
  EXPECT_EQ(state_of(Kind::IpFilterLargeRange), State::Resolved);
  EXPECT_EQ(state_of(Kind::Diagnostics), State::Active);
  ASSERT_TRUE(registry_->ip_filter().set({{"all", identity::Access::Allow, "10.0.0.0/8"}},
                                         identity::Access::Deny, ""));
  ASSERT_TRUE(watch_->look_at_filter());
  EXPECT_EQ(state_of(Kind::IpFilterDenyAll), State::Resolved);
  EXPECT_EQ(state_of(Kind::IpFilterLargeRange), State::Active);
}

TEST_F(WatchTest, FindsDevicesWithOneKey) {
  const std::string key = "c2hhcmVkIGtleSBvZiBzZXZlcmFsIGRldmljZXMgISE=";
  add("d1", key);
  add("d2", key);
  add("d3", "");
  ASSERT_TRUE(watch_->look_at_credentials());
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d1"), State::Active);
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d2"), State::Active);
  EXPECT_FALSE(find(Kind::SharedCredentials, "d3"));  // nothing was heard of it
  ASSERT_TRUE(registry_->remove({"d2", ""}, "", "test"));
  ASSERT_TRUE(watch_->look_at_credentials());
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d1"), State::Resolved);
}

TEST_F(WatchTest, StopsAtOnce) {
  watch_->start();
  watch_->stop();
  watch_->stop();
  EXPECT_EQ(watch_->failures().value(), 0U);
}

}  // namespace
}  // namespace hub::posture
