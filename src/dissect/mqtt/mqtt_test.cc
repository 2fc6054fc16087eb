#include "dissect/mqtt/mqtt.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::mqtt {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// Version 3.1.1, clean session, keep alive 60: client "pump1".
constexpr std::string_view kConnect = "10 11 0004 4d515454 04 02 003c 0005 70756d7031";
constexpr std::string_view kAccepted = "20 02 00 00";
// The same with user "op" and password "pw".
constexpr std::string_view kLogin =
    "10 19 0004 4d515454 04 c2 003c 0005 70756d7031 0002 6f70 0002 7077";
// Version 5 with a session expiry interval of 10 s.
constexpr std::string_view kConnect5 =
    "10 17 0004 4d515454 05 02 003c 05 11 0000000a 0005 70756d7031";

Conversation talk() {
  return Conversation(kProtocol, 1883);
}

TEST(Mqtt, ALoginHasItsAnswer) {
  Conversation flow = talk();
  flow.client(bytes_of(kLogin)).server(bytes_of("20 02 00 04"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "CONNECT");
  EXPECT_EQ(one.access, Access::Authentication);
  ASSERT_EQ(one.objects.size(), 2U);
  EXPECT_EQ(one.objects[0], (NamedObject{"client", "pump1", 0, 0}));
  EXPECT_EQ(one.objects[1], (NamedObject{"user", "op", 0, 0}));
  EXPECT_EQ(one.status.outcome, Outcome::Failed);
  EXPECT_EQ(one.status.name, "bad user name or password");
  EXPECT_EQ(kept.fact(Fact::User), "op");
  EXPECT_EQ(kept.fact(Fact::Name), "pump1");
  EXPECT_EQ(kept.detail("password_length"), "2");
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("pw"), std::string::npos) << name;
}

// Version 3.1: MQIsdp, 3. Its CONNACK has no flags, and a subscription says how it is delivered.
TEST(Mqtt, TheOldVersionHasOtherFields) {
  Conversation flow = talk();
  flow.client(bytes_of("10 13 0006 4d5149736470 03 02 003c 0005 70756d7031"));
  flow.server(bytes_of("20 02 01 00")).client(bytes_of("8a 08 0007 0003 612f62 00"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.detail("version"), "3");
  EXPECT_EQ(kept.detail("return_code"), "0");
  EXPECT_EQ(kept.detail("session_present"), "");
  EXPECT_EQ(kept.detail("duplicate"), "1");
  EXPECT_EQ(kept.detail("qos"), "1");
  EXPECT_TRUE(kept.issues.empty());
  Conversation later = talk();
  later.client(bytes_of(kConnect)).server(bytes_of("20 02 01 00"));
  later.client(bytes_of("82 08 0007 0003 612f62 00"));
  EXPECT_EQ(later.kept().detail("session_present"), "1");
  EXPECT_EQ(later.kept().detail("qos"), "");
}

TEST(Mqtt, WhoPublishesWrites) {
  Conversation flow = talk();
  flow.client(bytes_of(kConnect)).server(bytes_of(kAccepted));
  flow.client(bytes_of("30 07 0003 612f62 3432"));
  flow.client(bytes_of("32 07 0003 612f62 0007")).server(bytes_of("40 02 0007"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  const Transaction& once = kept.transactions[1];
  EXPECT_EQ(once.kind, Kind::OneWay);
  EXPECT_EQ(once.access, Access::Write);
  EXPECT_EQ(once.objects.at(0), (NamedObject{"topic", "a/b", 0, 0}));
  EXPECT_EQ(once.request_bytes, 2U);
  EXPECT_EQ(kept.detail("payload"), "42");
  EXPECT_EQ(kept.transactions[2].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.transactions[2].answered);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Mqtt, QualityOfServiceTwoIsOneTransaction) {
  Conversation flow = talk();
  flow.client(bytes_of(kConnect)).server(bytes_of(kAccepted));
  flow.client(bytes_of("34 07 0003 612f62 0009")).server(bytes_of("50 02 0009"));
  flow.client(bytes_of("62 02 0009")).server(bytes_of("70 02 0009"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].answer_packet, 6U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Mqtt, SubscriptionsAndWhatTheyBring) {
  Conversation flow = talk();
  flow.client(bytes_of(kConnect)).server(bytes_of(kAccepted));
  flow.client(bytes_of("82 0e 0002 0003 612f23 01 0003 622f2b 00"));
  flow.server(bytes_of("90 04 0002 01 80"));
  const std::string_view topic = "$SYS/broker/version";
  base::ByteVec version = bytes_of("31 17 0013");
  version.insert(version.end(), topic.begin(), topic.end());
  version.insert(version.end(), {'2', '.'});
  flow.server(version);
  flow.client(bytes_of("a2 07 0003 0003 612f23")).server(bytes_of("b0 02 0003"));
  flow.client(bytes_of("c0 00")).server(bytes_of("d0 00")).client(bytes_of("e0 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 6U);
  EXPECT_EQ(kept.transactions[1].access, Access::Read);
  EXPECT_EQ(kept.transactions[1].objects.size(), 2U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[2].access, Access::Read);
  EXPECT_EQ(kept.fact(Fact::Software), "2.");
  EXPECT_EQ(kept.transactions[3].operation.name, "UNSUBSCRIBE");
  EXPECT_EQ(kept.transactions[3].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[4].operation.name, "PINGREQ");
  EXPECT_EQ(kept.transactions[5].operation.name, "DISCONNECT");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Mqtt, ReadsPropertiesOfVersionFive) {
  Conversation flow = talk();
  flow.client(bytes_of(kConnect5)).server(bytes_of("20 06 00 00 03 21 0014"));
  // A topic alias in place of the topic, and a user's property.
  flow.client(bytes_of("30 0e 0000 0a 23 0001 26 0001 6b 0001 76 21"));
  flow.client(bytes_of("82 09 0002 00 0003 612f23 2c")).server(bytes_of("90 04 0002 00 87"));
  flow.server(bytes_of("e0 02 8e 00"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.detail("session_expiry_interval"), "10");
  EXPECT_EQ(kept.detail("receive_maximum"), "20");
  EXPECT_EQ(kept.detail("topic_alias"), "1");
  EXPECT_EQ(kept.detail("user_property_name"), "k");
  EXPECT_EQ(kept.detail("user_property_value"), "v");
  EXPECT_EQ(kept.detail("payload"), "!");
  EXPECT_EQ(kept.detail("subscription_options"), "44");
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[2].status.name, "not authorized");
  EXPECT_EQ(kept.transactions[3].status.name, "session taken over");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Mqtt, SparkplugCommandsAreWrites) {
  const auto publish = [](std::string_view topic) {
    base::ByteVec bytes = {0x30, static_cast<std::uint8_t>(topic.size() + 2), 0,
                           static_cast<std::uint8_t>(topic.size())};
    bytes.insert(bytes.end(), topic.begin(), topic.end());
    return bytes;
  };
  Conversation flow = talk();
  flow.client(bytes_of(kConnect)).server(bytes_of(kAccepted));
  flow.client(publish("spBv1.0/site/NDATA/edge")).server(publish("spBv1.0/site/DCMD/edge/valve"));
  flow.client(publish("spBv1.0/STATE/host")).client(publish("spBv1.0/x"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "NDATA");
  EXPECT_EQ(kept.transactions[1].access, Access::Read);
  EXPECT_EQ(kept.transactions[2].sub_operation.name, "DCMD");
  EXPECT_EQ(kept.transactions[2].access, Access::Write);
  EXPECT_EQ(kept.transactions[3].sub_operation.name, "STATE");
  EXPECT_EQ(kept.transactions[4].sub_operation.name, "");
}

// Who picks up in the middle learns the version from what is said.
TEST(Mqtt, NeedsNoBeginning) {
  Conversation flow = talk();
  flow.session().gap(Side::A);
  flow.client(bytes_of("82 09 0002 00 0003 612f23 00")).server(bytes_of("90 04 0002 00 00"));
  flow.client(bytes_of("30 08 0003 612f62 00 3432"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects.at(0).name, "a/#");
  EXPECT_EQ(kept.detail("payload"), "42");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Mqtt, NamesWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  static constexpr Case kCases[] = {
      {"c0 00", "begins without CONNECT"},
      {"10 0c 0004 4d515454 07 02 003c 0000", "version that does not exist"},
      {"10 0c 0004 4d515455 04 02 003c 0000", "protocol name that does not exist"},
      {"10 0c 0004 4d515454 04 03 003c 0000", "reserved flag of CONNECT"},
      {"10 0c 0004 4d515454 04 22 003c 0000", "flags of a will that cannot be"},
      {"10 0e 0004 4d515454 04 42 003c 0000 0000", "password without a user"},
      {"10 0c 0004 4d515454 04 00 003c 0000", "session without a name is to be kept"},
      {"10 0c 0004 4d515454 04 02 003c 0009", "shorter than its fields"},
      {"10 0d 0004 4d515454 04 02 003c 0000 00", "longer than its fields"},
      {"11 0c 0004 4d515454 04 02 003c 0000", "flags that are reserved"},
      {"10 0e 0004 4d515454 05 02 003c 01 0e 0000", "property that does not exist"},
      {"10 0e 0004 4d515454 05 02 003c 01 11 0000", "properties end within one"},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
  static constexpr Case kLater[] = {
      {"36 07 0003 612f62 0009", "quality of service 3"},
      {"32 07 0003 612f62 0000", "packet identifier 0"},
      {"30 05 0003 612f23", "topic with a wildcard is published to"},
      {"30 03 0000 41", "no topic"},
      {"30 04 0002 ff41", "topic is not UTF-8"},
      {"82 06 0002 0001 61 03", "options of a subscription that cannot be"},
      {"82 02 0002", "no topic"},
  };
  for (const Case& one : kLater) {
    Conversation flow = talk();
    flow.client(bytes_of(kConnect)).server(bytes_of(kAccepted)).client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

TEST(Mqtt, LongPayloadsAreNotKept) {
  Conversation flow = talk();
  const base::ByteVec start = bytes_of("30 ff ff ff 7f 0003 612f62");
  const Frame frame = flow.session().frame(Side::A, start);
  EXPECT_EQ(frame.kind, Frame::Kind::Pdu);
  EXPECT_EQ(frame.size, 5U + 0xfffffffU);
  EXPECT_LE(frame.keep, 20000U);
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("30 ff ff ff ff")).kind, Frame::Kind::Lost);
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("30 ff")).kind, Frame::Kind::Incomplete);
}

TEST(Mqtt, FindsTheNextMessageAfterAGap) {
  Conversation flow = talk();
  const base::ByteVec bytes = bytes_of("00 00 ff 41 42 30 07 0003 612f62 3432");
  EXPECT_EQ(flow.session().resync(Side::A, bytes), 5U);
  EXPECT_FALSE(flow.session().resync(Side::A, bytes_of("00 00 00 00")));
}

Match match(std::string_view hex) {
  const base::ByteVec bytes = bytes_of(hex);
  const FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeMqtt, NeedsAMessage) {
  EXPECT_EQ(match(kConnect), Match::Yes);
  EXPECT_EQ(match(kConnect5), Match::Yes);
  EXPECT_EQ(match("10 0f 0006 4d5149736470 03 02 003c 0001 61"), Match::Yes);
  EXPECT_EQ(match("10 11 0004"), Match::Unsure);
  EXPECT_EQ(match(kAccepted), Match::Likely);
  EXPECT_EQ(match("30 07 0003 612f62 3432"), Match::Likely);
  EXPECT_EQ(match("30 07 0003 610062 3432"), Match::No);
  EXPECT_EQ(match("10 11 0004 4d515445 04 02 003c"), Match::No);
  EXPECT_EQ(match("c0 00 ff ff ff"), Match::No);
  EXPECT_EQ(match("30 82 01 00"), Match::Unsure);
  EXPECT_EQ(match("16 03 01 00 05"), Match::No);
}

}  // namespace
}  // namespace dissect::mqtt
