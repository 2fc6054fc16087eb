// Limits, holds, usage, backups and transfers, over HTTP.
#include "hub/retention/retention.h"

#include <gtest/gtest.h>

#include "hub/api/server_testing.h"
#include "hub/retention/care.h"
#include "hub/retention/shelf.h"

namespace hub::api {
namespace {

class RetentionRoutes : public ServerTest {
 protected:
  ~RetentionRoutes() override {
    if (care_) care_->stop();
    server_->stop();
  }

  void add_parts(Dependencies& dependencies) override {
    retention::Options options;
    options.settings = retention::default_settings();
    options.settings.currency = "EUR";
    options.settings.cost_per_gib = 2;
    options.path = dir_ + "/state.db";
    shelf_ = retention::make_shelf(*events_);
    retention_ = must(retention::Retention::open(std::move(options), *shelf_));
    retention::Care::Options caring;
    caring.data_dir = dir_;
    caring.backup_dir = dir_ + "/backups";
    caring.events = "events.duckdb";
    caring.databases = {"state.db"};
    caring.made_by = "1.2.3";
    caring.scratch = dir_ + "/export";
    care_ = std::make_unique<retention::Care>(*events_, std::move(caring));
    dependencies.retention = retention_.get();
    dependencies.care = care_.get();
  }

  // Old events of one day, in one piece.
  void store_events(std::size_t count) {
    store::Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
      store::EventRow row;
      row.time_generated = kql::to_ticks(base::wall_now()) - 200 * kql::kTicksPerDay;
      row.time_stamp = row.time_generated;
      row.device_id = i % 2 == 0 ? "press-1" : "lathe-1";
      row.event_id = base::Guid::random();
      row.name = "ProcessCreate";
      row.details = "{}";
      batch.events.push_back(row);
    }
    ASSERT_TRUE(events_->append(batch, ++sequence_));
    ASSERT_TRUE(care_->compact());
  }
  Reply post(const std::string& path, const std::string& body, const Headers& headers) {
    return send("POST", path, body, headers);
  }

  std::uint64_t sequence_ = 0;
  std::unique_ptr<retention::Shelf> shelf_;
  std::unique_ptr<retention::Retention> retention_;
  std::unique_ptr<retention::Care> care_;
};

TEST_F(RetentionRoutes, ShowsPlansAndApplies) {
  start();
  store_events(10);
  const auto shown = get("/api/v1/retention", token(Role::Reader)).json();
  EXPECT_EQ(shown.find("tables")->if_array()->at(0).text_or("table", ""), "SecurityIoTRawEvent");
  EXPECT_EQ(shown.find("tables")->if_array()->at(0).find("rows")->to_json(), "10");
  const auto plan = get("/api/v1/retention/plan", token(Role::Reader)).json();
  ASSERT_EQ(plan.find("items")->if_array()->size(), 1U);
  EXPECT_EQ(plan.find("rows")->to_json(), "10");
  EXPECT_EQ(get("/api/v1/retention/plan?maxAge=365d", owner()).json().find("rows")->to_json(), "0");
  EXPECT_EQ(post("/api/v1/retention/apply", "", token(Role::Analyst)).status, 403U);
  const auto outcome = post("/api/v1/retention/apply", "", owner()).json();
  EXPECT_EQ(outcome.find("items")->if_array()->at(0).find("rows")->to_json(), "10");
  EXPECT_EQ(get("/api/v1/retention/plan", owner()).json().find("items")->if_array()->size(), 0U);
}

TEST_F(RetentionRoutes, HoldsAreMadeShownAndReleased) {
  start();
  store_events(10);
  EXPECT_EQ(post("/api/v1/holds", R"({"reason":"x"})", token(Role::Analyst)).status, 403U);
  EXPECT_EQ(post("/api/v1/holds", R"({"reason":" "})", owner()).status, 400U);
  const Reply made = post("/api/v1/holds", R"({"reason":"case 7","deviceId":"press-1"})", owner());
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(get("/api/v1/retention/plan", owner()).json().find("rows")->to_json(), "5");
  const std::string path = "/api/v1/holds/" + std::string(made.json().text_or("id", ""));
  EXPECT_EQ(get(path, token(Role::Reader)).json().text_or("reason", ""), "case 7");
  EXPECT_EQ(get("/api/v1/holds/x", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/holds/999", owner()).status, 404U);
  EXPECT_EQ(post(path + "/release", "{}", owner()).status, 400U);
  EXPECT_EQ(post(path + "/release", R"({"reason":"over"})", owner()).status, 200U);
  EXPECT_EQ(post(path + "/release", R"({"reason":"over"})", owner()).status, 409U);
  EXPECT_EQ(post("/api/v1/holds/999/release", R"({"reason":"over"})", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/holds", owner()).json().find("items")->if_array()->size(), 0U);
  EXPECT_EQ(get("/api/v1/holds?all=true", owner()).json().find("items")->if_array()->size(), 1U);
  EXPECT_EQ(get("/api/v1/holds?all=maybe", owner()).status, 400U);
}

TEST_F(RetentionRoutes, BackupsAndChecksAnswerWhenTheyAreDone) {
  start();
  store_events(10);
  EXPECT_EQ(post("/api/v1/store/verify", "", token(Role::Analyst)).status, 403U);
  EXPECT_EQ(post("/api/v1/store/verify", "", owner()).json().find("sound")->to_json(), "true");
  EXPECT_EQ(post("/api/v1/store/compact", "", owner()).status, 200U);
  EXPECT_EQ(post("/api/v1/backups", R"({"name":"../x"})", owner()).status, 400U);
  EXPECT_EQ(post("/api/v1/backups", R"({"name":"one"})", owner()).status, 201U);
  EXPECT_EQ(post("/api/v1/backups", R"({"name":"one"})", owner()).status, 409U);
  EXPECT_EQ(get("/api/v1/backups", owner()).json().find("items")->if_array()->size(), 1U);
  EXPECT_EQ(get("/api/v1/backups", token(Role::Reader)).status, 403U);
  EXPECT_EQ(post("/api/v1/backups/one/check", "", owner()).status, 200U);
  EXPECT_EQ(post("/api/v1/backups/two/check", "", owner()).status, 404U);
}

TEST_F(RetentionRoutes, RowsGoOutAndComeInParts) {
  start();
  store_events(10);
  const Reply out = get("/api/v1/store/export?table=SecurityIoTRawEvent&format=ndjson", owner());
  ASSERT_EQ(out.status, 200U);
  EXPECT_EQ(get("/api/v1/store/export?table=SecurityIoTRawEvent&format=csv", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/store/export?table=Nothing", owner()).status, 400U);
  ASSERT_TRUE(retention_->apply("system"));
  const Reply begun = post("/api/v1/store/imports",
                           R"({"table":"SecurityIoTRawEvent","format":"ndjson"})", owner());
  ASSERT_EQ(begun.status, 201U) << begun.body;
  const std::string path = "/api/v1/store/imports/" + std::string(begun.json().text_or("id", ""));
  const std::size_t half = out.body.size() / 2;
  EXPECT_EQ(send("PUT", path + "/content?offset=1", "x", owner()).status, 400U);
  EXPECT_EQ(send("PUT", path + "/content", out.body.substr(0, half), owner()).status, 204U);
  EXPECT_EQ(
      send("PUT", path + "/content?offset=" + std::to_string(half), out.body.substr(half), owner())
          .status,
      204U);
  const Reply done = post(path + "/run", "", owner());
  ASSERT_EQ(done.status, 200U) << done.body;
  EXPECT_EQ(done.json().find("rowsAdded")->to_json(), "10");
  EXPECT_EQ(post(path + "/run", "", owner()).status, 404U);
  EXPECT_EQ(send("PUT", "/api/v1/store/imports/none/content", "x", owner()).status, 404U);
}

}  // namespace
}  // namespace hub::api
