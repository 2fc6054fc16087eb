// Devices, alerts, queries and the hub's state, over HTTPS.
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// --- devices ---

TEST_F(ServerTest, DeviceLife) {
  start();
  const Headers who = owner();
  const Reply made = send("PUT", "/api/v1/devices/press-7", R"({"status":"enabled"})", who);
  ASSERT_EQ(made.status, 201U);
  EXPECT_THAT(std::string(made.json().text_or("connectionString", "")),
              StartsWith("HostName=localhost;DeviceId=press-7;"));
  const std::string etag = made.headers.at("etag");
  EXPECT_EQ(send("PUT", "/api/v1/devices/press-7", "", who).status, 409U);

  const Reply shown = get("/api/v1/devices/press-7", who);
  EXPECT_EQ(shown.headers.at("etag"), etag);
  EXPECT_THAT(shown.body, Not(HasSubstr("primaryKey")));
  EXPECT_THAT(get("/api/v1/devices/press-7?keys=true", who).body, HasSubstr("primaryKey"));
  EXPECT_EQ(get("/api/v1/devices/press-7?keys=maybe", who).status, 400U);
  EXPECT_EQ(get("/api/v1/devices/press-8", who).status, 404U);

  const Reply module = send("PUT", "/api/v1/devices/press-7/modules/m1", "", who);
  ASSERT_EQ(module.status, 201U);
  EXPECT_THAT(std::string(module.json().text_or("connectionString", "")), HasSubstr("ModuleId=m1"));
  EXPECT_EQ(send("PUT", "/api/v1/devices/none/modules/m1", "", who).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/press-7/modules", who).json().find("items")->if_array()->size(),
            1U);
  EXPECT_EQ(get("/api/v1/devices/none/modules", who).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/press-7/modules/m1?keys=true", who).status, 200U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/press-7/modules/m1", "", who).status, 204U);
  EXPECT_EQ(get("/api/v1/devices/press-7/modules/m1", who).status, 404U);

  Headers stale = who;
  stale.emplace_back("If-Match", "\"stale\"");
  EXPECT_EQ(send("PUT", "/api/v1/devices/press-7", R"({"status":"disabled"})", stale).status, 412U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/press-7", "", stale).status, 412U);
  Headers fresh = who;
  fresh.emplace_back("If-Match", etag);
  const Reply changed = send("PUT", "/api/v1/devices/press-7", R"({"status":"disabled"})", fresh);
  EXPECT_EQ(changed.status, 200U);
  EXPECT_EQ(changed.json().text_or("status", ""), "disabled");
  EXPECT_EQ(send("PUT", "/api/v1/devices/press-7", R"({"status":"asleep"})", who).status, 400U);
  EXPECT_EQ(send("PUT", "/api/v1/devices/a%20b", "", who).status, 400U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/press-7", "", who).status, 204U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/press-7", "", who).status, 404U);
}

TEST_F(ServerTest, ADeviceIsConnectedWhenItsModuleIs) {
  start();
  const Headers who = owner();
  send("PUT", "/api/v1/devices/d1", "", who);
  send("PUT", "/api/v1/devices/d1/modules/m1", "", who);
  registry_->connected({"d1", "m1"}, "vedette-agent/0.1.0 (x)", "192.0.2.1");
  add_alert("d1");
  const Reply reply = get("/api/v1/devices/d1", who);
  EXPECT_EQ(reply.json().text_or("connectionState", ""), "Connected");
  EXPECT_THAT(reply.body, HasSubstr(R"("openAlerts":1)"));
  EXPECT_THAT(reply.body, HasSubstr(R"("agent":{"version":"0.1.0"})"));
}

TEST_F(ServerTest, PagesThroughDevices) {
  start();
  for (int i = 0; i < 7; ++i) {
    identity::NewIdentity wanted;
    wanted.name.device_id = "d" + std::to_string(i);
    ASSERT_TRUE(registry_->create(wanted, "test"));
  }
  const Headers who = token(Role::Reader);
  std::vector<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const Reply reply =
        get("/api/v1/devices?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor), who);
    ASSERT_EQ(reply.status, 200U);
    const auto page = reply.json();
    for (const auto& item : *page.find("items")->if_array()) {
      seen.emplace_back(item.text_or("deviceId", ""));
    }
    cursor = base::percent_encode(reply.json().text_or("nextCursor", ""));
    ++pages;
  } while (!cursor.empty() && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(seen, ::testing::ElementsAre("d0", "d1", "d2", "d3", "d4", "d5", "d6"));
  EXPECT_EQ(get("/api/v1/devices?limit=0", who).status, 400U);
  EXPECT_EQ(get("/api/v1/devices?limit=1001", who).status, 400U);
  EXPECT_EQ(get("/api/v1/devices?limit=x", who).status, 400U);
  const Reply typo = get("/api/v1/devices?limt=5", who);
  EXPECT_EQ(typo.status, 400U);
  EXPECT_THAT(typo.body, HasSubstr("did you mean limit?"));
}

// --- alerts ---

TEST_F(ServerTest, AlertLife) {
  start();
  add_alert("d1");
  const std::string id = only_alert();
  const Headers who = token(Role::Analyst);
  const Reply list = get("/api/v1/alerts?status=open&severity=High&device=d1&search=MINER", who);
  EXPECT_EQ(list.json().find("items")->if_array()->size(), 1U);
  EXPECT_EQ(get("/api/v1/alerts?status=closed", who).json().find("items")->if_array()->size(), 0U);
  EXPECT_EQ(get("/api/v1/alerts?status=old", who).status, 400U);
  EXPECT_EQ(get("/api/v1/alerts?severity=Critical", who).status, 400U);

  const Reply shown = get("/api/v1/alerts/" + id, who);
  ASSERT_EQ(shown.status, 200U);
  EXPECT_THAT(shown.body, HasSubstr(R"("details":{"CommandLine":"echo cpuminer-multi"})"));
  EXPECT_EQ(get("/api/v1/alerts/nothing", who).status, 404U);

  const auto change = [&](const std::string& body) {
    return send("PATCH", "/api/v1/alerts/" + id, body, who);
  };
  const Reply closed = change(R"({"status":"closed","comment":"a drill"})");
  EXPECT_EQ(closed.status, 200U);
  EXPECT_EQ(closed.json().text_or("status", ""), "closed");
  const auto closed_json = closed.json();
  const auto& last = closed_json.find("history")->if_array()->back();
  EXPECT_EQ(last.text_or("actor", ""), "token:t");
  EXPECT_EQ(last.text_or("comment", ""), "a drill");
  EXPECT_EQ(change(R"({"status":"done"})").status, 400U);
  EXPECT_EQ(change(R"({"comment":"x"})").status, 200U) << "a remark";
  EXPECT_EQ(change(R"({"status":"new","comment":7})").status, 400U);
  add_alert("d1");  // the same thing again, now that the first is closed
  EXPECT_EQ(change(R"({"status":"active"})").status, 409U);
}

// --- queries ---

TEST_F(ServerTest, AnswersQueries) {
  start();
  const Headers who = token(Role::Reader);
  const auto query = [&](const std::string& body) {
    return send("POST", "/api/v1/query", body, who);
  };
  const Reply reply = query(R"q({"query":"print a = 1, b = 'x', c = datetime(2026-01-02)"})q");
  ASSERT_EQ(reply.status, 200U) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr(R"([1,"x","2026-01-02T00:00:00.0000000Z"])"));
  const Reply cut = query(R"({"query":"range x from 1 to 100 step 1","limit":10})");
  ASSERT_EQ(cut.status, 200U) << cut.body;
  EXPECT_THAT(cut.body, HasSubstr(R"("truncated":true)"));
  EXPECT_EQ(query(R"({"query":"SecurityAlert | count"})").status, 200U);

  const Reply bad = query(R"({"query":"SecurityAlert | wher x"})");
  EXPECT_EQ(bad.status, 400U);
  EXPECT_EQ(bad.code(), "BadQuery");
  const auto bad_json = bad.json();
  const auto& first = bad_json.find("error")->find("diagnostics")->if_array()->at(0);
  EXPECT_EQ(*first.find("line")->if_int(), 1);
  EXPECT_EQ(*first.find("column")->if_int(), 17);
  EXPECT_EQ(query(R"({"query":7})").status, 400U);
  EXPECT_EQ(query(R"({})").status, 400U);
  EXPECT_EQ(query(R"({"query":"print 1","limit":0})").status, 400U);
  EXPECT_EQ(query(R"({"query":"print 1","timeoutMs":"5"})").status, 400U);
  EXPECT_EQ(query(R"({"query":"print 1","limt":5})").status, 400U);
}

TEST_F(ServerTest, ValidatesQueriesAndShowsTheCatalogue) {
  start();
  const Headers who = token(Role::Reader);
  const auto validate = [&](const std::string& query) {
    return send("POST", "/api/v1/query/validate", R"({"query":")" + query + R"("})", who);
  };
  EXPECT_THAT(validate("SecurityAlert | project AlertName").body, HasSubstr(R"("valid":true)"));
  EXPECT_THAT(validate("SecurityAlert | project Nothing").body, HasSubstr(R"("valid":false)"));
  EXPECT_THAT(get("/api/v1/query/schema", who).body, HasSubstr("SecurityIoTRawEvent"));
}

TEST_F(ServerTest, ABusyQueryPoolRefuses) {
  options_.query_threads = 1;
  options_.max_queued_queries = 1;
  start();
  const Headers who = token(Role::Reader);
  // Cross joins of a million million rows: they run until their time is over.
  const std::string slow = slow_query(3000);
  std::vector<std::unique_ptr<Connected>> waiting;
  const auto request = make("POST", "/api/v1/query", slow, who);
  int refused = 0;
  std::vector<std::jthread> threads;
  std::mutex mutex;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      Connected connection = connect();
      const Reply reply = connection.exchange(request);
      const std::lock_guard lock(mutex);
      judge("POST", "/api/v1/query", reply);
      if (reply.status == 429) ++refused;
      EXPECT_THAT(reply.status, ::testing::AnyOf(429U, 504U)) << reply.body;
    });
  }
  // The others are served meanwhile.
  EXPECT_EQ(get("/api/v1/status", who).status, 200U);
  threads.clear();
  EXPECT_GE(refused, 3);
}

TEST_F(ServerTest, AQueryEndsWhenItsCallerLeaves) {
  options_.query_threads = 1;
  start();
  const Headers who = token(Role::Reader);
  const std::string slow = slow_query(60000);
  {
    Connected leaving = connect();
    const auto request = make("POST", "/api/v1/query", slow, who);
    leaving.send_raw(request);
    leaving.vanish();
  }
  const auto before = base::mono_now();
  EXPECT_EQ(send("POST", "/api/v1/query", R"({"query":"print 1"})", who).status, 200U);
  EXPECT_LT(base::mono_now() - before, 15s);
}

// --- the hub ---

TEST_F(ServerTest, TellsItsStateAndNumbers) {
  start();
  const Headers who = token(Role::Reader);
  const Reply status = get("/api/v1/status", who);
  EXPECT_EQ(status.json().text_or("version", ""), "1.2.3");
  EXPECT_THAT(status.body, HasSubstr(R"("mqtts":"127.0.0.1:8883")"));
  EXPECT_THAT(status.body, HasSubstr(R"("vedette_test_total{kind=\"a\\\"b\"}":7)"));
  const Reply metrics = get("/api/v1/metrics", who);
  EXPECT_THAT(metrics.headers.at("content-type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("# TYPE vedette_test_total counter\n"
                                      "vedette_test_total{kind=\"a\\\"b\"} 7\n"));
  EXPECT_THAT(metrics.body, HasSubstr("# TYPE vedette_open_alerts gauge\n"));
  // Each name is declared once.
  std::set<std::string> declared;
  for (const std::string_view line : base::split(metrics.body, '\n')) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(declared.insert(std::string(line)).second) << line;
    }
  }
  operations::Record record;
  record.time = base::wall_now();
  record.operation = "deviceConnect";
  operations_.record(record);
  EXPECT_THAT(get("/api/v1/operations?limit=1", who).body, HasSubstr("deviceConnect"));
  EXPECT_EQ(get("/healthz").body, "ok\n");
}

}  // namespace
}  // namespace hub::api
