#include "os/file.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

namespace os {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  for (;;) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (fd) return fd;
    if (errno == EINTR) continue;
    if (errno == ENOENT) return fail(Code::NotFound, "open", -1, path);
    return fail_errno("open", path);
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read", path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > limit) return fail(Code::TooLarge, "read", -1, path);
  }
}

Result<std::string> read_secret(const std::string& path, std::size_t limit) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  // Large enough from the start: growing would leave copies behind.
  std::string content(limit + 1, '\0');
  std::size_t size = 0;
  const auto give_up = [&] {
    base::wipe({reinterpret_cast<std::uint8_t*>(content.data()), content.size()});
  };
  while (size < content.size()) {
    const ssize_t count = ::read(fd.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      auto error = fail_errno("read", path);
      give_up();
      return error;
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > limit) {
    give_up();
    return fail(Code::TooLarge, "read", -1, path);
  }
  content.resize(size);
  return content;
}

Result<void> write_all(int fd, base::ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> write_all_at(int fd, base::ByteView bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("pwrite");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::span<std::uint8_t> bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("pread");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> sync_data(int fd) {
  if (::fdatasync(fd) != 0) return fail_errno("fdatasync");
  return {};
}

Result<void> sync_dir(const std::string& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return fail_errno("fsync", path);
  return {};
}

Result<void> write_file_atomic(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".tmp";
  auto replaced = [&]() -> Result<void> {
    const Fd fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
    TRY(write_all(fd.get(), base::as_bytes(content)));
    if (::fsync(fd.get()) != 0) return fail_errno("fsync", temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename", path);
    return {};
  }();
  if (!replaced) {
    ::unlink(temporary.c_str());  // on a full disk, half a file is in the way
    return replaced;
  }
  return sync_dir(parent_of(path));
}

Result<void> make_dirs(const std::string& path, mode_t mode) {
  const auto made = [&] {
    if (::mkdir(path.c_str(), mode) != 0) return false;
    // What is made durable in the folder must not vanish with it. A parent that may not be read
    // cannot be synced either.
    [[maybe_unused]] const auto synced = sync_dir(parent_of(path));
    return true;
  };
  if (made()) return {};
  if (errno == ENOENT && parent_of(path) != path) {
    TRY(make_dirs(parent_of(path), mode));
    if (made()) return {};
  }
  if (errno != EEXIST) return fail_errno("mkdir", path);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail_errno("stat", path);
  if (!S_ISDIR(status.st_mode)) return fail(Code::Exists, "mkdir", -1, path + " is not a folder");
  return {};
}

Result<std::vector<std::string>> list_dir(const std::string& path) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::opendir(path.c_str()));
  if (!dir) {
    if (errno == ENOENT) return fail(Code::NotFound, "opendir", -1, path);
    return fail_errno("opendir", path);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    // The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe)
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return fail_errno("readdir", path);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return fail(Code::NotFound, "unlink", -1, path);
    return fail_errno("unlink", path);
  }
  return {};
}

bool file_exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

Result<Fd> lock_file(const std::string& path) {
  Fd fd = TRY(open_file(path, O_RDWR | O_CREAT));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Code::Conflict, "lock", -1, path + " is held by another process");
    return fail_errno("flock", path);
  }
  return fd;
}

}  // namespace os
