#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/manifest.h"
#include "store/pieces.h"
#include "store/query.h"
#include "store/store_testing.h"

namespace store {

using Table = std::vector<std::vector<std::string>>;

// Days of the tests: long over.
inline constexpr std::int64_t kDay = 17'000;

inline base::Guid guid(std::uint64_t number) {
  return base::Guid::derived("pieces_test", std::to_string(number));
}

inline EventStoreOptions options_in(const std::string& dir) {
  EventStoreOptions options = store_options(dir);
  options.seal.automatic = false;
  options.threads = 2;
  return options;
}

// Number i of `count` events over `days` days, in the order in which they come.
inline EventRow event(Batch& batch, std::uint64_t i, std::uint64_t count, std::int64_t days) {
  EventRow row;
  row.time_generated =
      day_begin(kDay) +
      static_cast<kql::Ticks>(i) * (days * kql::kTicksPerDay / static_cast<kql::Ticks>(count));
  // Some come late: a day and more after they happened.
  row.time_stamp =
      row.time_generated - (i % 10 == 0 ? 30 * kql::kTicksPerHour : kql::kTicksPerMinute);
  row.device_id = batch.keep("device-" + std::to_string(i % 7));
  row.module_id = "agent";
  row.agent_version = "1.0";
  row.event_id = guid(i);
  row.item = static_cast<std::uint32_t>(i % 3);
  row.name = i % 2 == 0 ? "ProcessCreate" : "Login";
  row.category = "Triggered";
  row.type = "Security";
  const auto time = kql::format_datetime(row.time_stamp / 10'000 * 10'000).substr(0, 23) + "Z";
  row.details = batch.keep(R"({"TimestampLocal":")" + time + R"(","TimestampUTC":")" + time +
                           R"(","ProcessId":)" + std::to_string(i) + "}");
  return row;
}

inline EventKey key_of(const EventRow& row) {
  return {row.device_id, row.module_id, row.event_id, row.item, row.time_stamp};
}

class PiecesTest : public ::testing::Test {
 protected:
  void SetUp() override { open(options_in(dir_.path())); }

  void open(const EventStoreOptions& options) {
    close();
    options_ = options;
    auto opened = EventStore::open(options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    queries_ = *Queries::open(*store_, 4);
    pieces_.emplace(*store_);
  }
  void close() {
    pieces_.reset();
    queries_.reset();
    store_.reset();
  }
  void append(std::uint64_t first, std::uint64_t last, std::uint64_t count, std::int64_t days) {
    Batch batch;
    for (std::uint64_t i = first; i < last; ++i)
      batch.events.push_back(event(batch, i, count, days));
    const auto done = store_->append(batch, ++sequence_);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  std::uint64_t seal() {
    const auto sealed = pieces_->seal_now();
    EXPECT_TRUE(sealed) << sealed.error().to_string();
    return sealed.value_or(0);
  }
  void compact() {
    const auto done = pieces_->compact_now();
    EXPECT_TRUE(done) << done.error().to_string();
  }
  std::vector<Piece> list() {
    auto pieces = pieces_->list();
    EXPECT_TRUE(pieces) << pieces.error().to_string();
    return pieces ? std::move(*pieces) : std::vector<Piece>();
  }
  // The first value of a query's answer, or the error.
  std::string kql(std::string_view text) {
    QueryOptions asked;
    asked.now = base::wall_now();
    const auto result = queries_->run_kql(text, asked);
    if (!result) return result.error().error.to_string();
    if (result->rows.empty()) return "no rows";
    return value_text(result->columns[0].type, result->rows[0][0]);
  }
  // Of all raw events and what they say, whatever their order.
  std::string digest() {
    return kql(
        "SecurityIoTRawEvent | summarize N = count(), H = sum(hash(strcat(TimeGenerated, "
        "TimeStamp, "
        "DeviceId, RawEventName, EventDetails, IoTRawEventId), 1000000007)) | project strcat(N, ' "
        "', "
        "H)");
  }
  Table everything() {
    close();
    Table rows = ask(options_.path, "SELECT * FROM SecurityIoTRawEvent ORDER BY ALL");
    open(options_);
    return rows;
  }
  // The file of that day's only piece of raw events.
  std::string piece_of_day(std::int64_t day) const {
    const std::string folder = piece_folder(options_.path + ".pieces", raw_event_table(), day);
    return std::filesystem::directory_iterator(folder)->path().string();
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(options_.path + ".pieces"))
      count += entry.path().extension() == ".parquet" ? 1U : 0U;
    return count;
  }

  TempDir dir_;
  EventStoreOptions options_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Queries> queries_;
  std::optional<Pieces> pieces_;
  std::uint64_t sequence_ = 0;
};

}  // namespace store
