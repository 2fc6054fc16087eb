#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "hub/listen/connection.h"
#include "hub/listen/tls.h"
#include "os/loop.h"

namespace hub::listen {

// One thread with a loop of its own, and the connections that it owns.
class Worker final : public link::Host {
 public:
  // `service` and `tls` must outlive it. Errors: Io.
  static base::Result<std::unique_ptr<Worker>> create(link::Service& service, const TlsServer& tls);
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(unsigned number);
  os::Loop& loop() { return *loop_; }

  // Threads: any. The connection is counted in service.connections and pending_logins already.
  // `protocol` must outlive the worker.
  void adopt(Accepted accepted, const Protocol& protocol);
  void cut(std::uint32_t connection, operations::Reason reason) override;
  void report(const link::Outcome& outcome) override;
  void deliver(std::uint32_t connection, link::Delivery delivery) override;
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  void stop_reading();
  // Hands on what was reported, closes the connections and joins the thread.
  void stop();

  // From its connections.
  void wait_for_room(std::uint32_t connection);
  void come_again(std::uint32_t connection);
  void finished(std::uint32_t connection);

 private:
  // Lets the sink call back after the worker is gone.
  struct Gate {
    std::mutex mutex;
    Worker* worker = nullptr;  // guarded by mutex
  };

  Worker(link::Service& service, const TlsServer& tls) : service_(service), tls_(tls) {}
  Connection* find(std::uint32_t connection);
  std::uint32_t new_id();
  void add(Accepted accepted, const Protocol& protocol);
  void settle_outcomes();
  void room();
  void tick();
  void bury();
  void close_all();

  link::Service& service_;
  const TlsServer& tls_;
  std::unique_ptr<os::Loop> loop_;
  std::thread thread_;
  std::atomic<std::size_t> load_{0};

  // The thread's own.
  std::unordered_map<std::uint32_t, std::unique_ptr<Connection>> connections_;
  std::uint32_t last_id_ = 0;
  std::vector<std::uint32_t> finished_;
  std::vector<std::uint32_t> room_waiters_;
  std::vector<link::Outcome> settling_;
  std::vector<Connection*> touched_;
  bool reading_stopped_ = false;

  std::mutex outcomes_mutex_;
  std::vector<link::Outcome> outcomes_;  // guarded by outcomes_mutex_
  bool settle_posted_ = false;           // guarded by outcomes_mutex_

  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace hub::listen
