#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "detect/detector.h"
#include "detect/posture/posture.h"
#include "hub/vulnerabilities/bundles.h"
#include "hub/vulnerabilities/findings.h"

// Known vulnerabilities of what is installed on devices: pictures of their software compared with
// bundles of advisories that somebody brought, without asking anybody on the net.
namespace hub::vulnerabilities {

struct Options {
  std::string path;  // a SQLite file of its own, made when absent
  BundleOptions bundles;
  // A picture may come in several messages: how long the rest of it is waited for.
  std::chrono::milliseconds settle{3'000};
  std::chrono::milliseconds glance{500};  // how often is looked for what waits
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter pictures;
  base::Counter left_out;  // packages in them that no distribution could have, or too many
  base::Counter judged;    // devices
  base::Counter failures;  // of the stores; it is tried again
};

// As a detector it keeps what pictures say, and forgets devices that are deleted. Everything else
// is done on a thread of its own: files are read, devices compared with bundles (again, when either
// has changed), and what is found is told to Posture. Survives crashes at any moment: what was not
// told is found again.
// Threads: any; what is Detector's, one at a time.
class Vulnerabilities final : public detect::Detector {
 public:
  // `posture` must outlive it. Errors: those of the stores.
  static base::Result<std::unique_ptr<Vulnerabilities>> open(Options options,
                                                             detect::posture::Posture& posture);
  ~Vulnerabilities() override;  // stops

  void on_event(const schema::Event& event, const detect::Origin& origin,
                std::vector<detect::Finding>& findings) override;
  void on_twin(const store::TwinRow& twin, const detect::Origin& origin,
               std::vector<detect::Finding>& findings) override;
  base::Result<void> settle() override;

  void start();
  void stop();  // idempotent

  // What the thread does, now: one file, or some devices. Says whether there was anything to do.
  // Errors: those of the stores.
  base::Result<bool> work();

  Bundles& bundles() { return *bundles_; }
  const Findings& findings() const { return *findings_; }
  base::Result<FleetState> state() const { return findings_->state(bundles_->generation()); }
  const Counters& counters() const { return counters_; }

 private:
  Vulnerabilities(Options options, detect::posture::Posture& posture)
      : options_(std::move(options)), posture_(posture) {}

  void run();
  void wake();
  bool is_ready(const std::string& device_id);
  base::Result<bool> judge_some();
  base::Result<const std::vector<Flaw>*> flaws_of(std::int64_t inventory, const BundleSet& bundles,
                                                  const std::string& generation);

  const Options options_;
  detect::posture::Posture& posture_;
  Counters counters_;
  std::unique_ptr<Bundles> bundles_;
  std::unique_ptr<Findings> findings_;

  // The detector's own.
  std::map<std::string, Picture> pending_;  // by device
  std::vector<std::string> deleted_;

  // The worker's own: what was found for the last inventory, which whole fleets share.
  Due place_;
  std::int64_t matched_inventory_ = 0;
  std::string matched_generation_;
  bool matched_covered_ = false;
  std::vector<Flaw> matched_;

  std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false;                                       // guarded by mutex_
  std::unordered_map<std::string, base::MonoTime> waiting_;  // guarded by mutex_: not before
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hub::vulnerabilities
