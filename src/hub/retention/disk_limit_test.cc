// The limit of the disk, kept on a real store while rows come.
#include <random>

#include <gtest/gtest.h>

#include "hub/retention/retention.h"
#include "hub/retention/shelf.h"
#include "store/pieces_testing.h"

namespace hub::retention {
namespace {

constexpr std::uint64_t kLimit = std::uint64_t{40} << 20U;
constexpr std::size_t kDetails = 4'000;
constexpr std::size_t kRowsOfABatch = 250;  // a megabyte
constexpr std::uint64_t kRounds = 70;       // far more than the limit

class DiskLimitTest : public store::PiecesTest {
 protected:
  void TearDown() override {
    retention_.reset();
    close();
  }

  Retention& retention() {
    Options options;
    options.settings.disk_max = kLimit;
    options.path = dir_.path() + "/state.db";
    shelf_ = make_shelf(*store_);
    auto opened = Retention::open(std::move(options), *shelf_);
    EXPECT_TRUE(opened);
    retention_ = std::move(*opened);
    return *retention_;
  }
  // Text that does not get smaller by much.
  std::string noise() {
    std::string text(kDetails, ' ');
    for (char& c : text)
      c = static_cast<char>('0' + random_() % 64);
    std::erase(text, '\\');
    return R"({"CommandLine":")" + text + "\"}";
  }
  void append_batch(std::uint64_t round) {
    store::Batch batch;
    for (std::uint64_t i = 0; i < kRowsOfABatch; ++i) {
      store::EventRow row = store::event(batch, round * kRowsOfABatch + i, 1, 1);
      row.time_generated =
          store::day_begin(store::kDay) + static_cast<kql::Ticks>(round) * kql::kTicksPerHour;
      row.time_stamp = row.time_generated;
      row.details = batch.keep(noise());
      batch.events.push_back(row);
    }
    const auto done = store_->append(batch, ++sequence_);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  std::uint64_t used() const { return pieces_->disk_use()->total(); }

  std::mt19937 random_{7};
  std::unique_ptr<Shelf> shelf_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(DiskLimitTest, HoldsWhileRowsCome) {
  Retention& limits = retention();
  std::uint64_t most = 0;
  std::uint64_t stored = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    if (limits.has_room()) {
      append_batch(round);
      ++stored;
    }
    most = std::max(most, used());
    // As the thread does, every second; a megabyte a second comes here.
    ASSERT_TRUE(limits.apply("system"));
    most = std::max(most, used());
  }
  EXPECT_LE(most, kLimit);
  EXPECT_GT(stored, kRounds * 9 / 10) << "making room is what is expected of it";
  EXPECT_GT(limits.counters().pieces[static_cast<std::size_t>(Why::DiskLimit)].value(), 0U);
  const std::string newest = kql("SecurityIoTRawEvent | summarize max(TimeGenerated)");
  EXPECT_EQ(newest, kql::format_datetime(store::day_begin(store::kDay) +
                                         static_cast<kql::Ticks>(kRounds - 1) * kql::kTicksPerHour))
      << "the newest are there";
}

TEST_F(DiskLimitTest, HoldsAlsoWhereNothingMayGo) {
  Retention& limits = retention();
  HoldRecord everything;
  everything.reason = "case 7";
  ASSERT_TRUE(limits.add_hold(everything));
  std::uint64_t most = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t round = 0; round < kRounds && refused < 10; ++round) {
    if (limits.has_room()) {
      append_batch(round);
    } else {
      ++refused;
    }
    most = std::max(most, used());
    ASSERT_TRUE(limits.apply("system"));
    most = std::max(most, used());
  }
  EXPECT_LE(most, kLimit);
  EXPECT_EQ(refused, 10U);
  EXPECT_EQ(limits.counters().pieces[static_cast<std::size_t>(Why::DiskLimit)].value(), 0U);
}

}  // namespace
}  // namespace hub::retention
