#include "dissect/opcua/opcua.h"

#include <gtest/gtest.h>

#include "dissect/opcua/decode.h"
#include "dissect/opcua/service.h"
#include "dissect/testing.h"

namespace dissect::opcua {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// Writes the binary encoding.
class Body {
 public:
  Body& hex(std::string_view text) {
    out_.bytes(bytes_of(text));
    return *this;
  }
  Body& u32(std::uint32_t value) {
    out_.u32le(value);
    return *this;
  }
  Body& text(std::string_view value) {
    out_.u32le(static_cast<std::uint32_t>(value.size()));
    out_.text(value);
    return *this;
  }
  Body& bytes(base::ByteView value) {
    out_.bytes(value);
    return *this;
  }
  base::ByteVec done() const { return {out_.view().begin(), out_.view().end()}; }

  // Type, and the header of a request or of a response.
  static Body request(std::uint16_t type) {
    Body body;
    body.hex("01 00").hex(type_hex(type)).hex("02 0000 11000000 0000000000000000");
    return body.u32(7).u32(0).hex("ffffffff").u32(5000).hex("00 00 00");
  }
  static Body response(std::uint16_t type, std::uint32_t result = 0) {
    Body body;
    body.hex("01 00").hex(type_hex(type)).hex("0000000000000000");
    return body.u32(7).u32(result).hex("00 ffffffff 00 00 00");
  }

 private:
  static std::string type_hex(std::uint16_t type) {
    const base::ByteVec bytes = {static_cast<std::uint8_t>(type),
                                 static_cast<std::uint8_t>(type >> 8U)};
    std::string out;
    for (const std::uint8_t byte : bytes) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    }
    return out;
  }
  base::ByteWriter out_;
};

base::ByteVec chunk(std::string_view type, const base::ByteVec& rest) {
  base::ByteWriter out;
  out.text(type);
  out.u32le(static_cast<std::uint32_t>(8 + rest.size()));
  out.bytes(rest);
  return std::move(out).take();
}
base::ByteVec open(std::string_view policy, const base::ByteVec& body) {
  return chunk(
      "OPNF", Body().u32(0).text(policy).hex("ffffffff ffffffff").u32(1).u32(1).bytes(body).done());
}
base::ByteVec message(std::uint32_t id, const base::ByteVec& body, std::string_view type = "MSGF") {
  return chunk(type, Body().u32(3).u32(1).u32(id).u32(id).bytes(body).done());
}

constexpr std::string_view kNone = "http://opcfoundation.org/UA/SecurityPolicy#None";

TEST(Connection, IsGreetedAndOpened) {
  Conversation talk(kProtocol, 4840);
  talk.client(chunk(
      "HELF",
      Body().u32(0).u32(65535).u32(65535).u32(0).u32(0).text("opc.tcp://plant:4840/").done()));
  talk.server(chunk("ACKF", Body().u32(0).u32(65535).u32(65535).u32(0).u32(0).done()));
  talk.client(
      open(kNone, Body::request(446).u32(0).u32(0).u32(1).hex("ffffffff").u32(3600000).done()));
  talk.server(open(kNone, Body::response(449)
                              .u32(0)
                              .u32(3)
                              .u32(9)
                              .hex("0000000000000000")
                              .u32(3600000)
                              .hex("ffffffff")
                              .done()));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Hello");
  EXPECT_EQ(kept.transactions[0].objects,
            (std::vector<NamedObject>{{"endpoint", "opc.tcp://plant:4840/", 0, 0}}));
  EXPECT_TRUE(kept.transactions[0].answered);
  EXPECT_EQ(kept.transactions[1].operation.name, "OpenSecureChannel");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "issue");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("revised_lifetime"), "3600000");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Services, ReadAndItsResult) {
  Conversation talk(kProtocol, 4840);
  talk.client(message(5, Body::request(631)
                             .hex("0000000000000000")
                             .u32(2)
                             .u32(2)
                             .hex("03 0200")
                             .text("Pump.Speed")
                             .u32(13)
                             .hex("ffffffff 0000 ffffffff")
                             .hex("00 0c")
                             .u32(13)
                             .hex("ffffffff 0000 ffffffff")
                             .done()));
  talk.server(message(
      5, Body::response(634).u32(2).hex("01 0a 0000c03f 02 00003480").hex("ffffffff").done()));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "Read");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.objects, (std::vector<NamedObject>{{"node", "ns=2;s=Pump.Speed", 0, 0},
                                                   {"node", "i=12", 0, 0}}));
  EXPECT_EQ(one.status.outcome, Outcome::Failed);
  EXPECT_EQ(one.status.name, "BadNodeIdUnknown");
  EXPECT_EQ(kept.detail("value_real"), "1.500000");
  EXPECT_EQ(kept.detail("request_handle"), "7");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Services, WriteCallAndFault) {
  Conversation talk(kProtocol, 4840);
  talk.client(message(
      1,
      Body::request(673).u32(1).hex("01 01 e803").u32(13).hex("ffffffff 01 06 feffffff").done()));
  talk.server(message(1, Body::response(676).u32(1).u32(0x803b0000).hex("ffffffff").done()));
  talk.client(
      message(2, Body::request(712).u32(1).hex("00 0a 00 0b").u32(1).hex("0c").text("go").done()));
  talk.server(message(2, Body::response(397, 0x801f0000).done()));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].objects,
            (std::vector<NamedObject>{{"node", "ns=1;i=1000", 0, 0}}));
  EXPECT_EQ(kept.transactions[0].status.name, "BadNotWritable");
  EXPECT_EQ(kept.detail("value_signed"), "-2.000000");
  EXPECT_EQ(kept.transactions[1].operation.name, "Call");
  EXPECT_EQ(kept.transactions[1].objects, (std::vector<NamedObject>{{"node", "i=11", 0, 0}}));
  EXPECT_EQ(kept.detail("value_text"), "go");
  EXPECT_EQ(kept.transactions[1].status.name, "BadUserAccessDenied");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Identity, OfTheServersBuild) {
  const base::ByteVec build = Body()
                                  .text("urn:acme")
                                  .text("Acme")
                                  .text("Server 9")
                                  .text("1.2")
                                  .text("345")
                                  .hex("0000000000000000")
                                  .done();
  Conversation talk(kProtocol, 4840);
  talk.client(message(5, Body::request(631)
                             .hex("0000000000000000")
                             .u32(2)
                             .u32(2)
                             .hex("00 0c")
                             .u32(13)
                             .hex("ffffffff 0000 ffffffff")
                             .hex("01 00 d408")
                             .u32(13)
                             .hex("ffffffff 0000 ffffffff")
                             .done()));
  talk.server(message(5, Body::response(634)
                             .u32(2)
                             .hex("01 01 01")
                             .hex("01 16 01 00 5401 01")
                             .u32(static_cast<std::uint32_t>(build.size()))
                             .bytes(build)
                             .hex("ffffffff")
                             .done()));
  Kept& kept = talk.done();
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.fact(Fact::Model), "Server 9");
  EXPECT_EQ(kept.fact(Fact::Firmware), "1.2");
  EXPECT_EQ(kept.detail("build_number"), "345");
  EXPECT_TRUE(kept.issues.empty());
}

base::ByteVec application(std::string_view name) {
  return Body()
      .text("urn:host:app")
      .text("http://acme.example")
      .hex("03")
      .text("en")
      .text(name)
      .u32(0)
      .hex("ffffffff ffffffff")
      .u32(1)
      .text("opc.tcp://a")
      .done();
}

TEST(Identity, OfApplications) {
  Conversation talk(kProtocol, 4840);
  talk.client(message(1, Body::request(428).text("opc.tcp://a").hex("ffffffff ffffffff").done()));
  talk.server(message(1, Body::response(431)
                             .u32(1)
                             .text("opc.tcp://a")
                             .bytes(application("Line 4"))
                             .hex("ffffffff")
                             .u32(1)
                             .text(kNone)
                             .u32(1)
                             .text("anonymous")
                             .u32(0)
                             .hex("ffffffff ffffffff ffffffff")
                             .text("tcp")
                             .hex("00")
                             .done()));
  Kept& kept = talk.done();
  EXPECT_EQ(kept.fact(Fact::Name), "Line 4");
  EXPECT_EQ(kept.fact(Fact::Software), "http://acme.example");
  EXPECT_EQ(kept.detail("application_uri"), "urn:host:app");
  EXPECT_EQ(kept.detail("security_mode"), "1");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Identity, OfUsersButNotTheirPasswords) {
  const base::ByteVec token =
      Body().text("user").text("anna").text("secret").hex("ffffffff").done();
  Conversation talk(kProtocol, 4840);
  talk.client(message(1, Body::request(467)
                             .hex("ffffffff ffffffff ffffffff ffffffff")
                             .hex("01 00 4401 01")
                             .u32(static_cast<std::uint32_t>(token.size()))
                             .bytes(token)
                             .hex("ffffffff ffffffff")
                             .done()));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "user name");
  EXPECT_EQ(kept.fact(Fact::User), "anna");
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

TEST(Publishing, EventsAreAlarms) {
  const auto notification = [](std::string_view type) {
    return Body::response(829)
        .u32(4)
        .hex("ffffffff 00")
        .u32(1)
        .hex("0000000000000000")
        .u32(1)
        .hex("01 00")
        .hex(type)
        .hex("01 00000000")
        .hex("ffffffff ffffffff")
        .done();
  };
  Conversation talk(kProtocol, 4840);
  talk.client(message(1, Body::request(826).hex("ffffffff").done()));
  talk.server(message(1, notification("9403")));
  talk.client(message(2, Body::request(826).hex("ffffffff").done()));
  talk.server(message(2, notification("2b03")));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Alarm);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "event");
  EXPECT_EQ(kept.transactions[1].access, Access::Read);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "data change");
}

TEST(Chunks, ArePutTogether) {
  const base::ByteVec body = Body::request(631)
                                 .hex("0000000000000000")
                                 .u32(2)
                                 .u32(1)
                                 .hex("00 0c")
                                 .u32(13)
                                 .hex("ffffffff 0000 ffffffff")
                                 .done();
  const base::ByteVec first(body.begin(), body.begin() + 30);
  const base::ByteVec second(body.begin() + 30, body.end());
  Conversation talk(kProtocol, 4840);
  talk.client(message(1, first, "MSGC"));
  EXPECT_TRUE(talk.kept().transactions.empty());
  talk.client(message(1, second));
  talk.client(message(2, first, "MSGC")).client(message(2, {}, "MSGA"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"node", "i=12", 0, 0}}));
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Encryption, IsToldAsThat) {
  Conversation talk(kProtocol, 4840);
  talk.client(open("http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
                   bytes_of("00112233445566778899")));
  talk.client(chunk("MSGF", bytes_of("03000000 01000000 99887766554433221100ffeeddccbbaa")));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "OpenSecureChannel");
  EXPECT_EQ(kept.transactions[1].operation.name, "encrypted message");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Wrong, IsTold) {
  Conversation talk(kProtocol, 4840);
  talk.client(chunk("HELF", Body().u32(0).done()));
  talk.client(open(kNone, Body::request(631).hex("00").done()));
  talk.client(chunk("OPNF", Body().u32(0).u32(9999).done()));
  talk.client(open(kNone, bytes_of("01 00 0f27")));
  talk.client(message(3, bytes_of("01")));
  talk.server(chunk("ERRF", Body().u32(0x80800000).text("big").done()));
  // More elements than bytes.
  talk.client(message(4, Body::request(631).hex("0000000000000000").u32(2).u32(1000000).done()));
  Kept& kept = talk.done();
  EXPECT_EQ(kept.issues,
            (std::vector<std::string>{"greeting", "body of a service", "security header", "service",
                                      "type of a service", "body of a service"}));
  EXPECT_EQ(kept.detail("reason"), "big");
}

TEST(Values, OfEveryKind) {
  Kept kept;
  std::uint32_t status = 0;
  for (const std::string_view value :
       {"01 01 01", "01 83 02000000 01 02", "01 0c ffffffff", "01 0d 0000000000000000",
        "01 0e 00112233445566778899aabbccddeeff", "01 11 01 00 d408", "01 13 00003480",
        "01 14 0100 02000000 6869", "01 15 02 02000000 6869", "01 18 06 01000000", "01 17 01 01 01",
        "01 19 41 01000000 00",
        "3f 01 01 00000000 0000000000000000 0000"
        "0000000000000000 0000",
        "01 c6 01000000 05000000 01000000 01000000"}) {
    const base::ByteVec bytes = bytes_of(value);
    Reader reader(bytes);
    read_data_value(reader, kept, status);
    EXPECT_TRUE(reader.ok()) << value;
    EXPECT_TRUE(reader.done()) << value;
  }
  std::string deep = "01";
  for (int i = 0; i < 40; ++i)
    deep += "18";
  const base::ByteVec bytes = bytes_of(deep + "00");
  Reader reader(bytes);
  read_data_value(reader, kept, status);
  EXPECT_FALSE(reader.ok());
}

TEST(Ids, AreWrittenAsTheyUsuallyAre) {
  const auto written = [](std::string_view hex) {
    const base::ByteVec bytes = bytes_of(hex);
    Reader reader(bytes);
    return read_node_id(reader).written();
  };
  EXPECT_EQ(written("00 05"), "i=5");
  EXPECT_EQ(written("01 02 e803"), "ns=2;i=1000");
  EXPECT_EQ(written("02 0300 01000100"), "ns=3;i=65537");
  EXPECT_EQ(written("05 0100 02000000 abcd"), "ns=1;b=abcd");
  EXPECT_EQ(find_service(634)->name, "Read");
  EXPECT_EQ(find_service(632), nullptr);
  EXPECT_EQ(find_service(12212)->name, "RegisterServer2");
}

TEST(Probe, WantsAHeaderThatFits) {
  FlowInfo flow;
  const auto probe = [&](const base::ByteVec& bytes) {
    return kProtocol.probe({flow, Side::A, bytes, {}});
  };
  EXPECT_EQ(probe(chunk("HELF", base::ByteVec(24))), Match::Yes);
  EXPECT_EQ(probe(bytes_of("4845")), Match::Unsure);
  EXPECT_EQ(probe(bytes_of("48454c4f20776f72")), Match::No);
  EXPECT_EQ(probe(bytes_of("47")), Match::No);
  base::ByteVec two = chunk("HELF", {});
  two.insert(two.end(), 8, 0);
  EXPECT_EQ(probe(two), Match::No);
}

}  // namespace
}  // namespace dissect::opcua
