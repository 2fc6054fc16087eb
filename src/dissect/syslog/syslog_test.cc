#include "dissect/syslog/syslog.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/syslog/message.h"
#include "dissect/testing.h"

namespace dissect::syslog {
namespace {

using base::as_bytes;
using testing::Conversation;
using testing::Kept;

Kept& say(Conversation& flow, std::string_view text) {
  return flow.client(as_bytes(text)).done();
}

TEST(Syslog, ReadsTheOldForm) {
  Conversation flow(kProtocol, 514, Transport::Udp);
  Kept& kept = say(flow, "<38>Feb  3 10:11:12 rtu-7 sshd[77]: refused\n");
  EXPECT_EQ(kept.detail("facility"), "4");
  EXPECT_EQ(kept.detail("severity"), "6");
  EXPECT_EQ(kept.detail("time"), "Feb  3 10:11:12");
  EXPECT_EQ(kept.detail("process"), "77");
  EXPECT_EQ(kept.detail("text"), "sshd[77]: refused");
  EXPECT_EQ(kept.fact(Fact::Hostname), "rtu-7");
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "auth");
  EXPECT_EQ(one.sub_operation.name, "informational");
  EXPECT_EQ(one.objects.at(0), (NamedObject{"application", "sshd", 0, 0}));
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Syslog, ReadsTheNewForm) {
  Conversation flow(kProtocol, 514, Transport::Udp);
  Kept& kept = say(flow,
                   "<165>1 2024-05-06T07:08:09Z gw.example app 12 ID47 "
                   "[a@1 x=\"]\\\"\"][b@2] \xef\xbb\xbfhello");
  EXPECT_EQ(kept.detail("version"), "1");
  EXPECT_EQ(kept.detail("timestamp"), "2024-05-06T07:08:09Z");
  EXPECT_EQ(kept.detail("host"), "gw.example");
  EXPECT_EQ(kept.detail("application"), "app");
  EXPECT_EQ(kept.detail("process"), "12");
  EXPECT_EQ(kept.detail("message_id"), "ID47");
  EXPECT_EQ(kept.detail("structured_data"), "[a@1 x=\"]\\\"\"][b@2]");
  EXPECT_EQ(kept.detail("text"), "hello");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Syslog, WhatIsNotThereIsEmpty) {
  const Record nil = read_record("<0>1 - - - - - -");
  EXPECT_TRUE(nil.good);
  EXPECT_TRUE(nil.timestamp.empty() && nil.host.empty() && nil.data.empty() && nil.text.empty());
  const Record tag = read_record("<13>Feb 13 10:11:12 cron: started");
  EXPECT_EQ(tag.host, "");
  EXPECT_EQ(tag.application, "cron");
  const Record bare = read_record("<191>hello there");
  EXPECT_EQ(bare.facility, 23);
  EXPECT_EQ(bare.severity, 7);
  EXPECT_EQ(bare.text, "hello there");
  EXPECT_FALSE(read_record("<192>x").has_priority);
  EXPECT_FALSE(read_record("<1>1 - - - - - [a").good);
  EXPECT_FALSE(read_record("<1>1 - -").good);
}

TEST(Syslog, StreamsHaveLengthsOrLines) {
  const std::string_view text =
      "21 <34>1 - a b - - - one<34>Feb  3 10:11:12 c d: two\n21 <34>1 - a b - - - six";
  for (const std::size_t step : {std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
    Conversation flow(kProtocol, 601);
    for (std::size_t at = 0; at < text.size(); at += step)
      flow.client(as_bytes(text.substr(at, step)));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 3U) << step;
    EXPECT_TRUE(kept.issues.empty());
    EXPECT_EQ(kept.detail("length"), "21");
  }
}

TEST(Syslog, NamesWhatIsWrong) {
  Conversation none(kProtocol, 514, Transport::Udp);
  EXPECT_EQ(say(none, "no priority here").issues.at(0), "no priority");
  EXPECT_EQ(none.kept().detail("text"), "no priority here");
  EXPECT_EQ(none.kept().detail("facility"), "");
  Conversation data(kProtocol, 514, Transport::Udp);
  EXPECT_EQ(say(data, "<1>1 - - - - - x").issues.at(0), "structured data that cannot be");
}

Match match(std::string_view text, Transport transport, std::uint16_t port = 5000) {
  FlowInfo flow;
  flow.transport = transport;
  flow.b.port = port;
  return kProtocol.probe({flow, Side::A, as_bytes(text), {}});
}

TEST(ProbeSyslog, NeedsAPriority) {
  EXPECT_EQ(match("<38>Feb  3 10:11:12 a b", Transport::Udp), Match::Yes);
  EXPECT_EQ(match("<38>1 2024-05-06", Transport::Udp), Match::Yes);
  EXPECT_EQ(match("<38>hello", Transport::Udp), Match::Likely);
  EXPECT_EQ(match("<38>\x01\x02", Transport::Udp), Match::No);
  EXPECT_EQ(match("<192>hello", Transport::Udp), Match::No);
  EXPECT_EQ(match("hello", Transport::Udp), Match::No);
  EXPECT_EQ(match("hello", Transport::Udp, 514), Match::Likely);
  EXPECT_EQ(match("<html>", Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match("<html><head><title>x", Transport::Tcp), Match::No);
  EXPECT_EQ(match("57 <38>1 2024", Transport::Tcp), Match::Yes);
  EXPECT_EQ(match("220 hello", Transport::Tcp), Match::No);
}

}  // namespace
}  // namespace dissect::syslog
