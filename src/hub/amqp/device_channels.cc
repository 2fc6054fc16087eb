#include "hub/amqp/device_channels.h"

#include <utility>

#include "base/text.h"
#include "hub/amqp/properties.h"
#include "hub/amqp/session.h"
#include "wire/property_bag.h"

namespace hub::amqp {

using identity::Name;
using operations::Reason;

namespace {

constexpr int kTokenWindow = 10;
constexpr int kEventWindow = 256;
constexpr int kTwinWindow = 32;
constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::size_t kMaxTwinBytes = 64 * 1024;
// Beside body and properties: sections and their frames.
constexpr std::size_t kOverhead = 16 * 1024;
constexpr std::size_t kKibibyte = 1024;
constexpr std::size_t kMaxShownId = 128;
constexpr std::string_view kTokenType = "servicebus.windows.net:sastoken";
constexpr std::string_view kReported = "/properties/reported";
constexpr std::string_view kDesiredNews = "/notifications/twin/properties/desired";

std::string text_at(const Entries& entries, std::string_view name) {
  const Value* value = find(entries, name);
  return value == nullptr ? std::string() : value->to_text();
}

bool is_resource(std::string_view text, std::string_view resource) {
  if (text.ends_with('/')) text.remove_suffix(1);
  return base::equal_ignore_case(text, resource);
}

}  // namespace

TokenReceiver::TokenReceiver(Session& session, pn_link_t* link, Address address)
    : Receiver(session, link, std::move(address), kTokenWindow, kMaxTokenBytes) {}

Receiver::Taken TokenReceiver::take(pn_delivery_t* delivery, base::ByteView bytes) {
  const auto message = decode(bytes);
  if (!message) {
    reject(delivery, {condition::kMalformed, message.error().to_string()});
    return Taken::Settled;
  }
  accept(delivery);
  Session::Verdict verdict{400, "operation"};
  if (text_at(message->application, "operation") == "put-token") {
    std::string scratch;
    const std::string token(message->body(scratch));
    verdict = text_at(message->application, "type") == kTokenType
                  ? session_.put_token(text_at(message->application, "name"), token)
                  : Session::Verdict{401, "only shared access signatures are served"};
  }
  Message answer;
  answer.to = message->reply_to;
  answer.correlation_id = message->message_id;
  answer.application.emplace_back("status-code", Value::integer(verdict.status));
  answer.application.emplace_back("status-description", Value::text(verdict.description));
  answer.value = Value();
  if (Outbox* outbox = session_.outbox_of(Node::Cbs, {})) outbox->push(std::move(answer), {});
  return Taken::Settled;
}

EventReceiver::EventReceiver(Session& session, pn_link_t* link, Address address)
    : Receiver(session, link, std::move(address), kEventWindow,
               session.service().options.max_message_bytes + kOverhead) {}

Receiver::Taken EventReceiver::take(pn_delivery_t* delivery, base::ByteView bytes) {
  if (slot_ == 0) {
    auto messages = decode_events(bytes);
    if (!messages) {
      reject(delivery, {condition::kMalformed, messages.error().to_string()});
      return Taken::Settled;
    }
    parts_ = std::move(*messages);
    next_part_ = 0;
    slot_ = session_.hold_delivery(delivery);
  }
  for (; next_part_ < parts_.size(); ++next_part_) {
    if (!offer(parts_[next_part_])) return Taken::NoRoom;
  }
  parts_.clear();
  session_.await(std::exchange(slot_, std::uint16_t{0}));
  return Taken::Settled;
}

// False: there is no room.
bool EventReceiver::offer(const Message& message) {
  link::Service& service = session_.service();
  link::Member* sender = session_.member(address_.name);
  if (sender == nullptr) {
    session_.spoil(slot_, {condition::kUnauthorized, "not connected"});
    return true;
  }
  const std::string bag = property_bag(message);
  std::string scratch;
  const std::string_view body = message.body(scratch);
  const std::size_t size = bag.size() + body.size();
  if (size > service.options.max_message_bytes) {
    service.counters.oversize.add();
    refuse(*sender, Reason::Oversize, size,
           {condition::kSize, "a message of " + std::to_string(size) + " bytes"});
    return true;
  }
  // Once for each message, however often there is no room for it.
  auto refused = charged_ ? std::nullopt : sender->charge(limits::Kind::Telemetry, size);
  if (refused) {
    const bool quota = refused->reason == Reason::Quota;
    refuse(*sender, refused->reason, size,
           {quota ? condition::kQuota : condition::kThrottled, std::move(refused->detail)});
    return true;
  }
  charged_ = true;
  const bool security = wire::is_security_message(bag);
  const link::Message offered{sender->peer(), service.options.wall_now(), bag, body, security};
  const auto kibibytes = static_cast<std::uint16_t>((size + kKibibyte - 1) / kKibibyte);
  link::Sink::Done done = link::Report{&session_.host(), session_.connection(), slot_, kibibytes};
  // A Done on another thread cannot overtake this: it is queued for this one.
  if (!service.sink.offer(offered, done)) return false;
  charged_ = false;
  session_.offered(slot_, kibibytes);
  sender->count_message(size, security);
  return true;
}

// The others of the same batch go on.
void EventReceiver::refuse(const link::Member& sender, Reason reason, std::size_t bytes,
                           Fault fault) {
  operations::Record record = sender.new_record("sendMessage");
  record.category = operations::Category::DeviceTelemetry;
  record.status_code = reason == Reason::Oversize ? 413 : reason == Reason::Quota ? 403 : 429;
  if (reason != Reason::Oversize) record.sub_code = reason == Reason::Quota ? 403002 : 429001;
  record.level = operations::Level::Error;
  record.reason = reason;
  record.detail = fault.description;
  record.bytes = bytes;
  session_.service().operations.record(std::move(record));
  session_.spoil(slot_, std::move(fault));
}

TwinReceiver::TwinReceiver(Session& session, pn_link_t* link, Address address)
    : Receiver(session, link, std::move(address), kTwinWindow, kMaxTwinBytes) {}

Receiver::Taken TwinReceiver::take(pn_delivery_t* delivery, base::ByteView bytes) {
  auto message = decode(bytes);
  if (!message) {
    reject(delivery, {condition::kMalformed, message.error().to_string()});
    return Taken::Settled;
  }
  accept(delivery);
  const std::string operation = text_at(message->annotations, "operation");
  const std::string resource = text_at(message->annotations, "resource");
  std::string scratch;
  int status = 400;
  if (operation == "GET") {
    session_.ask_twin(address_.name, std::move(message->correlation_id), std::nullopt);
    return Taken::Settled;
  }
  if (operation == "PATCH" && is_resource(resource, kReported)) {
    session_.ask_twin(address_.name, std::move(message->correlation_id),
                      std::string(message->body(scratch)));
    return Taken::Settled;
  }
  const bool news = is_resource(resource, kDesiredNews);
  if (news && (operation == "PUT" || operation == "DELETE")) {
    session_.watch_twin(address_.name, operation == "PUT");
    status = 200;
  }
  Outbox* outbox = session_.outbox_of(Node::Twin, address_.name);
  if (outbox == nullptr) return Taken::Settled;
  Message answer;
  answer.correlation_id = std::move(message->correlation_id);
  answer.annotations.emplace_back("status", Value::integer(status));
  std::string body;
  if (status != 200) body = R"({"errorCode":400000,"message":"no such operation"})";
  outbox->push(std::move(answer), std::move(body));
  return Taken::Settled;
}

void Session::ask_twin(const Name& name, Value correlation, std::optional<std::string> patch) {
  service_.counters.twin_requests.add();
  link::Member* owner = member(name);
  if (owner == nullptr) return;
  const std::uint64_t number = ++last_twin_request_;
  const std::string text = correlation.to_text();
  const auto kind = patch ? limits::Kind::TwinUpdate : limits::Kind::TwinRead;
  const bool room = twin_requests_.size() < service_.options.max_twin_requests &&
                    !owner->charge(kind, patch ? patch->size() : 0);
  twin_requests_.emplace(number, TwinRequest{name, std::move(correlation)});
  const std::string id = std::to_string(number);
  if (room) {
    twins::DeviceRequest request;
    request.name = name;
    request.generation_id = owner->peer().generation_id;
    request.record = owner->new_record("");
    request.record.request_id = base::to_utf8(text.substr(0, kMaxShownId));
    request.patch = std::move(patch);
    auto answer = [host = &host_, connection = connection_, id](twins::DeviceAnswer given) {
      host->deliver(connection, link::TwinAnswer{id, std::move(given)});
    };
    if (service_.twins.request(std::move(request), std::move(answer))) return;
  }
  service_.counters.twin_requests_refused.add();
  answer_twin(
      {id, {429, R"({"errorCode":429001,"message":"too many requests; try again later"})", {}}});
}

void Session::answer_twin(const link::TwinAnswer& answer) {
  const auto found = twin_requests_.find(std::stoull(answer.request_id));
  if (found == twin_requests_.end()) return;
  const TwinRequest request = std::move(found->second);
  twin_requests_.erase(found);
  Outbox* outbox = outbox_of(Node::Twin, request.name);
  if (outbox == nullptr) return;
  Message message;
  message.correlation_id = request.correlation;
  message.annotations.emplace_back("status", Value::integer(answer.answer.status));
  if (answer.answer.version)
    message.annotations.emplace_back("version", Value::long_integer(*answer.answer.version));
  outbox->push(std::move(message), answer.answer.body);
}

void Session::watch_twin(const Name& name, bool wanted) {
  watched_[name] = wanted;
}

void Session::tell_twin(const link::TwinDesired& desired) {
  const auto watched = watched_.find(desired.name);
  if (watched == watched_.end() || !watched->second) return;
  Outbox* outbox = outbox_of(Node::Twin, desired.name);
  if (outbox == nullptr) return;
  Message message;
  message.annotations.emplace_back("resource", Value::text(kDesiredNews));
  message.annotations.emplace_back("version", Value::long_integer(desired.version));
  // What is not told now is read with the whole twin after the next reconnect; the client is so far
  // behind that it would not notice either way.
  if (outbox->push(std::move(message), desired.json)) service_.counters.twin_changes_told.add();
}

}  // namespace hub::amqp
