#include "dissect/coap/coap.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "dissect/text.h"

namespace dissect::coap {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// Confirmable GET of /s/t, message 7, token ab.
constexpr std::string_view kGet = "41 01 0007 ab b1 73 01 74";
// Its answer with the acknowledgement: content, text "21".
constexpr std::string_view kContent = "61 45 0007 ab c0 ff 3231";

Conversation talk() {
  return Conversation(kProtocol, 5683, Transport::Udp);
}

TEST(Coap, AResourceIsRead) {
  Conversation flow = talk();
  flow.client(bytes_of(kGet)).server(bytes_of(kContent));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "GET");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.objects.at(0), (NamedObject{"path", "/s/t", 0, 0}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(one.status.name, "content");
  EXPECT_EQ(one.response_bytes, 2U);
  EXPECT_EQ(kept.detail("message_id"), "7");
  EXPECT_EQ(kept.detail("uri_path"), "s");
  EXPECT_EQ(kept.detail("content_format"), "0");
  EXPECT_EQ(kept.detail("payload"), "21");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Coap, AnswersMayComeByThemselves) {
  Conversation flow = talk();
  flow.client(bytes_of("42 03 0007 abcd b1 73 ff 31")).server(bytes_of("60 00 0007"));
  flow.server(bytes_of("42 a3 0100 abcd")).client(bytes_of("60 00 0100"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].status.name, "service unavailable");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
}

TEST(Coap, WhatIsAskedAgainIsAskedOnce) {
  Conversation flow = talk();
  flow.client(bytes_of(kGet)).client(bytes_of(kGet)).server(bytes_of("70 00 0007"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.detail("retransmission"), "1");
  EXPECT_EQ(kept.transactions[0].status.name, "reset");
}

TEST(Coap, ObservedResourcesTellByThemselves) {
  Conversation flow = talk();
  flow.client(bytes_of("41 01 0007 ab 60 51 73")).server(bytes_of("61 45 0007 ab 61 01 ff 31"));
  flow.server(bytes_of("51 45 0101 ab 61 02 ff 32"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "observe");
  EXPECT_EQ(kept.transactions[1].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "notification");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Coap, ResourcesAreDiscoveredAndDevicesRegister) {
  Conversation flow = talk();
  // GET /.well-known/core; POST /rd?ep=meter7
  flow.client(bytes_of("40 01 0001 bb 2e77656c6c2d6b6e6f776e 04 636f7265"));
  flow.client(bytes_of("41 02 0002 01 b2 7264 49 65703d6d6574657237"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[1].access, Access::Session);
  EXPECT_EQ(kept.fact(Fact::Name), "meter7");
}

TEST(Coap, BlocksAreRead) {
  Conversation flow = talk();
  // Block1 of number 2, more to come, 64 bytes.
  flow.client(bytes_of("40 03 0001 b1 66 d1 03 2a ff 00"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.detail("block_number"), "2");
  EXPECT_EQ(kept.detail("block_more"), "1");
  EXPECT_EQ(kept.detail("block_size"), "2");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Coap, IsReadFromAStream) {
  // Sizes and abilities, GET /s, and a long answer.
  std::string answer = "d1 07 45 ab ff " + hex(base::ByteVec(19, 0x61));
  const base::ByteVec asks = bytes_of("30 e1 22 1000 21 01 ab b1 73");
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Conversation flow(kProtocol, 5683);
    for (std::size_t at = 0; at < asks.size(); at += step)
      flow.client(base::ByteView(asks).subspan(at, std::min(step, asks.size() - at)));
    flow.server(bytes_of(answer));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 2U) << step;
    EXPECT_EQ(kept.transactions[0].operation.name, "CSM");
    EXPECT_EQ(kept.transactions[1].objects.at(0).name, "/s");
    EXPECT_EQ(kept.transactions[1].response_bytes, 19U);
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Coap, NamesWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  static constexpr Case kCases[] = {
      {"40 01", "shorter than its header"},
      {"44 01 0001 ab", "shorter than its header"},
      {"80 01 0001", "version that is not known"},
      {"49 01 0001 010203040506070809", "token longer than 8 bytes"},
      {"40 00 0001 ff", "empty message that is not"},
      {"40 1f 0001", "code that is not registered"},
      {"40 01 0001 f0", "options that cannot be"},
      {"40 01 0001 ff", "options that cannot be"},
      {"40 01 0001 b5 73", "options that cannot be"},
      {"40 01 0001 30", "option of a length that is not allowed"},
      {"40 01 0001 31 61 01 62", "option that is there twice"},
      {"40 01 0001 d1 0c 61", "critical option that is not known"},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

Match match(std::string_view hex, Transport transport = Transport::Udp, std::uint16_t port = 80) {
  const base::ByteVec bytes = bytes_of(hex);
  FlowInfo flow;
  flow.b.port = port;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeCoap, NeedsItsOptions) {
  EXPECT_EQ(match(kGet), Match::Likely);
  EXPECT_EQ(match(kContent), Match::Likely);
  EXPECT_EQ(match("40 01 0001"), Match::No);
  EXPECT_EQ(match("60 00 0007"), Match::No);
  EXPECT_EQ(match("61 01 0007 ab b1 73"), Match::No);
  EXPECT_EQ(match("41 01 0007 ab d1 0c 61"), Match::No);
  EXPECT_EQ(match("41 01 0007 ab b1 01"), Match::No);
  EXPECT_EQ(match("81 01 0007 ab b1 73"), Match::No);
  EXPECT_EQ(match("30 e1 22 1000", Transport::Tcp), Match::Likely);
  // Without its first words a stream needs its port.
  EXPECT_EQ(match("21 01 ab b1 73", Transport::Tcp, 5683), Match::Likely);
  EXPECT_EQ(match("21 01 ab b1 73", Transport::Tcp), Match::No);
  EXPECT_EQ(match("30 e1", Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match("16 03 01 02 00 01 00 01 fc 03", Transport::Tcp), Match::No);
}

}  // namespace
}  // namespace dissect::coap
