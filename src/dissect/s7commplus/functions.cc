#include "dissect/s7commplus/functions.h"

#include <array>
#include <bit>
#include <string>
#include <string_view>

#include "dissect/s7commplus/names.h"
#include "dissect/s7commplus/values.h"
#include "dissect/text.h"

namespace dissect::s7commplus {

namespace {

constexpr std::uint32_t kMaxItems = 4096;
constexpr std::size_t kIds = 8;  // that are kept of one address

// Shows values, and says whom attributes are of.
class Shower : public Visitor {
 public:
  explicit Shower(Decoding& to) : to_(to) {}

  void value(std::uint32_t id, const Value& value) override {
    Sink& sink = to_.sink;
    if (!sink.wants_details()) return;
    sink.number("attribute", id);
    switch (value.type) {
      case ValueType::Real:
        sink.real("value", static_cast<double>(
                               std::bit_cast<float>(static_cast<std::uint32_t>(value.number))));
        return;
      case ValueType::LReal:
        sink.real("value", std::bit_cast<double>(value.number));
        return;
      case ValueType::WString:
        sink.text("value", printable(value.bytes));
        return;
      case ValueType::Blob:
      case ValueType::Struct:
        // How a password is proven is nobody's business.
        if (id != kLegitimate && id != kSessionResponse) sink.bytes("value", value.bytes);
        return;
      case ValueType::Null:
        return;
      default:
        sink.number("value", static_cast<std::uint64_t>(value.number));
        return;
    }
  }
  void object(std::uint32_t relation, std::uint32_t class_id) override {
    to_.sink.number("object_id", relation);
    to_.sink.number("class_id", class_id);
    last_class = class_id;
    if (first_class == 0) first_class = class_id;
  }

  std::uint32_t first_class = 0;
  std::uint32_t last_class = 0;

 protected:
  Decoding& to_;
};

// The values of an answer, with what they tell of the controller.
class AnswerShower final : public Shower {
 public:
  using Shower::Shower;

  void value(std::uint32_t id, const Value& value) override {
    Shower::value(id, value);
    if (id == kVersionText && value.type == ValueType::WString)
      identify(base::as_text(value.bytes));
    if (id == kServerText && value.type == ValueType::WString)
      to_.sink.tell(Fact::Software, printable(value.bytes));
    if (id == kOperatingState) {
      if (value.number == 8) to_.sink.tell(Fact::Mode, "run");
      if (value.number == 4) to_.sink.tell(Fact::Mode, "stop");
    }
  }

 private:
  // "1;6ES7 511-1AK00-0AB0;V1.0": a number, the order code, the firmware.
  void identify(std::string_view text) {
    const std::size_t first = text.find(';');
    if (first == std::string_view::npos) return;
    const std::size_t second = text.find(';', first + 1);
    if (second == std::string_view::npos) return;
    std::string_view firmware = text.substr(second + 1);
    if (firmware.starts_with('V')) firmware.remove_prefix(1);
    to_.sink.tell(Fact::Vendor, "Siemens");
    to_.sink.tell(Fact::OrderCode, printable(text.substr(first + 1, second - first - 1)));
    to_.sink.tell(Fact::Firmware, printable(firmware));
    to_.sink.tell(Fact::Type, "PLC");
  }
};

// The values that a client gives of itself when it opens a session.
class RequestShower final : public Shower {
 public:
  using Shower::Shower;

  void value(std::uint32_t id, const Value& value) override {
    Shower::value(id, value);
    if (last_class == 287 && id == kSoftwareText && value.type == ValueType::WString)
      to_.sink.tell(Fact::Software, printable(value.bytes), Confidence::Banner);
  }
};

// Somewhere in the controller: an object or area, and ids that lead into it.
struct Address {
  std::uint32_t area = 0;
  std::array<std::uint32_t, kIds> ids{};
  std::size_t count = 0;
};

void add_object(const Address& address, Decoding& to) {
  const std::uint32_t last = address.count > 0 ? address.ids[address.count - 1] : 0;
  if (is_data_block(address.area)) {
    std::string_view name = to.objects.digits(address.area & 0xffffU);
    // The first id says that values are meant; the others lead through structures.
    for (std::size_t i = 1; i < address.count; ++i) {
      name = to.objects.extend(name, ".");
      name = to.objects.extend(name, address.ids[i]);
    }
    to.objects.add(to.message, to.sink, {"DB", name, 0, 0});
    return;
  }
  const std::string_view known = object_name(address.area);
  if (address.area >= 80 && address.area <= 84) {
    to.objects.add(to.message, to.sink, {known, {}, last, 1});
    return;
  }
  const std::string_view name = is_passing(address.area) ? "of the connection"
                                : known.empty()          ? to.objects.digits(address.area)
                                                         : known;
  to.objects.add(to.message, to.sink,
                 {is_block(address.area) ? "block" : "object", name,
                  address.count > 0 ? address.ids[0] : 0, address.count > 0 ? 1U : 0U});
}

Address read_address(Reader& body, Sink& sink) {
  Address address;
  const std::uint32_t checksum = vlq32(body);
  address.area = vlq32(body);
  const std::uint32_t count = vlq32(body);
  sink.number("symbol_checksum", checksum);
  sink.number("area", address.area);
  for (std::uint32_t i = 0; i < count && body.ok(); ++i) {
    const std::uint32_t id = vlq32(body);
    sink.number("local_id", id);
    if (address.count < kIds) address.ids[address.count++] = id;
  }
  return address;
}

// An attribute of one object, by their numbers.
void access_attribute(std::uint32_t object, std::uint32_t attribute, bool writes, Decoding& to) {
  Address address;
  address.area = object;
  address.ids[0] = attribute;
  address.count = 1;
  add_object(address, to);
  const Access special = attribute_access(object, attribute, writes);
  if (special != Access::None) to.message.access = special;
}

void set_operating_state(const Address& address, std::int64_t state, Decoding& to) {
  if (address.area != kCpuExecutionUnit || address.count == 0 ||
      address.ids[0] != kOperatingStateRequest)
    return;
  to.message.access = state == 1 ? Access::Stop : state == 3 ? Access::Start : Access::ModeChange;
  to.message.sub_operation = {static_cast<std::uint32_t>(state), state == 1   ? "stop"
                                                                 : state == 3 ? "run"
                                                                              : "operating state"};
}

// Keeps what is written to the address that steers the CPU.
class StateShower final : public Visitor {
 public:
  StateShower(Shower& inner, const Address& address, Decoding& to)
      : inner_(inner), address_(address), to_(to) {}
  void value(std::uint32_t id, const Value& value) override {
    inner_.value(id, value);
    set_operating_state(address_, value.number, to_);
  }

 private:
  Shower& inner_;
  const Address& address_;
  Decoding& to_;
};

void ask_several(Reader& body, bool writes, Decoding& to) {
  const std::uint32_t object = body.u32be();
  const std::uint32_t count = vlq32(body);
  const std::uint32_t fields = vlq32(body);
  to.sink.number("in_object", object);
  to.sink.number("items", count);
  to.sink.number("address_fields", fields);
  Address steering;  // the one that steers the CPU, if any
  for (std::uint32_t i = 0; i < count && i < kMaxItems && body.ok(); ++i) {
    // In an object, attributes are addressed by their number alone.
    if (object != 0) {
      const std::uint32_t attribute = vlq32(body);
      access_attribute(object, attribute, writes, to);
      to.sink.number("local_id", attribute);
      continue;
    }
    const Address address = read_address(body, to.sink);
    if (!body.ok()) break;
    add_object(address, to);
    if (address.count == 0) continue;
    const Access special = attribute_access(address.area, address.ids[0], writes);
    if (special != Access::None) to.message.access = special;
    if (special == Access::ModeChange) steering = address;
  }
  if (!writes) return;
  Shower shower(to);
  StateShower state(shower, steering, to);
  for (std::uint32_t i = 0; i < count && i < kMaxItems && body.ok(); ++i) {
    const std::uint32_t number = vlq32(body);
    to.sink.number("item", number);
    read_value(body, 0, state);
  }
}

void ask_one(Reader& body, bool writes, Decoding& to) {
  Address address;
  address.area = body.u32be();
  const std::uint32_t count = vlq32(body);
  to.sink.number("in_object", address.area);
  for (std::uint32_t i = 0; i < count && body.ok(); ++i) {
    const std::uint32_t id = vlq32(body);
    to.sink.number("local_id", id);
    if (address.count < kIds) address.ids[address.count++] = id;
  }
  if (!body.ok()) return;
  add_object(address, to);
  if (address.count == 0) return;
  const Access special = attribute_access(address.area, address.ids[0], writes);
  if (special != Access::None) to.message.access = special;
  if (!writes) return;
  Shower shower(to);
  StateShower state(shower, address, to);
  read_value(body, address.ids[0], state);
}

// Which attribute of an object, in an array of addresses.
void ask_streamed(Reader& body, bool writes, Decoding& to) {
  const std::uint32_t object = body.u32be();
  to.sink.number("in_object", object);
  const std::uint8_t flags = body.u8();
  const std::uint8_t type = body.u8();
  const std::uint32_t count = (flags & 0x30U) != 0 ? vlq32(body) : 1;
  if (!body.ok() || (type != 4 && type != 19)) return;
  for (std::uint32_t i = 0; i < count && i < kMaxItems && body.ok(); ++i) {
    const std::uint32_t attribute = vlq32(body);
    to.sink.number("local_id", attribute);
    access_attribute(object, attribute, writes, to);
  }
}

void ask_create(Reader& body, Decoding& to) {
  const std::uint32_t parent = body.u32be();
  to.sink.number("in_object", parent);
  RequestShower shower(to);
  read_value(body, 0, shower);
  body.skip(4);
  read_objects(body, shower);
  if (shower.first_class == 0) return;
  to.message.access = class_access(shower.first_class);
  to.message.sub_operation = {shower.first_class, class_name(shower.first_class)};
  const std::string_view known = class_name(shower.first_class);
  to.objects.add(to.message, to.sink,
                 {"class", known.empty() ? to.objects.digits(shower.first_class) : known, 0, 0});
}

void ask_delete(Reader& body, Decoding& to) {
  const std::uint32_t object = body.u32be();
  to.sink.number("in_object", object);
  Address address;
  address.area = object;
  add_object(address, to);
  // Sessions and what belongs to them have numbers of their own.
  if (is_block(object)) to.message.access = Access::ProgramDownload;
  if (is_passing(object)) to.message.access = Access::Session;
}

void ask_explore(Reader& body, Decoding& to) {
  const std::uint32_t object = body.u32be();
  to.sink.number("in_object", object);
  to.sink.number("explore_request", vlq32(body));
  const std::uint8_t recursive = body.u8();
  body.skip(1);
  const std::uint8_t parents = body.u8();
  to.sink.number("explore_children", recursive);
  to.sink.number("explore_parents", parents);
  Address address;
  address.area = object;
  add_object(address, to);
  // A filter in front of the addresses is not read.
  if (body.u8() != 0) return;
  const std::uint32_t count = vlq32(body);
  for (std::uint32_t i = 0; i < count && i < kMaxItems && body.ok(); ++i) {
    const std::uint32_t attribute = vlq32(body);
    to.sink.number("local_id", attribute);
    if (attribute == kBlockBody || attribute == kBlockCode)
      to.message.access = Access::ProgramUpload;
  }
}

// Numbered values up to a zero, then what went wrong, numbered as well.
void answer_several(Reader& body, bool values, Decoding& to) {
  AnswerShower shower(to);
  for (std::uint32_t i = 0; values && i < kMaxItems && body.ok(); ++i) {
    const std::uint32_t item = vlq32(body);
    if (item == 0) break;
    to.sink.number("item", item);
    read_value(body, 0, shower);
  }
  for (std::uint32_t i = 0; i < kMaxItems && body.ok(); ++i) {
    const std::uint32_t item = vlq32(body);
    if (item == 0) break;
    const std::uint64_t error = vlq64(body);
    to.sink.number("item_error", error);
    if (to.message.status.outcome == Outcome::Ok)
      to.message.status = {Outcome::Failed, static_cast<std::uint32_t>(error & 0xffffU),
                           "error of an item"};
  }
}

void answer_create(Reader& body, Decoding& to) {
  const std::uint8_t count = body.u8();
  for (std::uint8_t i = 0; i < count && body.ok(); ++i)
    to.sink.number("new_object", vlq32(body));
  AnswerShower shower(to);
  read_objects(body, shower);
}

}  // namespace

void read_request(std::uint16_t function, Reader& body, Decoding& to) {
  switch (static_cast<Function>(function)) {
    case Function::Explore:
      return ask_explore(body, to);
    case Function::CreateObject:
      return ask_create(body, to);
    case Function::DeleteObject:
      return ask_delete(body, to);
    case Function::SetVariable:
      return ask_one(body, true, to);
    case Function::GetVariable:
      return ask_one(body, false, to);
    case Function::SetMultiVariables:
      return ask_several(body, true, to);
    case Function::GetMultiVariables:
      return ask_several(body, false, to);
    case Function::GetVarSubStreamed:
      return ask_streamed(body, false, to);
    case Function::SetVarSubStreamed:
      return ask_streamed(body, true, to);
    default:
      if (!body.done()) to.sink.bytes("data", body.rest());
      return;
  }
}

void read_response(std::uint16_t function, Reader& body, Decoding& to) {
  const std::uint64_t result = vlq64(body);
  if (!body.ok()) return;
  to.sink.number("return_value", result);
  const auto error = static_cast<std::int16_t>(result & 0xffffU);
  to.message.status = {
      error < 0 ? Outcome::Failed : Outcome::Ok, static_cast<std::uint32_t>(result & 0xffffU), {}};
  switch (static_cast<Function>(function)) {
    case Function::CreateObject:
      return answer_create(body, to);
    case Function::GetMultiVariables:
      return answer_several(body, true, to);
    case Function::SetMultiVariables:
      return answer_several(body, false, to);
    case Function::GetVariable: {
      AnswerShower shower(to);
      return read_value(body, 0, shower);
    }
    default:
      if (!body.done()) to.sink.bytes("data", body.rest());
      return;
  }
}

void read_notification(Reader& body, Decoding& to) {
  const std::uint32_t subscription = body.u32be();
  body.skip(6);
  const std::uint8_t credit = body.u8();
  const std::uint32_t sequence = vlq32(body);
  if (!body.ok()) return;
  to.sink.number("subscription", subscription);
  to.sink.number("credit", credit);
  to.sink.number("sequence", sequence);
  to.objects.add(to.message, to.sink, {"subscription", {}, 0, 0});
  Shower shower(to);
  for (std::uint32_t i = 0; i < kMaxItems && body.ok() && !body.done(); ++i) {
    const std::uint8_t kind = body.u8();
    if (kind == 0x92) {
      const std::uint32_t item = body.u32be();
      read_value(body, item, shower);
    } else if (kind == 0x9b) {
      const std::uint32_t item = vlq32(body);
      read_value(body, item, shower);
    } else if (kind == 0x03 || kind == 0x13 || kind == 0x9c) {
      to.sink.number("item_error", body.u32be());
      to.message.status = {Outcome::Failed, kind, "error of an item"};
    } else {
      return;  // the end, or an alarm
    }
  }
}

}  // namespace dissect::s7commplus
