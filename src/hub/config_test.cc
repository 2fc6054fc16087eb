#include "hub/config.h"

#include <gtest/gtest.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace hub {
namespace {

using base::Code;

class HubConfig : public testing::Test {
 protected:
  base::Result<Config> load(const std::string& text) {
    EXPECT_TRUE(os::write_file_atomic(folder_ / "hub.toml", text).has_value());
    os::Config::Sources sources;
    sources.file = folder_ / "hub.toml";
    sources.file_required = true;
    sources.folder = folder_ / "conf.d";
    sources.environment = environment_;
    sources.flags = flags_;
    return load_config(sources);
  }

  os::ScratchDir folder_;
  std::vector<std::string> environment_;
  std::vector<std::pair<std::string, std::string>> flags_;
};

TEST_F(HubConfig, NeedsOnlyAHostName) {
  const auto config = load("[hub]\nhost_name = \"hub.example\"\n[state]\ndir = \"/var/lib/x\"\n");
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->host_name, "hub.example");
  EXPECT_EQ(config->listen_address, "127.0.0.1") << "loopback unless told otherwise";
  EXPECT_EQ(config->mqtt_port, 8883);
  EXPECT_EQ(config->https_port, 8443);
  EXPECT_EQ(config->certificate_file, "/var/lib/x/server.pem");
  EXPECT_EQ(config->key_file, "/var/lib/x/server.key");
  EXPECT_EQ(config->log_level, base::LogLevel::Info);
}

TEST_F(HubConfig, FlagsBeatTheEnvironmentWhichBeatsFiles) {
  ASSERT_TRUE(os::make_dirs(folder_ / "conf.d").has_value());
  ASSERT_TRUE(
      os::write_file_atomic(folder_ / "conf.d/10.toml", "[listen]\nmqtt_port = 2\nhttps_port = 2\n")
          .has_value());
  environment_ = {"VEDETTE_LISTEN__HTTPS_PORT=3", "VEDETTE_MQTT__LOGIN_TIMEOUT=3s"};
  flags_ = {{"listen.address", "::1"}};
  const auto config = load(
      "[hub]\nhost_name = \"h\"\n[listen]\nmqtt_port = 1\nhttps_port = 1\naddress = \"0.0.0.0\"\n");
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->mqtt_port, 2);
  EXPECT_EQ(config->https_port, 3);
  EXPECT_EQ(config->login_timeout, std::chrono::seconds(3));
  EXPECT_EQ(config->listen_address, "::1");
}

struct BadConfig {
  const char* name;
  const char* text;
  const char* says;
};

class HubConfigRefuses : public HubConfig, public testing::WithParamInterface<BadConfig> {};

TEST_P(HubConfigRefuses, WithPlaceAndReason) {
  const auto config = load(GetParam().text);
  ASSERT_FALSE(config.has_value());
  EXPECT_NE(config.error().detail.find(GetParam().says), std::string::npos)
      << config.error().detail;
}

INSTANTIATE_TEST_SUITE_P(
    Files, HubConfigRefuses,
    testing::Values(
        BadConfig{"UnknownKey", "[hub]\nhost_name = \"h\"\n[listen]\nmqtt_prt = 1\n",
                  "hub.toml:4:1: unknown key"},
        BadConfig{"WithTheNearestKey", "[hub]\nhost_name = \"h\"\n[listen]\nmqtt_prt = 1\n",
                  "listen.mqtt_port"},
        BadConfig{"PortOutOfRange", "[hub]\nhost_name = \"h\"\n[listen]\nmqtt_port = 70000\n",
                  "hub.toml:4:1"},
        BadConfig{"PortAsText", "[hub]\nhost_name = \"h\"\n[listen]\nmqtt_port = \"x\"\n",
                  "hub.toml:4:1"},
        BadConfig{"AddressThatIsNone", "[hub]\nhost_name = \"h\"\n[listen]\naddress = \"eth0\"\n",
                  "IP address"},
        BadConfig{"HostNameWithSpace", "[hub]\nhost_name = \"a b\"\n", "hub.toml:2:1"},
        BadConfig{"NoHostName", "[listen]\nmqtt_port = 1\n", "hub.host_name is not set"},
        BadConfig{"LogLevel", "[hub]\nhost_name = \"h\"\n[log]\nlevel = \"loud\"\n",
                  "hub.toml:4:1"},
        BadConfig{"NoToml", "[hub\n", "hub.toml:1:"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(HubConfig, NamesTheVariableThatIsWrong) {
  environment_ = {"VEDETTE_LISTEN__MQTT_PORT=many"};
  const auto config = load("[hub]\nhost_name = \"h\"\n");
  ASSERT_FALSE(config.has_value());
  EXPECT_NE(config.error().detail.find("VEDETTE_LISTEN__MQTT_PORT"), std::string::npos)
      << config.error().detail;
}

TEST(IsHostName, AcceptsNamesAndAddresses) {
  for (const char* good : {"localhost", "hub.example.org", "10.0.0.1", "::1", "fe80::1", "HUB-1"}) {
    EXPECT_TRUE(is_host_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a/b"), std::string("a,DNS:b"),
        std::string("a:8883"), std::string("-a"), std::string(254, 'a')}) {
    EXPECT_FALSE(is_host_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace hub
