#include "wire/http_answer.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using base::Code;

TEST(ReadHttpAnswer, ReadsEveryKindOfBody) {
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 OK\r\ncontent-length:5\r\nX: y\r\n\r\nhello and more", "hello"},
      {"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
       "hello"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
  };
  for (const auto& [text, body] : cases) {
    const auto answer = read_http_answer(text, HttpEnd::MoreMayCome);
    ASSERT_TRUE(answer.has_value()) << text << answer.error().to_string();
    ASSERT_TRUE(answer->has_value()) << text;
    EXPECT_EQ((*answer)->body, body) << text;
  }
}

TEST(ReadHttpAnswer, WaitsForTheRestByteByByte) {
  for (const std::string whole :
       {"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto part = read_http_answer(whole.substr(0, size), HttpEnd::MoreMayCome);
      ASSERT_TRUE(part.has_value()) << size;
      EXPECT_FALSE(part->has_value()) << size;
      EXPECT_EQ(read_http_answer(whole.substr(0, size), HttpEnd::Closed).error().code,
                Code::Truncated);
    }
    const auto answer = read_http_answer(whole, HttpEnd::MoreMayCome);
    ASSERT_TRUE(answer.has_value() && answer->has_value());
    EXPECT_EQ((*answer)->status, 404);
    EXPECT_EQ((*answer)->body, "abc");
  }
}

TEST(ReadHttpAnswer, ABodyMayEndWithTheConnection) {
  constexpr std::string_view kText = "HTTP/1.0 200 OK\r\n\r\nall of it";
  EXPECT_FALSE(read_http_answer(kText, HttpEnd::MoreMayCome)->has_value());
  EXPECT_EQ((*read_http_answer(kText, HttpEnd::Closed))->body, "all of it");
}

TEST(ReadHttpAnswer, RefusesTheRest) {
  const std::string too_long = "HTTP/1.1 200 OK\r\n\r\n" + std::string(kMaxHttpAnswer, 'x');
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 200; ++i)
    headers += "a: b\r\n";
  std::string interim;
  for (int i = 0; i < 9; ++i)
    interim += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::pair<std::string, Code> cases[] = {
      {"SSH-2.0-OpenSSH_9.2p1\r\n", Code::Malformed},
      {"HTTP/2 200\r\n\r\n", Code::Malformed},
      {"HTTP/1.1 9999 OK\r\n\r\n", Code::Malformed},
      {"HTTP/1.1 -01 OK\r\n\r\n", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nnothing\r\n\r\n", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Code::TooLarge},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Code::Unsupported},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", Code::Malformed},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", Code::TooLarge},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
       Code::Malformed},
      {too_long, Code::TooLarge},
      {headers, Code::TooLarge},
      {interim, Code::Malformed},
  };
  for (const auto& [text, code] : cases) {
    const auto answer = read_http_answer(text, HttpEnd::MoreMayCome);
    ASSERT_FALSE(answer.has_value()) << text.substr(0, 80);
    EXPECT_EQ(answer.error().code, code) << text.substr(0, 80);
  }
}

}  // namespace
}  // namespace wire
