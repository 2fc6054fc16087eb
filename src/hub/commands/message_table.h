#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hub/commands/message.h"
#include "hub/commands/messages.h"
#include "store/sqlite.h"

namespace hub::commands {

// A message as it is kept.
struct Stored {
  Locked content;  // lock_token empty: it waits
  std::string generation_id;
  operations::Protocol protocol = operations::Protocol::None;  // of the last delivery
};

// The rows behind the messages. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement; Corrupt (a row that is no message).
class MessageTable {
 public:
  static base::Result<void> migrate(store::Sqlite& database);
  explicit MessageTable(store::Sqlite database) : database_(std::move(database)) {}

  base::Result<store::Transaction> begin() { return store::Transaction::begin(database_); }

  // Gives the sequence number.
  base::Result<std::int64_t> insert(const Stored& message);
  base::Result<void> erase(std::int64_t sequence);
  // The oldest that waits and has not expired.
  base::Result<std::vector<Stored>> waiting(const identity::Name& name,
                                            std::string_view generation_id, base::WallTime now,
                                            std::size_t most);
  // nullopt: that lock is over.
  base::Result<std::optional<Stored>> locked(const identity::Name& name, std::string_view token);
  base::Result<void> lock(std::int64_t sequence, std::string_view token, base::WallTime until,
                          Holder holder, operations::Protocol protocol);
  base::Result<void> unlock(std::int64_t sequence);
  // All of that receiver, a device's modules not among them.
  base::Result<std::vector<Stored>> all(const identity::Name& name);
  base::Result<std::vector<Waiting>> list(const identity::Name& name,
                                          std::string_view generation_id);
  base::Result<std::vector<Stored>> expired(base::WallTime now, std::size_t most);
  base::Result<std::vector<Stored>> lock_ended(base::WallTime now, std::size_t most);
  // Those of connections, which are gone after a start.
  base::Result<void> unlock_connections();
  base::Result<bool> empty();
  // What is kept of a device and its modules, or of that module.
  base::Result<std::vector<identity::Name>> names(const identity::Name& name);
  // Everything of that receiver, but what is of that generation.
  base::Result<void> forget(const identity::Name& name, std::string_view but_generation);
  // Those that have not expired.
  base::Result<std::size_t> count(const identity::Name& name, base::WallTime now);
  // All.
  base::Result<std::size_t> count(const identity::Name& name);
  base::Result<std::vector<std::pair<identity::Name, std::size_t>>> counts();

  struct Subscription {
    identity::Name name;
    std::string generation_id;
    std::uint8_t qos = 0;
  };
  base::Result<std::vector<Subscription>> subscriptions();
  base::Result<void> keep(const Subscription& subscription);
  base::Result<void> drop(const identity::Name& name);

  base::Result<void> add_feedback(const Feedback& feedback);
  base::Result<std::size_t> count_feedback();
  // The oldest that is in no batch.
  base::Result<std::optional<base::WallTime>> oldest_feedback();
  base::Result<std::size_t> count_unbatched();
  // Puts up to `most` records that are in none into a batch.
  base::Result<void> make_batch(base::WallTime now, std::size_t most);
  // The oldest batch that nobody holds; its token is empty.
  base::Result<std::optional<FeedbackBatch>> batch(base::WallTime now);
  base::Result<void> lock_batch(std::int64_t sequence, std::string_view token,
                                base::WallTime until);
  // The sequence of the batch of that lock and how often it was delivered; nullopt: it is over.
  base::Result<std::optional<std::pair<std::int64_t, unsigned>>> find_batch(std::string_view token,
                                                                            base::WallTime now);
  base::Result<void> unlock_batch(std::int64_t sequence);
  // Gives the number of records that went with it.
  base::Result<std::uint64_t> erase_batch(std::int64_t sequence);
  // Records older than `before`, and the oldest ones beyond `most`; gives how many went.
  base::Result<std::uint64_t> trim_feedback(base::WallTime before, std::size_t most);

 private:
  base::Result<std::vector<Stored>> read_all(store::Statement rows);

  store::Sqlite database_;
};

}  // namespace hub::commands
