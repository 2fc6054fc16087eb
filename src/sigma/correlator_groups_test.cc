#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sigma/correlator_testing.h"

namespace sigma {
namespace {

using namespace tests;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Fields = std::map<std::string, std::vector<std::string>, std::less<>>;

// Two events of a group make a firing.
class Groups : public ::testing::Test {
 protected:
  Groups() : rules_(rules()), correlator_(Correlator::Options{}) {
    const auto unlinked = correlator_.link(
        parsed(correlation("twice",
                           "{type: event_count, rules: [a], group-by: [User, CommandLine], "
                           "timespan: 10m, condition: {gte: 2}}")),
        rules_);
    EXPECT_TRUE(unlinked.empty());
  }

  // The groups that fire: "User CommandLine".
  std::vector<std::string> event(const Fields& fields) {
    const FieldOf joined = [&](std::string_view name) -> std::optional<std::string> {
      const auto found = fields.find(name);
      if (found == fields.end()) return std::nullopt;
      std::string text;
      for (const std::string& value : found->second)
        text += (text.empty() ? "" : ", ") + value;
      return text;
    };
    const ValuesOf all = [&](std::string_view name) {
      const auto found = fields.find(name);
      return found == fields.end() ? std::vector<std::string>() : found->second;
    };
    time_ += seconds(1);
    std::vector<Firing> firings;
    correlator_.observe(rules_.rules().front()->id,
                        {time_, time_, 1, std::make_shared<const Memo>(1)}, joined, firings, all);
    std::vector<std::string> out;
    for (const Firing& firing : firings)
      out.push_back(firing.group.at(0).second + " " + firing.group.at(1).second);
    return out;
  }

  RuleSet rules_;
  Correlator correlator_;
  base::WallTime time_ = kStart;
};

TEST_F(Groups, AListMakesAGroupOfEachValue) {
  EXPECT_THAT(event({{"User", {"root"}}, {"CommandLine", {"a", "b"}}}), IsEmpty());
  EXPECT_THAT(event({{"User", {"root"}}, {"CommandLine", {"c", "b"}}}), ElementsAre("root b"));
  EXPECT_THAT(event({{"User", {"root"}}, {"CommandLine", {"a"}}}), ElementsAre("root a"));
  EXPECT_THAT(event({{"User", {"ann"}}, {"CommandLine", {"c"}}}), IsEmpty());
}

TEST_F(Groups, AValueThatIsThereTwiceCountsOnce) {
  EXPECT_THAT(event({{"User", {"root"}}, {"CommandLine", {"a", "a"}}}), IsEmpty());
}

TEST_F(Groups, AFieldThatIsNotThereHasNoGroup) {
  EXPECT_THAT(event({{"User", {"root"}}}), IsEmpty());
  EXPECT_EQ(correlator_.counters().groups, 0U);
}

TEST_F(Groups, OfManyValuesSomeAreKeptAndTheRestCounted) {
  std::vector<std::string> many;
  for (int i = 0; i < 50; ++i)
    many.push_back(std::to_string(i));
  event({{"User", {"root"}}, {"CommandLine", many}});
  EXPECT_EQ(correlator_.counters().groups, kMostGroupsAtOnce);
  EXPECT_EQ(correlator_.counters().evicted_entries, 50 - kMostGroupsAtOnce);
}

}  // namespace
}  // namespace sigma
