#include "dissect/smb/smb1.h"

#include <algorithm>

#include "dissect/smb/smb1_reading.h"
#include "dissect/smb/status.h"

namespace dissect::smb {

namespace {

constexpr int kMaxChain = 8;

}  // namespace

bool Reading1::header() {
  Reader reader(whole_);
  reader.skip(4);
  first_ = reader.u8();
  status_ = reader.u32le();
  const std::uint8_t flags = reader.u8();
  flags2_ = reader.u16le();
  process_high_ = reader.u16le();
  reader.skip(10);
  tree_ = reader.u16le();
  process_ = reader.u16le();
  const std::uint16_t user = reader.u16le();
  multiplex_ = reader.u16le();
  if (!reader) {
    sink_.issue({Issue::Kind::Truncated, "header ends too early", 0, 0});
    return false;
  }
  response_ = (flags & 0x80U) != 0;
  if (!sink_.wants_details()) return true;
  sink_.number((flags2_ & 0x4000U) != 0 ? "status" : "dos_status", status_);
  sink_.number("flags", flags);
  sink_.number("flags2", flags2_);
  sink_.number("process_high", process_high_);
  sink_.number("tree", tree_);
  sink_.number("process", process_);
  sink_.number("user_id", user);
  sink_.number("multiplex", multiplex_);
  return true;
}

void Reading1::read() {
  if (!header()) return;
  std::uint8_t code = first_;
  std::size_t offset = kHeader1;
  for (int i = 0; i < kMaxChain; ++i) {
    const std::size_t before = offset;
    words_ = Reader();
    const std::size_t next = command(code, offset);
    if (next == 0) return;
    code = whole_[before + 1];
    if (next <= before || next >= whole_.size()) {
      sink_.issue({Issue::Kind::Malformed, "next command begins where it cannot",
                   static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(before)});
      return;
    }
    offset = next;
  }
  sink_.issue({Issue::Kind::LeftOut, "more commands in a message than are read", kMaxChain, 0});
}

std::size_t Reading1::command(std::uint8_t code, std::size_t offset) {
  Reader reader(whole_.subspan(offset));
  word_count_ = reader.u8();
  const base::ByteView words = reader.bytes(word_count_ * 2);
  const std::uint16_t bytes = reader.u16le();
  sink_.number("command", code);
  message_ = {};
  unicode_ = false;
  count_ = 0;
  name_.clear();
  other_.clear();
  pipe_data_ = {};
  const Command1* known = find_command(code);
  if (known == nullptr) sink_.issue({Issue::Kind::Violation, "unknown command", code, 4});
  if (!reader) {
    sink_.issue({Issue::Kind::Truncated, "command ends too early", code,
                 static_cast<std::uint32_t>(offset)});
    tell(code, known);
    return 0;
  }
  sink_.number("word_count", word_count_);
  sink_.number("byte_count", bytes);
  data_start_ = offset + reader.offset();
  words_ = Reader(words);
  data_ = Reader(reader.rest().first(std::min<std::size_t>(bytes, reader.remaining())));
  std::uint8_t next_code = kNoAndx;
  std::uint16_t next = 0;
  if (known != nullptr && known->chained && word_count_ >= 2) {
    next_code = words_.u8();
    words_.skip(1);
    next = words_.u16le();
    sink_.number("next_offset", next);
  }
  if (!response_)
    request(code);
  else if (word_count_ > 0)
    response(code);
  if (!words_)
    sink_.issue({Issue::Kind::Truncated, "command's words end too early", code,
                 static_cast<std::uint32_t>(offset)});
  tell(code, known);
  return next_code == kNoAndx ? 0 : next;
}

void Reading1::request(std::uint8_t code) {
  switch (code) {
    case kNegotiate:
      return negotiate_request();
    case kSessionSetup:
      return session_setup_request();
    case kTreeConnect:
      return tree_connect();
    case kNtCreate:
      return create();
    case kReadAndx:
      return read_request();
    case kWriteAndx:
      return write_request();
    case kTransaction:
    case kTransaction2:
      return transaction(code);
    case kNtTransact:
      return nt_transaction();
    case kClose: {
      const std::uint16_t file = words_.u16le();
      sink_.number("file_id", file);
      about_file(file);
      return;
    }
    case kDelete:
    case kRename:
    case kCreateDirectory:
    case kDeleteDirectory:
      return named_file(code);
    case kOpenAndx:
      name_ = text();
      tell_text("file_name", name_);
      state_.asked.put(key(), name_);
      objects_[count_++] = {"file", name_, 0, 0};
      return;
    default:
      return;
  }
}

void Reading1::response(std::uint8_t code) {
  switch (code) {
    case kNegotiate:
      return negotiate_response();
    case kSessionSetup:
      return session_setup_response();
    case kTreeConnect:
      return tree_connected();
    case kNtCreate:
      return created();
    case kReadAndx:
      return read_response();
    case kWriteAndx:
      sink_.number("write_count", words_.u16le());
      return;
    case kTransaction:
    case kTransaction2:
      return transaction_response();
    case kNtTransact:
      return nt_transaction_response();
    default:
      return;
  }
}

void Reading1::tell(std::uint8_t code, const Command1* known) {
  // Those that follow the first have the same number; what they are asked is told with them.
  message_.key = key() | std::uint64_t{code} << 48U;
  message_.operation = {code, known != nullptr ? known->name : std::string_view{}};
  message_.access = known != nullptr ? known->access : Access::None;
  message_.objects = {objects_.data(), count_};
  message_.kind = response_ ? Kind::Response : Kind::Request;
  // Number 0xffff is what a server says by itself: a broken lock.
  if (multiplex_ == 0xffff || code == 0xa4) message_.kind = Kind::OneWay;
  // Versions before NT have a class and a code.
  if (response_) {
    const bool nt = (flags2_ & 0x4000U) != 0;
    message_.status =
        nt ? status_of(status_)
           : Status{(status_ & 0xffU) == 0 ? Outcome::Ok : Outcome::Failed, status_, {}};
  }
  sink_.message(message_);
  if (!pipe_data_.empty()) state_.pipes.data(pipe_file_, pipe_data_, sink_);
}

void read_smb1(base::ByteView bytes, State& state, Sink& sink) {
  Reading1(bytes, state, sink).read();
}

}  // namespace dissect::smb
