#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/loop.h"
#include "schema/message.h"
#include "uplink/uplink.h"

namespace sensor::delivery {

// The way to the hub on a thread of its own: events go in from another thread, and are on their
// way, across restarts of either side, as uplink::Uplink has it.
class Sender {
 public:
  // What happens to an event that finds kMostWaiting others before it.
  enum class Full : std::uint8_t {
    Drop,  // it is counted: packets do not wait
    Wait,  // submit() does, also for the hub to take what the spool holds: files can
  };
  static constexpr std::size_t kMostWaiting = 20'000;

  // Opens the spool and begins to connect. `options.desired` is called on the sender's thread.
  // Errors: those of uplink::Uplink::open.
  static base::Result<std::unique_ptr<Sender>> start(uplink::Uplink::Options options, Full full);
  // Ends the connection; what is not acknowledged is in the spool.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Threads of all below: any.
  void submit(schema::Event event, uplink::Priority priority);
  // Runs that with the uplink on the sender's thread, soon.
  void with_uplink(std::function<void(uplink::Uplink&)> task);
  // Of a moment ago.
  uplink::Uplink::Stats stats() const;
  std::uint64_t dropped() const;
  // Waits until the hub has everything, or that long. False: it has not.
  bool drain(std::chrono::nanoseconds patience);
  // submit() and drain() wait no longer.
  void hurry();

 private:
  explicit Sender(Full full) : full_(full) {}
  void work();
  void take_waiting();
  void look();
  bool roomy() const;  // under mutex_

  static constexpr std::chrono::milliseconds kLook{100};
  using Waiting = std::vector<std::pair<schema::Event, uplink::Priority>>;

  const Full full_;
  std::unique_ptr<os::Loop> loop_;
  std::unique_ptr<uplink::Uplink> uplink_;  // the thread's
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Waiting waiting_;  // under mutex_, as all below
  uplink::Uplink::Stats stats_;
  std::size_t spool_bytes_ = 0;  // that the spool may hold
  bool quiet_ = false;
  bool hurried_ = false;
  std::uint64_t dropped_ = 0;
  std::thread thread_;
};

}  // namespace sensor::delivery
