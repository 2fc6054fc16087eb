#include "wire/topics.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using base::Code;

TEST(ParsePublishTopic, ReadsEventsOfDevicesAndModules) {
  const auto device = parse_publish_topic("devices/d1/messages/events/%24.mid=1&a=b/c");
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ(device->kind, PublishKind::Events);
  EXPECT_EQ(device->owner.device_id, "d1");
  EXPECT_EQ(device->owner.module_id, "");
  EXPECT_EQ(device->bag, "%24.mid=1&a=b/c");

  const auto module = parse_publish_topic("devices/d1/modules/m1/messages/events/");
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(module->owner.module_id, "m1");
  EXPECT_EQ(module->bag, "");

  EXPECT_EQ(parse_publish_topic("devices/d1/messages/events")->bag, "");
}

TEST(ParsePublishTopic, ReadsTwinsAndMethods) {
  const auto get = parse_publish_topic("$iothub/twin/GET/?$rid=7");
  ASSERT_TRUE(get.has_value());
  EXPECT_EQ(get->kind, PublishKind::TwinGet);
  EXPECT_EQ(get->request_id, "7");

  const auto reported =
      parse_publish_topic("$iothub/twin/PATCH/properties/reported/?$version=2&$rid=a-b");
  ASSERT_TRUE(reported.has_value());
  EXPECT_EQ(reported->kind, PublishKind::TwinReported);
  EXPECT_EQ(reported->request_id, "a-b");

  const auto response = parse_publish_topic("$iothub/methods/res/200/?$rid=x");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->kind, PublishKind::MethodResponse);
  EXPECT_EQ(response->status, 200);
}

TEST(ParsePublishTopic, RefusesEverythingElse) {
  const std::pair<const char*, Code> cases[] = {
      {"", Code::NotFound},
      {"hello", Code::NotFound},
      {"devices/", Code::NotFound},
      {"devices/d1", Code::NotFound},
      {"devices//messages/events/", Code::NotFound},
      {"devices/d1/messages/eventsx/", Code::NotFound},
      {"devices/d1/messages/devicebound/", Code::NotFound},
      {"devices/d1/modules//messages/events/", Code::NotFound},
      {"devices/d1/modules/m1", Code::NotFound},
      {"$iothub/twin/PUT/?$rid=1", Code::NotFound},
      {"$iothub/twin/GET/", Code::Malformed},
      {"$iothub/twin/GET/?$rid=", Code::Malformed},
      {"$iothub/methods/res/ok/?$rid=1", Code::Malformed},
      {"$iothub/methods/res/-1/?$rid=1", Code::Malformed},
      {"$iothub/methods/res/200", Code::Malformed},
  };
  for (const auto& [topic, code] : cases) {
    const auto parsed = parse_publish_topic(topic);
    ASSERT_FALSE(parsed.has_value()) << topic;
    EXPECT_EQ(parsed.error().code, code) << topic;
  }
}

TEST(ParseDeliveryTopic, ReadsWhatTheHubPublishesAboutTwins) {
  const std::string result = twin_result_topic(204, "a-1", 7);  // what is read are views of it
  auto topic = parse_delivery_topic(result);
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(topic->kind, DeliveryKind::TwinResult);
  EXPECT_EQ(topic->status, 204);
  EXPECT_EQ(topic->request_id, "a-1");
  EXPECT_EQ(topic->version, 7);
  topic = parse_delivery_topic(twin_result_topic(200, "1"));
  ASSERT_TRUE(topic.has_value());
  EXPECT_FALSE(topic->version.has_value());
  topic = parse_delivery_topic(twin_desired_topic(12));
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(topic->kind, DeliveryKind::TwinDesired);
  EXPECT_EQ(topic->version, 12);
  EXPECT_EQ(parse_publish_topic(twin_get_topic("x"))->kind, PublishKind::TwinGet);
  EXPECT_EQ(parse_publish_topic(twin_reported_topic("x"))->request_id, "x");
  for (const auto& [text, code] : std::initializer_list<std::pair<const char*, Code>>{
           {"", Code::NotFound},
           {"$iothub/methods/POST/x/?$rid=1", Code::NotFound},
           {"$iothub/twin/res/", Code::Malformed},
           {"$iothub/twin/res/2x/?$rid=1", Code::Malformed},
           {"$iothub/twin/res/200/", Code::Malformed},
           {"$iothub/twin/res/200/?$version=1", Code::Malformed},
           {"$iothub/twin/PATCH/properties/desired/", Code::Malformed},
           {"$iothub/twin/PATCH/properties/desired/?$version=x", Code::Malformed}}) {
    const auto refused = parse_delivery_topic(text);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_EQ(refused.error().code, code) << text;
  }
}

TEST(SameTopicId, AcceptsRawAndEncoded) {
  EXPECT_TRUE(same_topic_id("d1", "d1"));
  EXPECT_TRUE(same_topic_id("a%2Bb", "a+b"));
  EXPECT_TRUE(same_topic_id("a%2Bb", "a%2Bb"));
  EXPECT_FALSE(same_topic_id("d1", "d10"));
  EXPECT_FALSE(same_topic_id("D1", "d1"));
}

TEST(ParseFilter, GrantsTheOwnersTopicsOnly) {
  const TopicOwner device{"d1", ""};
  const TopicOwner module{"d1", "m1"};
  EXPECT_EQ(parse_filter("devices/d1/messages/devicebound/#", device), FilterKind::DeviceBound);
  EXPECT_EQ(parse_filter("devices/d2/messages/devicebound/#", device), std::nullopt);
  EXPECT_EQ(parse_filter("devices/d1/messages/devicebound/#", module), std::nullopt);
  EXPECT_EQ(parse_filter("devices/d1/modules/m1/inputs/#", module), FilterKind::ModuleInputs);
  EXPECT_EQ(parse_filter("devices/d1/modules/m2/inputs/#", module), std::nullopt);
  EXPECT_EQ(parse_filter("#", device), std::nullopt);
  EXPECT_EQ(parse_filter("devices/+/messages/devicebound/#", device), std::nullopt);
  for (const FilterKind kind : {FilterKind::DeviceBound, FilterKind::TwinResults,
                                FilterKind::TwinDesired, FilterKind::Methods}) {
    EXPECT_EQ(parse_filter(filter_text(kind, device), device), kind);
  }
  EXPECT_EQ(parse_filter(filter_text(FilterKind::ModuleInputs, module), module),
            FilterKind::ModuleInputs);
}

TEST(MqttUsername, ReadsEveryGenerationOfClients) {
  struct Case {
    const char* text;
    const char* device;
    const char* module;
    const char* api_version;
    const char* client_type;
  };
  const Case cases[] = {
      {"h.example/d1/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.3%20(node)",
       "d1", "", "2021-04-12", "azure-iot-device/1.18.3 (node)"},
      {"h.example/d1/m1/?api-version=2021-04-12", "d1", "m1", "2021-04-12", ""},
      {"h.example/d1/api-version=2016-11-14", "d1", "", "2016-11-14", ""},
      {"h.example/d1/m1/api-version=2016-11-14", "d1", "m1", "2016-11-14", ""},
      {"h.example/d1/?api-version=2020-09-30&DeviceClientType=a/b&model-id=x", "d1", "",
       "2020-09-30", "a/b"},
      {"h.example/d1", "d1", "", "", ""},
      {"h.example/d1/", "d1", "", "", ""},
      {"h.example/d1/m1", "d1", "m1", "", ""},
  };
  for (const Case& test : cases) {
    const auto name = parse_mqtt_username(test.text);
    ASSERT_TRUE(name.has_value()) << test.text;
    EXPECT_EQ(name->host, "h.example");
    EXPECT_EQ(name->device_id, test.device) << test.text;
    EXPECT_EQ(name->module_id, test.module) << test.text;
    EXPECT_EQ(name->api_version, test.api_version) << test.text;
    EXPECT_EQ(name->client_type, test.client_type) << test.text;
  }
  for (const char* text : {"", "h.example", "h.example/", "/d1/", "h.example//?api-version=1"}) {
    EXPECT_FALSE(parse_mqtt_username(text).has_value()) << text;
  }
}

TEST(MqttUsername, IsReadAsItWasWritten) {
  const auto name = parse_mqtt_username(mqtt_username("h", {"d", "m"}, "vedette/0.1 (linux)"));
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->device_id, "d");
  EXPECT_EQ(name->module_id, "m");
  EXPECT_EQ(name->client_type, "vedette/0.1 (linux)");
}

TEST(IsValidId, FollowsTheDocumentedRule) {
  EXPECT_TRUE(is_valid_id("d"));
  EXPECT_TRUE(is_valid_id("A-z0:9.+%_#*?!(),=@;$'"));
  EXPECT_TRUE(is_valid_id(std::string(128, 'a')));
  for (const std::string& id :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a/b"),
        std::string("a\"b"), std::string("\xc3\xa9"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(is_valid_id(id)) << id;
  }
}

TEST(CommandTopics, AreWrittenForDevicesModulesAndMethods) {
  EXPECT_EQ(command_topic({"d1", ""}, "", "%24.mid=1"),
            "devices/d1/messages/devicebound/%24.mid=1");
  EXPECT_EQ(command_topic({"d1", "m1"}, "in", ""), "devices/d1/modules/m1/inputs/in/");
  EXPECT_EQ(method_topic("reboot", "1f"), "$iothub/methods/POST/reboot/?$rid=1f");
}

}  // namespace
}  // namespace wire
