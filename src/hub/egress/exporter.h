#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/counter.h"
#include "store/query.h"

namespace hub::egress {

// Writes results of queries into files, one after another on a thread of its own: an export takes
// minutes, and those who ask questions meanwhile want their query threads.
// Threads: any, but stop() once.
class Exporter {
 public:
  struct Options {
    std::uint64_t max_bytes = std::uint64_t{4} << 30U;  // of one file
    std::chrono::milliseconds timeout{600'000};         // for one
    std::size_t max_waiting = 8;
  };
  // Since start.
  struct Counters {
    base::Counter exports;
    base::Counter bytes;
    base::Counter failed;   // the query's own faults included
    base::Counter refused;  // too many were waiting
  };
  using Outcome = std::expected<store::ExportedFile, store::QueryFailure>;
  struct Job {
    std::string query;
    kql::Parameters parameters = {};
    store::ExportFormat format = store::ExportFormat::Ndjson;
    base::WallTime now;
    store::Cancel* cancel = nullptr;    // lives until `done` is called and gone
    std::function<void(Outcome)> done;  // called once, on the exporter's thread
  };

  // `queries` must outlive it.
  Exporter(store::Queries& queries, Options options);
  ~Exporter();  // stops
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // False: too many wait already, or it has stopped; nothing happened to the job.
  [[nodiscard]] bool submit(Job& job);
  // Answers those that wait, and the one that runs, with Closed.
  void stop();
  const Counters& counters() const { return counters_; }

 private:
  void run(const std::stop_token& stop);

  store::Queries& queries_;
  const Options options_;
  Counters counters_;
  std::mutex mutex_;  // guards the three below; running_ changes on the thread only
  std::condition_variable_any wake_;
  std::deque<Job> waiting_;
  bool stopped_ = false;
  store::Cancel* running_ = nullptr;
  std::jthread thread_;
};

}  // namespace hub::egress
