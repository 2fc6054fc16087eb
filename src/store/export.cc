// Results as files.
#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/id.h"
#include "os/file.h"
#include "store/catalogue.h"
#include "store/query_state.h"

namespace store {
namespace {

using kql::Type;

constexpr std::size_t kPieceBytes = std::size_t{256} << 10U;

base::Result<void> write_ndjson(duck::Rows& rows, const std::vector<kql::Column>& columns,
                                const std::string& path) {
  const os::Fd file = TRY(os::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  std::string piece;
  const auto flush = [&]() -> base::Result<void> {
    TRY(os::write_all(file.get(), base::as_bytes(piece)));
    piece.clear();
    return {};
  };
  while (TRY(rows.next())) {
    std::vector<duck::Column> found;
    for (idx_t index = 0; index < columns.size(); ++index)
      found.push_back(rows.column(index));
    for (idx_t row = 0; row < rows.size(); ++row) {
      base::json::Writer writer(piece);
      writer.begin_object();
      for (std::size_t index = 0; index < found.size(); ++index) {
        writer.key(columns[index].name);
        write_value(writer, columns[index].type, value_at(found[index], row, columns[index].type));
      }
      writer.end_object();
      piece += '\n';
      if (piece.size() >= kPieceBytes) TRY(flush());
    }
  }
  return flush();
}

// A statement that writes the rows to the file, in types that other programs know.
std::string parquet_sql(const kql::Compiled& query, const std::string& path) {
  std::string names;
  std::string values;
  for (std::size_t i = 0; i < query.columns.size(); ++i) {
    const std::string separator = i == 0 ? "" : ", ";
    std::string name;
    for (const char c : query.columns[i].name)
      name += c == '"' ? std::string("\"\"") : std::string(1, c);
    names += fmt::format("{}c{}", separator, i);
    const bool time = query.columns[i].type == Type::DateTime;
    values += fmt::format("{}{} AS \"{}\"", separator,
                          time ? fmt::format("make_timestamp((c{} - {}) // {})", i,
                                             kql::kUnixEpochTicks, kql::kTicksPerMicrosecond)
                               : fmt::format("c{}", i),
                          name);
  }
  std::string quoted;
  for (const char c : path)
    quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return fmt::format(
      "COPY (SELECT {} FROM ({}) AS exported({})) TO '{}' (FORMAT parquet, "
      "COMPRESSION zstd, USE_TMP_FILE false)",
      values, query.sql, names, quoted);
}

base::Result<ExportedFile> open_and_forget(const std::string& path) {
  ExportedFile exported;
  exported.file = TRY(os::open_file(path, O_RDONLY));
  struct stat facts{};
  if (::fstat(exported.file.get(), &facts) != 0) return base::fail_errno("fstat", path);
  exported.bytes = static_cast<std::uint64_t>(facts.st_size);
  TRY(os::remove_file(path));
  return exported;
}

// Ends an export whose file grows too large: DuckDB has no limit for that.
class SizeGuard {
 public:
  SizeGuard(std::string path, std::uint64_t max_bytes, Cancel& cancel)
      : thread_([this, path = std::move(path), max_bytes, &cancel](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, stop, kEvery, [] { return false; }) &&
                 !stop.stop_requested()) {
            struct stat facts{};
            if (::stat(path.c_str(), &facts) != 0) continue;
            if (static_cast<std::uint64_t>(facts.st_size) <= max_bytes) continue;
            too_large_ = true;
            cancel.cancel();
          }
        }) {}
  // Whether it had to.
  bool stop() {
    thread_.request_stop();
    thread_.join();
    return too_large_;
  }

 private:
  static constexpr std::chrono::milliseconds kEvery{100};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool too_large_ = false;
  std::jthread thread_;
};

}  // namespace

base::Result<void> Queries::State::write_file(const kql::Compiled& query, ExportFormat format,
                                              const ExportOptions& options,
                                              const std::string& path) {
  const auto* cancelled = options.cancel != nullptr ? &options.cancel->state_->cancelled : nullptr;
  return guarded(options.timeout, options.cancel,
                 [&](duck::Connection& connection) -> base::Result<void> {
                   Running statement;
                   if (format == ExportFormat::Parquet) {
                     TRY(statement.prepare(connection, parquet_sql(query, path)));
                     auto done = TRY(statement.run(cancelled));
                     while (TRY(done.next())) {
                     }
                     return {};
                   }
                   TRY(statement.prepare(connection, query.sql));
                   auto rows = TRY(statement.run(cancelled));
                   ASSERT(rows.column_count() == query.columns.size());
                   TRY(check_columns(statement, query.columns));
                   return write_ndjson(rows, query.columns, path);
                 });
}

std::expected<ExportedFile, QueryFailure> Queries::export_kql(std::string_view text,
                                                              ExportFormat format,
                                                              const ExportOptions& options) {
  State& state = *state_;
  state.queries.add();
  if (state.store.options.export_dir.empty()) {
    return state.fail({{}, {base::Code::Unsupported, "export", -1, "there is no folder for it"}});
  }
  const Slot slot(state);
  if (!slot.taken()) return state.refuse();
  std::optional<base::Error> probe_error;
  QueryOptions probing{.now = options.now};
  probing.timeout = options.timeout;
  probing.cancel = options.cancel;
  const auto probe = [&](const std::string& sql) { return state.probe(sql, probing, probe_error); };
  auto compiled = kql::compile(
      text, catalogue(), {.now = options.now, .probe = probe, .parameters = options.parameters});
  if (probe_error) return state.fail({{}, std::move(*probe_error)});
  if (!compiled) {
    return state.fail(
        {std::move(compiled).error(), {base::Code::Invalid, "export", -1, "it has errors"}});
  }
  const std::string path = state.store.options.export_dir + "/" + base::Guid::random().to_string();
  Cancel own;
  ExportOptions guarded = options;
  if (guarded.cancel == nullptr) guarded.cancel = &own;
  SizeGuard guard(path, options.max_bytes, *guarded.cancel);
  auto outcome = state.write_file(*compiled, format, guarded, path);
  const bool too_large = guard.stop();
  auto file = outcome ? open_and_forget(path) : std::unexpected(std::move(outcome.error()));
  if (!file) (void)os::remove_file(path);
  if (too_large || (file && file->bytes > options.max_bytes)) {
    return state.fail({{},
                       {base::Code::TooLarge, "export", -1,
                        fmt::format("it is larger than {} bytes", options.max_bytes)}});
  }
  if (!file) return state.fail({{}, std::move(file.error())});
  return std::move(*file);
}

}  // namespace store
