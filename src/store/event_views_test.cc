#include "store/event_views.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "schema/message.h"
#include "store/manifest.h"
#include "store/pieces.h"
#include "store/query.h"
#include "store/store_testing.h"

namespace store {
namespace {

base::WallTime noon() {
  return base::WallTime(std::chrono::seconds(1'800'000'000));
}

// Rows as the hub writes them.
class EventViewsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = EventStore::open(store_options(dir_.path()));
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    queries_ = std::move(*Queries::open(*store_, 2));
  }
  void TearDown() override {
    queries_.reset();
    store_.reset();
  }

  template <class Item>
  void add(std::string_view device, std::vector<Item> items) {
    schema::Event event;
    event.id = base::Guid::derived("event_views_test", std::to_string(++number_));
    event.time = {noon() + std::chrono::seconds(number_), std::chrono::minutes(60)};
    event.payload = schema::Payload(std::move(items));
    for (std::size_t item = 0; item < std::max<std::size_t>(event.item_count(), 1); ++item) {
      EventRow row;
      row.time_generated = kql::to_ticks(event.time.utc) + kql::kTicksPerSecond;
      row.time_stamp = kql::to_ticks(event.time.utc);
      row.device_id = batch_.keep(device);
      row.module_id = "agent";
      row.agent_version = "1.2.3";
      row.event_id = event.id;
      row.item = static_cast<std::uint32_t>(item);
      row.name = schema::to_string(event.name());
      row.category = schema::to_string(event.category());
      row.type = schema::to_string(event.type());
      row.is_empty = event.item_count() == 0;
      row.details = batch_.keep(details_of(event, item));
      batch_.events.push_back(row);
    }
  }
  static std::string details_of(const schema::Event& event, std::size_t item) {
    const std::string times = R"("TimestampLocal":")" +
                              base::format_rfc3339(event.time.utc, event.time.offset) +
                              R"(","TimestampUTC":")" + base::format_rfc3339(event.time.utc) + "\"";
    if (item >= event.item_count()) return "{" + times + "}";
    return "{" + times + "," + schema::event_details_json(event, item).substr(1);
  }
  void store_all() {
    ASSERT_TRUE(store_->append(batch_, ++sequence_));
    batch_.clear();
  }

  std::string ask(std::string_view text) {
    QueryOptions options;
    options.now = noon();
    const auto result = queries_->run_kql(text, options);
    if (!result) {
      std::string out = result.error().error.to_string();
      for (const auto& diagnostic : result.error().diagnostics)
        out += "\n" + kql::render(diagnostic, text);
      return out;
    }
    std::string out;
    for (const auto& row : result->rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) out += '|';
        const bool null = std::holds_alternative<std::monostate>(row[i]);
        out += null ? "null" : value_text(result->columns[i].type, row[i]);
      }
      out += '\n';
    }
    return out;
  }

  TempDir dir_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Queries> queries_;
  Batch batch_;
  int number_ = 0;
  std::uint64_t sequence_ = 0;
};

schema::ProcessCreate process(std::int64_t id, std::string executable) {
  schema::ProcessCreate item;
  item.executable = std::move(executable);
  item.process_id = id;
  item.parent_process_id = 1;
  item.user_id = "0";
  item.command_line = "run \"" + std::to_string(id) + "\"";
  return item;
}

TEST_F(EventViewsTest, EachEventIsATable) {
  for (std::size_t event = 0; event < schema::kEventNames; ++event) {
    const schema::EventInfo& info = schema::event_info(static_cast<schema::EventName>(event));
    const kql::Table* table = catalogue().find(info.name);
    ASSERT_NE(table, nullptr) << info.name;
    for (const schema::Field& field : info.fields) {
      EXPECT_NE(std::ranges::find(table->columns, field.name, &kql::Column::name),
                table->columns.end())
          << info.name << "." << field.name;
    }
    EXPECT_EQ(ask(std::string(info.name) + " | count"), "0\n");
  }
}

TEST_F(EventViewsTest, FieldsAreColumnsOfTheirTypes) {
  auto with_name = process(7, "/bin/sh");
  with_name.user_name = "root";
  with_name.extra_details = {{"Cwd", "/tmp"}, {"HitCount", "5"}};
  add("d1", std::vector{with_name, process(8, "/bin/ls")});
  schema::Login login;
  login.process_id = 9;
  login.user_name = "eve";
  login.operation = "ssh";
  login.executable = "/usr/sbin/sshd";
  login.remote_address = "192.0.2.7";
  login.result = schema::LoginResult::Fail;
  add("d2", std::vector{login});
  add("d1", std::vector<schema::ListeningPorts>());
  schema::ListeningPorts port;
  port.local_port = "22";
  port.protocol = "tcp";
  add("d1", std::vector{port});
  schema::OSBaseline check;
  check.description = "a \"check\"";
  check.cce_id = "CCE-1";
  check.result = schema::BaselineResult::Fail;
  check.severity = schema::BaselineSeverity::Critical;
  add("d2", std::vector{check});
  schema::FirewallConfiguration rule;
  rule.enabled = true;
  rule.action = schema::FirewallAction::Deny;
  rule.priority = 3;
  add("d2", std::vector{rule});
  store_all();
  EXPECT_EQ(ask("ProcessCreate | project DeviceId, ProcessId, Executable, UserName, CommandLine, "
                "HitCount, Cwd = tostring(ExtraDetails.Cwd), Type | sort by ProcessId asc"),
            "d1|7|/bin/sh|root|run \"7\"|5|/tmp|ProcessCreate\n"
            "d1|8|/bin/ls||run \"8\"|1||ProcessCreate\n");
  EXPECT_EQ(ask("Login | where Result == 'Fail' | project UserName, RemoteAddress, RemotePort, "
                "isempty(UserId), gettype(ProcessId)"),
            "eve|192.0.2.7||true|long\n");
  EXPECT_EQ(ask("ListeningPorts | project LocalPort, Protocol, LocalAddress"), "22|tcp|\n");
  EXPECT_EQ(ask("OSBaseline | project Description, CceId, Result, Error, Severity"),
            "a \"check\"|CCE-1|Fail||Critical\n");
  EXPECT_EQ(ask("FirewallConfiguration | where Enabled | project Action, Priority + 1, Protocol"),
            "Deny|4|\n");
}

TEST_F(EventViewsTest, DetailsReadAsTheyWereWritten) {
  auto item = process(7, "/bin/sh");
  item.extra_details = {{"Odd \" name", "}{"}};
  add("d1", std::vector{item});
  const std::string written(batch_.events.back().details);
  add("d1", std::vector<schema::LocalUsers>());
  EventRow foreign = batch_.events.front();
  foreign.event_id = base::Guid::derived("event_views_test", "foreign");
  foreign.details = R"({ "ProcessId" : 8, "Other": [1, null] })";
  batch_.events.push_back(foreign);
  store_all();
  EXPECT_EQ(ask("SecurityIoTRawEvent | where EventDetails has 'sh' | project EventDetails, "
                "_BilledSize == strlen(EventDetails)"),
            written + "|true\n");
  EXPECT_EQ(
      ask("SecurityIoTRawEvent | where IsEmpty | project EventDetails"),
      R"({"TimestampLocal":"2027-01-15T09:00:02.000+01:00","TimestampUTC":"2027-01-15T08:00:02.000Z"})"
      "\n");
  EXPECT_EQ(ask("SecurityIoTRawEvent | where EventDetails has 'Other' | project EventDetails"),
            std::string(foreign.details) + "\n");
  EXPECT_EQ(ask("DefenderIoTRawEvent | where not(IsEmpty) | project gettype(EventDetails), "
                "EventDetails.ProcessId, tostring(EventDetails.ExtraDetails['Odd \" name']), "
                "EventDetails.Other[0] | sort by tolong(EventDetails_ProcessId) asc"),
            "dictionary|7|}{|null\ndictionary|8||1\n");
}

// The same question through the columns, and through text that nobody can know the origin of.
TEST_F(EventViewsTest, ColumnsAnswerAsTheTextDoes) {
  auto named = process(7, "/bin/sh");
  named.user_name = "";
  named.extra_details = {{"HitCount", "5"}};
  add("d1", std::vector{named, process(8, "/bin/ls")});
  add("d1", std::vector<schema::LocalUsers>());
  EventRow foreign = batch_.events.front();
  foreign.event_id = base::Guid::derived("event_views_test", "foreign");
  foreign.details =
      R"({"Executable":null,"ProcessId":"12","TimestampLocal":"2020-02-03T04:05:06+07:00"})";
  batch_.events.push_back(foreign);
  foreign.event_id = base::Guid::derived("event_views_test", "no JSON");
  foreign.details = "what is this";
  batch_.events.push_back(foreign);
  store_all();
  for (const std::string_view question : {"tostring(D.ProcessId)",
                                          "tolong(D.ProcessId)",
                                          "toint(D.ProcessId)",
                                          "toreal(D.ProcessId)",
                                          "tobool(D.ProcessId)",
                                          "todatetime(D.ProcessId)",
                                          "totimespan(D.ProcessId)",
                                          "todecimal(D.ProcessId)",
                                          "D.ProcessId == 7",
                                          "D.ProcessId > 7",
                                          "D.ProcessId + 1",
                                          "isnull(D.ProcessId)",
                                          "tostring(D.Executable)",
                                          "tolong(D.Executable)",
                                          "D.Executable == '/bin/sh'",
                                          "D.Executable != '/bin/sh'",
                                          "D.Executable contains 'LS'",
                                          "isempty(D.Executable)",
                                          "isnull(D.UserName)",
                                          "tostring(D.UserName)",
                                          "D.UserName == ''",
                                          "strcat(D.Executable, D.UserId)",
                                          "tostring(D.ExtraDetails.HitCount)",
                                          "tolong(D.ExtraDetails.HitCount)",
                                          "D.ExtraDetails",
                                          "tostring(D['ParentProcessId'])",
                                          "tostring(D.Nothing)",
                                          "todatetime(D.TimestampLocal)",
                                          "tostring(D.TimestampLocal)",
                                          "todatetime(D.TimestampUTC)",
                                          "D.TimestampUTC",
                                          "iff(D.ProcessId == 8, 'a', 'b')",
                                          "D.Executable in ('/bin/ls', 'x')",
                                          "coalesce(tolong(D.ProcessId), 99)"}) {
    const std::string tail = std::string("project IoTRawEventId, V = ") + std::string(question) +
                             " | sort by IoTRawEventId asc, tostring(V) asc";
    EXPECT_EQ(
        ask("SecurityIoTRawEvent | extend D = parse_json(EventDetails) | " + tail),
        ask("SecurityIoTRawEvent | extend D = parse_json(strcat(EventDetails, '')) | " + tail))
        << question;
  }
  for (const std::string_view type : {"string", "long", "int", "real", "bool", "datetime"}) {
    for (const std::string_view path : {"$.ProcessId", "$.Executable", "$.TimestampLocal",
                                        "$['UserId']", "$.ExtraDetails.HitCount", "$.No"}) {
      const std::string call = "SecurityIoTRawEvent | project IoTRawEventId, V = extractjson(\"" +
                               std::string(path) + "\", EventDetails, typeof(" + std::string(type) +
                               ")) | sort by IoTRawEventId asc, V asc";
      std::string slow = call;
      slow.replace(slow.find("EventDetails,"), 12, "strcat(EventDetails, '')");
      EXPECT_EQ(ask(call), ask(slow)) << call;
    }
  }
}

TEST_F(EventViewsTest, ColumnsGoThroughOperators) {
  add("d1", std::vector{process(7, "/bin/sh"), process(8, "/bin/ls")});
  add("d2", std::vector{process(9, "/bin/sh")});
  store_all();
  const std::string shells = "d1|7\nd2|9\n";
  const std::string ending = " | project DeviceId, P = tolong(D.ProcessId) | sort by P asc";
  for (const std::string_view start :
       {"SecurityIoTRawEvent | project DeviceId, D = todynamic(EventDetails) | where "
        "D.Executable == '/bin/sh'",
        "SecurityIoTRawEvent | project DeviceId, EventDetails, X = 1 | extend D = "
        "parse_json(EventDetails) | project-away X | where D.Executable == '/bin/sh'",
        "let E = SecurityIoTRawEvent | extend D = parse_json(EventDetails); E | where D.Executable "
        "== '/bin/sh' | join kind=inner (E | distinct DeviceId) on DeviceId",
        "let E = SecurityIoTRawEvent | project DeviceId, T = EventDetails; E | join kind=leftsemi "
        "(E | where parse_json(T).Executable == '/bin/sh' | extend P = extractjson('$.ProcessId', "
        "T)) "
        "on DeviceId, T | extend D = parse_json(T)",
        "SecurityIoTRawEvent | where extractjson('$.Executable', EventDetails) == '/bin/sh' | sort "
        "by TimeStamp asc | take 5 | extend D = parse_json(EventDetails)",
        "SecurityIoTRawEvent | distinct DeviceId | join kind=inner SecurityIoTRawEvent on DeviceId "
        "| extend D = parse_json(EventDetails) | where D.Executable == '/bin/sh'",
        "SecurityIoTRawEvent | as T | join kind=leftouter T on IoTRawEventId, EventDetails | "
        "extend "
        "D = parse_json(EventDetails1) | where D.Executable == '/bin/sh' and "
        "extractjson('$.ProcessId', EventDetails) == D.ProcessId",
        "union SecurityIoTRawEvent, (SecurityAlert | take 0) | extend D = parse_json(EventDetails) "
        "| where D.Executable == '/bin/sh'",
        "SecurityIoTRawEvent | extend EventDetails = parse_json(EventDetails) | where "
        "EventDetails.Executable == '/bin/sh' | summarize take_any(EventDetails) by DeviceId, "
        "Id = tolong(EventDetails.ProcessId) | project-rename D = EventDetails",
        "SecurityIoTRawEvent | mv-apply D = pack_array(parse_json(EventDetails)) on (where "
        "D.Executable == '/bin/sh')"}) {
    EXPECT_EQ(ask(std::string(start) + ending), shells) << start;
  }
}

TEST_F(EventViewsTest, NobodySeesTheColumnsBehind) {
  add("d1", std::vector{process(7, "/bin/sh")});
  store_all();
  EXPECT_EQ(ask("SecurityIoTRawEvent | getschema | where ColumnName contains '$' or ColumnName "
                "startswith 'f_' | count"),
            "0\n");
  EXPECT_EQ(ask("SecurityIoTRawEvent | extend D = parse_json(EventDetails) | where D.Executable "
                "has 'sh' | getschema | count"),
            ask("SecurityIoTRawEvent | extend D = 1 | getschema | count"));
  EXPECT_NE(ask("SecurityIoTRawEvent | project ['$.ProcessId']").find("there is no column"),
            std::string::npos);
}

TEST_F(EventViewsTest, HealthIsTheLastHeartbeatOfEachAgent) {
  for (const std::int64_t uptime : {10, 20, 30}) {
    schema::Heartbeat beat;
    beat.tier = schema::CollectionTier::Audit;
    beat.uptime_seconds = uptime;
    beat.dropped_events = uptime / 10;
    beat.resident_bytes = 1000;
    add("d1", std::vector{beat});
  }
  schema::Heartbeat other;
  other.uptime_seconds = 5;
  add("d2", std::vector{other});
  store_all();
  EXPECT_EQ(ask("AgentHealth | project DeviceId, ModuleId, Heartbeats, UptimeSeconds, "
                "DroppedEvents, Tier, AgentVersion, ResidentBytes, Age = TimeGenerated - "
                "FirstHeartbeat | sort by DeviceId asc"),
            "d1|agent|3|30|3|Audit|1.2.3|1000|00:00:02\n"
            "d2|agent|1|5|0|Ebpf|1.2.3|null|00:00:00\n");
  EXPECT_EQ(ask("Heartbeat | summarize max(UptimeSeconds), max(Version) by Computer | sort by "
                "Computer asc"),
            "d1|30|1.2.3\nd2|5|1.2.3\n");
}

// A store that a program without the columns made.
TEST_F(EventViewsTest, OlderRowsGetTheirColumns) {
  add("d1", std::vector{process(7, "/bin/sh")});
  const std::string details(batch_.events.back().details);
  store_all();
  queries_.reset();
  store_.reset();
  const auto options = store_options(dir_.path());
  {
    auto database =
        duck::Database::open(options.path, {std::size_t{256} << 20U, 1, dir_.path(), {}});
    ASSERT_TRUE(database);
    auto connection = *duck::Connection::open(*database);
    std::string sql;
    for (const TableDefinition* table : all_tables()) {
      if (table->relation == "raw_event")
        sql += "DROP VIEW IF EXISTS \"" + std::string(table->name) + "\"; ";
    }
    const std::string hot = hot_name(raw_event_table(), 1);
    sql += "DROP VIEW raw_event; UPDATE " + hot + " SET EventDetails = '" + details + "'; ";
    for (const StoredColumn& column : raw_event_table().stored) {
      if (!column.absent.empty())
        sql += "ALTER TABLE " + hot + " DROP COLUMN \"" + std::string(column.name) + "\"; ";
    }
    const auto made = connection.execute(sql);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  SetUp();
  EXPECT_EQ(ask("SecurityIoTRawEvent | project EventDetails, extractjson('$.ProcessId', "
                "EventDetails, typeof(long)), todatetime(parse_json(EventDetails).TimestampUTC) "
                "== TimeStamp"),
            details + "|7|true\n");
  EXPECT_EQ(ask("ProcessCreate | project Executable, UserName"), "/bin/sh|\n");
}

// Whether the parts are looked at first or the text is put together, in hot rows and in pieces.
TEST_F(EventViewsTest, SearchesOfDetailsFindWhatTheirTextHas) {
  add<schema::ProcessCreate>("d", {process(443, "/usr/bin/Curl"), process(7, "/tmp/a b\tc")});
  add<schema::ProcessCreate>("d", {process(80, "/opt/M\u00fcller/10.0.0.5"), process(1, "")});
  add<schema::ProcessCreate>("d", {});
  batch_.events.back().details = "no JSON: Curl";
  store_all();
  for (int pass = 0; pass < 2; ++pass) {
    for (const std::string_view op :
         {"contains", "contains_cs", "has", "has_cs", "startswith", "endswith", "hasprefix",
          "hassuffix", "!contains", "!has", "!startswith_cs"}) {
      for (const std::string_view wanted : {"curl",
                                            "Curl",
                                            "BIN/cur",
                                            "443",
                                            "run",
                                            "RUN \\\\",
                                            "tc",
                                            "\\\\tc",
                                            "m\u00dcll",
                                            "0.0.5",
                                            "10.0.0",
                                            "processid",
                                            "executable\\\":",
                                            "{",
                                            "no json",
                                            "\\\"}",
                                            "zzz",
                                            "Executable",
                                            "UserName",
                                            "Path",
                                            "CommandLine",
                                            "RemoteAddress",
                                            ""}) {
        const std::string searched = ask(fmt::format(
            "SecurityIoTRawEvent | where EventDetails {} \"{}\" | summarize count()", op, wanted));
        const std::string joined = ask(
            fmt::format("SecurityIoTRawEvent | extend Text = strcat(EventDetails, '') | where Text "
                        "{} \"{}\" | summarize count()",
                        op, wanted));
        EXPECT_EQ(searched, joined) << op << " " << wanted;
      }
    }
    ASSERT_TRUE(Pieces(*store_).seal_now());
  }
}

}  // namespace
}  // namespace store
