#include "wire/merge_patch.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using base::json::Value;

Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return std::move(*parsed);
}

struct Case {
  const char* target;
  const char* patch;
  const char* merged;
};

// The table of RFC 7396, appendix A, and what it leaves out.
constexpr Case kCases[] = {
    {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
    {R"({"a":"b"})", R"({"a":null})", R"({})"},
    {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
    {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
    {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
    {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
    {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
    {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
    {R"({"a":"foo"})", R"(null)", R"(null)"},
    {R"({"a":"foo"})", R"("bar")", R"("bar")"},
    {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
    {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
    {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
    {R"({"a":1,"a":2})", R"({"b":3})", R"({"a":2,"b":3})"},
    {R"({"a":1})", R"({"b":3,"b":null})", R"({"a":1})"},
    {R"({"a":{"b":1}})", R"({})", R"({"a":{"b":1}})"},
};

TEST(MergePatch, MergesAsTheStandardSays) {
  for (const Case& item : kCases) {
    EXPECT_EQ(merge(json(item.target), json(item.patch)).to_json(), item.merged)
        << item.target << " + " << item.patch;
  }
}

TEST(MergePatch, TheDifferenceMakesOneIntoTheOther) {
  constexpr std::pair<const char*, const char*> kPairs[] = {
      {R"({})", R"({})"},
      {R"({"a":1})", R"({"a":1.0})"},
      {R"({"a":{"b":1,"c":[1,{"d":2}]},"e":true})", R"({"e":true,"a":{"c":[1,{"d":2}],"b":1}})"},
      {R"({"a":1,"b":2})", R"({"b":3,"c":{"d":{"e":"f"}}})"},
      {R"({"a":{"b":{"c":1,"d":2}}})", R"({"a":{"b":{"c":1}}})"},
      {R"({"a":{"b":1}})", R"({"a":"text"})"},
      {R"({"a":"text"})", R"({"a":{"b":1}})"},
      {R"({"a":[1,2,3]})", R"({"a":[1,2]})"},
      {R"({"a":{"b":1}})", R"({"a":{}})"},
      {R"({})", R"({"a":{}})"},
      {R"({"a":1})", R"({"a":1,"b":null})"},
  };
  for (const auto& [from, to] : kPairs) {
    const Value patch = difference(json(from), json(to));
    const Value result = merge(json(from), patch);
    EXPECT_TRUE(is_empty_object(difference(result, json(to)))) << from << " -> " << to;
    EXPECT_EQ(is_empty_object(patch), same_json(json(from), merge(Value(), json(to))))
        << from << " -> " << to;
  }
}

TEST(MergePatch, NamesOnlyWhatDiffers) {
  EXPECT_EQ(difference(json(R"({"a":{"b":1,"c":2,"x":0},"d":4})"),
                       json(R"({"a":{"b":1,"c":3},"d":4,"e":5})"))
                .to_json(),
            R"({"a":{"x":null,"c":3},"e":5})");
}

TEST(MergePatch, TellsTypesApart) {
  for (const auto& [a, b] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1", "\"1\""},
           {"0", "false"},
           {"null", "false"},
           {"[]", "{}"},
           {"[1]", "[1,2]"},
           {"1", "1.5"},
           {"9007199254740993", "9007199254740992"}}) {
    EXPECT_FALSE(same_json(json(a), json(b))) << a << " and " << b;
    EXPECT_TRUE(same_json(json(a), json(a))) << a;
  }
}

}  // namespace
}  // namespace wire
