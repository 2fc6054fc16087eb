#pragma once

#include "hub/amqp/channel.h"
#include "hub/link/member.h"

// The links of devices and modules, but for their messages.
namespace hub::amqp {

// $cbs: tokens, each answered on the link in the other direction.
class TokenReceiver final : public Receiver {
 public:
  TokenReceiver(Session& session, pn_link_t* link, Address address);

 protected:
  Taken take(pn_delivery_t* delivery, base::ByteView bytes) override;
};

// Device-to-cloud messages: accepted when they are durable.
class EventReceiver final : public Receiver {
 public:
  EventReceiver(Session& session, pn_link_t* link, Address address);

 protected:
  Taken take(pn_delivery_t* delivery, base::ByteView bytes) override;

 private:
  bool offer(const Message& message);
  void refuse(const link::Member& sender, operations::Reason reason, std::size_t bytes,
              Fault fault);

  std::vector<Message> parts_;  // of the delivery that is being taken
  std::size_t next_part_ = 0;
  std::uint16_t slot_ = 0;  // 0: none is being taken
  bool charged_ = false;    // the part that there was no room for
};

// What a device asks of its twin, each answered on the link in the other direction.
class TwinReceiver final : public Receiver {
 public:
  TwinReceiver(Session& session, pn_link_t* link, Address address);

 protected:
  Taken take(pn_delivery_t* delivery, base::ByteView bytes) override;
};

}  // namespace hub::amqp
