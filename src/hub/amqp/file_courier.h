#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "hub/amqp/channel.h"
#include "hub/link/session_table.h"
#include "hub/uploads/uploads.h"

// The link on which services hear of files that devices have sent.
namespace hub::amqp {

// Fetches and settles notifications on a thread of its own, because `uploads` waits for the disk,
// and tells those who wait for them. Threads: any.
class FileCourier {
 public:
  // What a service took and never settled waits again when its lock has ended: so often the hub
  // looks for that.
  static constexpr std::chrono::seconds kLook{10};

  // Once for all connections, before serving. `uploads` must live until stop().
  static std::shared_ptr<FileCourier> start(uploads::Uploads& uploads);
  ~FileCourier();  // stops
  FileCourier(const FileCourier&) = delete;
  FileCourier& operator=(const FileCourier&) = delete;

  // Who wants to hear; the host is not called for it any more when remove() returns.
  void add(link::Host& host, std::uint32_t connection);
  void remove(link::Host& host, std::uint32_t connection);

  // On the courier's thread; nullopt: nothing waits, or it could not be read.
  using Got = std::function<void(std::optional<uploads::Notification>)>;
  void receive(Got got);
  void settle(std::string lock_token, bool done);

  // Does what was asked for until now, then ends the thread; later requests are not heard.
  // Idempotent.
  void stop();

 private:
  explicit FileCourier(uploads::Uploads& uploads) : uploads_(uploads) {}
  void run();
  void ask(std::function<void()> job);
  void tell();

  uploads::Uploads& uploads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;         // guarded by mutex_
  bool stopping_ = false;                          // guarded by mutex_
  std::mutex places_mutex_;                        // after mutex_
  std::vector<link::SessionTable::Place> places_;  // guarded by places_mutex_
  std::thread thread_;
};

// Service: files that devices have sent.
class FileSender final : public Sender {
 public:
  FileSender(Session& session, pn_link_t* link, Address address,
             std::shared_ptr<FileCourier> courier);
  ~FileSender() override;

  void pump() override;
  void disposed(pn_delivery_t* delivery) override;
  void received(const std::optional<uploads::Notification>& notification);

 private:
  struct OnWay {
    std::string lock_token;
    std::string device_id;
    std::string upload_id;
  };
  void settle(const OnWay& file, const char* operation, bool done);

  std::shared_ptr<FileCourier> courier_;
  bool asked_ = false;
  std::unordered_map<pn_delivery_t*, OnWay> on_way_;
};

}  // namespace hub::amqp
