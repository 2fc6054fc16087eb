#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hub/jobs/job.h"
#include "store/sqlite.h"

namespace hub::jobs {

// The rows behind the jobs. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement, and what is named.
class JobTable {
 public:
  static base::Result<void> migrate(store::Sqlite& database);
  explicit JobTable(store::Sqlite database) : database_(std::move(database)) {}

  // Errors: Exists.
  base::Result<void> insert(const Job& job);
  // With its statistics. Errors: NotFound.
  base::Result<Job> find(std::string_view id);
  // Jobs after that id, in the order of ids, with their statistics.
  base::Result<std::vector<Job>> list(std::optional<Kind> kind, std::optional<Status> status,
                                      std::string_view after, std::size_t limit);
  // Those that are queued or running, the earliest start first, without statistics.
  base::Result<std::vector<Job>> unfinished();
  base::Result<std::uint64_t> count_unfinished();
  // Sets what changes in a job's life.
  base::Result<void> set(std::string_view id, Status status, std::string_view failure,
                         base::WallTime now);

  // The devices of a job: all pending at first.
  base::Result<void> add_devices(std::string_view id, std::span<const identity::Name> names,
                                 base::WallTime now);
  base::Result<void> drop_devices(std::string_view id);
  // Takes up to `most` pending ones: they are running from now on.
  base::Result<std::vector<identity::Name>> take(std::string_view id, std::size_t most,
                                                 base::WallTime now);
  struct Finished {
    std::string job_id;
    identity::Name name;
    Outcome outcome;
  };
  // Those that are not running any more are left as they are.
  base::Result<void> finish(std::span<const Finished> finished, base::WallTime now);
  // All that are in the state `from` come to `outcome`.
  base::Result<void> move_all(std::string_view id, Status from, const Outcome& outcome,
                              base::WallTime now);
  base::Result<Statistics> statistics(std::string_view id);

  // Rows in the order of (job, device, module), after that one.
  struct Key {
    std::string job_id;
    identity::Name name;
  };
  base::Result<std::vector<DeviceJob>> device_jobs(const Key& after, std::size_t limit);

  // Forgets jobs that ended before that.
  base::Result<void> forget(base::WallTime before);

 private:
  store::Sqlite database_;
};

}  // namespace hub::jobs
