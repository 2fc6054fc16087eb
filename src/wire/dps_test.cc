#include "wire/dps.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using base::Code;

TEST(RegistrationId, IsWhatTheServicePermits) {
  for (const char* id : {"a", "7", "device-1", "AA:BB:cc", "a.b_c-d", "A1"})
    EXPECT_TRUE(is_valid_registration_id(id)) << id;
  EXPECT_TRUE(is_valid_registration_id(std::string(128, 'x')));
  for (const char* id : {"", "-a", "a-", ".", "a b", "a/b", "a%2Fb", "a'--", "ü", "a\nb"})
    EXPECT_FALSE(is_valid_registration_id(id)) << id;
  EXPECT_FALSE(is_valid_registration_id(std::string(129, 'x')));
}

TEST(DpsUsername, IsReadAsTheSdksWriteIt) {
  const auto node = parse_dps_username(
      "0ne00A1B2C3/registrations/dev-1/"
      "api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
      "hub.example");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->id_scope, "0ne00A1B2C3");
  EXPECT_EQ(node->registration_id, "dev-1");
  EXPECT_EQ(node->api_version, "2019-03-31");
  EXPECT_EQ(node->client_version, "azure-iot-provisioning-device/1.9.1");

  const auto bare = parse_dps_username("s/registrations/d/?api-version=2021-06-01", "hub.example");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->api_version, "2021-06-01");
  EXPECT_EQ(bare->client_version, "");
}

TEST(DpsUsername, IsNotADevicesOfTheHub) {
  for (const char* text :
       {"", "/", "hub.example/dev/?api-version=1", "hub.example/registrations/m/?api-version=1",
        "HUB.example/registrations/m/?api-version=1", "s/registrations/d", "s/registrations//x",
        "/registrations/d/api-version=1", "s/registration/d/api-version=1"}) {
    const auto user = parse_dps_username(text, "hub.example");
    ASSERT_FALSE(user) << text;
    EXPECT_EQ(user.error().code, Code::Malformed) << text;
  }
}

TEST(DpsTopic, TellsBothRequestsApart) {
  const auto put = parse_dps_topic("$dps/registrations/PUT/iotdps-register/?$rid=r-1");
  ASSERT_TRUE(put);
  EXPECT_EQ(put->kind, DpsRequestTopic::Kind::Register);
  EXPECT_EQ(put->request_id, "r-1");
  const auto get = parse_dps_topic(
      "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=r-2&operationId=4.abc.def");
  ASSERT_TRUE(get);
  EXPECT_EQ(get->kind, DpsRequestTopic::Kind::Status);
  EXPECT_EQ(get->request_id, "r-2");
  EXPECT_EQ(get->operation_id, "4.abc.def");
  const auto encoded = parse_dps_topic("$dps/registrations/PUT/iotdps-register/?%24rid=7");
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->request_id, "7");
}

TEST(DpsTopic, RefusesEverythingElse) {
  const auto code = [](std::string_view topic) {
    const auto parsed = parse_dps_topic(topic);
    EXPECT_FALSE(parsed) << topic;
    return parsed ? Code::Closed : parsed.error().code;
  };
  EXPECT_EQ(code("devices/d/messages/events/"), Code::NotFound);
  EXPECT_EQ(code("$dps/registrations/res/200/?$rid=1"), Code::NotFound);
  EXPECT_EQ(code("$dps/registrations/PUT/iotdps-register"), Code::NotFound);
  EXPECT_EQ(code("$dps/registrations/PUT/iotdps-register/"), Code::Malformed);
  EXPECT_EQ(code("$dps/registrations/PUT/iotdps-register/?$rid="), Code::Malformed);
  EXPECT_EQ(code("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1"), Code::Malformed);
}

TEST(DpsTopic, AnswersWithTheStatusAndWhenToComeAgain) {
  EXPECT_EQ(dps_result_topic(202, "r-1", std::chrono::seconds(3)),
            "$dps/registrations/res/202/?$rid=r-1&retry-after=3");
  EXPECT_EQ(dps_result_topic(200, "r-1", std::nullopt), "$dps/registrations/res/200/?$rid=r-1");
  EXPECT_EQ(dps_resource("s", "d"), "s/registrations/d");
}

}  // namespace
}  // namespace wire
