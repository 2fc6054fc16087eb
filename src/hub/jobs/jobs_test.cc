#include "hub/jobs/jobs.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace hub::jobs {
namespace {

using base::Code;
using base::Result;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::json::Value json(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : base::json::Value();
}

const base::WallTime kNow{std::chrono::seconds(1'800'000'000)};

std::string method_job(std::string_view more = "") {
  return R"({"type":"scheduleDeviceMethod","queryCondition":"all","cloudToDeviceMethod":
             {"methodName":"reboot"})" +
         std::string(more) + "}";
}

TEST(ReadJob, TakesWhatTheSdkSends) {
  const auto job = read_job(
      json(R"({"jobId":"j1","type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},
               "queryCondition":" deviceId IN ['d1'] ","startTime":"2027-01-16T08:00:00.000Z",
               "maxExecutionTimeInSeconds":120})"),
      "j1", kNow);
  ASSERT_TRUE(job) << job.error().to_string();
  EXPECT_EQ(job->kind, Kind::UpdateTwin);
  EXPECT_EQ(job->condition, "deviceId IN ['d1']");
  EXPECT_EQ(base::format_rfc3339(job->start, 0), "2027-01-16T08:00:00Z");
  EXPECT_EQ(job->max_execution, 120s);
  const auto at_once = read_job(json(method_job(R"(,"startTime":"")")), "j1", kNow);
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->start, kNow);
  EXPECT_EQ(at_once->max_execution, 3600s);
  EXPECT_TRUE(read_job(json(method_job(R"(,"startTime":null)")), "j1", kNow));
}

TEST(ReadJob, RefusesTheRest) {
  for (const std::string& text : {
           std::string("[]"),
           std::string(R"({"type":"scheduleUpdateTwin","updateTwin":{}})"),
           std::string(R"({"type":"other","queryCondition":"x"})"),
           std::string(R"({"type":"scheduleUpdateTwin","queryCondition":"x"})"),
           std::string(R"({"type":"scheduleDeviceMethod","queryCondition":"x",
                           "cloudToDeviceMethod":{}})"),
           method_job(R"(,"jobId":"other")"),
           method_job(R"(,"startTime":"soon")"),
           method_job(R"(,"startTime":7)"),
           method_job(R"(,"maxExecutionTimeInSeconds":0)"),
           method_job(R"(,"maxExecutionTimeInSeconds":"1")"),
       }) {
    EXPECT_FALSE(read_job(json(text), "j1", kNow)) << text;
  }
  EXPECT_FALSE(read_job(json(method_job()), "a/b", kNow));
  EXPECT_FALSE(read_job(json(method_job()), "", kNow));
}

// A hub of a few devices, whose answers the test gives.
class JobsTest : public ::testing::Test {
 protected:
  JobsTest() {
    std::string pattern = ::testing::TempDir() + "jobs.XXXXXX";
    path_ = std::string(::mkdtemp(pattern.data())) + "/state.db";
    options_.path = path_;
    options_.now = [this] {
      const std::lock_guard lock(mutex_);
      return now_;
    };
    open();
  }
  ~JobsTest() override { jobs_.reset(); }

  void open() {
    jobs_.reset();
    World world;
    world.check = [](std::string_view condition) -> Result<void> {
      if (condition != "nonsense") return {};
      return base::fail(Code::Invalid, "condition", -1, "1:1: nonsense");
    };
    world.select = [this](std::string_view condition, const World::Visit& visit) -> Result<void> {
      if (condition == "breaks") return base::fail(Code::Invalid, "condition", -1, "it broke");
      for (int i = 0; i < devices_; ++i)
        visit({"d" + std::to_string(i), ""});
      return {};
    };
    world.execute = [this](const Job&, const identity::Name& name, World::Done done) {
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(name.device_id);
        if (!at_once_) waiting_[name.device_id] = done;
      }
      wake_.notify_all();
      if (at_once_) done({Status::Completed, R"({"status":200,"payload":null})", {}, {}});
    };
    auto opened = Jobs::open(options_, std::move(world), operations_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    jobs_ = std::move(*opened);
  }

  Result<Job> create(const std::string& id, const std::string& body = method_job()) {
    auto job = read_job(json(body), id, options_.now());
    EXPECT_TRUE(job) << job.error().to_string();
    job->actor = "test";
    return jobs_->create(std::move(*job));
  }

  template <class Check>
  void until(Check check, const char* what) {
    const auto deadline = base::mono_now() + 60s;
    while (!check()) {
      ASSERT_LT(base::mono_now(), deadline) << what;
      jobs_->wake();
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, 5ms);
    }
  }
  void until_status(const std::string& id, Status status) {
    until([&] { return jobs_->get(id)->status == status; }, "the job's status");
  }
  void until_asked(std::size_t count) {
    until(
        [&] {
          const std::lock_guard lock(mutex_);
          return asked_.size() >= count;
        },
        "devices asked");
  }
  void answer(const std::string& device, Outcome outcome = {}) {
    World::Done done;
    {
      const std::lock_guard lock(mutex_);
      done = waiting_.at(device);
      waiting_.erase(device);
    }
    done(std::move(outcome));
  }
  std::size_t asked() {
    const std::lock_guard lock(mutex_);
    return asked_.size();
  }
  void pass(std::chrono::seconds time) {
    const std::lock_guard lock(mutex_);
    now_ += time;
  }

  std::string path_;
  Options options_;
  operations::Operations operations_;
  int devices_ = 3;
  std::atomic<bool> at_once_ = true;
  std::mutex mutex_;
  std::condition_variable wake_;
  base::WallTime now_ = kNow;
  std::vector<std::string> asked_;
  std::map<std::string, World::Done> waiting_;
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(JobsTest, AsksEachDeviceOnce) {
  devices_ = 1'500;  // more than one transaction takes
  const auto created = create("j1");
  ASSERT_TRUE(created);
  EXPECT_EQ(created->status, Status::Queued);
  until_status("j1", Status::Completed);
  const auto job = jobs_->get("j1");
  EXPECT_EQ(job->statistics.succeeded, 1'500U);
  EXPECT_EQ(job->statistics.total(), 1'500U);
  EXPECT_TRUE(job->ended);
  EXPECT_EQ(asked(), 1'500U);
  const std::set<std::string> different(asked_.begin(), asked_.end());
  EXPECT_EQ(different.size(), 1'500U);
  EXPECT_EQ(jobs_->counters().devices_succeeded.value(), 1'500U);
}

TEST_F(JobsTest, OnlySoManyAtATime) {
  options_.concurrency = 2;
  open();
  at_once_ = false;
  ASSERT_TRUE(create("j1"));
  until_asked(2);
  EXPECT_EQ(jobs_->get("j1")->statistics.pending, 1U);
  EXPECT_EQ(jobs_->get("j1")->statistics.running, 2U);
  answer("d0", {Status::Failed, {}, "DeviceNotOnline", "away"});
  until_asked(3);
  answer("d1");
  answer("d2", {Status::Completed, R"({"status":201,"payload":{"a":1}})", {}, {}});
  until_status("j1", Status::Completed);
  EXPECT_EQ(jobs_->get("j1")->statistics.failed, 1U);

  const auto rows = jobs_->device_jobs({}, 10);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 3U);
  const auto failed = to_value(rows->at(0));
  EXPECT_EQ(failed.text_or("status", ""), "failed");
  EXPECT_EQ(failed.find("error")->text_or("code", ""), "DeviceNotOnline");
  EXPECT_EQ(to_value(rows->at(2)).find("outcome")->to_json(),
            R"({"deviceMethodResponse":{"status":201,"payload":{"a":1}}})");
  EXPECT_EQ(to_value(rows->at(2)).text_or("jobType", ""), "scheduleDeviceMethod");
  const auto later = jobs_->device_jobs({"j1", {"d1", ""}}, 10);
  ASSERT_EQ(later->size(), 1U);
  EXPECT_EQ(later->at(0).name.device_id, "d2");
}

TEST_F(JobsTest, WaitsForItsTime) {
  ASSERT_TRUE(create("j1", method_job(R"(,"startTime":"2027-01-16T08:00:00Z")")));
  ASSERT_TRUE(create("j2"));
  until_status("j2", Status::Completed);
  EXPECT_EQ(jobs_->get("j1")->status, Status::Queued);
  EXPECT_EQ(asked(), 3U);
  pass(std::chrono::hours(24 * 365));
  until_status("j1", Status::Completed);
  EXPECT_EQ(asked(), 6U);
}

TEST_F(JobsTest, CanBeCancelledBeforeAndWhileItRuns) {
  ASSERT_TRUE(create("j1", method_job(R"(,"startTime":"2027-01-16T08:00:00Z")")));
  EXPECT_EQ(jobs_->cancel("j1", "ann")->status, Status::Cancelled);
  options_.concurrency = 1;
  open();
  at_once_ = false;
  ASSERT_TRUE(create("j2"));
  until_asked(1);
  const auto cancelled = jobs_->cancel("j2", "ann");
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->statistics.cancelled, 2U);
  answer("d0");
  until([&] { return jobs_->get("j2")->statistics.succeeded == 1; }, "the one that ran");
  EXPECT_EQ(jobs_->get("j2")->status, Status::Cancelled);
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(jobs_->cancel("none", "ann").error().code, Code::NotFound);
  const auto record = operations_.recent(1).at(0);
  EXPECT_EQ(record.operation, "cancel");
  EXPECT_EQ(record.actor, "ann");
  EXPECT_EQ(record.category, operations::Category::JobsOperations);
}

TEST_F(JobsTest, EndsWhenItsTimeIsOver) {
  options_.concurrency = 1;
  open();
  at_once_ = false;
  ASSERT_TRUE(create("j1", method_job(R"(,"maxExecutionTimeInSeconds":60)")));
  until_asked(1);
  pass(61s);
  until_status("j1", Status::Failed);
  EXPECT_EQ(jobs_->get("j1")->statistics.failed, 3U);
  EXPECT_THAT(jobs_->get("j1")->failure, HasSubstr("time"));
  answer("d0");  // too late
  ASSERT_TRUE(create("j2"));
  until_asked(2);
  EXPECT_EQ(jobs_->get("j1")->statistics.failed, 3U);
}

TEST_F(JobsTest, GoesOnAfterARestart) {
  options_.concurrency = 2;
  open();
  at_once_ = false;
  ASSERT_TRUE(create("method"));
  until_asked(2);
  ASSERT_TRUE(create("twin", R"({"type":"scheduleUpdateTwin","queryCondition":"all",
                                 "updateTwin":{"tags":{"a":1}}})"));
  until_asked(4);
  answer("d0");
  until(
      [&] {
        return jobs_->get("method")->statistics.succeeded +
                   jobs_->get("twin")->statistics.succeeded ==
               1;
      },
      "the answer kept");
  at_once_ = true;
  open();
  until_status("method", Status::Completed);
  until_status("twin", Status::Completed);
  // What may have been carried out is not called again; a twin's update does no harm twice.
  const auto method = jobs_->get("method")->statistics;
  EXPECT_GE(method.failed, 1U);
  EXPECT_EQ(method.failed + method.succeeded, 3U);
  EXPECT_EQ(jobs_->get("twin")->statistics.succeeded, 3U);
  bool found = false;
  const auto rows = jobs_->device_jobs({}, 10);
  for (const DeviceJob& row : *rows)
    found = found || (row.job_id == "method" && row.error_code == "HubRestarted");
  EXPECT_TRUE(found);
}

TEST_F(JobsTest, RefusesWhatCannotBe) {
  EXPECT_EQ(create("j1", R"({"type":"scheduleUpdateTwin","queryCondition":"nonsense",
                             "updateTwin":{"tags":{}}})")
                .error()
                .code,
            Code::Invalid);
  ASSERT_TRUE(create("j1"));
  EXPECT_EQ(create("j1").error().code, Code::Exists);
  EXPECT_EQ(jobs_->get("none").error().code, Code::NotFound);
  // A condition that only shows its fault when it is used.
  ASSERT_TRUE(create("j2", R"({"type":"scheduleUpdateTwin","queryCondition":"breaks",
                               "updateTwin":{"tags":{}}})"));
  until_status("j2", Status::Failed);
  EXPECT_EQ(jobs_->get("j2")->failure, "it broke");
  until_status("j1", Status::Completed);
  options_.max_unfinished = 1;
  open();
  at_once_ = false;
  ASSERT_TRUE(create("j3"));
  EXPECT_EQ(create("j4").error().code, Code::Full);
}

TEST_F(JobsTest, AreListedAndForgotten) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(create(id));
    until_status(id, Status::Completed);
  }
  const auto ids = [](const Result<std::vector<Job>>& jobs) {
    std::vector<std::string> found;
    for (const Job& job : *jobs)
      found.push_back(job.id);
    return found;
  };
  EXPECT_THAT(ids(jobs_->list({}, {}, "", 2)), ElementsAre("a", "b"));
  EXPECT_THAT(ids(jobs_->list(Kind::DeviceMethod, Status::Completed, "b", 2)), ElementsAre("c"));
  EXPECT_TRUE(jobs_->list(Kind::UpdateTwin, {}, "", 2)->empty());
  EXPECT_TRUE(jobs_->list({}, Status::Queued, "", 2)->empty());
  pass(std::chrono::hours(24 * 31));
  until([&] { return jobs_->list({}, {}, "", 10)->empty(); }, "old jobs forgotten");
  EXPECT_TRUE(jobs_->device_jobs({}, 10)->empty());
}

}  // namespace
}  // namespace hub::jobs
