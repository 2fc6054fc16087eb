#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "os/file.h"
#include "store/query.h"
#include "store/store_testing.h"

namespace store {
namespace {

class Export : public ::testing::Test {
 protected:
  Export() {
    auto options = store_options(dir_.path());
    options.export_dir = dir_.path() + "/it's/export";
    EXPECT_TRUE(os::make_dirs(options.export_dir));
    std::ofstream(options.export_dir + "/left-behind") << "x";
    auto opened = EventStore::open(std::move(options));
    EXPECT_TRUE(opened) << opened.error().to_string();
    events_ = std::move(*opened);
    queries_ = std::move(*Queries::open(*events_));
  }

  std::string text_of(std::string_view query, ExportFormat format = ExportFormat::Ndjson) {
    auto exported = queries_->export_kql(query, format, options_);
    if (!exported) return exported.error().error.to_string();
    base::ByteVec bytes(exported->bytes);
    const auto count = os::read_at(exported->file.get(), bytes, 0);
    EXPECT_EQ(*count, bytes.size());
    return std::string(base::as_text(bytes));
  }
  std::size_t files() const { return os::list_dir(dir_.path() + "/it's/export")->size(); }

  TempDir dir_;
  ExportOptions options_;
  std::unique_ptr<EventStore> events_;
  std::unique_ptr<Queries> queries_;
};

TEST_F(Export, RowsAsLinesOfJson) {
  EXPECT_EQ(text_of("print a=1, b='x\"y', t=datetime(2026-01-02 03:04:05.1234567), d=dynamic([1])"),
            "{\"a\":1,\"b\":\"x\\\"y\",\"t\":\"2026-01-02T03:04:05.1234567Z\",\"d\":[1]}\n");
  EXPECT_EQ(files(), 0U);
}

TEST_F(Export, MoreRowsThanAQueryMayShow) {
  const std::string text = text_of("range x from 1 to 200000 step 1");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200'000);
}

TEST_F(Export, AsParquetThatDuckDbReadsBack) {
  const std::string parquet = text_of(
      "range x from 1 to 3 step 1 | extend t=datetime(2026-01-02 03:04:05), "
      "[\"na\\\"me\"]=strcat('v', x)",
      ExportFormat::Parquet);
  ASSERT_TRUE(parquet.starts_with("PAR1")) << parquet;
  const std::string path = dir_.path() + "/it's/export/back.parquet";
  std::ofstream(path, std::ios::binary) << parquet;
  auto settings = duck::Settings{
      std::size_t{256} << 20U, 1, dir_.path() + "/t", {dir_.path() + "/it's/export"}};
  auto database = duck::Database::open(dir_.path() + "/other.duckdb", settings);
  ASSERT_TRUE(database);
  auto connection = *duck::Connection::open(*database);
  auto rows = connection.query(
      "SELECT CAST(COUNT(*) AS VARCHAR), CAST(MAX(t) AS VARCHAR), MAX(\"na\"\"me\") FROM '" +
      dir_.path() + "/it''s/export/back.parquet'");
  ASSERT_TRUE(rows) << rows.error().to_string();
  ASSERT_TRUE(*rows->next());
  EXPECT_EQ(rows->column(0).text(0), "3");
  EXPECT_EQ(rows->column(1).text(0), "2026-01-02 03:04:05");
  EXPECT_EQ(rows->column(2).text(0), "v3");
}

TEST_F(Export, StatementsWriteNowhereElse) {
  auto settings = duck::Settings{
      std::size_t{256} << 20U, 1, dir_.path() + "/t", {dir_.path() + "/it's/export"}};
  auto database = duck::Database::open(dir_.path() + "/other.duckdb", settings);
  ASSERT_TRUE(database) << database.error().to_string();
  auto connection = *duck::Connection::open(*database);
  EXPECT_FALSE(connection.execute("COPY (SELECT 1) TO '" + dir_.path() + "/out.csv'"));
  EXPECT_FALSE(
      connection.execute("COPY (SELECT 1) TO '" + dir_.path() + "/it''s/export/../out.csv'"));
  EXPECT_FALSE(connection.execute("SELECT * FROM read_csv('/etc/passwd')"));
  EXPECT_FALSE(connection.execute("SET enable_external_access = true"));
  EXPECT_FALSE(connection.execute("SET allowed_directories = ['/']"));
}

TEST_F(Export, AFaultyQueryHasDiagnostics) {
  const auto exported = queries_->export_kql("Nonsense | x", ExportFormat::Ndjson, options_);
  ASSERT_FALSE(exported);
  EXPECT_FALSE(exported.error().diagnostics.empty());
}

TEST_F(Export, EndsWhereItsTimeOrItsBytesEnd) {
  const std::string endless =
      "range a from 1 to 100000000 step 1 | project a, b=strcat('xxxxxx', a)";
  for (const ExportFormat format : {ExportFormat::Ndjson, ExportFormat::Parquet}) {
    options_.max_bytes = 1 << 20;
    auto exported = queries_->export_kql(endless, format, options_);
    ASSERT_FALSE(exported);
    EXPECT_EQ(exported.error().error.code, base::Code::TooLarge);
    options_.max_bytes = std::uint64_t{1} << 40U;
    options_.timeout = std::chrono::milliseconds(50);
    exported = queries_->export_kql(endless, format, options_);
    ASSERT_FALSE(exported);
    EXPECT_EQ(exported.error().error.code, base::Code::Expired);
    options_.timeout = std::chrono::seconds(60);
    EXPECT_EQ(files(), 0U);
  }
}

TEST_F(Export, EndsWhenNobodyWaits) {
  Cancel cancel;
  options_.cancel = &cancel;
  const std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancel.cancel();
  });
  const auto exported =
      queries_->export_kql("range a from 1 to 100000000 step 1 | project a, b=strcat('xxxxxx', a)",
                           ExportFormat::Ndjson, options_);
  ASSERT_FALSE(exported);
  EXPECT_EQ(exported.error().error.code, base::Code::Closed);
}

}  // namespace
}  // namespace store
