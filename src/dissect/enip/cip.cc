#include "dissect/enip/cip.h"

#include <algorithm>

#include "dissect/enip/services.h"
#include "dissect/text.h"

namespace dissect::enip {

namespace {

constexpr int kMaxDepth = 3;  // Unconnected_Send in one another, Multiple_Service_Packet inside
constexpr int kMaxSegments = 64;
constexpr std::uint16_t kMaxParts = 64;

// The number of a logical segment: 8, 16 or 32 bits; the wider ones with a byte of padding.
std::uint32_t logical_value(std::uint8_t segment, Reader& path) {
  switch (segment & 3U) {
    case 0:
      return path.u8();
    case 1:
      path.skip(1);
      return path.u16le();
    case 2:
      path.skip(1);
      return path.u32le();
    default:
      path.fail();
      return 0;
  }
}

// A port and a link on it; when the link is one byte, as a slot is, it is given.
std::optional<std::uint32_t> port_segment(std::uint8_t segment, Reader& path, Sink& sink) {
  std::uint16_t port = segment & 15U;
  const bool wide = (segment & 0x10U) != 0;
  const std::uint8_t length = wide ? path.u8() : std::uint8_t{1};
  if (port == 15) port = path.u16le();
  const base::ByteView link = path.bytes(length);
  if (wide && length % 2 != 0) path.skip(1);
  if (!path.ok()) return std::nullopt;
  sink.number("path_port", port);
  if (wide) {
    sink.bytes("path_link", link);
    return std::nullopt;
  }
  sink.number("path_slot", link[0]);
  return link[0];
}

void special_segment(Reader& path, Sink& sink) {
  const std::uint8_t format = path.u8();
  if (format != 4) {
    path.fail();
    return;
  }
  sink.number("key_vendor", path.u16le());
  sink.number("key_device_type", path.u16le());
  sink.number("key_product_code", path.u16le());
  sink.number("key_major", path.u8() & 0x7fU);
  sink.number("key_minor", path.u8());
}

bool is_io(std::uint8_t transport) {
  return (transport & 15U) < 2;
}

}  // namespace

void Cip::logical_segment(std::uint8_t segment, Reader& path, Path& to, Sink& sink) {
  const unsigned int kind = segment >> 2U & 7U;
  if (kind == 5) {
    special_segment(path, sink);
    return;
  }
  const std::uint32_t value = logical_value(segment, path);
  if (!path.ok()) return;
  switch (kind) {
    case 0:
      to.object_class = value;
      sink.number("cip_class", value);
      return;
    case 1:
      to.instance = value;
      sink.number("cip_instance", value);
      return;
    case 2:
      sink.number("cip_member", value);
      if (to.tagged())
        to.tag = objects_.extend(
            objects_.extend(objects_.extend(to.tag, "["), std::uint64_t{value}), "]");
      return;
    case 3:
      to.connection_point = value;
      sink.number("cip_connection_point", value);
      return;
    case 4:
      to.attribute = value;
      sink.number("cip_attribute", value);
      return;
    default:
      sink.number("cip_service_id", value);
  }
}

void Cip::symbol_segment(std::string_view text, Path& to, Sink& sink) {
  if (sink.wants_details()) sink.text("cip_symbol", printable(text));
  to.tag = to.tag.empty() ? objects_.compose({text})
                          : objects_.extend(objects_.extend(to.tag, "."), text);
}

void Cip::read_path(Reader path, Path& to, Sink& sink) {
  for (int i = 0; i < kMaxSegments && path.ok() && !path.done(); ++i) {
    const std::uint8_t segment = path.u8();
    switch (segment >> 5U) {
      case 0:
        if (const auto slot = port_segment(segment, path, sink)) to.slot = slot;
        break;
      case 1:
        logical_segment(segment, path, to, sink);
        break;
      case 2:  // network: how often, when; the longer ones say how long they are
        path.skip((segment & 0x10U) != 0 ? path.u8() * std::size_t{2} : 1);
        break;
      case 3: {
        const std::string_view text = path.text(segment & 0x1fU);
        if (text.size() % 2 == 0 && !path.done()) path.skip(1);
        if (path.ok()) symbol_segment(text, to, sink);
        break;
      }
      case 4:
        if (segment == 0x91) {
          const std::string_view text = path.text(path.u8());
          if (text.size() % 2 != 0) path.skip(1);
          if (path.ok()) symbol_segment(text, to, sink);
        } else {
          sink.bytes("path_data", path.bytes(path.u8() * std::size_t{2}));
        }
        break;
      default:
        path.fail();
    }
  }
  if (!path.ok()) sink.issue({Issue::Kind::Malformed, "CIP path that cannot be", 0, 0});
}

void Cip::add_object(const Path& path, std::uint32_t count, Message& message, Sink& sink) {
  if (path.tagged()) {
    objects_.add(message, sink, {"tag", path.tag, 0, count});
    return;
  }
  if (!path.object_class) return;
  std::string_view name = class_name(*path.object_class);
  if (name.empty()) name = objects_.compose({"class ", objects_.digits(*path.object_class)});
  objects_.add(message, sink, {"class", name, *path.object_class, 1});
  if (path.instance) objects_.add(message, sink, {"instance", {}, *path.instance, 1});
  if (path.attribute) objects_.add(message, sink, {"attribute", {}, *path.attribute, 1});
}

void Cip::take(base::ByteView bytes, std::uint64_t key, Sink& sink) {
  Reader reader(bytes);
  if ((reader.peek() & kReply) == 0) {
    Asked& asked = remember(key);
    request(reader, {key, {}, 0}, asked, sink);
    return;
  }
  Asked* asked = find(key);
  response(reader, {key, asked != nullptr ? asked->target.slot : std::nullopt, 0},
           asked != nullptr ? &asked->target : nullptr, asked, sink);
  if (asked != nullptr) asked->key = 0;
}

void Cip::request(Reader& reader, const Part& part, Asked& asked, Sink& sink) {
  const std::uint8_t code = reader.u8();
  const std::uint8_t words = reader.u8();
  const Reader path_bytes = reader.sub(words * std::size_t{2});
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "CIP message ends too early", code, 0});
    return;
  }
  objects_.begin();
  sink.number("cip_service", code);
  sink.number("cip_path_size", words);
  Path path;
  read_path(path_bytes, path, sink);
  const std::uint32_t object_class = path.object_class.value_or(0);
  Reader data = reader.sub(reader.remaining());
  if (code == kUnconnectedSend && object_class == kConnectionManager && part.depth < kMaxDepth)
    return route(data, part, asked, sink);
  Target target;
  target.service = code;
  target.tag = path.tagged();
  target.object_class = object_class;
  target.instance = path.instance.value_or(0);
  target.has_instance = path.instance.has_value();
  target.path_words = words;
  target.attribute = static_cast<std::uint16_t>(path.attribute.value_or(0));
  target.slot = part.slot;
  const Service what = service(code, object_class, path.tagged());
  Message message;
  message.kind = Kind::Request;
  message.key = part.key;
  message.operation = {code, what.name};
  message.access = what.access;
  if (part.slot) message.unit = *part.slot;
  message.bytes = static_cast<std::uint32_t>(data.remaining());
  const base::ByteView content = data.rest();
  content_asked(path, target, data, message, sink);
  if (!data.ok()) sink.issue({Issue::Kind::Truncated, "CIP service ends too early", code, 0});
  sink.message(message);
  // Services in one another go one level down, no more.
  if (part.key != asked.key || part.depth >= kMaxDepth) {
    asked.parts.push_back(target);
    return;
  }
  asked.target = target;
  if (code == kMultipleServices) services_asked(content, part, asked, sink);
}

// Unconnected_Send: what is inside is what is asked, of who is at the end of the way.
void Cip::route(Reader& data, const Part& part, Asked& asked, Sink& sink) {
  const std::uint8_t tick = data.u8();
  const std::uint8_t ticks = data.u8();
  const std::uint16_t size = data.u16le();
  Reader inner = data.sub(size);
  if (size % 2 != 0) data.skip(1);
  const std::uint8_t words = data.u8();
  data.skip(1);
  const Reader way_bytes = data.sub(words * std::size_t{2});
  if (!data.ok()) {
    sink.issue({Issue::Kind::Truncated, "Unconnected_Send ends too early", size, 0});
    return;
  }
  sink.number("send_tick", tick & 15U);
  sink.number("send_timeout", ticks);
  sink.number("send_size", size);
  Path way;
  read_path(way_bytes, way, sink);
  Part inside{part.key, part.slot, part.depth + 1};
  if (way.slot) inside.slot = static_cast<std::uint16_t>(*way.slot);
  request(inner, inside, asked, sink);
}

void Cip::services_asked(base::ByteView data, const Part& part, Asked& asked, Sink& sink) {
  Reader table(data);
  const std::uint16_t count = table.u16le();
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::uint16_t begin = table.u16le();
    const std::uint16_t end = i + 1 < count
                                  ? static_cast<std::uint16_t>(table.peek(0) | table.peek(1) << 8U)
                                  : static_cast<std::uint16_t>(data.size());
    if (!table.ok() || begin >= end || end > data.size()) {
      sink.issue({Issue::Kind::Malformed, "services that do not fit", i, 0});
      return;
    }
    if (i == kMaxParts) {
      sink.issue({Issue::Kind::LeftOut, "more services than are read", count, 0});
      return;
    }
    Reader inner(data.subspan(begin, end - begin));
    const std::size_t before = asked.parts.size();
    // The upper bits of the key tell the services of one message apart.
    request(inner, {part.key | (std::uint64_t{i} + 1) << 56U, part.slot, kMaxDepth}, asked, sink);
    if (asked.parts.size() == before) asked.parts.emplace_back();
  }
}

void Cip::response(Reader& reader, const Part& part, const Target* target, Asked* asked,
                   Sink& sink) {
  const std::uint8_t code = reader.u8();
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  const std::uint8_t more = reader.u8();
  Reader additional = reader.sub(more * std::size_t{2});
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "CIP message ends too early", code, 0});
    return;
  }
  objects_.begin();
  const std::uint8_t plain = code & static_cast<std::uint8_t>(~kReply);
  // A way that failed is answered by who was to go it.
  if (target != nullptr && target->service != plain) target = nullptr;
  sink.number("cip_service", code);
  sink.number("cip_status", status);
  sink.number("cip_additional_size", more);
  while (additional.remaining() >= 2)
    sink.number("cip_additional_status", additional.u16le());
  if (target != nullptr) {
    sink.number("cip_path_size", target->path_words);
    if (target->object_class != 0) sink.number("cip_class", target->object_class);
    if (target->has_instance) sink.number("cip_instance", target->instance);
  }
  Message message;
  message.kind = Kind::Response;
  message.key = part.key;
  const Service what = target != nullptr ? service(plain, target->object_class, target->tag)
                                         : service(plain, 0, false);
  message.operation = {plain, what.name};
  message.access = what.access;
  if (part.slot) message.unit = *part.slot;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  const bool good = status == 0 || status == 6;  // 6: there is more
  message.status = {good ? Outcome::Ok : Outcome::Failed, status, status_name(status)};
  const base::ByteView content = reader.rest();
  Reader data(content);
  if (target != nullptr && good) content_answered(*target, data, message, sink);
  sink.message(message);
  // 0x1e: some of the services inside failed, which they say themselves.
  const bool several = plain == kMultipleServices && (good || status == 0x1e);
  if (several && part.depth == 0) services_answered(content, part, asked, sink);
}

void Cip::services_answered(base::ByteView data, const Part& part, const Asked* asked, Sink& sink) {
  Reader table(data);
  const std::uint16_t count = table.u16le();
  for (std::uint16_t i = 0; i < count && i < kMaxParts; ++i) {
    const std::uint16_t begin = table.u16le();
    const std::uint16_t end = i + 1 < count
                                  ? static_cast<std::uint16_t>(table.peek(0) | table.peek(1) << 8U)
                                  : static_cast<std::uint16_t>(data.size());
    if (!table.ok() || begin >= end || end > data.size()) {
      sink.issue({Issue::Kind::Malformed, "services that do not fit", i, 0});
      return;
    }
    Reader inner(data.subspan(begin, end - begin));
    const Target* target = asked != nullptr && i < asked->parts.size() ? &asked->parts[i] : nullptr;
    response(inner, {part.key | (std::uint64_t{i} + 1) << 56U, part.slot, 1}, target, nullptr,
             sink);
  }
}

void Cip::content_asked(const Path& path, Target& target, Reader& data, Message& message,
                        Sink& sink) {
  const std::uint8_t code = target.service;
  if (target.object_class == kConnectionManager && !path.tagged()) {
    if (code == kForwardOpen || code == kLargeForwardOpen)
      return ask_forward_open(code == kLargeForwardOpen, data, target, message, sink);
    if (code == kForwardClose) {
      forward_close(data, sink);
      return add_object(path, 1, message, sink);
    }
  }
  if (target.object_class == kPccc && code == kExecutePccc)
    return read_pccc(true, data, objects_, message, sink);
  std::uint32_t count = 1;
  if (target.tag && (code == 0x4c || code == 0x52)) {
    count = data.u16le();
    sink.number("tag_count", count);
  } else if (target.tag && (code == 0x4d || code == 0x53)) {
    const std::uint16_t type = data.u16le();
    if (type == 0x02a0) sink.number("tag_structure", data.u16le());
    count = data.u16le();
    sink.number("tag_type", type);
    sink.number("tag_count", count);
  } else if (code == kGetAttributeList) {
    const std::uint16_t attributes = data.u16le();
    for (std::uint16_t i = 0; i < attributes && data.ok() && !data.done(); ++i)
      sink.number("cip_attribute", data.u16le());
  }
  if (!data.done() && code != kMultipleServices) sink.bytes("cip_data", data.rest());
  add_object(path, count, message, sink);
}

void Cip::identity_answered(const Target& target, Reader& data, Sink& sink) {
  if (target.service == kGetAttributeSingle)
    return tell_identity_attribute(target.attribute, data, target.slot, sink);
  if (target.service == kGetAttributesAll) {
    Identity identity;
    if (!read_identity(data, identity)) return;
    show_identity(identity, From::Object, sink);
    return tell_identity(identity, target.slot, sink);
  }
  const std::uint16_t count = data.u16le();
  for (std::uint16_t i = 0; i < count && data.ok() && !data.done(); ++i) {
    const std::uint16_t attribute = data.u16le();
    if (data.u16le() == 0 && data.ok()) tell_identity_attribute(attribute, data, target.slot, sink);
  }
}

void Cip::content_answered(const Target& target, Reader& data, Message& message, Sink& sink) {
  const std::uint8_t code = target.service;
  if (target.object_class == kConnectionManager &&
      (code == kForwardOpen || code == kLargeForwardOpen))
    return answer_forward_open(target, data, sink);
  if (target.object_class == kPccc && code == kExecutePccc)
    return read_pccc(false, data, objects_, message, sink);
  const bool reads =
      code == kGetAttributesAll || code == kGetAttributeSingle || code == kGetAttributeList;
  if (target.object_class == kIdentity && target.instance == 1 && reads)
    return identity_answered(target, data, sink);
  if (target.tag && (code == 0x4c || code == 0x52)) {
    const std::uint16_t type = data.u16le();
    if (data.ok()) sink.number("tag_type", type);
  }
  if (!data.done() && code != kMultipleServices) sink.bytes("cip_data", data.rest());
}

void Cip::ask_forward_open(bool large, Reader& data, Target& target, Message& message, Sink& sink) {
  sink.number("open_tick", data.u8());
  sink.number("open_timeout", data.u8());
  sink.number("connection_to_target", data.u32le());
  sink.number("connection_to_originator", data.u32le());
  sink.number("connection_serial", data.u16le());
  sink.number("originator_vendor", data.u16le());
  sink.number("originator_serial", data.u32le());
  sink.number("timeout_multiplier", data.u8());
  data.skip(3);
  sink.number("rpi_to_target", data.u32le());
  sink.number("parameters_to_target", large ? data.u32le() : data.u16le());
  sink.number("rpi_to_originator", data.u32le());
  sink.number("parameters_to_originator", large ? data.u32le() : data.u16le());
  const std::uint8_t transport = data.u8();
  const std::uint8_t words = data.u8();
  const Reader path_bytes = data.sub(words * std::size_t{2});
  if (!data.ok()) return;
  sink.number("transport", transport);
  sink.number("connection_path_size", words);
  Path path;
  read_path(path_bytes, path, sink);
  target.io = is_io(transport);
  if (path.slot) {
    target.slot = static_cast<std::uint16_t>(*path.slot);
    message.unit = path.slot;
  }
  message.sub_operation = {transport & 15U, target.io ? "I/O connection" : "explicit connection"};
  if (path.connection_point)
    objects_.add(message, sink, {"connection point", {}, *path.connection_point, 1});
  add_object(path, 1, message, sink);
}

void Cip::answer_forward_open(const Target& target, Reader& data, Sink& sink) {
  Connections::Opened opened;
  opened.to_target = data.u32le();
  opened.to_originator = data.u32le();
  opened.io = target.io;
  const std::uint16_t serial = data.u16le();
  const std::uint16_t vendor = data.u16le();
  const std::uint32_t originator = data.u32le();
  const std::uint32_t to_target = data.u32le();
  const std::uint32_t to_originator = data.u32le();
  if (!data.ok()) return;
  sink.number("connection_to_target", opened.to_target);
  sink.number("connection_to_originator", opened.to_originator);
  sink.number("connection_serial", serial);
  sink.number("originator_vendor", vendor);
  sink.number("originator_serial", originator);
  sink.number("api_to_target", to_target);
  sink.number("api_to_originator", to_originator);
  connections_.add(opened);
}

void Cip::forward_close(Reader& data, Sink& sink) {
  sink.number("open_tick", data.u8());
  sink.number("open_timeout", data.u8());
  sink.number("connection_serial", data.u16le());
  sink.number("originator_vendor", data.u16le());
  sink.number("originator_serial", data.u32le());
  const std::uint8_t words = data.u8();
  data.skip(1);
  if (!data.ok()) return;
  Path path;
  read_path(data.sub(words * std::size_t{2}), path, sink);
}

Asked* Cip::find(std::uint64_t key) {
  const auto found = std::ranges::find(asked_, key, &Asked::key);
  return found == asked_.end() ? nullptr : &*found;
}

Asked& Cip::remember(std::uint64_t key) {
  Asked* place = find(key);
  if (place == nullptr) place = find(0);
  if (place == nullptr) place = &asked_[turn_++ % asked_.size()];
  place->key = key;
  place->routed = false;
  place->target = {};
  place->parts.clear();
  return *place;
}

}  // namespace dissect::enip
