#include "dissect/synchrophasor/synchrophasor.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::synchrophasor {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// Bit by bit, as annex B describes it.
std::uint16_t crc(base::ByteView bytes) {
  unsigned int sum = 0xffff;
  for (const std::uint8_t byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) {
      const unsigned int top = (sum >> 15U ^ static_cast<unsigned int>(byte) >> bit) & 1U;
      sum = (sum << 1U ^ (top != 0 ? 0x1021U : 0U)) & 0xffffU;
    }
  }
  return static_cast<std::uint16_t>(sum);
}

// A frame of stream 7: size, time and checksum are filled in.
base::ByteVec frame(std::uint8_t kind, std::string_view body) {
  const base::ByteVec inner = bytes_of(body);
  const std::size_t size = 16 + inner.size();
  base::ByteVec all = bytes_of("aa00 0000 0007 65000000 0a000001");
  all[1] = kind;
  all[2] = static_cast<std::uint8_t>(size >> 8U);
  all[3] = static_cast<std::uint8_t>(size);
  all.insert(all.end(), inner.begin(), inner.end());
  const std::uint16_t sum = crc(all);
  all.push_back(static_cast<std::uint8_t>(sum >> 8U));
  all.push_back(static_cast<std::uint8_t>(sum));
  return all;
}

std::string name(std::string_view text) {
  std::string hex;
  for (std::size_t i = 0; i < 16; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(i < text.size() ? text[i] : ' ');
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

// One PMU: a float polar phasor, an integer analog, a digital word, float frequency.
std::string one_station(std::string_view station = "NORTH") {
  std::string block = name(station) + "0007 000b 0001 0001 0001";
  for (int i = 0; i < 18; ++i)
    block += name("C" + std::to_string(i));
  return block + "00000064 01000010 0000ffff 0001 0003";
}
std::string configuration() {
  return "000f4240 0001" + one_station() + "0032";
}
constexpr std::string_view kData = "0000 43660000 3f800000 42480000 00000000 0010 8001";

Conversation talk() {
  return Conversation(kProtocol, 4712);
}

TEST(Synchrophasor, MatchesWhatWasAskedFor) {
  Conversation flow = talk();
  flow.client(frame(0x41, "0005")).server(frame(0x31, configuration()));
  flow.client(frame(0x41, "0002")).server(frame(0x01, kData));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "send configuration 2");
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigRead);
  EXPECT_EQ(kept.transactions[0].unit, 7U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[0].objects.at(0), (NamedObject{"PMU", "NORTH", 7, 1}));
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "data transmission on");
  EXPECT_EQ(kept.transactions[2].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[2].access, Access::Read);
  EXPECT_EQ(kept.transactions[2].objects.at(0).name, "NORTH");
  EXPECT_EQ(kept.fact(Fact::Name), "NORTH");
  EXPECT_EQ(kept.detail("phasor_magnitude"), "230.000000");
  EXPECT_EQ(kept.detail("frequency"), "50.000000");
  EXPECT_EQ(kept.detail("analog"), "16.000000");
  EXPECT_EQ(kept.detail("digital"), "32769");
  EXPECT_EQ(kept.detail("nominal_frequency"), "50");
  EXPECT_EQ(kept.detail("time_quality"), "10");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Synchrophasor, ReadsWhatComesByItself) {
  Conversation flow(kProtocol, 4713, Transport::Udp);
  flow.server(frame(0x01, kData)).server(frame(0x31, configuration()));
  flow.server(frame(0x01, kData)).server(frame(0x11, "48656c6c6f"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_TRUE(kept.transactions[0].objects.empty()) << "nothing said yet what is in it";
  for (const Transaction& one : kept.transactions)
    EXPECT_EQ(one.kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[2].objects.size(), 1U);
  EXPECT_EQ(kept.transactions[3].access, Access::Discovery);
  EXPECT_EQ(kept.detail("header"), "Hello");
}

TEST(Synchrophasor, ReadsIntegers) {
  Conversation flow = talk();
  // Rectangular integer phasor, deviation and change of frequency.
  flow.server(frame(0x31, "000f4240 0001" + name("S") + "0001 0000 0001 0000 0000" + name("V") +
                              "00000064 0000 0001 0032"));
  flow.server(frame(0x01, "0000 ffff 0002 fff6 0032"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.detail("phasor_real"), "-1.000000");
  EXPECT_EQ(kept.detail("phasor_imaginary"), "2.000000");
  EXPECT_EQ(kept.detail("frequency_deviation"), "-10.000000");
  EXPECT_EQ(kept.detail("frequency_change"), "0.500000");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

std::string configuration_3() {
  // No digital words: the names of one phasor only.
  return "000f4240 0001 0253 4e 0007 000102030405060708090a0b0c0d0e0f"
         "000b 0001 0000 0000 024132"
         "0000 00 00 3f800000 00000000"
         "42480000 41200000 43000000 4d 00000010 00000005 0000 0002 0032";
}

TEST(Synchrophasor, ReadsConfiguration3InPieces) {
  const std::string whole = [] {
    std::string text;
    for (const char c : configuration_3())
      if (c != ' ') text += c;
    return text;
  }();
  Conversation flow = talk();
  flow.client(frame(0x42, "0006"));
  flow.server(frame(0x52, "0001" + whole.substr(0, 40)));
  flow.server(frame(0x52, "0002" + whole.substr(40, 30)));
  flow.server(frame(0x52, "ffff" + whole.substr(70)));
  flow.server(frame(0x02, "0000 43660000 3f800000 42480000 00000000"));
  Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
  EXPECT_EQ(kept.detail("station"), "SN");
  EXPECT_EQ(kept.detail("channel"), "A2");
  EXPECT_EQ(kept.detail("latitude"), "50.000000");
  EXPECT_EQ(kept.detail("service_class"), "M");
  EXPECT_EQ(kept.transactions.back().objects.at(0).name, "SN");
}

TEST(Synchrophasor, KnowsWhatCommandsDo) {
  struct Case {
    std::string_view command;
    Access access;
  };
  static constexpr Case kCases[] = {
      {"0001", Access::Session},    {"0002", Access::Session},    {"0003", Access::Discovery},
      {"0004", Access::ConfigRead}, {"0005", Access::ConfigRead}, {"0006", Access::ConfigRead},
      {"0008 0102", Access::Write}, {"0123", Access::Write},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(frame(0x41, one.command));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.command;
    EXPECT_TRUE(kept.issues.empty()) << one.command;
  }
}

TEST(Synchrophasor, TellsErrorsOfData) {
  Conversation flow = talk();
  flow.server(frame(0x31, configuration()));
  std::string data(kData);
  data[0] = 'c';
  flow.server(frame(0x01, data));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.back().status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions.back().status.name, "PMU error, data unusable");
}

TEST(Synchrophasor, NamesWhatIsWrong) {
  Conversation flow = talk();
  base::ByteVec bad = frame(0x01, kData);
  bad.back() ^= 1U;
  flow.server(bad);
  flow.server(frame(0x31, "000f4240 0002" + one_station()));
  flow.server(frame(0x31, configuration())).server(frame(0x01, "0000 0000"));
  flow.client(frame(0x41, "0009"));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {"checksum is wrong", "shorter than its counts say",
                                             "data that do not fit their configuration",
                                             "command that does not exist"};
  EXPECT_EQ(kept.issues, expected);
}

// A datagram is told with what is wrong with it; in a stream it is not a place where one begins.
TEST(Synchrophasor, NoFrameHasAVersionOrTypeThatDoesNotExist) {
  Conversation datagrams(kProtocol, 4713, Transport::Udp);
  datagrams.client(frame(0x43, "0002")).client(frame(0x61, ""));
  EXPECT_EQ(datagrams.done().issues, (std::vector<std::string>{"version that does not exist",
                                                               "frame type that does not exist"}));
  Conversation stream = talk();
  EXPECT_EQ(stream.session().frame(Side::A, frame(0x43, "0002")).kind, Frame::Kind::Lost);
  EXPECT_EQ(stream.session().frame(Side::A, frame(0x61, "")).kind, Frame::Kind::Lost);
  EXPECT_EQ(stream.session().frame(Side::A, frame(0x41, "0002")).kind, Frame::Kind::Pdu);
}

TEST(Synchrophasor, FindsFramesAgain) {
  Conversation flow = talk();
  base::ByteVec bytes = bytes_of("aa 2a 0100 7000 02f36700 0aaa0100 0010");
  const std::size_t before = bytes.size();
  const base::ByteVec next = frame(0x41, "0002");
  bytes.insert(bytes.end(), next.begin(), next.end());
  EXPECT_EQ(flow.session().resync(Side::A, bytes), before);
  bytes.back() ^= 1U;
  EXPECT_EQ(flow.session().resync(Side::A, bytes), std::nullopt);
}

TEST(Synchrophasor, IsCutAnywhere) {
  Conversation flow = talk();
  const base::ByteVec one = frame(0x31, configuration());
  for (const std::uint8_t byte : one)
    flow.server(base::ByteView(&byte, 1));
  EXPECT_EQ(flow.done().transactions.size(), 1U);
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeSynchrophasor, NeedsItsChecksum) {
  base::ByteVec one = frame(0x41, "0002");
  EXPECT_EQ(match(one, Transport::Udp), Match::Yes);
  EXPECT_EQ(match(one, Transport::Tcp), Match::Yes);
  one.back() ^= 1U;
  EXPECT_EQ(match(one, Transport::Udp), Match::No);
  one.resize(10);
  EXPECT_EQ(match(one, Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match(base::ByteVec(20, 0xaa), Transport::Udp), Match::No);
}

}  // namespace
}  // namespace dissect::synchrophasor
