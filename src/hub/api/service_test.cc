// The identity registry over Azure IoT Hub's REST API.
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kVersion = "?api-version=2021-04-12";

std::string message(const Reply& reply) {
  return std::string(reply.json().text_or("Message", ""));
}

Headers with(Headers headers, const std::string& name, const std::string& value) {
  headers.emplace_back(name, value);
  return headers;
}

using ServiceTest = ServerTest;

TEST_F(ServiceTest, CreatesReadsChangesAndDeletes) {
  start();
  const std::string path = "/devices/d1" + kVersion;
  const Reply made = send("PUT", path, R"({"deviceId":"d1"})", policy("registryReadWrite"));
  ASSERT_EQ(made.status, 200U) << made.body;
  const auto device = made.json();
  const auto* keys = device.find("authentication")->find("symmetricKey");
  EXPECT_EQ(base::base64_decode(keys->text_or("primaryKey", "?"))->size(), 32U);
  EXPECT_EQ(device.text_or("status", ""), "enabled");
  EXPECT_EQ(device.text_or("connectionState", ""), "Disconnected");
  EXPECT_EQ(device.text_or("lastActivityTime", ""), "0001-01-01T00:00:00Z");
  EXPECT_EQ(made.headers.at("etag"), '"' + std::string(device.text_or("etag", "")) + '"');
  EXPECT_EQ(made.headers.at("cache-control"), "no-store");
  EXPECT_EQ(made.headers.at("x-ms-request-id"), made.headers.at("x-request-id"));

  EXPECT_EQ(send("PUT", path, R"({"deviceId":"d1"})", owner()).status, 409U);
  const Reply shown = get(path, policy("registryRead"));
  EXPECT_EQ(shown.body, made.body);
  // An update that says nothing of keys makes new ones; one that says which keeps those.
  const std::string key = "MTIzNDU2Nzg5MGFiY2RlZg==";
  const Reply changed =
      send("PUT", path,
           R"({"deviceId":"d1","status":"disabled","authentication":{"type":"sas","symmetricKey":
               {"primaryKey":")" +
               key + R"(","secondaryKey":""}}})",
           with(owner(), "If-Match", "\"*\""));
  ASSERT_EQ(changed.status, 200U) << changed.body;
  EXPECT_EQ(registry_->get({"d1", ""})->keys.primary, key);
  EXPECT_EQ(changed.json().text_or("status", ""), "disabled");
  EXPECT_EQ(
      send("PUT", path, R"({"deviceId":"d1"})", with(owner(), "If-Match", made.headers.at("etag")))
          .status,
      412U);
  EXPECT_EQ(send("DELETE", path, "", owner()).status, 412U) << "without If-Match";
  EXPECT_EQ(send("DELETE", path, "", with(owner(), "If-Match", "\"old\"")).status, 412U);
  EXPECT_EQ(send("DELETE", path, "", with(owner(), "If-Match", "\"*\"")).status, 204U);
  EXPECT_EQ(get(path, owner()).status, 404U);
  const auto audit = get("/api/v1/audit", owner()).body;
  EXPECT_THAT(audit, HasSubstr(R"("action":"device.delete")"));
  EXPECT_THAT(audit, HasSubstr(R"("result":"PreconditionFailed")"));
}

TEST_F(ServiceTest, ModulesAreListedWithTheirKeys) {
  start();
  must(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  const std::string path = "/devices/d1/modules/m1" + kVersion;
  const std::string body = R"({"deviceId":"d1","moduleId":"m1","managedBy":"us"})";
  ASSERT_EQ(send("PUT", path, body, owner()).status, 200U);
  Reply reply = send("PUT", path, body, owner());
  EXPECT_EQ(reply.status, 409U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:ModuleAlreadyExistsOnDevice;"));
  const auto modules = get("/devices/d1/modules" + kVersion, owner()).json();
  ASSERT_EQ(modules.if_array()->size(), 1U);
  EXPECT_EQ(modules.if_array()->at(0).text_or("managedBy", ""), "us");
  EXPECT_EQ(get("/devices/none/modules" + kVersion, owner()).status, 404U);
  reply = send("PUT", "/devices/d1/modules/$edgeAgent" + kVersion,
               R"({"deviceId":"d1","moduleId":"$edgeAgent"})", owner());
  EXPECT_EQ(reply.status, 400U);
  EXPECT_EQ(send("DELETE", path, "", with(owner(), "If-Match", "*")).status, 204U);
  reply = get(path, owner());
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:ModuleNotFound;"));
}

TEST_F(ServiceTest, RightsAreThoseOfThePolicy) {
  start();
  must(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  const std::string path = "/devices/d1" + kVersion;
  for (const char* name : {"service", "device"}) {
    const Reply reply = get(path, policy(name));
    EXPECT_EQ(reply.status, 401U) << name;
    EXPECT_THAT(message(reply), StartsWith("ErrorCode:IotHubUnauthorizedAccess;")) << name;
  }
  EXPECT_EQ(operations_.recent(1).at(0).status_code, 401);
  EXPECT_EQ(operations_.recent(1).at(0).operation, "get");
  EXPECT_EQ(operations_.recent(1).at(0).actor, "policy:device");
  EXPECT_EQ(operations_.recent(1).at(0).protocol, operations::Protocol::Https);
  EXPECT_EQ(send("PUT", path, R"({"deviceId":"d1"})", policy("registryRead")).status, 401U);
  EXPECT_EQ(get("/devices/" + kVersion, token(Role::Reader)).status, 401U) << "it shows keys";
  EXPECT_EQ(get("/statistics/service" + kVersion, policy("registryRead")).status, 401U);
  EXPECT_EQ(get(path).status, 401U);
  EXPECT_EQ(operations_.recent(1).at(0).reason, operations::Reason::SasMalformed);
  const auto expired = wire::make_sas("localhost", registry_->policy("iothubowner")->keys.primary,
                                      base::wall_now() - std::chrono::hours(1), "iothubowner");
  EXPECT_EQ(get(path, {{"Authorization", *expired}}).status, 401U);
  EXPECT_EQ(operations_.recent(1).at(0).reason, operations::Reason::SasExpired);
}

TEST_F(ServiceTest, RefusesWhatIsNotAnIdentity) {
  start();
  for (const char* body :
       {"", "x", "[]", R"({"deviceId":"other"})", R"({})", R"({"deviceId":"d1","status":"on"})",
        R"({"deviceId":"d1","authentication":{"type":"none"}})",
        R"({"deviceId":"d1","authentication":{"symmetricKey":{"primaryKey":"short"}}})"}) {
    const Reply reply = send("PUT", "/devices/d1" + kVersion, body, owner());
    EXPECT_EQ(reply.status, 400U) << body;
    EXPECT_THAT(message(reply), StartsWith("ErrorCode:ArgumentInvalid;")) << body;
    EXPECT_EQ(reply.headers.at("iothub-errorcode"), "ArgumentInvalid");
  }
  EXPECT_EQ(get("/devices/d1?api-version=1", owner()).status, 400U);
  EXPECT_EQ(get("/devices/d1?api-version=2021-04-12-preview", owner()).status, 404U);
  EXPECT_EQ(get("/devices/" + kVersion + "&top=x", owner()).status, 400U);
  EXPECT_EQ(registry_->counts()->total, 0U);
}

TEST_F(ServiceTest, WorksInBulk) {
  start();
  const std::string path = "/devices" + kVersion;
  Reply reply = send("POST", path,
                     R"([{"id":"d1","importMode":"create","tags":{"a":1}},
                         {"id":"d2","importMode":"Create"},{"id":"d1","moduleId":"m1"}])",
                     owner());
  ASSERT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(reply.body, R"({"isSuccessful":true,"errors":[],"warnings":[]})");
  reply = send("POST", path,
               R"([{"id":"d1","importMode":"Delete"},{"id":"d1","importMode":"delete"},
                   {"id":"d2","importMode":"create"},{"id":"d3","importMode":"UpdateIfMatchETag"},
                   {"importMode":"create"},{"id":"d4","importMode":"create"}])",
               owner());
  EXPECT_EQ(reply.status, 400U);
  const auto body = reply.json();
  EXPECT_FALSE(*body.find("isSuccessful")->if_bool());
  std::vector<std::string> codes;
  for (const auto& error : *body.find("errors")->if_array())
    codes.emplace_back(error.text_or("errorCode", ""));
  EXPECT_EQ(codes, (std::vector<std::string>{"DeviceDefinedMultipleTimes", "DeviceAlreadyExists",
                                             "PreconditionFailed", "ArgumentInvalid"}));
  EXPECT_FALSE(registry_->get({"d1", ""}));
  EXPECT_TRUE(registry_->get({"d4", ""})) << "the others are done all the same";
  EXPECT_EQ(send("POST", path, "{}", owner()).status, 400U);
  EXPECT_EQ(send("POST", path, "[]", owner()).status, 400U);
  std::string many = "[";
  for (int i = 0; i < 101; ++i)
    many += (i == 0 ? "{\"id\":\"n" : ",{\"id\":\"n") + std::to_string(i) + "\"}";
  EXPECT_EQ(send("POST", path, many + "]", owner()).status, 413U);
  EXPECT_EQ(send("POST", path, "[]", policy("registryRead")).status, 401U);
}

TEST_F(ServiceTest, CountsDevices) {
  start();
  for (const char* id : {"d1", "d2", "d3"})
    must(registry_->create({{id, ""}, identity::Status::Enabled, "", {}}, "test"));
  identity::Change change;
  change.status = identity::Status::Disabled;
  must(registry_->update({"d3", ""}, change, "test"));
  registry_->connected({"d1", ""}, "t", "::1");
  EXPECT_EQ(get("/statistics/devices" + kVersion, policy("registryRead")).body,
            R"({"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1})");
  EXPECT_EQ(get("/statistics/service" + kVersion, policy("service")).body,
            R"({"connectedDeviceCount":1})");
  const auto devices = get("/devices/" + kVersion + "&top=2", owner()).json();
  ASSERT_EQ(devices.if_array()->size(), 2U);
  EXPECT_EQ(devices.if_array()->at(0).text_or("connectionState", ""), "Connected");
}

TEST_F(ServiceTest, CallsMethods) {
  start();
  for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}})
    must(registry_->create({name, identity::Status::Enabled, "", {}}, "test"));
  const std::string path = "/twins/d1/methods" + kVersion;
  const std::string body = R"({"methodName":"reboot","payload":{"in":5}})";
  Reply reply = send("POST", path, body, owner());
  EXPECT_EQ(reply.status, 404U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:DeviceNotOnline;"));
  EXPECT_EQ(operations_.recent(1).at(0).category, operations::Category::DirectMethods);
  EXPECT_EQ(operations_.recent(1).at(0).sub_code, 404103U);
  EXPECT_EQ(operations_.recent(1).at(0).actor, "policy:iothubowner");
  reply = send("POST", "/twins/none/methods" + kVersion, body, owner());
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:DeviceNotFound;"));
  EXPECT_EQ(send("POST", path, body, policy("registryReadWrite")).status, 401U);
  for (const char* wrong : {"", "[]", "{}", R"({"methodName":""})",
                            R"({"methodName":"a","responseTimeoutInSeconds":-1})",
                            R"({"methodName":"a","connectTimeoutInSeconds":"5"})"}) {
    EXPECT_EQ(send("POST", path, wrong, owner()).status, 400U) << wrong;
  }

  // A device that answers at once, on a thread of its own as its connection would.
  std::mutex mutex;  // an answer may be here before the thread that asked has stored the device
  std::vector<std::jthread> devices;
  for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}}) {
    methods_->serve(name, [this, name, &mutex, &devices](const commands::MethodRequest& request) {
      const std::lock_guard lock(mutex);
      devices.emplace_back([this, name, request] {
        methods_->answer(name, request.request_id, 201, request.payload, {});
      });
    });
  }
  reply = send("POST", path, body, owner());
  EXPECT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(reply.body, R"({"status":201,"payload":{"in":5}})");
  EXPECT_FALSE(reply.headers.at("x-ms-request-id").empty());
  reply = send("POST", "/twins/d1/modules/m1/methods" + kVersion, body, policy("service"));
  EXPECT_EQ(reply.body, R"({"status":201,"payload":{"in":5}})");
  std::vector<std::jthread> ended;
  const std::lock_guard lock(mutex);
  ended.swap(devices);
}

TEST_F(ServiceTest, ManyMayWaitForMethods) {
  start();
  must(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  std::mutex mutex;
  std::vector<std::string> asked;
  methods_->serve({"d1", ""}, [&](const commands::MethodRequest& request) {
    const std::lock_guard lock(mutex);
    asked.push_back(request.request_id);
  });
  // More than there are threads for requests.
  std::vector<Connected> waiting;
  for (int i = 0; i < 12; ++i) {
    waiting.push_back(connect());
    waiting.back().send_raw(
        make("POST", "/twins/d1/methods" + kVersion, R"({"methodName":"slow"})", owner()));
  }
  const auto deadline = base::mono_now() + std::chrono::seconds(60);
  for (;;) {
    // Others are served meanwhile.
    ASSERT_EQ(get("/devices/d1" + kVersion, owner()).status, 200U);
    const std::lock_guard lock(mutex);
    if (asked.size() == waiting.size()) break;
    ASSERT_LT(base::mono_now(), deadline);
  }
  for (const std::string& id : asked)
    EXPECT_TRUE(methods_->answer({"d1", ""}, id, 200, "", {}));
  for (Connected& connection : waiting)
    EXPECT_EQ(connection.read().body, R"({"status":200,"payload":null})");
}

TEST_F(ServiceTest, PurgesMessages) {
  start();
  must(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  for (int i = 0; i < 3; ++i) {
    commands::CloudMessage sent;
    sent.to = {"d1", ""};
    sent.body = "x";
    must(messages_->send(std::move(sent), {}));
  }
  const auto device = get("/devices/d1" + kVersion, owner()).json();
  EXPECT_EQ(*device.find("cloudToDeviceMessageCount")->if_int(), 3);
  const std::string path = "/devices/d1/commands" + kVersion;
  EXPECT_EQ(send("DELETE", path, "", policy("registryReadWrite")).status, 401U);
  EXPECT_EQ(send("DELETE", path, "", policy("service")).body,
            R"({"totalMessagesPurged":3,"deviceId":"d1","moduleId":null})");
  EXPECT_EQ(messages_->count({"d1", ""}), 0U);
  EXPECT_EQ(send("DELETE", "/devices/none/commands" + kVersion, "", owner()).status, 404U);
}

TEST_F(ServiceTest, SchedulesJobs) {
  start();
  for (const char* id : {"d1", "d2"})
    must(registry_->create({{id, ""}, identity::Status::Enabled, "", {}}, "test"));
  const std::string job = R"({"jobId":"j1","type":"scheduleUpdateTwin","queryCondition":"x = 1",
                              "updateTwin":{"etag":"*","tags":{"a":1},"properties":{"desired":
                              {"b":2},"reported":{}}},"startTime":null,
                              "maxExecutionTimeInSeconds":120})";
  const std::string path = "/jobs/v2/j1" + kVersion;
  EXPECT_EQ(send("PUT", path, job, policy("registryReadWrite")).status, 401U);
  const Reply made = send("PUT", path, job, policy("service"));
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(made.json().text_or("status", ""), "queued");
  Reply reply = send("PUT", path, job, owner());
  EXPECT_EQ(reply.status, 409U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:JobAlreadyExists;"));
  const auto deadline = base::mono_now() + std::chrono::seconds(60);
  while ((reply = get(path, owner())).json().text_or("status", "") != "completed")
    ASSERT_LT(base::mono_now(), deadline) << reply.body;
  EXPECT_EQ(*reply.json().find("deviceJobStatistics")->find("succeededCount")->if_int(), 2);
  EXPECT_EQ(twins_->get({"d2", ""})->tags.properties.to_json(), R"({"a":1})");
  EXPECT_EQ(twins_->get({"d1", ""})->desired.properties.to_json(), R"({"b":2})");

  // A method that nobody serves: the device failed, the job did not.
  const std::string method = R"({"type":"scheduleDeviceMethod","queryCondition":"*",
                                 "cloudToDeviceMethod":{"methodName":"m","payload":null,
                                 "responseTimeoutInSeconds":30}})";
  ASSERT_EQ(send("PUT", "/jobs/v2/j2" + kVersion, method, owner()).status, 200U);
  while ((reply = get("/jobs/v2/j2" + kVersion, owner())).json().text_or("status", "") !=
         "completed")
    ASSERT_LT(base::mono_now(), deadline) << reply.body;
  EXPECT_EQ(*reply.json().find("deviceJobStatistics")->find("failedCount")->if_int(), 2);

  reply = send("GET", "/jobs/v2/query" + kVersion, "", with(owner(), "x-ms-max-item-count", "1"));
  ASSERT_EQ(reply.json().if_array()->size(), 1U) << reply.body;
  const std::string next = reply.headers.at("x-ms-continuation");
  reply = send("GET", "/jobs/v2/query" + kVersion, "", with(owner(), "x-ms-continuation", next));
  EXPECT_EQ(reply.json().if_array()->at(0).text_or("jobId", ""), "j2");
  EXPECT_FALSE(reply.headers.contains("x-ms-continuation"));
  reply =
      get("/jobs/v2/query" + kVersion + "&jobType=scheduleUpdateTwin&jobStatus=failed", owner());
  EXPECT_EQ(reply.body, "[]");
  EXPECT_EQ(get("/jobs/v2/query" + kVersion + "&jobStatus=odd", owner()).status, 400U);
  EXPECT_EQ(get("/jobs/v2/none" + kVersion, owner()).body,
            R"({"jobId":"none","type":"unknown","status":"unknown"})");
  reply = send("POST", "/jobs/v2/none/cancel" + kVersion, "", owner());
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:JobNotFound;"));
  reply = send("POST", "/jobs/v2/j1/cancel" + kVersion, "", owner());
  EXPECT_EQ(reply.json().text_or("status", ""), "completed") << "too late";
  EXPECT_EQ(
      send("PUT", "/jobs/v2/j3" + kVersion,
           R"({"type":"scheduleUpdateTwin","queryCondition":"nonsense","updateTwin":{}})", owner())
          .status,
      400U);
}

}  // namespace
}  // namespace hub::api
