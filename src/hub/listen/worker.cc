#include "hub/listen/worker.h"

#include <algorithm>
#include <csignal>

#include <pthread.h>

#include "base/log.h"

namespace hub::listen {

using base::Result;
using link::Outcome;
using operations::Reason;

Result<std::unique_ptr<Worker>> Worker::create(link::Service& service, const TlsServer& tls) {
  std::unique_ptr<Worker> worker(new Worker(service, tls));
  worker->loop_ = TRY(os::Loop::create());
  worker->loop_->every(service.options.tick, [self = worker.get()] { self->tick(); });
  worker->gate_->worker = worker.get();
  return worker;
}

Worker::~Worker() {
  stop();
  const std::lock_guard lock(gate_->mutex);
  gate_->worker = nullptr;
}

void Worker::start(unsigned number) {
  thread_ = std::thread([this, number] {
    // Signals are the main thread's; a write to a closed socket is an error like others.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), ("listen-" + std::to_string(number)).c_str());
    const auto ended = loop_->run();
    if (ended) return;
    LOG_ERROR("listen.loop").field("error", ended.error().to_string());
  });
}

Connection* Worker::find(std::uint32_t connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second.get();
}

std::uint32_t Worker::new_id() {
  do {
    ++last_id_;
  } while (last_id_ == 0 || connections_.contains(last_id_));
  return last_id_;
}

void Worker::adopt(Accepted accepted, const Protocol& protocol) {
  load_.fetch_add(1, std::memory_order_relaxed);
  auto owned = std::make_shared<Accepted>(std::move(accepted));
  loop_->post([this, owned, &protocol] { add(std::move(*owned), protocol); });
}

void Worker::add(Accepted accepted, const Protocol& protocol) {
  const std::uint32_t id = new_id();
  auto connection =
      std::make_unique<Connection>(service_, *this, id, tls_, protocol, std::move(accepted));
  Connection& added = *connections_.emplace(id, std::move(connection)).first->second;
  if (reading_stopped_) {
    finished(id);
  } else {
    added.start();
  }
}

void Worker::cut(std::uint32_t connection, Reason reason) {
  loop_->post([this, connection, reason] {
    if (Connection* found = find(connection)) found->cut(reason);
  });
}

void Worker::deliver(std::uint32_t connection, link::Delivery delivery) {
  loop_->post([this, connection, delivery = std::move(delivery)] {
    if (Connection* found = find(connection)) found->deliver(delivery);
  });
}

void Worker::report(const Outcome& outcome) {
  bool post = false;
  {
    const std::lock_guard lock(outcomes_mutex_);
    outcomes_.push_back(outcome);
    post = !settle_posted_;
    settle_posted_ = true;
  }
  if (post) loop_->post([this] { settle_outcomes(); });
}

// A batch of outcomes becomes one write for each connection.
void Worker::settle_outcomes() {
  {
    const std::lock_guard lock(outcomes_mutex_);
    settling_.clear();
    settling_.swap(outcomes_);
    settle_posted_ = false;
  }
  touched_.clear();
  std::uint32_t last_id = 0;
  Connection* last = nullptr;
  for (const Outcome& outcome : settling_) {
    if (outcome.connection != last_id) {
      last_id = outcome.connection;
      last = find(last_id);
      if (last != nullptr) touched_.push_back(last);
    }
    if (last != nullptr) last->settled(outcome);
  }
  // Nothing is destroyed before bury().
  std::ranges::sort(touched_);
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (Connection* connection : touched_) {
    connection->flush();
    connection->unpause();
  }
}

void Worker::wait_for_room(std::uint32_t connection) {
  room_waiters_.push_back(connection);
  if (room_waiters_.size() > 1) return;
  service_.sink.on_room([gate = gate_] {
    const std::lock_guard lock(gate->mutex);
    Worker* worker = gate->worker;
    if (worker != nullptr) worker->loop_->post([worker] { worker->room(); });
  });
}

void Worker::room() {
  std::vector<std::uint32_t> waiters;
  waiters.swap(room_waiters_);
  for (const std::uint32_t id : waiters) {
    if (Connection* connection = find(id)) connection->room();
  }
}

void Worker::come_again(std::uint32_t connection) {
  loop_->after(std::chrono::nanoseconds(0), [this, connection] {
    if (Connection* found = find(connection)) found->take_turn();
  });
}

void Worker::finished(std::uint32_t connection) {
  finished_.push_back(connection);
  if (finished_.size() == 1) loop_->after(std::chrono::nanoseconds(0), [this] { bury(); });
}

void Worker::bury() {
  for (const std::uint32_t id : finished_) {
    if (connections_.erase(id) == 0) continue;
    load_.fetch_sub(1, std::memory_order_relaxed);
    service_.connections.fetch_sub(1);
  }
  finished_.clear();
}

void Worker::tick() {
  const base::MonoTime now = service_.options.mono_now();
  for (const auto& [id, connection] : connections_)
    connection->tick(now);
}

void Worker::stop_reading() {
  loop_->post([this] {
    reading_stopped_ = true;
    for (const auto& [id, connection] : connections_)
      connection->stop_reading();
  });
}

void Worker::close_all() {
  settle_outcomes();
  for (const auto& [id, connection] : connections_)
    connection->cut(Reason::Stopping);
  // Destroying them says what of the goodbye the sockets did not take.
  service_.connections.fetch_sub(connections_.size());
  load_.store(0, std::memory_order_relaxed);
  finished_.clear();
  connections_.clear();
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  loop_->post([this] {
    reading_stopped_ = true;
    close_all();
    loop_->stop();
  });
  thread_.join();
}

}  // namespace hub::listen
