// Limits on real stores.
#include "hub/retention/care_testing.h"
#include "hub/retention/shelf.h"

namespace hub::retention {
namespace {

class LimitsOnAStore : public CareTest {
 protected:
  Retention& retention(Settings settings) {
    shelf_ = make_shelf(*store_);
    Options options;
    options.settings = std::move(settings);
    options.path = data_dir() + "/state.db";
    auto opened = Retention::open(std::move(options), *shelf_);
    EXPECT_TRUE(opened);
    retention_ = std::move(*opened);
    return *retention_;
  }
  void TearDown() override {
    retention_.reset();
    CareTest::TearDown();
  }
  static Settings keep_a_day() {
    Settings settings;
    settings.otherwise = {std::chrono::days(1), 0};
    settings.tables["Usage"] = {};
    return settings;
  }
  // Changes of twins on two days: d1 changes, d2 stays as it is, d3 goes with its module.
  void append_twins() {
    store::Batch batch;
    const auto add = [&batch](std::uint64_t id, std::int64_t day, const char* device,
                              const char* module, const char* operation) {
      store::TwinRow row;
      row.id = id;
      row.time = store::day_begin(day) + static_cast<kql::Ticks>(id);
      row.device_id = device;
      row.module_id = module;
      row.operation = operation;
      row.tags = R"({"line":)" + std::to_string(id) + "}";
      batch.twins.push_back(row);
    };
    add(1, store::kDay, "d1", "", "created");
    add(2, store::kDay, "d2", "", "created");
    add(3, store::kDay, "d3", "", "created");
    add(4, store::kDay, "d3", "m", "created");
    add(5, store::kDay + 1, "d1", "", "updated");
    add(6, store::kDay + 1, "d3", "", "deleted");
    ASSERT_TRUE(store_->append(batch, ++sequence_));
  }
  std::string twins() {
    return kql(
        "DeviceTwins | order by DeviceId asc, ModuleId asc, TimeGenerated asc | "
        "summarize L = make_list(strcat(DeviceId, ModuleId, ' ', Operation)) | "
        "project strcat_array(L, ', ')");
  }
  std::string current_twins() {
    return kql(
        "DeviceTwinsCurrent | order by DeviceId asc | summarize L = "
        "make_list(strcat(DeviceId, ModuleId, ' ', Tags.line)) | "
        "project strcat_array(L, ', ')");
  }

  // Recommendations on two days: r1 is found again, r3 is resolved on the second; r2 and r4 stay as
  // they were, r5 never stood.
  void append_recommendations() {
    store::Batch batch;
    const auto add = [&batch](std::int64_t day, const char* device, const char* id,
                              const char* state) {
      store::RecommendationRow row;
      row.outbox = batch.recommendations.size() + 1;
      row.time_generated = store::day_begin(day) + static_cast<kql::Ticks>(row.outbox);
      row.device_id = device;
      row.id = id;
      row.state = state;
      row.additional_data = "{}";
      row.properties = "{}";
      batch.recommendations.push_back(row);
    };
    add(store::kDay, "d1", "r1", "Active");
    add(store::kDay, "d1", "r2", "Active");
    add(store::kDay, "d2", "r3", "Active");
    add(store::kDay, "d2", "r4", "Dismissed");
    add(store::kDay, "d2", "r5", "Resolved");
    add(store::kDay + 1, "d1", "r1", "Active");
    add(store::kDay + 1, "d2", "r3", "Resolved");
    ASSERT_TRUE(store_->append(batch, ++sequence_));
  }
  std::string recommendations() {
    return kql(
        "SecurityRecommendation | order by RecommendationId asc, TimeGenerated asc | "
        "summarize L = make_list(strcat(RecommendationId, ' ', RecommendationState)) | "
        "project strcat_array(L, ', ')");
  }

  std::unique_ptr<Shelf> shelf_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(LimitsOnAStore, PiecesGoAndHeldRowsStay) {
  append(0, kRows, kRows, 2);
  seal();
  ASSERT_EQ(list().size(), 2U);
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "case 7";
  hold.device_id = "device-3";
  hold.to = base::WallTime(std::chrono::days(store::kDay + 1));
  ASSERT_TRUE(limits.add_hold(hold));
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  ASSERT_EQ(preview->rows.size(), 2U);
  EXPECT_EQ(count(), "140") << "a dry run";
  const auto outcome = limits.apply("system");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(count(), "10") << "of the first day, of that device";
  EXPECT_EQ(count("| where DeviceId == 'device-3'"), "10");
  std::uint64_t gone = 0;
  for (const Share& share : outcome->shares)
    gone += share.rows;
  EXPECT_EQ(gone, 130U);
  EXPECT_EQ(preview->rows[0] + preview->rows[1], 130U) << "the dry run said so";
  EXPECT_TRUE(limits.apply("system")->shares.empty());
  ASSERT_TRUE(limits.release_hold(1, "admin", "over"));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(count(), "0");
  EXPECT_EQ(files(), 0U);
}

TEST_F(LimitsOnAStore, RowsInNoPieceYetGoByTheirAge) {
  append(0, kRows, kRows, 2);
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "a quote's ' case";
  hold.device_id = "device-3' OR 'a' = 'a";
  ASSERT_TRUE(limits.add_hold(hold)) << "of nobody";
  hold.device_id = "device-3";
  ASSERT_TRUE(limits.add_hold(hold));
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{120}));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(count(), "20");
  EXPECT_EQ(count("| where DeviceId == 'device-3'"), "20");
}

// Else a device whose twin nobody has changed for long would not be there any more.
TEST_F(LimitsOnAStore, TwinsAsTheyAreNowStayWhateverTheirAge) {
  append_twins();
  seal();
  ASSERT_EQ(list().size(), 2U);
  ASSERT_EQ(current_twins(), "d1 5, d2 2");
  Retention& limits = retention(keep_a_day());
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{3, 1}));
  const auto outcome = limits.apply("system");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(twins(), "d1 updated, d2 created");
  EXPECT_EQ(current_twins(), "d1 5, d2 2");
  EXPECT_TRUE(limits.apply("system")->shares.empty()) << "there is nothing more to take";
  EXPECT_EQ(limits.preview(limits.settings())->plan.held.size(), 0U) << "nobody holds them";
}

TEST_F(LimitsOnAStore, TwinsInNoPieceYetGoInTheSameWay) {
  append_twins();
  Retention& limits = retention(keep_a_day());
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(twins(), "d1 updated, d2 created");
  EXPECT_EQ(current_twins(), "d1 5, d2 2");
}

// What is held of a device that was deleted must not make it look alive.
TEST_F(LimitsOnAStore, ThatATwinWasDeletedStaysWithItsHeldRows) {
  append_twins();
  seal();
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "case 7";
  hold.device_id = "d3";
  hold.to = base::WallTime(std::chrono::days(store::kDay + 1));
  ASSERT_TRUE(limits.add_hold(hold));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(twins(), "d1 updated, d2 created, d3 created, d3 deleted, d3m created");
  EXPECT_EQ(current_twins(), "d1 5, d2 2");
  ASSERT_TRUE(limits.release_hold(1, "admin", "over"));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(twins(), "d1 updated, d2 created");
}

TEST_F(LimitsOnAStore, TwinsGoByTheirTablesSizeToo) {
  append_twins();
  seal();
  Settings settings;
  settings.tables["DeviceTwins"] = {std::chrono::days(0), 1};
  Retention& limits = retention(settings);
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(twins(), "d1 updated, d2 created");
}

// Else what is wrong with a device for long would not be known any more.
TEST_F(LimitsOnAStore, RecommendationsThatStandStayWhateverTheirAge) {
  append_recommendations();
  Retention& limits = retention(keep_a_day());
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{4}));
  EXPECT_EQ(kql("SecurityRecommendation | count"), "7") << "a dry run";
  const auto outcome = limits.apply("system");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  ASSERT_EQ(outcome->shares.size(), 1U);
  EXPECT_EQ(outcome->shares[0].rows, 4U) << "the dry run said so";
  EXPECT_EQ(recommendations(), "r1 Active, r2 Active, r4 Dismissed");
  EXPECT_TRUE(limits.apply("system")->shares.empty()) << "there is nothing more to take";
  EXPECT_EQ(limits.preview(limits.settings())->plan.held.size(), 0U) << "nobody holds them";
}

TEST_F(LimitsOnAStore, RecommendationsGoOnlyWithALimitOnTheirTable) {
  append_recommendations();
  Settings settings;
  settings.tables["SecurityRecommendation"] = {std::chrono::days(36'500), 0};
  Retention& limits = retention(settings);
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(kql("SecurityRecommendation | count"), "7") << "none is so old";
}

// What is held of a recommendation that was resolved must not make it stand again.
TEST_F(LimitsOnAStore, ThatARecommendationWasResolvedStaysWithItsHeldRows) {
  append_recommendations();
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "case 7";
  hold.device_id = "d2";
  hold.to = base::WallTime(std::chrono::days(store::kDay + 1));
  ASSERT_TRUE(limits.add_hold(hold));
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{1}));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(recommendations(),
            "r1 Active, r2 Active, r3 Active, r3 Resolved, r4 Dismissed, r5 Resolved");
  ASSERT_TRUE(limits.release_hold(1, "admin", "over"));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(recommendations(), "r1 Active, r2 Active, r4 Dismissed");
}

TEST_F(LimitsOnAStore, UsageGoesByWholeDays) {
  append(0, kRows, kRows, 2);
  store::Batch batch;
  store::OperationRow today;
  today.time = kql::to_ticks(base::wall_now());
  today.device_id = "device-3";
  batch.operations = {today};
  ASSERT_TRUE(store_->append(batch, ++sequence_));
  const auto days = [this] {
    return kql(
        "Usage | summarize N = sum(RowCount) by StartTime | order by StartTime asc | "
        "summarize L = make_list(N) | project tostring(L)");
  };
  ASSERT_EQ(days(), "[71,69,1]");
  Settings settings;
  settings.tables["Usage"] = {std::chrono::days(1), 0};
  Retention& limits = retention(settings);
  HoldRecord hold;
  hold.reason = "case 7";
  hold.device_id = "device-3";
  hold.table = "Usage";
  hold.to = base::WallTime(std::chrono::days(store::kDay + 1));
  ASSERT_TRUE(limits.add_hold(hold));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(days(), "[10,1]");
  ASSERT_TRUE(limits.release_hold(1, "admin", "over"));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(days(), "[1]");
  EXPECT_EQ(count(), "140") << "the rows themselves have no limit";
}

TEST_F(LimitsOnAStore, TheDiskIsReliefByTheOldestPiece) {
  append(0, kRows, kRows, 4);
  seal();
  ASSERT_EQ(list().size(), 4U);
  // So that one piece has to go and any will do.
  const std::uint64_t used = pieces_->disk_use()->total();
  Settings settings;
  settings.disk_max = used * 100 / 90 - 1'000;
  Retention& limits = retention(settings);
  const auto preview = limits.preview(settings);
  ASSERT_TRUE(preview);
  ASSERT_FALSE(preview->plan.steps.empty());
  EXPECT_EQ(preview->plan.steps[0].why, Why::DiskLimit);
  EXPECT_EQ(preview->plan.steps[0].piece.first, list()[0].first_generated);
}

}  // namespace
}  // namespace hub::retention
