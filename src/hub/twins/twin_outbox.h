#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/twins/twin.h"
#include "store/events.h"
#include "store/sqlite.h"

namespace hub::twins {

// What happened to a twin.
struct TwinNote {
  const Twin& twin;
  std::string_view generation_id;
  std::string_view operation;  // created, updated, deleted
  std::string_view parts;      // "Tags,Desired"
  std::string_view actor;
  base::WallTime time;
};

// Changes of twins on their way into DeviceTwins: a row for each, written in the transaction of the
// change itself, and there until the event store has it. Ids rise without gaps.
// Threads: any, but for note(), which belongs to the transaction's owner.
class TwinOutbox {
 public:
  // The SQL behind it, a step of TwinTable's; what twins there are goes in first.
  static std::string_view migration();

  explicit TwinOutbox(store::Sqlite database) : database_(std::move(database)) {}

  // Adds a row within a transaction of `database`. Errors: those of store::Sqlite.
  static base::Result<void> note(store::Sqlite& database, const TwinNote& note);

  // Rows after the id `after`, oldest first. Errors: those of store::Sqlite.
  base::Result<std::vector<store::TwinRow>> rows(std::uint64_t after, std::size_t limit);
  // Forgets rows up to that id, which the event store has. Errors: as above.
  base::Result<void> trim(std::uint64_t up_to);
  // Goes on behind what the event store has. Where rows between are gone, or the store knows more
  // than this file, one of them is an older copy: all twins go in again as they are now.
  // Errors: as above.
  base::Result<void> continue_after(std::uint64_t after, base::WallTime now);

  // Called when there is more, on the twins' thread. An empty one removes it; after that it is not
  // called any more.
  void on_grown(std::function<void()> callback);
  void grown();

 private:
  std::mutex mutex_;  // guards database_
  store::Sqlite database_;
  std::mutex callback_mutex_;  // guards grown_
  std::function<void()> grown_;
};

}  // namespace hub::twins
