#include "uplink/twin_client.h"

#include <deque>

#include <gtest/gtest.h>

#include "wire/topics.h"

namespace uplink {
namespace {

using base::Code;
using base::MonoTime;
using std::chrono::seconds;

constexpr std::string_view kKey = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration";

// A twin client, what it sent, and what it told.
class TwinClientTest : public ::testing::Test {
 protected:
  struct Sent {
    wire::PublishKind kind;
    std::string request_id;
    std::string payload;
  };

  TwinClientTest()
      : client_(
            {.answer_timeout = seconds(30), .retry_first = seconds(2), .retry_most = seconds(60)},
            {.publish =
                 [this](std::string_view topic, std::string_view payload) {
                   const auto parsed = wire::parse_publish_topic(topic);
                   ASSERT_TRUE(parsed.has_value()) << topic;
                   sent_.push_back(
                       {parsed->kind, std::string(parsed->request_id), std::string(payload)});
                 },
             .desired = [this](const Desired& desired) { told_.push_back(desired); },
             .random01 = [] { return 0.5; }}) {}

  void deliver(const std::string& topic, std::string_view payload) {
    wire::mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = base::as_bytes(payload);
    EXPECT_TRUE(client_.take(packet, now_)) << topic;
  }
  // Answers the oldest request that has no answer yet.
  void answer(int status, std::string_view payload = {}) {
    ASSERT_FALSE(sent_.empty());
    const Sent request = sent_.front();
    sent_.pop_front();
    deliver(wire::twin_result_topic(status, request.request_id), payload);
  }
  void push(std::int64_t version, std::string_view payload) {
    deliver(wire::twin_desired_topic(version), payload);
  }
  void connect(std::string_view twin) {
    client_.subscribed(true, now_);
    ASSERT_EQ(sent_.size(), 1U);
    EXPECT_EQ(sent_[0].kind, wire::PublishKind::TwinGet);
    EXPECT_EQ(sent_[0].payload, " ");
    answer(200, twin);
  }
  void report(std::string_view json) { EXPECT_TRUE(client_.report(json, now_).has_value()); }
  void pass(seconds time) {
    now_ += time;
    if (now_ >= client_.deadline()) client_.tick(now_);
  }

  MonoTime now_{std::chrono::hours(1)};
  std::deque<Sent> sent_;
  std::vector<Desired> told_;
  TwinClient client_;
};

TEST_F(TwinClientTest, AsksForTheWholeAndHandsItOn) {
  connect(R"({"desired":{"a":{"value":1},"$version":7},"reported":{"$version":3}})");
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].kind, Desired::Kind::Whole);
  EXPECT_EQ(told_[0].version, 7);
  EXPECT_EQ(told_[0].json, R"({"a":{"value":1}})");
  EXPECT_TRUE(client_.stats().known);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(client_.deadline(), MonoTime::max());
}

TEST_F(TwinClientTest, HandsOnPatchesInOrderAndEachOnce) {
  connect(R"({"desired":{"$version":7},"reported":{}})");
  push(8, R"({"a":1,"$version":8})");
  push(8, R"({"a":1,"$version":8})");
  push(7, R"({"old":1,"$version":7})");
  push(9, R"({"a":null,"$version":9})");
  ASSERT_EQ(told_.size(), 3U);
  EXPECT_EQ(told_[1].kind, Desired::Kind::Patch);
  EXPECT_EQ(told_[1].json, R"({"a":1})");
  EXPECT_EQ(told_[2].version, 9);
  EXPECT_EQ(told_[2].json, R"({"a":null})");
}

TEST_F(TwinClientTest, AsksAnewWhenItMissedOne) {
  connect(R"({"desired":{"$version":7},"reported":{}})");
  push(9, R"({"b":2,"$version":9})");
  EXPECT_EQ(told_.size(), 1U);
  answer(200, R"({"desired":{"a":1,"b":2,"$version":9},"reported":{}})");
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[1].kind, Desired::Kind::Whole);
  EXPECT_EQ(told_[1].version, 9);
}

TEST_F(TwinClientTest, AnAnswerOlderThanAPatchThatCameBeforeIsAskedForAgain) {
  client_.subscribed(true, now_);
  push(8, R"({"a":2})");
  answer(200, R"({"desired":{"a":1,"$version":7},"reported":{}})");
  EXPECT_TRUE(told_.empty());
  answer(200, R"({"desired":{"a":2,"$version":8},"reported":{}})");
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].json, R"({"a":2})");
}

TEST_F(TwinClientTest, APatchThatCannotBeReadIsMadeGoodByTheWhole) {
  connect(R"({"desired":{"$version":1},"reported":{}})");
  push(2, "{");
  ASSERT_EQ(sent_.size(), 1U);
  answer(200, R"({"desired":{"a":1,"$version":2},"reported":{}})");
  EXPECT_EQ(told_.back().json, R"({"a":1})");
  EXPECT_EQ(client_.stats().malformed, 1U);
}

TEST_F(TwinClientTest, ReportsWhatDiffers) {
  report(R"({"x":{"a":{"value":1},"b":{"value":2}}})");
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(client_.stats().report_pending);
  connect(R"({"desired":{"$version":1},
              "reported":{"x":{"a":{"value":1},"gone":0},"others":1,"$version":5}})");
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].kind, wire::PublishKind::TwinReported);
  EXPECT_EQ(sent_[0].payload, R"({"x":{"gone":null,"b":{"value":2}}})");
  answer(204);
  EXPECT_FALSE(client_.stats().report_pending);
  EXPECT_EQ(client_.stats().accepted, 1U);
  // The same once more, and after a new connection: nothing to say.
  report(R"({"x":{"b":{"value":2},"a":{"value":1}}})");
  client_.disconnected();
  connect(R"({"desired":{"$version":1},"reported":{"x":{"a":{"value":1},"b":{"value":2}}}})");
  EXPECT_TRUE(sent_.empty());
}

TEST_F(TwinClientTest, ANewReportWaitsForTheAnswerToTheOneBefore) {
  connect(R"({"desired":{"$version":1},"reported":{}})");
  report(R"({"x":1})");
  report(R"({"x":2,"y":1})");
  report(R"({"x":3})");
  ASSERT_EQ(sent_.size(), 1U);
  answer(204);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].payload, R"({"x":3})");
  answer(204);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(TwinClientTest, RepeatsWhatWasNotAnsweredOrPutOff) {
  connect(R"({"desired":{"$version":1},"reported":{}})");
  report(R"({"x":1})");
  sent_.clear();
  pass(seconds(29));
  EXPECT_TRUE(sent_.empty());
  pass(seconds(2));  // no answer in time
  EXPECT_TRUE(sent_.empty());
  pass(seconds(60));
  ASSERT_EQ(sent_.size(), 1U);
  answer(429, R"({"errorCode":429001,"message":"later"})");
  EXPECT_TRUE(sent_.empty());
  pass(seconds(60));
  ASSERT_EQ(sent_.size(), 1U);
  answer(503);
  pass(seconds(60));
  answer(204);
  EXPECT_FALSE(client_.stats().report_pending);
  EXPECT_EQ(client_.stats().retries, 3U);
  EXPECT_EQ(client_.deadline(), MonoTime::max());
}

TEST_F(TwinClientTest, AnAnswerThatComesTooLateIsNoAnswer) {
  client_.subscribed(true, now_);
  const Sent first = sent_.front();
  sent_.clear();
  pass(seconds(30));
  deliver(wire::twin_result_topic(200, first.request_id), R"({"desired":{"$version":1}})");
  EXPECT_TRUE(told_.empty());
}

TEST_F(TwinClientTest, GivesUpWhatTheHubRefusesUntilItChanges) {
  connect(R"({"desired":{"$version":1},"reported":{}})");
  report(R"({"x":1})");
  answer(400, R"({"errorCode":400004,"message":"no"})");
  pass(seconds(3600));
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(client_.stats().refused, 1U);
  EXPECT_TRUE(client_.stats().report_pending);
  report(R"({"x":2})");
  answer(204);
  EXPECT_FALSE(client_.stats().report_pending);
}

TEST_F(TwinClientTest, SaysNothingWhereTwinsAreNotServed) {
  client_.subscribed(false, now_);
  report(R"({"x":1})");
  pass(seconds(3600));
  EXPECT_TRUE(sent_.empty());
  EXPECT_FALSE(client_.stats().last_error.empty());
}

TEST_F(TwinClientTest, AWholeThatIsNoneIsAskedForAgainLater) {
  for (const char* wrong : {"", "[]", "{}", R"({"desired":1})", "{\"desired\":{}"}) {
    client_.disconnected();
    sent_.clear();
    connect(wrong);
    EXPECT_TRUE(told_.empty()) << wrong;
    EXPECT_TRUE(sent_.empty()) << wrong;
    pass(seconds(60));
    EXPECT_EQ(sent_.size(), 1U) << wrong;
  }
}

TEST_F(TwinClientTest, TakesReportsOnlyAsObjects) {
  EXPECT_EQ(client_.report("{", now_).error().code, Code::Malformed);
  EXPECT_EQ(client_.report("[1]", now_).error().code, Code::Invalid);
}

TEST_F(TwinClientTest, LeavesOtherTopicsToOthers) {
  wire::mqtt::Publish packet;
  packet.topic = "devices/d/messages/devicebound/";
  EXPECT_FALSE(client_.take(packet, now_));
  packet.topic = "$iothub/twin/res/abc/?$rid=1";
  EXPECT_TRUE(client_.take(packet, now_));
  EXPECT_EQ(client_.stats().malformed, 1U);
}

TEST_F(TwinClientTest, MayBeToldWhatToReportWhileItHandsOn) {
  const std::string whole =
      R"({"desired":{")" + std::string(kKey) +
      R"(":{"snapshotFrequency":{"value":"PT1H"}},"$version":4},"reported":{}})";
  TwinClient* inner = nullptr;
  std::vector<std::string> payloads;
  TwinClient client({},
                    {.publish = [&](std::string_view,
                                    std::string_view payload) { payloads.emplace_back(payload); },
                     .desired =
                         [&](const Desired& desired) {
                           EXPECT_TRUE(inner->report(desired.json, now_).has_value());
                         },
                     .random01 = [] { return 0.0; }});
  inner = &client;
  client.subscribed(true, now_);
  wire::mqtt::Publish packet;
  const std::string topic = wire::twin_result_topic(200, "1");
  packet.topic = topic;
  packet.payload = base::as_bytes(whole);
  client.take(packet, now_);
  ASSERT_EQ(payloads.size(), 2U);
  EXPECT_EQ(payloads[1],
            R"({")" + std::string(kKey) + R"(":{"snapshotFrequency":{"value":"PT1H"}}})");
}

}  // namespace
}  // namespace uplink
