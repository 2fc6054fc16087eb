// Lines appended to a file, which is changed for a new one when it is large.
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/egress/target.h"
#include "os/file.h"

namespace hub::egress {

using base::Code;
using base::Result;

namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class FileTarget final : public Target {
 public:
  explicit FileTarget(const ForwardSettings& settings)
      : path_(settings.path), rotate_bytes_(settings.rotate_bytes), keep_(settings.keep_files) {}

  Result<void> open();
  Verdict deliver(const Delivery& delivery, const std::stop_token& stop) override;

 private:
  Result<void> append(std::string_view body);
  Result<void> rotate();
  Result<void> mend();
  std::string numbered(unsigned number) const { return path_ + "." + std::to_string(number); }

  std::string path_;
  std::size_t rotate_bytes_;
  unsigned keep_;
  os::Fd file_;
  std::uint64_t size_ = 0;
};

// A line that a crash cut off goes; it comes again, as it was not taken.
Result<void> FileTarget::mend() {
  constexpr std::size_t kPiece = 64 * 1024;
  base::ByteVec piece(kPiece);
  std::uint64_t end = size_;
  while (end > 0) {
    const std::uint64_t begin = end > kPiece ? end - kPiece : 0;
    const std::size_t count = TRY(os::read_at(
        file_.get(), std::span(piece).first(static_cast<std::size_t>(end - begin)), begin));
    const auto text = base::as_text(base::ByteView(piece).first(count));
    const std::size_t at = text.rfind('\n');
    if (at != std::string_view::npos) {
      end = begin + at + 1;
      break;
    }
    end = begin;
  }
  if (end == size_) return {};
  if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0) return base::fail_errno("ftruncate");
  size_ = end;
  return {};
}

Result<void> FileTarget::open() {
  TRY(os::make_dirs(folder_of(path_)));
  file_ = TRY(os::open_file(path_, O_RDWR | O_CREAT | O_APPEND, 0640));
  struct stat facts{};
  if (::fstat(file_.get(), &facts) != 0) return base::fail_errno("fstat", path_);
  if (!S_ISREG(facts.st_mode))
    return base::fail(Code::Invalid, "forward to file", -1, path_ + " is no file");
  size_ = static_cast<std::uint64_t>(facts.st_size);
  TRY(mend());
  return os::sync_dir(folder_of(path_));
}

Result<void> FileTarget::rotate() {
  if (keep_ == 0) {
    TRY(os::remove_file(path_));
  } else {
    for (unsigned number = keep_; number > 1; --number) {
      if (::rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0 && errno != ENOENT)
        return base::fail_errno("rename", numbered(number));
    }
    if (::rename(path_.c_str(), numbered(1).c_str()) != 0 && errno != ENOENT)
      return base::fail_errno("rename", path_);
  }
  file_.reset();
  return open();
}

Result<void> FileTarget::append(std::string_view body) {
  if (!file_) TRY(open());
  if (size_ > 0 && size_ + body.size() > rotate_bytes_) TRY(rotate());
  auto written = os::write_all(file_.get(), base::as_bytes(body));
  if (written) written = os::sync_data(file_.get());
  if (!written) {
    // Half a delivery must not stay: the whole comes again.
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) file_.reset();
    return written;
  }
  size_ += body.size();
  return {};
}

Verdict FileTarget::deliver(const Delivery& delivery, const std::stop_token&) {
  const auto written = append(delivery.body);
  if (written) return {};
  return {Verdict::Kind::Later, written.error().to_string()};
}

}  // namespace

Result<std::unique_ptr<Target>> make_file(const ForwardSettings& settings) {
  auto target = std::make_unique<FileTarget>(settings);
  TRY(target->open());
  return target;
}

}  // namespace hub::egress
