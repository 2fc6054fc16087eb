#include "detect/custom/definition.h"

#include <set>

#include <gtest/gtest.h>

namespace detect::custom {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

base::Result<Definition> read(std::string_view json) {
  return read_definition(*base::json::parse(json));
}

TEST(Types, AreNineteenWithNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const TypeInfo& info : types()) {
    EXPECT_EQ(info.id, "IoT_CA_" + std::string(info.name));
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(names.insert(info.title).second) << info.title;
    EXPECT_EQ(parse_type(info.name), info.type);
    EXPECT_EQ(parse_type(info.id), info.type);
    EXPECT_TRUE(info.title.starts_with("Custom alert - ")) << info.title;
    EXPECT_EQ(info.kind == Kind::List, info.item != Item::None) << info.name;
  }
  EXPECT_EQ(types().size(), 19U);
  EXPECT_EQ(names.size(), 38U);
  EXPECT_FALSE(parse_type("IoT_CA_"));
}

TEST(Types, AreFoundByWhatTheHubCounts) {
  EXPECT_EQ(type_of_metric("C2D", "AMQP"), Type::AmqpC2D);
  EXPECT_EQ(type_of_metric("C2DRejected", "HTTP"), Type::HttpC2DRejected);
  EXPECT_EQ(type_of_metric("C2DRejected", "HTTPS"), Type::HttpC2DRejected);
  EXPECT_EQ(type_of_metric("D2C", "mqtt"), Type::MqttD2C);
  EXPECT_EQ(type_of_metric("TwinUpdates", ""), Type::TwinUpdates);
  EXPECT_EQ(type_of_metric("FileUploads", "HTTPS"), Type::FileUploads);
  EXPECT_FALSE(type_of_metric("ActiveConnections", ""));
  EXPECT_FALSE(type_of_metric("D2C", ""));
  EXPECT_FALSE(type_of_metric("D2C", "CoAP"));
}

TEST(Counted, KnowsAnOperationOfEachType) {
  for (const TypeInfo& info : types()) {
    if (info.source != Source::Hub) continue;
    store::OperationRow row = example_operation(info.type);
    EXPECT_FALSE(counted(row).first || counted(row).second) << "nobody's: " << info.name;
    row.device_id = "d1";
    row.count = 3;
    const CountedPair pair = counted(row);
    const auto& found = info.type == Type::UnauthorizedOperations ? pair.second : pair.first;
    ASSERT_TRUE(found) << info.name;
    EXPECT_EQ(found->type, info.type) << info.name;
    EXPECT_EQ(found->count, 3) << info.name;
  }
}

TEST(Counted, LeavesOutWhatIsNotMeant) {
  const auto types_of = [](store::OperationRow row) {
    row.device_id = "d1";
    const CountedPair pair = counted(row);
    return std::pair(pair.first.has_value(), pair.second.has_value());
  };
  store::OperationRow ingress = example_operation(Type::MqttD2C);
  ingress.protocol = "MQTT_WS";
  EXPECT_EQ(types_of(ingress), std::pair(true, false));
  ingress.status_code = 413;
  EXPECT_EQ(types_of(ingress), std::pair(false, false));
  store::OperationRow twin = example_operation(Type::TwinUpdates);
  twin.module_id = "";
  EXPECT_EQ(types_of(twin), std::pair(false, false));
  store::OperationRow quota = example_operation(Type::UnauthorizedOperations);
  quota.status_code = 403;
  quota.reason = "quota";
  EXPECT_EQ(types_of(quota), std::pair(false, false));
  store::OperationRow ended = example_operation(Type::UnauthorizedOperations);
  ended.operation = "deviceDisconnect";
  ended.reason = "sas_expired";
  EXPECT_EQ(types_of(ended), std::pair(false, false));
  store::OperationRow method = example_operation(Type::DirectMethodInvokes);
  method.status_code = 404;
  EXPECT_EQ(types_of(method), std::pair(true, false));
}

TEST(ReadDefinition, TakesRangesAndLists) {
  const auto range = read(
      R"({"group":" pumps ","type":"iot_ca_MqttD2CMessagesNotInAllowedRange","window":"PT1H",
          "min":1,"max":100,"severity":"High","enabled":false,"description":"Why"})");
  ASSERT_TRUE(range) << range.error().to_string();
  EXPECT_EQ(range->group, "pumps");
  EXPECT_EQ(range->type, Type::MqttD2C);
  EXPECT_EQ(range->window, hours(1));
  EXPECT_EQ(range->min, 1);
  EXPECT_EQ(range->max, 100);
  EXPECT_EQ(range->severity, Severity::High);
  EXPECT_FALSE(range->enabled);
  const auto list = read(R"({"type":"ConnectionToIpNotAllowed","deny":["10.0.0.0/8"," ::1 "]})");
  ASSERT_TRUE(list) << list.error().to_string();
  EXPECT_EQ(list->group, "default");
  EXPECT_EQ(list->mode, ListMode::Deny);
  EXPECT_EQ(list->values, (std::vector<std::string>{"10.0.0.0/8", "::1"}));
  EXPECT_EQ(list->severity, Severity::Low);
}

TEST(ReadDefinition, ReadsWhatItWrites) {
  for (const char* text :
       {R"({"type":"DirectMethodInvokesNotInAllowedRange","min":2,"window":"PT5M"})",
        R"({"metric":"C2D","protocol":"AMQP","max":5,"window":"P1D"})",
        R"({"type":"ProcessNotAllowed","allow":["sh","/bin/ls"],"description":"d"})"}) {
    const auto first = read(text);
    ASSERT_TRUE(first) << first.error().to_string();
    std::string json;
    base::json::Writer writer(json);
    writer.begin_object();
    write_members(writer, *first);
    writer.end_object();
    const auto second = read(json);
    ASSERT_TRUE(second) << json << second.error().to_string();
    EXPECT_EQ(*first, *second) << json;
  }
}

TEST(ReadDefinition, SaysWhatIsWrong) {
  struct Case {
    const char* json;
    const char* says;
  };
  for (const Case& each : {
           Case{R"([])", "an object"},
           Case{R"({"typ":"x"})", "did you mean 'type'"},
           Case{R"({"type":"ActiveConnectionNotInAllowedRange","max":1})",
                "did you mean 'ActiveConnectionsNotInAllowedRange'"},
           Case{R"({"max":1})", "expected one"},
           Case{R"({"metric":"C2D","protocol":"CoAP","max":1})", "counts no 'C2D'"},
           Case{R"({"type":"FileUploadsNotInAllowedRange"})", "a 'max'"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","min":3,"max":2})", "as much as min"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","min":-1,"max":2})", "0 or more"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","max":2.5})", "whole number"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","max":2,"window":"PT1M"})",
                "PT5M to P1D"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","max":2,"window":"P2D"})", "PT5M to P1D"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","max":2,"window":"1h"})", "ISO 8601"},
           Case{R"({"type":"FileUploadsNotInAllowedRange","max":2,"allow":["x"]})", "no list"},
           Case{R"({"type":"ProcessNotAllowed","allow":["x"],"max":1})", "no range"},
           Case{R"({"type":"ProcessNotAllowed","allow":["x"],"deny":["y"]})", "either"},
           Case{R"({"type":"ProcessNotAllowed"})", "either"},
           Case{R"({"type":"ProcessNotAllowed","allow":[]})", "empty"},
           Case{R"({"type":"ProcessNotAllowed","allow":["a\nb"]})", "one line"},
           Case{R"({"type":"ConnectionToIpNotAllowed","allow":["10.0.0.0/33"]})", "10.0.0.0/33"},
           Case{R"({"type":"ProcessNotAllowed","allow":["x"],"severity":"Worst"})", "severity"},
           Case{R"({"type":"ProcessNotAllowed","allow":["x"],"enabled":1})", "enabled"},
           Case{R"({"type":"ProcessNotAllowed","allow":["x"],"group":" "})", "group"},
       }) {
    const auto refused = read(each.json);
    ASSERT_FALSE(refused) << each.json;
    EXPECT_NE(refused.error().detail.find(each.says), std::string::npos)
        << each.json << ": " << refused.error().detail;
  }
}

TEST(IdOf, IsTheSameForWhatThereCanBeOneOf) {
  Definition a;
  a.max = 5;
  Definition b = a;
  b.max = 7;
  b.enabled = false;
  EXPECT_EQ(id_of(a), id_of(b));
  b.window = minutes(5);
  EXPECT_NE(id_of(a), id_of(b));
  b = a;
  b.group = "pumps";
  EXPECT_NE(id_of(a), id_of(b));
}

TEST(Rule, DividesTimeIntoWindowsFromItsBeginning) {
  Definition definition;
  definition.window = minutes(5);
  const base::WallTime since{seconds(1'000'003)};
  const Rule rule("r", definition, since);
  EXPECT_EQ(rule.window_of(since), 0);
  EXPECT_EQ(rule.window_of(since + minutes(5) - std::chrono::nanoseconds(1)), 0);
  EXPECT_EQ(rule.window_of(since + minutes(5)), 1);
  EXPECT_EQ(rule.window_of(since - std::chrono::nanoseconds(1)), -1);
  EXPECT_EQ(rule.window_of(since - minutes(5)), -1);
  EXPECT_EQ(rule.window_of(since - minutes(6)), -2);
  EXPECT_EQ(rule.start_of(2), since + minutes(10));
}

Rule list_rule(Type type, ListMode mode, std::vector<std::string> values) {
  Definition definition;
  definition.type = type;
  definition.mode = mode;
  definition.values = std::move(values);
  EXPECT_TRUE(check(definition));
  return Rule("r", definition, base::WallTime());
}

TEST(Rule, ComparesAddressesByBlockInEitherForm) {
  const Rule rule =
      list_rule(Type::ConnectionToIp, ListMode::Allow,
                {"10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120", "198.51.100.7"});
  for (const char* inside : {"10.255.0.1", "::ffff:10.1.2.3", "2001:db8:ffff::1", "192.0.2.200",
                             "198.51.100.7", "::ffff:198.51.100.7"}) {
    EXPECT_FALSE(rule.judge(inside)) << inside;
  }
  for (const char* outside :
       {"11.0.0.1", "2001:db9::1", "192.0.3.1", "198.51.100.8", "::1", "junk"})
    EXPECT_TRUE(rule.judge(outside)) << outside;
  const auto match = rule.judge("11.0.0.1");
  EXPECT_EQ(match->value, "11.0.0.1");
  EXPECT_EQ(match->pattern, "not on the list of what is allowed (4 entries)");
}

TEST(Rule, NamesTheEntryThatForbids) {
  const Rule rule = list_rule(Type::ConnectionToIp, ListMode::Deny, {"203.0.113.9/24"});
  EXPECT_FALSE(rule.judge("203.0.114.1"));
  const auto match = rule.judge("::ffff:203.0.113.77");
  ASSERT_TRUE(match);
  EXPECT_NE(match->pattern.find("'203.0.113.0/24'"), std::string::npos) << match->pattern;
}

TEST(Rule, ComparesProgramsByPathOrName) {
  const Rule rule = list_rule(Type::Process, ListMode::Allow, {"/usr/sbin/sshd", "app"});
  EXPECT_FALSE(rule.judge("/usr/sbin/sshd"));
  EXPECT_FALSE(rule.judge("/opt/acme/app"));
  EXPECT_FALSE(rule.judge("app"));
  EXPECT_TRUE(rule.judge("/tmp/sshd"));
  EXPECT_TRUE(rule.judge("/opt/app/x"));
  EXPECT_TRUE(rule.judge("/opt/acme/App"));
}

TEST(Rule, ComparesUsersExactly) {
  const Rule rule = list_rule(Type::LocalUser, ListMode::Allow, {"admin"});
  EXPECT_FALSE(rule.judge("admin"));
  EXPECT_TRUE(rule.judge("Admin"));
  EXPECT_TRUE(rule.judge("/admin"));
}

}  // namespace
}  // namespace detect::custom
