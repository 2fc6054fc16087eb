#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/collect/facts.h"
#include "base/log.h"
#include "base/result.h"
#include "schema/events.h"

namespace agent {

// Everything an agent can be told; docs/reference/agent-configuration.md describes the keys.
struct Config {
  struct Hub {
    std::string connection_string_file;
    std::string ca_file;  // empty: the system's store
  } hub;
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
};

inline constexpr const char* kDefaultConfigFile = "/etc/vedette/agent.toml";

// Reads the file, conf.d/*.toml beside it, the environment and flags (key and value).
// Errors: as os::Config; Invalid, with a line for each problem.
base::Result<Config> load_config(const std::optional<std::string>& file,
                                 const std::vector<std::string>& environment,
                                 const std::vector<std::pair<std::string, std::string>>& flags);

}  // namespace agent
