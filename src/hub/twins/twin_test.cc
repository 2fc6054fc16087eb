#include "hub/twins/twin.h"

#include <gtest/gtest.h>

namespace hub::twins {
namespace {

using base::Code;
using base::json::Value;

const Limits kLimits;

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(1'800'000'000 + seconds));
}

Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return std::move(*parsed);
}

Section section(std::string_view first) {
  Section made;
  EXPECT_TRUE(apply_patch(made, Part::Desired, json(first), at(0), kLimits).has_value());
  return made;
}

TEST(ApplyPatch, MergesAndRemovesWithNull) {
  Section made = section(R"({"a":{"b":1,"c":[1,2]},"d":"x"})");
  EXPECT_EQ(made.version, 2);
  ASSERT_TRUE(apply_patch(made, Part::Desired, json(R"({"a":{"b":null,"e":true},"d":null})"), at(1),
                          kLimits)
                  .has_value());
  EXPECT_EQ(made.properties.to_json(), R"({"a":{"c":[1,2],"e":true}})");
  EXPECT_EQ(made.version, 3);
}

TEST(ApplyPatch, KeepsWhenEachPropertyWasChanged) {
  Section made = section(R"({"a":{"b":1},"d":"x"})");
  ASSERT_TRUE(
      apply_patch(made, Part::Desired, json(R"({"a":{"c":2}})"), at(5), kLimits).has_value());
  EXPECT_EQ(made.metadata.to_json(),
            R"({"$lastUpdated":"2027-01-15T08:00:05.0000000Z","$lastUpdatedVersion":3,)"
            R"("a":{"$lastUpdated":"2027-01-15T08:00:05.0000000Z","$lastUpdatedVersion":3,)"
            R"("b":{"$lastUpdated":"2027-01-15T08:00:00.0000000Z","$lastUpdatedVersion":2},)"
            R"("c":{"$lastUpdated":"2027-01-15T08:00:05.0000000Z","$lastUpdatedVersion":3}},)"
            R"("d":{"$lastUpdated":"2027-01-15T08:00:00.0000000Z","$lastUpdatedVersion":2}})");
}

TEST(ApplyPatch, MetadataFollowsWhatIsReplacedAndRemoved) {
  Section made = section(R"({"a":{"b":1},"c":1,"d":1})");
  ASSERT_TRUE(
      apply_patch(made, Part::Desired, json(R"({"a":7,"c":{"x":1},"d":null})"), at(5), kLimits)
          .has_value());
  const Value* a = made.metadata.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->find("b"), nullptr);
  ASSERT_NE(made.metadata.find("c"), nullptr);
  EXPECT_NE(made.metadata.find("c")->find("x"), nullptr);
  EXPECT_EQ(made.metadata.find("d"), nullptr);
}

TEST(ApplyPatch, ReportedPropertiesHaveNoVersionOfTheirOwnInTheMetadata) {
  Section made;
  ASSERT_TRUE(apply_patch(made, Part::Reported, json(R"({"a":1})"), at(0), kLimits).has_value());
  EXPECT_EQ(made.metadata.to_json().find("$lastUpdatedVersion"), std::string::npos);
}

TEST(ApplyPatch, RefusesWhatWouldExceedTheLimit) {
  const std::string text(4000, 'x');
  Section made;
  const auto add = [&](Part part, int number) {
    return apply_patch(made, part,
                       json(R"({"k)" + std::to_string(number) + R"(":")" + text + "\"}"), at(0),
                       kLimits);
  };
  for (int i = 0; i < 8; ++i)
    ASSERT_TRUE(add(Part::Desired, i).has_value()) << i;
  const Section before = made;
  const auto refused = add(Part::Desired, 9);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::TooLarge);
  EXPECT_EQ(made.version, before.version);
  EXPECT_EQ(made.properties.to_json(), before.properties.to_json());
  // The same again adds nothing.
  EXPECT_TRUE(add(Part::Desired, 3).has_value());

  made = {};
  EXPECT_TRUE(add(Part::Tags, 1).has_value());
  EXPECT_TRUE(add(Part::Tags, 2).has_value());
  EXPECT_EQ(add(Part::Tags, 3).error().code, Code::TooLarge);
}

TEST(CountedBytes, CountsAsTheServiceDocuments) {
  EXPECT_EQ(counted_bytes(json(R"({"ab":"cd"})")), 4U);
  EXPECT_EQ(counted_bytes(json(R"({"a":1,"b":1.5,"c":true,"d":[1,"xy"]})")), 4 + 8 + 8 + 4 + 10U);
  EXPECT_EQ(counted_bytes(json("\"a\\u0001\\u0085b\"")), 2U);
}

TEST(Replace, TellsThePatchThatDoesTheSame) {
  Section made = section(R"({"a":{"b":1,"x":1},"d":"x"})");
  const auto patch = replace(made, Part::Desired, json(R"({"a":{"b":1,"c":2}})"), at(3), kLimits);
  ASSERT_TRUE(patch.has_value());
  EXPECT_EQ(made.properties.to_json(), R"({"a":{"b":1,"c":2}})");
  EXPECT_EQ(patch->to_json(), R"({"d":null,"a":{"x":null,"c":2}})");
  EXPECT_EQ(made.version, 3);
  EXPECT_EQ(made.metadata.find("d"), nullptr);
}

struct BadPatch {
  const char* text;
  Code code;
};

TEST(ReadPatch, RefusesWhatTheRulesForbid) {
  const BadPatch cases[] = {
      {"", Code::Malformed},
      {"{", Code::Malformed},
      {R"({"a":1}x)", Code::Malformed},
      {"[1]", Code::Invalid},
      {"1", Code::Invalid},
      {"null", Code::Invalid},
      {R"({"":1})", Code::Invalid},
      {R"({"a.b":1})", Code::Invalid},
      {R"({"$a":1})", Code::Invalid},
      {R"({"a":{"$version":1}})", Code::Invalid},
      {R"({"a b":1})", Code::Invalid},
      {R"({"a":[{"b.c":1}]})", Code::Invalid},
      {"{\"a\\u0000\":1}", Code::Invalid},
      {"{\"a\\u0085\":1}", Code::Invalid},
      {R"({"a":4503599627370496})", Code::Invalid},
      {R"({"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{"k":1}}}}}}}}}}})", Code::Invalid},
      {R"({"a":[[[[[[[[[[[1]]]]]]]]]]]})", Code::Invalid},
  };
  for (const BadPatch& item : cases) {
    const auto patch = read_patch(item.text, kLimits);
    ASSERT_FALSE(patch.has_value()) << item.text;
    EXPECT_EQ(patch.error().code, item.code) << item.text;
  }
  EXPECT_EQ(read_patch(std::string(100'000, '[') + std::string(100'000, ']'), kLimits).error().code,
            Code::TooLarge);
  EXPECT_FALSE(read_patch(R"({"a":")" + std::string(4097, 'x') + "\"}", kLimits).has_value());
  EXPECT_FALSE(read_patch(R"({")" + std::string(1025, 'x') + "\":1}", kLimits).has_value());
}

TEST(ReadPatch, SaysWhere) {
  EXPECT_NE(read_patch(R"({"a":{"b":{"c d":1}}})", kLimits).error().detail.find("a.b.c d"),
            std::string::npos);
}

TEST(ReadPatch, TakesWhatClientsSend) {
  EXPECT_EQ(
      read_patch(R"({"ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration":{}})", kLimits)
          ->to_json(),
      R"({"ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration":{}})");
  // With the notes of what was read before.
  EXPECT_EQ(read_patch(R"({"$metadata":{"a":{"$lastUpdated":"x"}},"a":1,"$version":4})", kLimits)
                ->to_json(),
            R"({"a":1})");
  EXPECT_TRUE(read_patch(R"({"a":-4503599627370496,"b":4503599627370495,"ü-_%":"ß"})", kLimits));
  EXPECT_TRUE(
      read_patch(R"({"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":1}}}}}}}}}})", kLimits));
}

TEST(Views, ShowEachSideItsOwn) {
  Twin twin;
  twin.tags.properties = json(R"({"site":"north"})");
  twin.desired = section(R"({"a":1})");
  EXPECT_EQ(device_view(twin), R"({"desired":{"a":1,"$version":2},"reported":{"$version":1}})");
  std::string service;
  base::json::Writer writer(service);
  writer.begin_object();
  write_service_view(writer, twin);
  writer.end_object();
  const Value view = json(service);
  EXPECT_EQ(view.find("tags")->to_json(), R"({"site":"north"})");
  const Value* desired = view.find("properties")->find("desired");
  EXPECT_NE(desired->find("$metadata")->find("a"), nullptr);
  EXPECT_EQ(*desired->find("$version")->if_int(), 2);
  EXPECT_EQ(desired_patch(json(R"({"a":null})"), 7), R"({"a":null,"$version":7})");
}

}  // namespace
}  // namespace hub::twins
