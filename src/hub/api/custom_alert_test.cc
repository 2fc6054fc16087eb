// Custom alerts over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"
#include "kql/ticks.h"

namespace hub::api {
namespace {

using base::json::Value;
using testing::HasSubstr;

constexpr auto kRange =
    R"({"group":"pumps","type":"ActiveConnectionsNotInAllowedRange","window":"PT1H","max":3})";
constexpr auto kList = R"({"type":"ConnectionToIpNotAllowed","allow":["10.0.0.0/8"]})";

class CustomAlertApi : public ServerTest {
 protected:
  Reply create(const std::string& body, const Headers& who) {
    return send("POST", "/api/v1/custom-alerts", body, who);
  }
  Reply import(const std::string& text, const std::string& parameters, Headers who) {
    who.push_back({"Content-Type", "application/yaml"});
    return send("PUT", "/api/v1/custom-alerts/document" + parameters, text, who);
  }
  std::int64_t number(const Reply& reply, std::string_view name) {
    const Value json = reply.json();
    const Value* found = json.find(name);
    return found == nullptr || found->if_int() == nullptr ? -1 : *found->if_int();
  }
};

TEST_F(CustomAlertApi, AreMadeChangedAndDeleted) {
  start();
  const Headers admin = owner();
  const Reply made = create(kRange, admin);
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.json().text_or("kind", ""), "range");
  EXPECT_EQ(made.json().text_or("severity", ""), "Low");
  const std::string path = "/api/v1/custom-alerts/" + std::string(made.json().text_or("id", ""));
  EXPECT_EQ(create(kRange, admin).status, 409U);
  EXPECT_EQ(create(R"({"type":"FileUploadsNotInAllowedRange"})", admin).status, 400U);
  EXPECT_THAT(create(R"({"typ":"x"})", admin).body, HasSubstr("did you mean"));
  EXPECT_EQ(create(kRange, token(Role::Reader)).status, 403U);
  ASSERT_EQ(create(kList, admin).status, 201U);
  const Reply list = get("/api/v1/custom-alerts", token(Role::Reader));
  EXPECT_EQ(number(list, "total"), 2);
  EXPECT_EQ(number(get("/api/v1/custom-alerts?group=pumps", admin), "total"), 1);
  EXPECT_EQ(
      number(get("/api/v1/custom-alerts?type=IoT_CA_ConnectionToIpNotAllowed", admin), "total"), 1);
  EXPECT_EQ(get("/api/v1/custom-alerts?type=x", admin).status, 400U);
  Headers stale = admin;
  stale.push_back({"If-Match", "\"7\""});
  EXPECT_EQ(send("PUT", path, kRange, stale).status, 412U);
  const Reply changed = send(
      "PUT", path,
      R"({"group":"pumps","type":"ActiveConnectionsNotInAllowedRange","max":9,"enabled":false})",
      admin);
  ASSERT_EQ(changed.status, 200U) << changed.body;
  EXPECT_EQ(changed.headers.at("etag"), "\"2\"");
  EXPECT_EQ(get(path, admin).body, changed.body);
  EXPECT_EQ(send("DELETE", path, "", admin).status, 204U);
  EXPECT_EQ(get(path, admin).status, 404U);
  const Reply audit = get("/api/v1/audit", admin);
  for (const char* action : {"customAlert.create", "customAlert.put", "customAlert.delete"})
    EXPECT_THAT(audit.body, HasSubstr(action));
  EXPECT_THAT(audit.body, HasSubstr("pumps: ActiveConnectionsNotInAllowedRange"));
}

TEST_F(CustomAlertApi, TellWhatTheyCanBeAbout) {
  start();
  const Value types = get("/api/v1/custom-alert-types", token(Role::Reader)).json();
  ASSERT_NE(types.find("items"), nullptr);
  EXPECT_EQ(types.find("items")->if_array()->size(), 19U);
}

TEST_F(CustomAlertApi, GoInAndOutAsAFile) {
  start();
  const Headers admin = owner();
  ASSERT_EQ(create(kRange, admin).status, 201U);
  const Reply file = get("/api/v1/custom-alerts/document", token(Role::Reader));
  ASSERT_EQ(file.status, 200U);
  EXPECT_THAT(file.body, HasSubstr("customAlerts:\n  - group: \"pumps\"\n"));
  const std::string more = file.body + "  - type: ProcessNotAllowed\n    deny: [nc]\n";
  const Reply would = import(more, "?dryRun=true", admin);
  ASSERT_EQ(would.status, 200U) << would.body;
  EXPECT_EQ(number(would, "created"), 1);
  EXPECT_EQ(number(would, "unchanged"), 1);
  EXPECT_EQ(number(get("/api/v1/custom-alerts", admin), "total"), 1);
  EXPECT_EQ(import(more, "", admin).status, 200U);
  EXPECT_EQ(number(get("/api/v1/custom-alerts", admin), "total"), 2);
  const Reply wrong = import("customAlerts:\n  - {typ: x}\n", "", admin);
  EXPECT_EQ(wrong.status, 400U);
  EXPECT_THAT(wrong.body, HasSubstr("line 2: there is no 'typ'"));
  EXPECT_EQ(number(import("customAlerts: []", "?replace=true", admin), "removed"), 2);
  EXPECT_EQ(import(more, "", token(Role::Reader)).status, 403U);
}

TEST_F(CustomAlertApi, ShowWhatTheyWouldHaveRaised) {
  start();
  ASSERT_TRUE(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  store::Batch batch;
  for (int i = 0; i < 5; ++i) {
    store::EventRow row;
    row.time_generated = kql::to_ticks(base::wall_now() - std::chrono::hours(1));
    row.time_stamp = row.time_generated;
    row.device_id = i < 4 ? "d1" : "nobody";
    row.event_id = base::Guid::derived("custom_alert_test", std::to_string(i));
    row.name = "ConnectionCreate";
    row.category = "Triggered";
    row.type = "Security";
    row.details = R"({"RemoteAddress":"203.0.113.5","RemotePort":"1","Direction":"Out"})";
    batch.events.push_back(row);
  }
  ASSERT_TRUE(events_->append(batch, 1));
  const Headers who = token(Role::Reader);
  const Reply list = send("POST", "/api/v1/custom-alerts/preview", kList, who);
  ASSERT_EQ(list.status, 200U) << list.body;
  EXPECT_EQ(number(list, "alerts"), 1);
  EXPECT_EQ(number(list, "hits"), 4);
  EXPECT_THAT(list.body, HasSubstr("It connected to 203.0.113.5: not on the list"));
  const Reply pumps = send("POST", "/api/v1/custom-alerts/preview", kRange, who);
  EXPECT_EQ(number(pumps, "alerts"), 0) << "of another group";
  EXPECT_EQ(send("POST", "/api/v1/custom-alerts/preview", "{}", who).status, 400U);
}

}  // namespace
}  // namespace hub::api
