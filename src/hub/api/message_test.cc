#include "hub/api/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseTarget, DecodesSegmentsAndParameters) {
  const auto target = parse_target("/api/v1/devices/press%207?search=a+b%2Bc&limit=5&empty=&bare");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("api", "v1", "devices", "press 7"));
  EXPECT_EQ(*target->parameter("search"), "a b+c");
  EXPECT_EQ(*target->parameter("limit"), "5");
  EXPECT_EQ(*target->parameter("empty"), "");
  EXPECT_EQ(*target->parameter("bare"), "");
  EXPECT_EQ(target->parameter("other"), nullptr);
  EXPECT_THAT(parse_target("/")->segments, IsEmpty());
  EXPECT_THAT(parse_target("/a/")->segments, ElementsAre("a", ""));
  EXPECT_THAT(parse_target("/?a=1")->segments, IsEmpty());
}

TEST(ParseTarget, RefusesWhatIsNoPath) {
  for (const char* text : {"", "*", "https://hub/", "a", "/..", "/a/../b", "/a/.", "/%2e%2e/etc",
                           "/a%2fb", "/a%00", "/%0a", "/%ff", "/%7f", "/a?x=%ff", "/a?x=1&x=2",
                           "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
  std::string many = "/a?";
  for (int i = 0; i < 33; ++i)
    many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(parse_target(many));
}

TEST(FindCookie, TakesTheFirstOfThatName) {
  EXPECT_EQ(find_cookie("a=1; __Host-sid=x; b=2", "__Host-sid"), "x");
  EXPECT_EQ(find_cookie("__Host-sid=x;__Host-sid=y", "__Host-sid"), "x");
  EXPECT_EQ(find_cookie("__Host-sid=\"x\"", "__Host-sid"), "x");
  EXPECT_EQ(find_cookie("__Host-sid=", "__Host-sid"), "");
  EXPECT_EQ(find_cookie("x__Host-sid=x", "__Host-sid"), std::nullopt);
  EXPECT_EQ(find_cookie("__host-sid=x", "__Host-sid"), std::nullopt);
  EXPECT_EQ(find_cookie("", "__Host-sid"), std::nullopt);
  EXPECT_EQ(find_cookie(";;=;", "__Host-sid"), std::nullopt);
}

TEST(ParseAuthorization, KnowsItsSchemes) {
  EXPECT_TRUE(std::holds_alternative<NoCredentials>(*parse_authorization("")));
  const auto bearer = parse_authorization("bearer  vdt_1 ");
  EXPECT_EQ(std::get<BearerToken>(*bearer).secret, "vdt_1");
  const auto signature = parse_authorization("SharedAccessSignature sr=h&sig=s&se=1");
  EXPECT_EQ(std::get<SharedAccessSignature>(*signature).text,
            "SharedAccessSignature sr=h&sig=s&se=1");
  EXPECT_EQ(parse_authorization("Basic YTpi").error().code, base::Code::Unsupported);
  EXPECT_EQ(parse_authorization("Bearer").error().code, base::Code::Malformed);
  EXPECT_EQ(parse_authorization("SharedAccessSignature ").error().code, base::Code::Malformed);
}

TEST(IsMediaType, IgnoresParametersAndCase) {
  EXPECT_TRUE(is_media_type("application/json", "application/json"));
  EXPECT_TRUE(is_media_type("Application/JSON ; charset=utf-8", "application/json"));
  EXPECT_FALSE(is_media_type("application/json5", "application/json"));
  EXPECT_FALSE(is_media_type("text/plain", "application/json"));
  EXPECT_FALSE(is_media_type("", "application/json"));
}

TEST(AcceptsGzip, ReadsWeights) {
  for (const char* yes :
       {"gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "*", "GZIP", "gzip ; q=0.001"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no : {"", "br", "identity", "gzip;q=0", "gzip; q=0.000", "xgzip"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(MatchesEtag, ComparesWeakly) {
  EXPECT_TRUE(matches_etag("\"a\"", "\"a\""));
  EXPECT_TRUE(matches_etag("\"b\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(matches_etag("*", "\"a\""));
  EXPECT_FALSE(matches_etag("\"ab\"", "\"a\""));
  EXPECT_FALSE(matches_etag("", "\"a\""));
}

TEST(Request, FindsHeaders) {
  Request request;
  request.headers = {{"cookie", "a"}, {"cookie", "b"}};
  EXPECT_EQ(request.header("cookie"), "a");
  EXPECT_EQ(request.header("origin"), "");
}

}  // namespace
}  // namespace hub::api
