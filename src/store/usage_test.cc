#include "store/usage.h"

#include <gtest/gtest.h>

#include "store/store_testing.h"

namespace store {
namespace {

using Table = std::vector<std::vector<std::string>>;

constexpr kql::Ticks kDay = 638'448'480'000'000'000;  // 2024-03-01
static_assert(kDay % kql::kTicksPerDay == 0);

EventRow event(int number, kql::Ticks time, std::string_view device, std::string_view name) {
  EventRow row;
  row.time_generated = time;
  row.device_id = device;
  row.event_id = base::Guid::derived("usage_test", std::to_string(number));
  row.name = name;
  row.details = R"({"a":1})";
  return row;
}

constexpr const char* kSums =
    "SELECT StartTime, DataType, DeviceId, EventType, RowCount, ByteCount, TimeGenerated FROM "
    "\"Usage\" ORDER BY ALL";

TEST(Usage, SumsByDayTableDeviceAndEvent) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = std::move(*EventStore::open(options));
    Batch batch;
    batch.events = {event(1, kDay, "d1", "Login"), event(2, kDay + 5, "d1", "Login"),
                    event(3, kDay + 7, "d2", "Login"), event(4, kDay + 9, "d1", "SBoM"),
                    event(5, kDay + kql::kTicksPerDay, "d1", "Login")};
    OperationRow operation;
    operation.time = kDay + 1;
    operation.category = "Connections";
    operation.device_id = "d1";
    operation.operation = "connect";
    batch.operations.push_back(operation);
    ASSERT_TRUE(store->append(batch, 1));
    batch.clear();
    batch.events = {event(6, kDay + 3, "d1", "Login")};
    ASSERT_TRUE(store->append(batch, 2));
  }
  const auto day = std::to_string(kDay);
  const auto next = std::to_string(kDay + kql::kTicksPerDay);
  EXPECT_EQ(
      ask(options.path, kSums),
      (Table{{day, "IoTHubOperations", "d1", "Connections", "1", "7", std::to_string(kDay + 1)},
             {day, "SecurityIoTRawEvent", "d1", "Login", "3", "21", std::to_string(kDay + 5)},
             {day, "SecurityIoTRawEvent", "d1", "SBoM", "1", "7", std::to_string(kDay + 9)},
             {day, "SecurityIoTRawEvent", "d2", "Login", "1", "7", std::to_string(kDay + 7)},
             {next, "SecurityIoTRawEvent", "d1", "Login", "1", "7", next}}));
}

// Merging changes how the sums are kept, and nothing else.
TEST(Usage, MergesWithoutChangingTheSums) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  std::move(*EventStore::open(options)).reset();
  auto database = duck::Database::open(options.path, {std::size_t{256} << 20U, 1, dir.path(), {}});
  ASSERT_TRUE(database);
  auto connection = *duck::Connection::open(*database);
  const auto number = [&connection](const char* sql) {
    auto rows = *connection.query(std::string("SELECT CAST(coalesce((") + sql + "), 0) AS BIGINT)");
    return *rows.next() ? rows.column(0).as<std::int64_t>(0) : -1;
  };
  UsageMeter meter;
  meter.set_limit(6);
  int stored = 0;
  for (int round = 0; round < 20; ++round) {
    Batch batch;
    for (int i = 0; i <= round % 3; ++i)
      batch.events.push_back(event(stored + i, kDay + (round / 7) * kql::kTicksPerDay + i, "d1",
                                   i % 2 == 0 ? "Login" : "SBoM"));
    stored += static_cast<int>(batch.events.size());
    ASSERT_TRUE(meter.append(connection, batch));
    meter.settle(connection);
    ASSERT_EQ(number("SELECT sum(RowCount) FROM usage_sum"), stored);
    ASSERT_EQ(number("SELECT sum(ByteCount) FROM usage_sum"), 7 * stored);
  }
  EXPECT_GT(meter.merges(), 2U);
  EXPECT_EQ(meter.failures(), 0U);
  // Two events on each of three days, and what came since the last merge.
  EXPECT_LT(number("SELECT count(*) FROM usage_sum"), 6 + 6);
}

// A batch that is not stored is not counted either.
TEST(Usage, CountsWithTheBatchOrNotAtAll) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  std::move(*EventStore::open(options)).reset();
  auto database = duck::Database::open(options.path, {std::size_t{256} << 20U, 1, dir.path(), {}});
  auto connection = *duck::Connection::open(*database);
  UsageMeter meter;
  Batch batch;
  batch.events = {event(1, kDay, "d1", "Login")};
  ASSERT_TRUE(connection.execute("BEGIN"));
  ASSERT_TRUE(meter.append(connection, batch));
  ASSERT_TRUE(connection.execute("ROLLBACK"));
  auto rows = *connection.query("SELECT count(*) FROM usage_sum");
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.column(0).as<std::int64_t>(0), 0);
}

}  // namespace
}  // namespace store
