#include "agent/baseline/system_host.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/file.h"

namespace agent::baseline {

using base::Code;
using base::fail;
using base::Result;

namespace {

// ENOTDIR: a name below what is no folder is not there either.
std::unexpected<base::Error> failure(const char* what, const std::string& path) {
  const int error = errno;
  Code code = Code::Io;
  if (error == ENOENT || error == ENOTDIR) code = Code::NotFound;
  if (error == EACCES || error == EPERM) code = Code::Denied;
  return std::unexpected(
      base::Error{.code = code,
                  .what = what,
                  .at = error,
                  .detail = path + ": " + std::generic_category().message(error)});
}

FileFacts facts_of(const struct stat& status) {
  FileFacts facts;
  if (S_ISREG(status.st_mode)) facts.kind = FileFacts::Kind::Regular;
  if (S_ISDIR(status.st_mode)) facts.kind = FileFacts::Kind::Folder;
  if (S_ISLNK(status.st_mode)) facts.kind = FileFacts::Kind::Link;
  if (S_ISSOCK(status.st_mode)) facts.kind = FileFacts::Kind::Socket;
  facts.mode = status.st_mode & 07777U;
  facts.uid = status.st_uid;
  facts.gid = status.st_gid;
  return facts;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

bool is_dots(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

// One walk: what stays the same from folder to folder.
struct Walk {
  const Host& host;
  const Host::WalkLimits& limits;
  const std::function<bool(const std::string&, const FileFacts&)>& visit;
  dev_t device = 0;
  std::size_t entries = 0;
  std::string denied;  // the first folder that was closed
  bool too_large = false;

  // `path` is the folder's own, without a slash at its end; it is longer only during the call.
  void go(os::Fd fd, std::string& path, int depth);
  void entry(int folder, const char* name, std::string& path, int depth);
};

void Walk::go(os::Fd fd, std::string& path, int depth) {
  const Folder folder(::fdopendir(fd.get()));
  if (!folder) return;
  static_cast<void>(fd.release());
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
  while (const dirent* found = ::readdir(folder.get())) {
    if (too_large || host.abandoned()) return;
    if (!is_dots(found->d_name)) entry(::dirfd(folder.get()), found->d_name, path, depth);
  }
}

void Walk::entry(int folder, const char* name, std::string& path, int depth) {
  if (++entries > limits.entries) {
    too_large = true;
    return;
  }
  struct stat status{};
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // gone in between
  if (status.st_dev != device) return;
  const std::size_t length = path.size();
  path += '/';
  path += name;
  const FileFacts facts = facts_of(status);
  if (visit(path, facts) && facts.kind == FileFacts::Kind::Folder) {
    if (depth >= limits.depth) {
      too_large = true;
    } else {
      os::Fd below(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below) {
        go(std::move(below), path, depth + 1);
      } else if (errno != ENOENT && denied.empty()) {
        denied = path;
      }
    }
  }
  path.resize(length);
}

}  // namespace

SystemHost::SystemHost(os::Fd root, bool whole_machine, const std::atomic<bool>* abandoned)
    : root_(std::move(root)), whole_machine_(whole_machine), abandoned_(abandoned) {}

Result<std::unique_ptr<SystemHost>> SystemHost::open(const std::string& root,
                                                     const std::atomic<bool>* abandoned) {
  os::Fd fd = TRY(os::open_file(root, O_PATH | O_DIRECTORY));
  return std::unique_ptr<SystemHost>(new SystemHost(std::move(fd), root == "/", abandoned));
}

Result<os::Fd> SystemHost::open_path(const std::string& path, int flags) const {
  // Nothing that is opened may make us wait: a FIFO, a terminal.
  const int all = flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY);
  for (;;) {
    int fd = -1;
    if (whole_machine_) {
      fd = ::open(path.c_str(), all);
    } else {
      open_how how{};
      how.flags = static_cast<__u64>(all);
      how.resolve = RESOLVE_IN_ROOT;
      fd = static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how));
    }
    if (fd >= 0) return os::Fd(fd);
    if (errno != EINTR) return failure("open", path);
  }
}

Result<std::string> SystemHost::read(const std::string& path) const {
  const os::Fd fd = TRY(open_path(path, O_RDONLY));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failure("stat", path);
  if (!S_ISREG(status.st_mode))
    return fail(Code::Unsupported, "read", -1, path + ": no plain file");
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("read", path);
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kMaxFileBytes) return fail(Code::TooLarge, "read", -1, path);
  }
}

Result<FileFacts> SystemHost::stat(const std::string& path) const {
  const os::Fd fd = TRY(open_path(path, O_PATH));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failure("stat", path);
  return facts_of(status);
}

Result<FileFacts> SystemHost::lstat(const std::string& path) const {
  const os::Fd fd = TRY(open_path(path, O_PATH | O_NOFOLLOW));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failure("lstat", path);
  return facts_of(status);
}

Result<std::vector<std::string>> SystemHost::list(const std::string& path) const {
  os::Fd fd = TRY(open_path(path, O_RDONLY | O_DIRECTORY));
  const Folder folder(::fdopendir(fd.get()));
  if (!folder) return failure("list", path);
  static_cast<void>(fd.release());
  std::vector<std::string> names;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
  while (const dirent* found = ::readdir(folder.get())) {
    if (!is_dots(found->d_name)) names.emplace_back(found->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> SystemHost::link(const std::string& path) const {
  const os::Fd fd = TRY(open_path(path, O_PATH | O_NOFOLLOW));
  char target[4096];
  const ssize_t size = ::readlinkat(fd.get(), "", target, sizeof target);
  if (size < 0) return failure("readlink", path);
  return std::string(target, static_cast<std::size_t>(size));
}

Result<void> SystemHost::walk(
    const std::string& top, const WalkLimits& limits,
    const std::function<bool(const std::string&, const FileFacts&)>& visit) const {
  os::Fd fd = TRY(open_path(top, O_RDONLY | O_DIRECTORY));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failure("stat", top);
  Walk walk{.host = *this, .limits = limits, .visit = visit, .device = status.st_dev, .denied = {}};
  std::string path = top == "/" ? "" : top;
  walk.go(std::move(fd), path, 0);
  if (abandoned()) return fail(Code::Closed, "walk", -1, "abandoned");
  if (walk.too_large) return fail(Code::TooLarge, "walk", -1, top);
  if (!walk.denied.empty()) return fail(Code::Denied, "walk", -1, walk.denied);
  return {};
}

}  // namespace agent::baseline
