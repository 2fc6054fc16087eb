#include "dissect/amqp/performative.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dissect/amqp/login.h"
#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::amqp {

namespace {

enum Code : std::uint8_t {
  kOpen = 0x10,
  kBegin = 0x11,
  kAttach = 0x12,
  kFlow = 0x13,
  kTransfer = 0x14,
  kDisposition = 0x15,
  kDetach = 0x16,
  kEnd = 0x17,
  kClose = 0x18,
  kMechanisms = 0x40,
  kInit = 0x41,
  kChallenge = 0x42,
  kResponse = 0x43,
  kOutcome = 0x44,
};
constexpr Named kCodes[] = {
    {kOpen, "open"},
    {kBegin, "begin"},
    {kAttach, "attach"},
    {kFlow, "flow"},
    {kTransfer, "transfer"},
    {kDisposition, "disposition"},
    {kDetach, "detach"},
    {kEnd, "end"},
    {kClose, "close"},
    {kMechanisms, "sasl mechanisms"},
    {kInit, "sasl init"},
    {kChallenge, "sasl challenge"},
    {kResponse, "sasl response"},
    {kOutcome, "sasl outcome"},
};
static_assert(sorted_by_code(kCodes));

constexpr Named kOutcomes[] = {{0, "ok"},
                               {1, "authentication failed"},
                               {2, "system error"},
                               {3, "system error for good"},
                               {4, "system error for now"}};
static_assert(sorted_by_code(kOutcomes));

// A value by its constructor (part 1, section 1.6): how many bytes it has, after that.
struct Value {
  std::uint8_t constructor = 0x40;
  base::ByteView bytes;

  std::string_view text() const {
    const std::uint8_t kind = constructor & 0x0fU;
    const bool variable = constructor >> 4U == 0xa || constructor >> 4U == 0xb;
    return variable && (kind == 0 || kind == 1 || kind == 3) ? base::as_text(bytes)
                                                             : std::string_view{};
  }
  std::uint64_t number() const {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 8)))
      value = value << 8U | byte;
    return value;
  }
  bool is_true() const { return constructor == 0x41 || (constructor == 0x56 && number() == 1); }
  bool is_list() const { return constructor == 0xc0 || constructor == 0xd0 || constructor == 0x45; }
};

Value read_value(Reader& reader) {
  Value value;
  value.constructor = reader.u8();
  switch (value.constructor >> 4U) {
    case 0x4:
      break;
    case 0x5:
      value.bytes = reader.bytes(1);
      break;
    case 0x6:
      value.bytes = reader.bytes(2);
      break;
    case 0x7:
      value.bytes = reader.bytes(4);
      break;
    case 0x8:
      value.bytes = reader.bytes(8);
      break;
    case 0x9:
      value.bytes = reader.bytes(16);
      break;
    case 0xa:
    case 0xc:
    case 0xe:
      value.bytes = reader.bytes(reader.u8());
      break;
    case 0xb:
    case 0xd:
    case 0xf:
      value.bytes = reader.bytes(reader.u32be());
      break;
    default:
      reader.fail();
      break;
  }
  return value;
}

// The number that describes what follows (section 1.2); none: it has no number.
std::optional<std::uint64_t> read_descriptor(Reader& reader) {
  if (reader.peek() != 0) return std::nullopt;
  reader.skip(1);
  const Value value = read_value(reader);
  const std::uint8_t kind = value.constructor;
  if (!reader.ok() || (kind != 0x53 && kind != 0x80 && kind != 0x44)) return std::nullopt;
  return value.number();
}

// The values of a list, one after the other; past its end they are null.
class List {
 public:
  explicit List(const Value& list) {
    if (!list.is_list() || list.constructor == 0x45) return;
    rest_ = Reader(list.bytes);
    left_ = list.constructor == 0xc0 ? rest_.u8() : rest_.u32be();
  }
  Value next() {
    if (left_ == 0 || rest_.done()) return {};
    --left_;
    // What is described is given without its description.
    if (rest_.peek() == 0) read_descriptor(rest_);
    return read_value(rest_);
  }
  void skip(std::size_t count) {
    for (; count > 0; --count)
      next();
  }
  bool ok() const { return rest_.ok(); }

 private:
  Reader rest_;
  std::uint32_t left_ = 0;
};

struct Decoding {
  Message& message;
  Objects& objects;
  Sink& sink;

  void add(std::string_view space, std::string_view detail, std::string_view name) const {
    sink.shown(detail, name);
    if (!name.empty()) objects.add(message, sink, {space, objects.shown(name), 0, 0});
  }
};

void read_open(List& list, const Decoding& to) {
  const std::string_view container = list.next().text();
  to.add("container", "container", container);
  to.add("host", "host", list.next().text());
  to.sink.number("frame_max", list.next().number());
  if (!container.empty()) to.sink.tell(Fact::Name, printable(container), Confidence::Banner);
}

// Sender or receiver, of a source or to a target (part 2, section 2.7.3).
void read_attach(List& list, const Decoding& to) {
  to.sink.shown("link", list.next().text());
  to.sink.number("handle", list.next().number());
  const bool receives = list.next().is_true();
  to.sink.number("receiver", receives ? 1 : 0);
  list.skip(2);
  List source(list.next());
  List target(list.next());
  const std::string_view from = source.next().text();
  const std::string_view into = target.next().text();
  to.sink.shown("source_address", from);
  to.sink.shown("target_address", into);
  const std::string_view address = receives ? from : into;
  if (!address.empty())
    to.objects.add(to.message, to.sink, {"address", to.objects.shown(address, 512), 0, 0});
  to.message.access = receives ? Access::Read : Access::Write;
}

void read_error(List& list, const Decoding& to) {
  List error(list.next());
  const std::string_view condition = error.next().text();
  if (condition.empty()) return;
  to.add("error", "error", condition);
  to.message.status = {Outcome::Failed, 0, "error"};
}

void read_fields(std::uint8_t code, List& list, const Decoding& to) {
  switch (code) {
    case kOpen:
      return read_open(list, to);
    case kAttach:
      return read_attach(list, to);
    case kTransfer:
      to.sink.number("handle", list.next().number());
      to.sink.number("delivery", list.next().number());
      to.message.access = Access::Write;
      return;
    case kDetach:
      list.skip(2);
      return read_error(list, to);
    case kEnd:
    case kClose:
      return read_error(list, to);
    case kMechanisms:
      to.sink.shown("mechanisms", list.next().text());
      return;
    case kInit: {
      const std::string_view mechanism = list.next().text();
      const std::string_view response = list.next().text();
      ask_login(mechanism, response, to.message, to.objects, to.sink);
      return;
    }
    default:
      return;
  }
}

}  // namespace

bool is_performative(base::ByteView body) {
  Reader reader(body);
  const auto code = read_descriptor(reader);
  return code && *code <= kOutcome && !name_of(kCodes, static_cast<std::uint32_t>(*code)).empty();
}

void read_performative(std::uint16_t channel, Reader& reader, Objects& objects, Sink& sink) {
  const auto code = read_descriptor(reader);
  const Value fields = read_value(reader);
  if (!reader.ok() || !code || *code > kOutcome || !fields.is_list()) {
    sink.issue({Issue::Kind::Malformed, "body that is no performative", 0, 8});
    return;
  }
  const auto what = static_cast<std::uint8_t>(*code);
  sink.number("performative", what);
  Message message;
  message.operation = {what, name_of(kCodes, what)};
  message.access = what == kFlow || what == kDisposition ? Access::None
                   : what >= kMechanisms                 ? Access::Authentication
                                                         : Access::Session;
  message.unit = channel;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  if (message.operation.name.empty()) {
    sink.issue({Issue::Kind::Malformed, "performative that does not exist", what, 8});
    return;
  }
  List list(fields);
  if (what == kOutcome) {
    const auto result = static_cast<std::uint32_t>(list.next().number() & 0xffU);
    sink.number("sasl_outcome", result);
    answer_login({result == 0 ? Outcome::Ok : Outcome::Failed, result, name_of(kOutcomes, result)},
                 sink);
    return;
  }
  read_fields(what, list, {message, objects, sink});
  if (!list.ok()) sink.issue({Issue::Kind::Truncated, "list ends within a value", what, 8});
  sink.message(message);
}

}  // namespace dissect::amqp
