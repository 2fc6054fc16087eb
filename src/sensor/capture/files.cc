#include "sensor/capture/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/result.h"

namespace sensor::capture {

namespace {

constexpr std::size_t kBuffer = 1U << 20U;
static_assert(kBuffer >= packet::CaptureFile::kMaxNeed);

}  // namespace

Files::Files(std::vector<std::string> paths) : paths_(std::move(paths)), buffer_(kBuffer) {}

Files::~Files() = default;

bool Files::open_next() {
  while (at_ < paths_.size()) {
    const std::string& path = paths_[at_++];
    file_ = path == "-" ? os::Fd(::dup(STDIN_FILENO))
                        : os::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) {
      problems_.push_back(path + ": " + base::fail_errno("cannot be opened").error().to_string());
      continue;
    }
    format_ = {};
    begin_ = end_ = skip_ = 0;
    ended_ = false;
    return true;
  }
  return false;
}

void Files::close(const char* problem) {
  if (problem != nullptr) problems_.push_back(paths_[at_ - 1] + ": " + problem);
  lost_ += format_.lost();
  file_ = {};
}

bool Files::fill(std::size_t size) {
  while (end_ - begin_ < size && !ended_) {
    if (buffer_.size() - begin_ < size || begin_ == end_) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const ssize_t got = ::read(file_.get(), buffer_.data() + end_, buffer_.size() - end_);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
      break;
    }
    end_ += static_cast<std::size_t>(got);
  }
  return end_ - begin_ >= size;
}

void Files::pass(std::size_t size) {
  skip_ = size;
  while (skip_ > 0 && fill(1)) {
    const std::size_t passed = std::min(skip_, end_ - begin_);
    begin_ += passed;
    skip_ -= passed;
  }
}

base::Result<PacketSource::Next> Files::next(packet::RawPacket& packet) {
  using Kind = packet::CaptureFile::Step::Kind;
  for (;;) {
    if (!file_ && !open_next()) return Next::End;
    if (!fill(1)) {
      close(nullptr);
      continue;
    }
    const base::ByteView bytes = base::ByteView(buffer_).subspan(begin_, end_ - begin_);
    const packet::CaptureFile::Step step = format_.step(bytes);
    switch (step.kind) {
      case Kind::Packet:
        begin_ += step.size;
        packet = step.packet;
        packet.number = ++number_;
        return Next::Packet;
      case Kind::Other:
        pass(step.size);
        if (skip_ > 0) close("ends in the middle of a block");
        break;
      case Kind::Need:
        if (!fill(step.size)) close("ends in the middle of a packet");
        break;
      case Kind::Bad:
        close(step.what);
        break;
    }
  }
}

}  // namespace sensor::capture
