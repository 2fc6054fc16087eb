#pragma once

// Private to the module: what Uploads and its Incoming share.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hub/uploads/uploads.h"
#include "store/sqlite.h"

namespace hub::uploads {

struct Uploads::State {
  State(Options given, operations::Operations& destination, store::Sqlite opened)
      : options(std::move(given)), operations(destination), database(std::move(opened)) {}

  const Options options;
  operations::Operations& operations;
  Counters counters;
  base::ByteVec secret;  // signs links

  mutable std::mutex mutex;  // guards the database and the sizes
  mutable store::Sqlite database;
  std::map<std::string, std::uint64_t, std::less<>> sizes;  // on disk, by upload
  std::uint64_t total = 0;                                  // their sum

  std::mutex commits;  // one content is put together at a time
  std::vector<std::function<void()>> listeners;
  std::atomic<std::uint64_t> last_part{0};

  std::string folder_of(std::string_view id) const {
    return options.folder + "/" + std::string(id);
  }
  std::string content_of(std::string_view id) const { return folder_of(id) + "/content"; }

  // With the mutex held.
  base::Result<void> open_tables();
  base::Result<void> insert(const Upload& upload);
  base::Result<Upload> find(std::string_view id) const;
  base::Result<std::vector<Upload>> of_device(std::string_view device_id, std::size_t limit) const;
  base::Result<std::vector<Upload>> overdue(base::WallTime now) const;
  base::Result<void> set_content(const Upload& upload);
  base::Result<std::uint64_t> count_open(std::string_view device_id) const;
  base::Result<void> close(const Upload& upload);
  base::Result<void> erase(std::string_view id);
  base::Result<std::optional<Notification>> lock_notification();
  base::Result<void> unlock_notification(std::string_view token, bool done);
  base::Result<std::uint64_t> drop_notifications(base::WallTime before);

  // Without it.
  base::Result<void> scan_folder();
  // Errors: TooLarge, Full.
  base::Result<void> reserve(std::string_view id, std::uint64_t bytes);
  void give_back(std::string_view id, std::uint64_t bytes);
  // For what is there already.
  void add_unchecked(std::string_view id, std::uint64_t bytes);
  base::Result<void> check_link(const BlobRequest& request) const;
  void remove_files(std::string_view id);
  std::string sign(std::string_view blob, std::string_view id, std::string_view expiry) const;
  void record(operations::Record record, const char* operation, const Upload& upload,
              const base::Result<void>& result);
};

}  // namespace hub::uploads
