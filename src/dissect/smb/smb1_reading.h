#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"
#include "dissect/smb/smb1_names.h"
#include "dissect/smb/state.h"
#include "dissect/text.h"

namespace dissect::smb {

inline constexpr std::size_t kHeader1 = 32;

// A message of version 1 being read: its header, then each command of the chain.
class Reading1 {
 public:
  Reading1(base::ByteView whole, State& state, Sink& sink)
      : whole_(whole), state_(state), sink_(sink) {}

  void read();

 private:
  bool header();
  // One command of the chain; where the next begins, or 0.
  std::size_t command(std::uint8_t code, std::size_t offset);
  void request(std::uint8_t code);
  void response(std::uint8_t code);
  void tell(std::uint8_t code, const Command1* known);

  void negotiate_request();
  void negotiate_response();
  void session_setup_request();
  void session_setup_response();
  void tree_connect();
  void tree_connected();
  void create();
  void created();
  void read_request();
  void read_response();
  void write_request();
  void transaction(std::uint8_t code);
  void transaction_response();
  void nt_transaction();
  void nt_transaction_response();
  void named_file(std::uint8_t code);

  bool unicode() const { return unicode_ || (flags2_ & 0x8000U) != 0; }
  // The next string of the data, which is aligned when it is Unicode.
  enum class Aligned : std::uint8_t { No, Yes };
  std::string text(Aligned aligned = Aligned::Yes) {
    if (!unicode()) return printable(data_.text_z());
    if (aligned == Aligned::Yes && (data_start_ + data_.offset()) % 2 != 0 && !data_.done())
      data_.skip(1);
    const base::ByteView rest = data_.rest();
    std::size_t size = 0;
    while (size + 1 < rest.size() && (rest[size] != 0 || rest[size + 1] != 0))
      size += 2;
    const base::ByteView value = data_.bytes(std::min(size, rest.size()));
    data_.skip(std::min<std::size_t>(2, data_.remaining()));
    return printable_utf16le(value);
  }
  std::string ascii() { return printable(data_.text_z()); }
  void tell_text(std::string_view name, std::string_view value) {
    if (!value.empty()) sink_.text(name, value);
  }
  void about_file(std::uint16_t file, std::uint64_t offset = 0, std::uint32_t count = 0) {
    if (const std::string* name = state_.files.find(file)) name_ = *name;
    if (!name_.empty() || count > 0) objects_[count_++] = {"file", name_, offset, count};
  }
  base::ByteView at(std::size_t offset, std::size_t length) const {
    if (offset < kHeader1 || offset > whole_.size()) return {};
    return whole_.subspan(offset, std::min(length, whole_.size() - offset));
  }
  std::uint64_t key() const {
    return std::uint64_t{1} << 61U | std::uint64_t{process_high_} << 32U |
           std::uint64_t{process_} << 16U | multiplex_;
  }
  bool pipe() { return may_be_pipe(state_.shares.find(tree_)); }
  void system(const std::string& os, const std::string& manager);
  std::string domain_behind();

  base::ByteView whole_;
  State& state_;
  Sink& sink_;
  std::uint8_t first_ = 0;
  std::uint32_t status_ = 0;
  bool response_ = false;
  std::uint16_t flags2_ = 0;
  bool unicode_ = false;  // of the command at hand, whatever the flags say
  std::uint16_t process_high_ = 0;
  std::uint16_t tree_ = 0;
  std::uint16_t process_ = 0;
  std::uint16_t multiplex_ = 0;
  // Of the command at hand.
  Reader words_;
  std::size_t word_count_ = 0;
  Reader data_;
  std::size_t data_start_ = 0;
  Message message_;
  std::array<Object, 3> objects_;
  std::size_t count_ = 0;
  std::string name_;
  std::string other_;
  base::ByteView pipe_data_;
  std::uint64_t pipe_file_ = 0;
};

}  // namespace dissect::smb
