#include "dissect/mqtt/mqtt.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "dissect/mqtt/packet.h"
#include "dissect/objects.h"
#include "dissect/text.h"

namespace dissect::mqtt {

namespace {

// Of what is published, more is passed by.
constexpr std::size_t kMaxKept = 16U << 10U;
// Up to the keep alive (3.1.1 section 3.1).
constexpr std::size_t kLeastConnect = 10;
constexpr std::uint8_t kVersion31 = 3;
constexpr std::string_view kVersionTopic = "$SYS/broker/version";

enum ConnectFlags : std::uint8_t {
  kReserved = 0x01,
  kClean = 0x02,
  kWill = 0x04,
  kWillRetain = 0x20,
  kPassword = 0x40,
  kUser = 0x80,
};

std::uint64_t key_of(std::uint8_t request, std::uint16_t id) {
  return std::uint64_t{1} << 32U | std::uint64_t{request} << 16U | id;
}

void check_text(std::string_view text, const char* what, Sink& sink) {
  if (!base::is_utf8(text) || text.find('\0') != std::string_view::npos)
    sink.issue({Issue::Kind::Malformed, what, 0, 0});
}

class MqttSession final : public Session {
 public:
  explicit MqttSession(const FlowInfo& flow) : server_(flow.server), whole_(flow.server_known) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    const Start start = read_start(bytes);
    if (!start.good) return Frame::lost();
    if (!start.whole) return Frame::need(bytes.size() + 1);
    return Frame::pdu(start.size(), start.type == kPublish ? start.header + kMaxKept : SIZE_MAX);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    const Start start = read_start(pdu.bytes);
    if (!start.whole) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    sink.number("type", start.type);
    sink.number("flags", start.flags);
    sink.number("length", start.length);
    check_first(pdu, start, sink);
    objects_.begin();
    Message message;
    message.operation = {start.type, type_name(start.type)};
    message.bytes = static_cast<std::uint32_t>(std::min<std::size_t>(start.length, UINT32_MAX));
    Reader body(pdu.bytes.subspan(start.header));
    show_delivery(start, sink);
    read(pdu.side, start, body, message, sink);
    if (!body.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its fields", start.type, 0});
    else if (!body.done() && start.type != kPublish)
      sink.issue({Issue::Kind::Malformed, "longer than its fields", start.type,
                  static_cast<std::uint32_t>(start.header + body.offset())});
  }

  void gap(Side /*side*/) override { whole_ = false; }

  std::optional<std::size_t> resync(Side /*side*/, base::ByteView bytes) override {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (plausible(bytes.subspan(at))) return at;
    }
    return std::nullopt;
  }

 private:
  // A connection that was seen from its beginning begins with CONNECT (3.1.1 section 3.1).
  void check_first(const Pdu& pdu, const Start& start, Sink& sink) {
    if (start.type == kConnect) server_ = other(pdu.side);
    if (whole_ && start.type != kConnect)
      sink.issue({Issue::Kind::Violation, "begins without CONNECT", start.type, 0});
    whole_ = false;
    if (!says_delivery(start) && !flags_fit(start))
      sink.issue({Issue::Kind::Violation, "flags that are reserved", start.flags, 0});
  }

  // Whether it says how it is delivered. In version 3.1 (section 2.1) not only messages do, but
  // also what releases them and changes subscriptions; later ones have reserved bits there.
  bool says_delivery(const Start& start) const {
    if (start.type == kPublish) return true;
    return version_ == kVersion31 &&
           (start.type == kPubrel || start.type == kSubscribe || start.type == kUnsubscribe);
  }

  void show_delivery(const Start& start, Sink& sink) const {
    if (!says_delivery(start)) return;
    sink.number("duplicate", start.flags >> 3U);
    sink.number("qos", start.qos());
  }

  void read(Side side, const Start& start, Reader& body, Message& message, Sink& sink) {
    switch (start.type) {
      case kConnect:
        return connect(body, message, sink);
      case kConnack:
        return connack(start, body, message, sink);
      case kPublish:
        return publish(side, start, body, message, sink);
      case kPuback:
      case kPubrec:
      case kPubrel:
      case kPubcomp:
        return acknowledge(start, body, message, sink);
      case kSubscribe:
      case kUnsubscribe:
        return subscribe(start, body, message, sink);
      case kSuback:
      case kUnsuback:
        return subscribed(start, body, message, sink);
      case kPingreq:
      case kPingresp:
        message.kind = start.type == kPingreq ? Kind::Request : Kind::Response;
        message.key = key_of(kPingreq, 0);
        if (start.type == kPingresp) message.status.outcome = Outcome::Ok;
        sink.message(message);
        return;
      default:
        return leave(start, body, message, sink);
    }
  }

  void connect(Reader& body, Message& message, Sink& sink) {
    const std::string_view name = read_text(body);
    version_ = body.u8();
    const std::uint8_t flags = body.u8();
    const std::uint16_t keep_alive = body.u16be();
    sink.shown("protocol_name", name);
    sink.number("version", version_);
    sink.number("connect_flags", flags);
    sink.number("keep_alive", keep_alive);
    if (name != "MQTT" && name != "MQIsdp")
      sink.issue({Issue::Kind::Violation, "protocol name that does not exist", 0, 2});
    if (version_ < 3 || version_ > 5)
      sink.issue({Issue::Kind::Violation, "version that does not exist", version_, 8});
    check_connect(flags, sink);
    if (version_ == 5) read_properties(body, sink);
    const std::string_view client = read_text(body);
    sink.shown("client_id", client, 1024);
    check_text(client, "client's name is not UTF-8", sink);
    if (client.empty() && version_ == 4 && (flags & kClean) == 0)
      sink.issue({Issue::Kind::Violation, "session without a name is to be kept", 0, 0});
    if (!client.empty()) objects_.add(message, sink, {"client", objects_.shown(client), 0, 0});
    if ((flags & kWill) != 0) will(flags, body, message, sink);
    message.access = Access::Session;
    if ((flags & kUser) != 0) user(body, message, sink);
    if ((flags & kPassword) != 0) {
      const base::ByteView password = body.bytes(body.u16be());
      sink.number("password_length", password.size());
      message.access = Access::Authentication;
    }
    if (!body.ok()) return;
    sink.tell(Fact::Name, objects_.shown(client), Confidence::Banner);
    message.kind = Kind::Request;
    message.key = key_of(kConnect, 0);
    sink.message(message);
  }

  void check_connect(std::uint8_t flags, Sink& sink) const {
    if ((flags & kReserved) != 0)
      sink.issue({Issue::Kind::Violation, "reserved flag of CONNECT", flags, 9});
    if ((flags >> 3U & 3U) == 3 || ((flags & kWill) == 0 && (flags & (kWillRetain | 0x18U)) != 0))
      sink.issue({Issue::Kind::Violation, "flags of a will that cannot be", flags, 9});
    if (version_ < 5 && (flags & kPassword) != 0 && (flags & kUser) == 0)
      sink.issue({Issue::Kind::Violation, "password without a user", flags, 9});
  }

  void will(std::uint8_t flags, Reader& body, Message& message, Sink& sink) {
    sink.number("will_qos", flags >> 3U & 3U);
    sink.number("will_retain", (flags & kWillRetain) != 0 ? 1 : 0);
    if (version_ == 5) read_properties(body, sink);
    const std::string_view topic = read_text(body);
    const base::ByteView payload = body.bytes(body.u16be());
    sink.shown("will_topic", topic, 1024);
    sink.bytes("will_message", payload);
    objects_.add(message, sink, {"will topic", objects_.shown(topic), 0, 0});
  }

  void user(Reader& body, Message& message, Sink& sink) {
    const std::string_view name = read_text(body);
    sink.shown("user", name, 1024);
    message.access = Access::Authentication;
    objects_.add(message, sink, {"user", objects_.shown(name), 0, 0});
    if (body.ok()) sink.tell(Fact::User, printable(name), Confidence::Banner);
  }

  void connack(const Start& start, Reader& body, Message& message, Sink& sink) {
    if (version_ == 0) version_ = start.length > 2 ? 5 : 4;
    const std::uint8_t flags = body.u8();
    const std::uint8_t code = body.u8();
    // Version 3.1 (section 3.2) has a byte there that means nothing.
    if (version_ != kVersion31) sink.number("session_present", flags & 1U);
    sink.number("return_code", code);
    if (flags > 1 && version_ != kVersion31)
      sink.issue({Issue::Kind::Violation, "reserved flags of CONNACK", flags, 2});
    if (version_ == 5) read_properties(body, sink);
    message.kind = Kind::Response;
    message.key = key_of(kConnect, 0);
    message.access = Access::Session;
    message.status = status_of(code, version_, kConnack);
    sink.message(message);
  }

  void publish(Side side, const Start& start, Reader& body, Message& message, Sink& sink) {
    const std::uint8_t qos = start.qos();
    sink.number("retain", start.flags & 1U);
    const std::string_view topic = read_text(body);
    sink.shown("topic", topic, 1024);
    check_text(topic, "topic is not UTF-8", sink);
    std::uint16_t id = 0;
    if (qos == 3) sink.issue({Issue::Kind::Malformed, "quality of service 3", qos, 0});
    if (qos > 0) {
      id = body.u16be();
      sink.number("packet_id", id);
      if (id == 0) sink.issue({Issue::Kind::Violation, "packet identifier 0", 0, 0});
    }
    bool alias = false;
    if (version_ == 5) alias = read_properties(body, sink).topic_alias;
    if (topic.empty() && !alias) sink.issue({Issue::Kind::Violation, "no topic", 0, 0});
    if (topic.find_first_of("#+") != std::string_view::npos)
      sink.issue({Issue::Kind::Violation, "topic with a wildcard is published to", 0, 0});
    if (!body.ok()) return;
    sink.bytes("payload", body.rest());
    message.bytes -= static_cast<std::uint32_t>(body.offset());
    objects_.add(message, sink, {"topic", objects_.shown(topic, 512), 0, 0});
    const bool delivers = side == server_;
    const Sparkplug what = sparkplug(topic);
    message.access = what.name.empty() ? Access::Write : what.access;
    if (delivers && message.access == Access::Write && what.name.empty())
      message.access = Access::Read;
    message.sub_operation = {what.code, what.name};
    message.kind = qos == 0 || qos == 3 ? Kind::OneWay : Kind::Request;
    message.key = key_of(kPublish, id);
    if (delivers && topic == kVersionTopic)
      sink.tell(Fact::Software, printable(body.rest()), Confidence::Banner);
    sink.message(message);
  }

  void acknowledge(const Start& start, Reader& body, Message& message, Sink& sink) const {
    const std::uint16_t id = body.u16be();
    std::uint8_t code = 0;
    sink.number("packet_id", id);
    if (!body.done()) {
      code = body.u8();
      sink.number("reason_code", code);
      if (!body.done()) read_properties(body, sink);
    }
    if (!body.ok()) return;
    message.kind = Kind::Response;
    message.key = key_of(kPublish, id);
    message.status = status_of(code, 5, start.type);
    // Quality of service 2: received, released, complete. The release is from who asked.
    message.last = start.type != kPubrec || message.status.outcome == Outcome::Failed;
    if (start.type != kPubrel) sink.message(message);
  }

  // Whether topics with a byte behind each (SUBSCRIBE) or none fill the rest.
  static bool fits_topics(Reader body, bool options) {
    if (body.done()) return false;
    while (body.ok() && !body.done()) {
      read_text(body);
      if (options && body.u8() > 0x3f) return false;
    }
    return body.ok();
  }

  void subscribe(const Start& start, Reader& body, Message& message, Sink& sink) {
    const bool options = start.type == kSubscribe;
    const std::uint16_t id = body.u16be();
    sink.number("packet_id", id);
    if (id == 0) sink.issue({Issue::Kind::Violation, "packet identifier 0", 0, 0});
    if (version_ == 0) version_ = fits_topics(body, options) ? 4 : 5;
    if (version_ == 5) read_properties(body, sink);
    if (body.done() && body.ok()) sink.issue({Issue::Kind::Violation, "no topic", start.type, 0});
    while (body.ok() && !body.done()) {
      const std::string_view topic = read_text(body);
      sink.shown("topic", topic, 1024);
      check_text(topic, "topic is not UTF-8", sink);
      if (options) {
        const std::uint8_t how = body.u8();
        sink.number(version_ == 5 ? "subscription_options" : "requested_qos", how);
        if ((how & 3U) == 3 || (version_ != 5 && how > 2))
          sink.issue({Issue::Kind::Violation, "options of a subscription that cannot be", how, 0});
      }
      if (body.ok()) objects_.add(message, sink, {"topic", objects_.shown(topic, 512), 0, 0});
    }
    if (!body.ok()) return;
    message.kind = Kind::Request;
    message.key = key_of(start.type, id);
    message.access = options ? Access::Read : Access::Session;
    sink.message(message);
  }

  void subscribed(const Start& start, Reader& body, Message& message, Sink& sink) const {
    const std::uint16_t id = body.u16be();
    sink.number("packet_id", id);
    if (version_ == 5) read_properties(body, sink);
    message.status.outcome = Outcome::Ok;
    while (body.ok() && !body.done()) {
      const std::uint8_t code = body.u8();
      sink.number(version_ == 5 ? "reason_code" : "granted_qos", code);
      const Status one = status_of(code, 5, start.type);
      if (message.status.outcome != Outcome::Failed) message.status = one;
    }
    if (!body.ok()) return;
    message.kind = Kind::Response;
    message.key = key_of(start.type == kSuback ? kSubscribe : kUnsubscribe, id);
    sink.message(message);
  }

  // DISCONNECT, AUTH.
  void leave(const Start& start, Reader& body, Message& message, Sink& sink) {
    std::uint8_t code = 0;
    if (!body.done()) {
      code = body.u8();
      sink.number("reason_code", code);
      if (!body.done()) {
        const Properties properties = read_properties(body, sink);
        if (!properties.method.empty())
          objects_.add(message, sink, {"method", objects_.shown(properties.method), 0, 0});
      }
    }
    if (!body.ok()) return;
    message.access = start.type == kAuth ? Access::Authentication : Access::Session;
    message.status = status_of(code, 5, start.type);
    sink.message(message);
  }

  Side server_;
  bool whole_;  // nothing was seen yet of a connection that was seen to begin
  std::uint8_t version_ = 0;
  Objects objects_;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty()) return Match::No;
  const Start start = read_start(bytes);
  if (!start.good || !flags_fit(start)) return Match::No;
  if (!start.whole) return Match::Unsure;
  if (start.type == kConnect && start.length < kLeastConnect) return Match::No;
  if (start.type == kConnect && bytes.size() < start.header + 8)
    return start.length < (1U << 20U) ? Match::Unsure : Match::No;
  if (!plausible(bytes)) {
    // What begins a topic may not be there yet.
    const bool cut = bytes.size() < std::min<std::size_t>(start.size(), start.header + 2);
    return cut && start.type == kPublish ? Match::Unsure : Match::No;
  }
  if (start.type == kConnect) return Match::Yes;
  // One message is no more than the bytes that are there, or another follows.
  if (bytes.size() > start.size()) {
    const base::ByteView rest = bytes.subspan(start.size());
    const Start next = read_start(rest);
    if (!next.good || !flags_fit(next) || (next.whole && !plausible(rest))) return Match::No;
  }
  return Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<MqttSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {1883};

}  // namespace

constinit const Protocol kProtocol{"mqtt", "MQTT", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::mqtt
