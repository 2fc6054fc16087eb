#include "detect/custom/detector.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detect/custom/events.h"

namespace detect::custom {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

base::WallTime at(seconds since_start) {
  return base::WallTime(seconds(1'800'000'007)) + since_start;
}

class TestFleet final : public Fleet {
 public:
  std::string group_of(std::string_view device) override {
    if (device.starts_with("stranger")) return {};
    const auto found = groups.find(std::string(device));
    return found == groups.end() ? "default" : found->second;
  }
  std::chrono::nanoseconds reporting_delay(std::string_view) override { return delay; }
  std::uint64_t version() const override { return number; }

  void move(const std::string& device, const std::string& group) {
    groups[device] = group;
    ++number;
  }

  std::map<std::string, std::string> groups;
  std::chrono::nanoseconds delay{0};
  std::uint64_t number = 1;
};

Definition range(Type type, std::int64_t min, std::optional<std::int64_t> max,
                 seconds window = minutes(5)) {
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

schema::ConnectionCreate connection(std::string remote,
                                    schema::Direction direction = schema::Direction::Out) {
  schema::ConnectionCreate out;
  out.remote_address = std::move(remote);
  out.direction = direction;
  out.executable = "/usr/bin/app";
  return out;
}
schema::Login login(std::string user, schema::LoginResult result, std::string remote = {}) {
  schema::Login out;
  if (!user.empty()) out.user_name = std::move(user);
  out.executable = "/bin/su";
  out.result = result;
  if (!remote.empty()) out.remote_address = std::move(remote);
  return out;
}
schema::ProcessCreate process(std::string executable) {
  schema::ProcessCreate out;
  out.executable = std::move(executable);
  out.command_line = out.executable;
  return out;
}

class CustomDetectorTest : public ::testing::Test {
 protected:
  void use(std::vector<Definition> definitions, seconds since = seconds(0)) {
    std::vector<std::shared_ptr<const Rule>> rules;
    for (Definition& definition : definitions) {
      const auto checked = check(definition);
      ASSERT_TRUE(checked) << checked.error().to_string();
      std::string id = id_of(definition);
      rules.push_back(
          std::make_shared<const Rule>(std::move(id), std::move(definition), at(since)));
    }
    detector->set(std::move(rules));
  }

  template <class Item>
  void event(seconds when, Item item, std::optional<seconds> received = {}, int hits = 1,
             std::string_view device = "d1") {
    if (hits != 1) schema::set(item.extra_details, "HitCount", std::to_string(hits));
    schema::Event happened;
    happened.time.utc = at(when);
    happened.payload = schema::payload_of(std::move(item));
    detector->on_event(happened, {device, "agent", at(received.value_or(when)), ++sequence},
                       findings);
  }
  void operation(seconds when, store::OperationRow row, std::string_view device = "d1") {
    row.device_id = device;
    detector->on_operation(row, {device, row.module_id, at(when), ++sequence}, findings);
  }
  void count(seconds when, Type type, std::int64_t number, std::string_view device = "d1") {
    store::OperationRow row = example_operation(type);
    row.count = number;
    operation(when, row, device);
  }
  void connect(seconds when, std::string_view device = "d1", std::string_view protocol = "MQTT") {
    store::OperationRow row;
    row.protocol = protocol;
    row.category = "Connections";
    row.operation = "deviceConnect";
    row.status_code = 200;
    operation(when, row, device);
  }
  void disconnect(seconds when, std::string_view device = "d1", std::string_view reason = "",
                  int status = 200) {
    store::OperationRow row;
    row.category = "Connections";
    row.operation = "deviceDisconnect";
    row.protocol = "MQTT";
    row.status_code = status;
    row.reason = reason;
    operation(when, row, device);
  }
  void time(seconds now) { detector->on_time(at(now), findings); }

  // What was found since the last call, as "rule entity".
  std::vector<std::string> take() {
    std::vector<std::string> out;
    for (const Finding& finding : findings)
      out.push_back(finding.rule.id.substr(7) + " " + finding.entity);
    findings.clear();
    return out;
  }
  // As a later program: with the memory of this one.
  void restart() {
    std::vector<MemoryChange> changes;
    detector->save(changes);
    for (MemoryChange& change : changes) {
      if (change.value) {
        memory[change.key] = *change.value;
      } else {
        memory.erase(change.key);
      }
    }
    detector = std::make_unique<CustomDetector>(fleet, options);
  }
  void remember() {
    for (const auto& [key, value] : memory)
      EXPECT_TRUE(detector->restore(key, value)) << key << " " << value;
  }

  TestFleet fleet;
  CustomDetector::Options options;
  std::unique_ptr<CustomDetector> detector = std::make_unique<CustomDetector>(fleet);
  std::map<std::string, std::string> memory;
  std::vector<Finding> findings;
  std::uint64_t sequence = 0;
};

constexpr auto kFail = schema::LoginResult::Fail;
constexpr auto kSuccess = schema::LoginResult::Success;

TEST_F(CustomDetectorTest, TellsATooLargeCountOnceAndAtOnce) {
  use({range(Type::ActiveConnections, 0, 10)});
  for (int i = 0; i < 10; ++i)
    event(seconds(i), connection("192.0.2.1"));
  EXPECT_THAT(findings, IsEmpty());
  event(seconds(299), connection("192.0.2.1", schema::Direction::In));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].rule.id, "IoT_CA_ActiveConnectionsNotInAllowedRange");
  EXPECT_EQ(findings[0].rule.severity, Severity::Low);
  EXPECT_EQ(findings[0].device_id, "d1");
  EXPECT_EQ(findings[0].module_id, "agent");
  EXPECT_EQ(findings[0].sequence, 11U);
  EXPECT_THAT(findings[0].why, HasSubstr("11 connections between"));
  EXPECT_THAT(findings[0].why, HasSubstr("allowed are 0 to 10"));
  EXPECT_EQ(findings[0].evidence.event_name, "ConnectionCreate");
  ASSERT_THAT(findings[0].evidence.matched, SizeIs(1));
  EXPECT_EQ(findings[0].evidence.matched[0].value, "11");
  event(seconds(299), connection("192.0.2.1"));
  EXPECT_THAT(findings, SizeIs(1));
  // Another window.
  event(seconds(300), connection("192.0.2.1"), {}, 11);
  EXPECT_THAT(take(), SizeIs(2));
}

TEST_F(CustomDetectorTest, CountsEachWindowByItself) {
  use({range(Type::ActiveConnections, 0, 10)});
  for (int i = 0; i < 12; ++i)
    event(seconds(60 * i), connection("192.0.2.1"));
  for (int i = 0; i < 10; ++i)
    event(seconds(890 + i), connection("192.0.2.1"));
  EXPECT_THAT(findings, SizeIs(1)) << "five and ten";
  findings.clear();
  for (int i = 0; i < 10; ++i)
    event(seconds(900 + i), connection("192.0.2.1"));
  time(hours(9));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CustomDetectorTest, CountsAggregatedEventsAsOftenAsTheyHappened) {
  use({range(Type::ActiveConnections, 0, 10)});
  event(seconds(1), connection("192.0.2.1"), {}, 11);
  EXPECT_THAT(take(), ElementsAre("ActiveConnectionsNotInAllowedRange PT5M"));
}

TEST_F(CustomDetectorTest, DoesNotCountTheEndOfAConnection) {
  use({range(Type::ActiveConnections, 0, 0), list(Type::ConnectionToIp, ListMode::Allow, {"::1"})});
  schema::ConnectionCreate ended = connection("192.0.2.1");
  schema::set(ended.extra_details, "State", "Ended");
  event(seconds(1), ended);
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CustomDetectorTest, CountsEventsWhenTheyHappened) {
  use({range(Type::ActiveConnections, 0, 2)});
  // Two hours offline, then all at once: never more than two in a window.
  for (int i = 0; i < 48; ++i)
    event(seconds(150 * i), connection("192.0.2.1"), hours(2));
  EXPECT_THAT(take(), IsEmpty());
  event(seconds(151), connection("192.0.2.1"), hours(2));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(detector->counters().late, 1U) << "long past, and no longer kept";
  event(seconds(7051), connection("192.0.2.1"), hours(2));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, DoesNotBelieveAClockThatIsAhead) {
  use({range(Type::ActiveConnections, 0, 1)});
  event(hours(3), connection("192.0.2.1"), seconds(1));
  event(hours(6), connection("192.0.2.1"), seconds(2));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, CountsNothingFromBeforeTheRule) {
  use({range(Type::ActiveConnections, 0, 0), list(Type::LocalUser, ListMode::Allow, {"x"})},
      seconds(100));
  event(seconds(99), connection("192.0.2.1"), seconds(101));
  event(seconds(99), login("pi", kSuccess), seconds(101));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CustomDetectorTest, CountsFailedLoginsAtTheDeviceOnly) {
  use({range(Type::FailedLocalLogins, 0, 0)});
  event(seconds(1), login("pi", kFail, "10.0.0.4"));
  event(seconds(2), login("pi", kSuccess));
  schema::Login shell = login("pi", kFail);
  shell.executable = "/usr/sbin/sshd";
  event(seconds(3), shell);
  EXPECT_THAT(take(), IsEmpty());
  event(seconds(4), login("pi", kFail, "::ffff:127.0.0.1"));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, ComparesWhereItConnects) {
  use({list(Type::ConnectionToIp, ListMode::Allow, {"10.0.0.0/8"})});
  event(seconds(1), connection("203.0.113.5", schema::Direction::In));
  event(seconds(2), connection("::ffff:10.2.3.4"));
  event(seconds(3), connection("127.0.0.1"));
  event(seconds(4), connection("::1"));
  EXPECT_THAT(take(), IsEmpty());
  event(seconds(5), connection("::ffff:203.0.113.5"));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].entity, "203.0.113.5");
  EXPECT_THAT(findings[0].why, HasSubstr("It connected to 203.0.113.5: not on the list"));
  EXPECT_EQ(findings[0].evidence.matched.back().field, "RemoteAddress");
}

TEST_F(CustomDetectorTest, SumsUpRepeatsForAnHour) {
  use({list(Type::ConnectionToIp, ListMode::Allow, {"10.0.0.0/8"})});
  event(seconds(1), connection("203.0.113.5"), {}, 3);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].hits, 3);
  findings.clear();
  event(seconds(2), connection("203.0.113.5"), {}, 2);
  event(seconds(3), connection("203.0.113.5"));
  event(seconds(4), connection("203.0.113.6"));
  EXPECT_THAT(take(), ElementsAre("ConnectionToIpNotAllowed 203.0.113.6"));
  time(seconds(3600));
  EXPECT_THAT(take(), IsEmpty());
  time(seconds(3601));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].entity, "203.0.113.5");
  EXPECT_EQ(findings[0].hits, 3);
  EXPECT_EQ(findings[0].received, at(seconds(3)));
  findings.clear();
  time(hours(9));
  EXPECT_THAT(take(), IsEmpty()) << "the other one was not repeated";
  event(hours(10), connection("203.0.113.5"));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, ComparesWhoLoggedIn) {
  use({list(Type::LocalUser, ListMode::Allow, {"admin"})});
  event(seconds(1), login("root", kFail, "10.0.0.3"));
  event(seconds(2), login("admin", kSuccess));
  EXPECT_THAT(take(), IsEmpty());
  event(seconds(3), login("root", kSuccess, "10.0.0.3"));
  EXPECT_THAT(take(), ElementsAre("LocalUserNotAllowed root"));
}

TEST_F(CustomDetectorTest, KnowsUsersByTheirNumbers) {
  use({list(Type::LocalUser, ListMode::Allow, {"admin"})});
  schema::LocalUsers admin;
  admin.user_id = "1000";
  admin.user_name = "admin";
  event(seconds(1), admin);
  schema::Login unnamed = login("", kSuccess);
  unnamed.user_id = "1000";
  event(seconds(2), unnamed);
  EXPECT_THAT(take(), IsEmpty());
  restart();
  use({list(Type::LocalUser, ListMode::Allow, {"admin"})});
  remember();
  event(seconds(3), unnamed);
  EXPECT_THAT(take(), IsEmpty());
  unnamed.user_id = "1001";
  event(seconds(4), unnamed);
  EXPECT_THAT(take(), ElementsAre("LocalUserNotAllowed 1001"));
}

TEST_F(CustomDetectorTest, ComparesScriptsRatherThanTheirInterpreters) {
  use({list(Type::Process, ListMode::Allow, {"/opt/acme/run.sh", "app"})});
  schema::ProcessCreate script = process("/usr/bin/dash");
  schema::set(script.extra_details, "Interpreter", "/bin/sh");
  schema::set(script.extra_details, "File", "./run.sh");
  schema::set(script.extra_details, "Cwd", "/opt/acme");
  event(seconds(1), script);
  event(seconds(2), process("/srv/app"));
  EXPECT_THAT(take(), IsEmpty());
  schema::set(script.extra_details, "Cwd", "/tmp");
  event(seconds(3), script);
  event(seconds(4), process("/usr/bin/dash"));
  EXPECT_THAT(take(),
              ElementsAre("ProcessNotAllowed /tmp/run.sh", "ProcessNotAllowed /usr/bin/dash"));
}

TEST_F(CustomDetectorTest, FindsTheScriptInTheCommandLine) {
  use({list(Type::Process, ListMode::Allow, {"/opt/acme/run.py", "sh"})});
  schema::ProcessCreate script = process("/usr/bin/python3.11");
  script.command_line = "python3 -u /opt/acme/run.py --fast";
  event(seconds(1), script);
  script.executable = "/bin/sh";
  script.command_line = "sh -c true";
  event(seconds(2), script);
  EXPECT_THAT(take(), IsEmpty());
  script.command_line = "sh /tmp/evil.sh";
  event(seconds(3), script);
  EXPECT_THAT(take(), ElementsAre("ProcessNotAllowed /tmp/evil.sh"));
}

TEST_F(CustomDetectorTest, ForbidsWhatADenyListNames) {
  use({list(Type::Process, ListMode::Deny, {"nc"}), list(Type::Process, ListMode::Allow, {"nc"})});
  event(seconds(1), process("/bin/nc"));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].why, HasSubstr("not allowed: 'nc'"));
}

TEST_F(CustomDetectorTest, JudgesTooLittleWhenTheWindowIsOver) {
  use({range(Type::MqttD2C, 5, 10)});
  connect(seconds(0));
  count(seconds(100), Type::MqttD2C, 4);
  time(seconds(299));
  EXPECT_THAT(take(), IsEmpty());
  time(seconds(300));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].why, HasSubstr("4 device-to-cloud messages over MQTT between"));
  EXPECT_EQ(findings[0].module_id, "") << "the device's, over all its modules";
  EXPECT_EQ(findings[0].evidence.time, at(seconds(300)));
  findings.clear();
  count(seconds(400), Type::MqttD2C, 5);
  time(seconds(600));
  EXPECT_THAT(take(), IsEmpty());
  time(seconds(900));
  EXPECT_THAT(take(), SizeIs(1)) << "nothing at all";
}

TEST_F(CustomDetectorTest, JudgesZeroForConnectedDevicesOnly) {
  use({range(Type::MqttD2C, 1, {})});
  connect(seconds(0), "d1");
  connect(seconds(1), "came-later");
  connect(seconds(0), "left");
  disconnect(seconds(299), "left");
  time(seconds(300));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].device_id, "d1");
  findings.clear();
  time(seconds(600));
  EXPECT_THAT(take(), SizeIs(2)) << "and who came later, for whom that window is whole";
}

TEST_F(CustomDetectorTest, JudgesADeviceThatNeverConnectsByWhatItSends) {
  use({range(Type::HttpD2C, 3, {})});
  count(seconds(10), Type::HttpD2C, 1);
  time(seconds(300));
  EXPECT_THAT(take(), IsEmpty()) << "its first window is partial";
  count(seconds(310), Type::HttpD2C, 2);
  time(seconds(600));
  EXPECT_THAT(take(), SizeIs(1));
  time(seconds(900));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CustomDetectorTest, AsksForMessagesOverTheProtocolThatIsSpoken) {
  use({range(Type::MqttD2C, 1, {}), range(Type::AmqpD2C, 1, {}), range(Type::HttpD2C, 1, {}),
       range(Type::DirectMethodInvokes, 1, {})});
  connect(seconds(0), "d1", "AMQP_WS");
  time(seconds(300));
  EXPECT_THAT(take(), ElementsAre("AmqpD2CMessagesNotInAllowedRange PT5M",
                                  "DirectMethodInvokesNotInAllowedRange PT5M"));
}

TEST_F(CustomDetectorTest, TakesARenewedConnectionForTheSame) {
  use({range(Type::MqttD2C, 1, {})});
  connect(seconds(0));
  connect(seconds(100));
  disconnect(seconds(100), "d1", "taken_over", 400);
  disconnect(seconds(200), "d1", "sas_expired", 401);
  disconnect(seconds(200), "d1", "sas_expired", 404);
  connect(seconds(300));
  time(seconds(300));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, KnowsNoConnectionsFromBeforeTheHubBegan) {
  use({range(Type::MqttD2C, 1, {})});
  connect(seconds(0), "d1");
  connect(seconds(100), "d2");
  store::AuditRow began;
  began.action = "hub.start";
  detector->on_audit(began, {{}, {}, at(seconds(100)), ++sequence}, findings);
  time(seconds(300));
  EXPECT_THAT(take(), IsEmpty());
  time(seconds(600));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].device_id, "d2") << "which came back";
}

TEST_F(CustomDetectorTest, WaitsForEventsThatTheAgentKeeps) {
  fleet.delay = hours(5);
  use({range(Type::ActiveConnections, 1, {}, hours(1))});
  connect(seconds(0));
  time(hours(6) - seconds(1));
  EXPECT_THAT(take(), IsEmpty());
  event(seconds(10), connection("192.0.2.1"), hours(6) - seconds(1));
  time(hours(6));
  EXPECT_THAT(take(), IsEmpty());
  // It took almost six hours: so long is waited from now on, twice.
  time(hours(13));
  EXPECT_THAT(take(), IsEmpty());
  time(hours(14));
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, JudgesEachGroupByItsOwnRules) {
  Definition pumps = range(Type::DirectMethodInvokes, 0, 2);
  pumps.group = "pumps";
  use({pumps});
  fleet.groups["d1"] = "pumps";
  count(seconds(1), Type::DirectMethodInvokes, 3, "d2");
  EXPECT_THAT(take(), IsEmpty());
  count(seconds(1), Type::DirectMethodInvokes, 2, "d1");
  fleet.move("d1", "presses");
  count(seconds(2), Type::DirectMethodInvokes, 2, "d1");
  EXPECT_THAT(take(), IsEmpty());
  fleet.move("d1", "pumps");
  count(seconds(3), Type::DirectMethodInvokes, 3, "d1");
  EXPECT_THAT(take(), SizeIs(1));
}

TEST_F(CustomDetectorTest, GoesOnCountingUnderOtherLimits) {
  use({range(Type::DirectMethodInvokes, 0, 10)});
  count(seconds(1), Type::DirectMethodInvokes, 6);
  use({range(Type::DirectMethodInvokes, 0, 7)});
  count(seconds(2), Type::DirectMethodInvokes, 2);
  EXPECT_THAT(take(), SizeIs(1));
  Definition off = range(Type::DirectMethodInvokes, 0, 7);
  off.enabled = false;
  use({off});
  count(seconds(400), Type::DirectMethodInvokes, 99);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(detector->counters().rules, 0U);
}

TEST_F(CustomDetectorTest, TellsWhatItHeldOfARuleThatGoes) {
  use({list(Type::Process, ListMode::Deny, {"nc"})});
  event(seconds(1), process("/bin/nc"));
  event(seconds(2), process("/bin/nc"));
  findings.clear();
  use({});
  time(seconds(3));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].hits, 1);
}

TEST_F(CustomDetectorTest, RemembersOverARestart) {
  const std::vector<Definition> definitions = {range(Type::DirectMethodInvokes, 0, 10),
                                               list(Type::Process, ListMode::Deny, {"nc"})};
  use(definitions);
  count(seconds(1), Type::DirectMethodInvokes, 6);
  event(seconds(1), process("/bin/nc"));
  event(seconds(2), process("/bin/nc"));
  EXPECT_THAT(take(), SizeIs(1));
  restart();
  use(definitions);
  remember();
  count(seconds(3), Type::DirectMethodInvokes, 5);
  EXPECT_THAT(take(), ElementsAre("DirectMethodInvokesNotInAllowedRange PT5M"));
  event(seconds(4), process("/bin/nc"));
  EXPECT_THAT(take(), IsEmpty());
  time(hours(2));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].hits, 2);
  EXPECT_EQ(findings[0].evidence.event_name, "ProcessCreate");
  findings.clear();
  restart();
  EXPECT_THAT(memory, SizeIs(1)) << "the device's counts";
  // With another window it is another count.
  use({range(Type::DirectMethodInvokes, 0, 10)}, hours(3));
  remember();
  count(hours(3), Type::DirectMethodInvokes, 10);
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CustomDetectorTest, RefusesMemoryThatIsNone) {
  for (
      const auto& [key, value] : std::map<std::string, std::string>{
          {"", "{}"},
          {"x", "{}"},
          {"dd1", ""},
          {"dd1", "[]"},
          {"dd2", R"({"series":[{}],"users":{}})"},
          {"dd3",
           R"({"series":[{"rule":"r","since":1,"judged":0,"windows":[[2,1,0],[1,1,0]]}],"users":{}})"},
          {"dd4", R"({"series":[],"users":{"1":2}})"},
          {"hd1", "{}"},
          {"hd1\nr\nv", "{}"},
          {"hd2\nr\nv", R"({"rule":"r","until":1,"hits":1,"received":1,"evidence":{}})"}}) {
    EXPECT_FALSE(detector->restore(key, value)) << key << " " << value;
  }
}

TEST_F(CustomDetectorTest, KeepsWithinItsMemory) {
  options.max_bytes = 64 << 10U;
  detector = std::make_unique<CustomDetector>(fleet, options);
  use({range(Type::UnauthorizedOperations, 0, 10), list(Type::Process, ListMode::Deny, {"nc"})});
  for (int i = 0; i < 1000; ++i)
    count(seconds(1), Type::UnauthorizedOperations, 1, "d" + std::to_string(i));
  EXPECT_LE(detector->counters().bytes, options.max_bytes);
  EXPECT_GT(detector->counters().evicted_devices, 500U);
  EXPECT_GT(detector->counters().devices, 10U);
  const auto before = detector->counters();
  for (int i = 0; i < 1000; ++i)
    count(seconds(1), Type::UnauthorizedOperations, 99, "stranger" + std::to_string(i));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(detector->counters().evicted_devices, before.evicted_devices)
      << "names that nobody has push nobody out";
}

TEST_F(CustomDetectorTest, HoldsSoManyValuesOfADevice) {
  use({list(Type::ConnectionToIp, ListMode::Allow, {"::1"})});
  for (int i = 0; i < 2; ++i)
    event(seconds(1), connection("10.0.0.0"));
  for (int i = 1; i < 300; ++i)
    event(seconds(1 + i), connection("10.0.1." + std::to_string(i % 256)), {}, 1,
          i < 256 ? "d1" : "d2");
  EXPECT_EQ(detector->counters().evicted_values, 0U);
  event(seconds(400), connection("10.0.2.1"));
  EXPECT_EQ(detector->counters().evicted_values, 1U);
  ASSERT_GE(findings.size(), 2U);
  EXPECT_EQ(findings.back().entity, "10.0.0.0") << "its repeat is told before it is forgotten";
}

}  // namespace
}  // namespace detect::custom
