#include "detect/posture/hub_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace detect::posture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

base::json::Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : base::json::Value();
}

std::vector<std::string> keys_of(const Verdict& verdict) {
  std::vector<std::string> keys;
  for (const Item& item : verdict.items)
    keys.push_back(item.key);
  return keys;
}

TEST(IpFilter, MustDenyWhatNoRuleIsAbout) {
  const FilterRule ten{"ten", true, "10.0.0.0/24"};
  const FilterRule none{"none", false, "0.0.0.0/0"};
  const FilterRule none6{"none6", false, "::/0"};
  EXPECT_FALSE(judge_filter_default({{}, std::nullopt}).healthy());
  EXPECT_FALSE(judge_filter_default({{ten}, std::nullopt}).healthy());
  EXPECT_TRUE(judge_filter_default({{ten, none}, std::nullopt}).healthy());
  EXPECT_TRUE(judge_filter_default({{ten}, false}).healthy());
  EXPECT_FALSE(judge_filter_default({{ten, none}, true}).healthy());  // IPv6
  EXPECT_TRUE(judge_filter_default({{ten, none, none6}, true}).healthy());
  // The first that holds an address decides.
  EXPECT_FALSE(judge_filter_default({{{"all", true, "0.0.0.0/0"}, none}, false}).healthy());
}

TEST(IpFilter, RangesMayNotBeLarge) {
  EXPECT_THAT(keys_of(judge_filter_ranges({{{"a", true, "10.0.0.0/8"},
                                            {"b", true, "10.0.0.0/16"},
                                            {"c", true, "2001::/16"},
                                            {"d", false, "11.0.0.0/8"},
                                            {"e", false, "0.0.0.0/0"},
                                            {"f", true, "12.0.0.0/8"}},
                                           std::nullopt})),
              ElementsAre("10.0.0.0/8", "2001::/16"));
}

TEST(IpFilter, RecommendsTheNetworksThatDevicesComeFrom) {
  const std::vector<std::string> addresses = {"192.0.2.7", "192.0.2.9",   "192.0.3.1",
                                              "127.0.0.1", "2001:db8::7", "junk"};
  const SourceAddresses seen = networks_of(addresses);
  EXPECT_EQ(seen.addresses, 4U);
  const Verdict open = judge_filter_fit({{}, true}, seen);
  EXPECT_THAT(keys_of(open), ElementsAre("192.0.2.0/23", "2001:db8::/64"));
  EXPECT_THAT(open.items.back().commands,
              ElementsAre("vedette ip-filter add devices-2 allow 2001:db8::/64",
                          "vedette ip-filter default deny"));
  EXPECT_TRUE(
      judge_filter_fit({{{"a", true, "192.0.2.0/23"}, {"b", true, "2001:db8::/64"}}, false}, seen)
          .healthy());
  EXPECT_FALSE(judge_filter_fit({{{"a", true, "192.0.0.0/8"}}, false}, seen).healthy());
  // Two addresses say too little.
  EXPECT_TRUE(
      judge_filter_fit({{}, true}, networks_of(std::vector<std::string>{"192.0.2.7", "10.0.0.1"}))
          .healthy());
}

TEST(Diagnostics, MustBeKeptForAYear) {
  const auto judged = [](std::vector<DiagnosticSink> sinks) {
    return keys_of(judge_diagnostics(sinks));
  };
  EXPECT_THAT(judged({}), ElementsAre("Connections", "DeviceTelemetry"));
  EXPECT_THAT(judged({{"allLogs", 365}}), IsEmpty());
  EXPECT_THAT(judged({{"allLogs", 0}}), IsEmpty());
  EXPECT_THAT(judged({{"allLogs", 364}}), ElementsAre("Connections", "DeviceTelemetry"));
  EXPECT_THAT(judged({{"connections", 400}}), ElementsAre("DeviceTelemetry"));
  EXPECT_THAT(judged({{"Connections", 400}, {"DeviceTelemetry", 30}, {"allLogs", 400}}), IsEmpty());
}

TEST(Tls, KnowsWeakVersionsAndSuites) {
  for (const auto& [version, suite] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1.0", ""},
           {"TLSv1.1", "ECDHE-RSA-AES256-GCM-SHA384"},
           {"TLSv1", ""},
           {"SSLv3", ""},
           {"1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
           {"1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"},
           {"1.2", "AES128-GCM-SHA256"},
           {"1.2", "ECDHE-RSA-AES128-SHA"},
           {"1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
           {"1.2", "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
           {"1.2", "DES-CBC3-SHA"},
           {"1.2", "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"},
           {"1.2", "TLS_DHE_RSA_WITH_NULL_SHA256"}}) {
    EXPECT_FALSE(judge_tls(version, suite).healthy()) << version << " " << suite;
  }
  for (const auto& [version, suite] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1.3", "TLS_AES_256_GCM_SHA384"},
           {"TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"},
           {"1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
           {"TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"},
           {"1.2", "ECDHE-RSA-AES128-SHA256"},
           {"1.2", "DHE-RSA-AES256-CCM8"},
           {"", ""}}) {
    EXPECT_TRUE(judge_tls(version, suite).healthy()) << version << " " << suite;
  }
}

TEST(Credentials, AreSharedFromTwoDevicesOn) {
  const SharedCredential shared{"key", "k1", {"d1", "d2"}, 2};
  const Verdict verdict = judge_credentials("d1", std::vector{shared});
  ASSERT_EQ(verdict.items.size(), 1U);
  EXPECT_EQ(verdict.items[0].title, "Its key is also that of d2");
  EXPECT_TRUE(
      judge_credentials("d1", std::vector{SharedCredential{"key", "k1", {"d1"}, 1}}).healthy());
}

TEST(Groups, HaveAMajorityOrNone) {
  EXPECT_EQ(majority({{"a", 19}, {"b", 1}}), "a");
  EXPECT_EQ(majority({{"a", 9}, {"b", 1}}), "a");
  EXPECT_EQ(majority({{"a", 10}, {"b", 10}}), std::nullopt);
  EXPECT_EQ(majority({{"a", 4}}), std::nullopt);
  EXPECT_EQ(majority({}), std::nullopt);
}

EdgeModule module_with(std::string_view options) {
  return {.name = "m", .create_options = json(options)};
}

TEST(Edge, KnowsRightsThatAmountToTheHost) {
  for (const std::string_view options :
       {R"({"HostConfig":{"Privileged":true}})", R"({"hostconfig":{"privileged":true}})",
        R"({"HostConfig":{"CapAdd":["SYS_ADMIN"]}})",
        R"({"HostConfig":{"CapAdd":["CAP_NET_ADMIN"]}})", R"({"HostConfig":{"CapAdd":["all"]}})",
        R"({"HostConfig":{"NetworkMode":"host"}})",
        R"({"NetworkingConfig":{"EndpointsConfig":{"host":{}}}})",
        R"({"HostConfig":{"PidMode":"host"}})", R"({"HostConfig":{"Binds":["/:/host:ro"]}})",
        R"({"HostConfig":{"Binds":["/var/run/docker.sock:/var/run/docker.sock"]}})",
        R"({"HostConfig":{"Mounts":[{"Type":"bind","Source":"/"}]}})"}) {
    EXPECT_EQ(judge_edge_privileges(std::vector{module_with(options)}).items.size(), 1U) << options;
  }
  for (const std::string_view options :
       {"{}", R"({"HostConfig":{"Privileged":false,"CapAdd":["NET_BIND_SERVICE"]}})",
        R"({"HostConfig":{"NetworkMode":"bridge","Binds":["/etc/app:/etc/app"]}})",
        R"({"HostConfig":null})", R"({"HostConfig":{"CapAdd":"ALL","Binds":{}}})"}) {
    EXPECT_TRUE(judge_edge_privileges(std::vector{module_with(options)}).healthy()) << options;
  }
}

TEST(Edge, KnowsModulesThatKeepNoLog) {
  EXPECT_FALSE(judge_edge_logging(
                   std::vector{module_with(R"({"HostConfig":{"LogConfig":{"Type":"none"}}})")})
                   .healthy());
  EXPECT_TRUE(judge_edge_logging(std::vector{module_with("{}")}).healthy());
  EdgeModule quiet = module_with("{}");
  quiet.default_log_driver = "none";
  EXPECT_FALSE(judge_edge_logging(std::vector{quiet}).healthy());
  quiet.create_options = json(R"({"HostConfig":{"LogConfig":{"Type":"json-file"}}})");
  EXPECT_TRUE(judge_edge_logging(std::vector{quiet}).healthy());
}

TEST(Edge, KnowsTheAdminAccountOfARegistry) {
  const auto healthy = [](std::string address, std::string user) {
    return judge_edge_registries(
               std::vector{EdgeRegistry{"r", std::move(address), std::move(user)}})
        .healthy();
  };
  EXPECT_FALSE(healthy("acme.azurecr.io", "acme"));
  EXPECT_FALSE(healthy("https://ACME.azurecr.io/v2", "Acme"));
  EXPECT_TRUE(healthy("acme.azurecr.io", "6a7c1c5e-0000-4000-8000-1b2c3d4e5f60"));
  EXPECT_TRUE(healthy("docker.io", "acme"));
  EXPECT_TRUE(healthy(".azurecr.io", ""));
}

TEST(Edge, KnowsProtocolsThatNobodyUses) {
  EXPECT_THAT(keys_of(judge_edge_hub({{"amqp", "mqtt"}, {{"amqp", 0}, {"mqtt", 3}}, true})),
              ElementsAre("amqp"));
  EXPECT_TRUE(judge_edge_hub({{"amqp", "mqtt"}, {{"amqp", 0}, {"mqtt", 3}}, false}).healthy());
}

TEST(Edge, ReadsADeployment) {
  const EdgeDeployment read = read_deployment(json(R"({
    "runtime": {"settings": {"registryCredentials": {
      "acme": {"address": "acme.azurecr.io", "username": "acme", "password": "p"}}}},
    "systemModules": {
      "edgeAgent": {"settings": {"createOptions": "{\"HostConfig\":{\"Binds\":[\"/var/run/docker.sock:/x\"]}}"}},
      "edgeHub": {"settings": {"createOptions": "{}"}, "env": {"amqpSettings__enabled": {"value": "false"}}}},
    "modules": {"pump": {
      "settings": {"createOptions": "{\"HostConfig\":{\"Privil", "createOptions01": "eged\":true}}"},
      "env": {"ClientTransportType": {"value": "Mqtt_Tcp_Only"}}}}})"));
  ASSERT_EQ(read.modules.size(), 2U);
  EXPECT_THAT(keys_of(judge_edge_privileges(read.modules)), ElementsAre("pump Privileged"));
  ASSERT_EQ(read.registries.size(), 1U);
  ASSERT_TRUE(read.hub);
  EXPECT_THAT(read.hub->heads, ElementsAre("mqtt", "http"));
  EXPECT_EQ(read.hub->clients.at("mqtt"), 1U);
  // One module that does not say how it connects may use any protocol.
  EXPECT_FALSE(
      read_deployment(json(R"({"systemModules":{"edgeHub":{}},"modules":{"m":{"settings":{}}}})"))
          .hub);
  EXPECT_TRUE(read_deployment(json("[]")).modules.empty());
}

TEST(Edge, CreateOptionsThatAreNoJsonSayNothing) {
  EXPECT_TRUE(read_create_options(json(R"({"createOptions":"{not json"})")).is_null());
  EXPECT_TRUE(read_create_options(json("{}")).is_null());
}

}  // namespace
}  // namespace detect::posture
