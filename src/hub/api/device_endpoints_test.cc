// What devices do over HTTPS, through the server.
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "hub/api/device_messages.h"
#include "hub/api/server_testing.h"
#include "hub/uploads/uploads.h"
#include "wire/property_bag.h"

namespace hub::api {
namespace {

using operations::Reason;

constexpr std::string_view kVersion = "?api-version=2021-04-12";

class DeviceEndpoints : public ServerTest {
 protected:
  void SetUp() override {
    for (const identity::Name& name : {identity::Name{"d", ""}, {"d", "m"}, {"e", ""}})
      must(registry_->create({name, identity::Status::Enabled, "", {}}, "test"));
    start();
  }

  Headers proof(const identity::Name& name) {
    std::string resource = "localhost/devices/" + name.device_id;
    if (name.is_module()) resource += "/modules/" + name.module_id;
    return {{"Authorization", must(wire::make_sas(resource, must(registry_->get(name)).keys.primary,
                                                  base::wall_now() + std::chrono::hours(1)))},
            {"User-Agent", "test/1.0"}};
  }

  Reply ask(const std::string& method, const std::string& path, const std::string& body = {},
            Headers more = {}, const identity::Name& name = {"d", ""}) {
    Headers headers = proof(name);
    headers.insert(headers.end(), more.begin(), more.end());
    const std::string sign = path.find('?') == std::string::npos ? std::string(kVersion) : "";
    return send(method, path + sign, body, headers);
  }

  operations::Record last() const { return operations_.recent(1).front(); }
  static std::string message(const Reply& reply) {
    return std::string(reply.json().text_or("Message", ""));
  }
};

TEST_F(DeviceEndpoints, TakeAnEvent) {
  const Reply reply = ask("POST", "/devices/d/messages/events", "21.5",
                          {{"iothub-app-Unit", "C"}, {"Content-Type", "text/plain"}});
  EXPECT_EQ(reply.status, 204U) << reply.body;
  const auto taken = sink_.taken();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].device_id, "d");
  EXPECT_EQ(taken[0].payload, "21.5");
  EXPECT_EQ(taken[0].bag, "Unit=C");
  const operations::Record record = last();
  EXPECT_EQ(record.category, operations::Category::DeviceTelemetry);
  EXPECT_EQ(record.protocol, operations::Protocol::Https);
  EXPECT_EQ(record.sdk_version, "test/1.0");
  EXPECT_EQ(record.auth.type, "sas");
  EXPECT_EQ(record.bytes, 4U);
  EXPECT_NE(record.tls_version, "");
}

TEST_F(DeviceEndpoints, TakeAModulesEventAndABatch) {
  EXPECT_EQ(ask("POST", "/devices/d/modules/m/messages/events", "x", {}, {"d", "m"}).status, 204U);
  EXPECT_EQ(ask("POST", "/devices/d/messages/events",
                R"([{"body":"MQ=="},{"body":"Mg==","properties":{"iothub-app-a":"b"}}])",
                {{"Content-Type", std::string(kBatchType)}})
                .status,
            204U);
  const auto taken = sink_.taken();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].module_id, "m");
  EXPECT_EQ(taken[1].payload, "1");
  EXPECT_EQ(taken[2].bag, "a=b");
}

TEST_F(DeviceEndpoints, BelieveNobodyWithoutAProof) {
  // Another device's token, a module's, none; a device that does not exist.
  EXPECT_EQ(ask("POST", "/devices/d/messages/events", "x", {}, {"e", ""}).status, 401U);
  EXPECT_EQ(ask("POST", "/devices/d/messages/events", "x", {}, {"d", "m"}).status, 401U);
  const Reply reply = send("POST", "/devices/d/messages/events" + std::string(kVersion), "x");
  EXPECT_EQ(reply.status, 401U);
  EXPECT_TRUE(message(reply).starts_with("ErrorCode:IotHubUnauthorizedAccess;")) << reply.body;
  EXPECT_EQ(ask("POST", "/devices/nobody/messages/events", "x").status, 401U);
  EXPECT_EQ(ask("GET", "/devices/e/messages/devicebound").status, 401U);
  EXPECT_EQ(ask("DELETE", "/devices/e/messages/devicebound/lock").status, 401U);
  EXPECT_EQ(ask("POST", "/devices/e/files", "{}").status, 401U);
  EXPECT_EQ(ask("POST", "/devices/e/files/notifications/1", R"({"isSuccess":true})").status, 401U);
  EXPECT_TRUE(sink_.taken().empty());
  EXPECT_GE(operations_.count(Reason::SasScope), 1U);
}

TEST_F(DeviceEndpoints, RefuseWhatIsTooLargeOrMalformed) {
  const Reply large = ask("POST", "/devices/d/messages/events", std::string(256 * 1024 + 1, 'x'));
  EXPECT_EQ(large.status, 413U);
  EXPECT_TRUE(message(large).starts_with("ErrorCode:MessageTooLarge;")) << large.body;
  EXPECT_EQ(last().reason, Reason::Oversize);
  EXPECT_EQ(ask("POST", "/devices/d/messages/events", std::string(256 * 1024, 'x')).status, 204U);
  EXPECT_EQ(
      ask("POST", "/devices/d/messages/events", "[{", {{"Content-Type", std::string(kBatchType)}})
          .status,
      400U);
  EXPECT_EQ(last().reason, Reason::MessageInvalid);
}

TEST_F(DeviceEndpoints, AnswerOnlyWhenAMessageIsDurable) {
  sink_.set_durable(false);
  EXPECT_EQ(ask("POST", "/devices/d/messages/events", "x").status, 503U);
  EXPECT_EQ(last().reason, Reason::NotDurable);
  sink_.set_durable(true);
  // A batch that there is room for in part only.
  sink_.set_room(1);
  const Reply busy = ask("POST", "/devices/d/messages/events", R"([{"body":""},{"body":""}])",
                         {{"Content-Type", std::string(kBatchType)}});
  EXPECT_EQ(busy.status, 503U);
  EXPECT_EQ(busy.headers.at("retry-after"), "1");
  EXPECT_EQ(last().reason, Reason::Limit);
}

TEST_F(DeviceEndpoints, GiveMessagesAndTakeWhatBecameOfThem) {
  EXPECT_EQ(ask("GET", "/devices/d/messages/devicebound").status, 204U);
  for (const std::string id : {"first", "second"}) {
    commands::CloudMessage message;
    message.to = {"d", ""};
    message.message_id = id;
    message.body = "do " + id;
    message.properties = {{"speed", "fast"}};
    must(messages_->send(message, {}));
  }
  Reply reply = ask("GET", "/devices/d/messages/devicebound");
  ASSERT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.body, "do first");
  EXPECT_EQ(reply.headers.at("iothub-app-speed"), "fast");
  EXPECT_EQ(reply.headers.at("iothub-deliverycount"), "1");
  const auto lock = [](const Reply& from) {
    const std::string& etag = from.headers.at("etag");
    return etag.substr(1, etag.size() - 2);
  };
  const std::string path = "/devices/d/messages/devicebound/";
  EXPECT_EQ(ask("POST", path + lock(reply) + "/abandon").status, 204U);
  EXPECT_EQ(ask("POST", path + lock(reply) + "/abandon").status, 412U);
  reply = ask("GET", "/devices/d/messages/devicebound");
  EXPECT_EQ(reply.headers.at("iothub-messageid"), "first");
  EXPECT_EQ(reply.headers.at("iothub-deliverycount"), "2");
  EXPECT_EQ(ask("DELETE", path + lock(reply)).status, 204U);
  reply = ask("GET", "/devices/d/messages/devicebound");
  EXPECT_EQ(reply.headers.at("iothub-messageid"), "second");
  EXPECT_EQ(ask("DELETE", path + lock(reply) + std::string(kVersion) + "&reject").status, 204U);
  EXPECT_EQ(ask("GET", "/devices/d/messages/devicebound").status, 204U);
  EXPECT_EQ(messages_->counters().completed.value(), 1U);
  EXPECT_EQ(messages_->counters().rejected.value(), 1U);
  EXPECT_EQ(messages_->counters().abandoned.value(), 1U);
}

TEST_F(DeviceEndpoints, TakeAFile) {
  const Reply begun = ask("POST", "/devices/d/files", R"({"blobName":"logs/a b.txt"})");
  ASSERT_EQ(begun.status, 200U) << begun.body;
  const auto link = begun.json();
  const std::string id(link.text_or("correlationId", ""));
  EXPECT_EQ(link.text_or("hostName", ""), host());
  EXPECT_EQ(link.text_or("blobName", ""), "d/logs/a b.txt");
  const std::string target = "/" + std::string(link.text_or("containerName", "")) +
                             "/d/logs/a%20b.txt" + std::string(link.text_or("sasToken", ""));
  // More than a request of the API may bring.
  const std::string content(3U << 20U, 'c');
  const Reply put = send("PUT", target, content, {{"x-ms-blob-type", "BlockBlob"}});
  EXPECT_EQ(put.status, 201U) << put.body;
  EXPECT_NE(put.headers.at("etag"), "");
  EXPECT_EQ(ask("POST", "/devices/d/files/notifications",
                R"({"correlationId":")" + id + R"(","isSuccess":true,"statusCode":201})")
                .status,
            204U);
  const Reply again = send("PUT", target, "x");
  EXPECT_EQ(again.status, 404U);
  EXPECT_EQ(again.headers.at("x-ms-error-code"), "ResourceNotFound");

  const Reply list = get("/api/v1/devices/d/uploads", owner());
  ASSERT_EQ(list.status, 200U);
  const auto items = list.json();
  EXPECT_EQ(items.find("items")->if_array()->at(0).text_or("state", ""), "completed");
  const Reply read = get("/api/v1/devices/d/uploads/" + id + "/content", owner());
  EXPECT_EQ(read.status, 200U);
  EXPECT_EQ(read.body, content);
  EXPECT_EQ(read.headers.at("content-disposition"), "attachment; filename*=UTF-8''a%20b.txt");
  EXPECT_EQ(get("/api/v1/devices/e/uploads/" + id, owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/d/uploads/" + id + "/content", token(Role::Reader)).status, 403U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/d/uploads/" + id, {}, owner()).status, 204U);
  EXPECT_EQ(get("/api/v1/devices/d/uploads/" + id, owner()).status, 404U);
}

TEST_F(DeviceEndpoints, GiveNoLinkForWhatIsNoName) {
  for (const std::string name : {"", "../x", "a//b", "/etc/passwd"}) {
    EXPECT_EQ(ask("POST", "/devices/d/files", R"({"blobName":")" + name + R"("})").status, 400U)
        << name;
  }
  EXPECT_EQ(ask("POST", "/devices/d/files", "no JSON").status, 400U);
  EXPECT_EQ(ask("POST", "/devices/d/files/notifications/none", R"({"isSuccess":true})").status,
            404U);
  EXPECT_EQ(ask("POST", "/devices/d/files/notifications/none", "{}").status, 400U);
  const Reply forged =
      send("PUT", "/device-uploads/d/x?si=1&se=2099-01-01T00%3A00%3A00Z&sig=AA==", "content");
  EXPECT_EQ(forged.status, 403U);
  EXPECT_EQ(forged.headers.at("x-ms-error-code"), "AuthenticationFailed");
  EXPECT_EQ(operations_.count(Reason::SasSignature), 1U);
}

}  // namespace
}  // namespace hub::api
