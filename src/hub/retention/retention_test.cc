#include "hub/retention/retention.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/operations/audit.h"

namespace hub::retention {
namespace {

using base::Code;
using std::chrono::days;
using std::chrono::hours;

constexpr const char* kRaw = "SecurityIoTRawEvent";
const base::WallTime kNow = base::WallTime(hours(24) * 20'000);

// A store of pieces with one row for each device and day.
class FakeShelf final : public Shelf {
 public:
  base::Result<std::vector<Piece>> pieces() override {
    if (failing) return base::fail(Code::Io, "pieces");
    return list;
  }
  base::Result<void> drop(std::span<const std::uint64_t> ids) override {
    if (conflicts > 0) {
      --conflicts;
      return base::fail(Code::Conflict, "pieces");
    }
    for (const std::uint64_t id : ids) {
      std::erase_if(list, [&](const Piece& piece) {
        if (piece.id != id) return false;
        used -= piece.bytes;
        return true;
      });
    }
    return {};
  }
  base::Result<std::uint64_t> count_free(const Step& step) override {
    ++counted;
    return step.piece.rows > 1 ? step.piece.rows - 1 : 0;
  }
  base::Result<std::uint64_t> trim(const Step& step) override {
    for (Piece& each : list) {
      if (each.id != step.piece.id) continue;
      if (!each.hot) each.id += 100;
      return std::exchange(each.rows, 1) - 1;
    }
    return base::fail(Code::NotFound, "piece");
  }
  base::Result<void> seal() override {
    ++sealed;
    return {};
  }
  Disk disk() const override { return {used, leaving, 0}; }

  void add(std::uint64_t id, int days_ago, std::uint64_t bytes = 100) {
    const auto start = kql::to_ticks(kNow) - days_ago * kql::kTicksPerDay;
    list.push_back({.id = id,
                    .table = kRaw,
                    .first = start,
                    .last = start + kql::kTicksPerDay - 1,
                    .rows = 10,
                    .bytes = bytes});
    used += bytes;
  }
  std::string ids() const {
    std::string text;
    for (const Piece& piece : list)
      text += (text.empty() ? "" : " ") + std::to_string(piece.id);
    return text;
  }

  std::vector<Piece> list;
  std::atomic<std::uint64_t> used{0};
  std::uint64_t leaving = 0;
  bool failing = false;
  int conflicts = 0;
  int counted = 0;
  int sealed = 0;
};

class RetentionTest : public testing::Test {
 protected:
  RetentionTest() {
    std::string pattern = testing::TempDir() + "retention.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    options_.path = dir_ + "/state.db";
    options_.now = [this] { return now_; };
    auto audit = operations::AuditLog::open(options_.path);
    EXPECT_TRUE(audit);
    audit_ = std::move(*audit);
    options_.audit = audit_.get();
  }
  ~RetentionTest() override {
    retention_.reset();
    audit_.reset();
    std::filesystem::remove_all(dir_);
  }

  Retention& open() {
    auto opened = Retention::open(options_, shelf_);
    EXPECT_TRUE(opened) << opened.error().to_string();
    retention_ = std::move(*opened);
    return *retention_;
  }
  static HoldRecord hold_of(const char* device) {
    HoldRecord hold;
    hold.reason = "case 7";
    hold.owner = "legal";
    hold.device_id = device;
    hold.created_by = "admin";
    return hold;
  }

  std::string dir_;
  base::WallTime now_ = kNow;
  Options options_;
  FakeShelf shelf_;
  std::unique_ptr<operations::AuditLog> audit_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(RetentionTest, DropsWhatIsTooOldAndSaysSo) {
  options_.settings.tables[kRaw] = {days(5), 0};
  shelf_.add(1, 9);
  shelf_.add(2, 8);
  shelf_.add(3, 1);
  Retention& retention = open();
  const auto preview = retention.preview(retention.settings());
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->plan.steps.size(), 2U);
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{10, 10}));
  EXPECT_EQ(shelf_.ids(), "1 2 3") << "a dry run";
  const auto outcome = retention.apply("user:admin");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(shelf_.ids(), "3");
  ASSERT_EQ(outcome->shares.size(), 1U);
  EXPECT_EQ(outcome->shares[0].pieces, 2U);
  EXPECT_EQ(outcome->shares[0].rows, 20U);
  EXPECT_EQ(retention.counters().pieces[0].value(), 2U);
  retention_.reset();
  options_.audit = nullptr;
  audit_.reset();  // writes what waits
  auto log = operations::AuditLog::open(options_.path);
  ASSERT_TRUE(log);
  const auto records = (*log)->list(10, 0);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ((*records)[0].action, "retention.drop");
  EXPECT_EQ((*records)[0].actor, "user:admin");
  EXPECT_EQ((*records)[0].target, kRaw);
  EXPECT_NE((*records)[0].properties.find("\"rows\":20"), std::string::npos);
}

TEST_F(RetentionTest, OtherLimitsCanBeTriedWithoutBeingInForce) {
  shelf_.add(1, 9);
  shelf_.add(2, 1);
  Retention& retention = open();
  Settings tried = retention.settings();
  tried.tables[kRaw] = {days(5), 0};
  EXPECT_EQ(retention.preview(tried)->plan.steps.size(), 1U);
  EXPECT_TRUE(retention.apply("user:admin"));
  EXPECT_EQ(shelf_.ids(), "1 2");
}

TEST_F(RetentionTest, WhatIsHeldStaysUntilItIsReleased) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  shelf_.add(2, 8);
  Retention& retention = open();
  const auto hold = retention.add_hold(hold_of("press-1"));
  ASSERT_TRUE(hold);
  const auto preview = retention.preview(retention.settings());
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{9, 9}));
  const auto outcome = retention.apply("system");
  EXPECT_EQ(shelf_.ids(), "101 102") << "smaller ones in their place";
  EXPECT_EQ(outcome->shares[0].trimmed_pieces, 2U);
  EXPECT_EQ(outcome->shares[0].rows, 18U);
  // There is nothing more to take out of these, which is found out once.
  shelf_.counted = 0;
  EXPECT_TRUE(retention.apply("system")->shares.empty());
  EXPECT_TRUE(retention.apply("system")->shares.empty());
  EXPECT_LE(shelf_.counted, 2);
  EXPECT_EQ(retention.preview(retention.settings())->plan.held.size(), 2U);

  EXPECT_EQ(retention.release_hold(99, "admin", "").error().code, Code::NotFound);
  const auto released = retention.release_hold(hold->id, "admin", "the case is closed");
  ASSERT_TRUE(released);
  EXPECT_EQ(released->release_reason, "the case is closed");
  EXPECT_EQ(retention.release_hold(hold->id, "admin", "").error().code, Code::Conflict);
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_EQ(shelf_.ids(), "");
  EXPECT_EQ(retention.holds()->size(), 1U) << "it stays on record";
}

TEST_F(RetentionTest, AfterARestartItIsFoundOutAgainThatOnlyHeldRowsAreLeft) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  ASSERT_TRUE(open().add_hold(hold_of("press-1")));
  ASSERT_TRUE(retention_->apply("system"));
  retention_.reset();
  shelf_.counted = 0;
  Retention& again = open();
  EXPECT_TRUE(again.apply("system")->shares.empty());
  EXPECT_EQ(shelf_.counted, 1);
  EXPECT_TRUE(again.apply("system")->shares.empty());
  EXPECT_EQ(shelf_.counted, 1) << "remembered";
  EXPECT_EQ(shelf_.ids(), "101");
}

TEST_F(RetentionTest, AHoldEndsWithItsTime) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  Retention& retention = open();
  HoldRecord hold = hold_of("");
  hold.until = kNow + hours(1);
  ASSERT_TRUE(retention.add_hold(hold));
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_EQ(shelf_.ids(), "1");
  now_ = kNow + hours(1);
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_EQ(shelf_.ids(), "");
  EXPECT_EQ(retention.release_hold(1, "admin", "").error().code, Code::Conflict);
}

TEST_F(RetentionTest, NearTheDisksLimitItSealsThenDropsTheOldest) {
  options_.settings.disk_max = 1'000;
  for (std::uint64_t id = 1; id <= 9; ++id)
    shelf_.add(id, 20 - static_cast<int>(id));
  shelf_.used += 50;
  Retention& retention = open();
  EXPECT_FALSE(retention.has_room());
  const auto outcome = retention.apply("system");
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(retention.has_room());
  EXPECT_EQ(shelf_.sealed, 1);
  EXPECT_EQ(shelf_.ids(), "3 4 5 6 7 8 9");
  EXPECT_TRUE(outcome->fits);
  EXPECT_EQ(outcome->disk_before, 950U);
  EXPECT_EQ(outcome->disk_after, 750U);
}

TEST_F(RetentionTest, WhatIsLeavingTheDiskAlreadyIsNotDroppedTwice) {
  options_.settings.disk_max = 1'000;
  for (std::uint64_t id = 1; id <= 9; ++id)
    shelf_.add(id, 20 - static_cast<int>(id));
  shelf_.used += 50;
  shelf_.leaving = 100;
  EXPECT_TRUE(open().apply("system"));
  EXPECT_EQ(shelf_.ids(), "1 2 3 4 5 6 7 8 9");
}

TEST_F(RetentionTest, WhereNothingMayGoFurtherRowsAreNotStored) {
  options_.settings.disk_max = 1'000;
  shelf_.add(1, 9, 960);
  Retention& retention = open();
  ASSERT_TRUE(retention.add_hold(hold_of("")));
  const auto outcome = retention.apply("system");
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->fits);
  EXPECT_EQ(shelf_.ids(), "1");
  EXPECT_FALSE(retention.has_room());
  EXPECT_FALSE(retention.status().storing);
  // Between the marks it stays as it is.
  shelf_.used = 940;
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_FALSE(retention.has_room());
  shelf_.used = 900;
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_TRUE(retention.has_room());
}

TEST_F(RetentionTest, PiecesThatChangeMeanwhileAreLookedAtAgain) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  shelf_.conflicts = 2;
  EXPECT_TRUE(open().apply("system"));
  EXPECT_EQ(shelf_.ids(), "");
  shelf_.add(2, 9);
  shelf_.conflicts = 1'000;
  EXPECT_EQ(retention_->apply("system").error().code, Code::Conflict);
  EXPECT_EQ(retention_->counters().failures.value(), 1U);
}

TEST_F(RetentionTest, HotRowsGoByTheirAge) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(0, 9, 0);
  shelf_.list[0].hot = true;
  const auto outcome = open().apply("system");
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->shares.size(), 1U);
  EXPECT_EQ(outcome->shares[0].rows, 9U);
  EXPECT_EQ(outcome->shares[0].trimmed_pieces, 1U);
}

TEST_F(RetentionTest, AFailureIsCountedAndTheNextRunGoesOn) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  Retention& retention = open();
  shelf_.failing = true;
  EXPECT_FALSE(retention.apply("system"));
  EXPECT_EQ(retention.counters().failures.value(), 1U);
  EXPECT_NE(retention.status().problem, "");
  shelf_.failing = false;
  EXPECT_TRUE(retention.apply("system"));
  EXPECT_EQ(retention.status().problem, "");
  EXPECT_EQ(shelf_.ids(), "");
}

TEST_F(RetentionTest, RawEventsAreChosenByTypeAndGroup) {
  options_.settings.raw = {RawEvents::Chosen, {"Login", "ProcessCreate"}, {"pumps"}};
  std::string group = "pumps";
  int asked = 0;
  options_.group_of = [&](std::string_view device) -> base::Result<std::string> {
    ++asked;
    if (device == "unknown") return base::fail(Code::NotFound, "device");
    return group;
  };
  Retention& retention = open();
  EXPECT_TRUE(retention.stores_event("p1", "Login"));
  EXPECT_TRUE(retention.stores_event("p1", "ProcessCreate"));
  EXPECT_FALSE(retention.stores_event("p1", "ListeningPorts"));
  EXPECT_EQ(asked, 1);
  group = "default";
  EXPECT_TRUE(retention.stores_event("p1", "Login")) << "remembered";
  retention.forget_group("p1");
  EXPECT_FALSE(retention.stores_event("p1", "Login"));
  // What cannot be told is stored.
  EXPECT_TRUE(retention.stores_event("unknown", "Login"));
  EXPECT_EQ(retention.counters().not_chosen.value(), 2U);
}

TEST_F(RetentionTest, TheThreadRunsByItself) {
  options_.settings.otherwise = {days(5), 0};
  shelf_.add(1, 9);
  Retention& retention = open();
  retention.start();
  for (int i = 0; i < 2'000 && retention.counters().runs.value() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  retention.stop();
  EXPECT_EQ(shelf_.ids(), "");
}

}  // namespace
}  // namespace hub::retention
