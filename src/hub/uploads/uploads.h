#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "hub/uploads/blob.h"
#include "os/fd.h"

namespace hub::uploads {

struct Options {
  std::string path;                              // the SQLite file, made when absent
  std::string folder;                            // of the contents, made when absent
  std::size_t max_open_per_device = 10;          // uploads begun and not finished
  std::chrono::seconds link_life{3'600};         // how long a device may use its link
  std::uint64_t max_file_bytes = 1ULL << 30U;    // of one file
  std::uint64_t max_total_bytes = 10ULL << 30U;  // of all; more are refused
  std::size_t notification_batch = 10;
  std::chrono::seconds notification_ttl{3'600};
  std::chrono::seconds notification_lock{60};
  std::function<base::WallTime()> now = base::wall_now;
};

// Since start.
struct Counters {
  base::Counter begun;
  base::Counter completed;
  base::Counter failed;                 // as the device said
  base::Counter expired;                // never finished
  base::Counter bytes;                  // written
  base::Counter refused;                // links that were not valid, limits
  base::Counter notifications_dropped;  // nobody fetched them in time
};

enum class Stage : std::uint8_t { Open, Completed, Failed, Expired };
std::string_view to_string(Stage stage);

struct Upload {
  std::string id;  // the correlation id
  std::string device_id;
  std::string generation_id;
  std::string name;  // as the device called it
  Stage stage = Stage::Open;
  base::WallTime begun;
  base::WallTime expires;                  // of the link
  std::optional<base::WallTime> finished;  // Completed, Failed, Expired
  std::uint64_t bytes = 0;                 // of the content; 0 while there is none
  std::string sha256;                      // of the content, hex; empty while there is none
  std::string content_type;
  int status_code = 0;      // as the device said
  std::string description;  // the same
};

// What the device gets.
struct Link {
  std::string id;
  std::string container;
  std::string blob;   // device/name
  std::string token;  // ?sv=..&sig=..
};

// What a device says at the end.
struct Outcome {
  bool success = false;
  int status_code = 0;
  std::string description;
};

// Of a completed upload, as IoT Hub's service SDK reads it. Threads: pure.
std::string notification_json(const Upload& upload, std::string_view host_name,
                              base::WallTime enqueued);

struct Notification {
  std::int64_t sequence = 0;
  std::string lock_token;
  base::WallTime enqueued;
  unsigned delivery_count = 0;
  Upload upload;
};

class Uploads;

// A content, or a block of one, on its way to the disk. Abandoned when it is destroyed before
// commit(). Threads: one at a time.
class Incoming {
 public:
  ~Incoming();
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  // Errors: TooLarge (max_file_bytes), Full (max_total_bytes, or the disk), Io.
  base::Result<void> write(base::ByteView bytes);
  // Durable when it returns. Errors: as write(); NotFound (finished or expired meanwhile); for a
  // block list Malformed (its XML), Invalid (a block that was never sent).
  base::Result<void> commit(std::string_view content_type);

 private:
  friend class Uploads;
  struct State;
  explicit Incoming(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Files from devices: rows in SQLite, contents in a folder, each under its upload's id, which is
// ours. Names come from devices and are never part of a path.
//
// Each step is recorded in `operations`. Calls wait for the disk: not on a thread that serves
// connections. `registry` and `operations` must outlive it. Threads: any.
class Uploads {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Uploads>> open(Options options,
                                                     operations::Operations& operations);
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // `record`: protocol, ip, sdk_version, auth of the device. Errors: Invalid (the name),
  // Unavailable (max_open_per_device), Full (max_total_bytes), those of the store.
  base::Result<Link> begin(const identity::Name& device, std::string_view generation_id,
                           std::string_view name, operations::Record record);
  // Errors: NotFound (no such open upload of that device), Conflict (success without a content).
  base::Result<void> finish(const identity::Name& device, std::string_view id,
                            const Outcome& outcome, operations::Record record);

  // Checks the link. Errors, with a code of the storage service as detail: Denied (the signature,
  // or its use for another blob), Expired, NotFound (finished), those of the store.
  base::Result<std::unique_ptr<Incoming>> receive(const BlobRequest& request,
                                                  operations::Record record);

  // The newest first. Threads: any.
  base::Result<std::vector<Upload>> list(std::string_view device_id, std::size_t limit) const;
  // Errors: NotFound.
  base::Result<Upload> get(std::string_view device_id, std::string_view id) const;
  // Errors: NotFound (no such upload, or it has no content).
  base::Result<os::Fd> content(std::string_view device_id, std::string_view id) const;
  // With its content. Errors: NotFound.
  base::Result<void> remove(std::string_view device_id, std::string_view id,
                            std::string_view actor);

  // The oldest notification that waits, locked; nullopt: none.
  base::Result<std::optional<Notification>> receive_notification();
  // `done`: it goes; else it waits again. Errors: Conflict (the lock ended).
  base::Result<void> settle_notification(std::string_view lock_token, bool done);
  // Called when a notification came to wait. Cheap. Before serving only.
  void add_listener(std::function<void()> listener);

  // Ends uploads whose links have expired, drops old notifications. Called every few seconds.
  base::Result<void> maintain();

  std::uint64_t total_bytes() const;
  const Options& options() const;
  const Counters& counters() const;

  struct State;  // shared with what is on its way

 private:
  explicit Uploads(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::uploads
