#include "detect/posture/judge.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/shared_testing.h"

namespace detect::posture {
namespace {

using std::chrono::hours;

const base::WallTime kNow = base::parse_rfc3339("2026-03-01T12:00:00Z")->utc;

Origin from(std::string_view device, base::WallTime when = kNow) {
  return {device, "azureiotsecurity", when, 1};
}

template <class Payload>
schema::Event event_of(std::vector<Payload> items, base::WallTime when = kNow) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time.utc = when;
  event.payload = std::move(items);
  return event;
}

std::vector<Judgement> told(Judge& judge, const schema::Event& event, const Origin& origin) {
  std::vector<Judgement> out;
  judge.on_event(event, origin, out);
  return out;
}

TEST(Judge, AClocksFutureDoesNotCount) {
  Judge judge;
  const auto out =
      told(judge, event_of(std::vector<schema::ListeningPorts>(), kNow + hours(9)), from("d1"));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].observed, kNow);
  EXPECT_TRUE(out[0].verdict.healthy());
}

// Only of agents that are known to say so.
TEST(Judge, AnEmptyFirewallIsNoneWhereTheAgentIsOurs) {
  Judge judge;
  const auto empty = event_of(std::vector<schema::FirewallConfiguration>());
  EXPECT_TRUE(told(judge, empty, from("d1")).empty());
  EXPECT_TRUE(told(judge, event_of(std::vector<schema::Heartbeat>(1)), from("d1")).empty());
  const auto out = told(judge, empty, from("d1"));
  ASSERT_EQ(out.size(), 3U);
  EXPECT_FALSE(out[0].verdict.healthy());
  EXPECT_TRUE(told(judge, empty, from("d2")).empty());
  judge.forget("d1");
  EXPECT_TRUE(told(judge, empty, from("d1")).empty());
}

TEST(Judge, AddsTheMessagesOfADay) {
  Judge judge;
  schema::MessageStatistics some;
  some.messages_sent = 10;
  some.messages_under_4kb = 1;
  const auto event = event_of(std::vector{some});
  EXPECT_TRUE(told(judge, event, from("d1")).at(0).verdict.healthy());
  EXPECT_FALSE(told(judge, event, from("d1", kNow + hours(23))).at(0).verdict.healthy());
  EXPECT_TRUE(told(judge, event, from("d2", kNow + hours(23))).at(0).verdict.healthy());
  EXPECT_TRUE(told(judge, event, from("d1", kNow + hours(72))).at(0).verdict.healthy());
}

TEST(Judge, TheHubsOwnCountIsBetterThanTheAgents) {
  Judge judge;
  store::OperationRow row;
  row.device_id = "d1";
  row.operation = "messages";
  row.security_messages = 100;
  row.small_messages = 50;
  std::vector<Judgement> out;
  judge.on_operation(row, from("d1"), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_FALSE(out[0].verdict.healthy());
  schema::MessageStatistics fine;
  fine.messages_sent = 100;
  EXPECT_FALSE(told(judge, event_of(std::vector{fine}), from("d1")).at(0).verdict.healthy());
}

TEST(Judge, LooksAtTheTlsOfConnections) {
  Judge judge;
  store::OperationRow row;
  row.device_id = "d1";
  row.operation = "deviceConnect";
  row.status_code = 200;
  row.tls_version = "TLSv1.2";
  row.tls_cipher = "AES128-SHA";
  std::vector<Judgement> out;
  judge.on_operation(row, from("d1"), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_FALSE(out[0].verdict.healthy());
  row.status_code = 401;
  out.clear();
  judge.on_operation(row, from("d1"), out);
  EXPECT_TRUE(out.empty());
}

TEST(Judge, WhatAnAgentComplainsAboutGoesOn) {
  Judge judge;
  schema::ConfigurationError error;
  error.configuration_name = "x";
  error.error_type = schema::ConfigurationErrorType::Conflict;
  const auto out = told(judge, event_of(std::vector{error}), from("d1"));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].verdict.kind, Kind::TwinConflict);
  EXPECT_TRUE(out[0].verdict.partial);
}

// The published cases that carry the hub's facts.
TEST(Judge, DecidesThePublishedCasesOfHubFacts) {
  const auto published = base::shared_data("corpora/agent_alert_cases.jsonl");
  if (!published)
    GTEST_SKIP() << "no corpora/agent_alert_cases.jsonl in VEDETTE_SHARED or ../shared";
  std::ifstream file(*published);
  std::string line;
  std::size_t judged = 0;
  while (std::getline(file, line)) {
    const auto parsed = base::json::parse(line);
    ASSERT_TRUE(parsed);
    const base::json::Value* event = parsed->find("event");
    const base::json::Value* payload = event->find("Payload");
    if (parsed->text_or("kind", "") != "recommendation" || payload == nullptr) continue;
    const auto verdicts = judge_facts(event->text_or("Name", ""), *payload);
    if (verdicts.empty()) continue;
    bool raised = false;
    for (const Verdict& verdict : verdicts) {
      raised = raised || (!verdict.healthy() &&
                          recommendation(verdict.kind).title == parsed->text_or("alert", ""));
    }
    EXPECT_EQ(raised, *parsed->find("positive")->if_bool()) << line;
    ++judged;
  }
  EXPECT_GE(judged, 15U);
}

}  // namespace
}  // namespace detect::posture
