#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/transfer.h"
#include "hub/operations/operations.h"
#include "hub/twins/twins.h"

namespace hub::jobs {

struct TransferOptions {
  std::string path;                                   // the SQLite file, made when absent
  std::size_t max_unfinished = 10;                    // the one that runs, and those that wait
  std::chrono::seconds keep = std::chrono::days(30);  // of one that ended
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct TransferCounters {
  base::Counter created;
  base::Counter completed;
  base::Counter failed;
  base::Counter cancelled;
  base::Counter exported;        // identities
  base::Counter imported;        // lines that were done
  base::Counter import_refused;  // lines that were not
};

// Imports and exports, one after the other on a thread of its own.
//
// An export is seen when it is whole; one that was interrupted is done again at the next start. An
// import that was interrupted has failed: the lines before that are done, and its failure says how
// many. Lines are independent; what is refused goes to importErrors.log of the output container.
//
// `registry`, `twins`, `containers` and `operations` must outlive it. Threads: any.
class Transfers {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Transfers>> open(TransferOptions options,
                                                       identity::Registry& registry,
                                                       twins::Twins& twins, Containers& containers,
                                                       operations::Operations& operations);
  ~Transfers();  // stops
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  // Checks the containers' signatures. `id`, `created` are given here.
  // Errors: Full (max_unfinished), Denied (a container; the detail says which and why), those of
  // the store.
  base::Result<Transfer> create(Transfer transfer);
  // Errors: NotFound.
  base::Result<Transfer> get(std::string_view id) const;
  // The newest first.
  base::Result<std::vector<Transfer>> list(std::size_t limit) const;
  // What has ended stays as it is. Errors: NotFound.
  base::Result<Transfer> cancel(std::string_view id, std::string_view actor);

  const TransferCounters& counters() const;
  // Ends the thread, after the line that it is at. Idempotent.
  void stop();

 private:
  struct State;
  explicit Transfers(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::jobs
