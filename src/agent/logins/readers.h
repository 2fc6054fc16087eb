#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/logins/observation.h"
#include "agent/logins/tail.h"
#include "agent/logins/utmp.h"

// What a Tail hands over, made into observations. Threads: one.
namespace agent::logins {

// Lines of a system log. Lines of more than 8 KiB are passed over and counted.
class LineReader {
 public:
  using Callback = std::function<void(const Observation&)>;
  LineReader(std::string path, Callback callback)
      : path_(std::move(path)), callback_(std::move(callback)) {}

  std::size_t operator()(base::ByteView bytes, const TailPosition& position, base::WallTime now);
  std::uint64_t too_long() const { return too_long_; }

 private:
  void line(std::string_view text, const TailPosition& position, base::WallTime now);

  std::string path_;
  Callback callback_;
  std::optional<Observation> last_;  // for "last message repeated"
  bool skipping_ = false;            // the rest of a line that was too long
  std::uint64_t too_long_ = 0;
};

// Records of wtmp or btmp. Those that cannot be read are counted.
class UtmpReader {
 public:
  using Callback = std::function<void(const Observation&)>;
  UtmpReader(std::string path, UtmpFile file, Callback callback)
      : path_(std::move(path)), file_(file), callback_(std::move(callback)) {}

  std::size_t operator()(base::ByteView bytes, const TailPosition& position);
  std::uint64_t malformed() const { return malformed_; }

 private:
  std::string path_;
  UtmpFile file_;
  Callback callback_;
  std::optional<UtmpLayout> layout_;
  std::uint64_t malformed_ = 0;
};

}  // namespace agent::logins
