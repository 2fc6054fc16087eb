#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/configurations/configuration.h"
#include "hub/operations/operations.h"
#include "hub/queries/twin_queries.h"
#include "hub/twins/twins.h"

// Automatic device and module management: settings that reach the twins of a whole group, and leave
// them again when they are not in it any more.
namespace hub::configurations {

struct Options {
  std::string path;  // state.db
  std::size_t max_configurations = 100;
  unsigned updates_per_second = 100;  // of twins, by configurations
  // All twins are looked at again after that, and metrics counted.
  std::chrono::seconds pass_interval{300};
  // Metrics are counted at most that often, when something changed.
  std::chrono::milliseconds metrics_interval{60'000};
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter looked_at;  // devices
  base::Counter updated;    // twins
  base::Counter failed;     // twins that would not take their settings
  base::Counter conflicts;  // twins that somebody else changed at the same time: done again
  base::Counter passes;     // over all devices
};

struct Shown {
  Configuration configuration;
  Results results;
};

// All configurations, in SQLite. One thread of their own looks at the twins that changed (and at
// all of them after a change of a configuration), changes the desired properties of those that are
// targeted, and notes what it put there, before it does, so that it can be taken away again
// whenever the process ended. What others put into a twin at a place that a configuration wants is
// overwritten; the rest is left alone.
//
// Each change of a twin, and each of a configuration with its actor, is recorded in `operations`,
// category Configurations. All that is given must outlive it. Threads: any.
class Configurations {
 public:
  // Listens to the registry and the twins: before they serve. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Configurations>> open(Options options,
                                                            identity::Registry& registry,
                                                            twins::Twins& twins,
                                                            queries::TwinQueries& queries,
                                                            operations::Operations& operations);
  ~Configurations();  // stops
  Configurations(const Configurations&) = delete;
  Configurations& operator=(const Configurations&) = delete;

  void start();  // the thread; once
  void stop();   // idempotent

  // Errors: NotFound.
  base::Result<Shown> get(std::string_view id) const;
  // In the order of their ids, those after `after`.
  base::Result<std::vector<Shown>> list(std::size_t limit, std::string_view after) const;
  // Without `if_match` a new one; with it, one that is there and has that etag ("*": any).
  // Errors: Exists, NotFound, Conflict (the etag), Full (max_configurations), Invalid, TooLarge.
  base::Result<Shown> put(std::string_view id, const base::json::Value& body,
                          std::string_view if_match, std::string_view actor);
  // Errors: NotFound, Conflict.
  base::Result<void> remove(std::string_view id, std::string_view if_match, std::string_view actor);
  // Sets a content in one device and its modules, once. Errors: Invalid, NotFound (the device or a
  // module), TooLarge.
  base::Result<void> apply_once(std::string_view device_id, const base::json::Value& content,
                                std::string_view actor);

  // Waits until all that changed before was looked at; false: it took longer.
  bool wait_settled(std::chrono::milliseconds timeout);
  const Counters& counters() const;

 private:
  struct State;
  explicit Configurations(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::configurations
