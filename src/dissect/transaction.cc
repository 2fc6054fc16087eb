#include "dissect/transaction.h"

#include <algorithm>
#include <utility>

namespace dissect {

namespace {

std::size_t index(Side side) {
  return side == Side::A ? 0 : 1;
}

// In place, so that names and the list use the memory that they have.
void copy(std::span<const Object> objects, std::vector<NamedObject>& to) {
  to.resize(objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    to[i].space = objects[i].space;
    to[i].name = objects[i].name;
    to[i].first = objects[i].first;
    to[i].count = objects[i].count;
  }
}

}  // namespace

std::unique_ptr<Transaction> TransactionPool::take() {
  if (free_.empty()) return std::make_unique<Transaction>();
  std::unique_ptr<Transaction> one = std::move(free_.back());
  free_.pop_back();
  return one;
}

void TransactionPool::give(std::unique_ptr<Transaction> used) {
  if (free_.size() >= kKept) return;
  std::vector<NamedObject> objects = std::move(used->objects);
  for (NamedObject& one : objects) {
    if (one.name.capacity() > kLongName) one.name = std::string();
  }
  *used = Transaction{};
  used->objects = std::move(objects);
  free_.push_back(std::move(used));
}

std::unique_ptr<Transaction> Matcher::begin(const Message& message, const Pdu& pdu) const {
  std::unique_ptr<Transaction> made = pool_->take();
  Transaction& begun = *made;
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
  copy(message.objects, begun.objects);
  begun.status = message.status;
  (answers ? begun.response_bytes : begun.request_bytes) = message.bytes;
  return made;
}

void Matcher::tell_and_keep(std::unique_ptr<Transaction> done, const Tell& tell) {
  tell(*done);
  pool_->give(std::move(done));
}

void Matcher::tell_first(Queue& queue, std::size_t count, const Tell& tell) {
  for (std::size_t i = 0; i < count; ++i)
    tell_and_keep(std::move(queue[i].transaction), tell);
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(count));
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
      tell_and_keep(begin(message, pdu), tell);
      return;
  }
}

void Matcher::ask(const Message& message, const Pdu& pdu, const Tell& tell) {
  Queue& queue = sides_[index(pdu.side)];
  give_up(queue, pdu.time, tell);
  // Nobody asks again under a number that still waits: the first was not answered, or that was
  // not seen. Without numbers, requests may follow each other.
  if (message.key != 0) {
    const auto same = std::ranges::find(queue, message.key, &Waiting::key);
    if (same != queue.end()) {
      tell_and_keep(std::move(same->transaction), tell);
      queue.erase(same);
    }
  }
  if (queue.size() >= kPending) {
    ++crowded_out_;
    tell_first(queue, 1, tell);
  }
  queue.push_back({message.key, begin(message, pdu)});
}

void Matcher::answer(const Message& message, const Pdu& pdu, const Tell& tell) {
  Queue& queue = sides_[index(other(pdu.side))];
  const auto asked = std::ranges::find(queue, message.key, &Waiting::key);
  if (asked == queue.end()) {
    tell_and_keep(begin(message, pdu), tell);
    return;
  }
  Transaction& whole = *asked->transaction;
  whole.answered = pdu.time;
  whole.answer_packet = pdu.packet;
  whole.response_bytes += message.bytes;
  if (message.status.outcome != Outcome::Unknown && whole.status.outcome != Outcome::Failed)
    whole.status = message.status;
  // A response may say what the request left open.
  if (whole.objects.empty()) copy(message.objects, whole.objects);
  if (whole.access == Access::None) whole.access = message.access;
  if (whole.sub_operation.name.empty() && whole.sub_operation.code == 0)
    whole.sub_operation = message.sub_operation;
  if (!whole.unit) whole.unit = message.unit;
  if (!message.last) return;
  std::unique_ptr<Transaction> done = std::move(asked->transaction);
  queue.erase(asked);
  tell_and_keep(std::move(done), tell);
}

void Matcher::give_up(Queue& queue, base::WallTime time, const Tell& tell) {
  std::size_t late = 0;
  while (late < queue.size() && queue[late].transaction->time + kPatience < time)
    ++late;
  if (late != 0) tell_first(queue, late, tell);
}

void Matcher::pass_time(base::WallTime time, const Tell& tell) {
  for (Queue& queue : sides_)
    give_up(queue, time, tell);
}

void Matcher::finish(const Tell& tell) {
  for (Queue& queue : sides_)
    tell_first(queue, queue.size(), tell);
}

}  // namespace dissect
