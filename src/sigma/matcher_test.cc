#include "sigma/matcher.h"

#include <algorithm>
#include <array>
#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "sigma/literal_index.h"
#include "sigma/pattern.h"

namespace sigma {
namespace {

std::expected<Matcher, std::string> matcher(const std::string& value,
                                            const std::string& modifiers) {
  auto pattern = make_pattern(
      {value, false}, split_key("field" + (modifiers.empty() ? "" : "|" + modifiers)).modifiers);
  if (!pattern) return std::unexpected(pattern.error());
  return Matcher::compile(*pattern);
}

bool matches(const Matcher& with, std::optional<std::string_view> text) {
  return with.matches(text, text ? base::to_lower(*text) : "", std::nullopt);
}

TEST(Matcher, ComparesAsTheModifiersSay) {
  struct Case {
    const char* value;
    const char* modifiers;
    std::vector<const char*> matching;
    std::vector<const char*> other;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"curl", "", {"curl", "CURL"}, {"curl ", "/curl", ""}},
           {"curl", "cased", {"curl"}, {"Curl"}},
           {"curl", "contains", {"curl", "xcUrlx"}, {"cur", ""}},
           {"curl", "contains|cased", {"xcurlx"}, {"xCurlx"}},
           {"/curl", "endswith", {"/usr/bin/CURL", "/curl"}, {"/curl/x", "curl"}},
           {"/usr", "startswith", {"/usr/bin", "/USR"}, {"x/usr", "/us"}},
           {"a*b", "", {"ab", "aXYb", "aab"}, {"abc", "xab"}},
           {"a?b", "", {"aXb", "a\u00e4b"}, {"ab", "aXYb"}},
           {"*a*b*", "", {"ab", "xxaxxbxx"}, {"ba"}},
           {R"(a\*b)", "", {"a*b"}, {"aXb"}},
           {R"(a\?b)", "contains", {"xa?bx"}, {"aXb"}},
           {R"(a\\*b)", "", {R"(a\Xb)"}, {"aXb", "a*b"}},
           {R"(C:\temp)", "", {R"(c:\TEMP)"}, {"C:temp"}},
           {R"(\\server)", "", {R"(\server)"}, {R"(\\server)"}},
           {"*", "", {"", "x"}, {}},
           {"", "", {""}, {"x"}},
           {"ba+d", "re", {"xbaaadx"}, {"bd", "BAD"}},
           {"ba+d", "re|i", {"xBAAADx"}, {"bd"}},
           {"^a$", "re|m", {"x\na\ny"}, {"ab"}},
           {"10.1.0.0/16",
            "cidr",
            {"10.1.2.3", "::ffff:10.1.2.3"},
            {"10.2.0.1", "10.1.2.3.4", "x", ""}},
           {"10.1.2.128/25", "cidr", {"10.1.2.128", "10.1.2.255"}, {"10.1.2.127"}},
           {"0.0.0.0/0", "cidr", {"1.2.3.4"}, {"::1"}},
           {"2001:db8::/33", "cidr", {"2001:db8:7fff::1"}, {"2001:db8:8000::1", "10.0.0.1"}},
           {"1024", "lt", {"1023", "0", "-5"}, {"1024", "x", "", "12 "}},
           {"1024", "gte", {"1024", "1e6"}, {"1023.9"}},
           {"2", "lte", {"2", "1.5"}, {"2.1"}},
           {"2", "gt", {"2.1"}, {"2"}},
           {"7",
            "hour",
            {"2026-03-01T07:30:00Z", "2026-03-01 07:00:00"},
            {"7", "2026-03-01T08:00:00Z"}},
           {"22", "hour|gte", {"2026-03-01T22:00:00Z"}, {"2026-03-01T21:59:59Z", "23"}},
           {"2026", "year|lt", {"2025-12-31"}, {"2026-01-01"}},
           {"true", "exists", {"", "x"}, {}},
           {"-flag", "contains|windash", {"x -flag", "x /flag", "x \u2013flag"}, {"x flag"}},
           {"a-b -c", "windash", {"a-b -c", "a-b /c"}, {"a/b /c"}},
           {"foo", "base64", {"Zm9v"}, {"zm9", "foo"}},
           {"/bin/bash",
            "base64offset|contains",
            {"L2Jpbi9iYXNo", "xxxyL2Jpbi9iYXNoxx", "IC9iaW4vYmFzaA==", "ICAvYmluL2Jhc2g="},
            {"L2Jpbi9zaA=="}},
           {"ab", "wide|base64offset|contains", {"xxYQBiAA=="}, {"YWI="}}}) {
    auto compiled = matcher(test.value, test.modifiers);
    ASSERT_TRUE(compiled) << test.value << "|" << test.modifiers << ": " << compiled.error();
    for (const char* text : test.matching)
      EXPECT_TRUE(matches(*compiled, text)) << test.value << "|" << test.modifiers << " ~ " << text;
    for (const char* text : test.other)
      EXPECT_FALSE(matches(*compiled, text))
          << test.value << "|" << test.modifiers << " !~ " << text;
  }
}

TEST(Matcher, AbsentFields) {
  for (const char* modifiers : {"", "contains", "re", "exists"}) {
    EXPECT_FALSE(matches(*matcher("true", modifiers), std::nullopt)) << modifiers;
  }
  EXPECT_TRUE(matches(*matcher("false", "exists"), std::nullopt));
  EXPECT_FALSE(matches(*matcher("false", "exists"), ""));
  const auto null = Matcher::compile(*make_pattern({"", true}, {}));
  EXPECT_TRUE(matches(*null, std::nullopt));
  EXPECT_TRUE(matches(*null, ""));
  EXPECT_FALSE(matches(*null, "x"));
}

TEST(Matcher, FieldRefComparesTwoFields) {
  const auto compiled = *matcher("Other", "fieldref");
  EXPECT_TRUE(compiled.matches("Root", "root", "rOOT"));
  EXPECT_FALSE(compiled.matches("Root", "root", "user"));
  EXPECT_FALSE(compiled.matches("Root", "root", std::nullopt));
}

TEST(Matcher, SaysWhatIsWrongWithAValue) {
  struct Case {
    const char* value;
    const char* modifiers;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"x", "contain", "did you mean 'contains'?"},
           {"x", "hour", "expected a number"},
           {"3", "hour|day", "expected one of minute"},
           {"3", "hour|endswith", "expected 'hour' alone"},
           {"x", "i", "after 're'"},
           {"(", "re", "missing )"},
           {"a(?=b)", "re", "invalid perl operator"},
           {"10.0.0.0/33", "cidr", "expected an address block"},
           {"10.0.0/8", "cidr", "expected an address block"},
           {"many", "gt", "expected a number"},
           {"maybe", "exists", "expected true or false"},
           {"x", "base64offset|contains", "expected at least 2 characters"}}) {
    const auto compiled = matcher(test.value, test.modifiers);
    ASSERT_FALSE(compiled) << test.value << "|" << test.modifiers;
    EXPECT_NE(compiled.error().find(test.message), std::string::npos) << compiled.error();
  }
}

TEST(Matcher, HostileWildcardsStayFast) {
  std::string pattern;
  for (int i = 0; i < 200; ++i)
    pattern += "*a";
  const auto compiled = *matcher(pattern + "*b", "");
  EXPECT_FALSE(matches(compiled, std::string(20'000, 'a')));
}

// "anywhere xmrig", in the order of the alphabet.
std::vector<std::string> clues(const std::string& value, const std::string& modifiers) {
  constexpr std::array<std::string_view, 6> kKinds = {"present", "whole",    "start",
                                                      "end",     "anywhere", "regex"};
  std::vector<std::string> out;
  for (const Clue& clue : matcher(value, modifiers)->clues())
    out.push_back(std::string(kKinds[static_cast<std::size_t>(clue.kind)]) + " " + clue.text);
  std::ranges::sort(out);
  return out;
}

TEST(Matcher, CluesShowInWhateverMatches) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(clues("XMRig", "contains"), Words{"anywhere xmrig"});
  EXPECT_EQ(clues("XMRig", ""), Words{"whole xmrig"});
  EXPECT_EQ(clues("XMRig", "cased"), Words{"whole xmrig"});
  EXPECT_EQ(clues("/XMRig", "endswith"), Words{"end /xmrig"});
  EXPECT_EQ(clues("/opt/", "startswith"), Words{"start /opt/"});
  EXPECT_EQ(clues("a*longer*bc", ""), Words{"anywhere longer"});
  EXPECT_EQ(clues("*", ""), Words{"present "});
  EXPECT_EQ(clues("??", ""), Words{"present "});
  EXPECT_EQ(clues("", ""), Words{"whole "});
  EXPECT_EQ(clues("1", "gt"), Words{"present "});
  EXPECT_EQ(clues("true", "exists"), Words{"present "});
  EXPECT_EQ(clues("false", "exists"), Words{});
  EXPECT_EQ(clues(".*", "re"), Words{"regex .*"});
  EXPECT_EQ(clues("(foo|Quux)[0-9]+", "re"), (Words{"anywhere foo", "anywhere quux"}));
  EXPECT_EQ(clues("(foo|x*)", "re"), Words{"regex (foo|x*)"}) << "the empty text matches too";
  EXPECT_EQ(clues("([a-z0-9]{60}){9}", "re"), Words{"present "}) << "too large";
  EXPECT_EQ(clues("-x", "windash|contains").size(), 5U);
}

TEST(LiteralIndex, FindsEveryLiteralInOnePass) {
  const std::vector<std::string> literals = {"he", "she", "his", "hers", "SHE", "s", "h\xC3\xA9"};
  LiteralIndex index;
  for (std::uint32_t i = 0; i < literals.size(); ++i)
    index.add(literals[i], i);
  index.build();
  for (const std::string text :
       {"", "ushers", "USHERS", "hhis", "sh", "xyz", "hi s", "H\xC3\xA9", "shishershe"}) {
    IdSet found;
    found.reset(literals.size());
    index.scan(text, found);
    const std::set<std::uint32_t> ids(found.ids().begin(), found.ids().end());
    for (std::size_t i = 0; i < literals.size(); ++i) {
      const bool expected =
          base::to_lower(text).find(base::to_lower(literals[i])) != std::string::npos;
      EXPECT_EQ(ids.contains(static_cast<std::uint32_t>(i)), expected)
          << text << " " << literals[i];
    }
  }
}

}  // namespace
}  // namespace sigma
