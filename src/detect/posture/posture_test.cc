#include "detect/posture/posture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/scratch_testing.h"

namespace detect::posture {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
T must(base::Result<T> result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().to_string());
  return result ? std::move(*result) : T{};
}

class PostureTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    posture_.reset();
    auto opened =
        Posture::open({.path = folder_.path() + "/state.db", .now = [this] { return now_; }});
    ASSERT_TRUE(opened) << opened.error().to_string();
    posture_ = std::move(*opened);
  }

  void settle() { ASSERT_TRUE(posture_->settle()); }

  Origin from(std::string_view device) const { return {device, "azureiotsecurity", now_, 1}; }

  void ports(std::string_view device, const std::vector<std::string>& open,
             std::optional<base::WallTime> when = {}) {
    std::vector<schema::ListeningPorts> sockets;
    for (const std::string& port : open) {
      schema::ListeningPorts socket;
      socket.protocol = "tcp";
      socket.local_address = "0.0.0.0";
      socket.local_port = port;
      sockets.push_back(std::move(socket));
    }
    schema::Event event;
    event.time.utc = when.value_or(now_);
    event.payload = std::move(sockets);
    posture_->on_event(event, from(device), findings_);
    settle();
  }

  void twin(std::string device, std::string module, std::string desired, std::string tags = "{}",
            std::string operation = "updated") {
    store::TwinRow row;
    row.device_id = std::move(device);
    row.module_id = std::move(module);
    row.operation = std::move(operation);
    row.parts = row.module_id.empty() ? "Tags" : "Desired";
    row.desired = std::move(desired);
    row.tags = std::move(tags);
    row.desired_version = ++version_;
    posture_->on_twin(row, from(row.device_id), findings_);
    settle();
  }

  // A minute later, as the pipeline has it.
  void pass(std::chrono::nanoseconds time) {
    now_ += time;
    posture_->on_time(now_, findings_);
    settle();
  }

  std::optional<Assessment> find(Kind kind, const std::string& device) {
    for (Assessment& each : must(posture_->assessments(device))) {
      if (each.kind == kind) return std::move(each);
    }
    return std::nullopt;
  }
  State state_of(Kind kind, const std::string& device) {
    const auto found = find(kind, device);
    EXPECT_TRUE(found);
    return found ? found->state : State::Resolved;
  }
  std::vector<std::string> keys_of(Kind kind, const std::string& device) {
    std::vector<std::string> keys;
    const auto found = find(kind, device);
    if (!found) return keys;
    for (const KeptItem& kept : found->items)
      keys.push_back(kept.item.key);
    return keys;
  }

  // State of each row that is not trimmed.
  std::vector<std::string> rows() {
    store::Batch batch;
    EXPECT_TRUE(posture_->outbox(0, 1000, batch));
    std::vector<std::string> out;
    for (const store::RecommendationRow& row : batch.recommendations)
      out.push_back(std::string(row.name) + " " + std::string(row.device_id) + " " +
                    std::string(row.state));
    return out;
  }

  Exception exception(Kind kind, std::string device = {}, std::string group = {},
                      std::string item = {}) const {
    Exception out;
    out.kind = kind;
    out.device_id = std::move(device);
    out.group = std::move(group);
    out.item = std::move(item);
    out.reason = "It is meant to be.";
    out.actor = "ann";
    return out;
  }

  os::ScratchDir folder_;
  base::WallTime now_ = base::parse_rfc3339("2026-03-01T12:00:00Z")->utc;
  std::vector<Finding> findings_;
  std::int64_t version_ = 0;
  std::unique_ptr<Posture> posture_;
};

TEST_F(PostureTest, BeginsAndEndsWithThePicture) {
  ports("d1", {"22", "8888"});
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  EXPECT_THAT(keys_of(Kind::OpenPorts, "d1"), ElementsAre("tcp/22", "tcp/8888"));
  const base::WallTime began = now_;
  now_ += hours(1);
  ports("d1", {"22"});
  EXPECT_THAT(keys_of(Kind::OpenPorts, "d1"), ElementsAre("tcp/22"));
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->items[0].since, began);
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->discovered, began);
  now_ += hours(1);
  ports("d1", {});
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Resolved);
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->resolved, now_);
  EXPECT_THAT(rows(), ElementsAre("IoT_OpenPorts d1 Active", "IoT_OpenPorts d1 Active",
                                  "IoT_OpenPorts d1 Resolved"));
  EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(PostureTest, WhatIsInOrderFromTheStartMakesNoRow) {
  ports("d1", {});
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Resolved);
  EXPECT_THAT(rows(), IsEmpty());
}

// After a crash the same is told again.
TEST_F(PostureTest, TheSameAgainChangesNothing) {
  ports("d1", {"22"});
  ports("d1", {"22"});
  reopen();
  ports("d1", {"22"});
  EXPECT_THAT(rows(), ElementsAre("IoT_OpenPorts d1 Active"));
}

TEST_F(PostureTest, AnOlderPictureDoesNotCount) {
  ports("d1", {"22"});
  now_ += hours(1);
  ports("d1", {}, now_ - hours(2));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  EXPECT_EQ(posture_->counters().stale.value(), 1U);
}

// A large picture comes as several events of one time.
TEST_F(PostureTest, PiecesOfAPictureAreOne) {
  const base::WallTime taken = now_;
  ports("d1", {"22"}, taken);
  now_ += minutes(1);
  ports("d1", {"80"}, taken);
  EXPECT_THAT(keys_of(Kind::OpenPorts, "d1"), ElementsAre("tcp/22", "tcp/80"));
}

TEST_F(PostureTest, SurvivesARestart) {
  ports("d1", {"22"});
  reopen();
  EXPECT_THAT(keys_of(Kind::OpenPorts, "d1"), ElementsAre("tcp/22"));
  ports("d1", {}, now_ + minutes(0) + std::chrono::nanoseconds(0));
  now_ += minutes(1);
  ports("d1", {});
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Resolved);
}

TEST_F(PostureTest, RowsAreThereUntilTheyAreStored) {
  ports("d1", {"22"});
  store::Batch batch;
  ASSERT_TRUE(posture_->outbox(0, 10, batch));
  ASSERT_EQ(batch.recommendations.size(), 1U);
  const store::RecommendationRow row = batch.recommendations[0];
  EXPECT_EQ(row.display_name, "Open Ports on device");
  EXPECT_EQ(row.severity, "Medium");
  EXPECT_THAT(std::string(row.additional_data), HasSubstr(R"({"OpenPorts":"[{\"Key\":\"tcp/22\")"));
  EXPECT_GT(row.discovered, 0);
  EXPECT_EQ(row.resolved, 0);
  ASSERT_TRUE(posture_->trim_outbox(row.outbox));
  EXPECT_THAT(rows(), IsEmpty());
  // The event store has seen more than this file knows of.
  ASSERT_TRUE(posture_->continue_outbox(row.outbox + 100));
  ports("d2", {"22"});
  store::Batch next;
  ASSERT_TRUE(posture_->outbox(0, 10, next));
  EXPECT_GT(next.recommendations.at(0).outbox, row.outbox + 100);
}

TEST_F(PostureTest, ChecksThatCouldNotRunKeepTheirState) {
  const auto scan = [this](schema::BaselineResult first, schema::BaselineResult second) {
    schema::OSBaseline one;
    one.cce_id = "one";
    one.description = "The first";
    one.result = first;
    one.severity = schema::BaselineSeverity::Critical;
    schema::OSBaseline two = one;
    two.cce_id = "two";
    two.result = second;
    two.severity = schema::BaselineSeverity::Warning;
    schema::Event event;
    event.time.utc = now_;
    event.payload = std::vector{one, two};
    posture_->on_event(event, from("d1"), findings_);
    settle();
    now_ += hours(1);
  };
  using enum schema::BaselineResult;
  scan(Fail, Fail);
  EXPECT_EQ(find(Kind::Baseline, "d1")->severity, Severity::High);
  scan(Err, Pass);
  EXPECT_THAT(keys_of(Kind::Baseline, "d1"), ElementsAre("one"));
  scan(Pass, Fail);
  EXPECT_EQ(find(Kind::Baseline, "d1")->severity, Severity::Low);
  scan(Pass, Pass);
  EXPECT_EQ(state_of(Kind::Baseline, "d1"), State::Resolved);
}

TEST_F(PostureTest, ExceptionsDismissAndAreTakenBack) {
  ports("d1", {"22", "80"});
  const Exception ssh = must(posture_->add_exception(exception(Kind::OpenPorts, {}, {}, "tcp/22")));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->accepted_count, 1);
  now_ += hours(1);
  ports("d1", {"22"});
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Dismissed);
  ports("d2", {"22"});  // also what comes later
  EXPECT_EQ(state_of(Kind::OpenPorts, "d2"), State::Dismissed);
  ASSERT_TRUE(posture_->remove_exception(ssh.id));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  EXPECT_FALSE(posture_->remove_exception(ssh.id));
  EXPECT_THAT(rows(), testing::Contains("IoT_OpenPorts d2 Dismissed"));
}

TEST_F(PostureTest, ExceptionsOfAGroupFollowTheTag) {
  ports("d1", {"22"});
  must(posture_->add_exception(exception(Kind::OpenPorts, {}, "lab")));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  twin("d1", "", "{}", R"({"SecurityGroup":"lab"})");
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Dismissed);
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->group, "lab");
  twin("d1", "", "{}", "{}");
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  // The security module's own tag comes first.
  twin("d1", "azureiotsecurity", "{}", R"({"SecurityGroup":" lab "})", "created");
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Dismissed);
  twin("d1", "", "{}", R"({"SecurityGroup":"plant"})");
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->group, "lab");
  twin("d1", "azureiotsecurity", "{}", "{}", "deleted");
  EXPECT_EQ(find(Kind::OpenPorts, "d1")->group, "plant");
}

TEST_F(PostureTest, ExceptionsEnd) {
  ports("d1", {"22"});
  Exception brief = exception(Kind::OpenPorts, "d1");
  brief.expires = now_ + hours(1);
  must(posture_->add_exception(brief));
  pass(minutes(2));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Dismissed);
  pass(hours(1));
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
  EXPECT_THAT(must(posture_->exceptions()), IsEmpty());
}

TEST_F(PostureTest, APreviewSaysWhatAnExceptionWouldTouch) {
  ports("d1", {"22", "80"});
  ports("d2", {"22"});
  twin("d2", "", "{}", R"({"SecurityGroup":"lab"})");
  EXPECT_EQ(must(posture_->preview(exception(Kind::OpenPorts))).items, 3);
  const auto ssh = must(posture_->preview(exception(Kind::OpenPorts, {}, {}, "tcp/22")));
  EXPECT_EQ(ssh.devices, 2);
  EXPECT_THAT(ssh.examples, ElementsAre("d1", "d2"));
  EXPECT_EQ(must(posture_->preview(exception(Kind::OpenPorts, {}, "lab"))).devices, 1);
  EXPECT_EQ(state_of(Kind::OpenPorts, "d1"), State::Active);
}

TEST_F(PostureTest, AllDevicesThatAreNotListedAreHealthy) {
  ports("d1", {});
  ports("d2", {});
  Verdict shared{.kind = Kind::SharedCredentials};
  shared.items.emplace_back().key = "k";
  ASSERT_TRUE(posture_->judge_devices(Kind::SharedCredentials, {{"d1", shared}}));
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d1"), State::Active);
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d2"), State::Resolved);
  now_ += minutes(1);
  ASSERT_TRUE(posture_->judge_devices(Kind::SharedCredentials, {}));
  EXPECT_EQ(state_of(Kind::SharedCredentials, "d1"), State::Resolved);
}

TEST_F(PostureTest, SettingsAreComplainedAboutUntilTheTwinChanges) {
  schema::ConfigurationError error;
  error.configuration_name = "maxMessageSizeInBytes";
  error.error_type = schema::ConfigurationErrorType::Conflict;
  schema::set(error.extra_details, "DesiredVersion", "7");
  schema::Event event;
  event.time.utc = now_;
  event.payload = std::vector{error};
  version_ = 6;
  posture_->on_event(event, from("d1"), findings_);
  settle();
  EXPECT_EQ(state_of(Kind::TwinConflict, "d1"), State::Active);
  twin("d1", "azureiotsecurity", R"({"x":1})");  // 7: what it was told of
  EXPECT_EQ(state_of(Kind::TwinConflict, "d1"), State::Active);
  twin("d1", "other", R"({"x":1})");
  EXPECT_EQ(state_of(Kind::TwinConflict, "d1"), State::Active);
  twin("d1", "azureiotsecurity", R"({"x":2})");
  EXPECT_EQ(state_of(Kind::TwinConflict, "d1"), State::Resolved);
}

TEST_F(PostureTest, ModulesOfAGroupAreCompared) {
  for (int i = 0; i < 10; ++i) {
    const std::string device = "d" + std::to_string(i);
    twin(device, "", "{}", R"({"SecurityGroup":"plant"})");
    twin(device, "pump", i == 3 ? R"({"speed":2})" : R"({"speed":1,"$version":9})");
  }
  pass(minutes(2));
  EXPECT_EQ(state_of(Kind::GroupSettings, "d3"), State::Active);
  EXPECT_EQ(state_of(Kind::GroupSettings, "d4"), State::Resolved);
  twin("d3", "pump", R"({"speed":1})");
  pass(minutes(2));
  EXPECT_EQ(state_of(Kind::GroupSettings, "d3"), State::Resolved);
}

TEST_F(PostureTest, EdgeDeploymentsAreJudgedAndForgotten) {
  twin("d1", "$edgeAgent", R"({"modules":{"m":{"settings":{"createOptions":
    "{\"HostConfig\":{\"Privileged\":true}}"}}}})");
  EXPECT_EQ(state_of(Kind::EdgePrivileges, "d1"), State::Active);
  EXPECT_EQ(state_of(Kind::EdgeLogging, "d1"), State::Resolved);
  twin("d1", "$edgeAgent", "{}", "{}", "deleted");
  EXPECT_EQ(state_of(Kind::EdgePrivileges, "d1"), State::Resolved);
}

TEST_F(PostureTest, ProtocolsOfAnEdgeHubAreJudgedAfterAWeek) {
  const std::string deployment = R"({"systemModules":{"edgeHub":{}},"modules":{"m":{
    "settings":{},"env":{"ClientTransportType":{"value":"Mqtt"}}}}})";
  twin("d1", "$edgeAgent", deployment);
  EXPECT_EQ(state_of(Kind::EdgeHubMemory, "d1"), State::Resolved);
  pass(hours(6 * 24));
  std::vector<MemoryChange> memory;
  posture_->save(memory);
  reopen();
  for (const MemoryChange& change : memory) {
    if (change.value) {
      EXPECT_TRUE(posture_->restore(change.key, *change.value)) << change.key;
    }
  }
  pass(hours(25));
  EXPECT_THAT(keys_of(Kind::EdgeHubMemory, "d1"), ElementsAre("amqp", "http"));
}

TEST_F(PostureTest, MessagesOfADaySurviveARestart) {
  store::OperationRow row;
  row.device_id = "d1";
  row.security_messages = 19;
  row.small_messages = 19;
  posture_->on_operation(row, from("d1"), findings_);
  pass(minutes(2));
  EXPECT_EQ(state_of(Kind::SmallMessages, "d1"), State::Resolved);
  std::vector<MemoryChange> memory;
  posture_->save(memory);
  ASSERT_EQ(memory.size(), 1U);
  reopen();
  EXPECT_TRUE(posture_->restore(memory[0].key, *memory[0].value));
  EXPECT_FALSE(posture_->restore("messages/d2", "1:2|"));
  EXPECT_FALSE(posture_->restore("other", ""));
  row.security_messages = 1;
  posture_->on_operation(row, from("d1"), findings_);
  settle();
  EXPECT_EQ(state_of(Kind::SmallMessages, "d1"), State::Active);
}

TEST_F(PostureTest, ADeletedDeviceIsForgotten) {
  ports("d1", {"22"});
  twin("d1", "", "{}", "{}", "deleted");
  EXPECT_THAT(must(posture_->assessments("d1")), IsEmpty());
  EXPECT_EQ(rows().back(), "IoT_OpenPorts d1 Resolved");
  EXPECT_EQ(must(posture_->score({})).devices, 0);
}

TEST_F(PostureTest, PagesGoOn) {
  for (const char* device : {"a", "b", "c"})
    ports(device, {"22"});
  DeviceFilter filter;
  filter.limit = 2;
  const AssessmentPage first = must(posture_->devices(Kind::OpenPorts, filter));
  EXPECT_EQ(first.total, 3);
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].items.size(), 1U);
  filter.cursor = first.next_cursor;
  const AssessmentPage second = must(posture_->devices(Kind::OpenPorts, filter));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].device_id, "c");
  EXPECT_EQ(second.next_cursor, "");
  filter.cursor.clear();
  filter.search = "B";
  EXPECT_EQ(must(posture_->devices(Kind::OpenPorts, filter)).total, 1);
  filter.search = "_";
  EXPECT_EQ(must(posture_->devices(Kind::OpenPorts, filter)).total, 0);
}

TEST_F(PostureTest, ItemsAreGroupedOverTheFleet) {
  ports("a", {"22", "80"});
  ports("b", {"22"});
  const auto items = must(posture_->items(Kind::OpenPorts, {}, 10));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].key, "tcp/22");
  EXPECT_EQ(items[0].devices, 2);
}

TEST_F(PostureTest, TheScoreCountsBySeverityAndShare) {
  EXPECT_FALSE(must(posture_->score({})).percent);
  ports("a", {});
  EXPECT_DOUBLE_EQ(*must(posture_->score({})).percent, 100);
  ports("b", {"22"});
  const Score half = must(posture_->score({}));
  EXPECT_DOUBLE_EQ(*half.percent, 50);
  EXPECT_EQ(half.devices, 2);
  EXPECT_DOUBLE_EQ(half.parts.at(0).gain, 50);
  EXPECT_DOUBLE_EQ(*must(posture_->score({.device = "b"})).percent, 0);
  // Credentials are worth twice as much: (5 * 0.5 + 10 * 1) / 15.
  ASSERT_TRUE(posture_->judge_devices(Kind::SharedCredentials, {}));
  EXPECT_NEAR(*must(posture_->score({})).percent, 100 * 12.5 / 15, 0.001);
  // What is dismissed does not count.
  must(posture_->add_exception(exception(Kind::OpenPorts, "b")));
  EXPECT_DOUBLE_EQ(*must(posture_->score({})).percent, 100);
  twin("b", "", "{}", R"({"SecurityGroup":"lab"})");
  const auto groups = must(posture_->group_scores());
  ASSERT_EQ(groups.size(), 2U);
}

}  // namespace
}  // namespace detect::posture
