#pragma once

#include <string>
#include <utility>
#include <vector>

#include "os/fd.h"
#include "sensor/capture/source.h"
#include "sensor/packet/capture_file.h"

namespace sensor::capture {

// Capture files one after the other, as if they were one: packets are numbered through. "-" is
// standard input. A file that cannot be read, or is damaged, is said in problems(), and the next
// one follows. Threads: one.
class Files final : public PacketSource {
 public:
  explicit Files(std::vector<std::string> paths);
  ~Files() override;

  base::Result<Next> next(packet::RawPacket& packet) override;
  std::uint64_t lost() override { return lost_; }

  // "name: what", a line for each file that could not be read to its end.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  bool open_next();
  void close(const char* problem);
  // Whether there are `size` bytes now.
  bool fill(std::size_t size);
  void pass(std::size_t size);

  std::vector<std::string> paths_;
  std::size_t at_ = 0;  // of the next file
  os::Fd file_;
  packet::CaptureFile format_;
  base::ByteVec buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t skip_ = 0;  // bytes to pass by before the next step
  bool ended_ = false;    // the file has no more bytes
  std::uint64_t number_ = 0;
  std::uint64_t lost_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace sensor::capture
