#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hub/commands/message_table.h"
#include "hub/commands/messages.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"

namespace hub::commands {

// The steps of a message's life inside one transaction, and what is to be said once it is durable.
// An error of a step is the store's: nothing of the transaction counts then. What is wrong with a
// request is in its result. Threads: the messages'.
class Work {
 public:
  Work(MessageTable& table, identity::Registry& registry, Counters& counters,
       const Options& options, base::WallTime now)
      : table_(table), registry_(registry), counters_(counters), options_(options), now_(now) {}

  base::Result<void> send(const CloudMessage& message, const operations::Record& record,
                          base::Result<Receipt>& result);
  base::Result<void> receive(const Client& client, std::size_t most, Holder holder,
                             base::Result<std::vector<Locked>>& result);
  base::Result<void> settle(const Client& client, std::string_view token, Settlement settlement,
                            base::Result<void>& result);
  base::Result<void> purge(const identity::Name& name, const operations::Record& record,
                           base::Result<std::uint64_t>& result);
  base::Result<void> receive_feedback(base::Result<std::optional<FeedbackBatch>>& result);
  base::Result<void> settle_feedback(std::string_view token, Settlement settlement,
                                     base::Result<void>& result);
  // Keeps or drops a subscription.
  base::Result<void> keep(const MessageTable::Subscription& subscription, bool wanted) {
    return wanted ? table_.keep(subscription) : table_.drop(subscription.name);
  }
  // The identity is gone; what is of a successor with the same name stays.
  base::Result<void> forget(const identity::Name& name);
  // Expiries, locks that ended, feedback that is due. True: there was more than one turn takes.
  base::Result<bool> sweep();
  // No message, no feedback.
  base::Result<bool> nothing_left();
  // The queues that changed, and how long they are.
  base::Result<std::vector<std::pair<identity::Name, std::size_t>>> lengths();

  // After the commit.
  const std::vector<operations::Record>& records() const { return records_; }
  const std::set<identity::Name>& ready() const { return ready_; }
  bool feedback_ready() const { return feedback_ready_; }
  void count_all() const;

 private:
  base::Result<std::optional<identity::Identity>> find_identity(const identity::Name& name);
  base::Result<void> dead_letter(const Stored& message, Fate fate, operations::Record record);
  // Waits again, or was delivered too often.
  base::Result<void> give_back(const Stored& message, operations::Record record);
  base::Result<void> tell(const Stored& message, Fate fate);
  base::Result<void> make_due_batches();
  void add_record(operations::Record record, std::string_view operation, const Stored& message);
  void count(base::Counter& counter, std::uint64_t by = 1) { counts_.emplace_back(&counter, by); }

  MessageTable& table_;
  identity::Registry& registry_;
  Counters& counters_;
  const Options& options_;
  base::WallTime now_;
  std::set<identity::Name> changed_;
  std::set<identity::Name> ready_;
  bool feedback_ready_ = false;
  std::vector<operations::Record> records_;
  std::vector<std::pair<base::Counter*, std::uint64_t>> counts_;
};

}  // namespace hub::commands
