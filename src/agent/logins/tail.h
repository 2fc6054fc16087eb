#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "os/fd.h"
#include "os/loop.h"

namespace agent::logins {

// Where a reader of a growing file is.
struct TailPosition {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  bool operator==(const TailPosition&) const = default;
};

// Follows a file that grows, over rotations: by renaming (the rest of the old file is read first,
// also when that happened while nobody watched and it still lies beside the new one) and by
// copying and truncating. Told by inotify, with a look every five seconds where that does not
// reach. Threads: the loop's.
class Tail {
 public:
  struct Options {
    std::string path;
    // Where an earlier run was; nullopt: begin with what is written from now on.
    std::optional<TailPosition> resume;
    // Takes bytes and says how many are dealt with; the others come again with what follows them.
    // The position is that of the first byte. When it is given kMaxChunk bytes it
    // must take some.
    std::function<std::size_t(base::ByteView, const TailPosition&)> on_bytes;
  };
  static constexpr std::size_t kMaxChunk = 64U << 10U;

  Tail(os::Loop& loop, Options options);
  ~Tail();
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  // Reads what is there now, without waiting.
  void read();
  // Of the next byte that was not dealt with; nullopt: there was no file yet.
  std::optional<TailPosition> position() const;
  bool is_open() const { return static_cast<bool>(file_); }
  // Times that bytes are known to have been missed: a file that shrank or was gone.
  std::uint64_t gaps() const { return gaps_; }

 private:
  enum class Begin : std::uint8_t { AtStart, AtEnd };

  void start();
  bool open_file(Begin begin);
  // The file of that inode, if it still lies beside the present one.
  bool open_rotated(const TailPosition& position);
  bool read_open();
  bool rotated() const;
  void watch_folder();
  void watch_file();

  os::Loop& loop_;
  Options options_;
  os::Fd inotify_;
  int file_watch_ = -1;
  os::Fd file_;
  TailPosition at_;  // of pending_'s first byte
  base::ByteVec pending_;
  os::TimerId timer_ = 0;
  std::uint64_t gaps_ = 0;
  // Gone with this, for what was posted to the loop.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace agent::logins
