// Queries with their limits, cancelled, completed and saved; and Log Analytics' API over the same.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using base::json::Value;
using testing::HasSubstr;
using testing::Not;

std::string quoted(const std::string& text) {
  return base::json::quoted(text);
}

class QueryApi : public ServerTest {
 protected:
  Reply ask(const std::string& body, const Headers& who) {
    return send("POST", "/api/v1/query", body, who);
  }
  // Until a query of that id runs.
  void wait_for(const std::string& id, const Headers& who) {
    const auto until = base::mono_now() + std::chrono::minutes(1);
    while (get("/api/v1/query/running", who).body.find(quoted(id)) == std::string::npos) {
      ASSERT_LT(base::mono_now(), until) << "the query never began";
    }
  }
  std::string workspace() const { return events_->tenant_id(); }
};

TEST_F(QueryApi, AnAnswerSaysItsLimitsAndWhichOneCutIt) {
  start();
  const Headers who = token(Role::Reader);
  const auto whole = ask(R"({"query":"range x from 1 to 3 step 1","id":"q-1"})", who).json();
  EXPECT_EQ(whole.text_or("id", ""), "q-1");
  const Value* limits = whole.find("limits");
  ASSERT_NE(limits, nullptr);
  EXPECT_TRUE(limits->find("reached")->is_null());
  EXPECT_EQ(*limits->find("rows")->if_int(), 10'000);
  EXPECT_EQ(*limits->find("timeoutMs")->if_int(), 30'000);
  EXPECT_GT(*limits->find("memoryBytes")->if_int(), 0);
  const auto rows = ask(R"({"query":"range x from 1 to 30 step 1","limit":3})", who).json();
  EXPECT_EQ(rows.find("limits")->text_or("reached", ""), "rows");
  EXPECT_EQ(*rows.find("limits")->find("rows")->if_int(), 3);
  EXPECT_EQ(*rows.find("stats")->find("rows")->if_int(), 3);
  const auto bytes =
      ask(R"({"query":"range x from 1 to 30 step 1 | extend y='aaaaaaaaaaaaaaaa'","maxBytes":50})",
          who)
          .json();
  EXPECT_EQ(bytes.find("limits")->text_or("reached", ""), "bytes");
  EXPECT_EQ(*bytes.find("stats")->find("rows")->if_int(), 3);
  const Reply late = ask(slow_query(50), who);
  EXPECT_EQ(late.status, 504U);
  const auto error = late.json();
  const Value* limit = error.find("error")->find("limit");
  ASSERT_NE(limit, nullptr) << late.body;
  EXPECT_EQ(limit->text_or("name", ""), "time");
  EXPECT_EQ(*limit->find("value")->if_int(), 50);
  EXPECT_THAT(late.body, HasSubstr("within 50 ms"));
}

TEST_F(QueryApi, NobodyGetsMoreThanTheHubAllows) {
  options_.query.max_rows = 5;
  options_.query.rows = 2;
  options_.query.max_timeout = std::chrono::milliseconds(1000);
  options_.query.max_bytes = 1000;
  start();
  const Headers who = token(Role::Admin);
  const auto usual = ask(R"({"query":"range x from 1 to 30 step 1"})", who).json();
  EXPECT_EQ(*usual.find("stats")->find("rows")->if_int(), 2);
  EXPECT_EQ(ask(R"({"query":"print 1","limit":5,"timeoutMs":1000,"maxBytes":1000})", who).status,
            200U);
  EXPECT_EQ(ask(R"({"query":"print 1","limit":6})", who).status, 400U);
  EXPECT_EQ(ask(R"({"query":"print 1","timeoutMs":1001})", who).status, 400U);
  EXPECT_EQ(ask(R"({"query":"print 1","maxBytes":1001})", who).status, 400U);
  EXPECT_EQ(ask(R"({"query":"print 1","id":"a b"})", who).status, 400U);
}

TEST_F(QueryApi, ATimespanNarrowsEveryTable) {
  add_alert("d1");
  start();
  const Headers who = token(Role::Reader);
  const auto count = [&](const std::string& timespan) {
    const Reply reply =
        ask(R"({"query":"SecurityAlert | count","timespan":")" + timespan + R"("})", who);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.body;
  };
  EXPECT_THAT(count("P1D"), HasSubstr(R"("rows":[[0]])")) << "the alert is no row yet";
  EXPECT_EQ(ask(R"({"query":"print 1","timespan":"P1M"})", who).status, 400U);
  EXPECT_EQ(ask(R"({"query":"print 1","timespan":"soon"})", who).status, 400U);
}

TEST_F(QueryApi, AQueryGetsValuesForItsParameters) {
  start();
  const Headers who = token(Role::Reader);
  const std::string query =
      R"("query":"declare query_parameters(name:string, n:long = 5); print name, n")";
  const auto with = [&](const std::string& parameters) {
    return ask("{" + query + (parameters.empty() ? "" : ",\"parameters\":" + parameters) + "}",
               who);
  };
  EXPECT_THAT(with(R"({"name":"it's","n":7})").body, HasSubstr(R"("rows":[["it's",7]])"));
  EXPECT_THAT(with(R"({"name":"'x'","n":"8"})").body, HasSubstr(R"("rows":[["'x'",8]])"));
  EXPECT_THAT(with(R"({"name":"x"})").body, HasSubstr(R"("rows":[["x",5]])"));
  const auto refused = [&](const std::string& parameters, const std::string& code) {
    const Reply reply = with(parameters);
    EXPECT_EQ(reply.status, 400U) << parameters;
    EXPECT_EQ(reply.code(), code) << parameters;
    return std::string(reply.json().find("error")->text_or("message", ""));
  };
  EXPECT_THAT(refused("", "BadQuery"),
              HasSubstr("the parameter 'name' needs a value of type string"));
  EXPECT_THAT(refused(R"({"name":"x","n":"many"})", "BadQuery"),
              HasSubstr("should be of type long, such as 7; found the text \"many\""));
  EXPECT_THAT(refused(R"({"name":"x","nn":1})", "BadQuery"), HasSubstr("did you mean 'n'?"));
  EXPECT_THAT(refused(R"(["x"])", "BadRequest"), HasSubstr("parameters: expected an object"));
  EXPECT_THAT(refused(R"({"name":"x","name":"y"})", "BadRequest"), HasSubstr("given twice"));
}

TEST_F(QueryApi, ValidationSaysWhatAQueryDeclares) {
  start();
  const Headers who = token(Role::Reader);
  const auto validate = [&](const std::string& more) {
    const Reply reply =
        send("POST", "/api/v1/query/validate",
             R"({"query":"declare query_parameters(name:string, n:long = 5); print name, n")" +
                 more + "}",
             who);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.body;
  };
  const std::string declared = R"("parameters":[{"name":"name","type":"string","required":true},)"
                               R"({"name":"n","type":"long","required":false}])";
  const std::string without = validate("");
  EXPECT_THAT(without, HasSubstr(R"("valid":false)"));
  EXPECT_THAT(without, HasSubstr(declared));
  EXPECT_THAT(without, HasSubstr("needs a value"));
  const std::string with = validate(R"(,"parameters":{"name":"x"})");
  EXPECT_THAT(with, HasSubstr(R"("valid":true)"));
  EXPECT_THAT(with, HasSubstr(declared));
  EXPECT_THAT(validate(R"(,"parameters":{"name":5})"), HasSubstr("found 5"));
}

TEST_F(QueryApi, ARunningQueryIsSeenAndEndedByItsOwnerOnly) {
  start();
  const Headers ann = token(Role::Analyst);
  const auto other = accounts_->create_token("other", Role::Reader, std::chrono::days(1), "test",
                                             base::wall_now());
  const Headers rita = {{"Authorization", "Bearer " + other->second.secret}};
  std::string body = slow_query(60'000);
  body.insert(1, R"("id":"mine",)");
  Reply reply;
  std::thread asking([&] { reply = ask(body, ann); });
  wait_for("mine", ann);
  EXPECT_THAT(get("/api/v1/query/running", rita).body, Not(HasSubstr("mine")));
  EXPECT_EQ(ask(R"({"query":"print 1","id":"mine"})", rita).status, 409U) << "the id is taken";
  EXPECT_EQ(send("DELETE", "/api/v1/query/mine", "", rita).status, 204U);
  EXPECT_THAT(get("/api/v1/query/running", ann).body, HasSubstr("mine")) << "it still runs";
  const auto begin = base::mono_now();
  EXPECT_EQ(send("DELETE", "/api/v1/query/mine", "", ann).status, 204U);
  asking.join();
  EXPECT_LT(base::mono_now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(reply.status, 409U);
  EXPECT_EQ(reply.code(), "Cancelled");
  EXPECT_EQ(get("/api/v1/query/running", ann).body, R"({"items":[]})");
}

TEST_F(QueryApi, AnAdministratorEndsAnybodys) {
  start();
  const Headers ann = token(Role::Analyst);
  std::string body = slow_query(60'000);
  body.insert(1, R"("id":"hers",)");
  Reply reply;
  std::thread asking([&] { reply = ask(body, ann); });
  const Headers root = owner();
  wait_for("hers", root);
  EXPECT_EQ(send("DELETE", "/api/v1/query/hers", "", root).status, 204U);
  asking.join();
  EXPECT_EQ(reply.code(), "Cancelled");
}

TEST_F(QueryApi, AQueryThatIsEndedBeforeItsTurnNeverRuns) {
  start();
  const Headers who = token(Role::Analyst);
  EXPECT_EQ(send("DELETE", "/api/v1/query/early", "", who).status, 204U);
  const Reply reply = ask(R"({"query":"print 1","id":"early"})", who);
  EXPECT_EQ(reply.code(), "Cancelled") << reply.body;
}

TEST_F(QueryApi, CompletesAtAPlace) {
  start();
  const Headers who = token(Role::Reader);
  const auto complete = [&](const std::string& body) {
    return send("POST", "/api/v1/query/complete", body, who);
  };
  const Reply columns = complete(R"({"query":"SecurityAlert | where Alert == 'x'","offset":27})");
  ASSERT_EQ(columns.status, 200U) << columns.body;
  EXPECT_THAT(columns.body, HasSubstr(R"("offset":22,"length":5)"));
  EXPECT_THAT(columns.body, HasSubstr(R"("label":"AlertSeverity","kind":"column")"));
  EXPECT_THAT(columns.body, HasSubstr(R"("signature":null)"));
  const Reply signature = complete(R"q({"query":"print strcat('a', "})q");
  ASSERT_EQ(signature.status, 200U);
  EXPECT_THAT(signature.body, HasSubstr(R"("argument":1)"));
  EXPECT_EQ(complete(R"({"query":"print","offset":6})").status, 400U);
  EXPECT_EQ(complete(R"({"offset":6})").status, 400U);
}

TEST_F(QueryApi, KeepsQueries) {
  start();
  const Headers ann = token(Role::Analyst);
  const Reply made = send("POST", "/api/v1/queries",
                          R"({"name":"mine","query":"print 1","tags":["a"],"shared":true})", ann);
  ASSERT_EQ(made.status, 201U) << made.body;
  const std::string path = "/api/v1/queries/" + std::string(made.json().text_or("id", ""));
  EXPECT_EQ(get(path, ann).json().text_or("name", ""), "mine");
  EXPECT_EQ(send("POST", "/api/v1/queries", R"({"name":"mine","query":"print 1"})", ann).status,
            409U);
  EXPECT_EQ(send("POST", "/api/v1/queries", R"({"name":"","query":"print 1"})", ann).status, 400U);
  EXPECT_EQ(send("POST", "/api/v1/queries", R"({"name":"a","query":"x","tags":[1]})", ann).status,
            400U);
  const Reply list = get("/api/v1/queries?search=mine&own=true&tag=a", ann);
  EXPECT_THAT(list.body, HasSubstr(R"("total":1)"));
  EXPECT_THAT(get("/api/v1/queries?limit=1000", ann).body, HasSubstr(R"("builtin":true)"));
  Headers stale = ann;
  stale.push_back({"If-Match", "\"77\""});
  const std::string changed = R"({"name":"theirs","query":"print 2"})";
  EXPECT_EQ(send("PUT", path, changed, stale).status, 412U);
  EXPECT_EQ(send("PUT", path, changed, ann).json().text_or("name", ""), "theirs");
  EXPECT_EQ(send("DELETE", "/api/v1/queries/builtin-open-alerts", "", owner()).status, 403U);
  EXPECT_EQ(send("DELETE", path, "", ann).status, 204U);
  EXPECT_EQ(get(path, ann).status, 404U);
  const std::string audit = get("/api/v1/audit", owner()).body;
  for (const char* action : {"savedQuery.create", "savedQuery.put", "savedQuery.delete"})
    EXPECT_THAT(audit, HasSubstr(action));
}

TEST_F(QueryApi, LogAnalyticsAnswersInItsOwnShape) {
  start();
  const Headers who = token(Role::Reader);
  const std::string path = "/v1/workspaces/" + workspace() + "/query";
  const Reply reply = send(
      "POST", path,
      R"q({"query":"print a=1, b='x', c=dynamic({\"k\":1}), d=datetime(2026-01-02), e=real(nan), f=1h","timespan":"P1D","workspaces":null,"extra":1})q",
      who);
  ASSERT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(
      reply.body,
      R"({"tables":[{"name":"PrimaryResult","columns":[{"name":"a","type":"long"},{"name":"b","type":"string"},{"name":"c","type":"dynamic"},{"name":"d","type":"datetime"},{"name":"e","type":"real"},{"name":"f","type":"timespan"}],"rows":[[1,"x","{\"k\":1}","2026-01-02T00:00:00.0000000Z","NaN","01:00:00"]]}]})");
  const Reply by_name =
      get("/v1/workspaces/localhost/query?query=print%20a%3D1&timespan=PT1H", who);
  EXPECT_THAT(by_name.body, HasSubstr(R"("rows":[[1]])"));
  Headers all = who;
  all.push_back({"Prefer", "wait=10,include-statistics=true, include-render=true"});
  const Reply more = send("POST", path, R"({"query":"print x=1 | render barchart"})", all);
  EXPECT_THAT(more.body, HasSubstr(R"("executionTime":)"));
  EXPECT_THAT(more.body, HasSubstr(R"("visualization":"barchart")"));
}

TEST_F(QueryApi, LogAnalyticsRefusesInItsOwnWords) {
  options_.query.max_rows = 5;
  options_.query.max_timeout = std::chrono::milliseconds(200);
  start();
  const Headers who = token(Role::Reader);
  const std::string path = "/v1/workspaces/" + workspace() + "/query";
  const auto code = [&](const Reply& reply) {
    const auto body = reply.json();
    return std::string(body.find("error")->text_or("code", ""));
  };
  const Reply bad = send("POST", path, R"({"query":"SecurityAlert | wher x"})", who);
  EXPECT_EQ(bad.status, 400U);
  EXPECT_EQ(code(bad), "BadArgumentError");
  EXPECT_THAT(bad.body, HasSubstr(R"("code":"SyntaxError")"));
  EXPECT_THAT(bad.body, HasSubstr("did you mean 'where'"));
  const Reply unknown = send("POST", path, R"({"query":"SecurityAlert | where Nix == 1"})", who);
  EXPECT_THAT(unknown.body, HasSubstr(R"("code":"SemanticError")"));
  EXPECT_EQ(code(send("POST", path, R"({"query":"print 1"})")), "AuthorizationRequiredError");
  EXPECT_EQ(code(send("POST", path, "no", who)), "BadArgumentError");
  EXPECT_EQ(code(send("POST", path, R"({"query":"print 1","timespan":"x"})", who)),
            "BadArgumentError");
  EXPECT_EQ(code(send("POST", "/v1/workspaces/other/query", R"({"query":"print 1"})", who)),
            "PathNotFoundError");
  EXPECT_EQ(code(send("POST", path, R"({"query":"print 1","workspaces":["other"]})", who)),
            "PathNotFoundError");
  EXPECT_EQ(code(get("/v1/nothing", who)), "PathNotFoundError");
  const Reply cut = send("POST", path, R"({"query":"range x from 1 to 30 step 1"})", who);
  EXPECT_EQ(cut.status, 200U);
  EXPECT_EQ(code(cut), "PartialError");
  EXPECT_THAT(cut.body, HasSubstr("after 5 rows"));
  const auto slow = base::json::parse(slow_query(1));
  const std::string query = R"({"query":)" + quoted(std::string(slow->text_or("query", ""))) + "}";
  const Reply late = send("POST", path, query, who);
  EXPECT_EQ(late.status, 504U);
  EXPECT_EQ(code(late), "GatewayTimeoutError");
}

TEST_F(QueryApi, LogAnalyticsAnswersBatchesAndSaysWhatThereIs) {
  start();
  const Headers who = token(Role::Reader);
  const std::string one = R"({"id":"1","workspace":"localhost","path":"/query","method":"POST",)"
                          R"("headers":{"prefer":"include-statistics=true"},)"
                          R"("body":{"query":"print a=1"}})";
  const std::string two =
      R"({"id":"2","workspace":"localhost","path":"/query","body":{"query":"nothing"}})";
  const Reply reply = send("POST", "/v1/$batch", R"({"requests":[)" + one + "," + two + "]}", who);
  ASSERT_EQ(reply.status, 200U) << reply.body;
  const auto body = reply.json();
  const auto& responses = *body.find("responses")->if_array();
  ASSERT_EQ(responses.size(), 2U);
  EXPECT_EQ(*responses[0].find("status")->if_int(), 200);
  EXPECT_NE(responses[0].find("body")->find("statistics"), nullptr);
  EXPECT_EQ(*responses[1].find("status")->if_int(), 400);
  EXPECT_NE(responses[1].find("body")->find("error"), nullptr);
  const Reply metadata = get("/v1/workspaces/localhost/metadata", who);
  EXPECT_THAT(metadata.body, HasSubstr(R"("name":"SecurityAlert")"));
  EXPECT_THAT(metadata.body, HasSubstr(workspace()));
  EXPECT_THAT(metadata.body, HasSubstr(R"("displayName":"Alerts over time")"));
  for (const char* start : {"/v1/", "/v1//"}) {
    const Reply resource =
        send("POST",
             std::string(start) +
                 "subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/hub/query",
             R"({"query":"print a=1"})", who);
    EXPECT_EQ(resource.status, 200U) << resource.body;
  }
}

}  // namespace
}  // namespace hub::api
