#include "store/query.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "store/catalogue.h"
#include "store/query_state.h"
#include "store/store_testing.h"

namespace store {
namespace {

base::WallTime noon() {
  return base::WallTime(std::chrono::seconds(1'800'000'000));
}

class QueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = EventStore::open(store_options(dir_.path()));
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    queries_ = std::move(*Queries::open(*store_, 2));
  }
  void TearDown() override {
    queries_.reset();
    store_.reset();
  }

  void fill(std::uint64_t count) {
    Batch batch;
    for (std::uint64_t i = 0; i < count; ++i) {
      EventRow row;
      row.time_generated = kql::to_ticks(noon()) + static_cast<kql::Ticks>(i);
      row.time_stamp = row.time_generated - kql::kTicksPerHour;
      row.device_id = batch.keep("device-" + std::to_string(i % 3));
      row.event_id = base::Guid::derived("query_test", std::to_string(i));
      row.name = "ProcessCreate";
      row.category = "Triggered";
      row.type = "Security";
      row.details = batch.keep(R"({"CommandLine":"run )" + std::to_string(i) + R"(","ProcessId":)" +
                               std::to_string(i) + "}");
      batch.events.push_back(row);
    }
    ASSERT_TRUE(store_->append(batch, ++sequence_));
  }

  QueryOptions options() const {
    QueryOptions options;
    options.now = noon();
    return options;
  }
  QueryResult run(std::string_view text) { return run(text, options()); }
  QueryResult run(std::string_view text, const QueryOptions& with) {
    auto result = queries_->run_kql(text, with);
    EXPECT_TRUE(result) << text << "\n" << explain(result.error(), text);
    return result ? std::move(*result) : QueryResult();
  }
  static std::string explain(const QueryFailure& failure, std::string_view text) {
    std::string out = failure.error.to_string();
    for (const auto& diagnostic : failure.diagnostics)
      out += "\n" + kql::render(diagnostic, text);
    return out;
  }
  static std::string json(const QueryResult& result) {
    std::string out;
    base::json::Writer writer(out);
    writer.begin_array();
    for (const auto& row : result.rows) {
      writer.begin_array();
      for (std::size_t i = 0; i < row.size(); ++i)
        write_value(writer, result.columns[i].type, row[i]);
      writer.end_array();
    }
    writer.end_array();
    return out;
  }

  TempDir dir_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Queries> queries_;
  std::uint64_t sequence_ = 0;
};

TEST_F(QueryTest, ReadsTheRowsForColumnsThatDependOnThem) {
  fill(6);
  const auto unpacked =
      run("SecurityIoTRawEvent | project d = parse_json(EventDetails) | evaluate bag_unpack(d) "
          "| summarize take_any(CommandLine), max(ProcessId)");
  ASSERT_EQ(unpacked.columns.size(), 2U);
  EXPECT_EQ(unpacked.columns[0].type, kql::Type::String);
  EXPECT_EQ(unpacked.columns[1].type, kql::Type::Long);
  const auto pivoted = run(
      "SecurityIoTRawEvent | project DeviceId, RawEventName | evaluate pivot(DeviceId, count())");
  ASSERT_EQ(pivoted.columns.size(), 4U);
  EXPECT_EQ(pivoted.columns[1].name, "device-0");
  EXPECT_EQ(json(pivoted), R"([["ProcessCreate",2,2,2]])");
}

// What is read first is part of the query: its limits count.
TEST_F(QueryTest, StopsWhileItReadsTheRowsForColumns) {
  fill(6);
  Cancel cancel;
  cancel.cancel();
  auto with = options();
  with.cancel = &cancel;
  const auto result = queries_->run_kql(
      "SecurityIoTRawEvent | project d = parse_json(EventDetails) | evaluate bag_unpack(d)", with);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().diagnostics.empty());
  EXPECT_EQ(result.error().error.code, base::Code::Closed);
}

TEST_F(QueryTest, EveryTableHasItsColumns) {
  fill(1);
  for (const kql::Table& table : catalogue().tables()) {
    const auto result = run(table.name);
    ASSERT_EQ(result.columns.size(), table.columns.size()) << table.name;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      EXPECT_EQ(result.columns[i], table.columns[i]) << table.name;
  }
}

TEST_F(QueryTest, ValuesComeTyped) {
  fill(3);
  const auto result =
      run("SecurityIoTRawEvent | where DeviceId == 'device-1' | extend Event = "
          "parse_json(EventDetails) "
          "| project TimeGenerated, DeviceId, IsEmpty, Event, Command = "
          "tostring(Event.CommandLine), _BilledSize, "
          "IoTRawEventId, TenantId");
  ASSERT_EQ(result.rows.size(), 1U);
  EXPECT_EQ(
      json(result),
      R"([["2027-01-15T08:00:00.0000001Z","device-1",false,{"CommandLine":"run 1","ProcessId":1},"run 1",37,")" +
          base::Guid::derived("query_test", "1").to_string() + "\",\"" + store_->tenant_id() +
          "\"]]");
  EXPECT_EQ(result.columns[0].type, kql::Type::DateTime);
  EXPECT_EQ(result.columns[3].type, kql::Type::Dynamic);
  EXPECT_EQ(value_text(kql::Type::DateTime, result.rows[0][0]), "2027-01-15T08:00:00.0000001Z");
  EXPECT_EQ(value_text(kql::Type::Bool, result.rows[0][2]), "false");
  EXPECT_EQ(value_text(kql::Type::String, Value()), "");
}

TEST_F(QueryTest, SummarizesWithNowOfTheCall) {
  fill(10);
  EXPECT_EQ(json(run("SecurityIoTRawEvent | where TimeGenerated > ago(1h) | summarize Count = "
                     "count() by DeviceId | sort by DeviceId asc")),
            R"([["device-0",4],["device-1",3],["device-2",3]])");
  auto later = options();
  later.now = noon() + std::chrono::hours(2);
  EXPECT_EQ(run("SecurityIoTRawEvent | where TimeGenerated > ago(1h)", later).rows.size(), 0U);
}

TEST_F(QueryTest, TheRowLimitCutsAndSaysSo) {
  fill(50);
  auto few = options();
  few.row_limit = 49;
  EXPECT_EQ(run("SecurityIoTRawEvent", few).rows.size(), 49U);
  EXPECT_TRUE(run("SecurityIoTRawEvent", few).stats.truncated());
  few.row_limit = 50;
  EXPECT_EQ(run("SecurityIoTRawEvent", few).rows.size(), 50U);
  EXPECT_FALSE(run("SecurityIoTRawEvent", few).stats.truncated());
  few.byte_limit = 1000;
  EXPECT_LT(run("SecurityIoTRawEvent", few).rows.size(), 10U);
  EXPECT_TRUE(run("SecurityIoTRawEvent", few).stats.truncated());
}

TEST_F(QueryTest, TheQuerysFaultsAreDiagnostics) {
  const auto result = queries_->run_kql("SecurityIoTRawEvent | where DeviceIdd == 'x'", options());
  ASSERT_FALSE(result);
  ASSERT_FALSE(result.error().diagnostics.empty());
  EXPECT_EQ(result.error().diagnostics[0].line, 1);
  EXPECT_EQ(result.error().diagnostics[0].column, 29);
  EXPECT_EQ(queries_->stats().failed, 1U);
}

// Rows against rows: far more work than the limits below allow.
constexpr std::string_view kEndless =
    "SecurityIoTRawEvent | extend k = 1 | join kind=inner (SecurityIoTRawEvent | extend k = 1) on "
    "k "
    "| join kind=inner (SecurityIoTRawEvent | extend k = 1) on k | summarize c = count(), d = "
    "dcount(EventDetails)";

TEST_F(QueryTest, TimeoutEndsAQuery) {
  fill(3000);
  auto hurried = options();
  hurried.timeout = std::chrono::milliseconds(100);
  const auto begin = base::mono_now();
  const auto result = queries_->run_kql(kEndless, hurried);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error.code, base::Code::Expired) << explain(result.error(), kEndless);
  EXPECT_LT(base::mono_now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(queries_->stats().timed_out, 1U);
  EXPECT_EQ(run("SecurityIoTRawEvent | summarize c = count()").rows.size(), 1U)
      << "the next one works";
}

TEST_F(QueryTest, CancelEndsAQueryAndTheRestIsRefused) {
  fill(3000);
  Cancel cancel;
  Cancel other;
  std::atomic<int> cancelled{0};
  const auto start = [&](Cancel& with) {
    return std::thread([&] {
      auto patient = options();
      patient.timeout = std::chrono::minutes(5);
      patient.cancel = &with;
      auto result = queries_->run_kql(kEndless, patient);
      // The query below may have had the place.
      while (!result && result.error().error.code == base::Code::Unavailable) {
        result = queries_->run_kql(kEndless, patient);
      }
      if (!result && result.error().error.code == base::Code::Closed) ++cancelled;
    });
  };
  std::thread first = start(cancel);
  std::thread second = start(other);
  // Both places are taken as soon as a third query is refused.
  while (true) {
    const auto third = queries_->run_kql("SecurityAlert", options());
    if (third) continue;
    EXPECT_EQ(third.error().error.code, base::Code::Unavailable);
    break;
  }
  cancel.cancel();
  other.cancel();
  first.join();
  second.join();
  EXPECT_EQ(cancelled, 2);
  EXPECT_GE(queries_->stats().refused, 1U);
  auto early = options();
  early.cancel = &cancel;
  EXPECT_EQ(queries_->run_kql("SecurityAlert", early).error().error.code, base::Code::Closed);
}

TEST_F(QueryTest, QueriesSeeWholeBatchesWhileTheWriterAppends) {
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const auto result =
          queries_->run_kql("SecurityIoTRawEvent | summarize c = count()", options());
      ASSERT_TRUE(result);
      EXPECT_EQ(std::get<std::int64_t>(result->rows.at(0).at(0)) % 100, 0);
    }
  });
  for (int i = 0; i < 30; ++i)
    fill(100);
  done = true;
  reader.join();
  EXPECT_EQ(json(run("SecurityIoTRawEvent | summarize c = count()")), "[[3000]]");
}

// DuckDB leaves out of a plan what its knowledge of a table's values rules out: sorted numbers
// below 256 are one byte each, and a condition that all rows meet is none.
TEST(Running, RowsThatComeAfterThePlanAreNotRead) {
  TempDir dir;
  const duck::Settings settings{std::size_t{256} << 20U, 2, dir.path() + "/spill"};
  auto database = duck::Database::open(dir.path() + "/database", settings);
  ASSERT_TRUE(database) << database.error().to_string();
  auto writer = std::move(*duck::Connection::open(*database));
  auto reader = std::move(*duck::Connection::open(*database));
  ASSERT_TRUE(
      writer.execute("CREATE TABLE numbers(n BIGINT, t VARCHAR); "
                     "INSERT INTO numbers SELECT i, 'short' FROM range(256) AS r(i)"));
  {
    const auto reading = duck::Reading::begin(reader);
    ASSERT_TRUE(reading) << reading.error().to_string();
    Running statement;
    ASSERT_TRUE(statement.prepare(reader, "SELECT n, t FROM numbers ORDER BY n"));
    ASSERT_TRUE(writer.execute(
        "INSERT INTO numbers SELECT 256 + i, repeat('long', 20) FROM range(256) AS r(i)"));
    auto rows = statement.run(nullptr);
    ASSERT_TRUE(rows) << rows.error().to_string();
    std::int64_t next = 0;
    while (true) {
      const auto more = rows->next();
      ASSERT_TRUE(more) << more.error().to_string();
      if (!*more) break;
      for (idx_t row = 0; row < rows->size(); ++row) {
        EXPECT_EQ(rows->column(0).as<std::int64_t>(row), next++);
        EXPECT_EQ(rows->column(1).text(row), "short");
      }
    }
    EXPECT_EQ(next, 256);
  }
  // The transaction is over: what came is there, and another may begin.
  EXPECT_EQ((*reader.numbers("SELECT count(*) FROM numbers"))[0], 512);
}

TEST(Running, ATransactionEndsAfterItsQueryWasInterrupted) {
  TempDir dir;
  const duck::Settings settings{std::size_t{256} << 20U, 2, dir.path() + "/spill"};
  auto database = duck::Database::open(dir.path() + "/database", settings);
  ASSERT_TRUE(database) << database.error().to_string();
  auto connection = std::move(*duck::Connection::open(*database));
  {
    const auto reading = duck::Reading::begin(connection);
    ASSERT_TRUE(reading) << reading.error().to_string();
    const std::jthread interrupter([&](const std::stop_token& stop) {
      while (!stop.stop_requested())
        duckdb_interrupt(connection.get());
    });
    Running statement;
    auto prepared = statement.prepare(
        connection, "SELECT count(*) FROM range(1000000000000) AS a(i) WHERE i % 7 = 3");
    auto outcome = prepared ? statement.run(nullptr) : std::unexpected(prepared.error());
    if (outcome) {
      const auto more = outcome->next();
      ASSERT_FALSE(more);
      outcome = std::unexpected(more.error());
    }
    EXPECT_EQ(outcome.error().code, base::Code::Closed) << outcome.error().to_string();
  }
  const auto after = connection.execute("BEGIN TRANSACTION; ROLLBACK");
  EXPECT_TRUE(after) << after.error().to_string();
}

}  // namespace
}  // namespace store
