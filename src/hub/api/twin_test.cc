// Twins over HTTPS, in our words and in Azure IoT Hub's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kAzure = "?api-version=2021-04-12";

class TwinTest : public ServerTest {
 protected:
  TwinTest() {
    for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}})
      must(registry_->create({name, identity::Status::Enabled, "", {}}, "test"));
    twins_->add_listener(
        [this](const twins::DesiredChange& change) { told_.push_back(change.json); });
  }
  static Headers with(Headers headers, const std::string& name, const std::string& value) {
    headers.emplace_back(name, value);
    return headers;
  }
  Headers device(const std::string& id, const std::string& key) {
    return {{"Authorization", *wire::make_sas("localhost/devices/" + id, key,
                                              base::wall_now() + std::chrono::hours(1))}};
  }
  // The first record of that status; they are newest first.
  operations::Record last_record() { return operations_.recent(1).at(0); }

  std::vector<std::string> told_;
};

TEST_F(TwinTest, IsReadAndPatched) {
  start();
  const std::string path = "/api/v1/devices/d1/modules/m1/twin";
  const Reply fresh = get(path, owner());
  ASSERT_EQ(fresh.status, 200U) << fresh.body;
  EXPECT_EQ(*fresh.json().find("version")->if_int(), 1);
  const Reply changed =
      send("PATCH", path,
           R"({"tags":{"site":"north"},"properties":{"desired":{"a":{"value":1},"b":2}}})",
           with(owner(), "If-Match", fresh.headers.at("etag")));
  ASSERT_EQ(changed.status, 200U) << changed.body;
  EXPECT_NE(changed.headers.at("etag"), fresh.headers.at("etag"));
  EXPECT_EQ(send("PATCH", path, R"({"properties":{"desired":{"b":null}}})", owner()).status, 200U);
  const auto twin = get(path, token(Role::Reader)).json();
  EXPECT_EQ(twin.find("tags")->to_json(), R"({"site":"north"})");
  const auto* desired = twin.find("properties")->find("desired");
  EXPECT_EQ(desired->find("a")->to_json(), R"({"value":1})");
  EXPECT_EQ(desired->find("b"), nullptr);
  EXPECT_EQ(*desired->find("$version")->if_int(), 3);
  EXPECT_EQ(told_, (std::vector<std::string>{R"({"a":{"value":1},"b":2,"$version":2})",
                                             R"({"b":null,"$version":3})"}));
  EXPECT_EQ(last_record().actor, "policy:iothubowner");
  const auto audit = get("/api/v1/audit", owner()).body;
  EXPECT_THAT(audit, HasSubstr(R"("action":"twin.update")"));
  EXPECT_THAT(audit, HasSubstr("desired version 3"));
}

TEST_F(TwinTest, RefusesWhatCannotBe) {
  start();
  const std::string path = "/api/v1/devices/d1/twin";
  EXPECT_EQ(get("/api/v1/devices/none/twin", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/d1/modules/none/twin", owner()).status, 404U);
  EXPECT_EQ(send("PATCH", path, R"({"tags":{"a":1}})", token(Role::Analyst)).status, 403U);
  EXPECT_EQ(send("PATCH", path, R"({"tags":{"a":1}})", policy("registryReadWrite")).status, 403U);
  EXPECT_EQ(send("PATCH", path, R"({"tags":{"a":1}})", policy("service")).status, 200U);
  for (const char* body :
       {R"({})", R"({"tags":1})", R"({"tags":{"a.b":1}})", R"({"properties":{"desired":[]}})",
        R"({"properties":{"reported":{"a":1}}})", R"({"desired":{}})", "x"}) {
    EXPECT_EQ(send("PATCH", path, body, owner()).status, 400U) << body;
  }
  EXPECT_EQ(send("PATCH", path, R"({"tags":{"a":1}})", with(owner(), "If-Match", "\"old\"")).status,
            412U);
  std::string large = R"({"tags":{"a":")" + std::string(4000, 'x') + R"(","b":")" +
                      std::string(4000, 'x') + R"(","c":")" + std::string(4000, 'x') + "\"}}";
  EXPECT_EQ(send("PATCH", path, large, owner()).status, 413U);
}

TEST_F(TwinTest, SpeaksAsAzureIotHub) {
  start();
  const std::string path = std::string("/twins/d1/modules/m1") + kAzure;
  const Headers service = policy("service");
  const Reply shown = get(path, service);
  ASSERT_EQ(shown.status, 200U) << shown.body;
  const auto twin = shown.json();
  EXPECT_EQ(twin.text_or("deviceId", ""), "d1");
  EXPECT_EQ(twin.text_or("moduleId", ""), "m1");
  EXPECT_EQ(twin.text_or("authenticationType", ""), "sas");
  EXPECT_EQ(twin.text_or("connectionState", ""), "Disconnected");
  const std::string etag(twin.text_or("etag", ""));
  // As the SDK does: the whole twin back, changed.
  const Reply put = send("PUT", path,
                         R"({"deviceId":"d1","moduleId":"m1","etag":"x","version":1,
                             "tags":{"t":1},"properties":{"desired":{"a":1,"$version":1,
                             "$metadata":{}},"reported":{"x":1}}})",
                         with(service, "If-Match", '"' + etag + '"'));
  ASSERT_EQ(put.status, 200U) << put.body;
  const Reply patched =
      send("PATCH", path, R"({"properties":{"desired":{"b":2}}})", with(service, "If-Match", "*"));
  ASSERT_EQ(patched.status, 200U);
  EXPECT_EQ(told_.back(), R"({"b":2,"$version":3})");
  EXPECT_EQ(twins_->get({"d1", "m1"})->reported.properties.to_json(), "{}");
  EXPECT_EQ(get(std::string("/twins/d1") + kAzure, service).status, 200U);
}

TEST_F(TwinTest, ItsErrorsAreThoseThatTheSdksRead) {
  start();
  const auto message = [](const Reply& reply) {
    return std::string(reply.json().text_or("Message", ""));
  };
  const std::string query = kAzure;
  Reply reply = get("/twins/none" + query, owner());
  EXPECT_EQ(reply.status, 404U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:DeviceNotFound;"));
  reply = get("/twins/d1/modules/none" + query, owner());
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:ModuleNotFound;"));
  reply = get("/twins/d1" + query);
  EXPECT_EQ(reply.status, 401U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:IotHubUnauthorizedAccess;"));
  // 403 stands for limits there.
  reply = get("/twins/d1" + query, policy("registryRead"));
  EXPECT_EQ(reply.status, 401U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:IotHubUnauthorizedAccess;"));
  reply = send("PATCH", "/twins/d1" + query, R"({"tags":{"a":1}})",
               with(owner(), "If-Match", "\"old\""));
  EXPECT_EQ(reply.status, 412U);
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:PreconditionFailed;"));
  reply = send("PATCH", "/twins/d1" + query, "x", owner());
  EXPECT_THAT(message(reply), StartsWith("ErrorCode:ArgumentInvalid;"));
  EXPECT_EQ(get("/nothing" + query, owner()).status, 404U);
  EXPECT_EQ(send("DELETE", "/twins/d1" + query, "", owner()).status, 405U);
}

TEST_F(TwinTest, ADeviceMayAskForItsModules) {
  start();
  const std::string path = std::string("/devices/d1/modules/m1") + kAzure;
  const auto keys = registry_->get({"d1", ""})->keys;
  const Reply reply = get(path, device("d1", keys.secondary));
  ASSERT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(reply.headers.at("cache-control"), "no-store");
  const auto body = reply.json();
  EXPECT_EQ(body.find("authentication")->find("symmetricKey")->text_or("primaryKey", ""),
            registry_->get({"d1", "m1"})->keys.primary);
  EXPECT_EQ(last_record().operation, "get");
  EXPECT_EQ(last_record().actor, "device:d1");
  EXPECT_EQ(last_record().protocol, operations::Protocol::Https);
  EXPECT_EQ(
      get(std::string("/devices/d1/modules/none") + kAzure, device("d1", keys.primary)).status,
      404U);

  must(registry_->create({{"d2", ""}, identity::Status::Enabled, "", {}}, "test"));
  const auto other = registry_->get({"d2", ""})->keys.primary;
  EXPECT_EQ(get(path, device("d2", other)).status, 401U);
  EXPECT_EQ(last_record().reason, operations::Reason::SasScope);
  EXPECT_EQ(get(path, device("d1", other)).status, 401U);
  EXPECT_EQ(last_record().reason, operations::Reason::SasSignature);
  EXPECT_EQ(get(path).status, 401U);
  EXPECT_EQ(get(std::string("/devices/none/modules/m1") + kAzure, device("none", other)).status,
            401U);
  EXPECT_EQ(last_record().reason, operations::Reason::Unknown);
  // So may the service, if it may read the registry.
  EXPECT_EQ(get(path, token(Role::Admin)).status, 200U);
  EXPECT_EQ(get(path, policy("registryRead")).status, 200U);
  EXPECT_EQ(get(path, policy("service")).status, 401U);
}

TEST_F(TwinTest, IdentitiesMayHaveThumbprints) {
  start();
  const std::string thumbprint(40, 'A');
  const Reply made = send("PUT", "/api/v1/devices/x1",
                          R"({"authentication":{"type":"selfSigned","x509Thumbprint":
                              {"primaryThumbprint":")" +
                              thumbprint + R"("}}})",
                          owner());
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.json().text_or("connectionString", ""),
            "HostName=localhost;DeviceId=x1;x509=true");
  EXPECT_THAT(made.body, HasSubstr(thumbprint));
  const Reply by_key = send("PUT", "/api/v1/devices/x1", R"({"authentication":{"type":"sas"}})",
                            with(owner(), "If-Match", "*"));
  EXPECT_EQ(by_key.status, 200U);
  EXPECT_FALSE(registry_->get({"x1", ""})->keys.primary.empty());
  for (const char* body :
       {R"({"authentication":{"type":"password"}})", R"({"authentication":{"type":"selfSigned"}})",
        R"({"authentication":{"type":"selfSigned","x509Thumbprint":
                               {"primaryThumbprint":"zz"}}})"}) {
    EXPECT_EQ(send("PUT", "/api/v1/devices/x2", body, owner()).status, 400U) << body;
  }
}

}  // namespace
}  // namespace hub::api
