#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/event.h"
#include "audit/rules.h"
#include "base/result.h"
#include "os/loop.h"

namespace audit {

// What the stream saw and what it knows it missed, since it was made.
struct StreamStats {
  std::uint64_t records = 0;
  std::uint64_t events = 0;
  std::uint64_t malformed = 0;    // records that could not be read
  std::uint64_t incomplete = 0;   // events whose end did not come in time
  std::uint64_t overruns = 0;     // times the kernel said that it dropped an unknown number
  std::uint64_t gaps = 0;         // events whose serial number never came
  std::uint64_t kernel_lost = 0;  // records the kernel counted as lost; where a daemon runs, some
                                  // of these may have been lost to the daemon only
  std::uint64_t lost() const { return gaps + kernel_lost; }
};

// The audit trail of this device, shared by all in the agent: one socket, whoever listens.
//
// It listens beside auditd and journald (multicast, needs CAP_AUDIT_READ), from the first
// subscription on and as long as there is one. Rules are installed only by watch(). Threads: the
// loop's.
class Stream {
 public:
  using Callback = std::function<void(const Event&)>;

  struct Options {
    std::size_t socket_bytes = std::size_t{8} << 20U;   // kernel memory for what waits
    std::chrono::milliseconds assembly_time{2000};      // for the end of an event
    std::chrono::milliseconds status_interval{10'000};  // between looks at the kernel's count
    // Switch auditing on where it is off for want of a daemon; see watch().
    bool may_enable = true;
    // The kernel's command line, and where processes are; for tests.
    std::string proc = "/proc";
  };

  // Ends what it stands for when destroyed; harmless after the stream.
  class Lease {
   public:
    Lease() = default;
    explicit Lease(std::function<void()> end) : end_(std::move(end)) {}
    ~Lease() { reset(); }
    Lease(Lease&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        reset();
        end_ = std::exchange(other.end_, nullptr);
      }
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    void reset() {
      if (auto end = std::exchange(end_, nullptr)) end();
    }
    explicit operator bool() const { return end_ != nullptr; }

   private:
    std::function<void()> end_;
  };

  Stream(os::Loop& loop, Options options);
  explicit Stream(os::Loop& loop) : Stream(loop, Options()) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Hands over each event that has a record of one of these types, with all records of that event;
  // no types: every event. Subscribing and ending subscriptions within the callback is allowed.
  // Errors: Denied (needs CAP_AUDIT_READ), Unsupported (no audit in this kernel, or audit=0), Io.
  base::Result<Lease> subscribe(std::vector<RecordType> types, Callback callback);

  // Installs rules of our own key behind those that are there, for as long as the lease lives, and
  // removes what an earlier run of ours left. Rules of others are never touched: an event may bear
  // another rule's key than ours, or be kept from us by a "never" rule (then note() says so).
  //
  // Where auditing is off because there is no daemon, it is switched on for that long (said in the
  // log and in note()), and this process takes the daemon's place, so that the kernel does not
  // write every record into its own log; it makes room when a daemon asks for the place. Where a
  // daemon is there and auditing is off, it stays off: that is somebody's decision.
  // Errors: Denied (needs CAP_AUDIT_CONTROL; off, locked or panicking by policy), Unsupported (no
  // audit; a rule "never,task" switches off what rules need), Io.
  //
  // Rules that somebody removes are put back; when that is not possible, or auditing is switched
  // off, `on_failed` is called, and the lease is to be given up in a later turn of the loop.
  using Failed = std::function<void(const base::Error&)>;
  base::Result<Lease> watch(const std::vector<Rule>& rules, Failed on_failed = {});

  // Is auditing on? nullopt: not known (needs CAP_AUDIT_CONTROL).
  std::optional<bool> enabled() const;
  // What is worth knowing about how it works here, for people; may be empty.
  std::string note() const;

  // Hands over what waits in the kernel, without waiting for more; an event that still lacks its
  // end stays. False, and nothing is done, from within a callback.
  bool drain();
  StreamStats stats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace audit
