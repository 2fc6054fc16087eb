#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"

namespace os {

// Errors of all functions here: Io with errno; NotFound where the file is not there; TooLarge above
// the stated limit. Threads: any.

// The whole file. Works for /proc and pipes too, whose size is not known beforehand.
base::Result<std::string> read_file(const std::string& path, std::size_t limit = 64U << 20U);

// The same for a small file that holds a secret: no copy of it is left in memory but the one that
// is returned, which the caller wipes.
base::Result<std::string> read_secret(const std::string& path, std::size_t limit);

// Replaces the file in one step: temporary file beside it, fsync, rename, fsync of the folder.
// After a crash the file has the old or the new content, never a mixture.
base::Result<void> write_file_atomic(const std::string& path, std::string_view content,
                                     mode_t mode = 0600);

// open(2) with O_CLOEXEC, retried on EINTR.
base::Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0600);

// Writes all of it at the current position (or at `offset`), through short writes and EINTR.
base::Result<void> write_all(int fd, base::ByteView bytes);
base::Result<void> write_all_at(int fd, base::ByteView bytes, std::uint64_t offset);
// Reads up to `bytes.size()` at `offset`; fewer only at the end of the file.
base::Result<std::size_t> read_at(int fd, std::span<std::uint8_t> bytes, std::uint64_t offset);

base::Result<void> sync_data(int fd);
// Makes a created, renamed or removed name in the folder durable.
base::Result<void> sync_dir(const std::string& path);

// Makes the folder and its parents, durably; an existing folder is fine.
base::Result<void> make_dirs(const std::string& path, mode_t mode = 0700);
// Names in the folder, sorted, without "." and "..".
base::Result<std::vector<std::string>> list_dir(const std::string& path);
base::Result<void> remove_file(const std::string& path);
bool file_exists(const std::string& path);

// Takes an exclusive lock on a file that it creates, and holds it while the descriptor lives. For
// state folders that one process may own. Errors: Conflict (another process holds it), Io.
base::Result<Fd> lock_file(const std::string& path);

}  // namespace os
