#include "hub/identity/ip_filter.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace hub::identity {
namespace {

using base::Code;

TEST(IpFilter, TheFirstRuleThatHoldsTheAddressDecides) {
  const IpFilter filter = IpFilter::create({{"printer", Access::Deny, "10.1.2.3"},
                                            {"plant", Access::Allow, "10.0.0.0/8"},
                                            {"odd", Access::Allow, "192.168.128.0/17"},
                                            {"six", Access::Allow, "2001:db8::/33"},
                                            {"loop", Access::Allow, "::1"}},
                                           Access::Deny)
                              .value();
  const std::tuple<const char*, Access, const char*> cases[] = {
      {"10.1.2.3", Access::Deny, "printer"},
      {"10.1.2.4", Access::Allow, "plant"},
      {"::ffff:10.1.2.4", Access::Allow, "plant"},
      {"11.0.0.1", Access::Deny, "default"},
      {"192.168.127.255", Access::Deny, "default"},
      {"192.168.128.0", Access::Allow, "odd"},
      {"2001:db8:7fff::1", Access::Allow, "six"},
      {"2001:db8:8000::1", Access::Deny, "default"},
      {"::1", Access::Allow, "loop"},
      {"0a00::1", Access::Deny, "default"},
      {"", Access::Deny, "default"},
      {"10.1.2", Access::Deny, "default"},
  };
  for (const auto& [address, access, rule] : cases) {
    const IpFilter::Decision decision = filter.decide(address);
    EXPECT_EQ(decision.access, access) << address;
    EXPECT_EQ(decision.rule, rule) << address;
  }
}

TEST(IpFilter, EverythingOfOneKindIsNotEverythingOfTheOther) {
  const IpFilter filter =
      IpFilter::create({{"v4", Access::Deny, "0.0.0.0/0"}}, Access::Allow).value();
  EXPECT_EQ(filter.decide("192.0.2.1").access, Access::Deny);
  EXPECT_EQ(filter.decide("2001:db8::1").access, Access::Allow);
  EXPECT_EQ(filter.decide("no address").access, Access::Deny);
  EXPECT_EQ(IpFilter().decide("no address").access, Access::Allow);
  EXPECT_EQ(IpFilter::create({{"v6", Access::Allow, "::/0"}}, Access::Deny)->decide("::2").rule,
            "v6");
}

TEST(IpFilter, RefusesWhatMeansSomethingElse) {
  for (const char* range : {"", "10", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.1/8",
                            "10.0.0.0/8/8", "2001:db8::/129", "2001:db8::1/64", "fe80::1%eth0",
                            "::ffff:10.0.0.0/104", "example.com", "10.0.0.0 /8", "10.0.0.0/ 8"}) {
    EXPECT_FALSE(IpFilter::create({{"a", Access::Allow, range}}, Access::Deny).has_value())
        << range;
  }
  const std::string long_name(IpFilter::kMaxName + 1, 'a');
  for (const std::string& name : {std::string(), std::string("default"), long_name})
    EXPECT_FALSE(IpFilter::create({{name, Access::Allow, "::1"}}, Access::Deny).has_value());
  const AddressRule rule{"a", Access::Allow, "::1"};
  EXPECT_EQ(IpFilter::create({rule, rule}, Access::Deny).error().code, Code::Invalid);
  std::vector<AddressRule> many;
  for (std::size_t i = 0; i <= IpFilter::kMaxRules; ++i)
    many.push_back({std::to_string(i), Access::Allow, "::1"});
  EXPECT_EQ(IpFilter::create(many, Access::Deny).error().code, Code::TooLarge);
}

TEST(IpFilterStore, SurvivesARestart) {
  std::string pattern = testing::TempDir() + "filter.XXXXXX";
  const std::string path = std::string(::mkdtemp(pattern.data())) + "/state.db";
  const auto now = [] { return base::WallTime(std::chrono::seconds(1'800'000'000)); };
  std::string etag;
  {
    const auto store = IpFilterStore::open(path, now).value();
    EXPECT_EQ(store->decide("192.0.2.1").access, Access::Allow);
    EXPECT_EQ(store->decide("192.0.2.1").rule, "");
    EXPECT_FALSE(store->current().updated.has_value());
    const auto set = store->set({{"b", Access::Allow, "10.0.0.0/8"}, {"a", Access::Deny, "::/0"}},
                                Access::Deny, "");
    ASSERT_TRUE(set.has_value()) << set.error().to_string();
    etag = set->etag;
    EXPECT_EQ(store->set({}, Access::Allow, "stale").error().code, Code::Conflict);
    EXPECT_EQ(store->set({{"b", Access::Allow, "x"}}, Access::Allow, etag).error().code,
              Code::Invalid);
    EXPECT_EQ(store->current().etag, etag);
  }
  const auto store = IpFilterStore::open(path, now).value();
  EXPECT_EQ(store->current().etag, etag);
  ASSERT_EQ(store->current().filter->rules().size(), 2U);
  EXPECT_EQ(store->current().filter->rules()[0].name, "b");
  EXPECT_EQ(store->decide("10.0.0.1").rule, "b");
  EXPECT_EQ(store->decide("192.0.2.1").access, Access::Deny);
  EXPECT_EQ(store->decide("192.0.2.1").rule, "default");
  ASSERT_TRUE(store->set({}, Access::Allow, etag).has_value());
  EXPECT_EQ(store->decide("192.0.2.1").access, Access::Allow);
}

}  // namespace
}  // namespace hub::identity
