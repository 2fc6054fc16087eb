#include <algorithm>
#include <string>

#include "dissect/auth/auth.h"
#include "dissect/smb/smb1_reading.h"

namespace dissect::smb {

namespace {

constexpr int kMaxDialects = 32;
// Of a server's capabilities.
constexpr std::uint32_t kUnicode = 0x00000004;

}  // namespace

void Reading1::negotiate_request() {
  for (int i = 0; i < kMaxDialects && data_ && !data_.done(); ++i) {
    if (data_.u8() != 2) break;
    const std::string dialect = ascii();
    sink_.text("dialect", dialect);
    // What it can at most; those after it are of versions 2 and 3.
    if (dialect.starts_with("SMB 2")) message_.sub_operation = {2, "with SMB 2"};
  }
}

void Reading1::negotiate_response() {
  const std::uint16_t index = words_.u16le();
  sink_.number("dialect_index", index);
  if (word_count_ < 17) return;
  sink_.number("security_mode", words_.u8());
  sink_.number("max_multiplex", words_.u16le());
  sink_.number("max_circuits", words_.u16le());
  sink_.number("max_buffer", words_.u32le());
  sink_.number("max_raw", words_.u32le());
  sink_.number("session_key", words_.u32le());
  const std::uint32_t capabilities = words_.u32le();
  sink_.number("capabilities", capabilities);
  words_.skip(10);
  const std::uint8_t key = words_.u8();
  message_.sub_operation = {index, "NT LM 0.12"};
  if ((capabilities & 0x80000000U) != 0) {
    sink_.bytes("server_guid", data_.bytes(16));
    auth::read_token(data_.rest(), sink_);
    return;
  }
  data_.skip(key);
  // Without padding (MS-CIFS 2.2.4.52.2); the flags of the answer are still the client's, and what
  // the server is capable of decides.
  unicode_ = (capabilities & kUnicode) != 0;
  const std::string domain = text(Aligned::No);
  const std::string server = text(Aligned::No);
  tell_text("primary_domain", domain);
  tell_text("server", server);
  sink_.tell(Fact::Domain, domain, Confidence::Neighbor);
  sink_.tell(Fact::Hostname, server, Confidence::Neighbor);
}

void Reading1::system(const std::string& os, const std::string& manager) {
  tell_text("native_os", os);
  tell_text("native_manager", manager);
  sink_.tell(Fact::Os, os, Confidence::Banner);
  sink_.tell(Fact::Software, manager, Confidence::Banner);
}

// What some systems say behind a login with a token, though MS-SMB 2.2.4.6 ends before it: as
// those without do.
std::string Reading1::domain_behind() {
  if (data_.done()) return {};
  std::string domain = text();
  tell_text("primary_domain", domain);
  return domain;
}

void Reading1::session_setup_request() {
  sink_.number("max_buffer", words_.u16le());
  sink_.number("max_multiplex", words_.u16le());
  sink_.number("circuit", words_.u16le());
  sink_.number("session_key", words_.u32le());
  const std::uint16_t first = words_.u16le();
  if (word_count_ == 12) {
    words_.skip(4);
    sink_.number("capabilities", words_.u32le());
    const auth::Token token = auth::read_token(data_.bytes(first), sink_);
    message_.sub_operation = {
        static_cast<std::uint32_t>(token.step),
        token.anonymous ? std::string_view("anonymous") : auth::mechanism_name(token.mechanism)};
    name_ = token.user.empty() ? token.service : token.user;
    other_ = token.host;
    if (!name_.empty()) objects_[count_++] = {token.user.empty() ? "service" : "user", name_, 0, 0};
    if (!other_.empty()) objects_[count_++] = {"workstation", other_, 0, 0};
    const std::string os = text();
    system(os, text());
    domain_behind();
    return;
  }
  // Passwords are passed by.
  const std::uint16_t second = word_count_ >= 13 ? words_.u16le() : std::uint16_t{0};
  words_.skip(4);
  if (word_count_ >= 13) sink_.number("capabilities", words_.u32le());
  data_.skip(std::min<std::size_t>(std::size_t{first} + second, data_.remaining()));
  const std::string account = text();
  const std::string domain = text();
  const std::string os = text();
  tell_text("account", account);
  tell_text("primary_domain", domain);
  system(os, text());
  message_.sub_operation = {0, account.empty() ? "anonymous" : "password"};
  name_ = domain.empty() || account.empty() ? account : domain + '\\' + account;
  if (!name_.empty()) objects_[count_++] = {"user", name_, 0, 0};
  sink_.tell(Fact::User, name_, Confidence::Banner);
}

void Reading1::session_setup_response() {
  const std::uint16_t action = words_.u16le();
  sink_.number("setup_action", action);
  if (word_count_ == 4) {
    const std::uint16_t length = words_.u16le();
    auth::read_token(data_.bytes(length), sink_);
  }
  if ((action & 1U) != 0) message_.sub_operation = {action, "guest"};
  const std::string os = text();
  system(os, text());
  sink_.tell(Fact::Domain, domain_behind(), Confidence::Banner);
}

void Reading1::tree_connect() {
  sink_.number("connect_flags", words_.u16le());
  data_.skip(words_.u16le());
  const std::string path = text();
  const std::string service = ascii();
  tell_text("path", path);
  tell_text("service", service);
  name_ = share_of(path, sink_);
  state_.asked.put(key(), name_);
  objects_[count_++] = {"share", name_, 0, 0};
}

void Reading1::tree_connected() {
  tell_text("service", ascii());
  if (!data_.done()) tell_text("native_file_system", text());
  if (const std::string* asked = state_.asked.find(key())) {
    state_.shares.put(tree_, *asked);
    state_.asked.remove(key());
  }
}

void Reading1::create() {
  words_.skip(3);
  sink_.number("create_flags", words_.u32le());
  words_.skip(4);
  sink_.number("access_mask", words_.u32le());
  words_.skip(8);
  sink_.number("file_attributes", words_.u32le());
  sink_.number("share_access", words_.u32le());
  sink_.number("disposition", words_.u32le());
  sink_.number("create_options", words_.u32le());
  name_ = text();
  tell_text("file_name", name_);
  state_.asked.put(key(), name_);
  objects_[count_++] = {"file", name_, 0, 0};
}

void Reading1::created() {
  words_.skip(1);
  const std::uint16_t file = words_.u16le();
  sink_.number("file_id", file);
  sink_.number("create_action", words_.u32le());
  const std::string* asked = state_.asked.find(key());
  if (!words_ || asked == nullptr) return;
  state_.files.put(file, *asked);
  state_.asked.remove(key());
}

void Reading1::read_request() {
  const std::uint16_t file = words_.u16le();
  std::uint64_t offset = words_.u32le();
  const std::uint16_t count = words_.u16le();
  words_.skip(8);
  if (word_count_ == 12) offset |= std::uint64_t{words_.u32le()} << 32U;
  sink_.number("file_id", file);
  sink_.number("offset", offset);
  if (pipe()) state_.readers.put(key(), file);
  about_file(file, offset, count);
}

void Reading1::read_response() {
  words_.skip(6);
  const std::uint32_t length = words_.u16le();
  const std::uint16_t offset = words_.u16le();
  const std::uint32_t whole = length | std::uint32_t{words_.u16le()} << 16U;
  sink_.number("data_length", length);
  sink_.number("data_offset", offset);
  message_.bytes = whole;
  const std::uint64_t* asked = state_.readers.find(key());
  if (!words_ || asked == nullptr) return;
  pipe_file_ = *asked;
  pipe_data_ = at(offset, whole);
  state_.readers.remove(key());
}

void Reading1::write_request() {
  const std::uint16_t file = words_.u16le();
  std::uint64_t offset = words_.u32le();
  words_.skip(8);
  const std::uint32_t high = words_.u16le();
  const std::uint32_t low = words_.u16le();
  const std::uint16_t data = words_.u16le();
  if (word_count_ == 14) offset |= std::uint64_t{words_.u32le()} << 32U;
  sink_.number("file_id", file);
  sink_.number("offset", offset);
  sink_.number("data_length", low);
  sink_.number("data_offset", data);
  message_.bytes = high << 16U | low;
  about_file(file, offset, message_.bytes);
  if (!pipe()) return;
  pipe_file_ = file;
  pipe_data_ = at(data, message_.bytes);
}

void Reading1::transaction(std::uint8_t code) {
  const std::uint16_t parameters = words_.u16le();
  const std::uint16_t total = words_.u16le();
  words_.skip(6);
  sink_.number("transaction_flags", words_.u16le());
  words_.skip(6);
  sink_.number("parameter_count", words_.u16le());
  sink_.number("parameter_offset", words_.u16le());
  const std::uint16_t count = words_.u16le();
  const std::uint16_t offset = words_.u16le();
  const std::uint8_t setups = words_.u8();
  words_.skip(1);
  sink_.number("total_parameters", parameters);
  sink_.number("total_data", total);
  sink_.number("data_count", count);
  sink_.number("setup_count", setups);
  message_.bytes = total;
  const std::uint16_t function = setups > 0 ? words_.u16le() : std::uint16_t{0xffff};
  if (code == kTransaction2) {
    sink_.number("subcommand", function);
    message_.sub_operation = {function, transaction2_name(function)};
    // No implementation ever had it; an implant answers to it.
    if (function == kSetup2)
      sink_.issue({Issue::Kind::Violation, "transaction of a reserved kind", function, 0});
    return;
  }
  name_ = text();
  tell_text("transaction_name", name_);
  if (setups > 0) {
    sink_.number("function", function);
    message_.sub_operation = {function, pipe_function_name(function)};
  }
  if (function == kTransceive && setups > 1) {
    const std::uint16_t file = words_.u16le();
    sink_.number("file_id", file);
    state_.readers.put(key(), file);
    pipe_file_ = file;
    pipe_data_ = at(offset, count);
    if (const std::string* opened = state_.files.find(file)) name_ = *opened;
  }
  if (!name_.empty()) objects_[count_++] = {"pipe", name_, 0, 0};
}

void Reading1::transaction_response() {
  sink_.number("total_parameters", words_.u16le());
  sink_.number("total_data", words_.u16le());
  words_.skip(2);
  sink_.number("parameter_count", words_.u16le());
  sink_.number("parameter_offset", words_.u16le());
  words_.skip(2);
  const std::uint16_t count = words_.u16le();
  const std::uint16_t offset = words_.u16le();
  words_.skip(2);
  sink_.number("data_count", count);
  sink_.number("setup_count", words_.u8());
  message_.bytes = count;
  const std::uint64_t* asked = state_.readers.find(key());
  if (!words_ || asked == nullptr) return;
  pipe_file_ = *asked;
  pipe_data_ = at(offset, count);
  state_.readers.remove(key());
}

void Reading1::nt_transaction() {
  words_.skip(3);
  sink_.number("total_parameters", words_.u32le());
  const std::uint32_t total = words_.u32le();
  words_.skip(16);
  sink_.number("data_count", words_.u32le());
  words_.skip(4);
  sink_.number("setup_count", words_.u8());
  const std::uint16_t function = words_.u16le();
  sink_.number("total_data", total);
  sink_.number("nt_function", function);
  message_.bytes = total;
  message_.sub_operation = {function, nt_function_name(function)};
}

// MS-CIFS 2.2.4.62.2.
void Reading1::nt_transaction_response() {
  words_.skip(3);
  sink_.number("total_parameters", words_.u32le());
  sink_.number("total_data", words_.u32le());
  words_.skip(12);
  const std::uint32_t count = words_.u32le();
  words_.skip(8);
  sink_.number("data_count", count);
  sink_.number("setup_count", words_.u8());
  message_.bytes = count;
}

void Reading1::named_file(std::uint8_t code) {
  data_.skip(1);  // says that a text follows
  name_ = text();
  tell_text("file_name", name_);
  objects_[count_++] = {"file", name_, 0, 0};
  if (code != kRename || data_.done()) return;
  data_.skip(1);
  other_ = text();
  tell_text("file_name", other_);
  objects_[count_++] = {"new name", other_, 0, 0};
}

}  // namespace dissect::smb
