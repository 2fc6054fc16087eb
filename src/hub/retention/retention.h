#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/retention/holds.h"
#include "hub/retention/policy.h"
#include "hub/retention/settings.h"

namespace hub::operations {
class AuditLog;
}

namespace hub::retention {

// What retention asks of the event store. One call at a time, but for disk(), which any thread may
// call at any time and often.
class Shelf {
 public:
  virtual ~Shelf() = default;

  virtual base::Result<std::vector<Piece>> pieces() = 0;
  // Forgets them with all of their rows, or none. Errors: Conflict (pieces have changed since they
  // were listed), those of the store.
  virtual base::Result<void> drop(std::span<const std::uint64_t> ids) = 0;
  // How many rows the step is about: of those before its time, the ones that nothing holds.
  virtual base::Result<std::uint64_t> count_free(const Step& step) = 0;
  // Takes these out, and says how many they were; what is left has a new id. Errors as drop().
  virtual base::Result<std::uint64_t> trim(const Step& step) = 0;
  // Puts rows that are in no piece yet into pieces, which take less room and can be dropped.
  virtual base::Result<void> seal() = 0;
  struct Disk {
    std::uint64_t used = 0;     // by everything that the store has there
    std::uint64_t leaving = 0;  // of this: files that were dropped, and go when no query reads them
    std::uint64_t unsealed = 0;  // of this: what is not of pieces
  };
  virtual Disk disk() const = 0;
};

// What a run of the limits did, or would do, to a table for one reason.
struct Share {
  std::string table;
  Why why = Why::Age;
  std::uint64_t pieces = 0;          // that went as a whole
  std::uint64_t trimmed_pieces = 0;  // of which some rows stayed
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of whole pieces
};

struct Outcome {
  std::vector<Share> shares;
  std::uint64_t disk_before = 0;
  std::uint64_t disk_after = 0;
  bool fits = true;  // the disk's limit is kept
};

// A dry run.
struct Preview {
  Plan plan;
  // For each step of the plan, the rows that go: all of the piece, or some.
  std::vector<std::uint64_t> rows;
  std::uint64_t disk_used = 0;
};

struct Options {
  Settings settings;
  std::string path;  // the SQLite file of the holds; may be shared with other components
  // The security group of a device. Threads: the pipeline's. Errors: the event is stored then.
  std::function<base::Result<std::string>(std::string_view device)> group_of = {};
  // Is told what went. May be nullptr; must outlive it.
  operations::AuditLog* audit = nullptr;
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start; any thread may read.
struct Counters {
  base::Counter runs;
  base::Counter failures;  // runs that could not do all of it
  std::array<base::Counter, kWhys> pieces;
  std::array<base::Counter, kWhys> rows;
  base::Counter bytes;
  base::Counter trimmed;     // pieces of which some rows stayed
  base::Counter not_chosen;  // items of events that were not to be stored
};

// Keeps the event store within its limits, but for what is held.
//
// A thread of its own looks at the disk every second and at age and sizes every interval. What it
// drops is in the audit log. When the disk's limit cannot be kept by dropping (all is held, or
// devices are faster than the disk), has_room() is false until there is: rows are counted instead
// of stored, while everything is still acknowledged and examined.
// Threads: any.
class Retention {
 public:
  // `shelf` must outlive it. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Retention>> open(Options options, Shelf& shelf);
  ~Retention();  // stops
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  void start();
  void stop();  // idempotent

  // Whether a raw event of that type and device is to be stored; false is counted. Cheap.
  bool stores_event(std::string_view device, std::string_view type);
  // Whether there is room for rows; cheap.
  bool has_room();
  // The tags of its twin have changed.
  void forget_group(std::string_view device);

  const Settings& settings() const;
  // What would go at present under these settings. Changes nothing.
  base::Result<Preview> preview(const Settings& settings);
  // Makes it so, now. `actor` is who asked.
  base::Result<Outcome> apply(std::string_view actor);

  // From the return on, nothing that it holds goes.
  base::Result<HoldRecord> add_hold(HoldRecord hold);
  base::Result<HoldRecord> release_hold(std::int64_t id, std::string_view by,
                                        std::string_view reason);
  base::Result<HoldRecord> hold(std::int64_t id) const;
  base::Result<std::vector<HoldRecord>> holds() const;

  struct Status {
    std::uint64_t disk_used = 0;
    bool storing = true;
    std::optional<base::WallTime> last_run;
    std::string problem;  // of the last run; empty: none
  };
  Status status() const;
  // Whether rows are stored, as of the last look; does not wait.
  bool storing() const;
  base::Result<std::vector<Piece>> pieces();
  const Counters& counters() const { return counters_; }

 private:
  struct State;
  Retention(Options options, Shelf& shelf, HoldTable holds);

  Counters counters_;
  std::unique_ptr<State> state_;
};

}  // namespace hub::retention
