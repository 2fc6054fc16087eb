#include "dissect/sip/sip.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/sip/text.h"
#include "dissect/testing.h"

namespace dissect::sip {
namespace {

using base::as_bytes;
using testing::Conversation;
using testing::Kept;

std::string request(std::string_view method, std::string_view more = {}) {
  return std::string(method) +
         " sip:desk:pw@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
         "From: \"Gate\" <sip:gate@pbx.test>;tag=1\r\nTo: <sip:desk@pbx.test>\r\n"
         "Call-ID: c1@192.0.2.1\r\nCSeq: 7 " +
         std::string(method) + "\r\nUser-Agent: Door/1.0\r\n" + std::string(more) + "\r\n";
}
std::string response(std::string_view line, std::string_view method, std::string_view more = {}) {
  return "SIP/2.0 " + std::string(line) +
         "\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nf: <sip:gate@pbx.test>;tag=1\r\n"
         "t: <sip:desk@pbx.test>;tag=2\r\ni: c1@192.0.2.1\r\nCSeq: 7 " +
         std::string(method) + "\r\nServer: Pbx/2\r\n" + std::string(more) + "\r\n";
}
constexpr std::string_view kDescription =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=door\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\nm=video 4002/2 RTP/AVP 96\r\n";
std::string described() {
  return "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(kDescription.size()) +
         "\r\n";
}

TEST(Sip, ACallIsATransaction) {
  Conversation flow(kProtocol, 5060, Transport::Udp);
  flow.client(as_bytes(request("INVITE", described()) + std::string(kDescription)));
  flow.server(as_bytes(response("100 Trying", "INVITE")));
  flow.server(as_bytes(response("180 Ringing", "INVITE")));
  flow.server(as_bytes(response("200 OK", "INVITE")));
  flow.client(as_bytes(request("ACK")));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  const Transaction& call = kept.transactions[0];
  EXPECT_EQ(call.operation.name, "INVITE");
  EXPECT_EQ(call.access, Access::Session);
  ASSERT_EQ(call.objects.size(), 5U);
  EXPECT_EQ(call.objects[0], (NamedObject{"uri", "sip:desk:***@pbx.test", 0, 0}));
  EXPECT_EQ(call.objects[1], (NamedObject{"from", "gate@pbx.test", 0, 0}));
  EXPECT_EQ(call.objects[3], (NamedObject{"media", "audio", 4000, 1}));
  EXPECT_EQ(call.objects[4], (NamedObject{"media", "video", 4002, 1}));
  EXPECT_EQ(call.status.code, 200U);
  EXPECT_EQ(call.answer_packet, 4U);
  EXPECT_EQ(kept.transactions[1].kind, Kind::OneWay);
  EXPECT_EQ(kept.detail("media_address"), "192.0.2.1");
  EXPECT_EQ(kept.detail("from_user"), "gate");
  EXPECT_EQ(kept.detail("to_host"), "pbx.test");
  EXPECT_EQ(kept.fact(Fact::Software), "Door/1.0");
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find(":pw@"), std::string::npos) << name;
}

TEST(Sip, TelephoneNumbersAreUsers) {
  Conversation flow(kProtocol, 5060, Transport::Udp);
  std::string call = request("INVITE");
  const std::string_view from = "<sip:gate@pbx.test>";
  call.replace(call.find(from), from.size(), "<tel:+15550100>");
  flow.client(as_bytes(call));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects.at(1), (NamedObject{"from", "+15550100", 0, 0}));
  EXPECT_EQ(kept.detail("from_user"), "+15550100");
  EXPECT_EQ(kept.detail("from_host"), "");
}

TEST(Sip, RegistrationsNameUsers) {
  Conversation flow(kProtocol, 5060, Transport::Udp);
  flow.client(as_bytes(request(
      "REGISTER", "Authorization: Digest username=\"gate\", realm=\"x\", response=\"abc\"\r\n")));
  flow.server(as_bytes(response("403 Forbidden", "REGISTER")));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "with credentials");
  EXPECT_EQ(kept.transactions[0].status.name, "forbidden");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.fact(Fact::User), "gate");
  EXPECT_EQ(kept.detail("authorization_realm"), "x");
}

TEST(Sip, RefusalsSayForWhatTheyAsk) {
  Conversation flow(kProtocol, 5060, Transport::Udp);
  flow.client(as_bytes(request("REGISTER", "")));
  flow.server(as_bytes(response("401 Unauthorized", "REGISTER",
                                "WWW-Authenticate: Digest realm=\"plant\", nonce=\"1\"\r\n")));
  EXPECT_EQ(flow.done().detail("challenge_realm"), "plant");
}

TEST(Sip, StreamsComeInAnyPieces) {
  const std::string text = "\r\n\r\n" + request("INVITE", described()) + std::string(kDescription) +
                           request("OPTIONS", "l: 0\r\n");
  for (const std::size_t step : {std::size_t{1}, std::size_t{13}, std::size_t{10000}}) {
    Conversation flow(kProtocol, 5060);
    for (std::size_t at = 0; at < text.size(); at += step)
      flow.client(as_bytes(std::string_view(text).substr(at, step)));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 2U) << step;
    EXPECT_EQ(kept.transactions[1].operation.name, "OPTIONS");
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Sip, NamesWhatIsWrong) {
  struct Case {
    std::string text;
    std::string_view issue;
  };
  const Case cases[] = {
      {"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n", "a header is missing"},
      {"OPTIONS sip:a SIP/3.0\r\n\r\n", "version that does not exist"},
      {request("OPTIONS", "x y: 1\r\n"), "header that cannot be"},
      {request("OPTIONS", "CSeq: x\r\n"), "sequence that cannot be"},
      {request("OPTIONS", "CSeq: 8 BYE\r\n"), "sequence of another method"},
      {"OPTIONS sip:a SIP/2.0\r\nVia: x", "ends within its head"},
      {request("INVITE", "Content-Type: application/sdp\r\n") + "m=audio x\r\n",
       "media without a port"},
  };
  for (const Case& one : cases) {
    Conversation flow(kProtocol, 5060, Transport::Udp);
    flow.client(as_bytes(one.text));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

TEST(SipText, AddressesAreTakenApart) {
  EXPECT_EQ(read_address("\"A <b>\" <sip:u:p@h.test:5060;x=y>;tag=1").user, "u");
  EXPECT_EQ(read_address("\"A <b>\" <sip:u:p@h.test:5060;x=y>;tag=1").host, "h.test");
  EXPECT_EQ(read_address("sips:h.test;tag=1").host, "h.test");
  EXPECT_EQ(read_address("<sip:[2001:db8::1]:5060>").host, "[2001:db8::1]");
  // A telephone number is nobody's host (RFC 3966).
  EXPECT_EQ(read_address("<tel:+15550100;phone-context=x>;tag=1").user, "+15550100");
  EXPECT_EQ(read_address("<TEL:112>").host, "");
  EXPECT_EQ(parameter("Digest realm=\"r\", username=\"u\"", "username"), "u");
  EXPECT_EQ(parameter("Digest xusername=\"v\",username=u", "username"), "u");
  EXPECT_EQ(parameter("Digest", "username"), "");
}

TEST(Rtsp, ACameraIsPlayed) {
  Conversation flow(kRtsp, 554);
  flow.client(
      as_bytes("DESCRIBE rtsp://op:pw@192.0.2.2/live RTSP/1.0\r\nCSeq: 2\r\n"
               "Authorization: Basic b3A6cHc=\r\nUser-Agent: View/3\r\n\r\n"));
  flow.server(as_bytes("RTSP/1.0 200 OK\r\nCSeq: 2\r\nServer: Cam/1\r\n" + described() + "\r\n" +
                       std::string(kDescription)));
  flow.client(
      as_bytes("SETUP rtsp://192.0.2.2/live RTSP/1.0\r\nCSeq: 3\r\n"
               "Transport: RTP/AVP;unicast;client_port=6000-6001\r\n\r\n"));
  flow.server(as_bytes("RTSP/1.0 401 Unauthorized\r\nCSeq: 3\r\n\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  const Transaction& described = kept.transactions[0];
  EXPECT_EQ(described.operation.name, "DESCRIBE");
  EXPECT_EQ(described.access, Access::Read);
  EXPECT_EQ(described.objects.at(0), (NamedObject{"url", "rtsp://op:***@192.0.2.2/live", 0, 0}));
  EXPECT_EQ(described.objects.at(1), (NamedObject{"user", "op", 0, 0}));
  EXPECT_EQ(described.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].status.name, "unauthorized");
  EXPECT_EQ(kept.fact(Fact::Type), "camera");
  EXPECT_EQ(kept.fact(Fact::User), "op");
  EXPECT_EQ(kept.detail("media_port"), "4000");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Rtsp, PacketsWithinArePassedBy) {
  Conversation flow(kRtsp, 554);
  std::string text = "$";
  text += '\0';
  text += '\0';
  text += '\5';
  text += "PLAY ";
  flow.server(as_bytes(text + "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::Response);
  EXPECT_EQ(kept.detail("channel_length"), "5");
  EXPECT_EQ(flow.session().resync(Side::B, as_bytes("xx$yRTSP/1.0 200 OK\r\n\r\n")), 4U);
}

TEST(Rtsp, NamesWhatIsWrong) {
  Conversation flow(kRtsp, 554);
  flow.client(as_bytes("OPTIONS * RTSP/1.0\r\n\r\n"));
  flow.server(as_bytes("RTSP/1.0 999 What\r\nCSeq: 1\r\n\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 2U);
  EXPECT_EQ(kept.issues[0], "message without a sequence");
  EXPECT_EQ(kept.issues[1], "answer without a status");
}

Match match(const Protocol& protocol, std::string_view text, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return protocol.probe({flow, Side::A, as_bytes(text), {}});
}

TEST(ProbeSip, NeedsItsFirstLine) {
  EXPECT_EQ(match(kProtocol, "OPTIONS sip:a SIP/2.0\r\n", Transport::Udp), Match::Yes);
  EXPECT_EQ(match(kProtocol, "SIP/2.0 200 OK\r\n", Transport::Udp), Match::Yes);
  EXPECT_EQ(match(kProtocol, "OPTIONS * HTTP/1.1\r\n", Transport::Tcp), Match::No);
  EXPECT_EQ(match(kProtocol, "OPTIONS * RTSP/1.0\r\n", Transport::Tcp), Match::No);
  EXPECT_EQ(match(kProtocol, "INV", Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match(kProtocol, "INV", Transport::Udp), Match::No);
  EXPECT_EQ(match(kRtsp, "OPTIONS * RTSP/1.0\r\n", Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(kRtsp, "RTSP/1.0 200 OK\r\n", Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(kRtsp, "GET / HTTP/1.1\r\n", Transport::Tcp), Match::No);
}

}  // namespace
}  // namespace dissect::sip
