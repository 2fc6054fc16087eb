#include "hub/amqp/address.h"

#include <gtest/gtest.h>

namespace hub::amqp {

using base::Code;
using identity::Name;

namespace {

struct Known {
  const char* title;
  const char* text;
  Node node;
  Name name;
};

class KnownAddress : public testing::TestWithParam<Known> {};

TEST_P(KnownAddress, IsRead) {
  const auto address = parse_address(GetParam().text);
  ASSERT_TRUE(address.has_value()) << address.error().to_string();
  EXPECT_EQ(address->node, GetParam().node);
  EXPECT_EQ(address->name, GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(
    Addresses, KnownAddress,
    testing::Values(
        Known{"Cbs", "$cbs", Node::Cbs, {}}, Known{"CbsUri", "amqps://h/$cbs", Node::Cbs, {}},
        Known{"Events", "/devices/d/messages/events", Node::Events, {"d", ""}},
        Known{"EventsUri", "amqps://h:5671/devices/d/messages/events", Node::Events, {"d", ""}},
        Known{"WithoutSlash", "devices/d/messages/events", Node::Events, {"d", ""}},
        Known{"ModuleEvents", "/devices/d/modules/m/messages/events", Node::Events, {"d", "m"}},
        Known{"Bound", "/devices/d/messages/devicebound", Node::DeviceBound, {"d", ""}},
        Known{"BoundCase", "/devices/D/messages/deviceBound", Node::DeviceBound, {"D", ""}},
        Known{"ModuleBound",
              "/devices/d/modules/m/messages/deviceBound",
              Node::DeviceBound,
              {"d", "m"}},
        Known{"Encoded", "/devices/a%3Ab%25/twin", Node::Twin, {"a:b%", ""}},
        Known{"ModuleTwin", "/devices/d/modules/m/twin", Node::Twin, {"d", "m"}},
        Known{"Methods", "/devices/d/methods/devicebound", Node::Methods, {"d", ""}},
        Known{"ServiceSend", "/messages/devicebound", Node::ServiceSend, {}},
        Known{"ServiceSendCase", "/messages/deviceBound", Node::ServiceSend, {}},
        Known{"Feedback", "/messages/serviceBound/feedback", Node::Feedback, {}},
        Known{"Files", "/messages/servicebound/filenotifications", Node::FileNotifications, {}}),
    [](const auto& test) { return std::string(test.param.title); });

TEST(ParseAddress, RefusesWhatIsNoNode) {
  for (const char* text :
       {"", "/", "/devices", "/devices/d", "/devices/d/messages", "/devices/d/messages/events/x",
        "/devices//messages/events", "/devices/d/modules/twin", "$cbs/x", "amqps://h",
        "/a/b/c/d/e/f/g/h/i", "/messages/events", "/devices/d/messages/events%2Fx"}) {
    const auto address = parse_address(text);
    EXPECT_FALSE(address.has_value()) << text;
  }
  EXPECT_EQ(parse_address(std::string(2000, 'a')).error().code, Code::NotFound);
}

TEST(ParseAddress, RefusesIdsThatNobodyCanHave) {
  for (const char* text :
       {"/devices/a b/twin", "/devices/a%2Fb/twin", "/devices/d/modules/%00/twin",
        "/devices/a\"; DROP TABLE identities;--/twin"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().code, Code::Invalid) << text;
  }
}

TEST(ParseAudience, FindsDeviceModuleAndService) {
  const auto whom = [](const char* text) { return parse_audience(text).value(); };
  EXPECT_EQ(whom("h/devices/d").name, (Name{"d", ""}));
  EXPECT_EQ(whom("h/devices/d").host, "h");
  EXPECT_EQ(whom("h%2Fdevices%2Fd%2Fmodules%2Fm").name, (Name{"d", "m"}));
  EXPECT_EQ(whom("amqps://h/devices/d/messages/events").name, (Name{"d", ""}));
  EXPECT_EQ(whom("h").name, std::nullopt);
  EXPECT_EQ(whom("sb://h/messages/devicebound").name, std::nullopt);
  EXPECT_EQ(parse_audience("").error().code, Code::Malformed);
  EXPECT_EQ(parse_audience("h/devices/a b").error().code, Code::Invalid);
}

TEST(ParsePlainUser, FindsDeviceAndPolicy) {
  const auto who = [](const char* text) { return parse_plain_user(text).value(); };
  EXPECT_EQ(who("d@sas.hub").name, (Name{"d", ""}));
  EXPECT_EQ(who("d@sas.hub").hub, "hub");
  EXPECT_EQ(who("a@b@sas.hub").name, (Name{"a@b", ""}));
  EXPECT_EQ(who("d/modules/m@sas.hub").name, (Name{"d", "m"}));
  EXPECT_EQ(who("service@sas.root.hub").policy, "service");
  EXPECT_EQ(who("service@sas.root.hub").name, std::nullopt);
  for (const char* text : {"", "d", "@sas.hub", "d@hub", "a b@sas.hub", "d/modules/@sas.hub"})
    EXPECT_FALSE(parse_plain_user(text).has_value()) << text;
}

}  // namespace
}  // namespace hub::amqp
