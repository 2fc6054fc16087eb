#include "hub/custom_alerts/preview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/custom_alerts/history.h"
#include "kql/ticks.h"
#include "store/store_testing.h"

namespace hub::custom_alerts {
namespace {

using detect::custom::Definition;
using detect::custom::ListMode;
using detect::custom::Type;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::SizeIs;

const base::WallTime kNow{seconds(1'800'000'000)};

class PreviewTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::EventStore::open(store::store_options(dir_.path()));
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    queries_ = std::move(*store::Queries::open(*store_, 2));
  }
  void TearDown() override {
    queries_.reset();
    store_.reset();
  }

  void event(base::WallTime when, std::string_view name, std::string_view details,
             std::string_view device = "d1") {
    store::EventRow row;
    row.time_generated = kql::to_ticks(when + minutes(1));
    row.time_stamp = kql::to_ticks(when);
    row.device_id = batch_.keep(device);
    row.module_id = "agent";
    row.event_id = base::Guid::derived("preview_test", std::to_string(++number_));
    row.name = name;
    row.category = "Triggered";
    row.type = "Security";
    row.details = batch_.keep(details);
    batch_.events.push_back(row);
  }
  void operation(base::WallTime when, store::OperationRow row, std::string_view device = "d1") {
    row.time = kql::to_ticks(when);
    row.device_id = batch_.keep(device);
    batch_.operations.push_back(row);
  }
  void connect(base::WallTime when, std::string_view operation_name = "deviceConnect") {
    store::OperationRow row;
    row.category = "Connections";
    row.operation = operation_name;
    row.protocol = "MQTT";
    row.status_code = 200;
    operation(when, row);
  }
  Preview look(const Definition& definition) {
    EXPECT_TRUE(store_->append(batch_, 1));
    batch_.clear();
    PreviewOptions options;
    options.now = kNow;
    options.group_of = [](std::string_view device) {
      return device.starts_with("pump") ? "pumps" : "default";
    };
    options.max_rows = max_rows_;
    auto made = preview(*queries_, definition, options);
    if (made) return std::move(*made);
    ADD_FAILURE() << made.error().error.to_string();
    for (const auto& diagnostic : made.error().diagnostics)
      ADD_FAILURE() << diagnostic.message;
    return {};
  }

  store::TempDir dir_;
  std::unique_ptr<store::EventStore> store_;
  std::unique_ptr<store::Queries> queries_;
  store::Batch batch_;
  std::uint64_t number_ = 0;
  std::size_t max_rows_ = 1000;
};

Definition range(Type type, std::int64_t min, std::optional<std::int64_t> max,
                 seconds window = hours(1)) {
  Definition out;
  out.type = type;
  out.min = min;
  out.max = max;
  out.window = window;
  return out;
}
Definition list(Type type, ListMode mode, std::vector<std::string> values) {
  Definition out;
  out.type = type;
  out.mode = mode;
  out.values = std::move(values);
  return out;
}

constexpr auto kOut =
    R"({"RemoteAddress":"203.0.113.5","RemotePort":"443","Direction":"Out","Executable":"/bin/x"})";

TEST_F(PreviewTest, CountsWindowsThatWereTooFull) {
  for (int i = 0; i < 4; ++i)
    event(kNow - hours(50) - minutes(10 * i + 1), "ConnectionCreate", kOut);
  event(kNow - hours(26) - minutes(30), "ConnectionCreate",
        R"({"RemoteAddress":"::1","Direction":"In","ExtraDetails":{"HitCount":"4"}})");
  event(kNow - hours(5), "ConnectionCreate", kOut);
  for (int i = 0; i < 9; ++i) {
    event(kNow - hours(5) - minutes(i), "ConnectionCreate", kOut, "pump-1");
    event(kNow - hours(5) - minutes(i), "ConnectionCreate",
          R"({"RemoteAddress":"::1","Direction":"In","ExtraDetails":{"State":"Ended"}})");
  }
  const Preview made = look(range(Type::ActiveConnections, 0, 3));
  EXPECT_EQ(made.alerts, 1U);
  EXPECT_EQ(made.devices, 1U);
  EXPECT_EQ(made.hits, 2) << "windows";
  EXPECT_FALSE(made.truncated);
  EXPECT_EQ(made.to, kNow);
  EXPECT_EQ(made.from, kNow - hours(720));
  ASSERT_THAT(made.items, SizeIs(1));
  EXPECT_EQ(made.items[0].device_id, "d1");
  EXPECT_THAT(made.items[0].why, HasSubstr("4 connections between"));
  EXPECT_EQ(made.hits_by_day.size(), 2U);
}

TEST_F(PreviewTest, JudgesSilenceByConnections) {
  connect(kNow - hours(10));
  connect(kNow - hours(7), "deviceDisconnect");
  store::OperationRow sent = detect::custom::example_operation(Type::MqttD2C);
  sent.count = 5;
  operation(kNow - hours(9) + minutes(1), sent);
  const Preview made = look(range(Type::MqttD2C, 1, 4));
  // Too much in one, nothing in the two others that were whole.
  EXPECT_EQ(made.hits, 3);
  EXPECT_EQ(made.alerts, 1U);
}

TEST_F(PreviewTest, KnowsThatAHubBeganAnew) {
  connect(kNow - hours(10));
  store::AuditRow started;
  started.id = 1;
  started.time = kql::to_ticks(kNow - hours(8));
  started.action = "hub.start";
  batch_.audits.push_back(started);
  EXPECT_EQ(look(range(Type::MqttD2C, 1, {})).hits, 2);
}

TEST_F(PreviewTest, ComparesListsLikeTheDetector) {
  event(kNow - hours(3), "ConnectionCreate", kOut);
  event(kNow - hours(2), "ConnectionCreate", kOut);
  event(kNow - hours(2), "ConnectionCreate",
        R"({"RemoteAddress":"::ffff:10.0.0.1","Direction":"Out","ExtraDetails":{"HitCount":"7"}})");
  event(kNow - hours(2), "ConnectionCreate", R"({"RemoteAddress":"127.0.0.1","Direction":"Out"})");
  event(kNow - hours(2), "Login",
        R"({"UserName":"root","Result":"Success","Executable":"/bin/su"})");
  event(kNow - hours(2), "Login", R"({"UserId":"7","Result":"Success","Executable":"/bin/su"})");
  event(kNow - hours(2), "Login", R"({"UserId":"8","Result":"Success","Executable":"/bin/su"})");
  event(kNow - hours(2), "LocalUsers",
        R"({"UserId":"7","UserName":"admin","GroupIds":"","GroupNames":""})");
  event(kNow - hours(2), "ProcessCreate",
        R"({"Executable":"/usr/bin/dash","CommandLine":"x","ExtraDetails":{"Interpreter":"/bin/sh",
            "File":"run.sh","Cwd":"/opt"}})");
  event(kNow - hours(2), "ProcessCreate",
        R"({"Executable":"/usr/bin/python3","CommandLine":"python3 /srv/a.py"})");
  const Preview out = look(list(Type::ConnectionToIp, ListMode::Allow, {"10.0.0.0/8"}));
  ASSERT_EQ(out.alerts, 1U);
  EXPECT_EQ(out.items[0].entity, "203.0.113.5");
  EXPECT_EQ(out.items[0].hits, 2);
  EXPECT_EQ(look(list(Type::ConnectionToIp, ListMode::Deny, {"10.0.0.1"})).hits, 7);
  const Preview users = look(list(Type::LocalUser, ListMode::Allow, {"admin"}));
  EXPECT_EQ(users.alerts, 2U) << "root, and 8, who has no name";
  const Preview processes = look(list(Type::Process, ListMode::Deny, {"/opt/run.sh"}));
  ASSERT_EQ(processes.alerts, 1U);
  EXPECT_EQ(processes.items[0].entity, "/opt/run.sh");
  EXPECT_EQ(look(list(Type::Process, ListMode::Allow, {"run.sh"})).alerts, 1U);
  EXPECT_EQ(look(list(Type::Process, ListMode::Deny, {"a.py"})).alerts, 1U);
}

TEST_F(PreviewTest, CountsFailedLoginsAtTheDevice) {
  for (int i = 0; i < 3; ++i) {
    event(kNow - minutes(30 + i), "Login",
          R"({"UserName":"pi","Result":"Fail","Executable":"/bin/su"})");
    event(
        kNow - minutes(30 + i), "Login",
        R"({"UserName":"pi","Result":"Fail","Executable":"/usr/sbin/sshd","RemoteAddress":"10.0.0.1"})");
  }
  EXPECT_EQ(look(range(Type::FailedLocalLogins, 0, 2)).hits, 1);
  EXPECT_EQ(look(range(Type::FailedLocalLogins, 0, 3)).hits, 0);
}

TEST_F(PreviewTest, SaysWhereItStopped) {
  max_rows_ = 10;
  for (int i = 0; i < 20; ++i)
    event(kNow - hours(20 - i), "ConnectionCreate", kOut);
  const Preview made = look(range(Type::ActiveConnections, 1, {}));
  EXPECT_TRUE(made.truncated);
  EXPECT_EQ(made.from, kNow - hours(10));
}

// The history is asked in KQL for what the detector recognises in C++.
TEST_F(PreviewTest, AsksForWhatIsCounted) {
  int position = 0;
  std::vector<store::OperationRow> rows;
  for (const auto& info : detect::custom::types()) {
    if (info.source != detect::custom::Source::Hub) continue;
    store::OperationRow row = detect::custom::example_operation(info.type);
    rows.push_back(row);
    row.status_code = 403;
    row.reason = "limit";
    rows.push_back(row);
    row.reason = "";
    rows.push_back(row);
    row = detect::custom::example_operation(info.type);
    row.module_id = row.module_id.empty() ? "m" : "";
    row.protocol = row.protocol == "MQTT" ? "MQTT_WS" : row.protocol == "AMQP" ? "AMQP_WS" : "";
    rows.push_back(row);
  }
  store::OperationRow ended = detect::custom::example_operation(Type::UnauthorizedOperations);
  ended.operation = "deviceDisconnect";
  rows.push_back(ended);
  store::OperationRow patched = detect::custom::example_operation(Type::TwinUpdates);
  patched.category = "D2CTwinOperations";
  rows.push_back(patched);
  patched.operation = "read";
  rows.push_back(patched);
  std::map<Type, std::int64_t> expected;
  for (store::OperationRow& row : rows) {
    row.device_id = "d1";
    const auto pair = detect::custom::counted(row);
    for (const auto& each : {pair.first, pair.second}) {
      if (each) expected[each->type] += each->count;
    }
    operation(kNow - hours(1) + seconds(++position), row);
  }
  ASSERT_TRUE(store_->append(batch_, 1));
  for (const auto& info : detect::custom::types()) {
    if (info.source != detect::custom::Source::Hub) continue;
    store::QueryOptions options;
    options.now = kNow;
    const auto result =
        queries_->run_kql("IoTHubOperations | where " + operations_condition(info.type) +
                              " | summarize Count = sum(Count)",
                          options);
    ASSERT_TRUE(result) << info.name;
    EXPECT_EQ(std::get<std::int64_t>(result->rows[0][0]), expected[info.type]) << info.name;
    EXPECT_GT(expected[info.type], 0) << info.name;
  }
}

}  // namespace
}  // namespace hub::custom_alerts
