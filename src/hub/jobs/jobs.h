#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/jobs/job.h"
#include "hub/jobs/job_table.h"
#include "hub/operations/operations.h"

namespace hub::jobs {

struct Options {
  std::string path;                                   // the SQLite file, made when absent
  std::size_t max_running = 10;                       // jobs at a time
  std::size_t max_unfinished = 1'000;                 // running, and waiting for their time
  std::size_t concurrency = 64;                       // devices of one job at a time
  std::chrono::seconds keep = std::chrono::days(30);  // of a job that ended
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter created;
  base::Counter refused;
  base::Counter completed;
  base::Counter failed;
  base::Counter cancelled;
  base::Counter devices_succeeded;
  base::Counter devices_failed;
};

// How a job reaches the rest of the hub.
struct World {
  // Calls `visit` for each identity that a condition selects, each once.
  // Errors: Invalid (the condition; the detail says what), those of the store.
  using Visit = std::function<void(const identity::Name&)>;
  std::function<base::Result<void>(std::string_view condition, const Visit& visit)> select;
  // Is it a condition at all? Errors: Invalid (the detail says what is wrong with it).
  std::function<base::Result<void>(std::string_view condition)> check;
  // Does for one identity what the job says, and calls `done` once: on any thread, perhaps before
  // it returns.
  using Done = std::function<void(Outcome)>;
  std::function<void(const Job& job, const identity::Name& name, Done done)> execute;
};

// Jobs over many devices, in SQLite. One thread of its own starts them when their time has come,
// a bounded number of devices at a time, and keeps what became of each device. What runs goes on
// after a restart: a twin update that was not finished is done again; a method that nobody
// answered has failed, as it may have been carried out.
//
// A job has failed when its condition cannot be evaluated, or when time ran out before all its
// devices were done; otherwise it is completed, and its devices tell which of them failed.
// Everything is recorded in `operations`, which must outlive it. Threads: any.
class Jobs {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Jobs>> open(Options options, World world,
                                                  operations::Operations& operations);
  ~Jobs();  // stops
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // Errors: Exists, Full (max_unfinished), Invalid (the condition), those of the store.
  base::Result<Job> create(Job job);
  // Errors: NotFound.
  base::Result<Job> get(std::string_view id) const;
  // In the order of ids, those after `after`.
  base::Result<std::vector<Job>> list(std::optional<Kind> kind, std::optional<Status> status,
                                      std::string_view after, std::size_t limit) const;
  // Devices that are at it are waited for; the others are not asked any more. A job that has ended
  // stays as it is. Errors: NotFound.
  base::Result<Job> cancel(std::string_view id, std::string_view actor);
  // What became of devices: rows in the order of (job, device, module), after that one.
  base::Result<std::vector<DeviceJob>> device_jobs(const JobTable::Key& after,
                                                   std::size_t limit) const;

  // Looks at the clock now. For tests; it happens by itself.
  void wake();
  const Counters& counters() const;
  // Lets nothing new begin, ends the thread; what was not finished goes on at the next start.
  // Idempotent.
  void stop();

 private:
  struct State;
  explicit Jobs(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::jobs
