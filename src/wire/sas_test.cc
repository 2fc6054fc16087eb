#include "wire/sas.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace wire {
namespace {

using base::Code;

// base64 of 0123456789abcdef0123456789abcdef, and signatures made with Python's hmac module.
constexpr const char* kKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr const char* kOtherKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(seconds));
}

TEST(MakeSas, SignsAsThePublishedAlgorithmDoes) {
  const auto token = make_sas("hub.example/devices/d1", kKey, at(1'900'000'000));
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(*token,
            "SharedAccessSignature sr=hub.example%2Fdevices%2Fd1"
            "&sig=c%2BfOgnmHwQG631BfL8r9615z0QQCLU2fv621w3cr2zw%3D&se=1900000000");
}

TEST(MakeSas, NamesThePolicy) {
  const auto token = make_sas("hub.example", kKey, at(1'900'000'000), "iot hub/owner");
  ASSERT_TRUE(token.has_value());
  EXPECT_TRUE(token->ends_with("&skn=iot%20hub%2Fowner"));
  EXPECT_EQ(parse_sas(*token)->policy, "iot hub/owner");
}

TEST(MakeSas, RefusesAKeyThatIsNotBase64) {
  EXPECT_EQ(make_sas("h", "not base64!", at(1)).error().code, Code::Malformed);
  EXPECT_EQ(make_sas("h", "", at(1)).error().code, Code::Malformed);
}

struct SpellingCase {
  const char* name;
  const char* token;
};

class VerifySas : public testing::TestWithParam<SpellingCase> {};

TEST_P(VerifySas, SignsTheResourceAsItWasSent) {
  const auto token = parse_sas(GetParam().token);
  ASSERT_TRUE(token.has_value()) << token.error().to_string();
  EXPECT_TRUE(verify_sas(*token, kKey, at(1'899'999'999)).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Sas, VerifySas,
    testing::Values(
        SpellingCase{"UpperCaseHex",
                     "SharedAccessSignature sr=hub.example%2Fdevices%2Fd1&sig=c%2BfOgnmHwQG631Bf"
                     "L8r9615z0QQCLU2fv621w3cr2zw%3D&se=1900000000"},
        SpellingCase{
            "LowerCaseHex",
            "SharedAccessSignature sr=hub.example%2fdevices%2fd1&sig=viezshu8JN8V4iIUtSwDq6u"
            "HU%2Fgmdk9KzlN6OzfklEk%3D&se=1900000000"},
        SpellingCase{"NotEncodedAtAll",
                     "SharedAccessSignature sr=0ne00000000/registrations/r1&sig=ee3F0CFn7zdhE5iLLP"
                     "M7+KcGBL6bY7jsQhTlHJWbJUE=&se=1900000000&skn=registration"},
        SpellingCase{
            "OtherOrder",
            "SharedAccessSignature se=1900000000&sig=c%2BfOgnmHwQG631BfL8r9615z0QQCLU2fv621w3c"
            "r2zw%3D&sr=hub.example%2Fdevices%2Fd1"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(VerifySasToken, SaysWhetherTheKeyOrTheTimeIsWrong) {
  const auto token = parse_sas(*make_sas("hub.example/devices/d1", kKey, at(1'900'000'000)));
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(verify_sas(*token, kOtherKey, at(1)).error().code, Code::Denied);
  EXPECT_EQ(verify_sas(*token, kKey, at(1'900'000'000)).error().code, Code::Expired);
  EXPECT_EQ(verify_sas(*token, kOtherKey, at(1'900'000'000)).error().code, Code::Denied);
  EXPECT_EQ(verify_sas(*token, "###", at(1)).error().code, Code::Malformed);
}

TEST(VerifySasToken, RefusesAnotherExpiryUnderTheSameSignature) {
  auto token = parse_sas(*make_sas("hub.example/devices/d1", kKey, at(1'900'000'000)));
  ASSERT_TRUE(token.has_value());
  token->expiry = 2'000'000'000;
  token->expiry_text = "2000000000";
  EXPECT_EQ(verify_sas(*token, kKey, at(1)).error().code, Code::Denied);
}

TEST(VerifySasToken, RefusesAShortenedSignature) {
  auto token = parse_sas(*make_sas("hub.example/devices/d1", kKey, at(1'900'000'000)));
  ASSERT_TRUE(token.has_value());
  token->signature.resize(16);
  EXPECT_EQ(verify_sas(*token, kKey, at(1)).error().code, Code::Denied);
  token->signature.clear();
  EXPECT_EQ(verify_sas(*token, kKey, at(1)).error().code, Code::Denied);
}

TEST(ParseSas, RefusesWhatIsNoToken) {
  for (const char* text :
       {"", "SharedAccessSignature", "SharedAccessSignature ", "Bearer x",
        "SharedAccessSignaturesr=a&sig=YQ==&se=1",
        "SharedAccessSignature sr=a&sig=YQ==", "SharedAccessSignature sr=a&se=1",
        "SharedAccessSignature sig=YQ==&se=1", "SharedAccessSignature sr=a&sig=YQ==&se=tomorrow",
        "SharedAccessSignature sr=a&sig=YQ==&se=-1",
        "SharedAccessSignature sr=a&sig=YQ==&se=99999999999999999999",
        "SharedAccessSignature sr=a&sig=%%%&se=1", "SharedAccessSignature sr=a&sr=b&sig=YQ==&se=1",
        "SharedAccessSignature sr=a&sig=YQ==&sig=YQ==&se=1",
        "SharedAccessSignature sr=a&sig=YQ==&se=1&se=2",
        "SharedAccessSignature sr=a&sig=YQ==&se=1&skn=p&skn=q",
        "SharedAccessSignature sr=a&sig=YQ==&se=1&what"}) {
    const auto token = parse_sas(text);
    ASSERT_FALSE(token.has_value()) << text;
    EXPECT_EQ(token.error().code, Code::Malformed) << text;
  }
}

TEST(ParseSas, AnExpiryBeyondTheClocksRangeNeverExpires) {
  const auto token = parse_sas("SharedAccessSignature sr=a&sig=YQ==&se=9223372036854775807");
  ASSERT_TRUE(token.has_value());
  EXPECT_GT(token->expires_at(), at(9'000'000'000));
}

struct ScopeCase {
  const char* target;
  const char* resource;
  bool covers;
};

TEST(SasCovers, ComparesSegmentBySegment) {
  const ScopeCase cases[] = {
      {"h/devices/d1", "h/devices/d1", true},
      {"H.Example/devices/d1", "h.example/devices/d1", true},
      {"h/devices/d1", "h/devices/d1/modules/m", true},
      {"h/devices/d1/", "h/devices/d1", true},
      {"h", "h/devices/d1", true},
      {"h/devices", "h/devices/d1", true},
      {"h/devices/d1", "h/devices/d10", false},
      {"h/devices/d10", "h/devices/d1", false},
      {"h/devices/d1/modules/m", "h/devices/d1", false},
      {"h/devices/D1", "h/devices/d1", false},
      {"h2/devices/d1", "h/devices/d1", false},
      {"", "h/devices/d1", false},
      {"/", "h/devices/d1", false},
      {"//devices/d1", "h/devices/d1", false},
  };
  for (const ScopeCase& test : cases) {
    SasToken token;
    token.target = test.target;
    EXPECT_EQ(sas_covers(token, test.resource), test.covers)
        << test.target << " over " << test.resource;
  }
}

}  // namespace
}  // namespace wire
