#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/configurations/configuration_table.h"
#include "hub/configurations/configurations.h"
#include "hub/configurations/enforcement.h"

namespace hub::configurations {

// When which device is looked at: those whose twins changed at once, all of them after a change of
// the configurations and now and then. One thread of its own does it, and counts the metrics.
// What is given must outlive it. Threads: any, unless it says otherwise.
class Rounds {
 public:
  struct Parts {
    const Options& options;
    twins::Twins& twins;
    queries::TwinQueries& queries;
    operations::Operations& operations;
    ConfigurationTable& table;  // guarded by table_mutex
    std::mutex& table_mutex;
    Counters& counters;
  };
  explicit Rounds(const Parts& parts) : parts_(parts) {}
  ~Rounds() { stop(); }
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  void start();  // once
  void stop();   // idempotent

  // What is enforced, the highest priority first.
  Snapshot configurations();
  // From now on these; all devices are looked at again.
  void enforce(Snapshot configurations);

  // Something about the device or its modules changed.
  void mark(const std::string& device_id);
  void changed(const twins::Change& change);

  // Waits until all that changed before was looked at; false: it took longer.
  bool wait_settled(std::chrono::milliseconds timeout);

 private:
  // The thread's.
  void run();
  bool wait_for_work(std::set<std::string>& devices, bool& everything);
  void look_at_all(Enforcement& enforcement);
  bool look_at(Enforcement& enforcement, const std::string& device_id);
  void look_again(const std::string& device_id);
  bool may_update();
  bool pause_until(base::MonoTime time);
  bool is_interrupted();
  bool metrics_are_due();
  void count_metrics();
  base::Result<std::vector<std::string>> device_ids(const std::string& after);
  std::map<std::string, std::uint64_t> count(const Configuration& configuration);

  const Parts parts_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::condition_variable settled_;
  Snapshot configurations_ = std::make_shared<const std::vector<Configuration>>();
  bool reported_matters_ = false;
  std::set<std::string> dirty_;
  bool all_ = true;  // devices are to be looked at
  bool busy_ = false;
  bool stopping_ = false;
  bool metrics_stale_ = true;
  bool metrics_now_ = false;

  // The thread's.
  std::thread thread_;
  base::MonoTime next_update_{};
  base::MonoTime next_pass_{};
  base::MonoTime next_metrics_{};
};

}  // namespace hub::configurations
