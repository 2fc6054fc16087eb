#include "dissect/fox/fox.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::fox {
namespace {

using testing::Conversation;
using testing::Kept;

Match judge(std::string_view text) {
  FlowInfo flow;
  return kProtocol.probe({flow, Side::A, base::as_bytes(text), {}});
}

void say(Conversation& flow, std::string_view client) {
  flow.client(base::as_bytes(client));
}
void reply(Conversation& flow, std::string_view server) {
  flow.server(base::as_bytes(server));
}

TEST(Fox, TellsWhoSaysHello) {
  Conversation flow(kProtocol, 1911);
  reply(flow,
        "fox a 0 -1 fox "
        "hello\n{\nfox.version=s:1.0.1\nid=i:9\nhostName=s:plant7\napp.name=s:Station\n"
        "app.version=s:4.10.0\nos.name=s:QNX\nos.version=s:7.0\nstation.name=s:North\n"
        "hostId=s:Qnx-TEST\nsysInfo=o:bog 6[\n};;\n\n]\n};;\n");
  const Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Name), "North");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plant7");
  EXPECT_EQ(kept.fact(Fact::Os), "QNX");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "7.0");
  EXPECT_EQ(kept.fact(Fact::Serial), "Qnx-TEST");
  EXPECT_EQ(kept.fact(Fact::Software), "Niagara Station 4.10.0");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "hello");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.detail("value.fox.version"), "1.0.1");
  EXPECT_EQ(kept.detail("value.sysInfo"), "\n};;\n\n");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Fox, FindsTheRequestOfAReply) {
  Conversation flow(kProtocol, 1911);
  say(flow,
      "fox s 7 -1 station set\n{\npath=s:/Drivers/Net\nvalue=m:{\nx=i:1\n}\n};;\n"
      "fox s 8 -1 file read\n{\nname=s:a.px\n};;\n");
  reply(flow, "fox e 3 8 file read\n{\nreason=s:none\n};;\nfox r 4 7 station set\n{\n};;\n");
  const Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::File);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  ASSERT_EQ(kept.transactions[1].objects.size(), 1U);
  EXPECT_EQ(kept.transactions[1].objects[0].name, "/Drivers/Net");
}

TEST(Fox, KeepsLoginsSecretsToItself) {
  Conversation flow(kProtocol, 1911);
  say(flow, "fox a 2 -1 fox login\n{\nusername=s:admin\ndigest=b:4[abcd]\n};;\n");
  reply(flow, "fox a 1 -1 fox rejected\n{\n};;\n");
  const Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::User), "admin");
  EXPECT_EQ(kept.detail("value.digest"), "");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
}

TEST(Fox, WaitsForAllOfAMessage) {
  Conversation flow(kProtocol, 1911);
  const std::string_view whole = "fox a 2 -1 x y\n{\nb=b:5[12\n45]\n};;\n";
  for (const char& c : whole)
    flow.client(base::as_bytes(std::string_view(&c, 1)));
  EXPECT_EQ(flow.done().transactions.size(), 1U);
  EXPECT_EQ(flow.waiting(Side::A), 0U);
}

TEST(Fox, IsFoundByItsFirstLine) {
  EXPECT_EQ(judge("fox a 1 -1 fox hello\n{\n"), Match::Yes);
  EXPECT_EQ(judge("fox a 1 -1 fox he"), Match::Unsure);
  EXPECT_EQ(judge("fo"), Match::Unsure);
  EXPECT_EQ(judge("foxes are red\n"), Match::No);
  EXPECT_EQ(judge("fox a 1 -1 fox hello\nGET\n"), Match::No);
  EXPECT_EQ(judge("fox a one -1 fox hello\n{\n"), Match::No);
}

TEST(Fox, RefusesWhatIsBroken) {
  Conversation flow(kProtocol, 1911);
  EXPECT_EQ(flow.session().frame(Side::A, base::as_bytes("fox a 1 -1 a b\n{\nno sign\n")).kind,
            Frame::Kind::Lost);
  EXPECT_EQ(flow.session().frame(Side::A, base::as_bytes("fox a 1 -1 a b\n{\nx=b:2[abc]\n")).kind,
            Frame::Kind::Lost);
  EXPECT_EQ(flow.session()
                .resync(Side::A, base::as_bytes("d=s:1\n};;\nfox a 1 -1 a b\n{\n};;\n"))
                .value_or(0),
            10U);
}

}  // namespace
}  // namespace dissect::fox
