#include "hub/commands/message.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hub::commands {
namespace {

using base::Code;

CloudMessage to_device() {
  CloudMessage message;
  message.to = {"d1", ""};
  message.message_id = "1234";
  message.properties = {{"k", "värde"}};
  message.body = "hello";
  return message;
}

TEST(CloudMessage, CountsBodySystemValuesAndProperties) {
  EXPECT_EQ(size_of(to_device()), 5U + 4 + 1 + 6);
}

TEST(CloudMessage, MeterUnitsAreWholeBlocksAndAtLeastOne) {
  EXPECT_EQ(meter_units(0, 4096), 1U);
  EXPECT_EQ(meter_units(4096, 4096), 1U);
  EXPECT_EQ(meter_units(4097, 4096), 2U);
}

TEST(CheckMessage, TakesAnyBodyUpToTheLimit) {
  CloudMessage message = to_device();
  message.body.assign(1000 - 11, '\xFF');
  EXPECT_TRUE(check(message, 1000).has_value());
  message.body.push_back('\0');
  EXPECT_EQ(check(message, 1000).error().code, Code::TooLarge);
}

TEST(CheckMessage, RefusesWhatCannotBeCarried) {
  const auto refused = [](auto change) {
    CloudMessage message = to_device();
    change(message);
    const auto checked = check(message, 65'536);
    return !checked && checked.error().code == Code::Invalid;
  };
  EXPECT_TRUE(refused([](CloudMessage& m) { m.message_id = "a\nb"; }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.message_id.assign(129, 'a'); }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.correlation_id = "\xC3"; }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.properties.push_back({"", "x"}); }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.properties.push_back({"$.mid", "x"}); }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.properties.push_back({"x", "\xFF"}); }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.properties.assign(257, {"a", "b"}); }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.input = "in"; }));
  EXPECT_TRUE(refused([](CloudMessage& m) { m.to.module_id = "m1"; }));
  EXPECT_TRUE(refused([](CloudMessage& m) {
    m.to.module_id = "m1";
    m.input = "a/b";
  }));
}

TEST(Address, ReadsWhatItWrites) {
  const std::string text = address_of({"d%1", ""}, "");
  EXPECT_EQ(text, "/devices/d%251/messages/devicebound");
  EXPECT_EQ(parse_address(text)->to, (identity::Name{"d%1", ""}));
  const auto device = parse_address("/devices/d%3A1/messages/deviceBound");
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ(device->to, (identity::Name{"d:1", ""}));
  const auto module = parse_address("/devices/d1/modules/m1/inputs/in%201");
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(module->to, (identity::Name{"d1", "m1"}));
  EXPECT_EQ(module->input, "in 1");
  EXPECT_EQ(address_of(module->to, module->input), "/devices/d1/modules/m1/inputs/in%201");
}

TEST(Address, RefusesOthers) {
  for (const char* text :
       {"", "/", "/devices", "/devices/", "/devices//messages/devicebound", "/devices/d1",
        "/devices/d1/messages/events", "/devices/d1/messages/devicebound/x",
        "/devices/d1/modules//inputs/a", "/devices/d1/modules/m1/inputs/",
        "/devices/d1/modules/m1/inputs/a/b", "/devices/d1/modules/m1/messages/devicebound"})
    EXPECT_FALSE(parse_address(text).has_value()) << text;
}

TEST(Feedback, IsTheArrayThatSdksRead) {
  const std::string json =
      to_json({{"m\"1", base::WallTime(std::chrono::seconds(0)), Fate::Expired, "d1", "", "g"}});
  const auto parsed = base::json::parse(json);
  ASSERT_TRUE(parsed.has_value()) << json;
  const auto& record = parsed->if_array()->front();
  EXPECT_EQ(record.text_or("originalMessageId", ""), "m\"1");
  EXPECT_EQ(record.text_or("enqueuedTimeUtc", ""), "1970-01-01T00:00:00.0000000Z");
  EXPECT_EQ(record.text_or("statusCode", ""), "Expired");
  EXPECT_EQ(record.text_or("description", ""), "Expired");
  EXPECT_EQ(record.text_or("deviceId", ""), "d1");
  EXPECT_EQ(record.text_or("deviceGenerationId", ""), "g");
  EXPECT_EQ(record.find("moduleId"), nullptr);
}

TEST(Ack, NamesInEitherCase) {
  EXPECT_EQ(parse_ack("Full"), Ack::Full);
  EXPECT_EQ(parse_ack("none"), Ack::None);
  EXPECT_FALSE(parse_ack("all").has_value());
}

}  // namespace
}  // namespace hub::commands
