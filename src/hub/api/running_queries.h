#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace store {
class Cancel;
}

namespace hub::api {

// The queries that run now, so that they can be looked at and ended. Threads: any.
class RunningQueries {
 public:
  struct Query {
    std::string id;     // unique among those that run
    std::string owner;  // who asked: a principal's name
    std::string text;
    base::WallTime started;
  };

  // Ids that were cancelled before their query came are remembered so long.
  static constexpr std::chrono::seconds kRemember{10};

  // A query's place, as long as it runs.
  class Place {
   public:
    Place() = default;
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // False: another query has that id. `cancel` and `queries` must outlive the place.
    bool take(RunningQueries& queries, Query query, store::Cancel& cancel, base::MonoTime now);

   private:
    RunningQueries* queries_ = nullptr;
    std::string id_;
  };

  // Ends the query where it is `who`'s, or anybody's for one who administers. One that still waits
  // for its turn ends as soon as it comes. True: it was running.
  bool cancel(std::string_view id, std::string_view who, bool administers, base::MonoTime now);
  // The oldest first: `who`'s, or everybody's for one who administers.
  std::vector<Query> list(std::string_view who, bool administers) const;

 private:
  struct Running {
    Query query;
    store::Cancel* cancel;
  };
  struct Early {
    std::string id;
    std::string who;
    base::MonoTime until;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Running, std::less<>> running_;  // guarded by mutex_
  std::deque<Early> early_;                              // guarded by mutex_; bounded
};

}  // namespace hub::api
