#include "journal/sync_job.h"

#include "os/file.h"

namespace journal {

base::Result<void> SyncJob::run() const {
  base::Result<void> result;
  for (const auto& file : files_) {
    if (auto synced = os::sync_data(file->get()); !synced && result) result = std::move(synced);
  }
  for (const auto& folder : folders_) {
    if (auto synced = os::sync_dir(folder); !synced && result) result = std::move(synced);
  }
  return result;
}

}  // namespace journal
