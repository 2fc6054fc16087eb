#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/reports.h"
#include "agent/split/remote_link.h"
#include "agent/split/rights.h"
#include "agent/watch/watch.h"
#include "base/json.h"
#include "base/time.h"

namespace agent {

// What the agent is at, at one moment: for `vedette-agent status`.
struct Status {
  base::WallTime at;
  bool running = true;  // false: it was about to end
  std::string version;
  std::string agent_id;
  std::string device_id;
  std::string module_id;
  std::string hub;
  std::int64_t pid = 0;
  Health health;
  std::vector<SourceReport> sources;
  std::optional<base::WallTime> last_acknowledged;
  std::optional<split::RemoteLink::Stats> network;
  std::optional<split::RightsKept> rights;
  std::vector<std::string> file_paths;  // that are watched for FileEvent
};

// One JSON object; docs/reference/agent-status.md describes it. Threads: pure.
std::string json_of(const Status& status);

// Where the last status is kept for when no agent runs.
std::string status_file(const std::string& state_dir);

struct FoundStatus {
  std::string json;
  bool running = false;  // told by a running agent; else what the last one left behind
};
// Errors: NotFound (no agent runs, and none has left anything), Denied, Unavailable, Io.
base::Result<FoundStatus> find_status(const std::string& state_dir);

// The same for people, from that JSON. `now` says how long ago things were. Threads: pure.
std::string table_of_status(const base::json::Value& status, base::WallTime now);

}  // namespace agent
