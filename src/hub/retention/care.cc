#include "hub/retention/care.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fcntl.h>

#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "os/file.h"
#include "store/damage.h"

namespace hub::retention {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxName = 64;

bool is_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxName && name.front() != '.' &&
         !name.ends_with(".part") && std::ranges::all_of(name, allowed);
}

// 20261123T054500Z
std::string name_of(base::WallTime now) {
  std::string name = base::format_rfc3339(now, 0);
  std::erase_if(name, [](char c) { return c == '-' || c == ':'; });
  return name;
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::string Soundness::to_json() const {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("sound", sound());
  writer.field("pieces", store.pieces);
  writer.field("bytes", store.bytes);
  writer.field("hotRows", store.hot_rows);
  writer.key("damaged");
  writer.begin_array();
  const auto damage = [&writer](std::string_view file, std::string_view what) {
    writer.begin_object();
    writer.field("file", file);
    writer.field("problem", what);
    writer.end_object();
  };
  if (!store.database.empty()) damage("events.duckdb", store.database);
  for (const auto& each : store.damaged)
    damage(each.path, each.what);
  for (const auto& [file, what] : files)
    damage(file, what);
  writer.end_array();
  writer.end_object();
  return json;
}

std::string Compaction::to_json() const {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("sealedRows", sealed_rows);
  writer.field("piecesBefore", pieces_before);
  writer.field("piecesAfter", pieces_after);
  writer.field("bytesBefore", bytes_before);
  writer.field("bytesAfter", bytes_after);
  writer.end_object();
  return json;
}

std::string to_json(const store::BackupReport& report) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("name", last_part(report.folder));
  writer.field("folder", report.folder);
  writer.field("made", base::format_rfc3339(report.made));
  writer.field("madeBy", report.made_by);
  writer.field("files", report.files);
  writer.field("bytes", report.bytes);
  writer.end_object();
  return json;
}

std::string to_json(const store::Import::Counts& counts) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("rowsRead", counts.read);
  writer.field("rowsAdded", counts.added);
  writer.field("rowsKnown", counts.read - std::min(counts.read, counts.added));
  writer.end_object();
  return json;
}

Care::Care(store::EventStore& events, Options options)
    : events_(events),
      pieces_(events),
      options_(std::move(options)),
      imports_({.folder = options_.scratch, .max_bytes = options_.max_import_bytes}),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Care::~Care() {
  stop();
}

bool Care::submit(std::function<void(Care&)> job) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.size() >= options_.max_waiting) return false;
  waiting_.push_back(std::move(job));
  wake_.notify_one();
  return true;
}

void Care::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    cancelled_ = true;
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

// What waits is answered before it ends.
void Care::run(const std::stop_token& stop) {
  while (true) {
    std::function<void(Care&)> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (waiting_.empty()) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job(*this);
  }
}

template <class T>
Result<T> Care::counted(Result<T> result) {
  if (!result) {
    counters_.failures.add();
    LOG_ERROR("care.failed").field("error", result.error().to_string());
  }
  return result;
}

Result<Soundness> Care::verify() {
  const std::lock_guard lock(working_);
  if (cancelled_) return fail(Code::Closed, "verify", -1, "the hub is stopping");
  Soundness found;
  found.store = TRY(counted(pieces_.verify()));
  for (const std::string& name : options_.databases) {
    const std::string path = options_.data_dir + "/" + name;
    if (!os::file_exists(path)) continue;
    if (const auto looked = store::check_sqlite(path); !looked)
      found.files.emplace_back(name, looked.error().detail);
  }
  counters_.verifications.add();
  counters_.damaged.add(found.store.damaged.size() + found.files.size() +
                        (found.store.database.empty() ? 0 : 1));
  return found;
}

Result<Compaction> Care::compact() {
  const std::lock_guard lock(working_);
  if (cancelled_) return fail(Code::Closed, "compact", -1, "the hub is stopping");
  Compaction done;
  done.pieces_before = TRY(counted(pieces_.list())).size();
  done.bytes_before = TRY(counted(pieces_.disk_use())).total();
  done.sealed_rows = TRY(counted(pieces_.seal_now()));
  TRY(counted(pieces_.compact_now()));
  done.pieces_after = TRY(counted(pieces_.list())).size();
  done.bytes_after = TRY(counted(pieces_.disk_use())).total();
  return done;
}

Result<std::string> Care::folder_of(std::string_view name) const {
  if (is_name(name)) return options_.backup_dir + "/" + std::string(name);
  return fail(Code::Invalid, "backup", -1,
              "name: expected letters, digits, '-', '_' and '.', at most 64");
}

Result<store::BackupReport> Care::back_up(std::string_view name, base::WallTime now) {
  const std::lock_guard lock(working_);
  store::BackupOptions options;
  options.folder = TRY(folder_of(name.empty() ? name_of(now) : name));
  options.data_dir = options_.data_dir;
  options.events = options_.events;
  options.databases = options_.databases;
  options.files = options_.files;
  options.made_by = options_.made_by;
  options.now = now;
  options.cancelled = &cancelled_;
  const auto report = TRY(counted(store::make_backup(events_, options)));
  counters_.backups.add();
  counters_.backup_bytes.add(report.bytes);
  LOG_NOTICE("backup.made").field("folder", report.folder).field("bytes", report.bytes);
  return report;
}

Result<std::vector<store::BackupReport>> Care::backups() const {
  std::vector<store::BackupReport> found;
  if (!os::file_exists(options_.backup_dir)) return found;
  for (const std::string& name : TRY(os::list_dir(options_.backup_dir))) {
    if (!is_name(name)) continue;
    auto report = store::read_backup(options_.backup_dir + "/" + name);
    if (report) found.push_back(std::move(*report));
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) { return a.made > b.made; });
  return found;
}

Result<store::ExportedFile> Care::export_rows(std::string_view table, store::RowFormat format,
                                              kql::Ticks from, kql::Ticks to) {
  const store::RowFile file{std::string(table),
                            options_.scratch + "/" + base::Guid::random().to_string(), format};
  const auto written = counted(store::Export::write(events_, file, from, to));
  store::ExportedFile exported;
  auto opened = written ? os::open_file(file.path, O_RDONLY)
                        : Result<os::Fd>(std::unexpected(written.error()));
  (void)os::remove_file(file.path);
  exported.file = TRY(std::move(opened));
  exported.bytes = written->bytes;
  return exported;
}

Result<store::Import::Counts> Care::run_import(std::string_view id) {
  const std::lock_guard lock(working_);
  const auto counts = TRY(counted(imports_.run(id, events_, on_writer_)));
  counters_.imported_rows.add(counts.added);
  return counts;
}

// Under another name where the event store may read it.
Result<store::Import::Counts> Care::import_file(std::string_view table, store::RowFormat format,
                                                const std::string& path) {
  const std::lock_guard lock(working_);
  const store::RowFile file{std::string(table),
                            options_.scratch + "/" + base::Guid::random().to_string(), format};
  std::error_code failed;
  std::filesystem::copy_file(path, file.path, failed);
  if (failed) return fail(Code::Io, "import", failed.value(), path);
  auto counts = counted(import_all(events_, file, on_writer_));
  (void)os::remove_file(file.path);
  return counts;
}

Result<store::BackupReport> Care::check_backup(std::string_view name) {
  const std::string folder = TRY(folder_of(name));
  const std::lock_guard lock(working_);
  return counted(store::check_backup(folder));
}

}  // namespace hub::retention
