#include "dissect/http/http.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/http/head.h"
#include "dissect/testing.h"

namespace dissect::http {
namespace {

using base::as_bytes;
using testing::Conversation;

TEST(Http, ARequestHasItsAnswer) {
  Conversation one(kProtocol, 80);
  one.client(as_bytes(
      "GET /a?x=1 HTTP/1.1\r\nHost: plc.test\r\nUser-Agent: X/1 (Windows NT 6.1)\r\n\r\n"));
  one.server(as_bytes("HTTP/1.1 404 Not Found\r\nServer: Unit/2\r\nContent-Length: 3\r\n\r\nabc"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("method"), "GET");
  EXPECT_EQ(kept.detail("uri"), "/a?x=1");
  EXPECT_EQ(kept.detail("host"), "plc.test");
  EXPECT_EQ(kept.detail("status"), "404");
  EXPECT_EQ(kept.detail("phrase"), "Not Found");
  EXPECT_EQ(kept.detail("content_length"), "3");
  EXPECT_EQ(kept.fact(Fact::Os), "Windows");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "6.1");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc.test");
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& done = kept.transactions[0];
  EXPECT_EQ(done.operation.name, "GET");
  EXPECT_EQ(done.access, Access::Read);
  EXPECT_EQ(done.objects[0].name, "/a");
  EXPECT_EQ(done.objects[1].name, "plc.test");
  EXPECT_EQ(done.status.outcome, Outcome::Failed);
  EXPECT_EQ(done.status.name, "not found");
  EXPECT_EQ(done.response_bytes, 3U);
  EXPECT_EQ(done.objects.back().space, "header bytes");
  EXPECT_EQ(done.objects.back().count, 2U);
  EXPECT_TRUE(kept.issues.empty());
}

// Bytes of a stream may come in any pieces.
TEST(Http, PiecesDoNotMatter) {
  const std::string asks =
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: "
      "h\r\n\r\n"
      "HEAD /c HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string answers =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n"
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "99\r\n\r\n"
      "HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{10000}}) {
    Conversation one(kProtocol, 80);
    for (std::size_t at = 0; at < asks.size(); at += step)
      one.client(as_bytes(std::string_view(asks).substr(at, step)));
    for (std::size_t at = 0; at < answers.size(); at += step)
      one.server(as_bytes(std::string_view(answers).substr(at, step)));
    const auto& kept = one.done();
    ASSERT_EQ(kept.transactions.size(), 4U) << step;
    EXPECT_EQ(kept.transactions[0].operation.name, "POST");
    EXPECT_EQ(kept.transactions[0].status.code, 200U);
    EXPECT_EQ(kept.transactions[1].status.code, 304U);
    EXPECT_EQ(kept.transactions[2].operation.name, "HEAD");
    // An answer more than was asked.
    EXPECT_EQ(kept.transactions[3].kind, Kind::Response);
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Http, BodiesAreNotKept) {
  Conversation one(kProtocol, 80);
  one.client(as_bytes("PUT /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"));
  const base::ByteVec none(10);
  const Frame frame = one.session().frame(Side::A, none);
  EXPECT_EQ(frame.kind, Frame::Kind::Pdu);
  EXPECT_EQ(frame.size, 1000000U);
  EXPECT_EQ(frame.keep, 0U);
}

TEST(Http, SecretsAreNotTold) {
  Conversation one(kProtocol, 80);
  one.client(
      as_bytes("GET http://joe:hidden1@h/x?user=joe&password=hidden2&a=1 HTTP/1.1\r\nHost: h\r\n"
               "Authorization: Basic am9lOmhpZGRlbjM=\r\nCookie: id=hidden4\r\n\r\n"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::User), "joe");
  EXPECT_EQ(kept.detail("authorization_scheme"), "Basic");
  EXPECT_EQ(kept.detail("uri"), "http://***@h/x?user=joe&password=***&a=1");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "with credentials");
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("hidden"), std::string::npos) << name;
  for (const NamedObject& object : kept.transactions[0].objects)
    EXPECT_EQ(object.name.find("hidden"), std::string::npos) << object.space;
  for (const auto& evidence : kept.evidence_)
    EXPECT_EQ(evidence.value.find("hidden"), std::string::npos);
}

TEST(Http, UsersOfCredentials) {
  EXPECT_EQ(user_of("Digest username=\"ann\", realm=\"r\", response=\"0\""), "ann");
  EXPECT_EQ(user_of("Bearer abc"), "");
  EXPECT_EQ(user_of("Basic !!"), "");
  EXPECT_EQ(user_of("Basic"), "");
}

TEST(Http, AfterAnUpgradeItIsSomethingElse) {
  Conversation one(kProtocol, 80);
  one.client(as_bytes("GET /w HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"));
  one.server(as_bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
  one.client(as_bytes("\x81\x05hello"));
  EXPECT_EQ(one.done().transactions.size(), 1U);
  EXPECT_EQ(one.waiting(Side::A), 0U);
  EXPECT_EQ(one.waiting(Side::B), 0U);
}

TEST(Http, BeginsAgainAfterALoss) {
  Conversation one(kProtocol, 80);
  one.server(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nab"));
  one.session().gap(Side::B);
  const std::string_view rest = "body that goes on\r\nHTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(one.session().resync(Side::B, as_bytes(rest)), 19U);
  EXPECT_EQ(one.session().resync(Side::B, as_bytes("nothing of it\n")), std::nullopt);
}

TEST(Http, SaysWhatIsWrong) {
  struct Case {
    std::string_view text;
    std::string_view issue;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nA: b\r\n\r\n", "request without a host"},
      {"GET / HTTP/1.1\r\nHost: h\r\nA\x01: b\r\n\r\n", "header that cannot be"},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n", "header that cannot be"},
      {"GET / HTTP/1.1\r\nHost: h\r\n b\r\n\r\n", "header goes on in a second line"},
      {"GET / HTTP/1.7\r\nHost: h\r\n\r\n", "version that does not exist"},
      {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
       "length of the body is not a number"},
      {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
       "two lengths of one body"},
      {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "body has both a length and chunks"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 80);
    talk.client(as_bytes(one.text));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.text;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Http, ManyHeadersAndLongHeadsEnd) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i)
    text += "A: b\r\n";
  Conversation one(kProtocol, 80);
  one.client(as_bytes(text + "\r\n"));
  EXPECT_EQ(one.kept().issues.at(0), "more headers than are read");
  Conversation two(kProtocol, 80);
  two.client(as_bytes("GET / HTTP/1.1\r\nHost: " + std::string(kMaxHead, 'a')));
  EXPECT_EQ(two.kept().issues.at(0), "head longer than is read");
}

TEST(Http, ProbesAreStrict) {
  const FlowInfo flow;
  const auto match = [&](std::string_view text) {
    return kProtocol.probe({flow, Side::A, as_bytes(text), {}});
  };
  EXPECT_EQ(match("GET / HTTP/1.1\r\n"), Match::Yes);
  EXPECT_EQ(match("HTTP/1.1 200 OK\r\n"), Match::Yes);
  EXPECT_EQ(match("GE"), Match::Unsure);
  EXPECT_EQ(match("GET /abc"), Match::Unsure);
  EXPECT_EQ(match("GET / RTSP/1.0\r\n"), Match::No);
  EXPECT_EQ(match("HELO x\r\n"), Match::No);
  EXPECT_EQ(match("HTTP/1.x"), Match::Unsure);
  EXPECT_EQ(match("HTTP/1.xxxxxx"), Match::No);
}

TEST(Ssdp, ADeviceAnnouncesItself) {
  Conversation one(kSsdp, 1900, Transport::Udp);
  one.client(
      as_bytes("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n"
               "NT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
               "SERVER: Linux/3.10 UPnP/1.0 Box/2\r\nUSN: uuid:1\r\n"
               "LOCATION: http://192.0.2.1:5000/r.xml\r\n\r\n"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("server"), "Linux/3.10 UPnP/1.0 Box/2");
  EXPECT_EQ(kept.fact(Fact::Type), "router");
  EXPECT_EQ(kept.fact(Fact::Os), "Linux");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "3.10");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "NOTIFY");
  EXPECT_EQ(kept.transactions[0].objects[1].name, "http://192.0.2.1:5000/r.xml");
}

TEST(Ssdp, ASearchIsRead) {
  Conversation one(kSsdp, 1900, Transport::Udp);
  // With a blank too many behind the version, as some send it.
  one.client(
      as_bytes("M-SEARCH * HTTP/1.1 \r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("method"), "M-SEARCH");
  EXPECT_EQ(kept.detail("uri"), "*");
  EXPECT_EQ(kept.detail("request_version"), "HTTP/1.1");
  EXPECT_EQ(kept.transactions.at(0).operation.name, "M-SEARCH");
  EXPECT_EQ(kept.issues.size(), 1U);
}

}  // namespace
}  // namespace dissect::http
