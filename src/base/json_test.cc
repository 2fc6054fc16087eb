#include "base/json.h"

#include <limits>

#include <gtest/gtest.h>

namespace base::json {
namespace {

TEST(Writer, PlacesCommasAndEscapes) {
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("a\"b", "line\n\x01\xFF");
  writer.key("list");
  writer.begin_array();
  writer.value(1);
  writer.value(-2.5);
  writer.value(true);
  writer.null();
  writer.begin_object();
  writer.end_object();
  writer.end_array();
  writer.field("big", std::numeric_limits<std::uint64_t>::max());
  writer.field("nan", std::numeric_limits<double>::quiet_NaN());
  writer.end_object();
  EXPECT_EQ(out,
            "{\"a\\\"b\":\"line\\n\\u0001\xEF\xBF\xBD\",\"list\":[1,-2.5,true,null,{}],"
            "\"big\":18446744073709551615,\"nan\":null}");
}

TEST(Parse, KeepsOrderAndWholeNumbers) {
  const Value value = parse(R"({"b":9007199254740993,"a":[1.5,"x",null,false],"b":2})").value();
  EXPECT_EQ(value.to_json(), R"({"b":9007199254740993,"a":[1.5,"x",null,false],"b":2})");
  EXPECT_EQ(*value.find("b")->if_int(), 2);
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(value.text_or("a", "none"), "none");
}

TEST(Parse, RefusesBadTextAndDeepNesting) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "\"\xFF\"", "1 2"})
    EXPECT_FALSE(parse(text)) << text;
  EXPECT_TRUE(parse(std::string(60, '[') + std::string(60, ']')));
  const auto deep = parse(std::string(5000, '[') + std::string(5000, ']'));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, Code::TooLarge);
}

}  // namespace
}  // namespace base::json
