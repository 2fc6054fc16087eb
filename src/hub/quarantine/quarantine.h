#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"

// Messages that did not validate: kept for a while, with the reason, so that somebody can look at
// them, have them taken after all, or throw them away.
namespace hub::quarantine {

struct Options {
  std::string path;                                // a SQLite file of its own, made when absent
  std::size_t max_bytes = std::size_t{64} << 20U;  // of messages with their properties
  std::size_t max_messages = 10'000;
  std::chrono::seconds max_age = std::chrono::days(30);
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter added;
  base::Counter evicted;  // for newer ones, when there was no room
  base::Counter expired;
  base::Counter replayed;
  base::Counter replay_refused;  // still not acceptable, or not stored
  base::Counter discarded;
};

struct Message {
  std::int64_t id = 0;         // ours; rises
  std::uint64_t sequence = 0;  // of the ingest journal
  std::string device_id;
  std::string module_id;
  std::string generation_id;
  std::string auth_method;  // JSON
  base::WallTime received;
  std::string properties;   // the bag, encoded
  std::string reason;       // message_invalid, event_invalid
  std::string why;          // for people
  std::string payload;      // as it came; only get() fills it
  std::uint64_t bytes = 0;  // of the payload
  std::uint32_t attempts = 0;
  std::optional<base::WallTime> last_attempt;
  std::string last_answer;  // of the last attempt
};

struct Filter {
  std::string device_id = {};  // empty: all
  std::string reason = {};     // empty: all
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before; empty: the first
};

struct Page {
  std::vector<Message> items;  // the newest first
  std::string next_cursor;     // empty: no more
  std::int64_t total = 0;      // of all pages
};

// Bounded by size, number and age. When there is no room, the oldest message of the device that
// takes most goes: one that talks nonsense all day does not cost the others theirs.
// Calls wait for the disk. Threads: any.
class Quarantine {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Quarantine>> open(Options options);
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  // In one transaction; durable after return. A message whose `sequence` and `received` are there
  // already changes nothing, so that the journal can be replayed. Errors: those of the store.
  base::Result<void> add(std::span<const Message> messages);

  // Errors: Invalid (cursor).
  base::Result<Page> list(const Filter& filter) const;
  // Errors: NotFound.
  base::Result<Message> get(std::int64_t id) const;

  // Gives the message to `submit`; takes it out when that succeeds, and notes the answer when not.
  // `submit` may wait for the disk. Errors: NotFound, those of `submit`.
  using Submit = std::function<base::Result<void>(const Message&)>;
  base::Result<void> replay(std::int64_t id, const Submit& submit);
  // Errors: NotFound.
  base::Result<void> discard(std::int64_t id);

  // Drops what is too old. Called every few seconds.
  base::Result<void> maintain();

  struct Held {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };
  Held held() const;
  const Counters& counters() const;

 private:
  struct State;
  explicit Quarantine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::quarantine
