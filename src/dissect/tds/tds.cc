#include "dissect/tds/tds.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/auth/auth.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/tds/login.h"
#include "dissect/tds/statement.h"
#include "dissect/tds/tokens.h"
#include "dissect/text.h"
#include "dissect/tls/tls.h"

namespace dissect::tds {

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxPacket = 32767;
// Of a message of many packets: enough for logins and for what a statement begins with.
constexpr std::size_t kKept = std::size_t{16} << 10U;
constexpr std::size_t kMaxQuery = 4096;
constexpr std::uint8_t kLast = 0x01;
// Of packets that are not the last of their message: they are full.
constexpr std::size_t kSmallest = 512;

enum Type : std::uint8_t {
  kBatch = 1,
  kOldLogin = 2,
  kCall = 3,
  kAnswer = 4,
  kAttention = 6,
  kBulk = 7,
  kFederated = 8,
  kTransaction = 14,
  kTokens = 15,
  kLogin = 16,
  kSspi = 17,
  kPrelogin = 18,
};

constexpr Named kTypes[] = {
    {kBatch, "batch"},
    {kOldLogin, "login"},
    {kCall, "procedure"},
    {kAnswer, "answer"},
    {kAttention, "attention"},
    {kBulk, "bulk load"},
    {kFederated, "federated authentication"},
    {kTransaction, "transaction"},
    {kTokens, "tokens"},
    {kLogin, "login"},
    {kSspi, "login"},
    {kPrelogin, "prelogin"},
};
static_assert(sorted_by_code(kTypes));

// Procedures that are called by number (MS-TDS 2.2.6.6).
constexpr Named kProcedures[] = {
    {1, "sp_cursor"},        {2, "sp_cursoropen"},     {3, "sp_cursorprepare"},
    {4, "sp_cursorexecute"}, {5, "sp_cursorprepexec"}, {6, "sp_cursorunprepare"},
    {7, "sp_cursorfetch"},   {8, "sp_cursoroption"},   {9, "sp_cursorclose"},
    {10, "sp_executesql"},   {11, "sp_prepare"},       {12, "sp_execute"},
    {13, "sp_prepexec"},     {14, "sp_prepexecrpc"},   {15, "sp_unprepare"},
};
static_assert(sorted_by_code(kProcedures));
constexpr std::uint16_t kExecuteSql = 10;

bool is_tls(base::ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3;
}

struct Header {
  std::uint8_t type = 0;
  std::uint8_t status = 0;
  std::uint16_t length = 0;
  std::uint16_t channel = 0;
  std::uint8_t packet = 0;
  std::uint8_t window = 0;

  bool good() const {
    return !name_of(kTypes, type).empty() && length >= kHeader && length <= kMaxPacket &&
           (status & 0xe0U) == 0 && window == 0 && ((status & kLast) != 0 || length >= kSmallest);
  }
};

Header read_header(base::ByteView bytes) {
  Reader reader(bytes);
  Header header;
  header.type = reader.u8();
  header.status = reader.u8();
  header.length = reader.u16be();
  header.channel = reader.u16be();
  header.packet = reader.u8();
  header.window = reader.u8();
  return header;
}

// What stands before statements since version 7.2, with its own length (MS-TDS 2.2.5.3).
base::ByteView without_headers(base::ByteView bytes, Sink& sink) {
  Reader reader(bytes);
  const std::uint32_t total = reader.u32le();
  const std::uint32_t first = reader.u32le();
  const std::uint16_t type = reader.u16le();
  if (!reader || total < 10 || total > bytes.size() || first > total - 4 || first < 6 || type < 1 ||
      type > 3)
    return bytes;
  sink.number("headers_length", total);
  return bytes.subspan(total);
}

// The beginning of a statement in UTF-16 as plain letters, with its line ends; what is not ASCII
// is a question mark.
std::string plain(base::ByteView sql) {
  std::string text;
  Reader reader(sql.first(std::min(sql.size(), kMaxQuery)));
  while (reader.remaining() >= 2) {
    const std::uint16_t unit = reader.u16le();
    text += unit < 0x80 ? static_cast<char>(unit) : '?';
  }
  return text;
}

class TdsSession final : public Session {
 public:
  explicit TdsSession(const FlowInfo& flow) : tls_(tls::kProtocol.open(flow)) {}

  Frame frame(Side side, base::ByteView bytes) override {
    if (bytes.size() < 2) return Frame::need(2);
    if (is_tls(bytes)) return tls_->frame(side, bytes);
    if (bytes.size() < kHeader) return Frame::need(kHeader);
    const Header header = read_header(bytes);
    return header.good() ? Frame::pdu(header.length) : Frame::lost();
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (is_tls(pdu.bytes)) {
      tls_->take(pdu, sink);
      return;
    }
    if (pdu.bytes.size() < kHeader) {
      sink.issue({Issue::Kind::Truncated, "packet ends too early", 0, 0});
      return;
    }
    const Header header = read_header(pdu.bytes);
    sink.number("type", header.type);
    sink.number("status", header.status);
    sink.number("length", header.length);
    sink.number("channel", header.channel);
    sink.number("packet_number", header.packet);
    sink.number("window", header.window);
    const base::ByteView body = pdu.bytes.subspan(kHeader);
    if (header.type == kPrelogin && (is_tls(body) || !wrapped(pdu.side).empty())) {
      inside(pdu, body, sink);
      return;
    }
    collect(pdu.side, header, body, sink);
  }

  void gap(Side side) override {
    half(side) = {};
    wrapped(side).clear();
    tls_->gap(side);
  }

 private:
  // A message whose packets come one by one.
  struct Half {
    base::ByteVec content;
    std::size_t size = 0;
    bool begun = false;
  };
  Half& half(Side side) { return halves_[side == Side::A ? 0 : 1]; }
  base::ByteVec& wrapped(Side side) { return wrapped_[side == Side::A ? 0 : 1]; }

  // A handshake of TLS inside packets: its records need not end with them.
  void inside(const Pdu& pdu, base::ByteView body, Sink& sink) {
    base::ByteVec& waiting = wrapped(pdu.side);
    if (waiting.size() + body.size() > kMaxPdu) waiting.clear();
    waiting.insert(waiting.end(), body.begin(), body.end());
    base::ByteView rest = waiting;
    while (!rest.empty()) {
      const Frame frame = tls_->frame(pdu.side, rest);
      if (frame.kind == Frame::Kind::Lost) {
        rest = {};
        break;
      }
      if (frame.kind != Frame::Kind::Pdu || frame.size > rest.size()) break;
      Pdu record = pdu;
      record.bytes = rest.first(std::min(frame.size, frame.keep));
      record.size = frame.size;
      tls_->take(record, sink);
      rest = rest.subspan(frame.size);
    }
    const base::ByteVec left(rest.begin(), rest.end());
    waiting = left;
  }

  void collect(Side side, const Header& header, base::ByteView body, Sink& sink) {
    Half& one = half(side);
    const bool last = (header.status & kLast) != 0;
    if (!one.begun && last) {
      read(header.type, body, body.size(), sink);
      return;
    }
    one.begun = true;
    one.size += body.size();
    const std::size_t room = kKept - one.content.size();
    const base::ByteView kept = body.first(std::min(room, body.size()));
    one.content.insert(one.content.end(), kept.begin(), kept.end());
    if (!last) return;
    const Half whole = std::move(one);
    one = {};
    read(header.type, whole.content, whole.size, sink);
  }

  void read(std::uint8_t type, base::ByteView body, std::size_t size, Sink& sink) {
    Message message;
    message.kind = Kind::Request;
    message.operation = {type, name_of(kTypes, type)};
    message.bytes = static_cast<std::uint32_t>(size);
    texts_ = {};
    count_ = 0;
    switch (type) {
      case kBatch:
        batch(body, message, sink);
        break;
      case kCall:
        call(body, message, sink);
        break;
      case kPrelogin:
        message.access = Access::Session;
        if (!read_prelogin(body, false, sink))
          sink.issue({Issue::Kind::Malformed, "prelogin cannot be read", 0, 0});
        break;
      case kLogin:
        login(read_login7(body, sink), message);
        break;
      case kOldLogin:
        old_login(body, message, sink);
        break;
      case kSspi:
        sspi(body, message, sink);
        break;
      case kAnswer:
        answer(body, message, sink);
        break;
      case kBulk:
        message.access = Access::Write;
        break;
      case kTransaction: {
        Reader reader(without_headers(body, sink));
        const std::uint16_t request = reader.u16le();
        sink.number("transaction_request", request);
        message.sub_operation = {request, {}};
        break;
      }
      case kAttention:
        message.kind = Kind::OneWay;
        break;
      case kFederated:
        message.access = Access::Authentication;
        break;
      default:
        break;
    }
    message.objects = {objects_.data(), count_};
    sink.message(message);
  }

  void add(std::string_view space, std::string name) {
    if (name.empty() || count_ == objects_.size()) return;
    texts_[count_] = std::move(name);
    objects_[count_] = {space, texts_[count_], 0, 0};
    ++count_;
  }

  void batch(base::ByteView body, Message& message, Sink& sink) {
    const base::ByteView sql = without_headers(body, sink);
    if (sink.wants_details()) sink.text("query", printable_utf16le(sql, kMaxQuery));
    const Statement first = first_statement(plain(sql));
    message.sub_operation = {0, first.verb};
    message.access = first.access;
  }

  void call(base::ByteView body, Message& message, Sink& sink) {
    Reader reader(without_headers(body, sink));
    const std::uint16_t length = reader.u16le();
    message.access = Access::Write;
    std::uint16_t number = 0;
    if (length == 0xffff) {
      number = reader.u16le();
      sink.number("procedure_id", number);
      message.sub_operation = {number, name_of(kProcedures, number)};
      add("procedure", std::string(name_of(kProcedures, number)));
    } else {
      const std::string name = printable_utf16le(reader.bytes(std::size_t{length} * 2));
      sink.text("procedure", name);
      add("procedure", name);
    }
    const std::uint16_t options = reader.u16le();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "call ends too early", number, 0});
      return;
    }
    sink.number("procedure_options", options);
    if (number == kExecuteSql) executed(reader, message, sink);
  }

  // The first parameter of sp_executesql is the statement: a text without a name.
  static void executed(Reader& reader, Message& message, Sink& sink) {
    reader.skip(std::size_t{reader.u8()} * 2);
    reader.skip(1);
    constexpr std::uint8_t kText = 0xe7;
    constexpr std::uint16_t kInPieces = 0xffff;
    if (reader.u8() != kText) return;
    const std::uint16_t room = reader.u16le();
    reader.skip(5);
    std::uint64_t length = 0;
    if (room == kInPieces) {
      reader.skip(8);
      length = reader.u32le();
    } else {
      length = reader.u16le();
    }
    if (!reader) return;
    const base::ByteView sql =
        reader.rest().first(std::min<std::size_t>(length, reader.remaining()));
    if (sink.wants_details()) sink.text("query", printable_utf16le(sql, kMaxQuery));
    message.access = first_statement(plain(sql)).access;
  }

  void login(const Login& login, Message& message) {
    message.access = Access::Authentication;
    message.sub_operation = {0, login.mechanism};
    add("user", login.user);
    add("database", login.database);
    add("program", login.program);
  }

  // Versions before 7: texts of 30 bytes, each with its length behind it.
  void old_login(base::ByteView body, Message& message, Sink& sink) {
    const auto text = [body](std::size_t at) -> std::string {
      constexpr std::size_t kRoom = 30;
      if (body.size() <= at + kRoom) return {};
      return printable(body.subspan(at, std::min<std::size_t>(body[at + kRoom], kRoom)));
    };
    Login login_read;
    login_read.host = text(0);
    login_read.user = text(31);
    login_read.program = text(140);
    login_read.server = text(171);
    login_read.mechanism = "password";
    sink.text("client_name", login_read.host);
    sink.text("username", login_read.user);
    sink.text("application", login_read.program);
    sink.text("server_name", login_read.server);
    sink.tell(Fact::Hostname, login_read.host, Confidence::Banner);
    sink.tell(Fact::User, login_read.user, Confidence::Banner);
    login(login_read, message);
  }

  void sspi(base::ByteView body, Message& message, Sink& sink) {
    const auth::Token token = auth::read_token(body, sink);
    message.access = Access::Authentication;
    message.sub_operation = {static_cast<std::uint32_t>(token.step),
                             auth::mechanism_name(token.mechanism)};
    add("user", token.user);
  }

  void answer(base::ByteView body, Message& message, Sink& sink) {
    message.kind = Kind::Response;
    if (!body.empty() && body[0] == 0) {
      if (!read_prelogin(body, true, sink))
        sink.issue({Issue::Kind::Malformed, "prelogin cannot be read", 0, 0});
      message.status = {Outcome::Ok, 0, {}};
      return;
    }
    Answer read;
    read.wide = wide_;
    read_tokens(body, body.size() == message.bytes, read, sink);
    wide_ = read.wide;
    sink.tell(Fact::Name, read.server, Confidence::Neighbor);
    const std::string_view name = error_name(read.error);
    message.status = read.failed ? Status{Outcome::Failed, read.error,
                                          name.empty() ? std::string_view("error") : name}
                                 : Status{Outcome::Ok, 0, {}};
  }

  std::unique_ptr<Session> tls_;
  Half halves_[2];
  base::ByteVec wrapped_[2];
  std::optional<bool> wide_;  // numbers of rows, once the version is known
  // Of the message at hand.
  std::array<Object, 3> objects_;
  std::array<std::string, 3> texts_;
  std::size_t count_ = 0;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.size() < kHeader) {
    const bool may = bytes.empty() || !name_of(kTypes, bytes[0]).empty();
    return may ? Match::Unsure : Match::No;
  }
  const Header header = read_header(bytes);
  if (!header.good()) return Match::No;
  const base::ByteView body = bytes.subspan(kHeader);
  const bool last = (header.status & kLast) != 0;
  switch (header.type) {
    case kPrelogin:
      // The first option is the version, six bytes of it behind all options.
      if (body.size() < 5) return Match::Unsure;
      return last && body[0] == 0 && body[3] == 0 && body[4] == 6 ? Match::Yes : Match::No;
    case kLogin: {
      if (body.size() < 8) return Match::Unsure;
      Reader reader(body);
      const std::uint32_t length = reader.u32le();
      const std::uint32_t version = reader.u32le();
      return last && length + kHeader == header.length && version >> 24U >= 0x70 &&
                     version >> 24U <= 0x74
                 ? Match::Yes
                 : Match::No;
    }
    default:
      break;
  }
  // Others have only their header: packets are numbered from 0 or 1, and the channel is the
  // server's.
  if (bytes.size() > header.length && header.type != kAnswer && last) return Match::No;
  return header.packet <= 1 && bytes.size() >= header.length ? Match::Likely : Match::Unsure;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<TdsSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {1433};

}  // namespace

constinit const Protocol kProtocol{"tds", "TDS", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::tds
