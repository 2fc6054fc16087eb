#include "dissect/rpc/association.h"

#include <algorithm>
#include <utility>

#include "dissect/auth/auth.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/rpc/services.h"
#include "dissect/text.h"

namespace dissect::rpc {

namespace {

enum Type : std::uint8_t {
  kRequest = 0,
  kResponse = 2,
  kFault = 3,
  kBind = 11,
  kBindAck = 12,
  kBindNak = 13,
  kAlter = 14,
  kAlterAck = 15,
  kAuth3 = 16,
  kShutdown = 17,
  kCancel = 18,
  kOrphaned = 19,
};
constexpr std::uint8_t kFirst = 0x01;
constexpr std::uint8_t kLast = 0x02;
constexpr std::uint8_t kHasObject = 0x80;
constexpr int kMaxItems = 64;

// What operations of transactions are called.
enum Operation : std::uint32_t { kCall = 1, kOpen = 2, kLogin = 3, kControl = 4 };

constexpr Named kTypes[] = {
    {kRequest, "call"}, {kResponse, "call"},     {kFault, "call"},    {kBind, "bind"},
    {kBindAck, "bind"}, {kBindNak, "bind"},      {kAlter, "bind"},    {kAlterAck, "bind"},
    {kAuth3, "login"},  {kShutdown, "shutdown"}, {kCancel, "cancel"}, {kOrphaned, "orphaned"},
};
static_assert(sorted_by_code(kTypes));

// C706 appendix E, MS-ERREF.
constexpr Named kFaults[] = {
    {0x00000001, "cannot execute"},      {0x00000005, "access denied"},
    {0x000006d1, "procedure not found"}, {0x000006e4, "cannot support"},
    {0x000006f7, "bad stub data"},       {0x1c000001, "division by zero"},
    {0x1c000002, "address error"},       {0x1c000006, "invalid tag"},
    {0x1c000007, "invalid bound"},       {0x1c000008, "protocol version mismatch"},
    {0x1c000009, "unspecified fault"},   {0x1c00000b, "context mismatch"},
    {0x1c000012, "user defined"},        {0x1c010002, "operation out of range"},
    {0x1c010003, "unknown interface"},   {0x1c01000b, "protocol error"},
};
static_assert(sorted_by_code(kFaults));

}  // namespace

struct Association::Header {
  std::uint8_t minor = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  bool little = true;
  std::uint16_t length = 0;
  std::uint16_t auth_length = 0;
  std::uint32_t call = 0;

  std::uint16_t u16(Reader& reader) const { return little ? reader.u16le() : reader.u16be(); }
  std::uint32_t u32(Reader& reader) const { return little ? reader.u32le() : reader.u32be(); }
  bool good() const {
    return minor <= 1 && !name_of(kTypes, type).empty() && length >= kHeader &&
           (auth_length == 0 || std::size_t{auth_length} + kHeader + 8 <= length);
  }

  // Version and order of numbers as they must be.
  static bool read(base::ByteView bytes, Header& header) {
    Reader reader(bytes);
    if (reader.u8() != 5) return false;
    header.minor = reader.u8();
    header.type = reader.u8();
    header.flags = reader.u8();
    const std::uint8_t order = reader.u8();
    const std::uint8_t reals = reader.u8();
    const std::uint16_t reserved = reader.u16be();
    header.little = (order & 0xf0U) == 0x10;
    header.length = header.u16(reader);
    header.auth_length = header.u16(reader);
    header.call = header.u32(reader);
    return reader.ok() && (order & 0xefU) == 0 && reals <= 3 && reserved == 0 && header.good();
  }
};

namespace {

// Security trailer, at a fragment's end: type, level, padding, and the token.
struct Verifier {
  std::uint8_t type = 0;
  std::uint8_t level = 0;
  std::uint8_t padding = 0;
  std::uint32_t context = 0;
  base::ByteView token;
};
constexpr std::size_t kTrailer = 8;
constexpr std::uint8_t kPrivacy = 6;

void tell_token(const Verifier& verifier, Sink& sink, auth::Token& token) {
  // NTLM, SPNEGO, Kerberos
  if (verifier.type == 9 || verifier.type == 10 || verifier.type == 16)
    token = auth::read_token(verifier.token, sink);
}

std::string_view auth_name(std::uint8_t type) {
  switch (type) {
    case 9:
      return "SPNEGO";
    case 10:
      return "NTLM";
    case 14:
      return "Schannel";
    case 16:
      return "Kerberos";
    case 68:
      return "Netlogon";
    default:
      return {};
  }
}

}  // namespace

Frame frame(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = reader.u8();
  if (reader && version != 5) return Frame::lost();
  if (bytes.size() < kHeader) return Frame::need(kHeader);
  const bool little = (bytes[4] & 0x10U) != 0;
  const std::size_t length =
      little ? bytes[8] | std::size_t{bytes[9]} << 8U : bytes[9] | std::size_t{bytes[8]} << 8U;
  return match(bytes) == Match::No ? Frame::lost() : Frame::pdu(length);
}

Match match(base::ByteView bytes) {
  if (bytes.size() < kHeader) {
    const bool may = !bytes.empty() && bytes[0] == 5 && (bytes.size() < 2 || bytes[1] <= 1);
    return may ? Match::Unsure : Match::No;
  }
  Reader reader(bytes);
  const std::uint8_t version = reader.u8();
  const std::uint8_t minor = reader.u8();
  const std::uint8_t type = reader.u8();
  reader.skip(1);
  const std::uint8_t order = reader.u8();
  const std::uint8_t reals = reader.u8();
  const std::uint16_t reserved = reader.u16be();
  const bool little = (order & 0x10U) != 0;
  const std::uint16_t length = little ? reader.u16le() : reader.u16be();
  const std::uint16_t auth_length = little ? reader.u16le() : reader.u16be();
  if (version != 5 || minor > 1 || name_of(kTypes, type).empty() || (order & 0xefU) != 0 ||
      reals > 3 || reserved != 0 || length < kHeader ||
      (auth_length != 0 && std::size_t{auth_length} + kHeader + kTrailer > length))
    return Match::No;
  const bool opens = type >= kBind && type <= kAlterAck;
  return opens && length >= kHeader + 8 ? Match::Yes : Match::Likely;
}

std::uint64_t Association::key(const Header& header) const {
  return std::uint64_t{1} << 62U | std::uint64_t{of_} << 32U | header.call;
}

const Association::Context* Association::find(std::uint16_t id) const {
  const auto found = std::ranges::find_if(
      contexts_, [id](const Context& one) { return one.used && one.id == id; });
  return found == contexts_.end() ? nullptr : &*found;
}

void Association::remember(std::uint16_t id, std::string uuid) {
  auto place = std::ranges::find_if(contexts_,
                                    [id](const Context& one) { return one.used && one.id == id; });
  if (place == contexts_.end()) {
    place = contexts_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ = (next_ + 1) % kMaxContexts;
  }
  place->id = id;
  place->used = true;
  place->known = find_interface(uuid);
  place->uuid = std::move(uuid);
}

bool Association::take(base::ByteView fragment, std::size_t size, Sink& sink) {
  Header header;
  if (!Header::read(fragment, header)) {
    sink.issue({Issue::Kind::Malformed, "remote call's header cannot be", 0, 0});
    return false;
  }
  if (sink.wants_details()) {
    sink.number("rpc_version", 5);
    sink.number("rpc_minor_version", header.minor);
    sink.number("rpc_packet_type", header.type);
    sink.number("rpc_flags", header.flags);
    sink.number("rpc_fragment_length", header.length);
    sink.number("rpc_auth_length", header.auth_length);
    sink.number("rpc_call_id", header.call);
  }
  if (header.length > size)
    sink.issue({Issue::Kind::Truncated, "remote call ends too early", header.length, 8});
  const base::ByteView body =
      fragment.first(std::min<std::size_t>(fragment.size(), header.length)).subspan(kHeader);
  switch (header.type) {
    case kBind:
    case kAlter:
      bind(header, body, sink);
      break;
    case kBindAck:
    case kAlterAck:
    case kBindNak:
      bind_answer(header, body, sink);
      break;
    case kRequest:
      request(header, body, sink);
      break;
    case kResponse:
      response(header, body, sink);
      break;
    case kFault:
      fault(header, body, sink);
      break;
    default:
      simple(header, body, sink);
      break;
  }
  return true;
}

namespace {

// The end of `body` that is not the procedure's, if all of it is there.
Verifier verifier_of(base::ByteView body, std::size_t auth_length, bool little, Sink& sink) {
  Verifier verifier;
  if (auth_length == 0 || body.size() < auth_length + kTrailer) return verifier;
  Reader reader(body.subspan(body.size() - auth_length - kTrailer));
  verifier.type = reader.u8();
  verifier.level = reader.u8();
  verifier.padding = reader.u8();
  reader.skip(1);
  verifier.context = little ? reader.u32le() : reader.u32be();
  verifier.token = reader.rest();
  sink.number("rpc_auth_type", verifier.type);
  sink.number("rpc_auth_level", verifier.level);
  sink.number("rpc_auth_context", verifier.context);
  return verifier;
}

}  // namespace

void Association::bind(const Header& header, base::ByteView body, Sink& sink) {
  Reader reader(body);
  const std::uint16_t send = header.u16(reader);
  const std::uint16_t receive = header.u16(reader);
  const std::uint32_t group = header.u32(reader);
  const std::uint8_t count = reader.u8();
  reader.skip(3);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "bind ends too early", header.type, 16});
    return;
  }
  sink.number("rpc_max_send", send);
  sink.number("rpc_max_receive", receive);
  sink.number("rpc_group", group);
  sink.number("rpc_contexts", count);
  std::array<std::string, 8> names;
  std::array<Object, 8> objects;
  std::size_t named = 0;
  for (int i = 0; i < count && i < kMaxItems && reader; ++i) {
    const std::uint16_t id = header.u16(reader);
    const std::uint8_t syntaxes = reader.u8();
    reader.skip(1);
    const base::ByteView uuid = reader.bytes(16);
    const std::uint16_t major = header.u16(reader);
    const std::uint16_t minor = header.u16(reader);
    if (!reader) break;
    std::string text = uuid_text(uuid, header.little);
    sink.number("rpc_context", id);
    sink.number("rpc_syntaxes", syntaxes);
    sink.text("rpc_interface", text);
    sink.number("rpc_interface_version", major);
    sink.number("rpc_interface_minor_version", minor);
    for (int k = 0; k < syntaxes && reader; ++k) {
      const base::ByteView syntax = reader.bytes(16);
      if (reader && sink.wants_details())
        sink.text("rpc_transfer_syntax", uuid_text(syntax, header.little));
      reader.skip(4);
    }
    const Interface* known = find_interface(text);
    if (named < objects.size()) {
      names[named] = known != nullptr ? std::string(known->name) : text;
      objects[named] = {"interface", names[named], 0, 0};
      ++named;
    }
    remember(id, std::move(text));
  }
  if (!reader) sink.issue({Issue::Kind::Truncated, "bind ends too early", header.type, 16});
  const Verifier verifier = verifier_of(body, header.auth_length, header.little, sink);
  auth::Token token;
  tell_token(verifier, sink, token);
  Message message;
  message.kind = Kind::Request;
  message.key = key(header);
  message.operation = {kOpen, "bind"};
  message.sub_operation = {verifier.type, auth_name(verifier.type)};
  message.access = Access::Session;
  message.objects = {objects.data(), named};
  message.bytes = header.length;
  sink.message(message);
}

void Association::bind_answer(const Header& header, base::ByteView body, Sink& sink) {
  Message message;
  message.kind = Kind::Response;
  message.key = key(header);
  message.operation = {kOpen, "bind"};
  message.access = Access::Session;
  message.bytes = header.length;
  Reader reader(body);
  if (header.type == kBindNak) {
    const std::uint16_t reason = header.u16(reader);
    sink.number("rpc_reject_reason", reason);
    message.status = {Outcome::Failed, reason, "rejected"};
    sink.message(message);
    return;
  }
  sink.number("rpc_max_send", header.u16(reader));
  sink.number("rpc_max_receive", header.u16(reader));
  sink.number("rpc_group", header.u32(reader));
  const std::uint16_t length = header.u16(reader);
  const base::ByteView address = reader.bytes(length);
  if (sink.wants_details() && length > 0) sink.text("rpc_address", printable(address));
  // To the next multiple of four.
  reader.skip((4 - (reader.offset() + kHeader) % 4) % 4);
  const std::uint8_t count = reader.u8();
  reader.skip(3);
  std::uint16_t accepted = 0;
  std::uint16_t refused = 0;
  for (int i = 0; i < count && i < kMaxItems && reader; ++i) {
    const std::uint16_t result = header.u16(reader);
    const std::uint16_t reason = header.u16(reader);
    const base::ByteView syntax = reader.bytes(16);
    reader.skip(4);
    if (!reader) break;
    sink.number("rpc_result", result);
    if (result == 2) {
      sink.number("rpc_reason", reason);
      refused = static_cast<std::uint16_t>(reason + 1);
    }
    if (result == 0) ++accepted;
    if (sink.wants_details()) sink.text("rpc_accepted_syntax", uuid_text(syntax, header.little));
  }
  if (!reader)
    sink.issue({Issue::Kind::Truncated, "bind's answer ends too early", header.type, 16});
  auth::Token token;
  tell_token(verifier_of(body, header.auth_length, header.little, sink), sink, token);
  message.status = accepted > 0 || refused == 0 ? Status{Outcome::Ok, 0, {}}
                                                : Status{Outcome::Failed, refused, "refused"};
  sink.message(message);
}

void Association::request(const Header& header, base::ByteView body, Sink& sink) {
  Reader reader(body);
  const std::uint32_t hint = header.u32(reader);
  const std::uint16_t id = header.u16(reader);
  const std::uint16_t number = header.u16(reader);
  if ((header.flags & kHasObject) != 0) {
    const base::ByteView object = reader.bytes(16);
    if (sink.wants_details() && reader) sink.text("rpc_object", uuid_text(object, header.little));
  }
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "call ends too early", header.type, 16});
    return;
  }
  sink.number("rpc_hint", hint);
  sink.number("rpc_context", id);
  sink.number("rpc_procedure", number);
  const Verifier verifier = verifier_of(body, header.auth_length, header.little, sink);
  // Of several fragments, the first says it all.
  if ((header.flags & kFirst) == 0) return;
  const Context* context = find(id);
  const Interface* known = context != nullptr ? context->known : nullptr;
  const Procedure* procedure = known != nullptr ? known->procedure(number) : nullptr;
  Message message;
  message.kind = Kind::Request;
  message.key = key(header);
  message.operation = {kCall, "call"};
  message.sub_operation = {number, procedure != nullptr ? procedure->name : std::string_view{}};
  if (known != nullptr) message.access = procedure != nullptr ? procedure->access : known->access;
  message.bytes = std::max<std::uint32_t>(hint, static_cast<std::uint32_t>(reader.remaining()));
  std::array<Object, 3> objects;
  std::size_t count = 0;
  if (known != nullptr)
    objects[count++] = {"interface", known->name, 0, 0};
  else if (context != nullptr)
    objects[count++] = {"interface", context->uuid, 0, 0};
  Service service;
  if (known != nullptr && known->name == "svcctl" && header.little && verifier.level < kPrivacy) {
    read_service(number, reader.rest(), service, sink);
    if (!service.name.empty()) objects[count++] = {"service", service.name, 0, 0};
    if (!service.program.empty()) objects[count++] = {"program", service.program, 0, 0};
    if (service.access != Access::None) message.access = service.access;
  }
  message.objects = {objects.data(), count};
  sink.message(message);
}

void Association::response(const Header& header, base::ByteView body, Sink& sink) {
  Reader reader(body);
  const std::uint32_t hint = header.u32(reader);
  const std::uint16_t id = header.u16(reader);
  const std::uint8_t cancels = reader.u8();
  reader.skip(1);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "answer ends too early", header.type, 16});
    return;
  }
  sink.number("rpc_hint", hint);
  sink.number("rpc_context", id);
  sink.number("rpc_cancels", cancels);
  verifier_of(body, header.auth_length, header.little, sink);
  Message message;
  message.kind = Kind::Response;
  message.key = key(header);
  message.last = (header.flags & kLast) != 0;
  message.operation = {kCall, "call"};
  message.bytes =
      static_cast<std::uint32_t>(header.length - std::min<std::size_t>(header.length, kHeader + 8));
  if (message.last) message.status = {Outcome::Ok, 0, {}};
  sink.message(message);
}

void Association::fault(const Header& header, base::ByteView body, Sink& sink) {
  Reader reader(body);
  const std::uint32_t hint = header.u32(reader);
  const std::uint16_t id = header.u16(reader);
  const std::uint8_t cancels = reader.u8();
  reader.skip(1);
  const std::uint32_t status = header.u32(reader);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "answer ends too early", header.type, 16});
    return;
  }
  sink.number("rpc_hint", hint);
  sink.number("rpc_context", id);
  sink.number("rpc_cancels", cancels);
  sink.number("rpc_status", status);
  Message message;
  message.kind = Kind::Response;
  message.key = key(header);
  message.operation = {kCall, "call"};
  const std::string_view name = name_of(kFaults, status);
  message.status = {Outcome::Failed, status, name.empty() ? std::string_view("fault") : name};
  sink.message(message);
}

void Association::simple(const Header& header, base::ByteView body, Sink& sink) {
  Message message;
  message.kind = Kind::OneWay;
  message.operation = {kControl, name_of(kTypes, header.type)};
  if (header.type == kAuth3) {
    auth::Token token;
    const Verifier verifier = verifier_of(body, header.auth_length, header.little, sink);
    tell_token(verifier, sink, token);
    const Object user[] = {{"user", token.user, 0, 0}};
    message.operation = {kLogin, "login"};
    message.sub_operation = {verifier.type, auth_name(verifier.type)};
    message.access = Access::Authentication;
    if (!token.user.empty()) message.objects = user;
    sink.message(message);
    return;
  }
  sink.message(message);
}

}  // namespace dissect::rpc
