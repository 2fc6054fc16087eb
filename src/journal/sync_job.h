#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace journal {

// Files and folders that hold something which is not known to be on the disk yet. For a worker
// thread, so that their owner need not wait for the disk.
class SyncJob {
 public:
  void add_file(std::shared_ptr<const os::Fd> file) { files_.push_back(std::move(file)); }
  void add_folder(std::string folder) { folders_.push_back(std::move(folder)); }
  bool empty() const { return files_.empty() && folders_.empty(); }

  // Makes durable all that they held when the job was made, in the order of adding; tries all of
  // them. Errors: Io, the first. Threads: any.
  base::Result<void> run() const;

 private:
  std::vector<std::shared_ptr<const os::Fd>> files_;
  std::vector<std::string> folders_;
};

}  // namespace journal
