#include "dissect/s7commplus/s7commplus.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/s7commplus/values.h"
#include "dissect/testing.h"

namespace dissect::s7commplus {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec tpkt(const base::ByteVec& inner) {
  base::ByteVec all = bytes_of("0300 0000 02 f0 80");
  all.insert(all.end(), inner.begin(), inner.end());
  all[2] = static_cast<std::uint8_t>(all.size() >> 8U);
  all[3] = static_cast<std::uint8_t>(all.size());
  return all;
}

base::ByteVec piece(std::string_view data, bool last, std::uint8_t version = 2) {
  const base::ByteVec inner = bytes_of(data);
  base::ByteVec all = {0x72, version, static_cast<std::uint8_t>(inner.size() >> 8U),
                       static_cast<std::uint8_t>(inner.size())};
  all.insert(all.end(), inner.begin(), inner.end());
  if (last) {
    const base::ByteVec trailer = {0x72, version, 0, 0};
    all.insert(all.end(), trailer.begin(), trailer.end());
  }
  return tpkt(all);
}

base::ByteVec ask(std::string_view function, std::string_view body,
                  std::string_view sequence = "0001") {
  return piece("31 0000" + std::string(function) + "0000" + std::string(sequence) + "00000380 34" +
                   std::string(body),
               true);
}
base::ByteVec answer(std::string_view function, std::string_view body,
                     std::string_view sequence = "0001") {
  return piece(
      "32 0000" + std::string(function) + "0000" + std::string(sequence) + "34" + std::string(body),
      true);
}

Conversation talk() {
  return Conversation(kProtocol, 102);
}

std::string object_of(const Transaction& one) {
  if (one.objects.empty()) return {};
  const NamedObject& first = one.objects[0];
  return std::string(first.space) + '|' + first.name + '|' + std::to_string(first.first);
}

TEST(S7Plus, ReadsVariables) {
  Conversation flow = talk();
  // DB 6 (0x8a0e0006), value actual (2550), local id 22; then memory, id 9.
  flow.client(ask("054c", "00000000 02 09 00 88d0b88006 02 9376 16 00 52 02 00 09 00000000"));
  flow.server(answer("054c", "00 01 0004 8101 02 0007 fffe 00 00 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "get multiple variables");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  ASSERT_EQ(one.objects.size(), 2U);
  EXPECT_EQ(one.objects[0], (NamedObject{"DB", "6.22", 0, 0}));
  EXPECT_EQ(one.objects[1], (NamedObject{"memory", "", 9, 1}));
  EXPECT_EQ(kept.detail("value"), "129");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(S7Plus, WritesVariables) {
  Conversation flow = talk();
  flow.client(ask("0542", "00000000 01 05 00 88d0b88001 02 9376 0a 01 000e 41200000 00000000"));
  flow.server(answer("0542", "00 01 8fff 00 00"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).access, Access::Write);
  EXPECT_EQ(object_of(kept.transactions[0]), "DB|1.10|0");
  EXPECT_EQ(kept.transactions[0].status.name, "error of an item");
  EXPECT_EQ(kept.detail("value"), "10.000000");
}

TEST(S7Plus, KnowsStartAndStop) {
  Conversation flow = talk();
  flow.client(ask("04f2", "00000034 01 9077 0008 01 00000000"));
  flow.server(answer("04f2", "00 00000000"));
  flow.client(ask("04f2", "00000034 01 9077 0008 03 00000000", "0002"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Stop);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "stop");
  EXPECT_EQ(object_of(kept.transactions[0]), "object|CPU execution unit|2167");
  EXPECT_EQ(kept.transactions[1].access, Access::Start);
}

// A session: its name, and who the client is.
constexpr std::string_view kOpen =
    "0000011d 0004 00 00000000 a1 000000d3 821f 00 00 a3 8169 0015 0141 a3 8229 0015 03484d49"
    " a2 00000000";
constexpr std::string_view kOpened =
    "00 01 8706 a1 00000120 821f 00 00 a3 8232 0017 0000013a 823b 0004 02"
    " 823f 0015 1a 313b36455337203531312d31414b30302d304142303b56312e30 00 a2 00000000";

TEST(S7Plus, TellsTheController) {
  Conversation flow = talk();
  flow.client(ask("04ca", kOpen)).server(answer("04ca", kOpened));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).access, Access::Session);
  EXPECT_EQ(object_of(kept.transactions[0]), "class|session|0");
  EXPECT_EQ(kept.fact(Fact::OrderCode), "6ES7 511-1AK00-0AB0");
  EXPECT_EQ(kept.fact(Fact::Firmware), "1.0");
  EXPECT_EQ(kept.fact(Fact::Vendor), "Siemens");
  EXPECT_EQ(kept.fact(Fact::Software), "HMI");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view function;
  std::string_view body;
  Access access;
};

TEST(S7Plus, KnowsWhatFunctionsDo) {
  static constexpr Case kCases[] = {
      // A DB is made; one is deleted; a session is closed; code is explored; names only.
      {"04ca", "00000003 0004 00 00000000 a1 8a0e0002 940e 00 00 a2", Access::ProgramDownload},
      {"04d4", "8a0e0002 00000000", Access::ProgramDownload},
      {"04d4", "00000386 00000000", Access::Session},
      {"04bb", "8a0e0002 00 01 01 00 00 01 9365 00000000", Access::ProgramUpload},
      {"04bb", "00000003 00 01 01 00 00 01 8169 00000000", Access::ConfigRead},
      {"0586", "00000386 2004 01 822f 00000000", Access::Authentication},
      {"0542", "00000386 01 01 8232 01 0004 00", Access::Session},
      {"04f2", "1000006a 01 881d 0007 0006 00000000", Access::Read},
      {"0556", "", Access::Session},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(ask(one.function, one.body));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.body;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.function << one.body;
    EXPECT_TRUE(kept.issues.empty()) << one.body << kept.issues[0];
  }
}

TEST(S7Plus, ReadsSubscriptions) {
  Conversation flow = talk();
  flow.server(piece("33 1000006a 0400 0000 0000 01 05 92 ffffffff 0007 03e9 00 00000000", true));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(object_of(kept.transactions[0]), "subscription||0");
  EXPECT_EQ(kept.detail("subscription"), "268435562");
  EXPECT_EQ(kept.detail("sequence"), "5");
  EXPECT_EQ(kept.detail("value"), "1001");
}

TEST(S7Plus, PutsPiecesTogether) {
  Conversation flow = talk();
  flow.client(piece("31 0000 054c 0000 0001 00000380 34 00000000 01 05", false));
  flow.client(piece("00 88d0b88006 02 9376 16 00000000", true));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(object_of(kept.transactions[0]), "DB|6.22|0");
}

TEST(S7Plus, PassesDigestsBy) {
  Conversation flow = talk();
  flow.client(piece("20" + std::string(64, 'a') + "31 0000 0556 0000 0001 00000380 34", true, 3));
  EXPECT_EQ(flow.done().transactions.at(0).operation.name, "begin sequence");
}

TEST(S7Plus, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(piece("99 0000", true));
  flow.client(ask("0999", ""));
  flow.client(ask("054c", "00000000 ff"));
  flow.client(tpkt(bytes_of("72 02 0100 31")));
  flow.client(tpkt(bytes_of("16 03 03 0010"))).client(tpkt(bytes_of("17 03 03 0010")));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {
      "opcode that does not exist", "function that is not known", "not what its function has",
      "shorter than its length says", "hidden by TLS"};
  EXPECT_EQ(kept.issues, expected);
}

class Collected final : public Visitor {
 public:
  std::vector<std::int64_t> numbers;
  void value(std::uint32_t /*id*/, const Value& value) override { numbers.push_back(value.number); }
};

std::vector<std::int64_t> numbers_of(std::string_view hex, bool* ok = nullptr) {
  const base::ByteVec bytes = bytes_of(hex);
  Reader reader(bytes);
  Collected collected;
  read_value(reader, 1, collected);
  if (ok != nullptr) *ok = reader.ok() && reader.done();
  return collected.numbers;
}

TEST(S7PlusValues, AreReadByTheirType) {
  struct Expected {
    std::string_view hex;
    std::vector<std::int64_t> numbers;
  };
  const Expected cases[] = {
      {"0001 01", {1}},
      {"0002 ff", {255}},
      {"0006 ff", {-1}},
      {"0003 0102", {258}},
      {"0007 fffe", {-2}},
      {"0004 8880808000", {0x80000000LL}},
      {"0008 7f", {-1}},
      {"0008 bf7f", {8191}},
      {"0005 ffffffffffffffffff", {-1}},
      {"0012 00000120", {0x120}},
      {"1002 03 010203", {1, 2, 3}},
      {"4008 01 05 02 06 00", {5, 6}},
      {"0017 0000013a 01 0002 07 02 0017 00000001 03 0002 08 00 00", {7, 8}},
  };
  for (const Expected& one : cases) {
    bool ok = false;
    EXPECT_EQ(numbers_of(one.hex, &ok), one.numbers) << one.hex;
    EXPECT_TRUE(ok) << one.hex;
  }
}

TEST(S7PlusValues, AreBounded) {
  std::string nested;
  for (int i = 0; i < 100; ++i)
    nested += "0017 00000001 01";
  bool ok = true;
  numbers_of(nested, &ok);
  EXPECT_FALSE(ok);
  numbers_of("1000 8fffffff7f", &ok);
  EXPECT_FALSE(ok);
  numbers_of("0016 00", &ok);
  EXPECT_FALSE(ok);
}

Match match(const base::ByteVec& bytes) {
  FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeS7Plus, KnowsItsIdAndItsStations) {
  EXPECT_EQ(match(ask("054c", "")), Match::Yes);
  EXPECT_EQ(
      match(bytes_of("03000024 1f e0 0000 0001 00 c1020620 c210 53494d415449432d524f4f542d484d49"
                     "c0010a")),
      Match::Yes);
  EXPECT_EQ(match(tpkt(bytes_of("32 01 0000 0001 0008 0000 f0 00"))), Match::No);
  EXPECT_EQ(match(bytes_of("0300")), Match::Unsure);
}

}  // namespace
}  // namespace dissect::s7commplus
