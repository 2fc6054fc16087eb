#include "hub/job_world.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/scratch_testing.h"

namespace hub {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class JobWorldTest : public ::testing::Test {
 protected:
  JobWorldTest() {
    const std::string path = folder_ / "state.db";
    registry_ = std::move(*identity::Registry::open({path, "hub.example"}, operations_));
    twins::Options twin_options;
    twin_options.path = path;
    twins_ = std::move(*twins::Twins::open(std::move(twin_options), *registry_, operations_));
    methods_ =
        std::make_unique<commands::Methods>(commands::MethodOptions{}, *registry_, operations_);
    queries::Options query_options;
    query_options.path = path;
    queries_ = std::move(*queries::TwinQueries::open(std::move(query_options), *registry_));
    for (const char* device : {"d1", "d2", "d3"})
      add({device, ""});
    add({"d2", "pump"});
    twins::Update update;
    update.tags = *base::json::parse(R"({"floor":3})");
    EXPECT_TRUE(twins_->update({"d2", ""}, update, "test"));
    EXPECT_TRUE(twins_->update({"d3", ""}, update, "test"));
  }
  void add(const identity::Name& name) {
    identity::NewIdentity wanted;
    wanted.name = name;
    EXPECT_TRUE(registry_->create(wanted, "test"));
  }
  jobs::World world() { return make_job_world(*queries_, *twins_, *methods_); }
  std::vector<std::string> selected(std::string_view condition) {
    std::vector<std::string> names;
    const auto done = world().select(condition, [&names](const identity::Name& name) {
      names.push_back(name.is_module() ? name.device_id + "/" + name.module_id : name.device_id);
    });
    EXPECT_TRUE(done) << done.error().to_string();
    return names;
  }

  os::ScratchDir folder_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<commands::Methods> methods_;
  std::unique_ptr<queries::TwinQueries> queries_;
  std::unique_ptr<jobs::Jobs> jobs_;
};

TEST_F(JobWorldTest, SelectsByTheTwinQueryLanguage) {
  EXPECT_THAT(selected("*"), ElementsAre("d1", "d2", "d3"));
  EXPECT_THAT(selected("tags.floor = 3"), ElementsAre("d2", "d3"));
  EXPECT_THAT(selected("deviceId IN ['d1', 'd3'] AND tags.floor = 3"), ElementsAre("d3"));
  EXPECT_THAT(selected("FROM devices.modules"), ElementsAre("d2/pump"));
  EXPECT_THAT(selected("FROM devices.modules WHERE moduleId = 'other'"), ElementsAre());
  for (const char* wrong : {"deviceId IS", "FROM devices.jobs", "'); DROP TABLE job; --"}) {
    const auto checked = world().check(wrong);
    ASSERT_FALSE(checked) << wrong;
    EXPECT_EQ(checked.error().code, Code::Invalid);
    EXPECT_THAT(checked.error().detail, HasSubstr("queryCondition: "));
    EXPECT_FALSE(world().select(wrong, [](const identity::Name&) {}));
  }
}

TEST_F(JobWorldTest, QueriesSeeWhatBecameOfEachDevice) {
  jobs::Options options;
  options.path = folder_ / "state.db";
  jobs_ = std::move(*jobs::Jobs::open(std::move(options), world(), operations_));
  queries_->set_jobs(make_job_scan(*jobs_));
  for (const char* id : {"first", "second"}) {
    const auto job = jobs::read_job(
        *base::json::parse(R"({"type":"scheduleUpdateTwin","queryCondition":"tags.floor = 3",
                               "updateTwin":{"tags":{"seen":true}}})"),
        id, base::wall_now());
    ASSERT_TRUE(job);
    ASSERT_TRUE(jobs_->create(*job));
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (const char* id : {"first", "second"}) {
    while (jobs_->get(id)->status != jobs::Status::Completed &&
           std::chrono::steady_clock::now() < limit)
      std::this_thread::yield();
  }
  EXPECT_EQ(twins_->get({"d3", ""})->tags.properties.to_json(), R"({"floor":3,"seen":true})");
  // One row a page: the continuation names the row before.
  std::vector<std::string> rows;
  queries::Question question{"SELECT jobId, deviceId, status FROM devices.jobs", 1, {}};
  do {
    const auto page = queries_->run(question);
    ASSERT_TRUE(page) << page.error().error.to_string();
    rows.insert(rows.end(), page->items.begin(), page->items.end());
    question.continuation = page->continuation;
  } while (!question.continuation.empty());
  EXPECT_THAT(rows, ElementsAre(R"({"jobId":"first","deviceId":"d2","status":"completed"})",
                                R"({"jobId":"first","deviceId":"d3","status":"completed"})",
                                R"({"jobId":"second","deviceId":"d2","status":"completed"})",
                                R"({"jobId":"second","deviceId":"d3","status":"completed"})"));
  jobs_->stop();
}

}  // namespace
}  // namespace hub
