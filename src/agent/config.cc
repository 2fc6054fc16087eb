#include "agent/config.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"
#include "os/config.h"
#include "os/process.h"
#include "schema/fields.h"

namespace agent {

using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 5> kTiers = {"auto", "ebpf", "audit", "connector", "proc"};
constexpr std::array<std::string_view, 5> kLogLevels = {"error", "warning", "notice", "info",
                                                        "debug"};

std::string folder_beside(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "conf.d" : file.substr(0, slash) + "/conf.d";
}

std::optional<collect::Tier> read_tier(os::Config& config) {
  const std::string name = config.choice("collect.tier", "auto", kTiers);
  for (const auto tier :
       {collect::Tier::Ebpf, collect::Tier::Audit, collect::Tier::Connector, collect::Tier::Proc}) {
    if (name == collect::tier_name(tier)) return tier;
  }
  return std::nullopt;
}

std::set<schema::EventName> read_aggregate(os::Config& config) {
  constexpr std::array<std::string_view, 2> kMay = {"ProcessCreate", "ProcessTerminate"};
  std::set<schema::EventName> events;
  for (const std::string& name : config.texts("aggregate.events", {})) {
    if (name == kMay[0]) {
      events.insert(schema::EventName::ProcessCreate);
    } else if (name == kMay[1]) {
      events.insert(schema::EventName::ProcessTerminate);
    } else {
      config.reject("aggregate.events", "ProcessCreate or ProcessTerminate", "\"" + name + "\"");
    }
  }
  return events;
}

// Room for half a second and more of the fastest starts, where the device can spare it.
std::size_t default_ring_bytes() {
  constexpr std::uint64_t kLeast = 2U << 20U;
  constexpr std::uint64_t kMost = 32U << 20U;
  return std::bit_floor(std::clamp(os::memory_bytes() / 256, kLeast, kMost));
}

void read_collect(os::Config& config, Config::Collect& collect) {
  collect.tier = read_tier(config);
  collect.forks = config.boolean("collect.forks", false);
  collect.ends = config.boolean("collect.terminations", true);
  collect.exclude = config.texts("collect.exclude", {});
  for (const std::string& path : collect.exclude) {
    if (!path.starts_with('/')) config.reject("collect.exclude", "full paths", "\"" + path + "\"");
  }
  collect.ring_bytes =
      config.bytes("collect.ring_bytes", default_ring_bytes(), 64U << 10U, 1U << 30U);
  collect.poll_interval = config.duration("collect.poll_interval", 250ms, 50ms, 60s);
  collect.may_enable_audit = config.boolean("collect.may_enable_audit", true);
}

}  // namespace

Result<Config> load_config(const std::optional<std::string>& file,
                           const std::vector<std::string>& environment,
                           const std::vector<std::pair<std::string, std::string>>& flags) {
  os::Config::Sources sources;
  sources.file = file.value_or(kDefaultConfigFile);
  sources.file_required = file.has_value();
  sources.folder = folder_beside(sources.file);
  sources.environment = environment;
  sources.flags = flags;
  os::Config read = TRY(os::Config::load(sources));

  Config config;
  config.hub.connection_string_file = read.path("hub.connection_string_file", "");
  config.hub.local_configuration = read.path("hub.local_configuration", "");
  config.hub.ca_file = read.path("hub.ca_file", "");
  config.hub.certificate_file = read.path("hub.certificate_file", "");
  config.hub.private_key_file = read.path("hub.private_key_file", "");
  config.hub.https_port = static_cast<std::uint16_t>(read.integer("hub.https_port", 0, 0, 65'535));
  config.hub.module_id = read.text("hub.module_id", "azureiotsecurity");
  config.hub.connect_timeout = read.duration("hub.connect_timeout", 20s, 1s, 1h);
  config.privileges.user = read.text("privileges.user", "vedette-agent");
  config.privileges.network_user = read.text("privileges.network_user", "vedette");
  config.privileges.fanotify = read.boolean("privileges.fanotify", true);
  config.state.dir = read.path("state.dir", "/var/lib/vedette/agent");
  config.state.max_bytes =
      read.bytes("state.max_bytes", 64U << 20U, 1U << 20U, std::size_t{1} << 40U);
  read_collect(read, config.collect);
  config.aggregate.events = read_aggregate(read);
  config.aggregate.window = read.duration("aggregate.window", 5min, 1s, 24h);
  config.report.heartbeat = read.duration("report.heartbeat", 60s, 1s, 24h);
  config.report.statistics = read.duration("report.statistics", 1h, 1s, 24h * 7);
  [[maybe_unused]] const bool known =
      base::parse_log_level(read.choice("log.level", "info", kLogLevels), config.log_level);
  config.log_level_given = read.has("log.level");
  TRY(read.finish());
  return config;
}

}  // namespace agent
