#include "hub/api/device_messages.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "wire/property_bag.h"

namespace hub::api {
namespace {

using base::Code;

TEST(ReadEvent, TakesPropertiesFromHeaders) {
  Request request;
  request.headers = {{"iothub-app-Line", "7 & 8"},
                     {"iothub-messageid", "m-1"},
                     {"iothub-to", "/devices/d/messages/events"},
                     {"iothub-interface-id", std::string(wire::kSecurityInterface)},
                     {"iothub-app-$.ifid", "forged"},
                     {"host", "hub.example"}};
  request.body = std::string("\0\xff", 2);
  const auto event = read_event(request).value();
  EXPECT_EQ(event.payload, request.body);
  const auto bag = wire::PropertyBag::parse(event.bag).value();
  EXPECT_EQ(bag.properties().size(), 3U);
  EXPECT_EQ(*bag.find("Line"), "7 & 8");
  EXPECT_EQ(*bag.find("$.mid"), "m-1");
  EXPECT_TRUE(wire::is_security_message(event.bag));
}

TEST(ReadBatch, TakesWhatTheSdksSend) {
  const auto batch = read_batch(
      R"([{"body": "aGVsbG8=", "properties":{"iothub-app-a":"1","iothub-messageid":"m"}},)"
      R"({"body":"plain","base64Encoded":false,"properties":{"b":"2","$.ifid":"forged"}},)"
      R"({"body":""}])");
  ASSERT_TRUE(batch.has_value()) << batch.error().to_string();
  ASSERT_EQ(batch->size(), 3U);
  EXPECT_EQ((*batch)[0], (EventMessage{"%24.mid=m&a=1", "hello"}));
  EXPECT_EQ((*batch)[1], (EventMessage{"b=2", "plain"}));
  EXPECT_EQ((*batch)[2], (EventMessage{"", ""}));
  EXPECT_TRUE(read_batch("[]").value().empty());
}

TEST(ReadBatch, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string_view json;
    std::string_view detail;
  };
  const Case cases[] = {
      {"", "not JSON"},
      {"{}", "no JSON array"},
      {"[1]", "message 0: \"body\" is missing"},
      {R"([{"body":""},{"body":1}])", "message 1: \"body\" is missing"},
      {R"([{"body":"#"}])", "message 0: \"body\" is not base64"},
      {R"([{"body":"","base64Encoded":1}])", "neither true nor false"},
      {R"([{"body":"","properties":[]}])", "no object"},
      {R"([{"body":"","properties":{"a":1}}])", "a property is no text"},
  };
  for (const Case& each : cases) {
    const auto batch = read_batch(each.json);
    ASSERT_FALSE(batch.has_value()) << each.json;
    EXPECT_EQ(batch.error().code, Code::Malformed);
    EXPECT_NE(batch.error().detail.find(each.detail), std::string::npos) << batch.error().detail;
  }
  std::string many = "[";
  for (std::size_t i = 0; i < kMaxBatch; ++i)
    many += R"({"body":""},)";
  EXPECT_EQ(read_batch(many + R"({"body":""}])").error().code, Code::TooLarge);
}

std::string header(const Response& response, std::string_view name) {
  for (const Header& each : response.headers) {
    if (each.name == name) return each.value;
  }
  return "-";
}

TEST(CommandResponse, CarriesTheMessageInHeaders) {
  commands::Locked locked;
  locked.lock_token = "lock-1";
  locked.sequence = 7;
  locked.delivery_count = 2;
  locked.message.to = {"d", ""};
  locked.message.message_id = "m-1";
  locked.message.body = "turn";
  locked.message.properties = {{"speed", "fast"}};
  const Response response = command_response(locked);
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.body, "turn");
  EXPECT_EQ(header(response, "ETag"), "\"lock-1\"");
  EXPECT_EQ(header(response, "iothub-messageid"), "m-1");
  EXPECT_EQ(header(response, "iothub-deliverycount"), "2");
  EXPECT_EQ(header(response, "iothub-to"), "/devices/d/messages/devicebound");
  EXPECT_EQ(header(response, "iothub-app-speed"), "fast");
  EXPECT_EQ(header(response, "iothub-correlationid"), "-");
}

// Nothing of a message may end a header, or begin another.
TEST(CommandResponse, EncodesWhatNoHeaderCanCarry) {
  commands::Locked locked;
  locked.message.message_id = "a\r\nSet-Cookie: b";
  locked.message.properties = {{"na\r\nme", "Grüße"}, {"end", " x"}};
  const Response response = command_response(locked);
  for (const Header& each : response.headers) {
    EXPECT_EQ((each.name + each.value).find_first_of("\r\n"), std::string::npos);
  }
  EXPECT_EQ(header(response, "iothub-messageid"),
            "=?utf-8?B?" + base::base64_encode(base::as_bytes("a\r\nSet-Cookie: b")) + "?=");
  EXPECT_EQ(header(response, "iothub-app-na%0D%0Ame"), "=?utf-8?B?R3LDvMOfZQ==?=");
  EXPECT_EQ(header(response, "iothub-app-end"), "=?utf-8?B?IHg=?=");
}

}  // namespace
}  // namespace hub::api
