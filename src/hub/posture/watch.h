#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "detect/posture/hub_checks.h"
#include "detect/posture/posture.h"
#include "hub/identity/registry.h"

// What no record says: how the hub itself is set up, and who shares a credential with whom.
namespace hub::posture {

struct Options {
  // Where operations are kept, and for how long.
  std::vector<detect::posture::DiagnosticSink> sinks;
  std::chrono::milliseconds every{60'000};  // credentials and addresses
  std::chrono::milliseconds glance{1'000};  // whether the IP filter is another
  std::function<base::WallTime()> now = base::wall_now;
};

// Looks regularly, on a thread of its own, and at once where the IP filter was changed.
// Threads: one owner; counters any.
class Watch {
 public:
  // Both must outlive it.
  Watch(Options options, identity::Registry& registry, detect::posture::Posture& posture);
  ~Watch();  // stops
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void start();
  void stop();  // idempotent

  // What the thread does, now. Errors: those of the stores.
  base::Result<void> look_at_filter();
  base::Result<void> look_at_credentials();

  const base::Counter& failures() const { return failures_; }

 private:
  void run();
  void attempt(const char* what, const base::Result<void>& result);
  base::Result<void> gather_addresses();

  const Options options_;
  identity::Registry& registry_;
  detect::posture::Posture& posture_;
  base::Counter failures_;
  std::string filter_etag_ = "?";  // of the one that was judged; no filter has this
  detect::posture::SourceAddresses seen_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::posture
