#include "dissect/mms/mms.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::mms {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec element(std::uint8_t tag, const base::ByteVec& content) {
  base::ByteVec all = {tag};
  if (content.size() >= 0x80) all.push_back(0x81);
  all.push_back(static_cast<std::uint8_t>(content.size()));
  all.insert(all.end(), content.begin(), content.end());
  return all;
}

base::ByteVec joined(base::ByteVec first, const base::ByteVec& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

base::ByteVec tpkt(const base::ByteVec& content) {
  base::ByteVec all = joined(bytes_of("0300 0000 02 f0 80"), content);
  all[2] = static_cast<std::uint8_t>(all.size() >> 8U);
  all[3] = static_cast<std::uint8_t>(all.size());
  return all;
}

// A message in the data of a session that stands.
base::ByteVec mms(std::string_view message) {
  const base::ByteVec list =
      element(0x30, joined(bytes_of("02 01 03"), element(0xa0, bytes_of(message))));
  return tpkt(joined(bytes_of("01 00 01 00"), element(0x61, list)));
}

Conversation talk() {
  return Conversation(kProtocol, 102);
}

std::string object_of(const Transaction& one) {
  if (one.objects.empty()) return {};
  return std::string(one.objects[0].space) + '|' + one.objects[0].name;
}

TEST(Mms, ReadsVariables) {
  Conversation flow = talk();
  // Domain "D", item "LLN0$ST$Mod".
  flow.client(
      mms("a0 20 02 01 07 a4 1b a1 19 a0 17 30 15 a0 13 a1 11 1a 01 44 1a 0c"
          "4c4c4e30 24 5354 24 4d6f6431"));
  flow.server(mms("a1 0a 02 01 07 a4 05 a1 03 85 01 05"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "read");
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  EXPECT_EQ(object_of(kept.transactions[0]), "variable|D/LLN0$ST$Mod1");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("integer"), "5");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Mms, TellsSettingsFromValues) {
  Conversation flow = talk();
  // Item "A$CF$b" is written, and refused.
  flow.client(
      mms("a0 1c 02 01 08 a5 17 a0 10 30 0e a0 0c a1 0a 1a 01 44 1a 05 4124434624 a0 03 83 01 01"));
  flow.server(mms("a1 08 02 01 08 a5 03 80 01 03"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "object access denied");
}

TEST(Mms, IdentifiesWhoAnswers) {
  Conversation flow = talk();
  flow.client(mms("a0 05 02 01 01 82 00"));
  flow.server(mms("a1 12 02 01 01 a2 0d 80 03 414243 81 02 4d31 82 02 3132"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Vendor), "ABC");
  EXPECT_EQ(kept.fact(Fact::Model), "M1");
  EXPECT_EQ(kept.fact(Fact::Firmware), "12");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Discovery);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Mms, TellsStatus) {
  Conversation flow = talk();
  flow.client(mms("a0 06 02 01 01 80 01 00"));
  flow.server(mms("a1 0b 02 01 01 a0 06 80 01 00 81 01 01"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).sub_operation.name, "partially operational");
}

struct Case {
  std::string_view message;
  std::string_view operation;
  Access access;
  std::string_view object;
};

TEST(Mms, KnowsWhatServicesDo) {
  static constexpr Case kCases[] = {
      {"a0 0b 02 01 01 bf 28 05 80 03 505231", "start", Access::Start, "program invocation|PR1"},
      {"a0 0b 02 01 01 bf 29 05 80 03 505231", "stop", Access::Stop, "program invocation|PR1"},
      {"a0 0b 02 01 01 bf 2b 05 80 03 505231", "reset", Access::Reset, "program invocation|PR1"},
      {"a0 0d 02 01 01 ba 08 80 03 444f4d a1 01 00", "initiateDownloadSequence",
       Access::ProgramDownload, "domain|DOM"},
      {"a0 09 02 01 01 9f 1d 03 444f4d", "initiateUploadSequence", Access::ProgramUpload,
       "domain|DOM"},
      {"a0 0e 02 01 01 bf 48 08 a0 03 19 01 46 81 01 00", "fileOpen", Access::File, "file|F"},
      {"a0 0e 02 01 01 a1 09 a0 03 80 01 09 a1 02 80 00", "getNameList", Access::Discovery, ""},
      {"a8 07 80 01 05 81 02 000a", "initiate", Access::Session, ""},
      {"8b 00", "conclude", Access::Session, ""},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(mms(one.message));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.operation;
    EXPECT_EQ(kept.transactions[0].operation.name, one.operation);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.operation;
    EXPECT_EQ(object_of(kept.transactions[0]), one.object) << one.operation;
    EXPECT_TRUE(kept.issues.empty()) << one.operation << ": " << kept.issues[0];
  }
}

TEST(Mms, TellsErrorsAndRejections) {
  Conversation flow = talk();
  flow.client(mms("a0 05 02 01 01 82 00")).client(mms("a0 05 02 01 02 82 00"));
  flow.server(mms("a2 0a 80 01 01 a2 05 a0 03 87 01 02"));
  flow.server(mms("a4 06 80 01 02 81 01 01"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "access");
  EXPECT_EQ(kept.transactions[0].status.code, 0x702U);
  EXPECT_EQ(kept.transactions[1].status.name, "rejected");
}

TEST(Mms, ReportsAreOneWay) {
  Conversation flow = talk();
  flow.server(mms("a3 13 a0 11 a1 05 80 03 525054 a0 08 85 01 ff 83 01 01 80 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[0].operation.name, "informationReport");
  EXPECT_EQ(object_of(kept.transactions[0]), "variable list|RPT");
  EXPECT_EQ(kept.detail("integer"), "-1.000000");
}

TEST(Mms, OpensAnAssociation) {
  const base::ByteVec initiate = bytes_of("a8 03 80 01 05");
  const base::ByteVec external =
      element(0x28, joined(bytes_of("02 01 03"), element(0xa0, initiate)));
  const base::ByteVec association = element(0x60, element(0xbe, external));
  const base::ByteVec list =
      element(0x61, element(0x30, joined(bytes_of("02 01 01"), element(0xa0, association))));
  const base::ByteVec connect =
      element(0x31, joined(bytes_of("a0 03 80 01 01"), element(0xa2, list)));
  Conversation flow = talk();
  flow.client(tpkt(element(0x0d, element(0xc1, connect))));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "initiate");
  EXPECT_EQ(kept.detail("local_detail_calling"), "5");
}

TEST(Mms, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(mms("a0 02 82 00"));
  EXPECT_EQ(flow.done().issues.at(0), "message without invoke id");
  Conversation other = talk();
  other.client(mms("a0 03 02 01 01"));
  EXPECT_EQ(other.done().issues.at(0), "message without a service");
  Conversation none = talk();
  none.client(mms("30 00"));
  EXPECT_EQ(none.done().issues.at(0), "no MMS message");
}

Match match(const base::ByteVec& bytes) {
  const FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeMms, LooksForTheMessage) {
  EXPECT_EQ(match(mms("a0 05 02 01 01 82 00")), Match::Yes);
  EXPECT_EQ(match(tpkt(bytes_of("32 01 0000 0001 0001 0000 04"))), Match::Unsure);
  EXPECT_EQ(match(bytes_of("16 03 01")), Match::No);
}

}  // namespace
}  // namespace dissect::mms
