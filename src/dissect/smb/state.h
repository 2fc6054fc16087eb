#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "dissect/rpc/association.h"
#include "dissect/sink.h"

namespace dissect::smb {

// What was last said under a number; the oldest goes when there are kSize.
template <std::size_t kSize, class Value = std::string>
class Remembered {
 public:
  void put(std::uint64_t key, Value value) {
    Entry* entry = find_entry(key);
    if (entry == nullptr) {
      entry = &entries_[next_];
      next_ = (next_ + 1) % kSize;
    }
    entry->used = true;
    entry->key = key;
    entry->value = std::move(value);
  }
  // Null: not known. Good until the next put().
  const Value* find(std::uint64_t key) {
    const Entry* entry = find_entry(key);
    return entry != nullptr ? &entry->value : nullptr;
  }
  void remove(std::uint64_t key) {
    if (Entry* entry = find_entry(key)) entry->used = false;
  }

 private:
  struct Entry {
    bool used = false;
    std::uint64_t key = 0;
    Value value{};
  };
  Entry* find_entry(std::uint64_t key) {
    for (Entry& entry : entries_) {
      if (entry.used && entry.key == key) return &entry;
    }
    return nullptr;
  }

  std::array<Entry, kSize> entries_;
  std::size_t next_ = 0;
};

// Calls over named pipes: a connection for each of the last kPipes open pipes.
class Pipes {
 public:
  // Data of a pipe, from either side. What is no remote call is left alone.
  void data(std::uint64_t file, base::ByteView bytes, Sink& sink);

 private:
  static constexpr std::size_t kPipes = 8;
  struct Pipe {
    std::uint64_t file = 0;
    std::unique_ptr<rpc::Association> association;
  };
  rpc::Association& of(std::uint64_t file);

  std::array<Pipe, kPipes> pipes_;
  std::size_t next_ = 0;
  std::uint16_t opened_ = 0;
};

// What one flow remembers. Threads: one.
struct State {
  Remembered<16> shares;                  // by tree
  Remembered<64> files;                   // by file
  Remembered<64> asked;                   // names in requests, by message
  Remembered<64, std::uint64_t> readers;  // files that requests read from, by message
  Pipes pipes;
};

// "192.0.2.7" and the like name no host.
bool is_host_name(std::string_view text);
// Tells the server's name that "\\SERVER\share" has, and gives back "share".
std::string share_of(const std::string& path, Sink& sink);
// Whether a file of that share is a pipe, as far as is known.
bool may_be_pipe(const std::string* share);

}  // namespace dissect::smb
