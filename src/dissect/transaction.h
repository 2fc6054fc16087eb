#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "dissect/protocol.h"

namespace dissect {

// An Object that owns its name.
struct NamedObject {
  std::string_view space;
  std::string name;
  std::uint64_t first = 0;
  std::uint32_t count = 0;

  bool operator==(const NamedObject&) const = default;
};

// A request with its response, or one of them, or what needs no response: the same for all
// protocols. Who asked is the client, whoever opened the flow.
struct Transaction {
  std::string_view protocol;  // Protocol::name
  Kind kind =
      Kind::Request;  // Request: with or without response; Response: its request was not seen
  End client;         // of OneWay: the sender
  End server;
  std::uint16_t vlan = 0;
  base::WallTime time;                     // of the request; else of what was seen
  std::optional<base::WallTime> answered;  // of the last response
  std::uint64_t packet = 0;                // of the request; else of what was seen
  std::uint64_t answer_packet = 0;
  Operation operation;
  Operation sub_operation;
  Access access = Access::None;
  std::optional<std::uint32_t> unit;
  std::vector<NamedObject> objects;
  Status status;
  std::uint32_t request_bytes = 0;
  std::uint32_t response_bytes = 0;
};

// Transactions to use again, with the memory that they have: one for all flows of a thread.
// Threads: one.
class TransactionPool {
 public:
  // As a new one is, but for `objects`: what is there was another's, and has room for new ones.
  std::unique_ptr<Transaction> take();
  // Kept for the next, at most kKept of them and what they hold bounded.
  void give(std::unique_ptr<Transaction> used);

 private:
  static constexpr std::size_t kKept = 256;
  static constexpr std::size_t kLongName = 256;  // longer ones give their memory back
  std::vector<std::unique_ptr<Transaction>> free_;
};

// Puts responses to their requests, for one flow, with bounded memory: at most kPending requests
// of each side wait. A request is given up, and told without a response, when it waited too long,
// when another with its key follows, when there is no room, or at the end. Time is the packets'.
// Threads: one.
class Matcher {
 public:
  static constexpr std::size_t kPending = 256;
  static constexpr base::WallTime::duration kPatience = std::chrono::seconds(30);
  using Tell = std::function<void(const Transaction&)>;

  // `pool` outlives it.
  Matcher(std::string_view protocol, TransactionPool& pool) : protocol_(protocol), pool_(&pool) {}

  // What became complete is told, oldest first, and is good during the call.
  void take(const Message& message, const Pdu& pdu, const Tell& tell);
  // Gives up what waited since before `time - kPatience`.
  void pass_time(base::WallTime time, const Tell& tell);
  void finish(const Tell& tell);

  std::size_t pending() const { return sides_[0].size() + sides_[1].size(); }
  // Requests that were given up for want of room.
  std::uint64_t crowded_out() const { return crowded_out_; }

 private:
  struct Waiting {
    std::uint64_t key = 0;
    std::unique_ptr<Transaction> transaction;
  };
  using Queue = std::vector<Waiting>;  // oldest first

  std::unique_ptr<Transaction> begin(const Message& message, const Pdu& pdu) const;
  void ask(const Message& message, const Pdu& pdu, const Tell& tell);
  void answer(const Message& message, const Pdu& pdu, const Tell& tell);
  void tell_and_keep(std::unique_ptr<Transaction> done, const Tell& tell);
  void give_up(Queue& queue, base::WallTime time, const Tell& tell);
  void tell_first(Queue& queue, std::size_t count, const Tell& tell);

  std::string_view protocol_;
  TransactionPool* pool_;
  Queue sides_[2];
  std::uint64_t crowded_out_ = 0;
};

}  // namespace dissect
