#include "dissect/tds/tokens.h"

#include <algorithm>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/tds/login.h"
#include "dissect/text.h"

namespace dissect::tds {

namespace {

constexpr int kMaxTokens = 256;
constexpr std::uint32_t kWideSince = 0x72;

enum Token : std::uint8_t {
  kReturnStatus = 0x79,
  kOrder = 0xa9,
  kError = 0xaa,
  kInfo = 0xab,
  kLoginAck = 0xad,
  kFeatureAck = 0xae,
  kEnvironment = 0xe3,
  kSspi = 0xed,
  kDone = 0xfd,
  kDoneProcedure = 0xfe,
  kDoneInside = 0xff,
};

constexpr Named kErrors[] = {
    {102, "syntax error"},
    {207, "invalid column"},
    {208, "invalid object"},
    {229, "permission denied"},
    {230, "permission denied"},
    {262, "permission denied"},
    {911, "unknown database"},
    {916, "no access to the database"},
    {1205, "deadlock"},
    {2627, "duplicate key"},
    {2812, "unknown procedure"},
    {4060, "database cannot be opened"},
    {4064, "default database cannot be opened"},
    {15247, "permission denied"},
    {18450, "login failed"},
    {18451, "login failed"},
    {18452, "login failed"},
    {18456, "login failed"},
    {18470, "login disabled"},
    {18486, "login locked out"},
    {18487, "password expired"},
    {18488, "password must change"},
};
static_assert(sorted_by_code(kErrors));

// A text with its length in characters, of one or two bytes.
std::string text(Reader& reader, std::size_t size_bytes) {
  const std::uint64_t count = reader.little(size_bytes);
  return printable_utf16le(reader.bytes(static_cast<std::size_t>(count) * 2));
}

void notice(Reader& reader, bool error, Answer& answer, Sink& sink) {
  const std::uint32_t number = reader.u32le();
  const std::uint8_t state = reader.u8();
  const std::uint8_t severity = reader.u8();
  const std::string message = text(reader, 2);
  const std::string server = text(reader, 1);
  const std::string procedure = text(reader, 1);
  if (!reader) return;
  sink.number(error ? "error_number" : "info_number", number);
  sink.number(error ? "error_state" : "info_state", state);
  sink.number(error ? "error_class" : "info_class", severity);
  sink.text(error ? "error_text" : "info_text", message);
  answer.server = server;
  if (!procedure.empty()) sink.text("procedure", procedure);
  if (!error) return;
  if (!answer.failed) answer.error = number;
  answer.failed = true;
}

void login_answer(Reader& reader, Answer& answer, Sink& sink) {
  sink.number("login_interface", reader.u8());
  const std::uint32_t protocol = reader.u32be();
  sink.number("login_ack_version", protocol);
  const std::string program = text(reader, 1);
  const base::ByteView version = reader.bytes(4);
  if (!reader) return;
  answer.logged_in = true;
  answer.wide = protocol >> 24U >= kWideSince;
  sink.text("program", program);
  sink.tell(Fact::Software, product(base::as_text(version)), Confidence::Neighbor);
}

void environment(Reader& reader, Answer& answer, Sink& sink) {
  const std::uint8_t type = reader.u8();
  sink.number("environment", type);
  // Database, language, character set, packet size: texts. Others are bytes.
  if (type < 1 || type > 4) return;
  const std::string now = text(reader, 1);
  if (!reader) return;
  sink.text("environment_value", now);
  if (type == 1) answer.database = now;
}

void done(Reader& reader, Answer& answer, Sink& sink) {
  const std::uint16_t status = reader.u16le();
  reader.skip(2);
  const bool wide = answer.wide.value_or(reader.remaining() >= 8);
  const std::uint64_t rows = reader.little(wide ? 8 : 4);
  if (!reader) return;
  sink.number("done_status", status);
  sink.number("done_rows", rows);
  if ((status & 0x0102U) != 0) answer.failed = true;
}

}  // namespace

namespace {

// Reads one token; false: its length is not known, or it is not all there.
bool read_token(Reader& reader, Answer& answer, Sink& sink) {
  const std::uint8_t token = reader.u8();
  sink.number("token", token);
  switch (token) {
    case kError:
    case kInfo:
    case kLoginAck:
    case kEnvironment:
    case kOrder:
    case kSspi: {
      const std::uint16_t length = reader.u16le();
      Reader body = reader.sub(length);
      if (!reader) return false;
      if (token == kError || token == kInfo)
        notice(body, token == kError, answer, sink);
      else if (token == kLoginAck)
        login_answer(body, answer, sink);
      else if (token == kEnvironment)
        environment(body, answer, sink);
      return true;
    }
    case kReturnStatus:
      sink.number("return_status", reader.u32le());
      return reader.ok();
    case kDone:
    case kDoneProcedure:
    case kDoneInside:
      done(reader, answer, sink);
      return reader.ok();
    default:
      return false;
  }
}

}  // namespace

void read_tokens(base::ByteView bytes, bool whole, Answer& answer, Sink& sink) {
  Reader reader(bytes);
  bool known = true;
  for (int i = 0; known && i < kMaxTokens && !reader.done(); ++i)
    known = read_token(reader, answer, sink);
  // Behind rows: how it ended.
  const std::size_t size = answer.wide.value_or(true) ? 13 : 9;
  if (known || !whole || reader.remaining() < size) return;
  Reader last(bytes.last(size));
  const std::uint8_t token = last.u8();
  const std::uint16_t status = Reader(last.rest()).u16le();
  // Nothing but what is defined may be set: the end of a row could look like it.
  constexpr std::uint16_t kDefined = 0x0137;
  if (token >= kDone && (status & ~kDefined) == 0) done(last, answer, sink);
}

std::string_view error_name(std::uint32_t number) {
  return name_of(kErrors, number);
}

}  // namespace dissect::tds
