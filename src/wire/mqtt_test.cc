#include "wire/mqtt.h"

#include <string>

#include <gtest/gtest.h>

#include "base/text.h"

namespace wire::mqtt {
namespace {

using base::Code;

base::ByteVec from_hex(std::string text) {
  std::erase(text, ' ');
  return base::hex_decode(text).value();
}

base::ByteVec encoded(const Packet& packet) {
  base::ByteVec out;
  EXPECT_TRUE(encode(packet, out).has_value());
  return out;
}

TEST(DecodeMqtt, ReadsConnectOfTheNodeSdk) {
  // Keep-alive 180, clean session 0, user name and password.
  const auto bytes =
      from_hex("10 1a 0004 4d515454 04 c0 00b4 0002 6431 0003 682f78 0005 7061737377");
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().to_string();
  EXPECT_EQ(decoded->bytes, bytes.size());
  const auto& connect = std::get<Connect>(decoded->packet);
  EXPECT_EQ(connect.client_id, "d1");
  EXPECT_EQ(connect.keep_alive_seconds, 180);
  EXPECT_FALSE(connect.clean_session);
  EXPECT_EQ(connect.username, "h/x");
  ASSERT_TRUE(connect.password.has_value());
  EXPECT_EQ(base::as_text(*connect.password), "passw");
  EXPECT_FALSE(connect.will.has_value());
}

TEST(DecodeMqtt, ReadsPublishAndLeavesWhatFollows) {
  const auto bytes = from_hex("32 08 0001 61 0007 787979 c000");
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->bytes, 10U);
  const auto& publish = std::get<Publish>(decoded->packet);
  EXPECT_EQ(publish.topic, "a");
  EXPECT_EQ(publish.packet_id, 7);
  EXPECT_EQ(publish.qos, 1);
  EXPECT_EQ(base::as_text(publish.payload), "xyy");
}

struct BadPacket {
  const char* name;
  const char* hex;
  Code code;
};

class DecodeMqttRejects : public testing::TestWithParam<BadPacket> {};

TEST_P(DecodeMqttRejects, With) {
  const auto decoded = decode(from_hex(GetParam().hex), 1024);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().code, GetParam().code) << decoded.error().to_string();
}

INSTANTIATE_TEST_SUITE_P(
    Mqtt, DecodeMqttRejects,
    testing::Values(
        BadPacket{"NothingYet", "", Code::Truncated},
        BadPacket{"HalfALength", "30 80", Code::Truncated},
        BadPacket{"HalfABody", "32 08 0001 61", Code::Truncated},
        BadPacket{"TypeZero", "00 00", Code::Malformed},
        BadPacket{"TypeFifteen", "f0 00", Code::Malformed},
        BadPacket{"FlagsOnPingreq", "c1 00", Code::Malformed},
        BadPacket{"SubscribeWithoutItsFlag", "80 06 0001 0001 61 00", Code::Malformed},
        BadPacket{"FiveLengthBytes", "30 80808080 01", Code::Malformed},
        BadPacket{"LargerThanPermitted", "30 8008", Code::TooLarge},
        BadPacket{"OtherProtocol", "10 0c 0004 4d515458 04 02 0000 0000", Code::Malformed},
        BadPacket{"LevelThree", "10 0e 0006 4d5149736470 03 02 0000 0000", Code::Unsupported},
        BadPacket{"LevelFive", "10 0d 0004 4d515454 05 02 0000 00 0000", Code::Unsupported},
        BadPacket{"ReservedConnectFlag", "10 0c 0004 4d515454 04 03 0000 0000", Code::Malformed},
        BadPacket{"WillQosWithoutWill", "10 0c 0004 4d515454 04 0a 0000 0000", Code::Malformed},
        BadPacket{"WillRetainWithoutWill", "10 0c 0004 4d515454 04 22 0000 0000", Code::Malformed},
        BadPacket{"WillQosThree", "10 11 0004 4d515454 04 1e 0000 0000 0001 61 0000",
                  Code::Malformed},
        BadPacket{"PasswordWithoutUser", "10 0e 0004 4d515454 04 42 0000 0000 0000",
                  Code::Malformed},
        BadPacket{"ClientIdLongerThanPacket", "10 0c 0004 4d515454 04 02 0000 0001",
                  Code::Malformed},
        BadPacket{"BytesAfterConnect", "10 0d 0004 4d515454 04 02 0000 0000 00", Code::Malformed},
        BadPacket{"ConnackFlags", "20 02 02 00", Code::Malformed},
        BadPacket{"ConnackCodeSix", "20 02 00 06", Code::Malformed},
        BadPacket{"ConnackSessionAndRefused", "20 02 01 05", Code::Malformed},
        BadPacket{"QosThree", "36 05 0001 61 0001", Code::Malformed},
        BadPacket{"DupWithQosZero", "38 03 0001 61", Code::Malformed},
        BadPacket{"PacketIdZero", "32 05 0001 61 0000", Code::Malformed},
        BadPacket{"EmptyTopic", "30 02 0000", Code::Malformed},
        BadPacket{"WildcardInTopic", "30 05 0003 612f23", Code::Malformed},
        BadPacket{"PlusInTopic", "30 05 0003 612f2b", Code::Malformed},
        BadPacket{"TopicNotUtf8", "30 04 0002 c328", Code::Malformed},
        BadPacket{"TopicWithNul", "30 04 0002 6100", Code::Malformed},
        BadPacket{"TopicWithSurrogate", "30 05 0003 eda080", Code::Malformed},
        BadPacket{"TopicLongerThanPacket", "30 03 0004 61", Code::Malformed},
        BadPacket{"PubackTooLong", "40 03 0001 00", Code::Malformed},
        BadPacket{"PubackTooShort", "40 01 00", Code::Malformed},
        BadPacket{"PubackIdZero", "40 02 0000", Code::Malformed},
        BadPacket{"PubrelWithoutItsFlag", "60 02 0001", Code::Malformed},
        BadPacket{"SubscribeToNothing", "82 02 0001", Code::Malformed},
        BadPacket{"SubscribeQosThree", "82 06 0001 0001 61 03", Code::Malformed},
        BadPacket{"SubscribeWithoutQos", "82 05 0001 0001 61", Code::Malformed},
        BadPacket{"HashInTheMiddle", "82 08 0001 0003 232f61 00", Code::Malformed},
        BadPacket{"PlusInsideALevel", "82 07 0001 0002 612b 00", Code::Malformed},
        BadPacket{"SubackCodeThree", "90 03 0001 03", Code::Malformed},
        BadPacket{"SubackWithoutCode", "90 02 0001", Code::Malformed},
        BadPacket{"UnsubscribeFromNothing", "a2 02 0001", Code::Malformed},
        BadPacket{"PingreqWithABody", "c0 01 00", Code::Malformed},
        BadPacket{"DisconnectWithABody", "e0 01 00", Code::Malformed}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(DecodeMqtt, NoPrefixOfAPacketIsMalformed) {
  Connect connect;
  connect.client_id = "d/m";
  connect.will = Will{"devices/d/messages/events/", base::as_bytes("gone"), 1, true};
  connect.username = "h/d/m/?api-version=2021-04-12";
  connect.password = base::as_bytes("SharedAccessSignature x");
  const auto bytes = encoded(connect);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode(base::ByteView(bytes).first(size));
    ASSERT_FALSE(decoded.has_value()) << size;
    EXPECT_EQ(decoded.error().code, Code::Truncated) << size;
  }
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded.has_value());
  const auto& copy = std::get<Connect>(decoded->packet);
  ASSERT_TRUE(copy.will.has_value());
  EXPECT_EQ(copy.will->topic, "devices/d/messages/events/");
  EXPECT_EQ(copy.will->qos, 1);
  EXPECT_TRUE(copy.will->retain);
}

TEST(EncodeMqtt, AllTypesComeBackAsTheyWere) {
  const std::vector<Packet> packets = {Connect{.client_id = "c"},
                                       Connack{true, ConnectCode::Accepted},
                                       Connack{false, ConnectCode::NotAuthorized},
                                       Publish{"t/x", base::as_bytes("p"), 9, 1, true, true},
                                       Publish{"t", {}, 0, 0, false, false},
                                       Puback{1},
                                       Pubrec{2},
                                       Pubrel{3},
                                       Pubcomp{65'535},
                                       Subscribe{4, {{"a/#", 1}, {"+/b", 0}, {"#", 2}}},
                                       Suback{4, {1, 0, kSubscribeFailure}},
                                       Unsubscribe{5, {"a/#", "b"}},
                                       Unsuback{5},
                                       Pingreq{},
                                       Pingresp{},
                                       Disconnect{}};
  for (const Packet& packet : packets) {
    const auto bytes = encoded(packet);
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded.has_value()) << to_string(type_of(packet)) << decoded.error().to_string();
    EXPECT_EQ(decoded->packet.index(), packet.index());
    EXPECT_EQ(decoded->bytes, bytes.size());
    EXPECT_EQ(encoded(decoded->packet), bytes) << to_string(type_of(packet));
  }
}

TEST(EncodeMqtt, LengthFieldGrowsWhereTheStandardSaysSo) {
  // Section 2.2.3: 127, 16,383 and 2,097,151 are the last of one, two and three bytes.
  const std::pair<std::size_t, std::size_t> cases[] = {{127, 2},    {128, 3},       {16'383, 3},
                                                       {16'384, 4}, {2'097'151, 4}, {2'097'152, 5}};
  for (const auto& [remaining, header] : cases) {
    const base::ByteVec payload(remaining - 3, 'x');
    const auto bytes = encoded(Publish{.topic = "t", .payload = payload});
    EXPECT_EQ(bytes.size(), header + remaining);
    EXPECT_TRUE(decode(bytes).has_value());
  }
}

TEST(EncodeMqtt, RefusesWhatItWouldNotDecode) {
  const std::string long_text(65'536, 'a');
  const std::vector<std::pair<Packet, Code>> cases = {
      {Publish{.topic = long_text}, Code::TooLarge},
      {Publish{.topic = "a/#"}, Code::Invalid},
      {Publish{.topic = "a", .packet_id = 0, .qos = 1}, Code::Invalid},
      {Publish{.topic = "a", .packet_id = 1, .qos = 0}, Code::Invalid},
      {Publish{.topic = "a", .packet_id = 1, .qos = 3}, Code::Invalid},
      {Puback{0}, Code::Invalid},
      {Subscribe{1, {}}, Code::Invalid},
      {Subscribe{1, {{"a#", 0}}}, Code::Invalid},
      {Suback{1, {3}}, Code::Invalid},
      {Connect{.client_id = "c", .password = base::as_bytes("p")}, Code::Invalid},
      {Connack{true, ConnectCode::NotAuthorized}, Code::Invalid}};
  for (const auto& [packet, code] : cases) {
    base::ByteVec out = {1, 2, 3};
    const auto result = encode(packet, out);
    ASSERT_FALSE(result.has_value()) << to_string(type_of(packet));
    EXPECT_EQ(result.error().code, code);
    EXPECT_EQ(out, (base::ByteVec{1, 2, 3})) << "the buffer must stay as it was";
  }
}

TEST(MqttStream, CutsTheSamePacketsHoweverTheBytesArrive) {
  base::ByteVec bytes;
  const std::string large(9'000, 'x');
  for (std::uint16_t id = 1; id <= 3; ++id) {
    ASSERT_TRUE(
        encode_publish({"t", base::as_bytes(large), id, 1, false, false}, bytes).has_value());
    encode_puback(id, bytes);
  }
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{4096}, bytes.size()}) {
    Stream stream(10'000);
    std::string seen;
    for (std::size_t offset = 0; offset < bytes.size(); offset += step) {
      stream.feed(base::ByteView(bytes).subspan(offset, std::min(step, bytes.size() - offset)));
      for (;;) {
        const auto packet = stream.next();
        ASSERT_TRUE(packet.has_value()) << packet.error().to_string();
        if (!packet->has_value()) break;
        if (const auto* publish = std::get_if<Publish>(&**packet)) {
          EXPECT_EQ(base::as_text(publish->payload), large);
          seen += "P" + std::to_string(publish->packet_id);
        } else {
          seen += "A" + std::to_string(std::get<Puback>(**packet).packet_id);
        }
      }
    }
    EXPECT_EQ(seen, "P1A1P2A2P3A3") << "in steps of " << step;
    EXPECT_EQ(stream.pending_bytes(), 0U);
    stream.release();
    EXPECT_EQ(stream.capacity_bytes(), 0U);
  }
}

TEST(MqttStream, APacketCanBePutBackOnce) {
  Stream stream(1'000);
  base::ByteVec bytes;
  encode_puback(7, bytes);
  encode_puback(8, bytes);
  stream.feed(bytes);
  for (int i = 0; i < 3; ++i) {
    const auto packet = stream.next();
    ASSERT_TRUE(packet.has_value() && packet->has_value());
    EXPECT_EQ(std::get<Puback>(**packet).packet_id, 7);
    stream.unread();
  }
  EXPECT_EQ(std::get<Puback>(**stream.next()).packet_id, 7);
  EXPECT_EQ(std::get<Puback>(**stream.next()).packet_id, 8);
  EXPECT_EQ(stream.pending_bytes(), 0U);
}

TEST(MqttStream, RefusesALargePacketBeforeItArrives) {
  Stream stream(1'000);
  stream.feed(from_hex("30 e907"));  // 1,001 + 3 bytes announced
  const auto packet = stream.next();
  ASSERT_FALSE(packet.has_value());
  EXPECT_EQ(packet.error().code, Code::TooLarge);
}

TEST(MqttStream, NeverHoldsMoreThanAPacketAndARead) {
  Stream stream(100'000);
  base::ByteVec bytes;
  const std::string payload(90'000, 'x');
  ASSERT_TRUE(
      encode_publish({"t", base::as_bytes(payload), 1, 1, false, false}, bytes).has_value());
  std::size_t offset = 0;
  while (offset < bytes.size()) {
    const auto room = stream.room();
    const std::size_t count = std::min({room.size(), bytes.size() - offset, std::size_t{1'000}});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, room.begin());
    stream.filled(count);
    offset += count;
    ASSERT_TRUE(stream.next().has_value());
    EXPECT_LE(stream.capacity_bytes(), 100'000 + Stream::kReadBytes);
  }
}

}  // namespace
}  // namespace wire::mqtt
