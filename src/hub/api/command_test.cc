// Cloud-to-device messages and direct methods over HTTPS.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;

class CommandTest : public ServerTest {
 protected:
  CommandTest() {
    for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}})
      must(registry_->create({name, identity::Status::Enabled, "", {}}, "test"));
  }
  std::vector<commands::Locked> receive(const identity::Name& name) {
    commands::Client client;
    client.name = name;
    client.generation_id = registry_->get(name)->generation_id;
    return must(messages_->receive(client, 10, commands::Holder::Token));
  }

  const std::string kDevice = "/api/v1/devices/d1/messages";
  const std::string kModule = "/api/v1/devices/d1/modules/m1/messages";
  const std::string kMethods = "/api/v1/devices/d1/methods";
};

TEST_F(CommandTest, AreSentListedAndPurged) {
  start();
  const Reply sent = send(
      "POST", kDevice,
      R"({"bodyBase64":"AP8=","messageId":"m-1","ack":"full","contentType":"a/b","timeToLive":"PT5M",)"
      R"("properties":{"k":"v"}})",
      owner());
  ASSERT_EQ(sent.status, 202U) << sent.body;
  EXPECT_EQ(sent.json().text_or("messageId", ""), "m-1");
  ASSERT_EQ(send("POST", kDevice, R"({"body":"second"})", owner()).status, 202U);
  const auto locked = receive({"d1", ""});
  ASSERT_EQ(locked.size(), 2U);
  EXPECT_EQ(locked[0].message.body, std::string("\0\xFF", 2));
  EXPECT_EQ(locked[0].message.ack, commands::Ack::Full);
  EXPECT_EQ(locked[0].message.content_type, "a/b");
  EXPECT_EQ(locked[0].message.properties, (std::vector<wire::Property>{{"k", "v"}}));
  EXPECT_EQ(locked[0].expires - locked[0].enqueued < std::chrono::minutes(6), true);
  EXPECT_FALSE(locked[1].message.message_id.empty());
  const auto list = get(kDevice, token(Role::Reader)).json();
  ASSERT_EQ(list.find("items")->if_array()->size(), 2U);
  const auto& first = list.find("items")->if_array()->at(0);
  EXPECT_EQ(first.text_or("messageId", ""), "m-1");
  EXPECT_EQ(first.text_or("state", ""), "locked");
  const Reply purged = send("DELETE", kDevice, {}, owner());
  EXPECT_EQ(*purged.json().find("purged")->if_int(), 2);
  EXPECT_EQ(messages_->count({"d1", ""}), 0U);
  EXPECT_EQ(operations_.recent(1)[0].operation, "purge");
  EXPECT_EQ(operations_.recent(1)[0].actor, "policy:iothubowner");
  EXPECT_THAT(get("/api/v1/audit", owner()).body, HasSubstr(R"("action":"commands.purge")"));
}

TEST_F(CommandTest, ReachInputsOfModules) {
  start();
  EXPECT_EQ(send("POST", kModule, R"({"body":"x"})", owner()).code(), "BadRequest");
  ASSERT_EQ(send("POST", kModule, R"({"body":"x","input":"in1"})", owner()).status, 202U);
  EXPECT_EQ(get(kModule, owner()).json().find("items")->if_array()->at(0).text_or("input", ""),
            "in1");
  EXPECT_EQ(receive({"d1", "m1"}).at(0).message.input, "in1");
  EXPECT_EQ(*send("DELETE", kModule, {}, owner()).json().find("purged")->if_int(), 1);
}

TEST_F(CommandTest, SayWhatIsWrong) {
  start();
  for (const char* body :
       {R"({"body":7})", R"({"body":"a","bodyBase64":"YQ=="})", R"({"bodyBase64":"!"})",
        R"({"ack":"all"})", R"({"expiry":"tomorrow"})", R"({"timeToLive":"1h"})",
        R"({"timeToLive":"PT1H","expiry":"2030-01-01T00:00:00Z"})", R"({"properties":[]})",
        R"({"properties":{"k":1}})", R"({"properties":{"$.mid":"x"}})", R"({"input":"in1"})",
        R"({"messageId":"a\nb"})", R"({"message":"x"})"}) {
    const Reply reply = send("POST", kDevice, body, owner());
    EXPECT_EQ(reply.status, 400U) << body << reply.body;
  }
  const std::string large = R"({"body":")" + std::string(64 * 1024, 'x') + R"("})";
  EXPECT_EQ(send("POST", kDevice, large, owner()).status, 413U);
  EXPECT_EQ(send("POST", "/api/v1/devices/no/messages", R"({"body":"x"})", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/no/messages", owner()).status, 404U);
  EXPECT_EQ(send("DELETE", "/api/v1/devices/no/messages", {}, owner()).status, 404U);
  EXPECT_EQ(send("POST", kDevice, R"({"body":"x"})", token(Role::Analyst)).status, 403U);
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(send("POST", kDevice, R"({"body":"x"})", owner()).status, 202U);
  EXPECT_EQ(send("POST", kDevice, R"({"body":"x"})", owner()).status, 429U);
}

TEST_F(CommandTest, CallsMethodsAndWaitsForTheAnswerWithoutAThread) {
  // More at once than there are threads that serve requests.
  options_.request_threads = 1;
  start();
  std::mutex mutex;
  std::vector<commands::MethodRequest> requests;
  methods_->serve({"d1", ""}, [&](const commands::MethodRequest& request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
  });
  Connected first = connect();
  Connected second = connect();
  first.send_raw(make("POST", kMethods, R"({"method":"first","payload":{"a":1}})", owner()));
  second.send_raw(make("POST", kMethods, R"({"method":"second"})", owner()));
  for (int round = 0; round < 2'000; ++round) {
    {
      const std::lock_guard lock(mutex);
      if (requests.size() == 2) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_EQ(requests.size(), 2U);
  for (const commands::MethodRequest& request : requests) {
    const bool is_first = request.method == "first";
    EXPECT_EQ(request.payload, is_first ? R"({"a":1})" : "");
    EXPECT_TRUE(methods_->answer({"d1", ""}, request.request_id, is_first ? 200 : 500,
                                 is_first ? R"({"b":[2]})" : "", {}));
  }
  Reply reply = first.read();
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.body, R"({"status":200,"payload":{"b":[2]}})");
  judge("POST", kMethods, reply);
  reply = second.read();
  EXPECT_EQ(reply.body, R"({"status":500,"payload":null})");
  EXPECT_EQ(operations_.recent(1)[0].category, operations::Category::DirectMethods);
  EXPECT_EQ(operations_.recent(1)[0].actor, "policy:iothubowner");
}

TEST_F(CommandTest, RefusesMethodsThatNobodyServes) {
  start();
  EXPECT_EQ(send("POST", kMethods, R"({"method":"m"})", owner()).status, 409U);
  EXPECT_EQ(
      send("POST", "/api/v1/devices/d1/modules/m1/methods", R"({"method":"m"})", owner()).status,
      409U);
  EXPECT_EQ(send("POST", "/api/v1/devices/no/methods", R"({"method":"m"})", owner()).status, 404U);
  for (const char* body :
       {"{}", R"({"method":"a/b"})", R"({"method":"m","responseTimeoutSeconds":1})",
        R"({"method":"m","connectTimeoutSeconds":301})"})
    EXPECT_EQ(send("POST", kMethods, body, owner()).status, 400U) << body;
}

}  // namespace
}  // namespace hub::api
