// Queries over twins and automatic configurations, in our words and in Azure IoT Hub's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using base::json::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kAzure = "?api-version=2021-04-12";
constexpr const char* kNorth =
    R"({"targetCondition":"tags.site='north'","priority":5,"labels":{"team":"pumps"},"content":)"
    R"({"deviceContent":{"properties.desired.pump":{"speed":4}}},"metrics":{"queries":{"all":)"
    R"("SELECT deviceId FROM devices"}}})";

class ConfigurationTest : public ServerTest {
 protected:
  ConfigurationTest() {
    for (const char* id : {"d1", "d2", "d3"})
      must(registry_->create({{id, ""}, identity::Status::Enabled, "", {}}, "test"));
    tag("d1", R"({"site":"north"})");
    tag("d2", R"({"site":"south"})");
  }
  ~ConfigurationTest() override { configurations_->stop(); }

  void tag(const std::string& device, const std::string& tags) {
    twins::Update update;
    update.tags = *base::json::parse(tags);
    ASSERT_TRUE(twins_->update({device, ""}, update, "test"));
  }
  static Headers with(Headers headers, const std::string& name, const std::string& value) {
    headers.emplace_back(name, value);
    return headers;
  }
  static std::string query(const std::string& text) {
    return Value(Value::Object{{"query", Value(text)}}).to_json();
  }
  operations::Record last_record() { return operations_.recent(1).at(0); }
};

TEST_F(ConfigurationTest, QueriesInOurWords) {
  start();
  const Reply first =
      send("POST", "/api/v1/devices/query",
           R"({"query":"SELECT deviceId, tags.site FROM devices","limit":2})", token(Role::Reader));
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.json().find("items")->to_json(),
            R"([{"deviceId":"d1","site":"north"},{"deviceId":"d2","site":"south"}])");
  EXPECT_EQ(first.json().text_or("itemType", ""), "Raw");
  const std::string cursor(first.json().text_or("nextCursor", ""));
  const Reply second =
      send("POST", "/api/v1/devices/query",
           R"({"query":"SELECT deviceId, tags.site FROM devices","cursor":")" + cursor + "\"}",
           token(Role::Reader));
  ASSERT_EQ(second.status, 200U) << second.body;
  EXPECT_EQ(second.json().find("items")->to_json(), R"([{"deviceId":"d3"}])");
  EXPECT_TRUE(second.json().find("nextCursor")->is_null());

  const Reply wrong = send("POST", "/api/v1/devices/query",
                           query("SELECT * FROM devices WHERE isnull(x)"), owner());
  EXPECT_EQ(wrong.status, 400U);
  EXPECT_EQ(wrong.code(), "BadQuery");
  const Value diagnostic = wrong.json().find("error")->find("diagnostics")->if_array()->at(0);
  EXPECT_EQ(*diagnostic.find("column")->if_int(), 29);
  EXPECT_THAT(diagnostic.text_or("message", ""), HasSubstr("IS_NULL"));
  EXPECT_EQ(last_record().category, operations::Category::TwinQueries);
  EXPECT_EQ(last_record().status_code, 400);
  for (const char* body :
       {R"({})", R"({"query":1})", R"({"query":"SELECT * FROM devices","limit":0})",
        R"({"query":"SELECT * FROM devices","cursor":"made up"})"})
    EXPECT_EQ(send("POST", "/api/v1/devices/query", body, owner()).status, 400U) << body;
}

TEST_F(ConfigurationTest, QueriesAsAzureIotHub) {
  start();
  const std::string path = std::string("/devices/query") + kAzure;
  const std::string all = query("SELECT * FROM devices");
  Headers headers = with(policy("service"), "x-ms-max-item-count", "2");
  const Reply first = send("POST", path, all, headers);
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.json().if_array()->size(), 2U);
  EXPECT_EQ(first.headers.at("x-ms-item-type"), "Twin");
  headers.emplace_back("x-ms-continuation", first.headers.at("x-ms-continuation"));
  const Reply second = send("POST", path, all, headers);
  ASSERT_EQ(second.status, 200U) << second.body;
  EXPECT_EQ(second.json().if_array()->at(0).text_or("deviceId", ""), "d3");
  EXPECT_FALSE(second.headers.contains("x-ms-continuation"));
  EXPECT_EQ(last_record().operation, "queryTwins");
  EXPECT_EQ(last_record().actor, "policy:service");
  EXPECT_EQ(last_record().status_code, 200);

  const Reply counted = send(
      "POST", path, query("SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site"),
      policy("service"));
  EXPECT_EQ(counted.headers.at("x-ms-item-type"), "Raw");
  EXPECT_EQ(counted.body, R"([{"site":"north","n":1},{"site":"south","n":1},{"n":1}])");

  const Reply wrong = send("POST", path, query("SELECT"), policy("service"));
  EXPECT_EQ(wrong.status, 400U);
  EXPECT_THAT(wrong.json().text_or("Message", ""), StartsWith("ErrorCode:ArgumentInvalid;1:7: "));
  EXPECT_EQ(send("POST", path, all, policy("device")).status / 100, 4U);
  for (const char* count : {"x", "0", "-2"}) {
    const Headers odd = with(policy("service"), "x-ms-max-item-count", count);
    EXPECT_EQ(send("POST", path, all, odd).status, 400U) << count;
  }
  EXPECT_EQ(send("POST", path, "{}", policy("service")).status, 400U);
  EXPECT_EQ(send("POST", path, all, with(policy("service"), "x-ms-continuation", "forged")).status,
            400U);
}

TEST_F(ConfigurationTest, ConfigurationsInOurWords) {
  configurations_->start();
  start();
  const std::string path = "/api/v1/configurations/c1";
  EXPECT_EQ(get(path, owner()).status, 404U);
  EXPECT_EQ(send("PUT", path, kNorth, token(Role::Analyst)).status, 403U);
  const Reply made = send("PUT", path, kNorth, owner());
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(send("PUT", path, kNorth, owner()).status, 409U);
  EXPECT_EQ(send("PUT", path, kNorth, with(owner(), "If-Match", "\"old\"")).status, 412U);
  EXPECT_EQ(send("PUT", path, kNorth, with(owner(), "If-Match", made.headers.at("etag"))).status,
            200U);
  ASSERT_TRUE(configurations_->wait_settled(std::chrono::seconds(60)));
  const Reply shown = get(path, token(Role::Reader));
  ASSERT_EQ(shown.status, 200U) << shown.body;
  EXPECT_EQ(shown.json().find("systemMetrics")->find("results")->to_json(),
            R"({"appliedCount":1,"targetedCount":1})");
  EXPECT_EQ(shown.json().find("metrics")->find("results")->to_json(), R"({"all":3})");
  const auto twin = get("/api/v1/devices/d1/twin", owner()).json();
  EXPECT_EQ(twin.find("properties")->find("desired")->find("pump")->to_json(), R"({"speed":4})");

  ASSERT_EQ(send("PUT", "/api/v1/configurations/c2", "{}", owner()).status, 200U);
  const Reply page = get("/api/v1/configurations?limit=1", owner());
  EXPECT_EQ(page.json().find("items")->if_array()->size(), 1U);
  EXPECT_EQ(page.json().text_or("nextCursor", ""), "c1");
  EXPECT_TRUE(get("/api/v1/configurations?limit=1&cursor=c1", owner())
                  .json()
                  .find("nextCursor")
                  ->is_null());

  const Reply tested =
      send("POST", "/api/v1/configurations/test",
           R"({"targetCondition":"tags.a = ","customMetricQueries":{"m":"x"}})", owner());
  ASSERT_EQ(tested.status, 200U) << tested.body;
  EXPECT_THAT(tested.json().text_or("targetConditionError", ""), StartsWith("1:10: "));
  EXPECT_NE(tested.json().find("customMetricQueryErrors")->find("m"), nullptr);

  const Reply refused = send("PUT", "/api/v1/configurations/c3",
                             R"({"content":{"deviceContent":{"tags.a":1}}})", owner());
  EXPECT_EQ(refused.status, 400U);
  EXPECT_THAT(refused.body, HasSubstr("properties.desired"));
  EXPECT_EQ(send("DELETE", path, {}, owner()).status, 204U);
  EXPECT_EQ(send("DELETE", path, {}, owner()).status, 404U);
  EXPECT_THAT(get("/api/v1/audit", owner()).body, HasSubstr("configuration.delete"));
}

TEST_F(ConfigurationTest, ConfigurationsAsAzureIotHub) {
  start();
  const std::string path = std::string("/configurations/c1") + kAzure;
  const Headers service = policy("service");
  const Reply made = send("PUT", path, kNorth, service);
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(made.json().text_or("id", ""), "c1");
  const Reply again = send("PUT", path, kNorth, service);
  EXPECT_EQ(again.status, 409U);
  EXPECT_THAT(again.json().text_or("Message", ""),
              StartsWith("ErrorCode:ConfigurationAlreadyExists;"));
  EXPECT_EQ(send("PUT", path, made.body, with(service, "If-Match", "*")).status, 200U)
      << "what was read may be sent back";
  const auto records = operations_.recent(3);
  ASSERT_EQ(records.size(), 3U) << "each change is recorded once";
  for (const operations::Record& record : records)
    EXPECT_EQ(record.category, operations::Category::Configurations);
  EXPECT_EQ(get(path, service).json().find("labels")->text_or("team", ""), "pumps");
  EXPECT_EQ(
      get(std::string("/configurations") + kAzure + "&top=5", service).json().if_array()->size(),
      1U);
  EXPECT_EQ(get(std::string("/configurations") + kAzure + "&top=0", service).status, 400U);
  const Reply tested = send(
      "POST", std::string("/configurations/testQueries") + kAzure,
      R"({"targetCondition":"*","customMetricQueries":{"m":"SELECT * FROM devices"}})", service);
  EXPECT_EQ(tested.body, R"({"targetConditionError":null,"customMetricQueryErrors":{}})");
  const std::string once = std::string("/devices/d2/applyConfigurationContent") + kAzure;
  EXPECT_EQ(send("POST", once, R"({"deviceContent":{"properties.desired.a":1}})", service).status,
            204U);
  EXPECT_EQ(twins_->get({"d2", ""})->desired.properties.to_json(), R"({"a":1})");
  EXPECT_EQ(send("POST", once, R"({"deviceContent":{"x":1}})", service).status, 400U);
  EXPECT_EQ(send("DELETE", path, {}, with(service, "If-Match", "\"old\"")).status, 412U);
  EXPECT_EQ(send("DELETE", path, {}, with(service, "If-Match", "*")).status, 204U);
  const Reply gone = get(path, service);
  EXPECT_EQ(gone.status, 404U);
  EXPECT_THAT(gone.json().text_or("Message", ""), StartsWith("ErrorCode:ConfigurationNotFound;"));
  EXPECT_EQ(last_record().category, operations::Category::Configurations);
  EXPECT_EQ(last_record().operation, "getConfiguration");
  EXPECT_EQ(last_record().sub_code, 404'301U);
  EXPECT_EQ(last_record().actor, "policy:service");
  EXPECT_EQ(send("PUT", path, kNorth, policy("registryRead")).status / 100, 4U);
}

}  // namespace
}  // namespace hub::api
