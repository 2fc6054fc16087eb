#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/commands/message.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"

namespace hub::commands {

// The defaults are IoT Hub's.
struct Options {
  std::string path;                           // the SQLite file, made when absent
  std::size_t max_message_bytes = 64 * 1024;  // as size_of() counts
  std::size_t max_per_device = 50;            // that wait, locked ones included
  unsigned max_delivery_count = 10;           // dead-lettered instead of delivered once more
  std::chrono::seconds default_ttl{3'600};    // of a message that says no expiry
  std::chrono::seconds max_ttl{2 * 86'400};   // a later expiry becomes this
  std::chrono::seconds lock{60};              // until a message that was not settled waits again
  std::size_t feedback_batch = 64;            // so many are handed out together,
  std::chrono::seconds feedback_delay{15};    // or what there is after that long
  std::chrono::seconds feedback_ttl{3'600};   // then nobody wanted it
  std::chrono::seconds feedback_lock{60};
  unsigned max_feedback_deliveries = 100;
  std::size_t max_feedback = 100'000;         // records; the oldest goes
  std::size_t meter_block = 4096;             // bytes that one metered unit covers
  std::size_t max_queued = 4096;              // requests on their way to the store,
  std::size_t max_queued_bytes = 16U << 20U;  // and their bodies
  std::chrono::milliseconds sweep{1'000};     // how often expiries are looked at
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter sent;
  base::Counter refused;  // not taken: limits, unknown receivers, what is not acceptable
  base::Counter delivered;
  base::Counter completed;
  base::Counter rejected;
  base::Counter abandoned;  // given back, or not settled before the lock ended
  base::Counter expired;
  base::Counter delivery_count_exceeded;
  base::Counter purged;
  base::Counter lock_lost;         // settled too late
  base::Counter overloaded;        // requests refused, as too many were on their way
  base::Counter failed;            // requests that the store could not serve
  base::Counter feedback_dropped;  // nobody fetched it in time, or there was too much
};

// What the sender gets back.
struct Receipt {
  std::int64_t sequence = 0;
  base::WallTime enqueued;
  base::WallTime expires;
};

// A message that nobody else gets until it is settled or the lock ends.
struct Locked {
  CloudMessage message;
  std::string lock_token;
  std::int64_t sequence = 0;
  base::WallTime enqueued;
  base::WallTime expires;
  unsigned delivery_count = 0;  // this delivery included: 1 at the first
};

// How a lock ends with the hub: a lock of a connection (MQTT, AMQP) ends with it, one of a token
// (HTTPS) is kept.
enum class Holder : std::uint8_t { Connection, Token };

enum class Settlement : std::uint8_t { Complete, Reject, Abandon };

// A receiver, and what is to be recorded of it: protocol, ip, sdk_version, auth, TLS.
struct Client {
  identity::Name name;
  std::string generation_id;
  operations::Record record;
};

// As lists show them.
struct Waiting {
  std::int64_t sequence = 0;
  std::string message_id;
  std::string input;
  base::WallTime enqueued;
  base::WallTime expires;
  Ack ack = Ack::None;
  std::size_t bytes = 0;
  unsigned delivery_count = 0;
  bool locked = false;
};

// Feedback of one or many messages, locked as a message is.
struct FeedbackBatch {
  std::string lock_token;
  std::int64_t sequence = 0;
  base::WallTime enqueued;
  unsigned delivery_count = 0;
  std::vector<Feedback> records;
};

// Cloud-to-device messages on their way: one queue for each device and module, and one of feedback
// for the whole hub, in SQLite. One thread of its own changes them; requests that wait together are
// one transaction, and nobody is told of one before it is durable.
//
// Waiting -> locked -> completed, or dead-lettered: rejected, expired, or delivered too often. An
// abandoned message, and one whose lock ended, waits again in its old place. The record of each
// step goes to `operations`: send, deliver, complete, abandon, reject (with the reason, also for
// what nobody rejected), purge.
// `registry` and `operations` must outlive it. Threads: any.
class Messages {
 public:
  // Called once: on the messages' thread, for one device in the order of its requests; or with
  // Unavailable on the caller's before the call returns, when too many requests wait. Cheap.
  template <class T>
  using Done = std::function<void(base::Result<T>)>;

  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Messages>> open(Options options, identity::Registry& registry,
                                                      operations::Operations& operations);
  ~Messages();  // stops
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;

  // `record`: protocol, ip, actor and so on of the sender. Errors: NotFound (no such identity),
  // Full (max_per_device), Invalid and TooLarge (of check()), those of the store; status_of() has
  // their numbers.
  void send(CloudMessage message, operations::Record record, Done<Receipt> done);
  // The same, and waits. Not on a thread that serves connections.
  base::Result<Receipt> send(CloudMessage message, operations::Record record);

  // May there be something to receive? Never false when there is. Does not wait for the store.
  bool may_receive(const identity::Name& name) const;
  // Locks up to `most` messages, the oldest first. An empty list: there is none.
  // Errors: NotFound (the identity of that generation is gone), those of the store.
  void receive(Client client, std::size_t most, Holder holder, Done<std::vector<Locked>> done);
  base::Result<std::vector<Locked>> receive(Client client, std::size_t most, Holder holder);

  // Errors: Conflict (the lock ended, or never was this receiver's), those of the store.
  void settle(Client client, std::string lock_token, Settlement settlement, Done<void> done);
  base::Result<void> settle(Client client, std::string lock_token, Settlement settlement);

  // How many messages wait for it, locked ones included.
  std::size_t count(const identity::Name& name) const;
  // The oldest first. Errors: NotFound, those of the store.
  base::Result<std::vector<Waiting>> list(const identity::Name& name) const;
  // Drops all that wait for it; the senders that asked are told. Waits.
  base::Result<std::uint64_t> purge(const identity::Name& name, operations::Record record);

  // Up to feedback_batch records; nullopt: none is due.
  void receive_feedback(Done<std::optional<FeedbackBatch>> done);
  base::Result<std::optional<FeedbackBatch>> receive_feedback();
  // Complete and Reject both end it. Errors: Conflict (the lock ended).
  void settle_feedback(std::string lock_token, Settlement settlement, Done<void> done);
  base::Result<void> settle_feedback(std::string lock_token, Settlement settlement);

  // What is kept of a session for the identity's next one, in the words of its protocol: for MQTT
  // the subscription to messages. nullopt: nothing. Does not wait for the store.
  std::optional<std::uint8_t> kept_subscription(const identity::Name& name,
                                                std::string_view generation_id) const;
  // Keeps or (nullopt) forgets it. The change is durable soon after.
  void keep_subscription(const identity::Name& name, const std::string& generation_id,
                         std::optional<std::uint8_t> kept);

  // Called when something came to wait for that receiver, or waits again. On the messages' thread;
  // cheap. Before serving only.
  void add_listener(std::function<void(const identity::Name&)> listener);
  // The same of feedback that is due.
  void add_feedback_listener(std::function<void()> listener);

  // Looks at expiries now, and waits until that is done. For tests; it happens by itself.
  void sweep();

  const Options& options() const;
  const Counters& counters() const;

  // Answers what waits, takes nothing more, ends the thread. Idempotent.
  void stop();

 private:
  struct State;
  explicit Messages(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::commands
