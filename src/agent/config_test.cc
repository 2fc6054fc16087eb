#include "agent/config.h"

#include <bit>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace agent {
namespace {

using namespace std::chrono_literals;

class AgentConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "agent-config-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }

  std::string write(const std::string& name, std::string_view content) {
    EXPECT_TRUE(os::make_dirs(folder_ + "/conf.d"));
    EXPECT_TRUE(os::write_file_atomic(folder_ + "/" + name, content));
    return folder_ + "/" + name;
  }

  std::string problem(std::string_view content) {
    const auto config = load_config(write("agent.toml", content), {}, {});
    return config ? "(none)" : config.error().detail;
  }

  std::string folder_;
};

TEST_F(AgentConfigTest, Defaults) {
  const auto config = load_config(write("agent.toml", ""), {}, {});
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->state.dir, "/var/lib/vedette/agent");
  EXPECT_EQ(config->state.max_bytes, 64U << 20U);
  EXPECT_EQ(config->collect.tier, std::nullopt);
  EXPECT_FALSE(config->collect.forks);
  EXPECT_TRUE(config->collect.ends);
  EXPECT_GE(config->collect.ring_bytes, 2U << 20U);
  EXPECT_LE(config->collect.ring_bytes, 32U << 20U);
  EXPECT_TRUE(std::has_single_bit(config->collect.ring_bytes));
  EXPECT_EQ(config->collect.poll_interval, 250ms);
  EXPECT_TRUE(config->aggregate.events.empty());
  EXPECT_EQ(config->report.heartbeat, 60s);
}

TEST_F(AgentConfigTest, EveryKeyFromEveryLayer) {
  const std::string file =
      write("agent.toml",
            "[hub]\nconnection_string_file = 'module.connection'\nca_file = '/etc/ca.pem'\n"
            "[collect]\ntier = 'proc'\nforks = true\nterminations = false\n"
            "exclude = ['/usr/bin/noise']\nring_bytes = '1 MiB'\n"
            "[aggregate]\nevents = ['ProcessTerminate']\nwindow = '1m'\n"
            "[report]\nheartbeat = '5s'\nstatistics = '10s'\n[log]\nlevel = 'debug'\n");
  write("conf.d/10-interval.toml", "[collect]\npoll_interval = '1s'\n");
  const auto config = load_config(file, {"VEDETTE_STATE__MAX_BYTES=2MiB"},
                                  {{"state.dir", "/tmp/x"}, {"collect.tier", "connector"}});
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->hub.connection_string_file, folder_ + "/module.connection");
  EXPECT_EQ(config->hub.ca_file, "/etc/ca.pem");
  EXPECT_EQ(config->state.dir, "/tmp/x");
  EXPECT_EQ(config->state.max_bytes, 2U << 20U);
  EXPECT_EQ(config->collect.tier, collect::Tier::Connector);
  EXPECT_TRUE(config->collect.forks);
  EXPECT_FALSE(config->collect.ends);
  EXPECT_EQ(config->collect.exclude, (std::vector<std::string>{"/usr/bin/noise"}));
  EXPECT_EQ(config->collect.ring_bytes, 1U << 20U);
  EXPECT_EQ(config->collect.poll_interval, 1s);
  EXPECT_EQ(config->aggregate.events, (std::set{schema::EventName::ProcessTerminate}));
  EXPECT_EQ(config->aggregate.window, 1min);
  EXPECT_EQ(config->report.heartbeat, 5s);
  EXPECT_EQ(config->log_level, base::LogLevel::Debug);
}

TEST_F(AgentConfigTest, ProblemsNameTheirPlace) {
  const std::string file = folder_ + "/agent.toml";
  EXPECT_EQ(problem("[hub]\nca_fle = 'x'\n"),
            file + ":2:1: unknown key 'hub.ca_fle'; did you mean 'hub.ca_file'?");
  EXPECT_EQ(
      problem("[collect]\ntier = 'ebfp'\n"),
      file +
          ":2:1: collect.tier: expected one of auto, ebpf, audit, connector, proc (did you mean "
          "ebpf?), found \"ebfp\"");
  EXPECT_EQ(problem("[collect]\nexclude = ['noise']\n"),
            file + ":2:1: collect.exclude: expected full paths, found \"noise\"");
  EXPECT_EQ(
      problem("[aggregate]\nevents = ['Login']\n"),
      file + ":2:1: aggregate.events: expected ProcessCreate or ProcessTerminate, found \"Login\"");
  EXPECT_TRUE(
      problem("[collect]\ntier = 7\n").starts_with(file + ":2:1: collect.tier: expected text"));
  EXPECT_TRUE(problem("[collect\n").starts_with(file + ":1:"));
}

}  // namespace
}  // namespace agent
