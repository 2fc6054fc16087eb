#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <proton/delivery.h>
#include <proton/link.h>

#include "base/bytes.h"
#include "hub/amqp/address.h"
#include "hub/amqp/message.h"

namespace hub::amqp {

class Session;

// Error conditions as the SDKs know them. Source: AMQP 1.0 part 2, section 2.8, and IoT Hub's own.
namespace condition {
inline constexpr const char* kInternal = "amqp:internal-error";
inline constexpr const char* kInvalid = "amqp:invalid-field";
inline constexpr const char* kMalformed = "amqp:decode-error";
inline constexpr const char* kNotAllowed = "amqp:not-allowed";
inline constexpr const char* kNotFound = "amqp:not-found";
inline constexpr const char* kOverrun = "amqp:link:transfer-limit-exceeded";
inline constexpr const char* kResourceLimit = "amqp:resource-limit-exceeded";
inline constexpr const char* kSize = "amqp:link:message-size-exceeded";
inline constexpr const char* kUnauthorized = "amqp:unauthorized-access";
inline constexpr const char* kArgument = "com.microsoft:argument-error";
inline constexpr const char* kQuota = "com.microsoft:quota-exceeded";
inline constexpr const char* kThrottled = "com.microsoft:device-container-throttled";
inline constexpr const char* kBusy = "com.microsoft:timeout";  // try again later
}  // namespace condition

struct Fault {
  const char* condition;
  std::string description;
};

// The hub's end of one link. Owned by the session, which outlives it.
class Channel {
 public:
  Channel(Session& session, pn_link_t* link, Address address)
      : session_(session), link_(link), address_(std::move(address)), id_(next_id(session)) {}
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  pn_link_t* link() const { return link_; }
  const Address& address() const { return address_; }
  // Tells it from all others of the session, those before it included.
  std::uint64_t id() const { return id_; }

  // The link is open on both sides.
  virtual void opened() = 0;
  // Something came, or what was held may go on. False: there is no room for it; call again.
  virtual bool drain() { return true; }
  // There may be credit, or something to send.
  virtual void pump() {}
  // The other side said what became of a delivery.
  virtual void disposed(pn_delivery_t* /*delivery*/) {}

 protected:
  // Counted, too.
  void reject(pn_delivery_t* delivery, const Fault& fault);

  Session& session_;
  pn_link_t* link_;  // the engine's
  Address address_;

 private:
  static std::uint64_t next_id(Session& session);
  const std::uint64_t id_;
};

// A link on which messages come.
class Receiver : public Channel {
 public:
  Receiver(Session& session, pn_link_t* link, Address address, int window,
           std::size_t max_message_bytes);
  ~Receiver() override;

  void opened() override;
  bool drain() override;

 protected:
  enum class Taken : std::uint8_t {
    Settled,  // accept() or reject() was called, or will be
    NoRoom,   // offer it again
  };
  // A whole message; `bytes` stay until it is taken.
  virtual Taken take(pn_delivery_t* delivery, base::ByteView bytes) = 0;

 private:
  bool read();
  void grant();
  bool account(std::size_t held);

  int window_;  // credit
  std::size_t max_message_bytes_;
  pn_delivery_t* current_ = nullptr;  // read, not taken yet
  base::ByteVec bytes_;               // of it, or of the one that is coming
  std::size_t accounted_ = 0;         // of these, while it is coming
};

void accept(pn_delivery_t* delivery);
void reject(pn_delivery_t* delivery, const Fault& fault);

// A link on which the hub sends.
class Sender : public Channel {
 public:
  using Channel::Channel;

  void opened() override { pump(); }

 protected:
  // There must be credit. nullptr: the link takes its messages as settled.
  pn_delivery_t* send(const Message& message);

 private:
  std::uint64_t tag_ = 0;
};

// A link for answers and news: sent as credit comes, forgotten as soon as they are sent.
class Outbox : public Sender {
 public:
  using Sender::Sender;

  // False: too many wait, and this one was dropped.
  bool push(Message message, std::string body);
  void pump() override;
  void disposed(pn_delivery_t* delivery) override;

 private:
  struct Item {
    Message message;
    std::string body;  // `message` has no data but this
  };
  static constexpr std::size_t kMaxWaiting = 256;
  static constexpr std::size_t kMaxWaitingBytes = 1U << 20U;
  std::deque<Item> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace hub::amqp
