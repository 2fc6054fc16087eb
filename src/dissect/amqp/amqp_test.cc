#include "dissect/amqp/amqp.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "dissect/text.h"

namespace dissect::amqp {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// A frame of 0-9-1 with that method and its arguments.
base::ByteVec method(std::uint8_t channel, std::string_view payload) {
  base::ByteVec bytes = {1, 0, channel, 0, 0, 0, 0};
  const base::ByteVec body = bytes_of(payload);
  bytes[6] = static_cast<std::uint8_t>(body.size());
  bytes.insert(bytes.end(), body.begin(), body.end());
  bytes.push_back(0xce);
  return bytes;
}
// A frame of 1.0 with that body.
base::ByteVec frame(std::uint8_t type, std::string_view body_hex) {
  const base::ByteVec body = bytes_of(body_hex);
  base::ByteVec bytes = {0, 0, 0, static_cast<std::uint8_t>(body.size() + 8), 2, type, 0, 0};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}
std::string hexed(std::string_view text) {
  return hex(base::as_bytes(text), 256);
}
constexpr std::string_view kNine = "414d5150 00000901";
constexpr std::string_view kOne = "414d5150 00010000";
constexpr std::string_view kSasl = "414d5150 03010000";

Conversation talk() {
  return Conversation(kProtocol, 5672);
}

// start-ok without properties: mechanism PLAIN, user "op", password "pw".
std::string login() {
  return "000a000b 00000000 05" + hexed("PLAIN") + "00000006 00" + hexed("op") + "00" +
         hexed("pw") + "05" + hexed("en_US");
}

TEST(Amqp, ALoginIsAnsweredByTuning) {
  Conversation flow = talk();
  flow.client(bytes_of(kNine));
  flow.server(method(0, "000a000a 00 09 0000000e 07" + hexed("product") + "53 00000001 52" +
                            "00000005" + hexed("PLAIN") + "00000000"));
  flow.client(method(0, login())).server(method(0, "000a001e 07ff 00020000 003c"));
  flow.client(method(0, "000a0028 01 2f 00 00")).server(method(0, "000a0029 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  EXPECT_EQ(kept.transactions[1].operation.name, "connection.start");
  const Transaction& one = kept.transactions[2];
  EXPECT_EQ(one.operation.name, "connection.start-ok");
  EXPECT_EQ(one.access, Access::Authentication);
  EXPECT_EQ(one.objects.at(1), (NamedObject{"user", "op", 0, 0}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[4].objects.at(0), (NamedObject{"virtual host", "/", 0, 0}));
  EXPECT_EQ(kept.transactions[4].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.fact(Fact::Software), "R");
  EXPECT_EQ(kept.fact(Fact::User), "op");
  EXPECT_EQ(kept.detail("heartbeat"), "60");
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("pw"), std::string::npos) << name;
}

TEST(Amqp, ARefusedLoginFailed) {
  Conversation flow = talk();
  flow.client(method(0, login())).server(method(0, "000a0032 0193 02 6e6f 0000 0000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "access refused");
  EXPECT_EQ(kept.transactions[1].operation.name, "connection.close");
}

TEST(Amqp, QueuesAreMadeAndUsed) {
  Conversation flow = talk();
  flow.client(method(1, "0032000a 0000 01 71 00 00000000"));
  flow.server(method(1, "0032000b 01 71 00000000 00000000"));
  flow.client(method(1, "003c0028 0000 02 6578 01 6b 00"));
  flow.client(bytes_of("03 0001 00000003 616263 ce"));
  flow.server(method(1, "003c003c 01 63 0000000000000001 00 02 6578 01 6b"));
  flow.client(bytes_of("08 0000 00000000 ce"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "queue.declare");
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].unit, 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"exchange", "ex", 0, 0}));
  EXPECT_EQ(kept.transactions[1].objects.at(1), (NamedObject{"routing key", "k", 0, 0}));
  EXPECT_EQ(kept.transactions[2].access, Access::Read);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Amqp, VersionOneHasLinks) {
  Conversation flow = talk();
  flow.client(bytes_of(kSasl)).server(bytes_of(kSasl));
  flow.client(frame(1, "00 53 41 c0 10 02 a3 05" + hexed("PLAIN") + "a0 06 00" + hexed("op") +
                           "00" + hexed("pw")));
  flow.server(frame(1, "00 53 44 c0 03 01 50 01"));
  flow.client(bytes_of(kOne));
  flow.client(frame(0, "00 53 10 c0 09 02 a1 02 6331 a1 02 6831"));
  // Link "l", handle 0, sends, to target "q".
  flow.client(frame(0,
                    "00 53 12 d0 00000018 00000007 a1 01 6c 43 42 40 40 00 53 28 45"
                    "00 53 29 c0 04 01 a1 01 71"));
  flow.client(frame(0, ""));
  flow.server(frame(0, "00 53 18 c0 0e 01 00 53 1d c0 08 01 a3 05" + hexed("amqp:")));
  Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
  ASSERT_EQ(kept.transactions.size(), 7U);
  EXPECT_EQ(kept.transactions[2].operation.name, "sasl init");
  EXPECT_EQ(kept.transactions[2].objects.at(1), (NamedObject{"user", "op", 0, 0}));
  EXPECT_EQ(kept.transactions[2].status.name, "authentication failed");
  EXPECT_EQ(kept.transactions[4].objects.at(0), (NamedObject{"container", "c1", 0, 0}));
  EXPECT_EQ(kept.transactions[5].operation.name, "attach");
  EXPECT_EQ(kept.transactions[5].access, Access::Write);
  EXPECT_EQ(kept.transactions[5].objects.at(0), (NamedObject{"address", "q", 0, 0}));
  EXPECT_EQ(kept.transactions[6].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.fact(Fact::Name), "c1");
}

TEST(Amqp, NamesWhatIsWrong) {
  struct Case {
    base::ByteVec bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {method(1, "0032ffff"), "method that does not exist"},
      {method(1, "0032000a 0000 09 71"), "method ends within an argument"},
      {bytes_of("08 0000 00000000 cd"), "frame without its end"},
      {frame(0, "00 53 99 45"), "body that is no performative"},
      {frame(0, "00 53 20 45"), "performative that does not exist"},
      {frame(0, "00 53 10 c0 04 01 a1 09 63"), "list ends within a value"},
      {bytes_of("414d5150 01010800"), "version that is not known"},
  };
  for (const Case& one : cases) {
    Conversation flow = talk();
    flow.client(one.bytes);
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

Match match(const base::ByteVec& bytes) {
  const FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeAmqp, NeedsAFrame) {
  EXPECT_EQ(match(bytes_of(kNine)), Match::Yes);
  EXPECT_EQ(match(bytes_of(kSasl)), Match::Yes);
  EXPECT_EQ(match(bytes_of("414d")), Match::Unsure);
  EXPECT_EQ(match(bytes_of("414d5150 ffffffff")), Match::No);
  EXPECT_EQ(match(method(1, "003c0028 0000 02 6578 01 6b 00")), Match::Likely);
  EXPECT_EQ(match(method(1, "0032ffff")), Match::No);
  EXPECT_EQ(match(frame(0, "00 53 10 c0 09 02 a1 02 6331 a1 02 6831")), Match::Likely);
  EXPECT_EQ(match(frame(0, "01020304")), Match::No);
  EXPECT_EQ(match(bytes_of("160301020001000001fc0303")), Match::No);
}

}  // namespace
}  // namespace dissect::amqp
