#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"

// Jobs: one change of many twins, or one method called on many devices.
namespace hub::jobs {

enum class Kind : std::uint8_t { UpdateTwin, DeviceMethod };
std::string_view to_string(Kind kind);  // scheduleUpdateTwin, scheduleDeviceMethod
std::optional<Kind> parse_kind(std::string_view text);

// Of a job, and of one device in it (which is pending where a job is queued).
enum class Status : std::uint8_t { Queued, Running, Completed, Failed, Cancelled };
std::string_view to_string(Status status);  // queued, running, ...
std::optional<Status> parse_status(std::string_view text);

struct Statistics {
  std::uint64_t pending = 0;
  std::uint64_t running = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;

  std::uint64_t total() const { return pending + running + succeeded + failed + cancelled; }
};

struct Job {
  std::string id;
  Kind kind = Kind::UpdateTwin;
  std::string condition;  // which devices: a condition of the twin query language
  base::json::Value definition{base::json::Value::Object{}};  // updateTwin, cloudToDeviceMethod
  base::WallTime start;                                       // not before
  std::chrono::seconds max_execution{3600};
  std::string actor;
  // The hub's own.
  Status status = Status::Queued;
  base::WallTime created;
  base::WallTime updated;
  std::optional<base::WallTime> ended;
  std::string failure;
  Statistics statistics;
};

// A job as clients ask for one. `id` is the path's; a body that names another is refused.
// Without a start, or with one that is past, it begins at once.
// Errors: Invalid (the detail says what). Threads: pure.
base::Result<Job> read_job(const base::json::Value& body, std::string_view id, base::WallTime now);

// As clients read it.
void write_job(base::json::Writer& writer, const Job& job);

// What one device of a job did.
struct Outcome {
  Status status = Status::Completed;
  std::string answer;  // of a method: {"status":200,"payload":..}; empty: none
  std::string error_code;
  std::string error_text;
};

// One device of a job, as the queries know it: a row of devices.jobs.
struct DeviceJob {
  std::string job_id;
  Kind kind = Kind::UpdateTwin;
  identity::Name name;
  Status status = Status::Queued;
  base::WallTime created;
  base::WallTime updated;
  std::optional<base::WallTime> started;
  std::optional<base::WallTime> ended;
  std::string answer;
  std::string error_code;
  std::string error_text;
};
base::json::Value to_value(const DeviceJob& row);

}  // namespace hub::jobs
