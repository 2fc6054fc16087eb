#include "dissect/described/described.h"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::described {
namespace {

using testing::bytes_of;
using testing::Conversation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Kept;

// A protocol with a length, an enum, a switch, and responses that do not say what they answer.
constexpr std::string_view kToy = R"({
  "name": "toy", "title": "Toy", "transports": ["tcp", "udp"], "ports": [7777],
  "frame": {"read": [{"field": "magic", "type": "u8", "is": 170}, {"field": "length", "type": "u8"}],
            "size": "length + 2", "most": 200},
  "enums": {
    "operations": {"1": {"name": "read", "access": "read"}, "2": {"name": "put", "access": "write"},
                   "3": {"name": "who", "access": "discovery"}},
    "results": {"0": "fine", "5": "no such place"}
  },
  "message": [
    {"field": "magic", "type": "u8", "is": "0xaa", "otherwise": "magic that is wrong"},
    {"field": "length", "type": "u8"},
    {"field": "flags", "type": "u8", "bits": {"answer": 7, "level": "0-2"}},
    {"field": "number", "type": "u16le"},
    {"if": "!answer", "then": [
      {"field": "operation", "type": "u8", "enum": "operations"},
      {"message": "request", "operation": "operation", "key": "number", "unit": "level", "bytes": "left"},
      {"remember": ["operation"], "key": "number"},
      {"use": "body"}
    ], "else": [
      {"field": "result", "type": "u8", "enum": "results"},
      {"recall": ["operation"], "key": "number", "found": "known"},
      {"message": "response", "operation": "operation", "key": "number"},
      {"status": "result"},
      {"if": "result == 0 && operation == 3", "then": [
        {"field": "version", "type": "u8"},
        {"field": "model", "type": "text_z"},
        {"tell": "model", "value": "{model}"},
        {"tell": "firmware", "value": "{{v{version}/{version:hex}, {result:name}}}"}
      ]}
    ]}
  ],
  "blocks": {
    "body": [
      {"switch": "operation", "cases": {
        "1": [{"repeat": [{"field": "place", "type": "u8"}, {"object": "cell", "first": "place", "count": 1}], "most": 4}],
        "2": [{"field": "count", "type": "u8"},
              {"within": "count", "do": [{"field": "name", "type": "text"}, {"object": "cell", "name": "<{name}>"}]},
              {"field": "value", "type": "i16"}]
      }}
    ]
  }
})";

std::unique_ptr<Description> compiled(std::string_view text) {
  auto made = Description::compile(text, "toy.json");
  EXPECT_TRUE(made.has_value()) << made.error().detail;
  return std::move(*made);
}

std::string problems(std::string_view text) {
  const auto made = Description::compile(text, "p.json");
  return made ? "none" : made.error().detail;
}

// A description whose message is these statements.
std::string with(std::string_view statements, std::string_view more = "") {
  return fmt::format(
      "{{\"name\":\"x\",\"title\":\"X\",\"transports\":[\"udp\"],{}\n\"message\":[\n{}\n]}}", more,
      statements);
}

TEST(Described, ReadsFieldsAndTellsATransaction) {
  const auto toy = compiled(kToy);
  Conversation flow(toy->protocol(), 7777);
  // Two requests in one piece, then the responses in two.
  flow.client(bytes_of("aa 06 03 0100 01 0709  aa 0a 02 0200 02 03 616263 fffe"));
  flow.server(bytes_of("aa 04 80")).server(bytes_of("0200 05  aa 04 80 0100 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  const Transaction& put = kept.transactions[0];
  EXPECT_EQ(put.protocol, "test");
  EXPECT_EQ(put.operation.name, "put");
  EXPECT_EQ(put.operation.code, 2U);
  EXPECT_EQ(put.access, Access::Write);
  EXPECT_EQ(put.unit, 2U);
  ASSERT_EQ(put.objects.size(), 1U);
  EXPECT_EQ(put.objects[0], (NamedObject{"cell", "<abc>", 0, 0}));
  EXPECT_EQ(put.status.outcome, Outcome::Failed);
  EXPECT_EQ(put.status.name, "no such place");
  EXPECT_EQ(put.request_bytes, 6U);
  const Transaction& read = kept.transactions[1];
  EXPECT_EQ(read.access, Access::Read);
  ASSERT_EQ(read.objects.size(), 2U);
  EXPECT_EQ(read.objects[1].first, 9U);
  EXPECT_EQ(read.status.outcome, Outcome::Ok);
  EXPECT_EQ(read.response_bytes, 6U);
  EXPECT_EQ(kept.detail("level"), "3");
  EXPECT_EQ(kept.detail("number"), "1");
  EXPECT_EQ(kept.detail("value"), "-2.000000");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Described, AResponseKnowsWhatWasAsked) {
  const auto toy = compiled(kToy);
  Conversation flow(toy->protocol(), 7777, Transport::Udp);
  flow.server(bytes_of("aa 09 80 0900 00 21 4d3100"));  // nobody asked: not looked into
  flow.client(bytes_of("aa 04 00 0900 03")).server(bytes_of("aa 09 80 0900 00 21 4d3100"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "");
  EXPECT_EQ(kept.transactions[1].operation.name, "who");
  ASSERT_EQ(kept.evidence_.size(), 2U);
  EXPECT_EQ(kept.fact(Fact::Model), "M1");
  EXPECT_EQ(kept.fact(Fact::Firmware), "{v33/21, fine}");
}

TEST(Described, RefusesWhatIsBroken) {
  const auto toy = compiled(kToy);
  Conversation flow(toy->protocol(), 7777, Transport::Udp);
  flow.client(bytes_of("ab 04 00 0900 03"));
  flow.client(bytes_of("aa 04 00 09"));
  flow.client(bytes_of("aa 04 00 0900 02 07 6161"));
  flow.client(bytes_of("aa 09 00 0900 01 0102030405"));
  EXPECT_THAT(flow.done().issues,
              ElementsAre("magic that is wrong", "shorter than its fields",
                          "shorter than its fields", "more repetitions than are read"));
  EXPECT_EQ(flow.kept().transactions.size(), 2U);
}

TEST(Described, IsFoundByContent) {
  const auto toy = compiled(kToy);
  const Protocol& protocol = toy->protocol();
  FlowInfo tcp;
  const auto judge = [&](std::string_view hex) {
    const base::ByteVec bytes = bytes_of(hex);
    return protocol.probe({tcp, Side::A, bytes, {}});
  };
  EXPECT_EQ(judge("aa 04 00 0900 03"), Match::Likely);
  EXPECT_EQ(judge("aa 04 00 0900 03 aa"), Match::Likely);
  EXPECT_EQ(judge(""), Match::Unsure);
  EXPECT_EQ(judge("aa"), Match::Unsure);
  EXPECT_EQ(judge("aa 04 00"), Match::Unsure);
  EXPECT_EQ(judge("ab 04 00 0900 03"), Match::No);
  EXPECT_EQ(judge("aa ff 00 0900 03"), Match::No) << "longer than any message";
  EXPECT_EQ(judge("aa 01 00"), Match::No) << "shorter than its fields";
  FlowInfo udp;
  udp.transport = Transport::Udp;
  const base::ByteVec cut = bytes_of("aa 04 00 09");
  EXPECT_EQ(protocol.probe({udp, Side::A, cut, {}}), Match::No);
}

TEST(Described, FindsTheNextMessageAfterAGap) {
  const auto toy = compiled(kToy);
  Conversation flow(toy->protocol(), 7777);
  flow.session().gap(Side::A);
  EXPECT_EQ(flow.session().resync(Side::A, bytes_of("0001 aa 04 00 0900 03 aa 04")), 2U);
}

TEST(Described, EndsMessagesAtASignAndTakesEscapesOut) {
  const auto line = compiled(R"({
    "name": "line", "title": "Line", "transports": ["tcp"],
    "frame": {"begins_with": ["0x10-0x1f", 5], "ends_with": [13, 10], "most": 16},
    "escape": {"sign": 125, "xor": 32},
    "message": [
      {"field": "kind", "type": "u8"},
      {"field": "text", "type": "bytes", "length": "left - 4"},
      {"checksum": "crc", "algorithm": "crc16-modbus", "byte_order": "little"},
      {"message": "one-way", "name": "said", "code": "kind", "access": "alarm"}
    ]
  })");
  Conversation flow(line->protocol());
  // 0x7d 0x22 is 0x02; the CRC of 10 02 follows, low byte first.
  flow.client(bytes_of("10 7d22 8db1 0d")).client(bytes_of("0a"));
  flow.client(bytes_of("10 7d23 8db1 0d0a"));
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("20 0d0a")).kind, Frame::Kind::Lost);
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("05 0d0a")).size, 3U);
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("05000000000000000000000000000000")).kind,
            Frame::Kind::Lost);
  const Kept& kept = flow.done();
  EXPECT_THAT(kept.issues, ElementsAre("checksum that is wrong"));
  EXPECT_EQ(kept.detail("text"), "\x02");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Alarm);
  EXPECT_EQ(kept.transactions[0].operation.code, 0x10U);
}

TEST(Described, ChecksSums) {
  const auto one = compiled(with(
      R"({"field":"a","type":"u16"},{"checksum":"sum","algorithm":"xor8"},
         {"message":"one-way","name":"m","unit":"sum"})"));
  Conversation good(one->protocol(), 0, Transport::Udp);
  good.client(bytes_of("1234 26"));
  EXPECT_TRUE(good.done().issues.empty());
  EXPECT_EQ(good.kept().transactions.at(0).unit, 0x26U);
  Conversation bad(one->protocol(), 0, Transport::Udp);
  bad.client(bytes_of("1234 27"));
  EXPECT_THAT(bad.done().issues, ElementsAre("checksum that is wrong"));
  EXPECT_TRUE(bad.kept().transactions.empty());
}

TEST(Described, TellsSeveralMessagesOfOnePdu) {
  const auto one = compiled(with(
      R"({"repeat":[{"field":"a","type":"u8"},{"message":"one-way","name":"m","code":"a"},
         {"object":"thing","first":"a * 2"},{"if":"a == 9","then":[{"also":true,"access":"stop"}]}]})"));
  Conversation flow(one->protocol(), 0, Transport::Udp);
  flow.client(bytes_of("0109"));
  const Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects.at(0).first, 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::None);
  EXPECT_EQ(kept.transactions[1].access, Access::Stop);
  EXPECT_EQ(kept.transactions[1].objects.size(), 1U);
}

TEST(Described, EndsInBoundedTime) {
  // 1024 times 1024 statements would be a million for each message.
  const auto one = compiled(with(
      R"({"repeat":[{"repeat":[{"let":"b","be":"1"}],"times":1024,"most":1024}],"times":"1 << 62","most":1024})"));
  Conversation flow(one->protocol(), 0, Transport::Udp);
  flow.client(bytes_of("00"));
  EXPECT_THAT(flow.done().issues, ElementsAre("more than is carried out"));
}

TEST(Described, UsesBlocksInBlocksToABound) {
  // Each nests twelve times and then uses the one before it.
  std::string blocks = R"("b0":[{"skip":0}])";
  std::string uses = R"({"use":"b0"})";
  for (int i = 1; i < 8; ++i) {
    std::string body = fmt::format(R"({{"use":"b{}"}})", i - 1);
    for (int j = 0; j < 12; ++j)
      body = R"({"if":1,"then":[)" + body + "]}";
    blocks += fmt::format(R"(,"b{}":[{}])", i, body);
    uses += fmt::format(R"(,{{"use":"b{}"}})", i);
  }
  const auto one = compiled(with(uses, "\"blocks\":{" + blocks + "},"));
  Conversation flow(one->protocol(), 0, Transport::Udp);
  flow.client(bytes_of("00"));
  EXPECT_THAT(flow.done().issues, ElementsAre("nested too deep"));
}

TEST(Described, AFrameMayBeAsLongAsItsFirstByteSays) {
  const auto one = compiled(R"({
    "name": "x", "title": "X", "transports": ["tcp"], "frame": {"size": "next", "most": 9},
    "message": [{"field": "size_told", "type": "u8"}, {"message": "one-way", "name": "m"}]
  })");
  Conversation flow(one->protocol());
  flow.client(bytes_of("0201 03")).client(bytes_of("0102"));
  EXPECT_EQ(flow.done().transactions.size(), 2U);
  EXPECT_EQ(flow.session().frame(Side::A, bytes_of("0a")).kind, Frame::Kind::Lost);
}

TEST(Described, RemembersTheLatestRequestsOnly) {
  const auto toy = compiled(kToy);
  Conversation flow(toy->protocol(), 7777, Transport::Udp);
  for (int i = 0; i < 65; ++i)
    flow.client(bytes_of(fmt::format("aa 04 00 {:02x}00 03", i)));
  flow.server(bytes_of("aa 09 80 0000 00 21 4d3100"));
  EXPECT_TRUE(flow.kept().evidence_.empty());
  flow.server(bytes_of("aa 09 80 4000 00 21 4d3100"));
  EXPECT_EQ(flow.kept().fact(Fact::Model), "M1");
}

struct Wrong {
  std::string_view text;
  std::string_view says;
};

TEST(Description, SaysWhereItIsWrong) {
  const Wrong kCases[] = {
      {"{\n  \"name\": \"x\",\n  \"title\" \"X\"}", "p.json:3: not JSON"},
      {"[]", "p.json:1: has to be an object"},
      {"{\n\"title\": \"X\"\n}", "\"name\" is missing"},
      {R"({"name":"Not Good","title":"X","transports":["udp"],"message":[]})", "small letters"},
      {R"({"name":"x","title":"X","transports":["udp","serial"],"message":[]})",
       "\"serial\" is not one of: tcp, udp, link, ip"},
      {R"({"name":"x","title":"X","transports":["tcp"],"message":[]})", "where messages end"},
      {R"({"name":"x","title":"X","transports":["link"],"message":[]})", "need \"selectors\""},
      {R"({"name":"x","title":"X","transports":["udp"],"mesage":[]})", "\"mesage\" is not known"},
  };
  for (const Wrong& one : kCases)
    EXPECT_THAT(problems(one.text), HasSubstr(one.says)) << one.text;
}

TEST(Description, SaysWhichStatementIsWrong) {
  const Wrong kCases[] = {
      {R"({"field":"a","type":"u8"},
{"field":"b","type":"u9"})",
       "p.json:4: \"u9\" is not a type"},
      {R"({"field":"a","type":"be"})", "\"be\" is not a type"},
      {R"({"field":"a","typ":"u8"})", "\"typ\" is not known here; \"type\"?"},
      {R"({"feld":"a","type":"u8"})", "a statement has one of"},
      {R"({"field":"a","type":"u8"},
{"skip":"aa + 1"})",
       "p.json:4: no field \"aa\" is read before this"},
      {R"({"comment":"x"},{"skip":"1 + "})", "a number or a name is missing"},
      {R"({"skip":"(1"})", "a ) is missing"},
      {R"({"skip":"1 2"})", "does not end here"},
      {R"({"field":"size","type":"u8"})", "cannot be a name"},
      {R"({"field":"a","type":"u8"},{"field":"a","type":"text"})", "of another kind"},
      {R"({"field":"a","type":"text"},{"skip":"a"})", "not a whole number"},
      {R"({"field":"a","type":"u8","bits":{"b":8}})", "from 0 to 7"},
      {R"({"field":"a","type":"u8","enum":"none"})", "there is no enum \"none\""},
      {R"({"use":"none"})", "there is no \"none\" in \"blocks\""},
      {R"({"switch":"1","cases":{"1-3":[],"2":[]}})", "2 is in two cases"},
      {R"({"switch":"1","cases":{"x":[]}})", "no number, range or list"},
      {R"({"message":"question"})", "\"question\" is not one of: request, response, one-way"},
      {R"({"message":"request","access":"wirte"})", "\"wirte\" is not one of: none, read, write"},
      {R"({"tell":"colour","value":"red"})", "is not one of: mac, ip"},
      {R"({"tell":"name","value":"{what}"})", "no field \"what\""},
      {R"({"checksum":"c","algorithm":"crc17"})", "is one of: sum8"},
      {R"({"repeat":[],"most":5000})", "from 1 to 1024"},
  };
  for (const Wrong& one : kCases)
    EXPECT_THAT(problems(with(one.text)), HasSubstr(one.says)) << one.text;
}

TEST(Description, FindsLoopsAndLeftovers) {
  EXPECT_THAT(
      problems(with(R"({"use":"a"})", R"("blocks":{"a":[{"use":"b"}],"b":[{"use":"a"}]},)")),
      HasSubstr("\"a\" uses itself"));
  EXPECT_THAT(problems(with(R"({"skip":1})", R"("blocks":{"a":[{"skip":1}]},)")),
              HasSubstr("nobody uses \"a\""));
  EXPECT_THAT(problems(with(R"({"skip":1})", R"("enums":{"e":{"1":"a","0x1":"b"}},)")),
              HasSubstr("1 is there twice"));
}

TEST(Description, IsBounded) {
  std::string deep = R"({"skip":1})";
  for (int i = 0; i < 17; ++i)
    deep = R"({"if":1,"then":[)" + deep + "]}";
  EXPECT_THAT(problems(with(deep)), HasSubstr("nested more than 16 times"));
  std::string many = R"({"skip":1})";
  for (int i = 0; i < 4096; ++i)
    many += R"(,{"skip":1})";
  EXPECT_THAT(problems(with(many)), HasSubstr("more than 4096 statements"));
  EXPECT_EQ(Description::compile(std::string(Description::kMostText + 1, ' '), "p").error().code,
            base::Code::TooLarge);
}

TEST(Builtin, IsThere) {
  for (const BuiltinFile& one : builtin_files())
    ASSERT_EQ(problems(one.text), "none") << one.name;
  EXPECT_EQ(builtin().size(), builtin_files().size());
  EXPECT_FALSE(builtin().empty());
}

}  // namespace
}  // namespace dissect::described
