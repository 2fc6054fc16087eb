#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "hub/commands/message_table.h"
#include "hub/commands/messages.h"
#include "hub/commands/work.h"
#include "os/batch_queue.h"

namespace hub::commands {

struct NameHash {
  std::size_t operator()(const identity::Name& name) const {
    return base::table_hash(base::as_bytes(name.device_id)) ^
           (base::table_hash(base::as_bytes(name.module_id)) * 31);
  }
};

// Makes what happens to messages durable: steps wait in a queue, and one thread takes all that wait
// in one transaction. What they have to say is said afterwards: to whom it was asked by, to the
// operations, to the listeners. What is given must outlive it. Threads: any, after start().
class Keeper {
 public:
  Keeper(const Options& options, identity::Registry& registry, operations::Operations& operations,
         Counters& counters, MessageTable table);
  ~Keeper() { stop(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  base::Result<void> start();  // once; errors: those of the store
  void stop();                 // what was taken in is done; idempotent

  // A part of a transaction; may run twice, in another transaction then. Its error is the store's,
  // what is wrong with the request is in `result`.
  template <class T>
  using Step = std::function<base::Result<void>(Work&, base::Result<T>& result)>;
  // `done` gets the result when it is durable; Unavailable: it could not be kept, or too much
  // waits. What is vital is small, and is taken in however much waits.
  enum class Weight : bool { Usual, Vital };
  template <class T>
  void submit(std::size_t bytes, Weight weight, Step<T> step, Messages::Done<T> done);
  // Vital, too, and nobody waits for it. Lost after stop() and when the store fails.
  void submit(std::function<base::Result<void>(Work&)> step);

  // How many messages wait for it.
  std::size_t length(const identity::Name& name) const;
  // Does what time has made due, after all that was submitted before, and waits for it.
  void sweep();

  // Called by the thread.
  void add_listener(std::function<void(const identity::Name&)> listener);
  void add_feedback_listener(std::function<void()> listener);

 private:
  struct Job {
    std::size_t size = 0;
    Weight weight = Weight::Vital;
    std::function<base::Result<void>(Work&)> apply;
    std::function<void(bool stored)> finish;

    std::size_t bytes() const { return size; }
    bool is_vital() const { return weight == Weight::Vital; }
  };
  using Lengths = std::vector<std::pair<identity::Name, std::size_t>>;

  bool submit_job(Job job);
  // The thread's.
  void run();
  void settle(std::vector<Job>& batch);
  bool commit(std::span<Job> batch);
  base::Result<Lengths> apply_all(std::span<Job> batch, Work& work);
  void remember(const Lengths& changed);
  void tell(const Work& work);
  void sweep_now();

  const Options& options_;
  identity::Registry& registry_;
  operations::Operations& operations_;
  Counters& counters_;

  std::mutex listeners_mutex_;  // guards the two below
  std::vector<std::function<void(const identity::Name&)>> listeners_;
  std::vector<std::function<void()>> feedback_listeners_;

  MessageTable table_;  // the thread's
  bool idle_ = false;   // nothing waits, so nothing can expire; the thread's

  mutable std::mutex lengths_mutex_;
  std::unordered_map<identity::Name, std::size_t, NameHash> lengths_;  // guarded by lengths_mutex_

  os::BatchQueue<Job> queue_;
  std::thread thread_;
};

template <class T>
void Keeper::submit(std::size_t bytes, Weight weight, Step<T> step, Messages::Done<T> done) {
  auto result = std::make_shared<base::Result<T>>();
  Job job;
  job.size = bytes;
  job.weight = weight;
  job.apply = [step = std::move(step), result](Work& work) { return step(work, *result); };
  job.finish = [this, done, result](bool stored) {
    if (!stored) {
      counters_.failed.add();
      *result = base::fail(base::Code::Unavailable, "commands", -1, "the queue cannot be kept now");
    }
    if (done) done(std::move(*result));
  };
  if (!submit_job(std::move(job)) && done)
    done(base::fail(base::Code::Unavailable, "commands", -1, "too many requests are waiting"));
}

}  // namespace hub::commands
