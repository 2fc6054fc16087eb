#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/events.h"

// Copies of a data folder that belong together: the event store with its pieces, SQLite files, and
// further files; made while all of them are in use.
namespace store {

// In a backup's folder; lists the others with their checksums.
inline constexpr std::string_view kBackupManifest = "backup.json";

struct BackupOptions {
  std::string data_dir;  // what the names below are relative to
  std::string folder;    // is made; its parent must be on a disk with room
  std::string events;    // the name of the event store's database file
  // SQLite files. Their pictures are taken at one moment, before that of the event store, which is
  // how the hub comes up again: it continues the numbering of what the event store has seen.
  std::vector<std::string> databases;
  // Files, and folders with all that is in them, copied as they are found; what is absent is
  // passed over.
  std::vector<std::string> files;
  std::string made_by;  // a version
  base::WallTime now;
  const std::atomic<bool>* cancelled = nullptr;  // may be nullptr
};

struct BackupReport {
  std::string folder;
  base::WallTime made;
  std::string made_by;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t journal_sequence = 0;  // up to which the event store has what came in
};

// Makes one. The store's export_dir has to hold the hot rows meanwhile. Until it is complete the
// folder has another name (with .part), so that what has the name is a whole one.
// Errors: Exists (the folder), Closed (cancelled), Unsupported (no export_dir), Full, Io, Corrupt,
// Unavailable. Threads: any.
base::Result<BackupReport> make_backup(EventStore& events, const BackupOptions& options);

// What is in it, by its own words. Errors: NotFound (no backup there), Malformed.
base::Result<BackupReport> read_backup(const std::string& folder);
// Reads every byte of it. Errors: as read_backup(); Corrupt (the detail says which file).
base::Result<BackupReport> check_backup(const std::string& folder);
// Puts it into a data folder that is absent or empty, checked as it is copied; the folder is there
// as a whole or not at all. Errors: as check_backup(); Exists (something is there), Full, Io.
base::Result<BackupReport> restore_backup(const std::string& folder, const std::string& data_dir);

}  // namespace store
