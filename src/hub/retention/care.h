#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/retention/imports.h"
#include "store/backup.h"
#include "store/events.h"
#include "store/pieces.h"
#include "store/query.h"
#include "store/transfer.h"

namespace hub::retention {

// What was found when every byte was looked at.
struct Soundness {
  store::Verification store;
  // Other files of the data folder that are damaged, and how.
  std::vector<std::pair<std::string, std::string>> files;

  bool sound() const { return store.damaged.empty() && store.database.empty() && files.empty(); }
  std::string to_json() const;
};

struct Compaction {
  std::uint64_t sealed_rows = 0;
  std::uint64_t pieces_before = 0;
  std::uint64_t pieces_after = 0;
  std::uint64_t bytes_before = 0;  // of the whole store
  std::uint64_t bytes_after = 0;

  std::string to_json() const;
};

std::string to_json(const store::BackupReport& report);
std::string to_json(const store::Import::Counts& counts);

// What is done to the stores now and then, and takes its time: looking for damage, making them
// small, copying them. One thing after another, on a thread of its own for those who ask with
// submit().
// Threads: any, but stop() once.
class Care {
 public:
  struct Options {
    std::string data_dir;
    std::string backup_dir;              // backups are folders in it
    std::string events;                  // names in the data folder: the event store,
    std::vector<std::string> databases;  // SQLite files,
    std::vector<std::string> files;      // and other files and folders that a hub needs
    std::string made_by;                 // a version
    std::string scratch;                 // the event store's export_dir
    std::uint64_t max_import_bytes = std::uint64_t{4} << 30U;  // of one file
    std::size_t max_waiting = 4;
  };
  struct Counters {
    base::Counter backups;
    base::Counter backup_bytes;
    base::Counter verifications;
    base::Counter damaged;  // pieces and files found damaged
    base::Counter imported_rows;
    base::Counter failures;  // of all that is done here
  };

  // `events` must outlive it.
  Care(store::EventStore& events, Options options);
  ~Care();  // stops
  Care(const Care&) = delete;
  Care& operator=(const Care&) = delete;

  // Runs it later, on the thread. False: too many wait, or it has stopped.
  [[nodiscard]] bool submit(std::function<void(Care&)> job);
  // Ends a backup that runs, then what waits is run: it fails at once with Closed.
  void stop();

  // Errors: Closed, those of the stores.
  base::Result<Soundness> verify();
  base::Result<Compaction> compact();
  // Makes a backup of that name; empty: the time. Errors: Invalid (the name), as
  // store::make_backup().
  base::Result<store::BackupReport> back_up(std::string_view name, base::WallTime now);
  // The newest first; what is in the folder and no backup is passed over.
  base::Result<std::vector<store::BackupReport>> backups() const;
  // Errors: Invalid (the name), as store::check_backup().
  base::Result<store::BackupReport> check_backup(std::string_view name);

  // Rows as they are stored, in a file that has no name any more. Errors: as
  // store::Export::write().
  base::Result<store::ExportedFile> export_rows(std::string_view table, store::RowFormat format,
                                                kql::Ticks from, kql::Ticks to);
  // Files of rows on their way in.
  Imports& imports() { return imports_; }
  // How the event store's writer is reached; before the first import. Without it: the caller is it.
  void set_writer(Imports::OnWriter on_writer) { on_writer_ = std::move(on_writer); }
  // As Imports::run(), and of a file of this machine.
  base::Result<store::Import::Counts> run_import(std::string_view id);
  base::Result<store::Import::Counts> import_file(std::string_view table, store::RowFormat format,
                                                  const std::string& path);

  const Counters& counters() const { return counters_; }

 private:
  void run(const std::stop_token& stop);
  base::Result<std::string> folder_of(std::string_view name) const;
  template <class T>
  base::Result<T> counted(base::Result<T> result);

  store::EventStore& events_;
  store::Pieces pieces_;
  const Options options_;
  Imports imports_;
  Imports::OnWriter on_writer_ = [](const Imports::Step& step) { return step(); };
  Counters counters_;
  std::atomic<bool> cancelled_{false};
  std::mutex working_;  // held while something is done
  std::mutex mutex_;    // guards the two below
  std::condition_variable_any wake_;
  std::deque<std::function<void(Care&)>> waiting_;
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace hub::retention
