#include "agent/files/backend.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include <fcntl.h>
#include <linux/fanotify.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

namespace agent::files {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kBufferBytes = 32U << 10U;
// Reads in one turn of the loop.
constexpr int kTurn = 64;

std::unexpected<base::Error> mark_error(const std::string& folder) {
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
      return fail(Code::NotFound, "watch folder", errno, folder);
    case ENODEV:
    case EOPNOTSUPP:
    case EXDEV:
    case EINVAL:
      return fail(Code::Unsupported, "watch folder", errno, folder + ": not on this file system");
    case ENOSPC:
    case ENOMEM:
      return fail(Code::Full, "watch folder", errno, "the system's limit of watches is reached");
    default:
      return base::fail_errno("watch folder", folder);
  }
}

Result<std::size_t> read_all(int fd, const std::function<Result<void>(base::ByteView)>& take) {
  alignas(8) std::array<std::uint8_t, kBufferBytes> buffer;
  std::size_t reads = 0;
  for (; reads < kTurn; ++reads) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size < 0) return base::fail_errno("read notices");
    if (size == 0) break;
    TRY(take(base::ByteView(buffer).first(static_cast<std::size_t>(size))));
  }
  return reads;
}

class Fanotify final : public Backend {
 public:
  explicit Fanotify(os::Fd fd) : fd_(std::move(fd)) {}

  std::string_view tier() const override { return "fanotify"; }
  int fd() const override { return fd_.get(); }

  Result<FolderId> mark(const std::string& folder, bool execute) override {
    const os::Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return mark_error(folder);
    FolderId id = TRY(id_of(opened.get(), folder));
    const std::uint64_t wanted = kMask | (execute ? FAN_OPEN_EXEC : 0);
    if (renames_ && change(opened.get(), FAN_MARK_ADD, wanted | FAN_RENAME)) return id;
    // Before Linux 5.17 both halves come by themselves.
    if (renames_ && errno != EINVAL) return mark_error(folder);
    if (!change(opened.get(), FAN_MARK_ADD, wanted | FAN_MOVE)) return mark_error(folder);
    renames_ = false;
    return id;
  }

  void unmark(const std::string& folder, const FolderId& id) override {
    const os::Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return;
    const auto now = id_of(opened.get(), folder);
    if (!now || *now != id) return;  // another folder by now
    change(opened.get(), FAN_MARK_REMOVE,
           kMask | FAN_OPEN_EXEC | (renames_ ? FAN_RENAME : FAN_MOVE));
  }

  Result<std::size_t> receive(const std::function<void(const Notice&)>& on_notice) override {
    return read_all(fd_.get(),
                    [&](base::ByteView bytes) { return read_fanotify(bytes, on_notice); });
  }

 private:
  static constexpr std::uint64_t kMask = FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_ATTRIB |
                                         FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR |
                                         FAN_EVENT_ON_CHILD;

  bool change(int folder, unsigned int flags, std::uint64_t mask) const {
    return ::fanotify_mark(fd_.get(), flags, mask, folder, nullptr) == 0;
  }

  static Result<FolderId> id_of(int folder, const std::string& path) {
    alignas(file_handle) std::array<std::byte, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
    auto* const handle = new (room.data()) file_handle{};
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    struct statfs status{};
    if (::name_to_handle_at(folder, "", handle, &mount, AT_EMPTY_PATH) != 0 ||
        ::fstatfs(folder, &status) != 0)
      return mark_error(path);
    std::uint64_t fsid = 0;
    static_assert(sizeof status.f_fsid == sizeof fsid);
    __builtin_memcpy(&fsid, &status.f_fsid, sizeof fsid);
    return folder_id(fsid, handle->handle_type, {handle->f_handle, handle->handle_bytes});
  }

  os::Fd fd_;
  bool renames_ = true;
};

class Inotify final : public Backend {
 public:
  explicit Inotify(os::Fd fd) : fd_(std::move(fd)) {}

  std::string_view tier() const override { return "inotify"; }
  int fd() const override { return fd_.get(); }

  Result<FolderId> mark(const std::string& folder, bool) override {
    const int watch =
        ::inotify_add_watch(fd_.get(), folder.c_str(),
                            IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (watch < 0) return mark_error(folder);
    return std::to_string(watch);
  }
  void unmark(const std::string&, const FolderId& id) override {
    ::inotify_rm_watch(fd_.get(), std::stoi(id));
  }
  Result<std::size_t> receive(const std::function<void(const Notice&)>& on_notice) override {
    return read_all(fd_.get(),
                    [&](base::ByteView bytes) { return read_inotify(bytes, on_notice); });
  }

 private:
  os::Fd fd_;
};

}  // namespace

Result<std::unique_ptr<Backend>> open_fanotify() {
  os::Fd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME,
                            O_RDONLY));
  if (fd) return std::make_unique<Fanotify>(std::move(fd));
  if (errno == EPERM) return fail(Code::Denied, "fanotify", errno, "needs CAP_SYS_ADMIN");
  if (errno == ENOSYS || errno == EINVAL)
    return fail(Code::Unsupported, "fanotify", errno, "needs Linux 5.9");
  return base::fail_errno("fanotify");
}

Result<std::unique_ptr<Backend>> open_inotify() {
  os::Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd) return std::make_unique<Inotify>(std::move(fd));
  return base::fail_errno("inotify");
}

}  // namespace agent::files
