#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/time.h"
#include "devices.h"
#include "os/file.h"
#include "store/append.h"
#include "store/catalogue.h"
#include "store/duck.h"
#include "store/manifest.h"
#include "workspace/commands.h"
#include "workspace/measures.h"

namespace bench {
namespace {

// As the store seals.
constexpr std::string_view kTable = "floor_rows";
constexpr std::size_t kPieceRows = 500'000;
constexpr std::string_view kParquet =
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE "
    "12288, WRITE_BLOOM_FILTER false, USE_TMP_FILE false";

template <class T>
T must(base::Result<T> result) {
  if (!result) give_up(result.error().to_string());
  return std::move(*result);
}

void must(const base::Result<void>& result) {
  if (!result) give_up(result.error().to_string());
}

double seconds_since(base::MonoTime begin) {
  return std::chrono::duration<double>(base::mono_now() - begin).count();
}

struct Figures {
  std::uint64_t rows = 0;
  double seconds = 0;
  double appending = 0;  // seconds of processor time
  double writing = 0;    // likewise
};

// One piece: rows into a table of this transaction, then in order into a file, and nothing stays.
bool piece(store::duck::Connection& connection, Fleet& fleet, const std::string& file,
           Figures& figures) {
  const store::TableDefinition& table = store::raw_event_table();
  must(connection.execute(store::create_table_sql(table, kTable, store::Lifetime::Fleeting) +
                          "BEGIN"));
  store::Batch batch;
  bool more = true;
  for (std::size_t rows = 0; more && rows < kPieceRows; rows += batch.events.size()) {
    batch.clear();
    more = fleet.fill(batch, 10'000);
    batch.alerts.clear();
    const auto begin = base::mono_now();
    const double cpu = process_cpu_seconds();
    must(store::append_batch(connection, batch, [](const auto&) { return std::string(kTable); }));
    figures.appending += process_cpu_seconds() - cpu;
    figures.seconds += seconds_since(begin);
    figures.rows += batch.events.size();
  }
  const auto begin = base::mono_now();
  const double cpu = process_cpu_seconds();
  must(connection.execute_patiently(fmt::format("COPY (SELECT * FROM {} ORDER BY {}) TO {} ({})",
                                                kTable, table.piece_order, store::duck::quote(file),
                                                kParquet)));
  figures.writing += process_cpu_seconds() - cpu;
  figures.seconds += seconds_since(begin);
  must(connection.execute(fmt::format("ROLLBACK; DROP TABLE {}", kTable)));
  return more;
}

}  // namespace

void duckdb_floor(const DuckdbFloor& plan) {
  must(os::make_dirs(plan.store.folder));
  const auto database = must(store::duck::Database::open(
      ":memory:",
      {plan.store.memory, plan.store.threads, plan.store.folder + "/spill", {plan.store.folder}}));
  auto connection = must(store::duck::Connection::open(database));
  Fleet fleet(plan.shape);
  Figures figures;
  const std::string file = plan.store.folder + "/floor.parquet";
  while (piece(connection, fleet, file, figures)) {
  }
  must(os::remove_file(file));
  const auto rows = static_cast<double>(figures.rows);
  std::string out;
  base::json::Writer json(out);
  json.begin_object();
  json.field("rows", figures.rows);
  json.field("rows_per_second", rows / figures.seconds);
  json.field("appending_cpu_us_per_row", figures.appending / rows * 1e6);
  json.field("writing_cpu_us_per_row", figures.writing / rows * 1e6);
  json.end_object();
  std::puts(out.c_str());
}

}  // namespace bench
