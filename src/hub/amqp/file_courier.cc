#include "hub/amqp/file_courier.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "hub/amqp/session.h"

namespace hub::amqp {

using uploads::Notification;

namespace {

constexpr std::size_t kMaxFilesOnWay = 10;  // of one link, not settled

// Gives back what nobody took: when the connection ended in between.
struct LockedFile {
  LockedFile(std::weak_ptr<FileCourier> by, std::optional<Notification> what)
      : courier(std::move(by)), notification(std::move(what)) {}
  ~LockedFile() {
    const auto alive = courier.lock();
    if (alive && notification) alive->settle(std::move(notification->lock_token), false);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  // The thread that runs this may be the courier's own, which must not be the last to hold it.
  std::weak_ptr<FileCourier> courier;
  std::optional<Notification> notification;
};

}  // namespace

std::shared_ptr<FileCourier> FileCourier::start(uploads::Uploads& uploads) {
  std::shared_ptr<FileCourier> courier(new FileCourier(uploads));
  uploads.add_listener([weak = std::weak_ptr<FileCourier>(courier)] {
    if (const auto alive = weak.lock()) alive->tell();
  });
  courier->thread_ = std::thread([self = courier.get()] { self->run(); });
  return courier;
}

FileCourier::~FileCourier() {
  stop();
}

void FileCourier::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void FileCourier::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool asked =
        changed_.wait_for(lock, kLook, [this] { return stopping_ || !jobs_.empty(); });
    if (!asked) {
      tell();
      continue;
    }
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

void FileCourier::ask(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void FileCourier::add(link::Host& host, std::uint32_t connection) {
  const std::lock_guard lock(places_mutex_);
  places_.push_back({&host, connection});
}

void FileCourier::remove(link::Host& host, std::uint32_t connection) {
  const std::lock_guard lock(places_mutex_);
  const auto found = std::ranges::find(places_, link::SessionTable::Place{&host, connection});
  if (found != places_.end()) places_.erase(found);
}

void FileCourier::tell() {
  const std::lock_guard lock(places_mutex_);
  for (const link::SessionTable::Place& place : places_)
    place.host->deliver(place.connection, link::CommandsWaiting{});
}

void FileCourier::receive(Got got) {
  ask([this, got = std::move(got)] {
    auto found = uploads_.receive_notification();
    if (!found) {
      LOG_WARNING("amqp.files").field("error", found.error().to_string());
      return got(std::nullopt);
    }
    got(std::move(*found));
  });
}

void FileCourier::settle(std::string lock_token, bool done) {
  ask([this, lock_token = std::move(lock_token), done] {
    // A lock that has ended cannot be helped: the notification comes again.
    const auto settled = uploads_.settle_notification(lock_token, done);
    if (!settled && settled.error().code != base::Code::Conflict) {
      LOG_WARNING("amqp.files").field("error", settled.error().to_string());
    }
    if (settled && !done) tell();
  });
}

FileSender::FileSender(Session& session, pn_link_t* link, Address address,
                       std::shared_ptr<FileCourier> courier)
    : Sender(session, link, std::move(address)), courier_(std::move(courier)) {
  courier_->add(session_.host(), session_.connection());
}

FileSender::~FileSender() {
  courier_->remove(session_.host(), session_.connection());
  for (const auto& [delivery, file] : on_way_)
    courier_->settle(file.lock_token, false);
}

void FileSender::settle(const OnWay& file, const char* operation, bool done) {
  courier_->settle(file.lock_token, done);
  operations::Record record = session_.service_record();
  record.category = operations::Category::FileUploadOperations;
  record.operation = operation;
  record.device_id = file.device_id;
  record.request_id = file.upload_id;
  session_.service().operations.record(std::move(record));
}

void FileSender::pump() {
  if (asked_ || pn_link_credit(link_) <= 0 || on_way_.size() >= kMaxFilesOnWay) return;
  asked_ = true;
  courier_->receive(
      [session = &session_, host = &session_.host(), connection = session_.connection(),
       courier = std::weak_ptr<FileCourier>(courier_), id = id()](std::optional<Notification> got) {
        auto file = std::make_shared<LockedFile>(courier, std::move(got));
        host->deliver(connection, link::Task{[session, id, file] {
                        auto* channel = dynamic_cast<FileSender*>(session->find_channel(id));
                        if (channel == nullptr) return;
                        channel->received(std::exchange(file->notification, std::nullopt));
                      }});
      });
}

void FileSender::received(const std::optional<Notification>& notification) {
  asked_ = false;
  if (!notification) return;
  if (pn_link_credit(link_) <= 0) return courier_->settle(notification->lock_token, false);
  const std::string body = uploads::notification_json(
      notification->upload, session_.service().registry.host_name(), notification->enqueued);
  const std::int64_t enqueued = std::chrono::duration_cast<std::chrono::milliseconds>(
                                    notification->enqueued.time_since_epoch())
                                    .count();
  Message message;
  message.delivery_count = notification->delivery_count - 1;
  message.message_id = Value::text(std::to_string(notification->sequence));
  message.user_id = session_.service().registry.host_name();
  message.content_type = "application/json";
  message.content_encoding = "utf-8";
  message.creation_ms = enqueued;
  message.annotations = {{"iothub-enqueuedtime", Value::timestamp(enqueued)}};
  message.data = {body};
  OnWay file{notification->lock_token, notification->upload.device_id, notification->upload.id};
  session_.counters().files_told.add();
  if (pn_delivery_t* delivery = send(message)) {
    on_way_.emplace(delivery, std::move(file));
  } else {
    settle(file, "completeNotification", true);
  }
  pump();
}

void FileSender::disposed(pn_delivery_t* delivery) {
  const auto settlement = settlement_of(delivery);
  if (!settlement) return;
  const auto found = on_way_.find(delivery);
  if (found != on_way_.end()) {
    switch (*settlement) {
      case commands::Settlement::Complete:
        settle(found->second, "completeNotification", true);
        break;
      case commands::Settlement::Reject:
        settle(found->second, "rejectNotification", true);
        break;
      case commands::Settlement::Abandon:
        settle(found->second, "abandonNotification", false);
        break;
    }
    on_way_.erase(found);
  }
  pn_delivery_settle(delivery);
  pump();
}

}  // namespace hub::amqp
