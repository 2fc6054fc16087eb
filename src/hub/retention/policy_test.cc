#include "hub/retention/policy.h"

#include <gtest/gtest.h>

namespace hub::retention {
namespace {

using std::chrono::days;

constexpr const char* kRaw = "SecurityIoTRawEvent";
constexpr const char* kAlert = "SecurityAlert";
constexpr const char* kTelemetry = "DeviceTelemetry";
constexpr kql::Ticks kDay = kql::kTicksPerDay;
constexpr kql::Ticks kNow = 1'000 * kDay;

// A day's piece: the day before today is 1.
Piece piece(std::uint64_t id, const char* table, int days_ago, std::uint64_t bytes = 100) {
  const kql::Ticks start = kNow - days_ago * kDay;
  return {.id = id,
          .table = table,
          .first = start,
          .last = start + kDay - 1,
          .rows = 10,
          .bytes = bytes};
}

class PolicyTest : public testing::Test {
 protected:
  Plan plan() const { return make_plan({pieces_, settings_, holds_, used_, kNow}); }
  // "1 2t 3": pieces that go, and with t those of which something stays.
  static std::string ids(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) {
      if (!text.empty()) text += ' ';
      text += std::to_string(step.piece.id) + (step.whole() ? "" : "t");
    }
    return text;
  }
  void keep(const char* table, days age, std::uint64_t bytes = 0) {
    settings_.tables[table] = {age, bytes};
  }
  void limit_disk(std::uint64_t limit, std::uint64_t used) {
    settings_.disk_max = limit;
    used_ = used;
  }

  std::vector<Piece> pieces_;
  Settings settings_;
  std::vector<Hold> holds_;
  std::uint64_t used_ = 0;
};

TEST_F(PolicyTest, WithoutLimitsEverythingStays) {
  pieces_ = {piece(1, kRaw, 900), piece(2, kAlert, 1)};
  used_ = 1'000'000'000;
  EXPECT_TRUE(plan().steps.empty());
  EXPECT_TRUE(plan().fits);
}

TEST_F(PolicyTest, AgeIsThatOfTheNewestRowByTable) {
  keep(kRaw, days(10));
  settings_.otherwise = {days(3), 0};
  pieces_ = {piece(1, kRaw, 12), piece(2, kRaw, 11), piece(3, kRaw, 10), piece(4, kTelemetry, 4),
             piece(5, kTelemetry, 3)};
  // The newest row of piece 2 is one tick older than ten days.
  EXPECT_EQ(ids(plan().steps), "1 2 4");
  for (const Step& step : plan().steps)
    EXPECT_EQ(step.why, Why::Age);
  // The newest row of piece 2 is exactly as old as is allowed.
  pieces_[1].last += 1;
  EXPECT_EQ(ids(plan().steps), "1 4");
}

TEST_F(PolicyTest, ATableOverItsSizeLosesItsOldest) {
  keep(kRaw, days(0), 250);
  pieces_ = {piece(1, kRaw, 1), piece(2, kRaw, 4), piece(3, kRaw, 3), piece(4, kRaw, 2),
             piece(5, kTelemetry, 9, 10'000)};
  EXPECT_EQ(ids(plan().steps), "2 3");
  EXPECT_EQ(plan().steps[0].why, Why::TableSize);
  keep(kRaw, days(0), 400);
  EXPECT_EQ(ids(plan().steps), "");
}

TEST_F(PolicyTest, WhatGoesForItsAgeDoesNotCountForTheSize) {
  keep(kRaw, days(2), 200);
  pieces_ = {piece(1, kRaw, 5), piece(2, kRaw, 2), piece(3, kRaw, 1)};
  EXPECT_EQ(ids(plan().steps), "1");
}

TEST_F(PolicyTest, TheDiskTakesTheOldestOfAllTablesAndEvidenceLast) {
  // Above 90 % of the limit, down to 80 %.
  limit_disk(1'000, 950);
  pieces_ = {piece(1, kAlert, 9), piece(2, kRaw, 2), piece(3, kTelemetry, 3), piece(4, kRaw, 1)};
  EXPECT_EQ(ids(plan().steps), "3 2");
  EXPECT_EQ(plan().disk_after, 750U);
  EXPECT_TRUE(plan().fits);
  used_ = 900;
  EXPECT_EQ(ids(plan().steps), "");
  // The newest event goes before the oldest alert.
  used_ = 1'250;
  EXPECT_EQ(ids(plan().steps), "3 2 4 1");
  EXPECT_EQ(plan().disk_after, 850U);
  EXPECT_TRUE(plan().fits);
  // Events were enough.
  used_ = 1'190;
  EXPECT_EQ(ids(plan().steps), "3 2 4");
}

TEST_F(PolicyTest, EvidenceDoesNotGoInVain) {
  limit_disk(1'000, 5'000);
  pieces_ = {piece(1, kAlert, 9), piece(2, kRaw, 2)};
  EXPECT_EQ(ids(plan().steps), "2");
  EXPECT_FALSE(plan().fits);
}

TEST_F(PolicyTest, TheDiskCountsWhatGoesForItsAge) {
  keep(kRaw, days(5));
  limit_disk(1'000, 950);
  pieces_ = {piece(1, kRaw, 9), piece(2, kRaw, 2)};
  EXPECT_EQ(ids(plan().steps), "1");
}

TEST_F(PolicyTest, AHoldOfATimeKeepsItsPiecesWhole) {
  keep(kRaw, days(1));
  pieces_ = {piece(1, kRaw, 5), piece(2, kRaw, 4), piece(3, kRaw, 3), piece(4, kTelemetry, 4)};
  Hold hold;
  hold.table = kRaw;
  hold.from = kNow - 4 * kDay;
  hold.to = kNow - 3 * kDay;
  holds_ = {hold};
  EXPECT_EQ(ids(plan().steps), "1 3");
  EXPECT_EQ(ids(plan().held), "2t");
  // A tick less, and one row of the piece may be outside.
  holds_[0].to -= 1;
  EXPECT_EQ(ids(plan().steps), "1 2t 3");
  ASSERT_EQ(plan().steps[1].keep.size(), 1U);
  EXPECT_EQ(plan().steps[1].keep[0].to, kNow - 3 * kDay - 1);
}

TEST_F(PolicyTest, AHoldOfADeviceKeepsItsRowsOnly) {
  settings_.otherwise = {days(1), 0};
  pieces_ = {piece(1, kRaw, 5), piece(2, kAlert, 4), piece(3, kRaw, 1)};
  Hold hold;
  hold.device = "press-1";
  holds_ = {hold};
  EXPECT_EQ(ids(plan().steps), "1t 2t");
  // Once only its rows are left, there is nothing to do until the holds change.
  pieces_[0].only_held = true;
  EXPECT_EQ(ids(plan().steps), "2t");
  EXPECT_EQ(ids(plan().held), "1t");
  holds_.clear();
  EXPECT_EQ(ids(plan().steps), "1 2");
}

TEST_F(PolicyTest, HeldPiecesStayWhateverTheDiskSaysAndPushOutNothing) {
  limit_disk(1'000, 2'000);
  keep(kRaw, days(0), 150);
  pieces_ = {piece(1, kRaw, 9), piece(2, kRaw, 8), piece(3, kRaw, 7)};
  Hold everything;
  holds_ = {everything};
  EXPECT_TRUE(plan().steps.empty());
  EXPECT_EQ(ids(plan().held), "1t 2t 3t");
  EXPECT_EQ(plan().disk_after, 2'000U);
  EXPECT_FALSE(plan().fits);
  limit_disk(0, 0);
  holds_[0].to = pieces_[1].first;
  // Piece 1 is held, 2 and 3 are above the limit: one has to go.
  EXPECT_EQ(ids(plan().steps), "2");
}

TEST_F(PolicyTest, HotRowsGoByTheirAgeAlone) {
  keep(kRaw, days(3), 1);
  limit_disk(1'000, 2'000);
  Piece hot = piece(0, kRaw, 5);
  hot.hot = true;
  hot.bytes = 0;
  hot.last = kNow;
  pieces_ = {hot};
  ASSERT_EQ(plan().steps.size(), 1U);
  EXPECT_EQ(plan().steps[0].before, kNow - 3 * kDay);
  EXPECT_FALSE(plan().steps[0].whole());
  pieces_[0].first = kNow - 3 * kDay;
  EXPECT_TRUE(plan().steps.empty());
  settings_.tables.clear();
  pieces_[0].first = 1;
  EXPECT_TRUE(plan().steps.empty()) << "no limit, no age";
}

TEST_F(PolicyTest, WhereRowsDoNotSayOfWhichDeviceTheyAreAllAreHeld) {
  settings_.otherwise = {days(1), 0};
  pieces_ = {piece(1, "IoTHubAudit", 5)};
  pieces_[0].by_device = false;
  Hold hold;
  hold.device = "press-1";
  holds_ = {hold};
  EXPECT_TRUE(plan().steps.empty());
  EXPECT_EQ(ids(plan().held), "1t");
}

TEST_F(PolicyTest, RowsTakenOutCountForNothing) {
  limit_disk(1'000, 950);
  pieces_ = {piece(1, kRaw, 9), piece(2, kRaw, 8), piece(3, kRaw, 7)};
  Hold hold;
  hold.device = "press-1";
  hold.to = pieces_[0].last + 1;
  holds_ = {hold};
  EXPECT_EQ(ids(plan().steps), "1t 2 3");
}

TEST_F(PolicyTest, WhatIsSoNowStaysWhateverTheLimits) {
  pieces_ = {piece(1, "DeviceTwins", 50), piece(2, "DeviceTwins", 40), piece(3, kRaw, 30)};
  for (Piece& each : pieces_)
    each.keeps_current = each.table == "DeviceTwins";
  keep("DeviceTwins", days(10));
  EXPECT_EQ(ids(plan().steps), "1t 2t");
  // Nothing can be taken out of it any more, and nobody holds it.
  pieces_[0].only_held = true;
  EXPECT_EQ(ids(plan().steps), "2t");
  EXPECT_EQ(ids(plan().held), "");
  // What is left pushes out nothing that is newer.
  keep("DeviceTwins", days(0), 150);
  EXPECT_EQ(ids(plan().steps), "");
  // The disk counts on nothing of it.
  settings_.tables.clear();
  limit_disk(1'000, 1'000);
  EXPECT_EQ(ids(plan().steps), "2t 3");
  EXPECT_EQ(plan().disk_after, 900U);
}

TEST_F(PolicyTest, WhatStaysOfOthersIsSaidOfWhatKeepsWhatIsSoNow) {
  pieces_ = {piece(1, "DeviceTwins", 50), piece(2, "DeviceTwins", 40), piece(3, "DeviceTwins", 5),
             piece(4, kRaw, 60)};
  for (Piece& each : pieces_)
    each.keeps_current = each.table == "DeviceTwins";
  keep("DeviceTwins", days(10));
  Hold hold;
  hold.device = "press-1";
  hold.to = pieces_[0].last + 1;
  Hold other = hold;
  other.table = kRaw;
  holds_ = {hold, other};
  const Plan found = plan();
  ASSERT_EQ(ids(found.steps), "1t 2t");
  // Piece 2 is still there when it is the first one's turn, and not when it is its own.
  EXPECT_EQ(found.steps[0].others_from, pieces_[1].first);
  EXPECT_EQ(found.steps[1].others_from, pieces_[2].first);
  // The hold is about no row of piece 2, but about older ones of its table.
  EXPECT_TRUE(found.steps[1].keep.empty());
  ASSERT_EQ(found.steps[1].table_holds.size(), 1U);
  EXPECT_EQ(found.steps[1].table_holds[0].to, hold.to);
}

TEST(Marks, DoNotOverflow) {
  const Marks marks = marks_of(UINT64_MAX);
  EXPECT_LT(marks.goal, marks.start);
  EXPECT_LT(marks.start, marks.stop);
  EXPECT_EQ(marks_of(1'000).stop, 920U);
}

TEST(RawChoice, TakesTypesAndGroups) {
  RawChoice choice;
  EXPECT_TRUE(choice.takes_type("Login"));
  EXPECT_FALSE(choice.needs_group());
  choice = {RawEvents::Chosen, {"Login"}, {"pumps"}};
  EXPECT_TRUE(choice.takes_type("Login"));
  EXPECT_FALSE(choice.takes_type("ProcessCreate"));
  EXPECT_TRUE(choice.needs_group());
  EXPECT_TRUE(choice.takes_group("pumps"));
  EXPECT_FALSE(choice.takes_group("default"));
  choice = {RawEvents::Chosen, {}, {"pumps"}};
  EXPECT_TRUE(choice.takes_type("ProcessCreate"));
  choice.mode = RawEvents::Off;
  EXPECT_FALSE(choice.takes_type("Login"));
  EXPECT_FALSE(choice.takes_group("pumps"));
}

}  // namespace
}  // namespace hub::retention
