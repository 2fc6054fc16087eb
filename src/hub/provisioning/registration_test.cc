#include "hub/provisioning/registration.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hub::provisioning {
namespace {

using base::Code;

TEST(RegistrationBody, IsReadAsTheSdksWriteIt) {
  for (const char* body :
       {"", " ", "{}", R"({"registrationId":"dev-1"})", R"({"registrationId":"DEV-1"})",
        R"({"registrationId":"dev-1","payload":{"modelId":"dtmi:com:example;1"}})",
        R"({"registrationId":null,"tpm":null,"payload":[1,"two",null]})"}) {
    EXPECT_TRUE(check_registration_body(body, "dev-1")) << body;
  }
}

TEST(RegistrationBody, RefusesWhatIsNotServed) {
  for (const char* body :
       {"[]", "x", "{", "null", R"({"registrationId":"dev-2"})", R"({"registrationId":7})",
        R"({"tpm":{"endorsementKey":"x"}})", R"({"clientCertificateCsr":"MII"})"}) {
    const auto checked = check_registration_body(body, "dev-1");
    ASSERT_FALSE(checked) << body;
    EXPECT_EQ(checked.error().code, Code::Invalid) << body;
    EXPECT_FALSE(checked.error().detail.empty()) << body;
  }
  const auto large = check_registration_body(std::string(kMaxRegistrationBytes + 1, ' '), "dev-1");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::TooLarge);
}

TEST(RegistrationBody, AnswersInTheWordsOfTheService) {
  EXPECT_EQ(operation_body("op", "dev-1", nullptr, "hub.example"),
            R"({"operationId":"op","status":"assigning","registrationState":)"
            R"({"registrationId":"dev-1","status":"assigning"}})");
  Registration done;
  done.id = "dev-1";
  done.status = RegistrationStatus::Assigned;
  done.device_id = "machine";
  done.substatus = "initialAssignment";
  done.etag = "e";
  const auto json = base::json::parse(operation_body("op", "dev-1", &done, "hub.example"));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text_or("status", ""), "assigned");
  const auto* state = json->find("registrationState");
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->text_or("assignedHub", ""), "hub.example");
  EXPECT_EQ(state->text_or("deviceId", ""), "machine");
  EXPECT_EQ(state->text_or("substatus", ""), "initialAssignment");
  EXPECT_EQ(error_body(401002, "no", "t", base::WallTime()),
            R"({"errorCode":401002,"trackingId":"t","message":"no",)"
            R"("timestampUtc":"1970-01-01T00:00:00.000Z"})");
}

TEST(DerivedKey, IsTheHmacOfTheRegistrationId) {
  // openssl: echo -n sn-007 | openssl dgst -sha256 -mac HMAC -macopt hexkey:<32 x 0x01>
  const std::string group = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
  const auto key = derive_key(group, "sn-007");
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, "o1pZAwdX0GLD9NU0nlrFmUzCwKrYkcd6Cat9bO6kLdA=");
  EXPECT_FALSE(derive_key("not base64", "sn-007"));
}

}  // namespace
}  // namespace hub::provisioning
