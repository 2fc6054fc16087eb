#include "agent/logins/tail.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"

namespace agent::logins {

using namespace std::chrono_literals;

namespace {

constexpr auto kLook = 5s;
constexpr std::size_t kReadAtOnce = 16;  // chunks, before others have their turn

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Tail::Tail(os::Loop& loop, Options options) : loop_(loop), options_(std::move(options)) {
  inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (inotify_) {
    watch_folder();
    const auto watched = loop_.watch(inotify_.get(), os::Loop::kReadable, [this](std::uint32_t) {
      std::array<char, 4096> events{};
      while (::read(inotify_.get(), events.data(), events.size()) > 0) {
      }
      read();
    });
    if (!watched) inotify_.reset();
  }
  timer_ = loop_.every(kLook, [this] { read(); });
  start();
}

Tail::~Tail() {
  if (timer_ != 0) loop_.cancel(timer_);
  if (inotify_) loop_.unwatch(inotify_.get());
}

void Tail::watch_folder() {
  if (inotify_)
    ::inotify_add_watch(inotify_.get(), folder_of(options_.path).c_str(), IN_CREATE | IN_MOVED_TO);
}

void Tail::watch_file() {
  if (!inotify_) return;
  if (file_watch_ >= 0) ::inotify_rm_watch(inotify_.get(), file_watch_);
  file_watch_ = ::inotify_add_watch(inotify_.get(), options_.path.c_str(),
                                    IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB);
}

void Tail::start() {
  if (!options_.resume) {
    open_file(Begin::AtEnd);
    return;
  }
  const TailPosition wanted = *options_.resume;
  if (open_file(Begin::AtStart) && at_.inode == wanted.inode && at_.device == wanted.device) {
    struct stat info{};
    if (::fstat(file_.get(), &info) == 0 &&
        static_cast<std::uint64_t>(info.st_size) >= wanted.offset)
      at_.offset = wanted.offset;
    else
      ++gaps_;  // it was truncated and has begun anew
  } else if (!open_rotated(wanted)) {
    ++gaps_;
  }
  // Not from within the constructor.
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) read();
  });
}

bool Tail::open_file(Begin begin) {
  auto file = os::open_file(options_.path, O_RDONLY | O_NONBLOCK);
  struct stat info{};
  if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  file_ = std::move(*file);
  pending_.clear();
  at_ = {info.st_dev, info.st_ino,
         begin == Begin::AtEnd ? static_cast<std::uint64_t>(info.st_size) : 0};
  watch_file();
  return true;
}

bool Tail::open_rotated(const TailPosition& position) {
  for (const char* suffix : {".1", ".0", ".old"}) {
    auto file = os::open_file(options_.path + suffix, O_RDONLY | O_NONBLOCK);
    struct stat info{};
    if (!file || ::fstat(file->get(), &info) != 0) continue;
    if (info.st_ino != position.inode || info.st_dev != position.device ||
        static_cast<std::uint64_t>(info.st_size) < position.offset)
      continue;
    file_ = std::move(*file);
    pending_.clear();
    at_ = position;
    return true;
  }
  return false;
}

bool Tail::rotated() const {
  struct stat info{};
  if (::stat(options_.path.c_str(), &info) != 0) return false;  // the new one is not there yet
  return info.st_ino != at_.inode || info.st_dev != at_.device;
}

void Tail::read() {
  if (!file_ && !open_file(Begin::AtStart)) return;
  if (!read_open()) return;
  // A second look after the name was found to be another file's: whoever wrote the last line into
  // the old one had it open before.
  for (int turn = 0; turn < 4 && rotated(); ++turn) {
    if (!read_open()) return;
    if (!open_file(Begin::AtStart)) return;
    if (!read_open()) return;
  }
}

// false: there is more; read() will be called again.
bool Tail::read_open() {
  struct stat info{};
  const std::uint64_t end = at_.offset + pending_.size();
  if (::fstat(file_.get(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) < end) {
    at_.offset = 0;
    pending_.clear();
  }
  for (std::size_t i = 0;; ++i) {
    const std::size_t before = pending_.size();
    pending_.resize(kMaxChunk);
    const auto count =
        os::read_at(file_.get(), std::span(pending_).subspan(before), at_.offset + before);
    pending_.resize(before + (count ? *count : 0));
    if (!count) {
      LOG_WARNING("logins.read_failed")
          .field("path", options_.path)
          .field("error", count.error().to_string());
      return true;
    }
    if (*count == 0) return true;
    const std::size_t done = options_.on_bytes(pending_, at_);
    ASSERT(done <= pending_.size() && (done > 0 || pending_.size() < kMaxChunk));
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
    at_.offset += done;
    if (i + 1 == kReadAtOnce) {
      loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) read();
      });
      return false;
    }
  }
}

std::optional<TailPosition> Tail::position() const {
  if (!file_) return std::nullopt;
  return at_;
}

}  // namespace agent::logins
