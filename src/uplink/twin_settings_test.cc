#include "uplink/twin_settings.h"

#include <gtest/gtest.h>

namespace uplink {
namespace {

using base::json::Value;
using namespace std::chrono_literals;

struct Fixture {
  std::chrono::nanoseconds every = 30s;
  std::uint64_t most = 10;
  TwinSettings settings{"us",
                        {duration_key("every", 1s, 1h, every), number_key("most", 1, 99, most)}};

  void whole(std::int64_t version, const std::string& ours) {
    const auto taken = settings.take(
        {.kind = Desired::Kind::Whole, .version = version, .json = "{\"us\":" + ours + "}"});
    EXPECT_TRUE(taken);
  }
  void patch(std::int64_t version, const std::string& ours) {
    const auto taken = settings.take(
        {.kind = Desired::Kind::Patch, .version = version, .json = "{\"us\":" + ours + "}"});
    EXPECT_TRUE(taken);
  }
  std::string status(std::string_view key) const {
    const auto read = base::json::parse(settings.reported("1.0"));
    EXPECT_TRUE(read);
    const Value* const ours = read->find("us");
    const Value* const one = ours == nullptr ? nullptr : ours->find(key);
    return one == nullptr ? "absent" : std::string(one->text_or("status", "none"));
  }
};

TEST(TwinSettings, TakesWhatIsGood) {
  Fixture one;
  one.whole(3, R"({"every":{"value":"PT7M"}})");
  EXPECT_EQ(one.every, 7min);
  EXPECT_EQ(one.most, 10U);
  EXPECT_EQ(one.status("every"), "desired");
  EXPECT_EQ(one.status("most"), "default");
  one.patch(4, R"({"most":{"value":20}})");
  EXPECT_EQ(one.every, 7min);
  EXPECT_EQ(one.most, 20U);
  EXPECT_EQ(one.settings.version(), 4);
  EXPECT_TRUE(one.settings.problems().empty());
}

TEST(TwinSettings, TakesBackWhatIsNoLongerWanted) {
  Fixture one;
  one.whole(1, R"({"every":{"value":"PT7M"},"most":{"value":20}})");
  one.patch(2, R"({"every":null})");
  EXPECT_EQ(one.every, 30s);
  one.patch(3, R"({"most":{"value":null}})");
  EXPECT_EQ(one.most, 10U);
  one.whole(4, R"({"most":{"value":5}})");
  one.whole(5, "null");
  EXPECT_EQ(one.most, 10U);
}

TEST(TwinSettings, KeepsTheLastGoodValue) {
  Fixture one;
  one.whole(1, R"({"every":{"value":"PT7M"},"most":{"value":20}})");
  one.whole(2, R"({"every":{"value":"PT2H"},"most":{"value":21},"moust":{"value":1}})");
  EXPECT_EQ(one.every, 7min);
  EXPECT_EQ(one.most, 21U);
  EXPECT_EQ(one.status("every"), "lastGood");
  EXPECT_EQ(one.status("moust"), "unusable");
  EXPECT_EQ(one.settings.problems().size(), 2U);
  one.whole(3, "7");
  EXPECT_EQ(one.every, 7min);
  EXPECT_EQ(one.most, 21U);
  EXPECT_EQ(one.status("error"), "unusable");
}

TEST(TwinSettings, RefusesValuesOfOtherKinds) {
  for (const char* const bad :
       {R"({"most":{"value":"20"}})", R"({"most":{"value":0}})", R"({"most":{"value":-1}})",
        R"({"most":{"value":100}})", R"({"most":{"value":1.5}})", R"({"most":20})",
        R"({"every":{"value":7}})", R"({"every":{"value":"7 minutes"}})"}) {
    Fixture one;
    one.whole(1, bad);
    EXPECT_EQ(one.settings.problems().size(), 1U) << bad;
    EXPECT_EQ(one.most, 10U) << bad;
    EXPECT_EQ(one.every, 30s) << bad;
  }
}

TEST(TwinSettings, SurviveRestarts) {
  Fixture before;
  before.whole(1, R"({"every":{"value":"PT7M"},"most":{"value":20}})");
  before.whole(2, R"({"every":{"value":"soon"},"most":{"value":21}})");
  Fixture after;
  ASSERT_TRUE(after.settings.restore(before.settings.saved()));
  EXPECT_EQ(after.every, 7min);
  EXPECT_EQ(after.most, 21U);
  EXPECT_EQ(after.settings.version(), 2);
  EXPECT_EQ(after.status("every"), "lastGood");
  EXPECT_FALSE(after.settings.restore("{}"));
  EXPECT_FALSE(after.settings.restore("no JSON"));
  EXPECT_EQ(after.every, 7min);
}

TEST(TwinSettings, RefusesWhatIsNoDocument) {
  Fixture one;
  for (const char* const bad : {"[]", "{", "null"}) {
    EXPECT_FALSE(one.settings.take({.kind = Desired::Kind::Whole, .version = 1, .json = bad}));
  }
}

}  // namespace
}  // namespace uplink
