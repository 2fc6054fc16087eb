#include <future>

#include "hub/ingest/ingest_state.h"

namespace hub::ingest {
namespace {

constexpr std::size_t kMaxWhyBytes = 4096;
// Of messages that wait for the journal.
constexpr std::size_t kMaxDecodedBytes = std::size_t{8} << 20U;

// The first violation, and how many there are.
std::string explain(const std::vector<schema::Violation>& violations) {
  if (violations.empty()) return {};
  const schema::Violation& first = violations.front();
  std::string text = first.pointer + ": expected " + first.expected + ", found " + first.found;
  if (violations.size() > 1) text += " (and " + std::to_string(violations.size() - 1) + " more)";
  return text;
}

}  // namespace

// -----------------------------------------------------------------------------------

bool Ingest::State::has_room(std::size_t size) const {
  if (waiting.entries.empty()) return true;
  return waiting.entries.size() < options.queue_messages &&
         waiting.bytes.size() + size <= options.queue_bytes;
}

// With the mutex held. `done`: nothing else of the message is kept, so this is what it waits for.
void Ingest::State::add_set_aside(const Received& message, const Refusal& refusal, Done* done) {
  Entry entry;
  entry.kind = RecordKind::SetAside;
  entry.begin = waiting.bytes.size();
  const std::string_view why = std::string_view(refusal.why).substr(0, kMaxWhyBytes);
  encode(SetAside{0, message, refusal.reason, why}, waiting.bytes);
  entry.end = waiting.bytes.size();
  if (done != nullptr) entry.done = std::exchange(*done, Done());
  waiting.entries.push_back(std::move(entry));
  ++submissions;
}

void Ingest::State::refuse(const Received& message, operations::Reason reason, std::string detail,
                           std::size_t count) {
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::DeviceTelemetry;
  record.operation = reason == operations::Reason::EventInvalid ? "refuseEvents" : "refuseMessage";
  record.status_code = 400;
  record.level = operations::Level::Warning;
  record.device_id = message.device_id;
  record.module_id = message.module_id;
  record.generation_id = message.generation_id;
  record.reason = reason;
  record.detail =
      count > 1 ? std::to_string(count) + " events; the first: " + detail : std::move(detail);
  record.bytes = message.payload.size();
  operations.record(std::move(record));
}

// Whether anything of a security message is worth keeping; what is not is counted and recorded, and
// `aside` says why.
bool Ingest::State::check(const Received& message, std::unique_ptr<schema::Decoded>& decoded,
                          Refusal& aside) {
  decoded =
      std::make_unique<schema::Decoded>(schema::decode(message.payload, schema::Mode::Lenient));
  for (std::size_t i = 0; i < decoded->leniencies.size(); ++i) {
    if (decoded->leniencies[i] != 0) counters.leniencies[i].add(decoded->leniencies[i]);
  }
  const bool any = !decoded->events.empty() || decoded->valid();
  if (!any && decoded->refused.empty()) {
    counters.refused_messages.add();
    aside = {operations::Reason::MessageInvalid, explain(decoded->message_violations)};
    refuse(message, aside.reason, aside.why, 1);
    return false;
  }
  if (!decoded->refused.empty()) {
    counters.refused_events.add(decoded->refused.size());
    const schema::RefusedEvent& first = decoded->refused.front();
    aside = {operations::Reason::EventInvalid,
             "event " + std::to_string(first.index) + ": " + explain(first.violations)};
    refuse(message, aside.reason, explain(first.violations), decoded->refused.size());
  } else if (!decoded->message_violations.empty()) {
    refuse(message, operations::Reason::MessageInvalid,
           "taken all the same; " + explain(decoded->message_violations), 1);
  }
  if (!any) counters.refused_messages.add();
  return any;
}

bool Ingest::submit(const Received& message, Done& done) {
  State& state = *state_;
  const std::size_t size = encoded_size(message);
  {
    const std::lock_guard lock(state.mutex);
    if (state.stopping || !state.has_room(size)) {
      state.counters.no_room.add();
      return false;
    }
  }
  Entry entry;
  entry.kind = message.security ? RecordKind::Security : RecordKind::Telemetry;
  Refusal refusal;
  std::unique_ptr<schema::Decoded> late;  // destroyed without the lock
  bool keep = size <= kMaxRecordBytes;
  if (!keep) {
    state.counters.refused_messages.add();
    state.refuse(message, operations::Reason::Oversize,
                 std::to_string(message.payload.size()) + " bytes", 1);
  } else if (message.security) {
    keep = state.check(message, entry.decoded, refusal);
  }
  {
    const std::lock_guard lock(state.mutex);
    const bool aside = !refusal.why.empty() && state.options.set_aside;
    if (aside) state.add_set_aside(message, refusal, keep ? nullptr : &done);
    entry.begin = state.waiting.bytes.size();
    if (keep) encode(message, state.waiting.bytes);
    entry.end = state.waiting.bytes.size();
    // Decoded, a message takes a few times its bytes: behind a slow disk it is decoded again later.
    if (entry.end > kMaxDecodedBytes) late = std::move(entry.decoded);
    if (keep || !aside) {
      entry.done = std::move(done);
      state.waiting.entries.push_back(std::move(entry));
      ++state.submissions;
    }
    // The journal thread looks again by itself after each commit.
    if (!std::exchange(state.waiting.urgent, true)) state.submitted.notify_one();
  }
  state.counters.messages.add();
  state.counters.message_bytes.add(message.payload.size());
  (message.security ? state.counters.security_messages : state.counters.telemetry_messages).add();
  return true;
}

base::Result<void> Ingest::replay(const Received& message, std::chrono::milliseconds timeout) {
  const auto decoded = schema::decode(message.payload, schema::Mode::Lenient);
  if (!decoded.refused.empty()) {
    const schema::RefusedEvent& first = decoded.refused.front();
    return base::fail(
        base::Code::Invalid, "replay", -1,
        "event " + std::to_string(first.index) + " is still refused: " + explain(first.violations));
  }
  if (decoded.events.empty() && !decoded.valid()) {
    return base::fail(base::Code::Invalid, "replay", -1,
                      "it is still refused: " + explain(decoded.message_violations));
  }
  // Shared: the answer may come when nobody waits any more.
  auto answer = std::make_shared<std::promise<bool>>();
  auto durable = answer->get_future();
  Done done = [answer](bool stored) { answer->set_value(stored); };
  if (!submit(message, done)) {
    return base::fail(base::Code::Unavailable, "replay", -1,
                      "the hub has no room for messages; try again");
  }
  if (durable.wait_for(timeout) != std::future_status::ready || !durable.get()) {
    return base::fail(base::Code::Unavailable, "replay", -1,
                      "the hub could not store the message; try again");
  }
  return {};
}

void Ingest::on_room(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    // Half of the queue: not at once full again.
    const bool room = state_->waiting.bytes.size() <= state_->options.queue_bytes / 2 &&
                      state_->waiting.entries.size() <= state_->options.queue_messages / 2;
    if (!room && !state_->stopping) {
      state_->room_waiters.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Ingest::record(const operations::Record& record) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.stopping || !state.has_room(1024)) {
    state.counters.operations_dropped.add();
    return;
  }
  Entry entry;
  entry.kind = RecordKind::Operation;
  entry.begin = state.waiting.bytes.size();
  encode(record, state.waiting.bytes);
  entry.end = state.waiting.bytes.size();
  state.waiting.entries.push_back(std::move(entry));
  ++state.submissions;
  if (state.waiting.entries.size() == 1) state.submitted.notify_one();
}

}  // namespace hub::ingest
