#include "store/piece_file.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hash.h"
#include "base/log.h"
#include "os/file.h"

namespace store {
namespace {

constexpr const char* kOwnerFile = "/owner";
constexpr std::size_t kReadBytes = std::size_t{256} << 10U;

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// 2027-01-15, as days since 1970.
std::optional<std::int64_t> day_named(std::string_view name) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  if (name.size() != 10 || name[4] != '-' || name[7] != '-' ||
      !read_number(name.substr(0, 4), year) || !read_number(name.substr(5, 2), month) ||
      !read_number(name.substr(8, 2), day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<PieceFile> piece_file(const std::filesystem::path& path) {
  PieceFile file{path.string(), {}};
  const auto day = day_named(path.parent_path().filename().string());
  const std::string relation = path.parent_path().parent_path().filename().string();
  for (const TableDefinition* table : tables_with_pieces()) {
    if (table->relation == relation) file.piece.table = table;
  }
  if (path.extension() != ".parquet" || !day || file.piece.table == nullptr ||
      !read_number(path.stem().string(), file.piece.id)) {
    return std::nullopt;
  }
  file.piece.day = *day;
  return file;
}

}  // namespace

base::Result<FileDigest> digest_file(const std::string& path) {
  const os::Fd file = TRY(os::open_file(path, O_RDONLY));
  base::Sha256Stream sum;
  FileDigest digest;
  std::vector<std::uint8_t> room(kReadBytes);
  while (const std::size_t count = TRY(os::read_at(file.get(), room, digest.bytes))) {
    sum.add(std::span(room).first(count));
    digest.bytes += count;
  }
  for (const std::uint8_t byte : sum.finish())
    digest.sha256 += fmt::format("{:02x}", byte);
  return digest;
}

base::Result<void> make_durable(const std::string& path) {
  const os::Fd file = TRY(os::open_file(path, O_RDONLY));
  TRY(os::sync_data(file.get()));
  return os::sync_dir(std::filesystem::path(path).parent_path().string());
}

std::string find_damage(duck::Connection& connection, const PieceRecord& piece,
                        const std::string& folder, Depth depth) {
  const std::string path = piece_path(folder, piece);
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(path, failed);
  if (failed) return "it cannot be read: " + failed.message();
  if (bytes != piece.bytes)
    return fmt::format("it has {} bytes and should have {}", bytes, piece.bytes);
  const auto rows = connection.numbers(fmt::format("SELECT num_rows FROM parquet_file_metadata({})",
                                                   duck::quote(literal_path(path))));
  if (!rows) return "its list of contents cannot be read: " + rows.error().detail;
  if (rows->empty() || static_cast<std::uint64_t>(rows->front()) != piece.rows)
    return fmt::format("it should have {} rows", piece.rows);
  if (depth == Depth::Quick) return {};
  const auto digest = digest_file(path);
  if (!digest) return "it cannot be read: " + digest.error().to_string();
  if (digest->sha256 != piece.sha256) return "its bytes are not those that were written";
  return {};
}

bool is_about_pieces(const base::Error& error) {
  const std::string_view text = error.detail;
  const auto has = [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  // What DuckDB's reader of Parquet says of damaged files, and of files that are gone.
  return text.starts_with("Invalid Error: ") || has("Failed to read file") ||
         has("No magic bytes") || has("bitpacked data") || has("No files found that match") ||
         (text.starts_with("IO Error: ") && has(".parquet"));
}

base::Result<PiecesOwner> read_owner(const std::string& folder) {
  auto text = os::read_file(folder + kOwnerFile);
  if (!text) {
    if (text.error().code == base::Code::NotFound) return PiecesOwner{};
    return std::unexpected(std::move(text.error()));
  }
  PiecesOwner owner;
  const auto space = text->find(' ');
  owner.tenant = text->substr(0, space);
  if (space != std::string::npos)
    std::from_chars(text->data() + space + 1, text->data() + text->size(), owner.last_piece);
  return owner;
}

base::Result<void> write_owner(const std::string& folder, const PiecesOwner& owner) {
  return os::write_file_atomic(folder + kOwnerFile,
                               fmt::format("{} {}\n", owner.tenant, owner.last_piece));
}

std::vector<PieceFile> piece_files(const std::string& folder) {
  std::vector<PieceFile> files;
  std::error_code failed;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, failed);
       !failed && at != std::filesystem::recursive_directory_iterator(); at.increment(failed)) {
    if (auto file = piece_file(at->path())) files.push_back(std::move(*file));
  }
  if (failed) {
    LOG_WARNING("store.pieces").field("folder", folder).field("error", failed.message());
  }
  return files;
}

base::Result<void> read_piece(duck::Connection& connection, PieceFile& file) {
  PieceRecord& piece = file.piece;
  const std::string path = duck::quote(literal_path(file.path));
  {
    auto names = TRY(connection.query(
        fmt::format("SELECT name FROM parquet_schema({}) WHERE num_children IS NULL", path)));
    piece.columns = 0;
    while (TRY(names.next())) {
      for (idx_t row = 0; row < names.size(); ++row) {
        const auto& stored = piece.table->stored;
        if (piece.columns == stored.size() ||
            stored[piece.columns].name != names.column(0).text(row)) {
          return base::fail(base::Code::Corrupt, "piece", -1,
                            file.path + " has other columns than its table");
        }
        ++piece.columns;
      }
    }
    if (piece.columns < piece.table->stored.size() &&
        piece.table->stored[piece.columns].absent.empty()) {
      return base::fail(base::Code::Corrupt, "piece", -1, file.path + " lacks columns");
    }
  }
  const bool stamped = std::ranges::any_of(
      piece.table->stored, [](const StoredColumn& column) { return column.name == "TimeStamp"; });
  const auto facts = TRY(connection.numbers(fmt::format(
      "SELECT count(*), min(TimeGenerated), max(TimeGenerated), min({0}), max({0}) FROM "
      "read_parquet([{1}], hive_partitioning = false)",
      stamped ? "TimeStamp" : "TimeGenerated", path)));
  piece.rows = static_cast<std::uint64_t>(facts[0]);
  piece.first_generated = facts[1];
  piece.last_generated = facts[2];
  piece.first_stamp = facts[3];
  piece.last_stamp = facts[4];
  auto digest = TRY(digest_file(file.path));
  piece.bytes = digest.bytes;
  piece.sha256 = std::move(digest.sha256);
  return {};
}

base::Result<std::vector<std::uint64_t>> read_replaced(duck::Connection& connection,
                                                       const std::string& path) {
  auto rows = TRY(connection.query(
      fmt::format("SELECT unnest(CAST(string_split(decode(value), ' ') AS BIGINT[])) FROM "
                  "parquet_kv_metadata({}) WHERE decode(key) = 'replaces'",
                  duck::quote(literal_path(path)))));
  std::vector<std::uint64_t> ids;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row)
      ids.push_back(static_cast<std::uint64_t>(rows.column(0).as<std::int64_t>(row)));
  }
  return ids;
}

void remove_orphans(const std::string& folder, const std::vector<std::uint64_t>& known) {
  std::uint64_t removed = 0;
  for (const PieceFile& file : piece_files(folder)) {
    if (std::ranges::find(known, file.piece.id) != known.end()) continue;
    if (const auto done = os::remove_file(file.path); !done) {
      LOG_WARNING("store.orphan").field("error", done.error().to_string());
      continue;
    }
    ++removed;
    std::error_code not_empty;
    std::filesystem::remove(std::filesystem::path(file.path).parent_path(), not_empty);
  }
  if (removed != 0) {
    LOG_NOTICE("store.orphans").field("removed", removed);
  }
}

}  // namespace store
