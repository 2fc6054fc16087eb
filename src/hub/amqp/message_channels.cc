#include "hub/amqp/message_channels.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <proton/disposition.h>

#include "base/text.h"
#include "hub/amqp/session.h"
#include "hub/commands/methods.h"
#include "hub/commands/status.h"

namespace hub::amqp {

using commands::Locked;
using commands::Settlement;

namespace {

constexpr int kMethodWindow = 64;
constexpr int kServiceWindow = 64;
constexpr std::size_t kOverhead = 16 * 1024;
// Of one link, not settled.
constexpr std::size_t kMaxOnWay = 50;
constexpr std::size_t kMaxFeedbackOnWay = 4;
constexpr std::string_view kAck = "iothub-ack";
constexpr std::string_view kMethodName = "IoThub-methodname";
constexpr std::string_view kMethodStatus = "IoThub-status";

std::int64_t milliseconds(base::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Value optional_text(const std::string& text) {
  return text.empty() ? Value() : Value::text(text);
}

Message message_of(const Locked& locked) {
  const commands::CloudMessage& content = locked.message;
  Message message;
  message.delivery_count = locked.delivery_count - 1;
  message.message_id = optional_text(content.message_id);
  message.correlation_id = optional_text(content.correlation_id);
  message.user_id = content.user_id;
  message.to = content.to_address.empty() ? commands::address_of(content.to, content.input)
                                          : content.to_address;
  message.content_type = content.content_type;
  message.content_encoding = content.content_encoding;
  message.expiry_ms = milliseconds(locked.expires);
  message.annotations = {
      {"iothub-enqueuedtime", Value::timestamp(milliseconds(locked.enqueued))},
      {"iothub-deliverycount", Value::integer(static_cast<std::int32_t>(locked.delivery_count))},
      {"x-opt-sequence-number", Value::long_integer(locked.sequence)}};
  if (!content.input.empty())
    message.annotations.emplace_back("x-opt-input-name", Value::text(content.input));
  if (content.ack != commands::Ack::None)
    message.application.emplace_back(kAck, Value::text(commands::to_string(content.ack)));
  for (const wire::Property& property : content.properties)
    message.application.emplace_back(property.name, Value::text(property.value));
  message.data = {content.body};
  return message;
}

// As the SDKs sort them.
Fault fault_of(const base::Error& error) {
  std::string text = error.to_string();
  switch (error.code) {
    case base::Code::NotFound:
      return {condition::kNotFound, std::move(text)};
    case base::Code::Full:
      return {condition::kResourceLimit, std::move(text)};
    case base::Code::TooLarge:
      return {condition::kSize, std::move(text)};
    case base::Code::Invalid:
    case base::Code::Malformed:
      return {condition::kArgument, std::move(text)};
    case base::Code::Unavailable:
      return {condition::kBusy, std::move(text)};
    default:
      return {condition::kInternal, std::move(text)};
  }
}

// Gives back what nobody took: when the connection ended in between.
struct LockedBatch {
  LockedBatch(commands::Messages& to, commands::Client whose, std::vector<Locked> what)
      : messages(to), client(std::move(whose)), locked(std::move(what)) {}
  ~LockedBatch() {
    for (Locked& message : locked)
      messages.settle(client, std::move(message.lock_token), Settlement::Abandon,
                      [](const base::Result<void>&) {});
  }
  LockedBatch(const LockedBatch&) = delete;
  LockedBatch& operator=(const LockedBatch&) = delete;

  commands::Messages& messages;
  const commands::Client client;
  std::vector<Locked> locked;
};

struct LockedFeedback {
  LockedFeedback(commands::Messages& to, std::optional<commands::FeedbackBatch> what)
      : messages(to), batch(std::move(what)) {}
  ~LockedFeedback() {
    if (batch)
      messages.settle_feedback(std::move(batch->lock_token), Settlement::Abandon,
                               [](const base::Result<void>&) {});
  }
  LockedFeedback(const LockedFeedback&) = delete;
  LockedFeedback& operator=(const LockedFeedback&) = delete;

  commands::Messages& messages;
  std::optional<commands::FeedbackBatch> batch;
};

}  // namespace

std::optional<Settlement> settlement_of(pn_delivery_t* delivery) {
  switch (pn_delivery_remote_state(delivery)) {
    case PN_ACCEPTED:
      return Settlement::Complete;
    case PN_REJECTED:
      return Settlement::Reject;
    case PN_RELEASED:
    case PN_MODIFIED:
      return Settlement::Abandon;
    default:
      // Forgotten without a word.
      return pn_delivery_settled(delivery) ? std::optional(Settlement::Abandon) : std::nullopt;
  }
}

CloudSender::CloudSender(Session& session, pn_link_t* link, Address address,
                         commands::Client client)
    : Sender(session, link, std::move(address)), client_(std::move(client)) {}

CloudSender::~CloudSender() {
  for (auto& [delivery, token] : on_way_)
    settle(std::move(token), Settlement::Abandon);
}

void CloudSender::settle(std::string lock_token, Settlement settlement) {
  // A lock that has ended is recorded and counted there; the other side cannot be told any more.
  session_.service().messages.settle(client_, std::move(lock_token), settlement,
                                     [](const base::Result<void>&) {});
}

void CloudSender::pump() {
  commands::Messages& messages = session_.service().messages;
  const auto credit = static_cast<std::size_t>(std::max(pn_link_credit(link_), 0));
  const std::size_t most = std::min(credit, kMaxOnWay - std::min(kMaxOnWay, on_way_.size()));
  if (asked_ || most == 0 || !messages.may_receive(address_.name)) return;
  asked_ = true;
  auto done = [session = &session_, host = &session_.host(), connection = session_.connection(),
               messages = &messages, client = client_,
               id = id()](base::Result<std::vector<Locked>> got) {
    auto batch = std::make_shared<LockedBatch>(*messages, client,
                                               got ? std::move(*got) : std::vector<Locked>());
    host->deliver(connection, link::Task{[session, id, batch] {
                    auto* channel = dynamic_cast<CloudSender*>(session->find_channel(id));
                    if (channel != nullptr) channel->received(std::exchange(batch->locked, {}));
                  }});
  };
  messages.receive(client_, most, commands::Holder::Connection, std::move(done));
}

void CloudSender::received(std::vector<Locked> messages) {
  asked_ = false;
  for (Locked& locked : messages) {
    if (pn_link_credit(link_) <= 0) {
      settle(std::move(locked.lock_token), Settlement::Abandon);
    } else if (pn_delivery_t* delivery = send(message_of(locked))) {
      on_way_.emplace(delivery, std::move(locked.lock_token));
    } else {
      settle(std::move(locked.lock_token), Settlement::Complete);
    }
  }
  if (!messages.empty()) pump();
}

void CloudSender::disposed(pn_delivery_t* delivery) {
  const auto settlement = settlement_of(delivery);
  if (!settlement) return;
  const auto found = on_way_.find(delivery);
  if (found != on_way_.end()) {
    settle(std::move(found->second), *settlement);
    on_way_.erase(found);
  }
  pn_delivery_settle(delivery);
  pump();
}

MethodSender::~MethodSender() {
  if (served_ != 0) session_.service().methods.leave(address_.name, served_);
}

void MethodSender::opened() {
  served_ = session_.service().methods.serve(
      address_.name,
      [session = &session_, host = &session_.host(), connection = session_.connection(),
       id = id()](const commands::MethodRequest& request) {
        host->deliver(
            connection, link::Task{[session, id, request] {
              auto* channel = dynamic_cast<MethodSender*>(session->find_channel(id));
              if (channel == nullptr) return;
              Message message;
              // SDKs read it as a uuid.
              message.correlation_id = session->enter_call(request.request_id);
              message.application = {{std::string(kMethodName), Value::text(request.method)}};
              channel->push(std::move(message), request.payload);
            }});
      });
}

MethodReceiver::MethodReceiver(Session& session, pn_link_t* link, Address address)
    : Receiver(session, link, std::move(address), kMethodWindow,
               session.service().methods.options().max_payload_bytes + kOverhead) {}

Receiver::Taken MethodReceiver::take(pn_delivery_t* delivery, base::ByteView bytes) {
  const auto message = decode(bytes);
  const Value* given = message ? find(message->application, kMethodStatus) : nullptr;
  const std::string text = given == nullptr ? std::string() : given->to_text();
  int status = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    reject(delivery, {condition::kArgument, "an answer without IoThub-status"});
    return Taken::Settled;
  }
  accept(delivery);
  link::Member* owner = session_.member(address_.name);
  const std::string request = session_.take_call(message->correlation_id);
  if (owner == nullptr || request.empty()) return Taken::Settled;
  std::string scratch;
  session_.service().methods.answer(address_.name, request, status, message->body(scratch),
                                    owner->new_record(""));
  return Taken::Settled;
}

CloudReceiver::CloudReceiver(Session& session, pn_link_t* link, Address address)
    : Receiver(session, link, std::move(address), kServiceWindow,
               session.service().messages.options().max_message_bytes + kOverhead) {}

Receiver::Taken CloudReceiver::take(pn_delivery_t* delivery, base::ByteView bytes) {
  const auto message = decode(bytes);
  if (!message) {
    reject(delivery, {condition::kMalformed, message.error().to_string()});
    return Taken::Settled;
  }
  const auto to = commands::parse_address(message->to);
  if (!to) {
    reject(delivery, {condition::kNotFound, "'to' is no device"});
    return Taken::Settled;
  }
  commands::CloudMessage content;
  content.to = to->to;
  content.input = to->input;
  content.to_address = message->to;
  content.message_id = message->message_id.to_text();
  content.correlation_id = message->correlation_id.to_text();
  content.user_id = message->user_id;
  content.content_type = message->content_type;
  content.content_encoding = message->content_encoding;
  const base::WallTime now = session_.service().options.wall_now();
  if (message->expiry_ms) {
    // What lies beyond WallTime's end means as late as possible.
    constexpr std::int64_t kLatest = 9'000'000'000'000;
    content.expiry = base::WallTime(
        std::chrono::milliseconds(std::clamp(*message->expiry_ms, std::int64_t{0}, kLatest)));
  } else if (message->ttl_ms) {
    content.expiry = now + std::chrono::milliseconds(*message->ttl_ms);
  }
  std::string scratch;
  content.body = message->body(scratch);
  for (const auto& [name, value] : message->application) {
    if (name != kAck) {
      content.properties.push_back({name, value.to_text()});
      continue;
    }
    const auto ack = commands::parse_ack(value.to_text());
    if (!ack) {
      reject(delivery, {condition::kArgument, "iothub-ack is none, positive, negative or full"});
      return Taken::Settled;
    }
    content.ack = *ack;
  }
  operations::Record record = session_.service_record();
  if (auto refused = charge(content, record)) {
    reject(delivery, *refused);
    return Taken::Settled;
  }
  const std::uint16_t slot = session_.hold_delivery(delivery);
  session_.expect(slot);
  session_.service().messages.send(
      std::move(content), std::move(record),
      [session = &session_, host = &session_.host(), connection = session_.connection(),
       slot](const base::Result<commands::Receipt>& sent) {
        std::optional<Fault> fault;
        if (!sent) fault = fault_of(sent.error());
        host->deliver(connection, link::Task{[session, slot, fault = std::move(fault)] {
                        session->resolved(slot, fault);
                      }});
      });
  return Taken::Settled;
}

std::optional<Fault> CloudReceiver::charge(const commands::CloudMessage& content,
                                           operations::Record record) {
  record.category = operations::Category::C2DCommands;
  record.operation = "send";
  record.device_id = content.to.device_id;
  record.module_id = content.to.module_id;
  record.request_id = content.message_id;
  return session_.charge_service(limits::Kind::CommandSend, content.body.size(), std::move(record));
}

std::shared_ptr<FeedbackWatch> FeedbackWatch::start(commands::Messages& messages) {
  auto watch = std::make_shared<FeedbackWatch>();
  messages.add_feedback_listener([watch] { watch->tell(); });
  return watch;
}

void FeedbackWatch::add(link::Host& host, std::uint32_t connection) {
  const std::lock_guard lock(mutex_);
  places_.push_back({&host, connection});
}

void FeedbackWatch::remove(link::Host& host, std::uint32_t connection) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(places_, link::SessionTable::Place{&host, connection});
  if (found != places_.end()) places_.erase(found);
}

void FeedbackWatch::tell() {
  const std::lock_guard lock(mutex_);
  for (const link::SessionTable::Place& place : places_)
    place.host->deliver(place.connection, link::CommandsWaiting{});
}

FeedbackSender::FeedbackSender(Session& session, pn_link_t* link, Address address,
                               std::shared_ptr<FeedbackWatch> watch)
    : Sender(session, link, std::move(address)), watch_(std::move(watch)) {
  watch_->add(session_.host(), session_.connection());
}

FeedbackSender::~FeedbackSender() {
  watch_->remove(session_.host(), session_.connection());
  for (auto& [delivery, token] : on_way_)
    session_.service().messages.settle_feedback(std::move(token), Settlement::Abandon,
                                                [](const base::Result<void>&) {});
}

void FeedbackSender::pump() {
  if (asked_ || pn_link_credit(link_) <= 0 || on_way_.size() >= kMaxFeedbackOnWay) return;
  asked_ = true;
  commands::Messages& messages = session_.service().messages;
  messages.receive_feedback([session = &session_, host = &session_.host(),
                             connection = session_.connection(), messages = &messages,
                             id = id()](base::Result<std::optional<commands::FeedbackBatch>> got) {
    auto locked = std::make_shared<LockedFeedback>(
        *messages, got ? std::move(*got) : std::optional<commands::FeedbackBatch>());
    host->deliver(connection, link::Task{[session, id, locked] {
                    auto* channel = dynamic_cast<FeedbackSender*>(session->find_channel(id));
                    if (channel == nullptr) return;
                    channel->received(std::exchange(locked->batch, std::nullopt));
                  }});
  });
}

void FeedbackSender::received(const std::optional<commands::FeedbackBatch>& batch) {
  asked_ = false;
  if (!batch) return;
  commands::Messages& messages = session_.service().messages;
  const auto nothing = [](const base::Result<void>&) {};
  if (pn_link_credit(link_) <= 0)
    return messages.settle_feedback(batch->lock_token, Settlement::Abandon, nothing);
  const std::string body = commands::to_json(batch->records);
  Message message;
  message.delivery_count = batch->delivery_count - 1;
  message.message_id = Value::text(std::to_string(batch->sequence));
  message.user_id = session_.service().registry.host_name();
  message.content_type = commands::kFeedbackContentType;
  message.content_encoding = "utf-8";
  message.creation_ms = milliseconds(batch->enqueued);
  message.annotations = {{"iothub-enqueuedtime", Value::timestamp(milliseconds(batch->enqueued))}};
  message.data = {body};
  if (pn_delivery_t* delivery = send(message)) {
    on_way_.emplace(delivery, batch->lock_token);
  } else {
    messages.settle_feedback(batch->lock_token, Settlement::Complete, nothing);
  }
  pump();
}

void FeedbackSender::disposed(pn_delivery_t* delivery) {
  const auto settlement = settlement_of(delivery);
  if (!settlement) return;
  const auto found = on_way_.find(delivery);
  if (found != on_way_.end()) {
    session_.service().messages.settle_feedback(std::move(found->second), *settlement,
                                                [](const base::Result<void>&) {});
    on_way_.erase(found);
  }
  pn_delivery_settle(delivery);
  pump();
}

Value Session::enter_call(const std::string& request_id) {
  constexpr std::size_t kMaxCalls = 512;
  const base::Guid id = base::Guid::random();
  calls_.emplace_back(id, request_id);
  // The oldest has timed out long ago, or was never sent.
  if (calls_.size() > kMaxCalls) calls_.pop_front();
  return {Value::Type::Uuid, 0, 0, std::string(base::as_text(id.bytes))};
}

std::string Session::take_call(const Value& correlation) {
  const auto id = base::Guid::parse(correlation.to_text());
  if (!id) return {};
  const auto found = std::ranges::find(calls_, *id, &std::pair<base::Guid, std::string>::first);
  if (found == calls_.end()) return {};
  std::string request = std::move(found->second);
  calls_.erase(found);
  return request;
}

}  // namespace hub::amqp
