#include "iotql/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "iotql/groups.h"

namespace iotql {
namespace {

using base::json::Value;
using base::json::Writer;
using ::testing::HasSubstr;

constexpr std::string_view kTwin = R"({
  "deviceId": "press-7", "status": "enabled", "version": 4,
  "tags": {"site": "north", "floor": 3, "weight": 2.5, "old": false, "none": null,
           "odd name": {"a.b": "x"}, "lines": ["l1", {"id": 7}], "quote": "it's \"so\" \\ ü",
           "big": 9007199254740993},
  "properties": {"desired": {"a": {"b": 1}, "$version": 2},
                 "reported": {"state": "ok", "$version": 9, "same": 3}}
})";

Value twin() {
  return *base::json::parse(kTwin);
}

std::string error_of(std::string_view text) {
  const auto query = Query::parse(text);
  return query ? "no error" : query.error().to_string();
}

bool holds(std::string_view condition) {
  const auto query = Query::parse("SELECT * FROM devices WHERE " + std::string(condition));
  if (!query) {
    ADD_FAILURE() << condition << ": " << query.error().to_string();
    return false;
  }
  const Value document = twin();
  return query->matches(ValueDocument(document));
}

std::string row(std::string_view columns) {
  const auto query = Query::parse("SELECT " + std::string(columns) + " FROM devices");
  if (!query) return query.error().to_string();
  const Value document = twin();
  std::string json;
  Writer writer(json);
  query->write_row(ValueDocument(document), writer);
  return json;
}

TEST(Query, TrueConditions) {
  for (const char* condition : {
           "tags.site = 'north'",
           "tags.site = \"north\"",
           "'north' = tags.site",
           "DeviceId = 'press-7'",  // the hub's own names have no case
           "TAGS.site = 'north' and Properties.Reported.state = 'ok'",
           "devices.tags.site = 'north'",
           "deviceid IN ['a', 'press-7']",
           "tags.site NIN ['south', 'east']",
           "tags.site NOT IN ['south']",
           "tags.floor IN [1, tags.floor]",
           "'l1' IN tags.lines",
           "tags.floor = 3.0",
           "tags.floor > 2 AND tags.floor <= 3 AND tags.floor <> 4 AND tags.floor != 5",
           "tags.weight * 2 = 5",
           "tags.floor + 1 * 2 = 5",
           "(tags.floor + 1) * 2 = 8",
           "tags.floor % 2 = 1",
           "7 / 2 = 3.5",
           "-tags.floor = -3",
           "1 - -1 = 2",
           "0xff = 255",
           "1.5e1 = 15",
           "tags.big = 9007199254740993",
           "tags.site >= 'a' AND tags.site < 'p'",
           "tags.old = false",
           "NOT tags.old",
           "NOT NOT NOT tags.old",
           "tags.none = null",
           "tags.site != 3",  // different types: not the same
           "tags.none != 'x'",
           "is_defined(tags.none) AND IS_NULL(tags.none)",
           "NOT IS_DEFINED(tags.absent)",
           "NOT is_null(tags.absent)",
           "IS_NUMBER(tags.floor) AND IS_NUMBER(tags.weight) AND NOT IS_NUMBER(tags.site)",
           "IS_STRING(tags.site) AND IS_BOOL(tags.old)",
           "IS_ARRAY(tags.lines) AND IS_OBJECT(tags) AND NOT IS_OBJECT(tags.lines)",
           "IS_PRIMITIVE(tags.none) AND NOT IS_PRIMITIVE(tags) AND NOT IS_PRIMITIVE(tags.absent)",
           "STARTSWITH(deviceId, 'press') AND starts_with(deviceId, '')",
           "ENDSWITH(deviceId, '-7') AND ENDS_WITH(deviceId, '7')",
           "CONTAINS(tags.site, 'ort') AND NOT CONTAINS(tags.site, 'x')",
           "LENGTH(tags.site) = 5",
           "LENGTH('\\u00fc\\uD83D\\uDE00') = 2",
           "LOWER('AbC') = 'abc' AND UPPER('AbC') = 'ABC'",
           "CONCAT(tags.site, '-', deviceId) = 'north-press-7'",
           "SUBSTRING('n\\u00fcrnberg', 1, 2) = '\\u00fcr' AND SUBSTRING('abc', 1) = 'bc'",
           "INDEX_OF('\\u00fcber', 'b') = 1 AND INDEX_OF('a', 'b') = -1",
           "AS_NUMBER('12') = 12 AND AS_NUMBER(' 1.5 ') = 1.5 AND AS_NUMBER(3) = 3",
           "ABS(-3) = 3 AND FLOOR(2.5) = 2 AND CEILING(2.5) = 3 AND SIGN(-2.5) = -1",
           "SQRT(9) = 3 AND SQUARE(3) = 9 AND POWER(2, 10) = 1024 AND EXP(0) = 1",
           "tags.[[odd name]].[[a.b]] = 'x'",
           "tags[['odd name']][[\"a.b\"]] = 'x'",
           "tags['odd name']['a.b'] = 'x'",
           "tags.lines[0] = 'l1' AND tags.lines[1].id = 7",
           "tags.quote = 'it\\'s \\\"so\\\" \\\\ \\u00fc'",
           "properties.desired.a.b = 1 AND properties.desired.$version = 2",
           "properties.desired.a = properties.desired.a",  // objects are compared member by member
           "1 = 1 /* a comment */ -- and another\n AND 2 = 2",
           "tags.old = false OR tags.absent = 1",  // TRUE OR undefined
       }) {
    EXPECT_TRUE(holds(condition)) << condition;
  }
}

TEST(Query, WhatIsNotTrueIsNotSelected) {
  for (const char* condition : {
           "tags.site = 'North'",  // texts have case
           "tags.Site = 'north'",  // and so have the names that users gave
           "Deviceid = 'PRESS-7'",
           "tags.absent = 'x'",
           "tags.absent != 'x'",  // undefined, not true
           "NOT (tags.absent = 'x')",
           "tags.absent = tags.absent",
           "undefined = undefined",
           "tags.absent IN ['x']",
           "tags.absent NIN ['x']",
           "tags.site IN tags.floor",
           "tags.site > 3",  // no order between types
           "tags.site < 3",
           "tags.lines > 1",
           "tags.floor",  // a number is not true
           "tags.site",
           "null",
           "tags",
           "NOT tags.floor",
           "tags.old = 0",
           "tags.floor = '3'",
           "tags.big = 9007199254740992",
           "tags.floor / 0 = 0",
           "tags.floor % 0 = 0",
           "tags.site + 'x' = 'northx'",
           "tags.lines[2] = 1",
           "tags.site[0] = 'n'",
           "tags.site.x = 'n'",
           "STARTSWITH(tags.floor, '3')",
           "LENGTH(tags.floor) = 1",
           "AS_NUMBER('12x') = 12",
           "SQRT(-1) < 1",
           "EXP(100000) > 0",
           "tags.old AND tags.absent",  // FALSE AND undefined
           "absent.x = 1",
       })
    EXPECT_FALSE(holds(condition)) << condition;
}

TEST(Query, Columns) {
  EXPECT_EQ(row("deviceId"), R"({"deviceId":"press-7"})");
  EXPECT_EQ(row("DeviceID, tags.site AS place"), R"({"deviceId":"press-7","place":"north"})");
  EXPECT_EQ(row("tags.lines[1].id, tags.floor + 1 AS up, 1 + 1, LENGTH('abc')"),
            R"({"id":7,"up":4,"$1":2,"$2":3})")
      << "what is computed has no name of its own";
  EXPECT_EQ(row("tags.lines[0], deviceId AS DeviceID"), R"({"$1":"l1","DeviceID":"press-7"})");
  EXPECT_EQ(row("tags.absent AS x, tags.none AS y"), R"({"y":null})");
  EXPECT_EQ(row("properties.desired.a AS select, tags.lines AS 'two words'"),
            R"({"select":{"b":1},"two words":["l1",{"id":7}]})");
  EXPECT_EQ(row("[1, 'a', tags.floor, tags.absent, tags] AS list"), R"({"list":[1,"a",3]})");
}

TEST(Query, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "1:1: expected a query, which starts with SELECT, found the end of the query"},
      {"DELETE FROM devices", "1:1: expected a query"},
      {"SELECT FROM devices", "1:8: expected a value, found \"FROM\""},
      {"SELECT *", "1:9: expected FROM"},
      {"SELECT * FROM device", "1:15: expected devices, devices.modules or devices.jobs"},
      {"SELECT * FROM devices.twins", "1:23: expected modules or jobs"},
      {"SELECT * FROM devices WHERE", "1:28: expected a value, found the end of the query"},
      {"SELECT * FROM devices\nWHERE tags.a ==== 1", "2:16: expected a value, found \"=\""},
      {"SELECT * FROM devices WHERE tags.a = 'x", "1:38: this text has no end"},
      {"SELECT * FROM devices WHERE a = '\\x'", "1:34: there is no such escape"},
      {"SELECT * FROM devices WHERE a = '\\u12'", "\\u is followed by four"},
      {"SELECT * FROM devices WHERE a = '\\ud800'", "half a character"},
      {"SELECT * FROM devices WHERE a = 12abc", "1:33: this is not a number"},
      {"SELECT * FROM devices WHERE a = 0x", "1:33: this is not a number"},
      {"SELECT * FROM devices WHERE a ; b", "1:31: this character"},
      {"SELECT * FROM devices WHERE a IN ('x')", "1:34: a list stands in square brackets"},
      {"SELECT * FROM devices WHERE a < b < c", "1:35: comparisons are not chained"},
      {"SELECT * FROM devices WHERE isdefined(a)", "did you mean IS_DEFINED?"},
      {"SELECT * FROM devices WHERE IS_DEFINED(a, b)", "IS_DEFINED takes 1 arguments, not 2"},
      {"SELECT * FROM devices WHERE COUNT() > 1", "1:29: aggregates stand between SELECT and FROM"},
      {"SELECT SUM(COUNT()) FROM devices", "1:12: an aggregate cannot hold another one"},
      {"SELECT SUM(ABS(COUNT())) FROM devices", "1:16: an aggregate cannot hold another one"},
      {"SELECT SUM() FROM devices", "1:8: this aggregate takes one argument"},
      {"SELECT deviceId, COUNT() FROM devices", "1:8: in a query that aggregates"},
      {"SELECT * FROM devices GROUP BY tags.a", "1:32: SELECT * has no groups"},
      {"SELECT TOP 0 * FROM devices", "1:12: expected a whole number above 0"},
      {"SELECT TOP x * FROM devices", "1:12: expected a whole number above 0"},
      {"SELECT * FROM devices ORDER BY deviceId", "1:23: there is no ORDER BY"},
      {"SELECT * FROM devices extra", "1:23: expected the end of the query, found \"extra\""},
      {"SELECT * FROM devices WHERE tags.[[a = 1", "1:34: this name has no end"},
      {"SELECT * FROM devices WHERE tags.[[]] = 1", "1:34: a name is missing"},
      {"SELECT * FROM devices WHERE tags. = 1", "1:35: expected the name of a property"},
      {"SELECT * FROM devices WHERE tags[x] = 1", "1:34: expected an index or a quoted name"},
      {"SELECT * FROM devices WHERE /* a", "1:29: this comment has no end"},
      {"SELECT * FROM devices WHERE (a = 1", "1:35: expected \")\""},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

TEST(Query, BoundsItself) {
  const auto nested = [](std::size_t levels, const std::string& open, const std::string& close) {
    std::string text = "SELECT * FROM devices WHERE ";
    for (std::size_t i = 0; i < levels; ++i)
      text += open;
    text += "true";
    for (std::size_t i = 0; i < levels; ++i)
      text += close;
    return text;
  };
  EXPECT_EQ(error_of(nested(40, "(", ")")), "no error");
  for (const auto& [open, close] : {std::pair("(", ")"),
                                    {"NOT ", ""},
                                    {"- ", ""},
                                    {"[", "]"},
                                    {"IS_DEFINED(", ")"},
                                    {"1 + (", ")"}})
    EXPECT_THAT(error_of(nested(1000, open, close)), HasSubstr("too deeply")) << open;
  std::string sum = "SELECT * FROM devices WHERE 1";
  std::string either = "SELECT * FROM devices WHERE a=1";
  std::string path = "SELECT * FROM devices WHERE tags";
  for (int i = 0; i < 1500; ++i) {
    sum += "+1";
    either += " OR a=1";
    path += ".a";
  }
  EXPECT_THAT(error_of(sum), HasSubstr("too deeply"));
  EXPECT_EQ(error_of(either), "no error");
  EXPECT_THAT(error_of(path), HasSubstr("too long"));
  EXPECT_THAT(error_of(std::string(kMaxQueryBytes + 1, ' ')), HasSubstr("at most 16384 bytes"));
}

TEST(Query, TellsWhatItReads) {
  const auto modules =
      Query::parse("select TOP 5 * from DEVICES.Modules where devices.modules.moduleId='m'");
  ASSERT_TRUE(modules) << modules.error().to_string();
  EXPECT_EQ(modules->from(), From::Modules);
  EXPECT_EQ(modules->top(), 5U);
  EXPECT_TRUE(modules->selects_all());
  ASSERT_EQ(modules->restrictions().size(), 1U);
  EXPECT_EQ(modules->restrictions()[0].path, (std::vector<Step>{{"moduleId"}}));
  const auto jobs = Query::parse("SELECT * FROM devices.jobs WHERE devices.jobs.Status = 'done'");
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs->from(), From::Jobs);
  EXPECT_EQ(jobs->restrictions()[0].path, (std::vector<Step>{{"status"}}));

  const auto many = Query::parse(
      "SELECT * FROM devices WHERE tags.a.b = 1 AND (deviceId IN ['x', 'y'] AND "
      "STARTSWITH(deviceId,"
      " 'x')) AND (tags.c = 1 OR tags.d = 2) AND NOT tags.e = 3 AND tags.f = tags.g");
  ASSERT_TRUE(many);
  ASSERT_EQ(many->restrictions().size(), 3U) << "what holds for every row, and nothing else";
  EXPECT_EQ(many->restrictions()[1].values.size(), 2U);
  EXPECT_EQ(many->restrictions()[2].kind, Restriction::Kind::StartsWith);
  const std::string_view reported[] = {"properties", "reported"};
  const std::string_view tags[] = {"tags"};
  EXPECT_FALSE(many->condition_uses(reported));
  EXPECT_TRUE(many->condition_uses(tags));
  const auto all = Query::parse("SELECT * FROM devices WHERE IS_DEFINED(properties)");
  EXPECT_TRUE(all->condition_uses(reported));
}

TEST(Query, Targets) {
  const Value document = twin();
  const auto selects = [&](std::string_view condition) {
    const auto query = Query::parse_target(condition);
    EXPECT_TRUE(query) << condition;
    return query && query->matches(ValueDocument(document));
  };
  EXPECT_TRUE(selects("*"));
  EXPECT_TRUE(selects("tags.site='north'"));
  EXPECT_TRUE(selects("from devices where tags.site='north'"));
  EXPECT_TRUE(selects("FROM devices"));
  EXPECT_FALSE(selects(""));
  EXPECT_FALSE(selects("  "));
  EXPECT_FALSE(selects("tags.site='south'"));
  EXPECT_EQ(Query::parse_target("FROM devices.modules WHERE moduleId='m'")->from(), From::Modules);
  for (const char* wrong : {"* AND tags.a = 1", "SELECT * FROM devices",
                            "tags.a = ", "FROM devices GROUP BY tags.a", "COUNT() > 1"})
    EXPECT_FALSE(Query::parse_target(wrong)) << wrong;
}

std::vector<std::string> grouped(std::string_view text, const std::vector<std::string>& documents) {
  const auto query = Query::parse(text);
  EXPECT_TRUE(query) << query.error().to_string();
  if (!query) return {};
  EXPECT_TRUE(query->aggregates());
  Groups groups(*query);
  for (const std::string& json : documents) {
    const Value document = *base::json::parse(json);
    const ValueDocument each(document);
    if (query->matches(each)) {
      EXPECT_TRUE(groups.add(each));
    }
  }
  std::vector<std::string> rows;
  // Row by row, as pages of one.
  std::string after;
  for (;;) {
    const auto page = groups.rows(after, 1);
    if (page.empty()) return rows;
    rows.push_back(page[0].json);
    after = page[0].key;
    if (after.empty()) return rows;
  }
}

TEST(Groups, CountAndFold) {
  const std::vector<std::string> fleet = {
      R"({"deviceId":"a","tags":{"s":"x","n":1}})", R"({"deviceId":"b","tags":{"s":"y","n":2.5}})",
      R"({"deviceId":"c","tags":{"s":"x","n":4}})", R"({"deviceId":"d","tags":{"n":"text"}})",
      R"({"deviceId":"e","tags":{"s":null}})"};
  EXPECT_EQ(grouped("SELECT tags.s AS s, COUNT() AS n FROM devices GROUP BY tags.s", fleet),
            (std::vector<std::string>{R"({"s":"x","n":2})", R"({"s":"y","n":1})", R"({"n":1})",
                                      R"({"s":null,"n":1})"}))
      << "what has no such tag is a group of its own";
  EXPECT_EQ(grouped("SELECT COUNT() AS all, COUNT(tags.s) AS some, SUM(tags.n) AS sum, AVG(tags.n) "
                    "AS mean, MIN(tags.n) AS least, MAX(tags.n) AS most FROM devices",
                    fleet),
            (std::vector<std::string>{
                R"({"all":5,"some":4,"sum":7.5,"mean":2.5,"least":1,"most":"text"})"}));
  EXPECT_EQ(
      grouped("SELECT SUM(tags.n) / COUNT() AS x, MIN(deviceId) FROM devices WHERE tags.s='x'",
              fleet),
      (std::vector<std::string>{R"({"x":2.5,"$1":"a"})"}));
  EXPECT_EQ(grouped("SELECT COUNT() AS n, AVG(tags.n) AS mean FROM devices WHERE false", fleet),
            (std::vector<std::string>{R"({"n":0})"}));
  EXPECT_EQ(grouped("SELECT COUNT(*) AS n FROM devices WHERE false GROUP BY tags.s", fleet),
            (std::vector<std::string>{}));
  EXPECT_EQ(grouped("SELECT UPPER(tags.s) AS s, tags.n FROM devices WHERE tags.s='x' GROUP BY "
                    "UPPER(tags.s), tags.n",
                    fleet),
            (std::vector<std::string>{R"({"s":"X","n":1})", R"({"s":"X","n":4})"}));
}

TEST(Groups, AreBounded) {
  const auto query = Query::parse("SELECT COUNT() FROM devices GROUP BY deviceId");
  Groups groups(*query);
  base::Result<void> added;
  for (std::size_t i = 0; i <= kMaxGroups; ++i) {
    const Value document(Value::Object{{"deviceId", Value(static_cast<std::int64_t>(i))}});
    added = groups.add(ValueDocument(document));
    ASSERT_EQ(added.has_value(), i < kMaxGroups) << i;
  }
  EXPECT_EQ(added.error().code, base::Code::Full);

  const auto texts = Query::parse("SELECT MIN(tags.text) FROM devices GROUP BY deviceId");
  Groups large(*texts);
  std::int64_t count = 0;
  for (; count < 10'000; ++count) {
    const Value document(
        Value::Object{{"deviceId", Value(count)},
                      {"tags", Value(Value::Object{{"text", Value(std::string(20'000, 'x'))}})}});
    if (!large.add(ValueDocument(document))) break;
  }
  EXPECT_GT(count, 1000);
  EXPECT_LT(count, 2000);

  const auto keys = Query::parse("SELECT COUNT() FROM devices GROUP BY tags");
  const Value document(
      Value::Object{{"tags", Value(Value::Object{{"x", Value(std::string(2000, 'x'))}})}});
  EXPECT_FALSE(Groups(*keys).add(ValueDocument(document)));
}

}  // namespace
}  // namespace iotql
