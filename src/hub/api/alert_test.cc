// Alerts as work, over HTTPS; server_testing.h holds each answer against the document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AlertApiTest : public ServerTest {
 protected:
  Reply ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    return send(method, "/api/v1" + target, body, owner());
  }
  static std::int64_t number(const base::json::Value& value, std::string_view name) {
    const auto* member = value.find(name);
    return member != nullptr && member->if_int() != nullptr ? *member->if_int() : -1;
  }
  static std::vector<std::string> texts(const Reply& reply, std::string_view name) {
    std::vector<std::string> out;
    const auto json = reply.json();
    const auto* items = json.find("items");
    if (items == nullptr || items->if_array() == nullptr) return out;
    for (const auto& item : *items->if_array())
      out.emplace_back(item.text_or(name, "?"));
    return out;
  }
  std::vector<std::string> devices(const std::string& query) {
    const Reply reply = ask("GET", "/alerts?" + query);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    auto out = texts(reply, "deviceId");
    std::ranges::sort(out);
    return out;
  }
  std::string error(const Reply& reply) {
    const auto json = reply.json();
    const auto* error = json.find("error");
    return error == nullptr ? "" : std::string(error->text_or("message", ""));
  }
};

TEST_F(AlertApiTest, AVerdictAnOwnerAndTheETag) {
  start();
  make_users();
  add_alert("d1");
  const std::string alert = "/alerts/" + only_alert();
  EXPECT_EQ(ask("GET", alert).headers.at("etag"), "\"1\"");
  const Reply taken = ask("PATCH", alert, R"({"status":"active","assignee":"ann"})");
  ASSERT_EQ(taken.status, 200U) << taken.body;
  EXPECT_EQ(taken.json().text_or("assignee", ""), "ann");
  EXPECT_EQ(taken.headers.at("etag"), "\"2\"");
  for (const char* nobody : {"rita", "nobody"}) {
    const Reply refused = ask("PATCH", alert, std::string(R"({"assignee":")") + nobody + "\"}");
    EXPECT_EQ(refused.status, 400U) << nobody;
    EXPECT_THAT(error(refused), StartsWith("assignee: expected a user who may change alerts"));
  }
  EXPECT_THAT(texts(ask("GET", "/alerts/assignees"), "name"), ElementsAre("admin", "ann"));

  Headers stale = owner();
  stale.emplace_back("If-Match", "\"1\"");
  EXPECT_EQ(send("PATCH", "/api/v1" + alert, R"({"assignee":null})", stale).status, 412U);
  Headers fresh = owner();
  fresh.emplace_back("If-Match", "\"2\"");
  EXPECT_EQ(send("PATCH", "/api/v1" + alert, R"({"comment":"look"})", fresh).status, 200U);

  EXPECT_EQ(ask("PATCH", alert, R"({"verdict":"benign"})").status, 400U) << "it is open";
  EXPECT_EQ(ask("PATCH", alert, R"({"status":"closed","verdict":"resolved"})").status, 400U);
  const Reply closed = ask("PATCH", alert, R"({"status":"closed","verdict":"falsePositive"})");
  EXPECT_EQ(closed.json().text_or("verdict", ""), "falsePositive");
  EXPECT_EQ(closed.json().find("closed")->if_string() != nullptr, true);
  const auto audited = audit_->list(1, 0);
  EXPECT_EQ(audited->at(0).action, "alert.update");
  EXPECT_EQ(audited->at(0).detail, "close as falsePositive");
}

TEST_F(AlertApiTest, FiltersCountsAndGroups) {
  start();
  add_alert("d1");
  add_alert("d2");
  add_alert("d2", "Scan");
  EXPECT_THAT(devices(""), ElementsAre("d1", "d2", "d2"));
  EXPECT_THAT(devices("rule=rule-Scan"), ElementsAre("d2"));
  EXPECT_THAT(devices("technique=T1496&device=d1"), ElementsAre("d1"));
  EXPECT_THAT(devices("assignee=none&tactic=impact&status=open"), ElementsAre("d1", "d2", "d2"));
  EXPECT_THAT(devices("from=PT1H"), ElementsAre("d1", "d2", "d2"));
  EXPECT_THAT(devices("until=PT1H"), ElementsAre());
  EXPECT_THAT(devices("from=2100-01-01T00:00:00Z"), ElementsAre());
  EXPECT_THAT(devices("hidden=only"), ElementsAre());
  for (const char* bad : {"verdict=maybe", "hidden=yes", "from=yesterday", "status=done",
                          "severity=Huge", "assigned=ann", "limit=0"}) {
    EXPECT_EQ(ask("GET", std::string("/alerts?") + bad).status, 400U) << bad;
  }
  EXPECT_THAT(texts(ask("GET", "/alerts/counts?by=device"), "key"), ElementsAre("d2", "d1"));
  EXPECT_THAT(texts(ask("GET", "/alerts/counts?by=rule&device=d2"), "title"),
              ElementsAre("Crypto coin miner", "Scan"));
  EXPECT_EQ(ask("GET", "/alerts/counts?by=colour").status, 400U);
}

TEST_F(AlertApiTest, ABulkChangeSaysWhatItTouchesAndTouchesThat) {
  start();
  add_alert("d1");
  add_alert("d2");
  add_alert("d3", "Scan");
  const std::string change =
      R"({"filter":{"rule":"rule-Crypto coin miner"},"change":{"status":"closed","verdict":"benign"}})";
  const Reply planned = ask("POST", "/alerts/bulk/test", change);
  ASSERT_EQ(planned.status, 200U) << planned.body;
  const auto plan = planned.json();
  EXPECT_EQ(number(plan, "alerts"), 2);
  EXPECT_EQ(plan.text_or("predicate", ""), "rule is \"rule-Crypto coin miner\"");
  EXPECT_EQ(plan.text_or("effect", ""), "close as benign");
  EXPECT_EQ(number(*plan.find("bySeverity"), "High"), 2);
  EXPECT_THAT(devices("status=open"), ElementsAre("d1", "d2", "d3"));
  add_alert("d4");
  const std::string planned_token =
      R"({"token":")" + std::string(plan.text_or("token", "")) + "\"}";
  EXPECT_EQ(send("POST", "/api/v1/alerts/bulk", planned_token, token(Role::Analyst)).status, 404U)
      << "somebody else's";
  const Reply done = ask("POST", "/alerts/bulk", planned_token);
  ASSERT_EQ(done.status, 200U) << done.body;
  EXPECT_EQ(number(done.json(), "changed"), 2);
  EXPECT_THAT(devices("status=open"), ElementsAre("d3", "d4"));
  EXPECT_EQ(ask("POST", "/alerts/bulk", planned_token).status, 404U) << "once only";
  const auto audited = audit_->list(10, 0);
  const auto recorded = std::ranges::find_if(*audited, [](const auto& record) {
    return record.action == "alert.bulk" && record.result == "ok";
  });
  ASSERT_NE(recorded, audited->end());
  EXPECT_EQ(recorded->detail,
            "close as benign of: rule is \"rule-Crypto coin miner\"; 2 changed, 0 skipped");
  for (const char* bad : {R"({})", R"({"change":{}})", R"({"change":{"colour":"red"}})",
                          R"({"filter":{"colour":"red"},"change":{"comment":"x"}})",
                          R"({"filter":{"ids":[]},"change":{"comment":"x"}})",
                          R"({"filter":{"status":7},"change":{"comment":"x"}})",
                          R"({"filter":[],"change":{"comment":"x"}})"}) {
    EXPECT_EQ(ask("POST", "/alerts/bulk/test", bad).status, 400U) << bad;
  }
  EXPECT_EQ(send("POST", "/api/v1/alerts/bulk/test", change, token(Role::Reader)).status, 403U);
}

TEST_F(AlertApiTest, CsvThatASpreadsheetDoesNotRun) {
  start();
  add_alert("=HYPERLINK(\"http://evil\")");
  add_alert("d, 2");
  const Reply reply = ask("GET", "/alerts/export?status=open");
  ASSERT_EQ(reply.status, 200U);
  EXPECT_THAT(reply.headers.at("content-type"), StartsWith("text/csv"));
  EXPECT_THAT(reply.body, StartsWith("Id,Severity,Status,"));
  EXPECT_THAT(reply.body, HasSubstr(",\"'=HYPERLINK(\"\"http://evil\"\")\","));
  EXPECT_THAT(reply.body, HasSubstr(",\"d, 2\","));
  EXPECT_EQ(std::ranges::count(reply.body, '\n'), 3);
  EXPECT_EQ(audit_->list(1, 0)->at(0).detail, "alerts: status is new or active");
}

TEST_F(AlertApiTest, RelatedAlertsSayWhy) {
  start();
  add_alert("d1");
  add_alert("d2");
  const auto page = alerts_->list({});
  const Reply reply = ask("GET", "/alerts/" + page->items.at(0).id + "/related");
  ASSERT_EQ(reply.status, 200U) << reply.body;
  const auto json = reply.json();
  const auto& items = *json.find("items")->if_array();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].find("alert")->text_or("id", ""), page->items.at(1).id);
  const auto& reasons = *items[0].find("reasons")->if_array();
  EXPECT_EQ(reasons.at(0).text_or("relation", ""), "sameCommand");
  EXPECT_EQ(reasons.at(1).text_or("relation", ""), "sameCause");
  EXPECT_EQ(ask("GET", "/alerts/none/related").status, 404U);
}

TEST_F(AlertApiTest, SuppressionsFromPreviewToRemoval) {
  start();
  add_alert("press-1");
  add_alert("mill-1");
  const std::string scope =
      R"({"device":"press-*","fields":[{"field":"CommandLine","test":"contains","value":"cpuminer"}]})";
  const Reply preview = ask("POST", "/suppressions/test", R"({"scope":)" + scope + "}");
  ASSERT_EQ(preview.status, 200U) << preview.body;
  EXPECT_EQ(number(preview.json(), "alerts"), 1);
  EXPECT_EQ(number(preview.json(), "open"), 1);
  const std::string draft = R"({"name":"Stress","reason":"ours","expires":"P14D","scope":)" + scope;
  EXPECT_EQ(send("POST", "/api/v1/suppressions", draft + "}", token(Role::Reader)).status, 403U);
  const Reply made = ask("POST", "/suppressions", draft + R"(,"closeOpen":true})");
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(number(made.json(), "closedAlerts"), 1);
  EXPECT_EQ(made.json().text_or("owner", ""), "policy:iothubowner");
  EXPECT_THAT(devices("status=open"), ElementsAre("mill-1"));

  add_alert("press-1");
  add_alert("press-2");
  EXPECT_THAT(devices("status=open"), ElementsAre("mill-1"));
  EXPECT_THAT(devices("hidden=only"), ElementsAre("press-1", "press-2"));
  const std::string id(made.json().text_or("id", ""));
  const std::string one = "/suppressions/" + id;
  EXPECT_THAT(devices("suppression=" + id), ElementsAre("press-1", "press-2"));
  const auto listed = ask("GET", "/suppressions").json();
  EXPECT_EQ(number(listed.find("items")->if_array()->at(0), "hiddenAlerts"), 2);

  const Reply changed = ask("PUT", one, draft + R"(,"enabled":false})");
  ASSERT_EQ(changed.status, 200U) << changed.body;
  EXPECT_EQ(*changed.json().find("inForce")->if_bool(), false);
  Headers stale = owner();
  stale.emplace_back("If-Match", made.headers.at("etag"));
  EXPECT_EQ(send("DELETE", "/api/v1" + one, {}, stale).status, 412U);
  EXPECT_EQ(ask("DELETE", one + "?restore=true").status, 204U);
  EXPECT_THAT(devices("status=open"), ElementsAre("mill-1", "press-1", "press-2"));
  EXPECT_EQ(ask("GET", one).status, 404U);
  EXPECT_EQ(ask("DELETE", one).status, 404U);
  const auto audited = audit_->list(20, 0);
  std::vector<std::string> actions;
  for (const auto& record : *audited) {
    if (record.result == "ok") actions.push_back(record.action);
  }
  EXPECT_THAT(actions, ElementsAre("suppression.delete", "suppression.put", "suppression.create"));
}

TEST_F(AlertApiTest, SuppressionsSayWhatIsWrong) {
  start();
  const std::pair<const char*, const char*> cases[] = {
      {R"({"name":"n","reason":"r","expires":"P1D","scope":{}})",
       "scope: it would hide everything"},
      {R"({"name":"n","reason":"r","expires":"P1D"})", "scope: expected an object"},
      {R"({"name":"n","reason":"r","expires":"soon","scope":{"device":"d"}})",
       "expires: expected a time"},
      {R"({"name":"n","reason":"r","expires":"P400D","scope":{"device":"d"}})",
       "expires: at most 366 days"},
      {R"({"name":"n","reason":"r","expires":"2001-01-01T00:00:00Z","scope":{"device":"d"}})",
       "expires: expected a time that is to come"},
      {R"({"name":"n","reason":"","expires":"P1D","scope":{"device":"d"}})", "reason: say why"},
      {R"({"name":"n","reason":"r","expires":"P1D","scope":{"device":"d"},"enabled":"no"})",
       "enabled: expected true or false"},
  };
  for (const auto& [body, message] : cases) {
    const Reply reply = ask("POST", "/suppressions", body);
    EXPECT_EQ(reply.status, 400U) << body;
    EXPECT_THAT(error(reply), StartsWith(message));
  }
}

}  // namespace
}  // namespace hub::api
