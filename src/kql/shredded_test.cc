// Looks into JSON objects that become columns; what they answer is tested where such tables are.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/kql.h"

namespace kql {
namespace {

Catalogue events() {
  Table table{"Events", {{"Id", Type::String}, {"Details", Type::String}}};
  table.shredded = Shredded{"Details",
                            {{"User", Type::String, "p_user"},
                             {"Count", Type::Long, "p_count"},
                             {"At", Type::String, "p_at", "p_at_time"}},
                            "p_rest"};
  Table parsed{"Parsed", {{"Id", Type::String}, {"Details", Type::Dynamic}}};
  parsed.shredded = table.shredded;
  return Catalogue({table, parsed});
}

std::string sql_of(std::string_view query) {
  auto compiled = compile(query, events(), {});
  if (compiled) return compiled->sql;
  return render(compiled.error().front(), query);
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

struct Look {
  std::string_view query;
  std::string_view column;  // that it reads in the place of the text
};

TEST(Shredded, PropertiesAreReadFromTheirColumns) {
  for (const Look& look :
       {Look{"Events | project extractjson('$.User', Details)", "\"p_user\""},
        Look{"Events | project extractjson(\"$['User']\", Details, typeof(string))", "\"p_user\""},
        Look{"Events | where todynamic(Details).Count > 5 | project Id", "\"p_count\""},
        Look{"Events | project parse_json(Details)['Count']", "\"p_count\""},
        Look{"Events | project todatetime(parse_json(Details).At)", "\"p_at_time\""},
        Look{"Events | project tostring(parse_json(Details).At)", "\"p_at\""},
        Look{"Events | project parse_json(Details).Other.More[0]", "\"p_rest\""},
        Look{"Parsed | project Details.User", "\"p_user\""},
        Look{
            "let E = Events | extend D = parse_json(Details); E | where D.User == 'x' | project Id",
            "\"p_user\""},
        Look{"Events | summarize count() by User = tostring(parse_json(Details).User)",
             "\"p_user\""}}) {
    const std::string sql = sql_of(look.query);
    for (const std::string_view other :
         {"\"p_user\"", "\"p_count\"", "\"p_at\"", "\"p_at_time\"", "\"p_rest\""}) {
      // The datetime stands in for the text, which the database then leaves alone.
      if (other == "\"p_at\"" && look.column == "\"p_at_time\"") continue;
      EXPECT_EQ(has(sql, other), other == look.column) << look.query << "\n" << sql;
    }
  }
}

TEST(Shredded, AFilterComparesTheBareColumn) {
  EXPECT_TRUE(has(sql_of("Events | where extractjson('$.User', Details) == 'root'"), " = 'root')"));
  EXPECT_FALSE(has(sql_of("Events | where extractjson('$.User', Details) == 'root'"), "coalesce"));
  // An absent one is the empty text.
  EXPECT_TRUE(has(sql_of("Events | where extractjson('$.User', Details) == ''"), "coalesce"));
}

// Where the text is another one, or the row is a new one, the columns have no say.
TEST(Shredded, OtherTextsAreParsed) {
  for (const std::string_view query :
       {"Events | project parse_json(Id).User",
        "Events | project parse_json(strcat(Details, '')).User",
        "Events | extend Details = Id | project parse_json(Details).User",
        "Events | summarize Details = max(Details) | project parse_json(Details).User",
        "Events | summarize by Details | project parse_json(Details).User",
        "print Details = '{}' | project parse_json(Details).User",
        "union Events, Events | project parse_json(Details).User",
        "Events | project parse_json(Details)[0]"}) {
    EXPECT_FALSE(has(sql_of(query), "p_")) << sql_of(query);
    EXPECT_TRUE(has(sql_of(query), "kql_")) << sql_of(query);
  }
}

// The text is put together only where one of the parts may have what is looked for.
TEST(Shredded, ASearchLooksAtThePartsFirst) {
  const auto search = [](std::string_view query) {
    Table table{"Events", {{"Id", Type::String}, {"Details", Type::String}}};
    table.shredded = Shredded{"Details",
                              {{"User", Type::String, "p_user"},
                               {"Count", Type::Long, "p_count"},
                               {"At", Type::String, "p_at", "p_at_time"}},
                              "p_rest",
                              true};
    auto compiled = compile(query, Catalogue({table}), {});
    return compiled ? compiled->sql : render(compiled.error().front(), query);
  };
  for (const std::string_view query :
       {"Events | where Details contains 'x1'", "Events | where Details has_cs 'x1'",
        "Events | where Details !startswith 'x1'", "Events | where Details has_all ('x1', 'x2')",
        "Events | extend More = Details | where More !contains_cs 'x1'"}) {
    const std::string sql = search(query);
    EXPECT_TRUE(has(sql, "CASE WHEN kql_object_may_contain('x1', ")) << sql;
    EXPECT_TRUE(has(sql, "\"p_rest\"") && has(sql, "\"p_user\"")) << sql;
    EXPECT_FALSE(has(sql, "\"p_count\"") || has(sql, "\"p_at")) << sql;
    EXPECT_EQ(has(sql, "ELSE true END"), has(query, "!")) << sql;
  }
  for (const std::string_view query :
       {"Events | where Id contains 'x1'", "Events | where Details contains Id",
        "Events | where Details matches regex 'x1'", "Events | where Details =~ 'x1'",
        "Events | where Details has_any ('x1', 'x2')",
        "Events | where strcat(Details, 'x') contains 'x1'",
        "Events | summarize Details = max(Details) | where Details contains 'x1'"})
    EXPECT_FALSE(has(search(query), "may_contain")) << search(query);
  EXPECT_FALSE(has(sql_of("Events | where Details contains 'x1'"), "may_contain"));
}

// Who has the property has its name; who does not may have it elsewhere.
TEST(Shredded, ASearchForAPropertysNameAsksForTheProperty) {
  Table table{"Events", {{"Id", Type::String}, {"Details", Type::String}}};
  table.shredded = Shredded{"Details",
                            {{"User", Type::String, "p_user"}, {"Count", Type::Long, "p_count"}},
                            "p_rest",
                            true};
  const auto search = [&table](std::string_view query) {
    auto compiled = compile(query, Catalogue({table}), {});
    return compiled ? compiled->sql : render(compiled.error().front(), query);
  };
  // Of who does not have it the text is put together only where something else may say the name.
  for (const std::string_view query :
       {"Events | where Details contains 'User'", "Events | where Details has_cs 'User'",
        "Events | where Details !has 'User'"}) {
    const std::string sql = search(query);
    const std::string_view found = has(query, "!") ? "false" : "true";
    const std::string_view absent = has(query, "!") ? "true" : "false";
    EXPECT_TRUE(has(sql, fmt::format(" <> '' THEN {} WHEN ", found))) << sql;
    EXPECT_TRUE(has(sql, " IS NULL AND NOT kql_object_may_say('User', ")) << sql;
    EXPECT_TRUE(has(sql, fmt::format(") THEN {} ELSE ", absent))) << sql;
    EXPECT_FALSE(has(sql, "may_contain")) << sql;
  }
  // A name within another one says nothing about the first property.
  table.shredded->properties.push_back({"UserId", Type::Long, "p_user_id"});
  EXPECT_TRUE(has(search("Events | where Details contains 'User'"), " <> '' THEN true ELSE CASE"));
  EXPECT_TRUE(has(search("Events | where Details !has 'User'"), " <> '' THEN false ELSE CASE"));
  table.shredded->properties.pop_back();
  for (const std::string_view query :
       {"Events | where Details contains 'user'", "Events | where Details contains 'Count'",
        "Events | where Details startswith 'User'", "Events | where Details endswith 'User'",
        "Events | where Details has_all ('User', 'x')", "Events | where Details contains 'Users'"})
    EXPECT_FALSE(has(search(query), "<> ''")) << search(query);
}

TEST(Shredded, QueriesCannotNameTheColumns) {
  EXPECT_TRUE(has(sql_of("Events | project p_user"), "there is no column"));
}

}  // namespace
}  // namespace kql
