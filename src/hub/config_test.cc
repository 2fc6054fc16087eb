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

TEST_F(HubConfig, LimitsEachIdentityUnlessToldOtherwise) {
  const auto rate = [](const limits::Rates& rates, limits::Kind kind) {
    return rates[static_cast<std::size_t>(kind)];
  };
  const auto usual = load("[hub]\nhost_name = \"h\"\n");
  ASSERT_TRUE(usual.has_value()) << usual.error().detail;
  EXPECT_EQ(rate(usual->limits.identity, limits::Kind::Telemetry), 1000);
  EXPECT_EQ(rate(usual->limits.hub, limits::Kind::Telemetry), 0);
  EXPECT_EQ(usual->limits.daily_units, 0U);
  const auto s1 = load("[hub]\nhost_name = \"h\"\n[limits]\ntier = \"s1\"\n");
  EXPECT_EQ(rate(s1->limits.identity, limits::Kind::Telemetry), 0);
  EXPECT_EQ(rate(s1->limits.hub, limits::Kind::Telemetry), 100);
  environment_ = {"VEDETTE_LIMITS__IDENTITY__TELEMETRY=5"};
  const auto none = load("[hub]\nhost_name = \"h\"\n[limits]\ntier = \"none\"\n");
  ASSERT_TRUE(none.has_value()) << none.error().detail;
  EXPECT_EQ(rate(none->limits.identity, limits::Kind::Connect), 0);
  EXPECT_EQ(rate(none->limits.identity, limits::Kind::Telemetry), 5);
}

TEST_F(HubConfig, ReadsTheLimitsOfAmqp) {
  const auto usual = load("[hub]\nhost_name = \"h\"\n");
  EXPECT_EQ(usual->amqp_options.max_links, 256U);
  const auto set = load(
      "[hub]\nhost_name = \"h\"\n[amqp]\nmax_frame = \"32 KiB\"\nmax_sessions = 2\n"
      "idle_timeout = \"2m\"\nmax_links = 9\nmax_identities = 8\nmax_failed_logins = 7\n");
  ASSERT_TRUE(set.has_value()) << set.error().detail;
  EXPECT_EQ(set->amqp_options.engine.max_frame_bytes, 32U * 1024);
  EXPECT_EQ(set->amqp_options.engine.max_sessions, 2U);
  EXPECT_EQ(set->amqp_options.engine.idle_timeout, std::chrono::minutes(2));
  EXPECT_EQ(set->amqp_options.max_links, 9U);
  EXPECT_EQ(set->amqp_options.max_identities, 8U);
  EXPECT_EQ(set->amqp_options.max_failed_logins, 7U);
  EXPECT_FALSE(load("[hub]\nhost_name = \"h\"\n[amqp]\nmax_frame = \"100 B\"\n").has_value());
}

TEST_F(HubConfig, ReadsHowLongAlertsLast) {
  const auto usual = load("[hub]\nhost_name = \"h\"\n");
  EXPECT_EQ(usual->alerts_quiet, std::chrono::days(90));
  EXPECT_EQ(usual->alerts_keep_closed, std::chrono::days(400));
  const auto set =
      load("[hub]\nhost_name = \"h\"\n[alerts]\nquiet = \"14d\"\nkeep_closed = \"30d\"\n");
  ASSERT_TRUE(set.has_value()) << set.error().detail;
  EXPECT_EQ(set->alerts_quiet, std::chrono::days(14));
  EXPECT_EQ(set->alerts_keep_closed, std::chrono::days(30));
  EXPECT_FALSE(load("[hub]\nhost_name = \"h\"\n[alerts]\nquiet = \"1h\"\n").has_value());
}

TEST_F(HubConfig, ReadsTheLimitsOfCommands) {
  const auto usual = load("[hub]\nhost_name = \"h\"\n");
  ASSERT_TRUE(usual.has_value()) << usual.error().detail;
  EXPECT_EQ(usual->commands.max_per_device, 50U);
  EXPECT_EQ(usual->commands.max_ttl, std::chrono::days(2));
  EXPECT_EQ(usual->methods.max_payload_bytes, 128U * 1024);
  const auto config = load(
      "[hub]\nhost_name = \"h\"\n[commands]\nmax_message = \"1 KiB\"\nmax_waiting = 2\n"
      "max_delivery_count = 3\nmax_ttl = \"10m\"\nlock = \"5s\"\nfeedback_batch = 7\n"
      "feedback_delay = \"1s\"\n[methods]\nmax_payload = \"2 KiB\"\nmax_waiting_per_device = 5\n");
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->commands.max_message_bytes, 1024U);
  EXPECT_EQ(config->commands.max_per_device, 2U);
  EXPECT_EQ(config->commands.max_delivery_count, 3U);
  EXPECT_EQ(config->commands.max_ttl, std::chrono::minutes(10));
  // No longer than the longest.
  EXPECT_EQ(config->commands.default_ttl, std::chrono::minutes(10));
  EXPECT_EQ(config->commands.lock, std::chrono::seconds(5));
  EXPECT_EQ(config->commands.feedback_batch, 7U);
  EXPECT_EQ(config->methods.max_payload_bytes, 2048U);
  EXPECT_EQ(config->methods.max_waiting_per_device, 5U);
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

TEST_F(HubConfig, ReadsForwardsByTheirNames) {
  const auto config = load(
      "[hub]\nhost_name = \"h\"\n"
      "[forward.siem]\ntype = \"webhook\"\nurl = \"https://siem.example:9/in\"\n"
      "secret_file = \"siem.secret\"\nwhat = [\"alerts\"]\ndevices = [\"press-*\"]\n"
      "retry_min = \"5s\"\nretry_max = \"1s\"\n"
      "[forward.archive]\npath = \"/var/x\"\nrotate = \"1MiB\"\nkeep_files = 0\n"
      "start = \"earliest\"\n[stream]\nkeep = \"0 MiB\"\n[telemetry]\nstore = true\n");
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  ASSERT_EQ(config->forwards.size(), 2U);
  const egress::ForwardSettings& file = config->forwards[0];
  EXPECT_EQ(file.name, "archive");
  EXPECT_EQ(file.type, egress::ForwardType::File);
  EXPECT_TRUE(file.from_start);
  EXPECT_EQ(file.keep_files, 0U);
  EXPECT_TRUE(file.filter.takes(egress::Kind::Event));
  EXPECT_FALSE(file.filter.takes(egress::Kind::Operation));
  const egress::ForwardSettings& webhook = config->forwards[1];
  EXPECT_EQ(webhook.url, (egress::Url{"siem.example", 9, "/in"}));
  EXPECT_TRUE(webhook.secret_file.ends_with("/siem.secret")) << "relative to the file";
  EXPECT_FALSE(webhook.filter.takes(egress::Kind::Event));
  EXPECT_TRUE(webhook.filter.takes_device("press-1"));
  EXPECT_EQ(webhook.retry_max, webhook.retry_min);
  EXPECT_EQ(config->stream_keep_bytes, 0U);
  EXPECT_TRUE(config->store_telemetry);
}

TEST_F(HubConfig, SaysWhatIsWrongWithAForward) {
  for (const auto& [text, message] : std::initializer_list<std::pair<const char*, const char*>>{
           {"[forward.x]\ntype = \"webhook\"\n", "forward.x.url"},
           {"[forward.x]\ntype = \"webhook\"\nurl = \"http://h\"\n", "http://h"},
           {"[forward.x]\n type = \"file\"\n", "forward.x.path"},
           {"[forward.x]\npath = \"/x\"\nwhat = [\"event\"]\n", "forward.x.what"},
           {"[forward.x]\npath = \"/x\"\nurll = \"/x\"\n", "urll"},
           {"[forward.x]\ntype = \"kafka\"\n", "forward.x.type"}}) {
    const auto config = load(std::string("[hub]\nhost_name = \"h\"\n") + text);
    ASSERT_FALSE(config.has_value()) << text;
    EXPECT_NE(config.error().detail.find(message), std::string::npos) << config.error().detail;
  }
}

TEST_F(HubConfig, KeepsEvidenceByDefaultAndAsTold) {
  constexpr const char* kHead = "[hub]\nhost_name = \"h\"\n";
  using std::chrono::days;
  const auto plain = load(kHead);
  ASSERT_TRUE(plain) << plain.error().detail;
  EXPECT_EQ(plain->retention.of("SecurityIoTRawEvent").max_age, days(90));
  EXPECT_EQ(plain->retention.of("Usage").max_age, days(400));
  EXPECT_EQ(plain->retention.disk_max, 0U);
  const auto told =
      load(std::string(kHead) +
           "[retention]\nmax_age = \"30d\"\ndisk_max = \"20GiB\"\nraw_events = "
           "\"chosen\"\nraw_event_types = [\"Login\"]\n[retention.table.SecurityAlert]\n"
           "max_age = \"0s\"\nmax_size = \"1GiB\"\n");
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(told->retention.of("SecurityIoTRawEvent").max_age, days(30)) << "also where 90 d hold";
  EXPECT_EQ(told->retention.of("SecurityAlert"), (retention::Limit{days(0), 1U << 30U}));
  EXPECT_EQ(told->retention.disk_max, std::size_t{20} << 30U);
  EXPECT_TRUE(told->retention.raw.takes_type("Login"));
  EXPECT_FALSE(told->retention.raw.takes_type("ProcessCreate"));
}

TEST_F(HubConfig, SaysWhatIsWrongWithRetention) {
  constexpr const char* kHead = "[hub]\nhost_name = \"h\"\n[retention]\n";
  for (const auto& [text, word] :
       {std::pair("max_age = \"5m\"\n", "1h at least"),
        {"disk_max = \"1MiB\"\n", "4GiB at least"},
        {"raw_events = \"chosen\"\n", "raw_event_types"},
        {"raw_event_types = [\"Login\"]\n", "chosen"},
        {"raw_events = \"chosen\"\nraw_event_types = [\"Logins\"]\n", "Logins"},
        {"[retention.table.Usage]\nmax_size = \"1GiB\"\n", "only max_age"},
        {"[retention.table.SecurityRecommendation]\nmax_size = \"1GiB\"\n", "only max_age"},
        {"[retention.table.SecurityAlerts]\nmax_age = \"9d\"\n", "SecurityAlert"}}) {
    const auto config = load(std::string(kHead) + text);
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().detail.find(word), std::string::npos) << config.error().detail;
  }
}

}  // namespace
}  // namespace hub
