#include "sigma/matcher.h"

#include <gmock/gmock.h>
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
           {"x", "expand", "placeholders"},
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

TEST(Matcher, WitnessOccursInWhateverMatches) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(matcher("XMRig", "contains")->witness(), Words{"xmrig"});
  EXPECT_EQ(matcher("a*longer*bc", "")->witness(), Words{"longer"});
  EXPECT_EQ(matcher("*", "")->witness(), Words{});
  EXPECT_EQ(matcher("", "")->witness(), Words{});
  EXPECT_EQ(matcher("1", "gt")->witness(), Words{});
  EXPECT_EQ(matcher(".*", "re")->witness(), Words{});
  EXPECT_THAT(matcher("(foo|Quux)[0-9]+", "re")->witness(),
              ::testing::UnorderedElementsAre("foo", "quux"));
  EXPECT_EQ(matcher("(foo|x*)", "re")->witness(), Words{}) << "the empty text matches too";
}

TEST(LiteralIndex, FindsEveryLiteralInOnePass) {
  const std::vector<std::string> literals = {"he", "she", "his", "hers", "SHE", "s", "h\xC3\xA9"};
  LiteralIndex index;
  for (std::uint32_t i = 0; i < literals.size(); ++i)
    index.add(literals[i], i);
  index.build();
  for (const std::string text :
       {"", "ushers", "USHERS", "hhis", "sh", "xyz", "hi s", "H\xC3\xA9", "shishershe"}) {
    std::vector<std::uint64_t> found(1, 0);
    index.scan(text, found);
    for (std::size_t i = 0; i < literals.size(); ++i) {
      const bool expected =
          base::to_lower(text).find(base::to_lower(literals[i])) != std::string::npos;
      EXPECT_EQ((found[0] >> i) & 1U, expected ? 1U : 0U) << text << " " << literals[i];
    }
  }
}

}  // namespace
}  // namespace sigma
