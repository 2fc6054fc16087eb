#include "dissect/transaction.h"

#include <algorithm>
#include <utility>

namespace dissect {

namespace {

std::size_t index(Side side) {
  return side == Side::A ? 0 : 1;
}

std::vector<NamedObject> copy(std::span<const Object> objects) {
  std::vector<NamedObject> copies;
  copies.reserve(objects.size());
  for (const Object& one : objects)
    copies.push_back({one.space, std::string(one.name), one.first, one.count});
  return copies;
}

}  // namespace

Transaction Matcher::begin(const Message& message, const Pdu& pdu) const {
  Transaction begun;
  begun.protocol = protocol_;
  begun.kind = message.kind;
  const bool answers = message.kind == Kind::Response;
  begun.client = answers ? pdu.to : pdu.from;
  begun.server = answers ? pdu.from : pdu.to;
  begun.vlan = pdu.vlan;
  begun.time = pdu.time;
  begun.packet = pdu.packet;
  begun.operation = message.operation;
  begun.sub_operation = message.sub_operation;
  begun.access = message.access;
  begun.unit = message.unit;
  begun.objects = copy(message.objects);
  begun.status = message.status;
  (answers ? begun.response_bytes : begun.request_bytes) = message.bytes;
  return begun;
}

void Matcher::take(const Message& message, const Pdu& pdu, const Tell& tell) {
  switch (message.kind) {
    case Kind::Request:
      ask(message, pdu, tell);
      return;
    case Kind::Response:
      answer(message, pdu, tell);
      return;
    case Kind::OneWay:
      tell(begin(message, pdu));
      return;
  }
}

void Matcher::ask(const Message& message, const Pdu& pdu, const Tell& tell) {
  Queue& queue = sides_[index(pdu.side)];
  while (!queue.empty() && queue.front().transaction.time + kPatience < pdu.time) {
    tell(queue.front().transaction);
    queue.pop_front();
  }
  // Nobody asks again under a number that still waits: the first was not answered, or that was
  // not seen. Without numbers, requests may follow each other.
  if (message.key != 0) {
    const auto same = std::ranges::find(queue, message.key, &Waiting::key);
    if (same != queue.end()) {
      tell(same->transaction);
      queue.erase(same);
    }
  }
  if (queue.size() >= kPending) {
    ++crowded_out_;
    tell(queue.front().transaction);
    queue.pop_front();
  }
  queue.push_back({message.key, begin(message, pdu)});
}

void Matcher::answer(const Message& message, const Pdu& pdu, const Tell& tell) {
  Queue& queue = sides_[index(other(pdu.side))];
  const auto asked = std::ranges::find(queue, message.key, &Waiting::key);
  if (asked == queue.end()) {
    tell(begin(message, pdu));
    return;
  }
  Transaction& whole = asked->transaction;
  whole.answered = pdu.time;
  whole.answer_packet = pdu.packet;
  whole.response_bytes += message.bytes;
  if (message.status.outcome != Outcome::Unknown && whole.status.outcome != Outcome::Failed)
    whole.status = message.status;
  // A response may say what the request left open.
  if (whole.objects.empty()) whole.objects = copy(message.objects);
  if (whole.access == Access::None) whole.access = message.access;
  if (whole.sub_operation.name.empty() && whole.sub_operation.code == 0)
    whole.sub_operation = message.sub_operation;
  if (!whole.unit) whole.unit = message.unit;
  if (!message.last) return;
  const Transaction done = std::move(whole);
  queue.erase(asked);
  tell(done);
}

void Matcher::pass_time(base::WallTime time, const Tell& tell) {
  for (Queue& queue : sides_) {
    while (!queue.empty() && queue.front().transaction.time + kPatience < time) {
      tell(queue.front().transaction);
      queue.pop_front();
    }
  }
}

void Matcher::finish(const Tell& tell) {
  for (Queue& queue : sides_) {
    for (const Waiting& one : queue)
      tell(one.transaction);
    queue.clear();
  }
}

}  // namespace dissect
