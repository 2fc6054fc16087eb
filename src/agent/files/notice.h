#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "schema/events.h"

namespace agent::files {

// The folder that a notice is about, in a form that only its backend makes and compares.
using FolderId = std::string;

// What the kernel says of one name in a watched folder. Views hold during the call.
struct Notice {
  std::uint64_t mask = 0;              // FAN_*; inotify's own are translated
  FolderId folder;                     // empty: not told
  std::string name;                    // empty or ".": the folder itself
  std::optional<FolderId> new_folder;  // of FAN_RENAME
  std::string new_name;
  std::uint32_t pid = 0;     // 0: not known
  std::uint32_t cookie = 0;  // inotify: joins both halves of a rename
};

// Reads what fanotify wrote, in the layout of kernel 5.17 and before. Errors: Truncated, Malformed.
// Threads: pure. Source: fanotify(7).
base::Result<void> read_fanotify(base::ByteView bytes,
                                 const std::function<void(const Notice&)>& on_notice);
// The same of inotify. Source: inotify(7).
base::Result<void> read_inotify(base::ByteView bytes,
                                const std::function<void(const Notice&)>& on_notice);

// fsid and file handle, as both stand in a fanotify event.
FolderId folder_id(std::uint64_t fsid, std::int32_t handle_type, base::ByteView handle);

}  // namespace agent::files
