#include "hub/amqp/channel.h"

#include <cstring>

#include <proton/condition.h>
#include <proton/disposition.h>

#include "hub/amqp/session.h"

namespace hub::amqp {

using operations::Reason;

namespace {

constexpr std::size_t kTagBytes = 16;  // SDKs read it as a uuid

void set_fault(pn_condition_t* condition, const Fault& fault) {
  pn_condition_set_name(condition, fault.condition);
  pn_condition_set_description(condition, fault.description.c_str());
}

}  // namespace

void accept(pn_delivery_t* delivery) {
  pn_delivery_update(delivery, PN_ACCEPTED);
  pn_delivery_settle(delivery);
}

void reject(pn_delivery_t* delivery, const Fault& fault) {
  set_fault(pn_disposition_condition(pn_delivery_local(delivery)), fault);
  pn_delivery_update(delivery, PN_REJECTED);
  pn_delivery_settle(delivery);
}

void Channel::reject(pn_delivery_t* delivery, const Fault& fault) {
  session_.counters().rejected.add();
  amqp::reject(delivery, fault);
}

std::uint64_t Channel::next_id(Session& session) {
  return session.new_channel_id();
}

Receiver::Receiver(Session& session, pn_link_t* link, Address address, int window,
                   std::size_t max_message_bytes)
    : Channel(session, link, std::move(address)),
      window_(window),
      max_message_bytes_(max_message_bytes) {
  pn_link_set_max_message_size(link, max_message_bytes);
}

Receiver::~Receiver() {
  account(0);
}

void Receiver::opened() {
  pn_link_flow(link_, window_);
}

void Receiver::grant() {
  const int credit = pn_link_credit(link_);
  if (credit <= window_ / 2) pn_link_flow(link_, window_ - credit);
}

// True: there is a whole message in bytes_.
bool Receiver::read() {
  for (;;) {
    pn_delivery_t* delivery = pn_link_current(link_);
    if (delivery == nullptr) return false;
    // The engine does not watch that itself.
    if (pn_link_credit(link_) < 0) {
      session_.fail_link(*this, {condition::kOverrun, "more messages than there was credit for"},
                         Reason::Limit);
      return false;
    }
    if (pn_delivery_aborted(delivery)) {
      bytes_.clear();
      pn_delivery_settle(delivery);
      continue;
    }
    // Piece by piece: what the engine buffers for a message it keeps as long as the connection.
    const std::size_t before = bytes_.size();
    const std::size_t size = pn_delivery_pending(delivery);
    if (before + size > max_message_bytes_) {
      session_.fail_link(
          *this,
          {condition::kSize, "the limit is " + std::to_string(max_message_bytes_) + " bytes"},
          Reason::Oversize);
      return false;
    }
    if (size > 0) {
      bytes_.resize(before + size);
      // Both are byte-sized and may alias.
      char* end = reinterpret_cast<char*>(bytes_.data()) + before;
      const ssize_t count = pn_link_recv(link_, end, size);
      bytes_.resize(before + (count < 0 ? 0 : static_cast<std::size_t>(count)));
    }
    if (pn_delivery_partial(delivery)) {
      if (!account(bytes_.size())) {
        session_.fail_link(*this, {condition::kResourceLimit, "too many unfinished messages"},
                           Reason::Limit);
      }
      return false;
    }
    account(0);
    pn_link_advance(link_);
    current_ = delivery;
    return true;
  }
}

bool Receiver::drain() {
  while (current_ != nullptr || read()) {
    if (take(current_, bytes_) == Taken::NoRoom) return false;
    current_ = nullptr;
    bytes_.clear();
    if (session_.closed()) return true;
    grant();
  }
  // An idle link keeps no buffer.
  if (bytes_.empty()) base::ByteVec().swap(bytes_);
  return true;
}

// False: the connection has too many bytes of unfinished messages.
bool Receiver::account(std::size_t held) {
  const bool room = session_.hold_unfinished(accounted_, held);
  accounted_ = held;
  return room;
}

pn_delivery_t* Sender::send(const Message& message) {
  std::array<char, kTagBytes> tag{};
  const std::uint64_t number = ++tag_;
  std::memcpy(tag.data(), &number, sizeof number);
  pn_delivery_t* delivery = pn_delivery(link_, pn_dtag(tag.data(), tag.size()));
  base::ByteVec bytes;
  encode(message, bytes);
  pn_link_send(link_, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  pn_link_advance(link_);
  if (pn_link_remote_snd_settle_mode(link_) != PN_SND_SETTLED) return delivery;
  pn_delivery_settle(delivery);
  return nullptr;
}

bool Outbox::push(Message message, std::string body) {
  if (waiting_.size() >= kMaxWaiting || waiting_bytes_ + body.size() > kMaxWaitingBytes) {
    session_.counters().answers_dropped.add();
    return false;
  }
  waiting_bytes_ += body.size();
  waiting_.push_back({std::move(message), std::move(body)});
  pump();
  return true;
}

void Outbox::pump() {
  while (!waiting_.empty() && pn_link_credit(link_) > 0) {
    Item& item = waiting_.front();
    item.message.data.clear();
    if (!item.body.empty()) item.message.data.emplace_back(item.body);
    send(item.message);
    waiting_bytes_ -= item.body.size();
    waiting_.pop_front();
  }
}

void Outbox::disposed(pn_delivery_t* delivery) {
  pn_delivery_settle(delivery);
}

}  // namespace hub::amqp
