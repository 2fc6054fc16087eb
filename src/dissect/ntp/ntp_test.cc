#include "dissect/ntp/ntp.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "dissect/text.h"

namespace dissect::ntp {
namespace {

using testing::bytes_of;
using testing::Conversation;

constexpr std::string_view kAsk =
    "23 00 06 ec 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000 "
    "e000000100000002";
constexpr std::string_view kAnswer =
    "24 01 06 ec 00000010 00000020 47505300 e000000000000000 e000000100000002 e000000200000000 "
    "e000000200000001";

TEST(Ntp, AnAnswerBelongsToItsRequest) {
  Conversation one(kProtocol, 123, Transport::Udp);
  one.client(bytes_of(kAsk));
  one.server(bytes_of(kAnswer));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("version"), "4");
  EXPECT_EQ(kept.detail("mode"), "3");
  EXPECT_EQ(kept.detail("poll"), "6");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "client");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "GPS");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ntp, ControlMessagesAreDiagnostics) {
  Conversation one(kProtocol, 123, Transport::Udp);
  one.client(bytes_of("16 02 0001 0000 0000 0000 0000"));
  const std::string text = "version=\"ntpd 4.2\", system=\"Linux/5\"";
  one.server(bytes_of("16 82 0001 0000 0000 0000 00" +
                      hex(base::ByteVec{static_cast<std::uint8_t>(text.size())}) +
                      hex(base::as_bytes(text))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Software), "ntpd 4.2");
  EXPECT_EQ(kept.fact(Fact::Os), "Linux/5");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "read variables");
  EXPECT_EQ(kept.transactions[0].access, Access::Diagnostics);
  EXPECT_TRUE(kept.transactions[0].answered);
}

TEST(Ntp, ReadStatusTellsAssociations) {
  Conversation one(kProtocol, 123, Transport::Udp);
  one.client(bytes_of("16 01 0001 0000 0000 0000 0000"));
  one.server(bytes_of("16 81 0001 0615 0000 0000 0008 1111 961a 2222 941d"));
  const auto& kept = one.done();
  std::string told;
  for (const auto& [name, value] : kept.details) {
    if (name == "association" || name == "peer_status") told += value + " ";
  }
  EXPECT_EQ(told, "0 0 4369 38426 8738 37917 ");
}

TEST(Ntp, OffItsPortAllOfItMustFit) {
  FlowInfo flow;
  flow.transport = Transport::Udp;
  flow.a.port = 40000;
  flow.b.port = 138;
  const auto probed = [&](std::string_view hex) {
    const base::ByteVec bytes = bytes_of(hex);
    return kProtocol.probe({flow, Side::A, bytes, {}});
  };
  EXPECT_EQ(probed(kAnswer), Match::Likely);
  // A precision above a second; a time of the year 1900; nothing that says when it was sent.
  EXPECT_EQ(probed("24 01 06 10 00000010 00000020 47505300 e000000000000000 e000000100000002 "
                   "e000000200000000 e000000200000001"),
            Match::No);
  EXPECT_EQ(probed("24 01 06 ec 00000010 00000020 47505300 e000000000000000 0000000100000002 "
                   "e000000200000000 e000000200000001"),
            Match::No);
  EXPECT_EQ(probed("24 01 06 ec 00000010 00000020 47505300 e000000000000000 e000000100000002 "
                   "e000000200000000 0000000000000000"),
            Match::No);
  flow.b.port = 123;
  EXPECT_EQ(probed("24 01 06 10 00000010 00000020 47505300 e000000000000000 e000000100000002 "
                   "e000000200000000 e000000200000001"),
            Match::Likely);
}

TEST(Ntp, TheMonitorListIsNamed) {
  Conversation one(kProtocol, 123, Transport::Udp);
  one.client(bytes_of("17 00 03 2a 00000000"));
  EXPECT_EQ(one.done().transactions.at(0).sub_operation.name, "monitor list");
}

TEST(Ntp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"", "message ends within its header"},
      {"23 00 06", "message ends within its header"},
      {"16 02 0001 0000 0000 0000 0009 00", "control message ends within its data"},
      {"17 00", "private message ends within its header"},
      {"23 20 06 ec 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000 "
       "e000000100000002",
       "stratum beyond 16"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 123, Transport::Udp);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

}  // namespace
}  // namespace dissect::ntp
