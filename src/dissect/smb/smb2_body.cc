#include <algorithm>
#include <array>
#include <string>

#include "dissect/auth/auth.h"
#include "dissect/names.h"
#include "dissect/smb/smb2.h"
#include "dissect/smb/status.h"
#include "dissect/text.h"

namespace dissect::smb {

namespace {

constexpr Named kCommands[] = {
    {kNegotiate2, "negotiate"},
    {kSessionSetup2, "session setup"},
    {kLogoff2, "logoff"},
    {kTreeConnect2, "tree connect"},
    {kTreeDisconnect2, "tree disconnect"},
    {kCreate2, "create"},
    {kClose2, "close"},
    {kFlush2, "flush"},
    {kRead2, "read"},
    {kWrite2, "write"},
    {kLock2, "lock"},
    {kIoctl2, "control"},
    {kCancel2, "cancel"},
    {kEcho2, "echo"},
    {kQueryDirectory2, "query directory"},
    {kChangeNotify2, "change notify"},
    {kQueryInfo2, "query information"},
    {kSetInfo2, "set information"},
    {kOplockBreak2, "lock break"},
};
static_assert(sorted_by_code(kCommands));

constexpr Named kDialects[] = {
    {0x0202, "SMB 2.0.2"}, {0x0210, "SMB 2.1"},   {0x02ff, "SMB 2"},
    {0x0300, "SMB 3.0"},   {0x0302, "SMB 3.0.2"}, {0x0311, "SMB 3.1.1"},
};
static_assert(sorted_by_code(kDialects));

constexpr std::uint32_t kTransceive = 0x0011c017;
constexpr Named kControls[] = {
    {0x00060194, "get referrals"},      {0x000601b0, "get referrals"},
    {0x000900a8, "get reparse point"},  {0x000900c0, "get object id"},
    {0x000940cf, "query ranges"},       {0x000980c8, "set zero data"},
    {0x00110018, "wait for pipe"},      {0x0011400c, "peek at pipe"},
    {kTransceive, "pipe transceive"},   {0x00140078, "request resume key"},
    {0x001401d4, "resiliency"},         {0x001401fc, "query network interfaces"},
    {0x00140204, "validate negotiate"}, {0x00144064, "enumerate snapshots"},
    {0x001440f2, "copy chunks"},        {0x001480f2, "copy chunks"},
};
static_assert(sorted_by_code(kControls));

constexpr std::uint8_t kRename = 10;
constexpr std::uint8_t kDisposition = 13;
constexpr std::uint32_t kDeleteOnClose = 0x1000;
constexpr std::uint64_t kSameFile = 0xffffffffffffffff;

Access access_of(std::uint16_t command) {
  switch (command) {
    case kNegotiate2:
    case kLogoff2:
    case kTreeConnect2:
    case kTreeDisconnect2:
      return Access::Session;
    case kSessionSetup2:
      return Access::Authentication;
    case kCancel2:
    case kEcho2:
    case kOplockBreak2:
      return Access::None;
    default:
      return Access::File;
  }
}

// A message being read.
class Body {
 public:
  Body(const Header2& header, base::ByteView whole, State& state, std::uint64_t& last_file,
       Sink& sink)
      : header_(header), whole_(whole), state_(state), last_file_(last_file), sink_(sink) {
    reader_ = Reader(whole.subspan(Header2::kSize));
  }

  void read();

 private:
  void request();
  void response();
  void tell();

  void negotiate_request();
  void negotiate_response();
  void contexts(std::size_t offset, std::uint16_t count);
  void session_setup(bool response);
  void login(base::ByteView token, bool response);
  void tree_connect();
  void tree_connected();
  void create();
  void created();
  void read_request();
  void read_response();
  void write_request();
  void control(bool response);
  void query_directory();
  void set_information();

  // Bytes at an offset that counts from the header; empty when they are not there.
  base::ByteView at(std::size_t offset, std::size_t length) const {
    if (offset < Header2::kSize || offset > whole_.size()) return {};
    return whole_.subspan(offset, std::min(length, whole_.size() - offset));
  }
  std::uint64_t file() {
    const base::ByteView id = reader_.bytes(16);
    if (!reader_) return 0;
    sink_.bytes("smb2_file_id", id);
    Reader halves(id);
    const std::uint64_t persistent = halves.u64le();
    const std::uint64_t of_session = halves.u64le();
    if (persistent == kSameFile && of_session == kSameFile) return last_file_;
    last_file_ = persistent * 0x9e3779b97f4a7c15 ^ of_session;
    return last_file_;
  }
  void about_file(std::uint64_t file, std::uint64_t offset = 0, std::uint32_t count = 0) {
    if (const std::string* name = state_.files.find(file)) name_ = *name;
    if (name_.empty() && count == 0) return;
    objects_[count_++] = {"file", name_, offset, count};
  }
  bool pipe() { return may_be_pipe(state_.shares.find(header_.tree)); }

  const Header2& header_;
  base::ByteView whole_;
  State& state_;
  std::uint64_t& last_file_;
  Sink& sink_;
  Reader reader_;
  Message message_;
  std::array<Object, 3> objects_;
  std::size_t count_ = 0;
  std::string name_;
  std::string other_;
  // Data of a pipe, which is told after the message that carries it.
  base::ByteView pipe_data_;
  std::uint64_t pipe_file_ = 0;
};

void Body::negotiate_request() {
  const std::uint16_t count = reader_.u16le();
  sink_.number("smb2_security_mode", reader_.u8());
  reader_.skip(3);
  sink_.number("smb2_capabilities", reader_.u32le());
  const base::ByteView guid = reader_.bytes(16);
  const std::uint32_t offset = reader_.u32le();
  const std::uint16_t contexts_count = reader_.u16le();
  reader_.skip(2);
  sink_.number("smb2_dialect_count", count);
  sink_.bytes("smb2_client_guid", guid);
  std::uint16_t best = 0;
  for (int i = 0; i < count && i < 64 && reader_; ++i) {
    const std::uint16_t dialect = reader_.u16le();
    if (!reader_) break;
    sink_.number("smb2_dialect", dialect);
    best = std::max(best, dialect);
  }
  if (best == 0x0311) contexts(offset, contexts_count);
}

void Body::negotiate_response() {
  sink_.number("smb2_security_mode", reader_.u8());
  reader_.skip(1);
  const std::uint16_t dialect = reader_.u16le();
  const std::uint16_t contexts_count = reader_.u16le();
  const base::ByteView guid = reader_.bytes(16);
  sink_.number("smb2_dialect", dialect);
  sink_.bytes("smb2_server_guid", guid);
  sink_.number("smb2_capabilities", reader_.u32le());
  sink_.number("smb2_max_transaction", reader_.u32le());
  sink_.number("smb2_max_read", reader_.u32le());
  sink_.number("smb2_max_write", reader_.u32le());
  reader_.skip(16);
  const std::uint16_t offset = reader_.u16le();
  const std::uint16_t length = reader_.u16le();
  const std::uint32_t contexts_offset = reader_.u32le();
  message_.sub_operation = {dialect, name_of(kDialects, dialect)};
  if (!reader_) return;
  auth::read_token(at(offset, length), sink_);
  if (dialect == 0x0311) contexts(contexts_offset, contexts_count);
}

// Negotiate contexts of 3.1.1 (MS-SMB2 2.2.3.1).
void Body::contexts(std::size_t offset, std::uint16_t count) {
  Reader reader(at(offset, whole_.size()));
  for (int i = 0; i < count && i < 16 && reader; ++i) {
    const std::uint16_t type = reader.u16le();
    const std::uint16_t length = reader.u16le();
    reader.skip(4);
    const base::ByteView data = reader.bytes(length);
    if (!reader) return;
    sink_.number("smb2_context_type", type);
    sink_.number("smb2_context_length", length);
    Reader value(data);
    if (type == 2) {
      const std::uint16_t ciphers = value.u16le();
      for (int k = 0; k < ciphers && k < 16; ++k) {
        const std::uint16_t cipher = value.u16le();
        if (!value) break;
        sink_.number("smb2_cipher", cipher);
      }
    } else if (type == 5) {
      sink_.text("smb2_network_name", printable_utf16le(data));
    }
    const std::size_t padding = (8 - length % 8U) % 8U;
    reader.skip(std::min(padding, reader.remaining()));
  }
}

void Body::session_setup(bool response) {
  if (response) {
    sink_.number("smb2_session_flags", reader_.u16le());
  } else {
    sink_.number("smb2_setup_flags", reader_.u8());
    sink_.number("smb2_security_mode", reader_.u8());
    sink_.number("smb2_capabilities", reader_.u32le());
    reader_.skip(4);
  }
  const std::uint16_t offset = reader_.u16le();
  const std::uint16_t length = reader_.u16le();
  if (!response) sink_.number("smb2_previous_session", reader_.u64le());
  if (reader_) login(at(offset, length), response);
}

void Body::login(base::ByteView bytes, bool response) {
  const auth::Token token = auth::read_token(bytes, sink_);
  if (response) return;
  const std::string_view mechanism = auth::mechanism_name(token.mechanism);
  message_.sub_operation = {static_cast<std::uint32_t>(token.step),
                            token.anonymous ? std::string_view("anonymous") : mechanism};
  // NTLM names a user, Kerberos a service.
  name_ = token.user.empty() ? token.service : token.user;
  other_ = token.host;
  if (!name_.empty()) objects_[count_++] = {token.user.empty() ? "service" : "user", name_, 0, 0};
  if (!other_.empty()) objects_[count_++] = {"workstation", other_, 0, 0};
}

void Body::tree_connect() {
  sink_.number("smb2_connect_flags", reader_.u16le());
  const std::uint16_t offset = reader_.u16le();
  const std::uint16_t length = reader_.u16le();
  if (!reader_) return;
  const std::string path = printable_utf16le(at(offset, length));
  sink_.text("smb2_tree", path);
  name_ = share_of(path, sink_);
  state_.asked.put(header_.message, name_);
  objects_[count_++] = {"share", name_, 0, 0};
}

void Body::tree_connected() {
  sink_.number("smb2_share_type", reader_.u8());
  reader_.skip(1);
  sink_.number("smb2_share_flags", reader_.u32le());
  sink_.number("smb2_share_capabilities", reader_.u32le());
  if (const std::string* asked = state_.asked.find(header_.message)) {
    state_.shares.put(header_.tree, *asked);
    state_.asked.remove(header_.message);
  }
}

void Body::create() {
  reader_.skip(1);
  sink_.number("smb2_oplock", reader_.u8());
  sink_.number("smb2_impersonation", reader_.u32le());
  reader_.skip(16);
  sink_.number("smb2_access_mask", reader_.u32le());
  sink_.number("smb2_file_attributes", reader_.u32le());
  sink_.number("smb2_share_access", reader_.u32le());
  sink_.number("smb2_disposition", reader_.u32le());
  const std::uint32_t options = reader_.u32le();
  sink_.number("smb2_create_options", options);
  const std::uint16_t offset = reader_.u16le();
  const std::uint16_t length = reader_.u16le();
  if (!reader_) return;
  name_ = printable_utf16le(at(offset, length));
  sink_.text("smb2_filename", name_);
  if ((options & kDeleteOnClose) != 0) message_.sub_operation = {options, "delete on close"};
  state_.asked.put(header_.message, name_);
  objects_[count_++] = {"file", name_, 0, 0};
}

void Body::created() {
  sink_.number("smb2_oplock", reader_.u8());
  reader_.skip(1);
  sink_.number("smb2_create_action", reader_.u32le());
  reader_.skip(32);
  sink_.number("smb2_allocation", reader_.u64le());
  sink_.number("smb2_end_of_file", reader_.u64le());
  sink_.number("smb2_file_attributes", reader_.u32le());
  reader_.skip(4);
  const std::uint64_t id = file();
  const std::string* asked = state_.asked.find(header_.message);
  if (!reader_ || asked == nullptr) return;
  state_.files.put(id, *asked);
  state_.asked.remove(header_.message);
}

void Body::read_request() {
  reader_.skip(2);
  const std::uint32_t length = reader_.u32le();
  const std::uint64_t offset = reader_.u64le();
  sink_.number("smb2_read_length", length);
  sink_.number("smb2_offset", offset);
  const std::uint64_t id = file();
  if (!reader_) return;
  if (pipe()) state_.readers.put(header_.message, id);
  about_file(id, offset, length);
}

void Body::read_response() {
  const std::uint8_t offset = reader_.u8();
  reader_.skip(1);
  const std::uint32_t length = reader_.u32le();
  sink_.number("smb2_read_length", length);
  sink_.number("smb2_read_remaining", reader_.u32le());
  message_.bytes = length;
  const std::uint64_t* asked = state_.readers.find(header_.message);
  if (!reader_ || asked == nullptr) return;
  pipe_file_ = *asked;
  pipe_data_ = at(offset, length);
  state_.readers.remove(header_.message);
}

void Body::write_request() {
  const std::uint16_t data = reader_.u16le();
  const std::uint32_t length = reader_.u32le();
  const std::uint64_t offset = reader_.u64le();
  sink_.number("smb2_write_length", length);
  sink_.number("smb2_offset", offset);
  const std::uint64_t id = file();
  if (!reader_) return;
  about_file(id, offset, length);
  message_.bytes = length;
  if (!pipe()) return;
  pipe_file_ = id;
  pipe_data_ = at(data, length);
}

void Body::control(bool response) {
  reader_.skip(2);
  const std::uint32_t code = reader_.u32le();
  sink_.number("smb2_control", code);
  const std::uint64_t id = file();
  const std::uint32_t in_offset = reader_.u32le();
  const std::uint32_t in_length = reader_.u32le();
  if (!response) reader_.skip(4);
  const std::uint32_t out_offset = reader_.u32le();
  const std::uint32_t out_length = reader_.u32le();
  if (!reader_) return;
  if (!response) about_file(id);
  message_.sub_operation = {code, name_of(kControls, code)};
  message_.bytes = response ? out_length : in_length;
  if (code != kTransceive) return;
  pipe_file_ = id;
  pipe_data_ = response ? at(out_offset, out_length) : at(in_offset, in_length);
}

void Body::query_directory() {
  sink_.number("smb2_find_level", reader_.u8());
  sink_.number("smb2_find_flags", reader_.u8());
  reader_.skip(4);
  const std::uint64_t id = file();
  const std::uint16_t offset = reader_.u16le();
  const std::uint16_t length = reader_.u16le();
  if (!reader_) return;
  about_file(id);
  other_ = printable_utf16le(at(offset, length));
  sink_.text("smb2_find_pattern", other_);
  objects_[count_++] = {"pattern", other_, 0, 0};
}

void Body::set_information() {
  const std::uint8_t kind = reader_.u8();
  const std::uint8_t level = reader_.u8();
  const std::uint32_t length = reader_.u32le();
  const std::uint16_t offset = reader_.u16le();
  reader_.skip(6);
  sink_.number("smb2_class", kind);
  sink_.number("smb2_information_level", level);
  sink_.number("smb2_information_length", length);
  const std::uint64_t id = file();
  if (!reader_) return;
  about_file(id);
  if (kind != 1) return;
  Reader value(at(offset, length));
  if (level == kRename) {
    value.skip(16);
    const std::uint32_t size = value.u32le();
    other_ = printable_utf16le(value.rest().first(std::min<std::size_t>(size, value.remaining())));
    sink_.text("smb2_new_name", other_);
    message_.sub_operation = {level, "rename"};
    objects_[count_++] = {"new name", other_, 0, 0};
  } else if (level == kDisposition && value.u8() != 0) {
    message_.sub_operation = {level, "delete"};
  }
}

void Body::request() {
  switch (header_.command) {
    case kNegotiate2:
      return negotiate_request();
    case kSessionSetup2:
      return session_setup(false);
    case kTreeConnect2:
      return tree_connect();
    case kCreate2:
      return create();
    case kRead2:
      return read_request();
    case kWrite2:
      return write_request();
    case kIoctl2:
      return control(false);
    case kQueryDirectory2:
      return query_directory();
    case kSetInfo2:
      return set_information();
    case kTreeDisconnect2:
      if (const std::string* share = state_.shares.find(header_.tree)) {
        name_ = *share;
        objects_[count_++] = {"share", name_, 0, 0};
      }
      return;
    case kClose2:
    case kFlush2:
    case kLock2:
    case kChangeNotify2: {
      reader_.skip(6);
      const std::uint64_t id = file();
      if (reader_) about_file(id);
      return;
    }
    case kQueryInfo2: {
      sink_.number("smb2_class", reader_.u8());
      sink_.number("smb2_information_level", reader_.u8());
      reader_.skip(20);
      const std::uint64_t id = file();
      if (reader_) about_file(id);
      return;
    }
    default:
      return;
  }
}

void Body::response() {
  switch (header_.command) {
    case kNegotiate2:
      return negotiate_response();
    case kSessionSetup2:
      return session_setup(true);
    case kTreeConnect2:
      return tree_connected();
    case kCreate2:
      return created();
    case kRead2:
      return read_response();
    case kIoctl2:
      return control(true);
    case kWrite2:
      reader_.skip(2);
      sink_.number("smb2_write_count", reader_.u32le());
      return;
    default:
      return;
  }
}

void Body::tell() {
  message_.key = header_.message + 1;
  message_.operation = {kVersion2 | header_.command, name_of(kCommands, header_.command)};
  message_.access = access_of(header_.command);
  message_.objects = {objects_.data(), count_};
  if (header_.command == kCancel2 || header_.message == 0xffffffffffffffff) {
    message_.kind = Kind::OneWay;
    message_.key = 0;
  } else if (header_.response()) {
    message_.kind = Kind::Response;
    if (header_.status == kPending) {
      message_.last = false;
    } else {
      message_.status = status_of(header_.status);
    }
  } else {
    message_.kind = Kind::Request;
  }
  sink_.message(message_);
  if (!pipe_data_.empty()) state_.pipes.data(pipe_file_, pipe_data_, sink_);
}

void Body::read() {
  if (name_of(kCommands, header_.command).empty()) {
    sink_.issue({Issue::Kind::Violation, "unknown command", header_.command, 12});
    tell();
    return;
  }
  const std::uint16_t size = reader_.u16le();
  sink_.number("smb2_structure_size", size);
  const bool failed = header_.response() && status_of(header_.status).outcome == Outcome::Failed;
  // A failure brings no more than its status; what waits brings nothing yet.
  if (!failed && header_.status != kPending) {
    if (header_.response())
      response();
    else
      request();
    if (!reader_)
      sink_.issue({Issue::Kind::Truncated, "message ends too early", header_.command, 64});
  } else if (failed) {
    state_.asked.remove(header_.message);
    state_.readers.remove(header_.message);
  }
  tell();
}

}  // namespace

void read_body2(const Header2& header, base::ByteView whole, State& state, std::uint64_t& last_file,
                Sink& sink) {
  Body(header, whole, state, last_file, sink).read();
}

}  // namespace dissect::smb
