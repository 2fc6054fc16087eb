#include "sensor/flow/tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sensor/flow/testing.h"

namespace sensor::flow {

namespace {

using dissect::IpAddress;
using dissect::MacAddress;
using dissect::Side;
using dissect::Transport;
using packet::Packet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::message;

// All that is heard, as short texts.
class Heard final : public Listener {
 public:
  std::vector<std::string> messages;
  std::vector<std::string> transactions;
  std::vector<std::string> issues;
  std::vector<std::string> facts;
  std::vector<std::string> ends;

  void message_begins(const Flow&, const dissect::Pdu& pdu) override {
    messages.push_back(std::to_string(pdu.packet) + (pdu.side == Side::A ? "A " : "B ") +
                       std::string(base::as_text(pdu.bytes.subspan(2))));
  }
  void message_ends(const Flow&, const dissect::Pdu&) override {}
  void transaction(const Flow&, const dissect::Transaction& one) override {
    transactions.push_back(std::to_string(one.packet) + "-" + std::to_string(one.answer_packet));
  }
  void evidence(const Flow&, const dissect::Pdu&, const dissect::Evidence& one) override {
    facts.emplace_back(one.value);
  }
  void issue(const Flow&, const dissect::Pdu&, const dissect::Issue& one) override {
    issues.emplace_back(one.what);
  }
  void seen(Flow&, Side, const Packet&) override {}
  void ended(const Flow& flow) override {
    std::string text(flow.protocol == nullptr ? "-" : flow.protocol->name);
    if (flow.expected != nullptr) text += " not " + std::string(flow.expected->name);
    text += flow.info.server == Side::A ? " A" : " B";
    ends.push_back(text);
  }
};

class TrackerTest : public ::testing::Test {
 protected:
  TrackerTest() { reset({}); }
  void reset(TrackerSettings settings) {
    tracker = std::make_unique<Tracker>(registry, heard, nullptr, settings);
  }

  Packet make(Transport transport, bool forward) {
    Packet packet;
    packet.transport = transport;
    packet.number = ++number;
    packet.time = now;
    packet.from.mac = MacAddress::of(base::ByteVec{2, 0, 0, 0, 0, 1});
    packet.to.mac = MacAddress::of(base::ByteVec{2, 0, 0, 0, 0, 2});
    packet.from.ip = IpAddress::of(base::ByteVec{10, 0, 0, 1});
    packet.to.ip = IpAddress::of(base::ByteVec{10, 0, 0, 2});
    packet.from.port = 50000;
    packet.to.port = port;
    if (!forward) std::swap(packet.from, packet.to);
    packet.size = 100;
    return packet;
  }
  void tcp(bool forward, std::uint32_t sequence, const base::ByteVec& payload,
           std::uint8_t flags = packet::kAck, std::uint32_t acknowledged = 0) {
    Packet packet = make(Transport::Tcp, forward);
    packet.sequence = sequence;
    packet.tcp_flags = flags;
    packet.acknowledged = acknowledged;
    packet.payload = payload;
    packet.payload_size = payload.size();
    tracker->take(packet, now);
  }
  void udp(bool forward, const base::ByteVec& payload) {
    Packet packet = make(Transport::Udp, forward);
    packet.payload = payload;
    packet.payload_size = payload.size();
    tracker->take(packet, now);
  }
  void handshake() {
    tcp(true, 99, {}, packet::kSyn);
    tcp(false, 499, {}, packet::kSyn | packet::kAck);
  }
  void pass(std::chrono::seconds time) {
    now += time;
    tracker->pass_time(now);
  }

  std::uint16_t port = 7000;
  std::uint64_t number = 0;
  base::WallTime now{std::chrono::seconds(1'700'000'000)};
  Registry registry{testing::kProtocols};
  Heard heard;
  std::unique_ptr<Tracker> tracker;
};

}  // namespace

TEST_F(TrackerTest, GivesMessagesToTheirParserAndAnswersToTheirRequests) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(false, 500, message('R', "!two"));
  EXPECT_THAT(heard.messages, ElementsAre("3A !one", "4B !two"));
  EXPECT_THAT(heard.transactions, ElementsAre("3-4"));
  tracker->finish();
  EXPECT_THAT(heard.ends, ElementsAre("toy B"));
  EXPECT_EQ(tracker->flows(), 0U);
}

TEST_F(TrackerTest, CutsMessagesAnywhere) {
  handshake();
  base::ByteVec all = message('Q', "!one");
  const auto second = message('Q', "2two");
  all.insert(all.end(), second.begin(), second.end());
  for (std::size_t i = 0; i < all.size(); ++i)
    tcp(true, 100 + static_cast<std::uint32_t>(i), {all[i]});
  // With the packets that completed them.
  EXPECT_THAT(heard.messages, ElementsAre("8A !one", "14A 2two"));
}

TEST_F(TrackerTest, NeedsNoStartAndOneSideIsEnough) {
  port = 9000;
  tcp(true, 5000, base::ByteVec{'z', 'z', 'z', 'z'});  // the end of something
  tcp(true, 5004, message('Q', "!one"));
  tcp(true, 5010, message('Q', "2two"));
  EXPECT_THAT(heard.messages, ElementsAre("2A !one", "3A 2two"));
}

TEST_F(TrackerTest, BelievesWhatIsLikelyWhenMoreFits) {
  port = 9000;
  handshake();
  tcp(true, 100, message('Q', "1one"));
  EXPECT_THAT(heard.messages, IsEmpty());
  tcp(false, 500, message('R', "1two"));
  EXPECT_THAT(heard.messages, ElementsAre("3A 1one", "4B 1two"));
}

TEST_F(TrackerTest, BelievesTwoMessagesOfOneSide) {
  port = 9000;
  tcp(true, 100, message('Q', "1one"));
  tcp(true, 106, message('Q', "2two"));
  EXPECT_THAT(heard.messages, ElementsAre("1A 1one", "2A 2two"));
}

TEST_F(TrackerTest, SaysWhatIsUnexpectedOnAPort) {
  port = 8000;
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tracker->finish();
  EXPECT_THAT(heard.ends, ElementsAre("toy not other B"));
}

TEST_F(TrackerTest, BelievesTheAnswerWhenItSpeaksSomethingElse) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(false, 500, base::ByteVec{'Z', 'Z'});
  tracker->finish();
  EXPECT_THAT(heard.messages, ElementsAre("3A !one"));
  EXPECT_THAT(heard.ends, ElementsAre("other not toy B"));
}

TEST_F(TrackerTest, StaysWithWhatItKnowsWhenNobodyKnowsTheAnswer) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(false, 500, base::ByteVec{'z', 'z'});
  tcp(false, 502, message('R', "!two"));
  tracker->finish();
  EXPECT_THAT(heard.messages, ElementsAre("3A !one", "5B !two"));
  EXPECT_THAT(heard.ends, ElementsAre("toy B"));
}

TEST_F(TrackerTest, GivesUpWhatNobodyWants) {
  port = 8000;
  handshake();
  for (std::uint32_t i = 0; i < 20; ++i)
    tcp(true, 100 + i * 4, base::ByteVec{'z', 'z', 'z', 'z'});
  tcp(true, 180, message('Q', "!one"));
  EXPECT_THAT(heard.messages, IsEmpty());
  EXPECT_EQ(tracker->counts().of(FlowCount::Unidentified), 1U);
  EXPECT_EQ(tracker->held_bytes(), 0U);
  tracker->finish();
  EXPECT_THAT(heard.ends, ElementsAre("- not other B"));
}

TEST_F(TrackerTest, FindsTheNextMessageAfterAGap) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  // Bytes 106 to 120 are missing; what comes is the end of a message, then whole ones.
  tcp(true, 120, base::ByteVec{'z', 'z', 'Q', 2, '3', 'x'});
  EXPECT_THAT(heard.messages, ElementsAre("3A !one"));
  tcp(false, 500, message('R', "!ok"), packet::kAck, 126);
  EXPECT_THAT(heard.messages, ElementsAre("3A !one", "5A 3x", "5B !ok"));
  EXPECT_EQ(tracker->counts().of(FlowCount::Gaps), 1U);
}

TEST_F(TrackerTest, TimeEndsWaitingForWhatIsMissing) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(true, 110, message('Q', "2two"));
  pass(std::chrono::seconds(1));
  EXPECT_EQ(heard.messages.size(), 1U);
  pass(std::chrono::seconds(3));
  EXPECT_THAT(heard.messages, ElementsAre("3A !one", "4A 2two"));
}

TEST_F(TrackerTest, ShowsOnlyTheBeginningOfALongMessage) {
  handshake();
  base::ByteVec bytes(1000, 'x');
  bytes[0] = 'Q';
  bytes[1] = 255;
  bytes[2] = '!';
  tcp(true, 100, {bytes.begin(), bytes.begin() + 500});
  EXPECT_THAT(heard.messages, IsEmpty());
  tcp(true, 600, {bytes.begin() + 500, bytes.end()});
  tcp(true, 1100, message('Q', "2two"));
  EXPECT_THAT(heard.messages, ElementsAre("4A !xxxxxxx", "5A 2two"));
}

TEST_F(TrackerTest, TellsRequestsWithoutAnswer) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  pass(std::chrono::seconds(20));
  EXPECT_THAT(heard.transactions, IsEmpty());
  pass(std::chrono::seconds(20));
  EXPECT_THAT(heard.transactions, ElementsAre("3-0"));
}

TEST_F(TrackerTest, AnotherConnectionOfTheSameEndsIsAnotherFlow) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(true, 9000, {}, packet::kSyn);
  tcp(true, 9001, message('Q', "!two"));
  EXPECT_THAT(heard.messages, ElementsAre("3A !one", "5A !two"));
  EXPECT_THAT(heard.ends, ElementsAre("toy B"));
  EXPECT_THAT(heard.transactions, ElementsAre("3-0"));
}

TEST_F(TrackerTest, ReportsConflictingBytes) {
  handshake();
  tcp(true, 100, message('Q', "!one"));
  tcp(true, 100, message('Q', "!two"));
  EXPECT_THAT(heard.issues, ElementsAre("TCP bytes were sent again with other content"));
}

TEST_F(TrackerTest, ReadsDatagrams) {
  udp(true, message('Q', "1one=pump"));
  udp(false, message('R', "1??"));
  EXPECT_THAT(heard.messages, ElementsAre("1A 1one=pump", "2B 1??"));
  EXPECT_THAT(heard.facts, ElementsAre("pump"));
  EXPECT_THAT(heard.issues, ElementsAre("unclear"));
  EXPECT_THAT(heard.transactions, ElementsAre("1-2"));
}

TEST_F(TrackerTest, BelievesTheSecondLikelyDatagramAndTellsTheFirst) {
  port = 9000;
  udp(true, base::ByteVec{'z'});
  udp(true, message('Q', "1one"));
  EXPECT_THAT(heard.messages, IsEmpty());
  udp(true, message('Q', "2two"));
  EXPECT_THAT(heard.messages, ElementsAre("2A 1one", "3A 2two"));
}

TEST_F(TrackerTest, ReadsLinkLayerPacketsBySelector) {
  const auto bytes = message('Q', "one");
  Packet packet = make(Transport::Link, true);
  packet.from.ip = packet.to.ip = {};
  packet.from.port = packet.to.port = 0;
  packet.payload = bytes;
  packet.selector = 0x88B5;
  tracker->take(packet, now);
  packet.selector = 0x1234;
  tracker->take(packet, now);
  EXPECT_THAT(heard.messages, ElementsAre("1A one"));
  EXPECT_EQ(tracker->counts().of(FlowCount::UnknownSelector), 1U);
}

TEST_F(TrackerTest, SilentFlowsEnd) {
  tcp(true, 99, {}, packet::kSyn);
  pass(std::chrono::seconds(31));
  EXPECT_EQ(tracker->flows(), 0U);
  udp(true, message('Q', "1one"));
  pass(std::chrono::minutes(90));
  EXPECT_EQ(tracker->flows(), 1U);  // plants are patient
  pass(std::chrono::minutes(31));
  EXPECT_EQ(tracker->flows(), 0U);
}

TEST_F(TrackerTest, HalfOpenFlowsMakeRoomFirst) {
  reset({.flows = 3, .reassembly = 1000});
  port = 7000;
  udp(true, message('Q', "1one"));
  for (std::uint16_t to = 1; to <= 6; ++to) {
    port = to;
    tcp(true, 99, {}, packet::kSyn);
  }
  EXPECT_EQ(tracker->flows(), 3U);
  EXPECT_EQ(tracker->counts().of(FlowCount::Evicted), 4U);
  port = 7000;
  udp(false, message('R', "1two"));
  EXPECT_THAT(heard.transactions, ElementsAre("1-8")) << "the industrial flow must have been kept";
}

TEST_F(TrackerTest, KeepsVlansApart) {
  const auto bytes = message('Q', "1one");
  Packet packet = make(Transport::Udp, true);
  packet.payload = bytes;
  for (const std::uint16_t vlan : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{1}}) {
    packet.vlan = vlan;
    tracker->take(packet, now);
  }
  EXPECT_EQ(tracker->flows(), 2U);
}

}  // namespace sensor::flow
