#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "hub/amqp/channel.h"
#include "hub/commands/messages.h"
#include "hub/link/session_table.h"

// The links of cloud-to-device messages, their feedback, and direct methods.
namespace hub::amqp {

// What the other side says became of a delivery; nullopt: nothing was decided yet.
std::optional<commands::Settlement> settlement_of(pn_delivery_t* delivery);

// Messages that wait for a device or a module: locked while they are on their way, and settled as
// the other side says. What is on its way when the link ends waits again.
class CloudSender final : public Sender {
 public:
  CloudSender(Session& session, pn_link_t* link, Address address, commands::Client client);
  ~CloudSender() override;

  void pump() override;
  void disposed(pn_delivery_t* delivery) override;
  // What pump() asked for.
  void received(std::vector<commands::Locked> messages);

 private:
  void settle(std::string lock_token, commands::Settlement settlement);

  const commands::Client client_;
  bool asked_ = false;
  std::unordered_map<pn_delivery_t*, std::string> on_way_;  // lock tokens
};

// Calls of direct methods.
class MethodSender final : public Outbox {
 public:
  using Outbox::Outbox;
  ~MethodSender() override;

  void opened() override;

 private:
  std::uint64_t served_ = 0;
};

// Their answers.
class MethodReceiver final : public Receiver {
 public:
  MethodReceiver(Session& session, pn_link_t* link, Address address);

 protected:
  Taken take(pn_delivery_t* delivery, base::ByteView bytes) override;
};

// Service: messages to devices, accepted when they are queued.
class CloudReceiver final : public Receiver {
 public:
  CloudReceiver(Session& session, pn_link_t* link, Address address);

 protected:
  Taken take(pn_delivery_t* delivery, base::ByteView bytes) override;

 private:
  std::optional<Fault> charge(const commands::CloudMessage& content, operations::Record record);
};

// Who waits for feedback.
class FeedbackWatch {
 public:
  // Once for all connections, before serving. `messages` calls it for as long as it lives.
  static std::shared_ptr<FeedbackWatch> start(commands::Messages& messages);

  void add(link::Host& host, std::uint32_t connection);
  // The host is not called for it any more when this returns.
  void remove(link::Host& host, std::uint32_t connection);

 private:
  void tell();

  std::mutex mutex_;
  std::vector<link::SessionTable::Place> places_;  // guarded by mutex_
};

// Service: what became of messages whose senders asked.
class FeedbackSender final : public Sender {
 public:
  FeedbackSender(Session& session, pn_link_t* link, Address address,
                 std::shared_ptr<FeedbackWatch> watch);
  ~FeedbackSender() override;

  void pump() override;
  void disposed(pn_delivery_t* delivery) override;
  void received(const std::optional<commands::FeedbackBatch>& batch);

 private:
  std::shared_ptr<FeedbackWatch> watch_;
  bool asked_ = false;
  std::unordered_map<pn_delivery_t*, std::string> on_way_;  // lock tokens
};

}  // namespace hub::amqp
