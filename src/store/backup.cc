#include "store/backup.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "store/event_store_state.h"
#include "store/pieces.h"
#include "store/sqlite.h"

namespace store {

namespace fs = std::filesystem;
using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr int kFormat = 1;
constexpr std::size_t kCopyBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxManifest = std::size_t{256} << 20U;

struct Entry {
  std::string name;  // relative to the folder
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct Manifest {
  BackupReport report;
  std::vector<Entry> entries;
};

bool is_cancelled(const BackupOptions& options) {
  return options.cancelled != nullptr && options.cancelled->load();
}

// A name within the folder, and in it only.
bool is_inside(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  return std::ranges::none_of(base::split(name, '/'), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

// Reads a file to its end and adds it up; writes it to `copy`, where there is one.
Result<Entry> pass_over(const std::string& path, int copy) {
  const os::Fd file = TRY(os::open_file(path, O_RDONLY));
  std::vector<std::uint8_t> buffer(kCopyBytes);
  base::Sha256Stream sum;
  Entry entry;
  while (true) {
    const std::size_t got = TRY(os::read_at(file.get(), buffer, entry.bytes));
    const base::ByteView bytes(buffer.data(), got);
    sum.add(bytes);
    if (copy >= 0) TRY(os::write_all(copy, bytes));
    entry.bytes += got;
    if (got < buffer.size()) break;
  }
  entry.sha256 = base::hex_encode(sum.finish());
  return entry;
}

Result<Entry> copy_file(const std::string& from, const std::string& to) {
  TRY(os::make_dirs(fs::path(to).parent_path().string()));
  const os::Fd copy = TRY(os::open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600));
  auto entry = TRY(pass_over(from, copy.get()));
  TRY(os::sync_data(copy.get()));
  return entry;
}

std::string manifest_json(const Manifest& manifest) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("format", kFormat);
  writer.field("made", base::format_rfc3339(manifest.report.made));
  writer.field("madeBy", manifest.report.made_by);
  writer.field("journalSequence", manifest.report.journal_sequence);
  writer.key("files");
  writer.begin_array();
  for (const Entry& entry : manifest.entries) {
    writer.begin_object();
    writer.field("name", entry.name);
    writer.field("bytes", entry.bytes);
    writer.field("sha256", entry.sha256);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json + "\n";
}

std::unexpected<base::Error> no_manifest(const std::string& folder, std::string_view why) {
  return fail(Code::Malformed, "backup", -1,
              fmt::format("{}/{}: {}", folder, kBackupManifest, why));
}

std::uint64_t number_of(const base::json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const std::int64_t* number = member == nullptr ? nullptr : member->if_int();
  return number == nullptr || *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
}

Result<Manifest> parse_manifest(const std::string& folder) {
  const std::string path = folder + "/" + std::string(kBackupManifest);
  if (!os::file_exists(path))
    return fail(Code::NotFound, "backup", -1, folder + " holds no complete backup");
  const std::string text = TRY(os::read_file(path, kMaxManifest));
  const auto json = base::json::parse(base::trim(text));
  if (!json) return no_manifest(folder, json.error().to_string());
  if (number_of(*json, "format") != kFormat)
    return no_manifest(folder, "another program, perhaps a newer one, made it");
  Manifest manifest;
  const auto made = base::parse_rfc3339(json->text_or("made", ""));
  if (!made) return no_manifest(folder, "it does not say when it was made");
  manifest.report.folder = folder;
  manifest.report.made = made->utc;
  manifest.report.made_by = json->text_or("madeBy", "");
  manifest.report.journal_sequence = number_of(*json, "journalSequence");
  const auto* files = json->find("files");
  if (files == nullptr || files->if_array() == nullptr) return no_manifest(folder, "no files");
  for (const base::json::Value& file : *files->if_array()) {
    Entry entry{std::string(file.text_or("name", "")), number_of(file, "bytes"),
                std::string(file.text_or("sha256", ""))};
    if (!is_inside(entry.name)) return no_manifest(folder, "a name that is not inside");
    manifest.report.bytes += entry.bytes;
    ++manifest.report.files;
    manifest.entries.push_back(std::move(entry));
  }
  return manifest;
}

Result<void> compare(const Entry& expected, const Entry& found, const std::string& folder) {
  if (expected.bytes == found.bytes && expected.sha256 == found.sha256) return {};
  return fail(Code::Corrupt, "backup", -1,
              fmt::format("{}/{} is not what was written", folder, expected.name));
}

}  // namespace

// Its way through one backup.
class Backup {
 public:
  Backup(EventStore& events, const BackupOptions& options)
      : state_(*events.state_),
        options_(options),
        part_(options.folder + ".part"),
        pin_(Pieces(events).pin()) {}

  Result<BackupReport> make() {
    if (state_.options.export_dir.empty())
      return fail(Code::Unsupported, "backup", -1, "the event store has no folder for exports");
    if (os::file_exists(options_.folder)) return fail(Code::Exists, "backup", -1, options_.folder);
    std::error_code ignored;
    fs::remove_all(part_, ignored);
    auto made = fill();
    if (!made) fs::remove_all(part_, ignored);
    return made;
  }

 private:
  Result<BackupReport> fill() {
    TRY(os::make_dirs(part_));
    TRY(copy_databases());
    for (const std::string& name : options_.files)
      TRY(copy_tree(name));
    TRY(copy_tree(options_.events + ".pieces"));
    return finish();
  }

  // The pictures are taken one right after the other; then there is time to copy them.
  Result<void> copy_databases() {
    std::vector<Sqlite> readers;
    for (const std::string& name : options_.databases) {
      const std::string path = options_.data_dir + "/" + name;
      if (!os::file_exists(path)) continue;
      readers.push_back(TRY(Sqlite::open(path, SqliteMode::ReadOnly)));
      TRY(readers.back().begin_reading());
      names_.push_back(name);
    }
    auto lease = TRY(state_.lease());
    const std::string copy = state_.options.export_dir + "/" + base::Guid::random().to_string();
    auto copied = copy_events(lease.connection(), copy);
    for (std::size_t i = 0; copied && i < readers.size(); ++i)
      copied = copy_database(readers[i], names_[i]);
    if (copied) copied = take(copy, options_.events);
    (void)os::remove_file(copy);
    (void)os::remove_file(copy + ".wal");
    return copied;
  }

  Result<void> copy_database(Sqlite& reader, const std::string& name) {
    TRY(reader.copy_to(part_ + "/" + name));
    TRY(reader.end_reading());
    Entry entry = TRY(pass_over(part_ + "/" + name, -1));
    entry.name = name;
    manifest_.entries.push_back(std::move(entry));
    return {};
  }

  // Hot rows, the list of pieces and everything else that the database holds, as of one moment.
  Result<void> copy_events(duck::Connection& connection, const std::string& path) {
    std::string quoted;
    for (const char c : path)
      quoted += c == '\'' ? std::string("''") : std::string(1, c);
    // A name of its own, as all connections see what one attaches.
    const std::string name = "backup_" + path.substr(path.size() - 12);
    TRY(connection.execute(fmt::format("ATTACH '{}' AS \"{}\"", quoted, name)));
    auto copied = connection.execute("BEGIN");
    if (copied) copied = copy_tables(connection, name);
    const auto ended = connection.execute(copied ? "COMMIT" : "ROLLBACK");
    if (copied && !ended) copied = ended;
    // Which writes what is in its log into the file.
    const auto detached = connection.execute(fmt::format("DETACH \"{}\"", name));
    if (copied && !detached) copied = detached;
    return copied;
  }

  Result<void> copy_tables(duck::Connection& connection, const std::string& target) {
    {
      // First of all: it makes the picture.
      auto rows = TRY(connection.query("SELECT journal_sequence FROM position"));
      if (!TRY(rows.next())) return fail(Code::Corrupt, "event store", -1, "no position row");
      manifest_.report.journal_sequence =
          static_cast<std::uint64_t>(rows.column(0).as<std::int64_t>(0));
    }
    std::vector<std::pair<std::string, std::string>> tables;
    auto rows = TRY(connection.query(
        "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = current_database() AND "
        "NOT internal AND NOT temporary ORDER BY table_name"));
    while (TRY(rows.next())) {
      for (idx_t row = 0; row < rows.size(); ++row)
        tables.emplace_back(rows.column(0).text(row), rows.column(1).text(row));
    }
    for (const auto& [table, sql] : tables) {
      if (is_cancelled(options_)) return fail(Code::Closed, "backup");
      const std::size_t columns = sql.find('(');
      if (!sql.starts_with("CREATE TABLE ") || columns == std::string::npos)
        return fail(Code::Unsupported, "backup", -1, "a table made like this: " + sql);
      const std::string copy = fmt::format("\"{}\".\"{}\"", target, table);
      TRY(connection.execute(fmt::format("CREATE TABLE {}{}", copy, sql.substr(columns))));
      TRY(connection.execute(fmt::format("INSERT INTO {} SELECT * FROM \"{}\"", copy, table)));
    }
    return {};
  }

  // A file that is there already, into its place.
  Result<void> take(const std::string& from, const std::string& name) {
    Entry entry = TRY(copy_file(from, part_ + "/" + name));
    entry.name = name;
    manifest_.entries.push_back(std::move(entry));
    return {};
  }

  Result<void> copy_tree(const std::string& name) {
    if (is_cancelled(options_)) return fail(Code::Closed, "backup");
    const std::string path = options_.data_dir + "/" + name;
    std::error_code failed;
    const auto status = fs::symlink_status(path, failed);
    if (fs::is_regular_file(status)) {
      auto taken = take(path, name);
      // What goes meanwhile was not needed, and is not in the list.
      if (!taken && taken.error().code == Code::NotFound) return {};
      return taken;
    }
    if (!fs::is_directory(status)) return {};
    for (const std::string& entry : TRY(os::list_dir(path)))
      TRY(copy_tree(name + "/" + entry));
    return {};
  }

  Result<BackupReport> finish() {
    BackupReport& report = manifest_.report;
    report.folder = options_.folder;
    report.made = options_.now;
    report.made_by = options_.made_by;
    for (const Entry& entry : manifest_.entries) {
      report.bytes += entry.bytes;
      ++report.files;
    }
    TRY(os::write_file_atomic(part_ + "/" + std::string(kBackupManifest),
                              manifest_json(manifest_)));
    std::error_code failed;
    fs::rename(part_, options_.folder, failed);
    if (failed) return fail(Code::Io, "backup", failed.value(), options_.folder);
    TRY(os::sync_dir(fs::path(options_.folder).parent_path().string()));
    return report;
  }

  EventStore::State& state_;
  const BackupOptions& options_;
  const std::string part_;
  const Pieces::Pin pin_;  // before the list of pieces is read
  std::vector<std::string> names_;
  Manifest manifest_;
};

Result<BackupReport> make_backup(EventStore& events, const BackupOptions& options) {
  return Backup(events, options).make();
}

Result<BackupReport> read_backup(const std::string& folder) {
  Manifest manifest = TRY(parse_manifest(folder));
  return std::move(manifest.report);
}

Result<BackupReport> check_backup(const std::string& folder) {
  Manifest manifest = TRY(parse_manifest(folder));
  for (const Entry& entry : manifest.entries) {
    const auto found = pass_over(folder + "/" + entry.name, -1);
    if (!found && found.error().code == Code::NotFound)
      return fail(Code::Corrupt, "backup", -1, folder + "/" + entry.name + " is missing");
    if (!found) return std::unexpected(found.error());
    TRY(compare(entry, *found, folder));
  }
  return std::move(manifest.report);
}

namespace {

Result<void> restore_into(const Manifest& manifest, const std::string& folder,
                          const std::string& target) {
  TRY(os::make_dirs(target));
  for (const Entry& entry : manifest.entries) {
    const auto copied = copy_file(folder + "/" + entry.name, target + "/" + entry.name);
    if (!copied && copied.error().code == Code::NotFound)
      return fail(Code::Corrupt, "backup", -1, folder + "/" + entry.name + " is missing");
    if (!copied) return std::unexpected(copied.error());
    TRY(compare(entry, *copied, folder));
  }
  return {};
}

}  // namespace

Result<BackupReport> restore_backup(const std::string& folder, const std::string& data_dir) {
  Manifest manifest = TRY(parse_manifest(folder));
  std::error_code failed;
  const bool there = fs::exists(data_dir, failed);
  if (there && !fs::is_empty(data_dir, failed))
    return fail(Code::Exists, "data folder", -1, data_dir + " is not empty");
  const std::string part = data_dir + ".part";
  fs::remove_all(part, failed);
  if (auto restored = restore_into(manifest, folder, part); !restored) {
    fs::remove_all(part, failed);
    return std::unexpected(std::move(restored.error()));
  }
  fs::rename(part, data_dir, failed);  // an empty folder is replaced
  if (failed) return fail(Code::Io, "restore", failed.value(), data_dir);
  TRY(os::sync_dir(fs::absolute(data_dir, failed).parent_path().string()));
  return std::move(manifest.report);
}

}  // namespace store
