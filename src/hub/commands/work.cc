#include "hub/commands/work.h"

#include <algorithm>

#include "base/id.h"
#include "hub/commands/status.h"

namespace hub::commands {

using base::Code;
using base::fail;
using base::Result;
using operations::Level;
using operations::Reason;
using operations::Record;

namespace {

// Rows of one kind that a sweep deals with at once.
constexpr std::size_t kMaxSwept = 500;

bool wants(Ack ack, Fate fate) {
  if (ack == Ack::Full) return true;
  return ack == (fate == Fate::Success ? Ack::Positive : Ack::Negative);
}

Reason reason_of(Fate fate) {
  switch (fate) {
    case Fate::Expired:
      return Reason::MessageExpired;
    case Fate::DeliveryCountExceeded:
      return Reason::DeliveryCount;
    case Fate::Rejected:
      return Reason::Rejected;
    case Fate::Success:
    case Fate::Purged:
      break;
  }
  return Reason::None;
}

base::Counter& counter_of(Counters& counters, Fate fate) {
  switch (fate) {
    case Fate::Expired:
      return counters.expired;
    case Fate::DeliveryCountExceeded:
      return counters.delivery_count_exceeded;
    case Fate::Rejected:
      return counters.rejected;
    case Fate::Purged:
      return counters.purged;
    case Fate::Success:
      break;
  }
  return counters.completed;
}

}  // namespace

Result<std::optional<identity::Identity>> Work::find_identity(const identity::Name& name) {
  auto identity = registry_.get(name);
  if (identity) return std::move(*identity);
  if (identity.error().code == Code::NotFound) return std::nullopt;
  return std::unexpected(identity.error());
}

void Work::add_record(Record record, std::string_view operation, const Stored& message) {
  const CloudMessage& content = message.content.message;
  record.time = now_;
  record.category = operations::Category::C2DCommands;
  record.operation = operation;
  record.device_id = content.to.device_id;
  record.module_id = content.to.module_id;
  record.generation_id = message.generation_id;
  record.request_id = content.message_id;
  record.bytes = size_of(content);
  if (operation != "send") {
    record.duration =
        std::chrono::duration_cast<std::chrono::milliseconds>(now_ - message.content.enqueued);
  }
  records_.push_back(std::move(record));
}

Result<void> Work::send(const CloudMessage& message, const Record& record,
                        Result<Receipt>& result) {
  const auto identity = TRY(find_identity(message.to));
  if (!identity) {
    result = fail(Code::NotFound, "message", -1, "there is no " + message.to.to_string());
    return {};
  }
  if (TRY(table_.count(message.to, now_)) >= options_.max_per_device) {
    result = fail(Code::Full, "message", -1,
                  std::to_string(options_.max_per_device) + " messages wait for " +
                      message.to.to_string() + " already");
    return {};
  }
  Stored stored;
  stored.content.message = message;
  stored.content.enqueued = now_;
  stored.content.expires = std::min(message.expiry.value_or(now_ + options_.default_ttl),
                                    base::WallTime(now_ + options_.max_ttl));
  if (message.to_address.empty())
    stored.content.message.to_address = address_of(message.to, message.input);
  stored.generation_id = identity->generation_id;
  const std::int64_t sequence = TRY(table_.insert(stored));
  result = Receipt{sequence, stored.content.enqueued, stored.content.expires};
  Record sent = record;
  sent.meter_units = meter_units(size_of(message), options_.meter_block);
  add_record(std::move(sent), "send", stored);
  count(counters_.sent);
  changed_.insert(message.to);
  ready_.insert(message.to);
  return {};
}

Result<void> Work::receive(const Client& client, std::size_t most, Holder holder,
                           Result<std::vector<Locked>>& result) {
  const auto identity = TRY(find_identity(client.name));
  if (!identity || identity->generation_id != client.generation_id) {
    result = fail(Code::NotFound, "message", -1, "the identity was deleted");
    return {};
  }
  std::vector<Locked> given;
  for (Stored& stored : TRY(table_.waiting(client.name, client.generation_id, now_, most))) {
    // Where the limit was lowered meanwhile.
    if (stored.content.delivery_count >= options_.max_delivery_count) {
      TRY(dead_letter(stored, Fate::DeliveryCountExceeded, {}));
      continue;
    }
    stored.content.lock_token = base::Guid::random().to_string();
    ++stored.content.delivery_count;
    TRY(table_.lock(stored.content.sequence, stored.content.lock_token, now_ + options_.lock,
                    holder, client.record.protocol));
    Record record = client.record;
    record.detail = "delivery " + std::to_string(stored.content.delivery_count);
    add_record(std::move(record), "deliver", stored);
    count(counters_.delivered);
    given.push_back(std::move(stored.content));
  }
  result = std::move(given);
  return {};
}

Result<void> Work::settle(const Client& client, std::string_view token, Settlement settlement,
                          Result<void>& result) {
  const auto stored = TRY(table_.locked(client.name, token));
  if (!stored || stored->generation_id != client.generation_id) {
    result = fail(Code::Conflict, "message", -1, "the lock on this message has ended");
    count(counters_.lock_lost);
    return {};
  }
  result = {};
  switch (settlement) {
    case Settlement::Complete:
      TRY(table_.erase(stored->content.sequence));
      TRY(tell(*stored, Fate::Success));
      add_record(client.record, "complete", *stored);
      count(counters_.completed);
      changed_.insert(client.name);
      return {};
    case Settlement::Reject:
      return dead_letter(*stored, Fate::Rejected, client.record);
    case Settlement::Abandon:
      return give_back(*stored, client.record);
  }
  return {};
}

Result<void> Work::give_back(const Stored& message, Record record) {
  if (message.content.delivery_count >= options_.max_delivery_count)
    return dead_letter(message, Fate::DeliveryCountExceeded, std::move(record));
  TRY(table_.unlock(message.content.sequence));
  if (record.protocol == operations::Protocol::None) record.protocol = message.protocol;
  record.detail = "delivery " + std::to_string(message.content.delivery_count);
  add_record(std::move(record), "abandon", message);
  count(counters_.abandoned);
  ready_.insert(message.content.message.to);
  return {};
}

Result<void> Work::dead_letter(const Stored& message, Fate fate, Record record) {
  TRY(table_.erase(message.content.sequence));
  TRY(tell(message, fate));
  changed_.insert(message.content.message.to);
  count(counter_of(counters_, fate));
  // Over which protocol it did not get through.
  if (record.protocol == operations::Protocol::None) record.protocol = message.protocol;
  record.reason = reason_of(fate);
  record.level = Level::Warning;
  record.detail = "delivered " + std::to_string(message.content.delivery_count) + " times";
  add_record(std::move(record), "reject", message);
  return {};
}

Result<void> Work::tell(const Stored& message, Fate fate) {
  const CloudMessage& content = message.content.message;
  if (!wants(content.ack, fate)) return {};
  return table_.add_feedback({content.message_id, now_, fate, content.to.device_id,
                              content.to.module_id, message.generation_id});
}

Result<void> Work::purge(const identity::Name& name, const Record& record,
                         Result<std::uint64_t>& result) {
  const auto identity = TRY(find_identity(name));
  if (!identity) {
    result = fail(Code::NotFound, "message", -1, "there is no " + name.to_string());
    return {};
  }
  std::uint64_t purged = 0;
  for (const Stored& stored : TRY(table_.all(name))) {
    TRY(table_.erase(stored.content.sequence));
    TRY(tell(stored, Fate::Purged));
    ++purged;
  }
  Record done = record;
  done.time = now_;
  done.category = operations::Category::C2DCommands;
  done.operation = "purge";
  done.device_id = name.device_id;
  done.module_id = name.module_id;
  done.generation_id = identity->generation_id;
  done.detail = std::to_string(purged) + " messages";
  records_.push_back(std::move(done));
  count(counters_.purged, purged);
  changed_.insert(name);
  result = purged;
  return {};
}

Result<void> Work::receive_feedback(Result<std::optional<FeedbackBatch>>& result) {
  TRY(make_due_batches());
  auto batch = TRY(table_.batch(now_));
  if (batch) {
    batch->lock_token = base::Guid::random().to_string();
    ++batch->delivery_count;
    TRY(table_.lock_batch(batch->sequence, batch->lock_token, now_ + options_.feedback_lock));
  }
  result = std::move(batch);
  return {};
}

Result<void> Work::settle_feedback(std::string_view token, Settlement settlement,
                                   Result<void>& result) {
  const auto batch = TRY(table_.find_batch(token, now_));
  if (!batch) {
    result = fail(Code::Conflict, "feedback", -1, "the lock on this feedback has ended");
    count(counters_.lock_lost);
    return {};
  }
  result = {};
  if (settlement != Settlement::Abandon) {
    TRY(table_.erase_batch(batch->first));
    return {};
  }
  if (batch->second >= options_.max_feedback_deliveries) {
    count(counters_.feedback_dropped, TRY(table_.erase_batch(batch->first)));
    return {};
  }
  feedback_ready_ = true;
  return table_.unlock_batch(batch->first);
}

Result<void> Work::forget(const identity::Name& name) {
  for (const identity::Name& kept : TRY(table_.names(name))) {
    const auto successor = TRY(find_identity(kept));
    TRY(table_.forget(kept, successor ? successor->generation_id : std::string()));
    changed_.insert(kept);
  }
  return {};
}

Result<bool> Work::sweep() {
  const auto overdue = TRY(table_.lock_ended(now_, kMaxSwept));
  for (const Stored& stored : overdue)
    TRY(give_back(stored, {}));
  const auto expired = TRY(table_.expired(now_, kMaxSwept));
  for (const Stored& stored : expired)
    TRY(dead_letter(stored, Fate::Expired, {}));
  TRY(make_due_batches());
  const auto dropped =
      TRY(table_.trim_feedback(now_ - options_.feedback_ttl, options_.max_feedback));
  if (dropped > 0) count(counters_.feedback_dropped, dropped);
  // A batch whose lock ended is due again.
  if (TRY(table_.batch(now_))) feedback_ready_ = true;
  return overdue.size() == kMaxSwept || expired.size() == kMaxSwept;
}

Result<bool> Work::nothing_left() {
  return TRY(table_.empty()) && TRY(table_.count_feedback()) == 0;
}

Result<void> Work::make_due_batches() {
  for (std::size_t count = TRY(table_.count_unbatched()); count > 0;) {
    const auto oldest = TRY(table_.oldest_feedback());
    const bool due =
        count >= options_.feedback_batch || (oldest && now_ - *oldest >= options_.feedback_delay);
    if (!due) return {};
    TRY(table_.make_batch(now_, options_.feedback_batch));
    feedback_ready_ = true;
    count -= std::min(count, options_.feedback_batch);
  }
  return {};
}

Result<std::vector<std::pair<identity::Name, std::size_t>>> Work::lengths() {
  std::vector<std::pair<identity::Name, std::size_t>> found;
  for (const identity::Name& name : changed_)
    found.emplace_back(name, TRY(table_.count(name)));
  return found;
}

void Work::count_all() const {
  for (const auto& [counter, by] : counts_)
    counter->add(by);
}

}  // namespace hub::commands
