#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/files/notice.h"
#include "base/result.h"

namespace agent::files {

// Folders watched by the kernel. Threads: the loop's.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view tier() const = 0;  // "fanotify", "inotify"
  // Readable while notices wait.
  virtual int fd() const = 0;
  // Watches the folder (no link), for running what is in it too if asked; again is allowed.
  // Errors: NotFound, Unsupported (not on that file system), Full (the system's limit), Io.
  virtual base::Result<FolderId> mark(const std::string& folder, bool execute) = 0;
  // Ends that; what is on its way still comes.
  virtual void unmark(const std::string& folder, const FolderId& id) = 0;
  // Hands over what waits; the number of notices. Errors: Io, Malformed.
  virtual base::Result<std::size_t> receive(
      const std::function<void(const Notice&)>& on_notice) = 0;
};

// With the process of each event. Needs CAP_SYS_ADMIN and Linux 5.9. Errors: Denied, Unsupported,
// Io.
base::Result<std::unique_ptr<Backend>> open_fanotify();
// Without the process, and not told of running. Errors: Full, Io.
base::Result<std::unique_ptr<Backend>> open_inotify();

}  // namespace agent::files
