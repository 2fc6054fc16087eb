#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/collect/facts.h"
#include "agent/settings/twin.h"
#include "base/log.h"
#include "base/result.h"
#include "schema/events.h"

namespace agent {

// Everything an agent can be told; docs/reference/agent-configuration.md describes the keys.
struct Config {
  struct Hub {
    std::string connection_string_file;
    std::string local_configuration;  // LocalConfiguration.json, instead of the former
    std::string ca_file;              // empty: the system's store
    // An X.509 certificate to prove the identity by, with its chain, and its key; PEM. The key may
    // stand in the certificate's file.
    std::string certificate_file;
    std::string private_key_file;
    // Where the hub's REST API is; 0: as the connection string says (HttpsPort=), or 443.
    std::uint16_t https_port = 0;
    // The module that a device's credentials stand for; empty: the device connects as itself.
    std::string module_id;
    // The member of the desired properties that holds our settings; only LocalConfiguration.json
    // can name another than the usual one.
    std::string twin_object{settings::kObject};
    std::chrono::nanoseconds connect_timeout{};
  } hub;
  struct Privileges {
    std::string user;          // of the collecting process; empty: stays as it was started
    std::string network_user;  // of the network process
    bool fanotify = false;
  } privileges;
  struct State {
    std::string dir;
    std::size_t max_bytes = 0;  // of the spool
  } state;
  struct Collect {
    std::optional<collect::Tier> tier;  // nullopt: the best that works here
    bool forks = false;
    bool ends = true;
    std::vector<std::string> exclude;  // executables, full paths
    std::size_t ring_bytes = 0;
    std::chrono::nanoseconds poll_interval{};
    bool may_enable_audit = true;  // where it is off for want of a daemon
  } collect;
  struct Aggregate {
    std::set<schema::EventName> events;
    std::chrono::nanoseconds window{};
  } aggregate;
  struct Report {
    std::chrono::nanoseconds heartbeat{};
    std::chrono::nanoseconds statistics{};
  } report;
  base::LogLevel log_level = base::LogLevel::Info;
  bool log_level_given = false;  // by whoever wrote the configuration
};

inline constexpr const char* kDefaultConfigFile = "/etc/vedette/agent.toml";

// Reads the file, conf.d/*.toml beside it, the environment and flags (key and value).
// Errors: as os::Config; Invalid, with a line for each problem.
base::Result<Config> load_config(const std::optional<std::string>& file,
                                 const std::vector<std::string>& environment,
                                 const std::vector<std::pair<std::string, std::string>>& flags);

}  // namespace agent
