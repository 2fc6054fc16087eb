#include "dissect/mqtt/packet.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"
#include "dissect/names.h"

namespace dissect::mqtt {

namespace {

constexpr std::string_view kTypes[] = {"",          "CONNECT",  "CONNACK",     "PUBLISH",
                                       "PUBACK",    "PUBREC",   "PUBREL",      "PUBCOMP",
                                       "SUBSCRIBE", "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                       "PINGREQ",   "PINGRESP", "DISCONNECT",  "AUTH"};

enum class Form : std::uint8_t { Byte, Two, Four, Variable, Text, Binary, Pair };

struct Property {
  std::uint8_t id = 0;
  Form form = Form::Byte;
  std::string_view name;
};
constexpr Property kProperties[] = {
    {1, Form::Byte, "payload_format_indicator"},
    {2, Form::Four, "message_expiry_interval"},
    {3, Form::Text, "content_type"},
    {8, Form::Text, "response_topic"},
    {9, Form::Binary, "correlation_data"},
    {11, Form::Variable, "subscription_identifier"},
    {17, Form::Four, "session_expiry_interval"},
    {18, Form::Text, "assigned_client_identifier"},
    {19, Form::Two, "server_keep_alive"},
    {21, Form::Text, "authentication_method"},
    {22, Form::Binary, "authentication_data"},
    {23, Form::Byte, "request_problem_information"},
    {24, Form::Four, "will_delay_interval"},
    {25, Form::Byte, "request_response_information"},
    {26, Form::Text, "response_information"},
    {28, Form::Text, "server_reference"},
    {31, Form::Text, "reason_string"},
    {33, Form::Two, "receive_maximum"},
    {34, Form::Two, "topic_alias_maximum"},
    {35, Form::Two, "topic_alias"},
    {36, Form::Byte, "maximum_qos"},
    {37, Form::Byte, "retain_available"},
    {38, Form::Pair, "user_property"},
    {39, Form::Four, "maximum_packet_size"},
    {40, Form::Byte, "wildcard_subscription_available"},
    {41, Form::Byte, "subscription_identifier_available"},
    {42, Form::Byte, "shared_subscription_available"},
};

constexpr Named kReturnCodes[] = {
    {0, "accepted"},           {1, "protocol version not supported"}, {2, "identifier rejected"},
    {3, "server unavailable"}, {4, "bad user name or password"},      {5, "not authorized"},
};
static_assert(sorted_by_code(kReturnCodes));

constexpr Named kReasons[] = {
    {0x00, "success"},
    {0x01, "granted qos 1"},
    {0x02, "granted qos 2"},
    {0x04, "disconnect with will"},
    {0x10, "no matching subscribers"},
    {0x11, "no subscription existed"},
    {0x18, "continue authentication"},
    {0x19, "authenticate again"},
    {0x80, "unspecified error"},
    {0x81, "malformed packet"},
    {0x82, "protocol error"},
    {0x83, "implementation error"},
    {0x84, "protocol version not supported"},
    {0x85, "client identifier not valid"},
    {0x86, "bad user name or password"},
    {0x87, "not authorized"},
    {0x88, "server unavailable"},
    {0x89, "server busy"},
    {0x8a, "banned"},
    {0x8b, "server shutting down"},
    {0x8c, "bad authentication method"},
    {0x8d, "keep alive timeout"},
    {0x8e, "session taken over"},
    {0x8f, "topic filter invalid"},
    {0x90, "topic name invalid"},
    {0x91, "packet identifier in use"},
    {0x92, "packet identifier not found"},
    {0x93, "receive maximum exceeded"},
    {0x94, "topic alias invalid"},
    {0x95, "packet too large"},
    {0x96, "message rate too high"},
    {0x97, "quota exceeded"},
    {0x98, "administrative action"},
    {0x99, "payload format invalid"},
    {0x9a, "retain not supported"},
    {0x9b, "qos not supported"},
    {0x9c, "use another server"},
    {0x9d, "server moved"},
    {0x9e, "shared subscriptions not supported"},
    {0x9f, "connection rate exceeded"},
    {0xa0, "maximum connect time"},
    {0xa1, "subscription identifiers not supported"},
    {0xa2, "wildcard subscriptions not supported"},
};
static_assert(sorted_by_code(kReasons));

// A topic that somebody would choose: printable, and more than one character.
bool looks_like_topic(std::string_view topic) {
  return !topic.empty() && base::is_utf8(topic) && std::ranges::all_of(topic, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

bool plausible_body(const Start& start, Reader body) {
  switch (start.type) {
    case kConnect: {
      const std::string_view name = read_text(body);
      return name == "MQTT" || name == "MQIsdp";
    }
    case kConnack:
      return start.length >= 2 && body.u8() <= 1;
    case kPublish: {
      const std::string_view topic = read_text(body);
      return body.ok() && looks_like_topic(topic) &&
             topic.find_first_of("#+") == std::string_view::npos;
    }
    case kPuback:
    case kPubrec:
    case kPubrel:
    case kPubcomp:
      return start.length >= 2 && start.length < 1024 && body.u16be() != 0;
    case kSubscribe:
    case kUnsubscribe: {
      if (body.u16be() == 0 || start.length < 5) return false;
      Reader newer = body;
      if (looks_like_topic(read_text(body)) && body.ok()) return true;
      newer.skip(read_length(newer));
      return looks_like_topic(read_text(newer)) && newer.ok();
    }
    case kSuback:
    case kUnsuback:
      return start.length >= 2 && start.length < 1024 && body.u16be() != 0;
    case kPingreq:
    case kPingresp:
      return start.length == 0;
    case kDisconnect:
    case kAuth:
      return start.length < 256;
    default:
      return false;
  }
}

void show_number(const Property& property, std::uint32_t value, Properties& found, Sink& sink) {
  sink.number(property.name, value);
  if (property.id == 35) found.topic_alias = true;
}

void read_property(const Property& property, Reader& list, Properties& found, Sink& sink) {
  switch (property.form) {
    case Form::Byte:
      return show_number(property, list.u8(), found, sink);
    case Form::Two:
      return show_number(property, list.u16be(), found, sink);
    case Form::Four:
      return show_number(property, list.u32be(), found, sink);
    case Form::Variable:
      return show_number(property, read_length(list), found, sink);
    case Form::Binary: {
      const base::ByteView bytes = list.bytes(list.u16be());
      // Those of authentication may be a secret.
      if (property.id == 22)
        sink.number("authentication_data_length", bytes.size());
      else
        sink.bytes(property.name, bytes);
      return;
    }
    case Form::Text: {
      const std::string_view text = read_text(list);
      sink.shown(property.name, text, 1024);
      if (property.id == 21) found.method = text;
      if (property.id == 31) found.reason = text;
      return;
    }
    case Form::Pair: {
      sink.shown("user_property_name", read_text(list), 1024);
      sink.shown("user_property_value", read_text(list), 1024);
      return;
    }
  }
}

}  // namespace

std::string_view type_name(std::uint8_t type) {
  return type < std::size(kTypes) ? kTypes[type] : std::string_view{};
}

Start read_start(base::ByteView bytes) {
  Start start;
  if (bytes.empty()) return start;
  start.type = bytes[0] >> 4U;
  start.flags = bytes[0] & 15U;
  start.good = start.type != 0;
  for (std::size_t i = 1; i <= 4; ++i) {
    if (i >= bytes.size()) return start;
    start.length |= std::size_t{bytes[i] & 0x7fU} << (7 * (i - 1));
    if ((bytes[i] & 0x80U) != 0) continue;
    start.header = i + 1;
    start.whole = true;
    return start;
  }
  start.good = false;
  return start;
}

bool flags_fit(const Start& start) {
  if (start.type == kPublish) return start.qos() != 3;
  const bool two = start.type == kPubrel || start.type == kSubscribe || start.type == kUnsubscribe;
  return start.flags == (two ? 2 : 0);
}

std::uint32_t read_length(Reader& reader) {
  std::uint32_t length = 0;
  for (unsigned int shift = 0; shift < 28; shift += 7) {
    const std::uint8_t byte = reader.u8();
    length |= std::uint32_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) return length;
  }
  reader.fail();
  return 0;
}

std::string_view read_text(Reader& reader) {
  return reader.text(reader.u16be());
}

bool plausible(base::ByteView bytes) {
  const Start start = read_start(bytes);
  if (!start.whole || !start.good || !flags_fit(start)) return false;
  const std::size_t there = std::min(bytes.size(), start.size());
  return plausible_body(start, Reader(bytes.subspan(start.header, there - start.header)));
}

Properties read_properties(Reader& reader, Sink& sink) {
  Properties found;
  Reader list = reader.sub(read_length(reader));
  while (reader.ok() && list.ok() && !list.done()) {
    const std::uint8_t id = list.u8();
    sink.number("property_id", id);
    const auto property = std::ranges::find(kProperties, id, &Property::id);
    if (property == std::end(kProperties)) {
      sink.issue({Issue::Kind::Malformed, "property that does not exist", id, 0});
      return found;
    }
    read_property(*property, list, found, sink);
  }
  if (!list.ok() && reader.ok())
    sink.issue({Issue::Kind::Truncated, "properties end within one", 0, 0});
  return found;
}

Status status_of(std::uint8_t code, std::uint8_t version, std::uint8_t type) {
  if (type == kConnack && version < 5)
    return {code == 0 ? Outcome::Ok : Outcome::Failed, code, name_of(kReturnCodes, code)};
  return {code < 0x80 ? Outcome::Ok : Outcome::Failed, code, name_of(kReasons, code)};
}

Sparkplug sparkplug(std::string_view topic) {
  static constexpr Sparkplug kKinds[] = {
      {1, "NBIRTH", Access::Session}, {2, "NDEATH", Access::Session},
      {3, "DBIRTH", Access::Session}, {4, "DDEATH", Access::Session},
      {5, "NDATA", Access::Read},     {6, "DDATA", Access::Read},
      {7, "NCMD", Access::Write},     {8, "DCMD", Access::Write},
      {9, "STATE", Access::Session},
  };
  constexpr std::string_view kNamespace = "spBv1.0/";
  if (!topic.starts_with(kNamespace)) return {};
  topic.remove_prefix(kNamespace.size());
  // group/kind/node/device, but STATE stands before the host's name.
  const std::string_view first = topic.substr(0, topic.find('/'));
  const std::size_t slash = topic.find('/');
  const std::string_view rest =
      slash == std::string_view::npos ? std::string_view{} : topic.substr(slash + 1);
  const std::string_view second = rest.substr(0, rest.find('/'));
  const std::string_view kind = first == "STATE" ? first : second;
  const auto found = std::ranges::find(kKinds, kind, &Sparkplug::name);
  return found == std::end(kKinds) ? Sparkplug{} : *found;
}

}  // namespace dissect::mqtt
