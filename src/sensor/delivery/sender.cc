#include "sensor/delivery/sender.h"

#include "base/log.h"
#include "os/thread.h"

namespace sensor::delivery {

base::Result<std::unique_ptr<Sender>> Sender::start(uplink::Uplink::Options options, Full full) {
  std::unique_ptr<Sender> sender(new Sender(full));
  sender->loop_ = TRY(os::Loop::create());
  sender->spool_bytes_ = options.spool.max_bytes;
  sender->uplink_ = TRY(uplink::Uplink::open(*sender->loop_, std::move(options)));
  sender->thread_ = os::start_thread("sensor-uplink", [raw = sender.get()] { raw->work(); });
  return sender;
}

Sender::~Sender() {
  if (!thread_.joinable()) return;
  hurry();
  loop_->post([this] {
    take_waiting();
    uplink_->stop();
    loop_->stop();
  });
  thread_.join();
}

void Sender::work() {
  uplink_->start();
  look();
  loop_->every(kLook, [this] { look(); });
  if (const auto ran = loop_->run(); !ran) {
    LOG_ERROR("sensor.uplink_failed").field("error", ran.error().to_string());
    hurry();
  }
}

bool Sender::roomy() const {
  if (waiting_.size() >= kMostWaiting) return false;
  // Half of the spool, so that nothing in it has to go for what comes.
  return full_ == Full::Drop || stats_.spool.bytes < spool_bytes_ / 2;
}

void Sender::submit(schema::Event event, uplink::Priority priority) {
  std::unique_lock lock(mutex_);
  if (full_ == Full::Wait) changed_.wait(lock, [this] { return hurried_ || roomy(); });
  if (!roomy()) {
    ++dropped_;
    return;
  }
  quiet_ = false;
  waiting_.emplace_back(std::move(event), priority);
  if (waiting_.size() == 1) loop_->post([this] { take_waiting(); });
}

void Sender::take_waiting() {
  Waiting events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(waiting_);
  }
  for (auto& [event, priority] : events)
    uplink_->submit(std::move(event), priority);
  look();
}

// Before it is told that all is quiet, nothing may have come in meanwhile.
void Sender::look() {
  uplink::Uplink::Stats stats = uplink_->stats();
  const bool quiet = uplink_->quiet();
  const std::lock_guard lock(mutex_);
  stats_ = std::move(stats);
  quiet_ = quiet && waiting_.empty();
  changed_.notify_all();
}

void Sender::with_uplink(std::function<void(uplink::Uplink&)> task) {
  loop_->post([this, task = std::move(task)] { task(*uplink_); });
}

uplink::Uplink::Stats Sender::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::uint64_t Sender::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

bool Sender::drain(std::chrono::nanoseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return hurried_ || quiet_; });
  return quiet_;
}

void Sender::hurry() {
  const std::lock_guard lock(mutex_);
  hurried_ = true;
  changed_.notify_all();
}

}  // namespace sensor::delivery
