// Detection rules over HTTPS: what there is, what is set, exceptions, history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detect/stream.h"
#include "hub/api/server_testing.h"
#include "hub/rules/rules.h"
#include "kql/ticks.h"
#include "store/events.h"

namespace hub::api {
namespace {

using base::json::Value;
using ::testing::HasSubstr;

constexpr const char* kPing = "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001";
constexpr const char* kRule = R"(title: Ping
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001
description: Somebody pings.
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /ping}, condition: s}
level: low
)";

class RuleRoutes : public ServerTest {
 protected:
  ~RuleRoutes() override { server_->stop(); }

  void add_parts(Dependencies& dependencies) override {
    rules_ = must(rules::Rules::open({.path = dir_ + "/state.db"}));
    detect::StreamOptions options;
    options.builtin = false;
    stream_ = must(detect::Stream::load(options));
    rules_->attach(*stream_, options);
    dependencies.detections = stream_.get();
    dependencies.rules = rules_.get();
  }

  static std::string text_body(std::string_view text) {
    Value::Object body;
    body.push_back({"text", Value(std::string(text))});
    return Value(std::move(body)).to_json();
  }
  Reply post(const std::string& path, const std::string& body) {
    return send("POST", "/api/v1" + path, body, owner());
  }
  void add_ping() { ASSERT_EQ(post("/rules", text_body(kRule)).status, 201U); }
  std::string path() const { return std::string("/api/v1/rules/") + kPing; }

  // A ping of each user, an hour apart, the last an hour ago.
  void store_pings(std::initializer_list<std::string_view> users) {
    store::Batch batch;
    kql::Ticks time = kql::to_ticks(base::wall_now()) -
                      kql::kTicksPerHour * static_cast<kql::Ticks>(users.size());
    for (const std::string_view user : users) {
      store::EventRow row;
      row.time_generated = time;
      row.time_stamp = *kql::parse_datetime("2026-01-02T02:04:05Z");
      row.device_id = "press-7";
      row.event_id = base::Guid::random();
      row.name = "ProcessCreate";
      row.category = "Triggered";
      row.type = "Security";
      row.details = batch.keep(
          R"({"TimestampLocal":"2026-01-02T03:04:05.000+01:00",)"
          R"("TimestampUTC":"2026-01-02T02:04:05.000Z","Executable":"/bin/ping","ProcessId":1,"ParentProcessId":1,"UserId":"0","UserName":")" +
          std::string(user) + R"(","CommandLine":"ping"})");
      batch.events.push_back(row);
      time += kql::kTicksPerHour;
    }
    ASSERT_TRUE(events_->append(batch, ++stored_));
  }

  std::uint64_t stored_ = 0;
  std::unique_ptr<detect::Stream> stream_;
  std::unique_ptr<rules::Rules> rules_;
};

std::int64_t number(const Value& value, std::string_view object, std::string_view name) {
  const Value* found = value.find(object);
  const Value* member = found == nullptr ? nullptr : found->find(name);
  return member == nullptr || member->if_int() == nullptr ? -1 : *member->if_int();
}

TEST_F(RuleRoutes, ListsWhatRunsAndWhatCannot) {
  start();
  add_ping();
  ASSERT_EQ(post("/rules", text_body(R"(title: Windows logon
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a009
logsource: {product: windows, service: security}
detection: {s: {EventID: 1}, condition: s}
)"))
                .status,
            201U);
  const Value all = get("/api/v1/rules", token(Role::Reader)).json();
  EXPECT_EQ(all.find("items")->if_array()->size(), 2U);
  EXPECT_EQ(number(all, "counts", "enabled"), 1);
  EXPECT_EQ(number(all, "counts", "noEvents"), 1);
  const auto only = [&](const std::string& query) {
    std::string titles;
    const Value list = get("/api/v1/rules?" + query, owner()).json();
    for (const Value& rule : *list.find("items")->if_array())
      titles += std::string(rule.text_or("title", "")) + ";";
    return titles;
  };
  EXPECT_EQ(only("state=noEvents"), "Windows logon;");
  EXPECT_EQ(only("search=PINGS"), "Ping;");
  EXPECT_EQ(only("severity=Low"), "Ping;");
  EXPECT_EQ(only("severity=High"), "");
  EXPECT_EQ(only("origin=own&kind=rule"), "Ping;");
  EXPECT_EQ(only("limit=1"), "Ping;");
  EXPECT_EQ(only("limit=1&cursor=1"), "Windows logon;");
  for (const char* bad : {"state=on", "origin=here", "kind=x", "severity=Bad", "cursor=x"})
    EXPECT_EQ(get(std::string("/api/v1/rules?") + bad, owner()).status, 400U) << bad;
  EXPECT_EQ(get("/api/v1/rules").status, 401U);
}

TEST_F(RuleRoutes, ARuleOfOnesOwnLives) {
  start();
  add_ping();
  EXPECT_EQ(post("/rules", text_body(kRule)).status, 409U);
  const Reply shown = get(path(), token(Role::Reader));
  ASSERT_EQ(shown.status, 200U) << shown.body;
  EXPECT_THAT(std::string(shown.json().text_or("text", "")), HasSubstr("title: Ping"));
  EXPECT_EQ(shown.json().text_or("origin", ""), "own");
  const std::string etag(shown.json().find("own")->text_or("etag", ""));
  Headers who = owner();
  who.emplace_back("If-Match", "\"" + etag + "\"");
  std::string newer(kRule);
  newer.replace(newer.find("Ping"), 4, "Pong");
  EXPECT_EQ(send("PUT", path(), text_body(newer), who).status, 200U);
  EXPECT_EQ(send("PUT", path(), text_body(newer), who).status, 412U) << "changed in between";
  EXPECT_EQ(send("DELETE", path(), "", owner()).status, 204U);
  EXPECT_EQ(get(path(), owner()).status, 404U);
  EXPECT_EQ(send("DELETE", path(), "", owner()).status, 404U);
  const Headers reader = token(Role::Reader);
  EXPECT_EQ(send("POST", "/api/v1/rules", text_body(kRule), reader).status, 403U);
}

TEST_F(RuleRoutes, SaysWhereARuleIsWrong) {
  start();
  std::string wrong(kRule);
  wrong.replace(wrong.find("Image"), 5, "Imago");
  for (const char* route : {"/rules", "/rules/check"}) {
    const Reply reply = post(route, text_body(wrong));
    EXPECT_EQ(reply.status, 400U);
    EXPECT_THAT(reply.body, HasSubstr("did you mean 'Image'?"));
    EXPECT_THAT(reply.body, HasSubstr(R"("line":5)"));
  }
  EXPECT_EQ(post("/rules/check", text_body(kRule)).status, 200U);
  EXPECT_EQ(get(path(), owner()).status, 404U) << "checking keeps nothing";
  EXPECT_EQ(post("/rules/check", "{}").status, 400U);
}

TEST_F(RuleRoutes, SettingsHaveAnEtagAndAReason) {
  start();
  add_ping();
  const Reply off =
      send("PATCH", path(), R"({"enabled":false,"severity":"High","comment":"noisy"})", owner());
  ASSERT_EQ(off.status, 200U) << off.body;
  EXPECT_EQ(off.json().text_or("state", ""), "disabled");
  EXPECT_EQ(off.json().text_or("severity", ""), "High");
  EXPECT_EQ(off.json().text_or("ownSeverity", ""), "Low");
  EXPECT_EQ(off.json().find("setting")->text_or("comment", ""), "noisy");
  Headers stale = owner();
  stale.emplace_back("If-Match", "\"0\"");
  EXPECT_EQ(send("PATCH", path(), R"({"enabled":true})", stale).status, 412U);
  const Reply on = send("PATCH", path(), R"({"enabled":true,"severity":null})", owner());
  EXPECT_EQ(on.json().text_or("state", ""), "enabled");
  EXPECT_EQ(on.json().text_or("severity", ""), "Low");
  for (const char* bad : {R"({"enabled":"yes"})", R"({"severity":"Worst"})", R"({"colour":1})"})
    EXPECT_EQ(send("PATCH", path(), bad, owner()).status, 400U) << bad;
  EXPECT_EQ(send("PATCH", "/api/v1/rules/none", R"({"enabled":true})", owner()).status, 404U);
  EXPECT_EQ(send("PATCH", path(), R"({"enabled":false})", token(Role::Reader)).status, 403U);
}

TEST_F(RuleRoutes, ExceptionsArePreviewedAndMade) {
  start();
  add_ping();
  store_pings({"monitor", "eve", "monitor"});
  const std::string body =
      std::string(R"({"rule":")") + kPing +
      R"(","title":"The monitor","conditions":[{"field":"User","values":"monitor"}])";
  const Reply preview = post("/rule-exceptions/preview", body + "}");
  ASSERT_EQ(preview.status, 200U) << preview.body;
  const Value told = preview.json();
  EXPECT_EQ(*told.find("events")->if_int(), 3);
  EXPECT_EQ(number(told, "hits", "raised"), 3);
  EXPECT_EQ(number(told, "hits", "hidden"), 2);
  EXPECT_EQ(told.find("complete")->to_json(), "true");
  EXPECT_EQ(told.find("examples")->if_array()->size(), 3U);
  EXPECT_TRUE(stream_->filters().empty()) << "a preview keeps nothing";

  const Reply made = post("/rule-exceptions", body + R"(,"comment":"it is ours"})");
  ASSERT_EQ(made.status, 201U) << made.body;
  const std::string exception =
      "/api/v1/rule-exceptions/" + std::string(made.json().text_or("id", ""));
  EXPECT_EQ(get(exception, token(Role::Reader)).json().text_or("comment", ""), "it is ours");
  const Value hunted = post("/rules/hunt", std::string(R"({"rule":")") + kPing + "\"}").json();
  EXPECT_EQ(number(hunted, "hits", "raised"), 1) << "the exception is in force";
  const Value list = get(std::string("/api/v1/rule-exceptions?rule=") + kPing, owner()).json();
  ASSERT_EQ(list.find("items")->if_array()->size(), 1U);
  EXPECT_EQ(get("/api/v1/rule-exceptions?rule=other", owner()).json().find("items")->to_json(),
            "[]");
  EXPECT_EQ(send("DELETE", exception, "", token(Role::Reader)).status, 403U);
  EXPECT_EQ(send("DELETE", exception, "", owner()).status, 204U);
  EXPECT_EQ(send("DELETE", exception, "", owner()).status, 404U);
}

TEST_F(RuleRoutes, HuntsTakeRulesAsTextToo) {
  start();
  store_pings({"a", "b"});
  const Reply found = post("/rules/hunt", text_body(kRule));
  ASSERT_EQ(found.status, 200U) << found.body;
  EXPECT_EQ(number(found.json(), "hits", "raised"), 2);
  EXPECT_EQ(number(found.json(), "alerts", "raised"), 1) << "the same program on one device";
  Value::Object elsewhere;
  elsewhere.push_back({"text", Value(std::string(kRule))});
  elsewhere.push_back({"device", Value(std::string("lathe-1"))});
  EXPECT_EQ(number(post("/rules/hunt", Value(elsewhere).to_json()).json(), "hits", "raised"), 0);
  EXPECT_EQ(post("/rules/hunt", text_body("not a rule")).status, 400U);
  EXPECT_EQ(post("/rules/hunt", R"({"rule":"none"})").status, 404U);
  EXPECT_EQ(post("/rules/hunt", "{}").status, 400U);
  EXPECT_EQ(post("/rules/hunt", R"({"rule":"x","text":"y"})").status, 400U);
  EXPECT_EQ(post("/rules/hunt", R"({"rule":"x","from":"soon"})").status, 400U);
}

TEST_F(RuleRoutes, HuntsKnowTheDevicesOwnTime) {
  start();
  store_pings({"a"});
  const auto at = [](const char* hour) {
    return text_body(
        "title: Early\nlogsource: {category: process_creation}\n"
        "detection: {s: {TimestampLocal|hour: " +
        std::string(hour) + "}, condition: s}\n");
  };
  EXPECT_EQ(number(post("/rules/hunt", at("3")).json(), "hits", "raised"), 1);
  EXPECT_EQ(number(post("/rules/hunt", at("2")).json(), "hits", "raised"), 0);
}

TEST_F(RuleRoutes, HuntsCountWhatCorrelationsFind) {
  start();
  store_pings({"a", "b", "c"});
  const std::string text = std::string(kRule) + R"(---
title: Pings
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002
correlation:
  type: event_count
  rules: [7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001]
  group-by: [DeviceId]
  timespan: 3h
  condition: {gte: 3}
)";
  const Value found = post("/rules/hunt", text_body(text)).json();
  EXPECT_EQ(number(found, "hits", "raised"), 1);
  EXPECT_EQ(found.find("examples")->if_array()->at(0).text_or("title", ""), "Pings");
}

}  // namespace
}  // namespace hub::api
