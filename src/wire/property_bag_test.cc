#include "wire/property_bag.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using Properties = std::vector<Property>;

struct BagCase {
  const char* name;
  const char* text;
  Properties properties;
};

class ParsePropertyBag : public testing::TestWithParam<BagCase> {};

TEST_P(ParsePropertyBag, Reads) {
  const auto bag = PropertyBag::parse(GetParam().text);
  ASSERT_TRUE(bag.has_value()) << bag.error().to_string();
  EXPECT_EQ(bag->properties(), GetParam().properties);
}

INSTANTIATE_TEST_SUITE_P(
    Bags, ParsePropertyBag,
    testing::Values(BagCase{"Nothing", "", {}}, BagCase{"OnlyASlash", "/", {}},
                    BagCase{"NodeSdk",
                            "%24.mid=1&%24.ct=application%2Fjson&a%20b=c%26d",
                            {{"$.mid", "1"}, {"$.ct", "application/json"}, {"a b", "c&d"}}},
                    BagCase{"CSdkUnencoded",
                            "app=a b/c&%24.ct=application/json",
                            {{"app", "a b/c"}, {"$.ct", "application/json"}}},
                    BagCase{"RawDollar", "$.mid=1", {{"$.mid", "1"}}},
                    BagCase{"ModuleOutputWithSlash", "%24.on=out1/", {{"$.on", "out1"}}},
                    BagCase{"NoEquals", "flag&b=1", {{"flag", ""}, {"b", "1"}}},
                    BagCase{"EmptyValue", "a=", {{"a", ""}}},
                    BagCase{"EqualsInTheValue", "a=b=c", {{"a", "b=c"}}},
                    BagCase{"EmptyPairs", "&&a=1&&b=2&", {{"a", "1"}, {"b", "2"}}},
                    BagCase{"LeadingQuestionMark", "?a=1", {{"a", "1"}}},
                    BagCase{"StrayPercent", "a=100%&b=%zz", {{"a", "100%"}, {"b", "%zz"}}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(PropertyBag, RefusesAPairWithoutName) {
  const auto bag = PropertyBag::parse("a=1&=2");
  ASSERT_FALSE(bag.has_value());
  EXPECT_EQ(bag.error().code, base::Code::Malformed);
  EXPECT_EQ(bag.error().at, 4);
}

TEST(PropertyBag, HasALimit) {
  std::string text;
  for (std::size_t i = 0; i <= PropertyBag::kMaxProperties; ++i)
    text += "a=1&";
  const auto bag = PropertyBag::parse(text);
  ASSERT_FALSE(bag.has_value());
  EXPECT_EQ(bag.error().code, base::Code::TooLarge);
}

TEST(PropertyBag, TheLaterPairWins) {
  const auto bag = PropertyBag::parse("a=1&a=2");
  ASSERT_TRUE(bag.has_value());
  ASSERT_NE(bag->find("a"), nullptr);
  EXPECT_EQ(*bag->find("a"), "2");
  EXPECT_EQ(find_property("a=1&a=2", "a"), "2");
}

TEST(PropertyBag, EncodesSystemPropertiesFirst) {
  PropertyBag bag;
  bag.set("app", "a&b=c");
  bag.set("$.ifid", kSecurityInterface);
  bag.set("app", "a&b=d");
  EXPECT_EQ(bag.encode(), "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1&app=a%26b%3Dd");
  const auto copy = PropertyBag::parse(bag.encode());
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(*copy->find("app"), "a&b=d");
}

TEST(IsSecurityMessage, KnowsEverySpelling) {
  EXPECT_TRUE(is_security_message("%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1"));
  EXPECT_TRUE(is_security_message("$.ifid=urn:azureiot:Security:SecurityAgent:1"));
  EXPECT_TRUE(
      is_security_message("a=1&%24.ifid=urn%3aazureiot%3aSecurity%3aSecurityAgent%3a1&%24.ct=x/"));
  EXPECT_TRUE(is_security_message("%24%2E%69fid=urn:azureiot:Security:SecurityAgent:1"));
  EXPECT_FALSE(is_security_message(""));
  EXPECT_FALSE(is_security_message("ifid=urn:azureiot:Security:SecurityAgent:1"));
  EXPECT_FALSE(is_security_message("$.ifid=urn:azureiot:Security:SecurityAgent:10"));
  EXPECT_FALSE(is_security_message("$.ifid=urn:azureiot:Security:SecurityAgent:1&$.ifid=other"));
  EXPECT_FALSE(is_security_message("x$.ifid=urn:azureiot:Security:SecurityAgent:1"));
}

TEST(FindProperty, DecodesWhatItFinds) {
  EXPECT_EQ(find_property("%24.mid=a%2Fb&x=1", "$.mid"), "a/b");
  EXPECT_EQ(find_property("%24.mid=a%2Fb&x=1", "y"), std::nullopt);
}

}  // namespace
}  // namespace wire
