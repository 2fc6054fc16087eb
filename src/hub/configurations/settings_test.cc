#include "hub/configurations/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::configurations {
namespace {

using base::json::Value;

Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Value();
}
std::vector<Section> sections(std::string_view text) {
  auto read = read_sections(json(text));
  EXPECT_TRUE(read) << read.error().to_string();
  return read ? *read : std::vector<Section>{};
}
Wanted wanted(std::initializer_list<std::string_view> contents) {
  Wanted all;
  for (const std::string_view content : contents)
    all.add(sections(content));
  return all;
}
// The desired properties after `first` was applied, and then `second` in its place.
std::string after(std::string_view desired, const Wanted& first, const Wanted& second) {
  const Value once = apply(json(desired), {}, first.leaves());
  return apply(once, owned_by(first.leaves()), second.leaves()).to_json();
}

TEST(ReadSections, TakesPathsOfDesiredProperties) {
  const auto read = sections(R"({"properties.desired.a.b":{"c":1},"properties.desired":{"d":2}})");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].path, (Path{"a", "b"}));
  EXPECT_EQ(read[1].path, Path{});
  for (const char* wrong :
       {R"({"properties.reported.a":1})", R"({"desired.a":1})", R"({"properties.desiredX":1})",
        R"({"properties.desired.":1})", R"({"properties.desired.a..b":1})",
        R"({"properties.desired":1})", R"([])", R"("x")",
        R"({"properties.desired.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a":1})"})
    EXPECT_FALSE(read_sections(json(wrong))) << wrong;
}

TEST(Wanted, TheFirstToNameAPathHasIt) {
  const Wanted both =
      wanted({R"({"properties.desired.x":{"a":1}})",
              R"({"properties.desired.x":{"a":2,"b":3},"properties.desired.y":4})"});
  EXPECT_EQ(apply(Value(Value::Object{}), {}, both.leaves()).to_json(), R"({"x":{"a":1},"y":4})")
      << "another content of the same path is not mixed in";
}

TEST(Wanted, SaysWhatIsOverruled) {
  Wanted all;
  EXPECT_TRUE(all.add(sections(R"({"properties.desired.x":{"a":1}})")));
  EXPECT_FALSE(all.add(sections(R"({"properties.desired.x":{"b":1}})"))) << "the same path";
  EXPECT_TRUE(all.add(sections(R"({"properties.desired.x.b":1})"))) << "beside it";
  EXPECT_FALSE(all.add(sections(R"({"properties.desired.x.a.deep":1})"))) << "inside a value";
  EXPECT_FALSE(all.add(sections(R"({"properties.desired":{"x":{"a":2}}})"))) << "the same value";
  EXPECT_TRUE(all.add(sections(R"({"properties.desired.y":{"c":1},"properties.desired.x":1})")))
      << "a part of it";
  EXPECT_TRUE(all.add({}));
}

TEST(Apply, SetsAndTakesAway) {
  const Wanted first = wanted({R"({"properties.desired.p":{"speed":4,"deep":{"er":[1]}}})"});
  const Wanted none;
  EXPECT_EQ(after("{}", first, none), "{}");
  EXPECT_EQ(after(R"({"own":1,"p":{"mine":2}})", first, none), R"({"own":1,"p":{"mine":2}})");
  EXPECT_EQ(apply(json(R"({"own":1,"p":{"mine":2}})"), {}, first.leaves()).to_json(),
            R"({"own":1,"p":{"mine":2,"deep":{"er":[1]},"speed":4}})");
  const Wanted other = wanted({R"({"properties.desired.p.speed":5})"});
  EXPECT_EQ(after("{}", first, other), R"({"p":{"speed":5}})");
  // What was a value becomes an object, and the other way round.
  const Wanted flat = wanted({R"({"properties.desired.p":7})"});
  EXPECT_EQ(after("{}", first, flat), R"({"p":7})");
  EXPECT_EQ(after("{}", flat, first), R"({"p":{"deep":{"er":[1]},"speed":4}})");
}

TEST(Apply, NullWantsNothingThere) {
  const Wanted none;
  const Wanted absent = wanted({R"({"properties.desired.a":null,"properties.desired.b.c":null})"});
  EXPECT_EQ(apply(json(R"({"a":1,"b":{"c":2},"d":3})"), {}, absent.leaves()).to_json(),
            R"({"d":3})");
  EXPECT_TRUE(owned_by(absent.leaves()).empty());
  EXPECT_EQ(after(R"({"d":3})", absent, none), R"({"d":3})");
}

TEST(Paths, AreKeptAsJson) {
  const std::set<Path> paths{{"a"}, {"a", "b\"c"}, {"ü"}};
  const auto read = paths_from_json(paths_to_json(paths));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, paths);
  for (const char* wrong : {"", "{}", "[1]", "[[1]]"})
    EXPECT_EQ(paths_from_json(wrong).error().code, base::Code::Corrupt) << wrong;
}

}  // namespace
}  // namespace hub::configurations
