#include "dissect/amqp/method.h"

#include <algorithm>
#include <array>

#include "dissect/amqp/login.h"
#include "dissect/text.h"

namespace dissect::amqp {

namespace {

// Tables within tables are not read.
constexpr std::size_t kMaxProperties = 32;

// What a method's arguments begin with.
enum class Form : std::uint8_t {
  None,
  Queue,     // reserved, queue
  Exchange,  // reserved, exchange
  Bind,      // reserved, queue, exchange, routing key
  Publish,   // reserved, exchange, routing key
  Deliver,   // consumer's tag, number, flag, exchange, routing key
  Close,     // code, text, class, method
  Start,
  Login,
  Tune,
  Open,  // virtual host
};
struct Method {
  std::uint16_t group = 0;
  std::uint16_t number = 0;
  std::string_view name;
  Access access = Access::None;
  Kind kind = Kind::OneWay;
  Form form = Form::None;
};
constexpr Kind kAsk = Kind::Request;
constexpr Kind kReply = Kind::Response;
constexpr Kind kTell = Kind::OneWay;

constexpr Method kMethods[] = {
    {10, 10, "connection.start", Access::Session, kTell, Form::Start},
    {10, 11, "connection.start-ok", Access::Authentication, kAsk, Form::Login},
    {10, 20, "connection.secure", Access::Authentication, kTell, Form::None},
    {10, 21, "connection.secure-ok", Access::Authentication, kTell, Form::None},
    {10, 30, "connection.tune", Access::Session, kTell, Form::Tune},
    {10, 31, "connection.tune-ok", Access::Session, kTell, Form::Tune},
    {10, 40, "connection.open", Access::Session, kAsk, Form::Open},
    {10, 41, "connection.open-ok", Access::Session, kReply, Form::None},
    {10, 50, "connection.close", Access::Session, kAsk, Form::Close},
    {10, 51, "connection.close-ok", Access::Session, kReply, Form::None},
    {10, 60, "connection.blocked", Access::Session, kTell, Form::None},
    {10, 61, "connection.unblocked", Access::Session, kTell, Form::None},
    {20, 10, "channel.open", Access::Session, kAsk, Form::None},
    {20, 11, "channel.open-ok", Access::Session, kReply, Form::None},
    {20, 20, "channel.flow", Access::Session, kAsk, Form::None},
    {20, 21, "channel.flow-ok", Access::Session, kReply, Form::None},
    {20, 40, "channel.close", Access::Session, kAsk, Form::Close},
    {20, 41, "channel.close-ok", Access::Session, kReply, Form::None},
    {40, 10, "exchange.declare", Access::ConfigWrite, kAsk, Form::Exchange},
    {40, 11, "exchange.declare-ok", Access::ConfigWrite, kReply, Form::None},
    {40, 20, "exchange.delete", Access::ConfigWrite, kAsk, Form::Exchange},
    {40, 21, "exchange.delete-ok", Access::ConfigWrite, kReply, Form::None},
    {50, 10, "queue.declare", Access::ConfigWrite, kAsk, Form::Queue},
    {50, 11, "queue.declare-ok", Access::ConfigWrite, kReply, Form::None},
    {50, 20, "queue.bind", Access::ConfigWrite, kAsk, Form::Bind},
    {50, 21, "queue.bind-ok", Access::ConfigWrite, kReply, Form::None},
    {50, 30, "queue.purge", Access::Write, kAsk, Form::Queue},
    {50, 31, "queue.purge-ok", Access::Write, kReply, Form::None},
    {50, 40, "queue.delete", Access::ConfigWrite, kAsk, Form::Queue},
    {50, 41, "queue.delete-ok", Access::ConfigWrite, kReply, Form::None},
    {50, 50, "queue.unbind", Access::ConfigWrite, kAsk, Form::Bind},
    {50, 51, "queue.unbind-ok", Access::ConfigWrite, kReply, Form::None},
    {60, 10, "basic.qos", Access::Session, kAsk, Form::None},
    {60, 11, "basic.qos-ok", Access::Session, kReply, Form::None},
    {60, 20, "basic.consume", Access::Read, kAsk, Form::Queue},
    {60, 21, "basic.consume-ok", Access::Read, kReply, Form::None},
    {60, 30, "basic.cancel", Access::Session, kAsk, Form::None},
    {60, 31, "basic.cancel-ok", Access::Session, kReply, Form::None},
    {60, 40, "basic.publish", Access::Write, kTell, Form::Publish},
    {60, 50, "basic.return", Access::None, kTell, Form::None},
    {60, 60, "basic.deliver", Access::Read, kTell, Form::Deliver},
    {60, 70, "basic.get", Access::Read, kAsk, Form::Queue},
    {60, 71, "basic.get-ok", Access::Read, kReply, Form::None},
    {60, 72, "basic.get-empty", Access::Read, kReply, Form::None},
    {60, 80, "basic.ack", Access::None, kTell, Form::None},
    {60, 90, "basic.reject", Access::None, kTell, Form::None},
    {60, 100, "basic.recover-async", Access::Session, kTell, Form::None},
    {60, 110, "basic.recover", Access::Session, kAsk, Form::None},
    {60, 111, "basic.recover-ok", Access::Session, kReply, Form::None},
    {60, 120, "basic.nack", Access::None, kTell, Form::None},
    {85, 10, "confirm.select", Access::Session, kAsk, Form::None},
    {85, 11, "confirm.select-ok", Access::Session, kReply, Form::None},
    {90, 10, "tx.select", Access::Session, kAsk, Form::None},
    {90, 11, "tx.select-ok", Access::Session, kReply, Form::None},
    {90, 20, "tx.commit", Access::Session, kAsk, Form::None},
    {90, 21, "tx.commit-ok", Access::Session, kReply, Form::None},
    {90, 30, "tx.rollback", Access::Session, kAsk, Form::None},
    {90, 31, "tx.rollback-ok", Access::Session, kReply, Form::None},
};

const Method* find(std::uint16_t group, std::uint16_t number) {
  const auto* const found = std::ranges::find_if(
      kMethods, [&](const Method& one) { return one.group == group && one.number == number; });
  return found == std::ranges::end(kMethods) ? nullptr : found;
}

std::string_view short_text(Reader& reader) {
  return reader.text(reader.u8());
}
std::string_view long_text(Reader& reader) {
  return reader.text(reader.u32be());
}

// "product", "version" and "platform" of a table, as far as its texts go (4.2.5.5).
struct Peer {
  std::string_view product;
  std::string_view version;
  std::string_view platform;
};
Peer read_properties(Reader& reader, Sink& sink) {
  Peer peer;
  Reader table = reader.sub(reader.u32be());
  for (std::size_t i = 0; i < kMaxProperties && table.ok() && !table.done(); ++i) {
    const std::string_view name = short_text(table);
    const std::uint8_t type = table.u8();
    if (type == 'S') {
      const std::string_view value = long_text(table);
      if (name == "product") peer.product = value;
      if (name == "version") peer.version = value;
      if (name == "platform") peer.platform = value;
    } else if (type == 'F') {
      table.skip(table.u32be());
    } else if (type == 't') {
      table.skip(1);
    } else {
      break;
    }
  }
  if (!table.ok() && reader.ok())
    sink.issue({Issue::Kind::Truncated, "properties end within one", 0, 0});
  return peer;
}

void tell_peer(const Peer& peer, Objects& objects, Sink& sink) {
  if (peer.product.empty()) return;
  sink.shown("product", peer.product);
  sink.shown("product_version", peer.version);
  sink.shown("platform", peer.platform);
  sink.tell(
      Fact::Software,
      printable(objects.compose({objects.shown(peer.product, 64), peer.version.empty() ? "" : " ",
                                 objects.shown(peer.version, 64)})),
      Confidence::Banner);
}

void add(std::string_view space, std::string_view detail, std::string_view name, Message& message,
         Objects& objects, Sink& sink) {
  sink.shown(detail, name);
  if (!name.empty()) objects.add(message, sink, {space, objects.shown(name), 0, 0});
}

void add_route(Reader& reader, Message& message, Objects& objects, Sink& sink) {
  const std::string_view exchange = short_text(reader);
  const std::string_view key = short_text(reader);
  add("exchange", "exchange", exchange, message, objects, sink);
  add("routing key", "routing_key", key, message, objects, sink);
}

void read_close(Reader& reader, Message& message, Objects& objects, Sink& sink) {
  const std::uint16_t code = reader.u16be();
  const std::string_view text = short_text(reader);
  sink.number("close_code", code);
  sink.shown("close_text", text);
  if (!reader.ok()) return;
  objects.add(message, sink, {"reason", objects.shown(text, 128), code, 1});
  // Other than 200: for an error. Before a login is answered, that is the answer.
  if (code == 200) return;
  const Status failed{Outcome::Failed, code, code == 403 ? "access refused" : "closed"};
  if (message.operation.code >> 16U == 10 && code == 403) answer_login(failed, sink);
}

void read_arguments(Form form, Reader& reader, Message& message, Objects& objects, Sink& sink) {
  switch (form) {
    case Form::None:
      return;
    case Form::Queue:
      reader.skip(2);
      return add("queue", "queue", short_text(reader), message, objects, sink);
    case Form::Exchange:
      reader.skip(2);
      return add("exchange", "exchange", short_text(reader), message, objects, sink);
    case Form::Bind:
      reader.skip(2);
      add("queue", "queue", short_text(reader), message, objects, sink);
      return add_route(reader, message, objects, sink);
    case Form::Publish:
      reader.skip(2);
      return add_route(reader, message, objects, sink);
    case Form::Deliver:
      sink.shown("consumer", short_text(reader));
      reader.skip(9);
      return add_route(reader, message, objects, sink);
    case Form::Close:
      return read_close(reader, message, objects, sink);
    case Form::Start:
      sink.number("version_major", reader.u8());
      sink.number("version_minor", reader.u8());
      tell_peer(read_properties(reader, sink), objects, sink);
      return sink.shown("mechanisms", long_text(reader));
    case Form::Login: {
      tell_peer(read_properties(reader, sink), objects, sink);
      const std::string_view mechanism = short_text(reader);
      const std::string_view response = long_text(reader);
      if (reader.ok()) ask_login(mechanism, response, message, objects, sink);
      return;
    }
    case Form::Tune:
      sink.number("channel_max", reader.u16be());
      sink.number("frame_max", reader.u32be());
      return sink.number("heartbeat", reader.u16be());
    case Form::Open:
      return add("virtual host", "virtual_host", short_text(reader), message, objects, sink);
  }
}

}  // namespace

bool is_method(base::ByteView payload) {
  Reader reader(payload);
  const std::uint16_t group = reader.u16be();
  return find(group, reader.u16be()) != nullptr && reader.ok();
}

void read_method(std::uint16_t channel, Reader& reader, Objects& objects, Sink& sink) {
  const std::uint16_t group = reader.u16be();
  const std::uint16_t number = reader.u16be();
  sink.number("class", group);
  sink.number("method", number);
  const Method* const method = reader.ok() ? find(group, number) : nullptr;
  if (method == nullptr) {
    sink.issue({Issue::Kind::Malformed, "method that does not exist", number, 7});
    return;
  }
  Message message;
  message.operation = {std::uint32_t{group} << 16U | number, method->name};
  message.access = method->access;
  message.kind = method->kind;
  message.unit = channel;
  // Of a class, one request at a time is under way in a channel; its answers count on from it.
  message.key = std::uint64_t{1} << 48U | std::uint64_t{channel} << 32U |
                std::uint64_t{group} << 16U | (number - number % 10U);
  if (method->kind == Kind::Response) message.status.outcome = Outcome::Ok;
  // What follows a login says that it was good.
  if (method->form == Form::Tune && number == 30) answer_login({Outcome::Ok, 0, {}}, sink);
  read_arguments(method->form, reader, message, objects, sink);
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "method ends within an argument", number, 7});
    return;
  }
  sink.message(message);
}

}  // namespace dissect::amqp
