#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "agent/watch/snapshot.h"
#include "base/result.h"
#include "os/loop.h"
#include "schema/message.h"

namespace agent {

// Takes pictures, one after the other on a thread of its own: all of them when it begins, then each
// as often as the period says, and one that was off when it is wanted again. Time is monotonic: a
// stepping wall clock changes nothing. Threads: the loop's; Snapshot's own members run on the
// worker.
class Snapshots {
 public:
  struct Options {
    std::chrono::nanoseconds period = std::chrono::hours(13);
    std::set<schema::EventName> off{};
    std::function<void(schema::Event)> emit{};
    // One could not be taken; the next period tries it again.
    std::function<void(schema::EventName, const base::Error&)> failed{};
  };

  Snapshots(os::Loop& loop, std::vector<std::unique_ptr<Snapshot>> snapshots, Options options);
  // Waits for the picture that is being taken.
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  // Takes all of them now.
  void start();
  // A shorter period counts from the last picture, too; what is due by that is taken at once.
  void set_period(std::chrono::nanoseconds period);
  void set_off(std::set<schema::EventName> off);
  // Takes that one now, too: what it depends on is another.
  void take_again(schema::EventName event);
  // Begins no further picture. What is under way is abandoned, and told if it is done all the same
  // before the loop ends.
  void stop();

  // Nothing is being taken or waits for it.
  bool idle() const;
  // Of those that were taken at least once.
  std::vector<SourceReport> sources() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace agent
