#include "hub/queries/twin_queries.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "hub/queries/continuation.h"
#include "hub/queries/security_group.h"
#include "hub/twins/twins.h"

namespace hub::queries {
namespace {

using base::json::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TwinQueriesTest : public ::testing::Test {
 protected:
  TwinQueriesTest() {
    std::string pattern = ::testing::TempDir() + "queries.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    path_ = dir_ + "/state.db";
    registry_ = std::move(*identity::Registry::open({path_, "hub"}, operations_));
    twins::Options options;
    options.path = path_;
    twins_ = std::move(*twins::Twins::open(std::move(options), *registry_, operations_));
    reopen({path_});
  }
  ~TwinQueriesTest() override { std::filesystem::remove_all(dir_); }

  void reopen(Options options) {
    auto opened = TwinQueries::open(std::move(options), *registry_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    queries_ = std::move(*opened);
  }

  void add(const std::string& device, const std::string& module = {},
           identity::Status status = identity::Status::Enabled) {
    const auto made = registry_->create({{device, module}, status, "", {}}, "test");
    ASSERT_TRUE(made) << made.error().to_string();
  }
  void tag(const std::string& device, const std::string& tags, const std::string& module = {}) {
    twins::Update update;
    update.tags = *base::json::parse(tags);
    const auto changed = twins_->update({device, module}, update, "test");
    ASSERT_TRUE(changed) << changed.error().to_string();
  }
  void desire(const std::string& device, const std::string& desired) {
    twins::Update update;
    update.desired = *base::json::parse(desired);
    ASSERT_TRUE(twins_->update({device, ""}, update, "test"));
  }

  // All pages of that size, and how many there were.
  std::vector<std::string> ask(const std::string& query, std::size_t limit = 100) {
    std::vector<std::string> rows;
    pages_ = 0;
    Question question{query, limit, {}};
    do {
      auto page = queries_->run(question);
      if (!page) {
        ADD_FAILURE() << query << ": " << page.error().error.to_string();
        return rows;
      }
      ++pages_;
      EXPECT_LE(page->items.size(), limit);
      for (std::string& item : page->items)
        rows.push_back(std::move(item));
      question.continuation = page->continuation;
    } while (!question.continuation.empty());
    return rows;
  }
  std::vector<std::string> ids(const std::string& condition, std::size_t limit = 100) {
    std::vector<std::string> found;
    for (const std::string& row : ask("SELECT deviceId FROM devices WHERE " + condition, limit))
      found.emplace_back(base::json::parse(row)->text_or("deviceId", "?"));
    return found;
  }
  base::Error error_of(const Question& question) {
    const auto page = queries_->run(question);
    EXPECT_FALSE(page);
    return page ? base::Error{} : page.error().error;
  }

  std::string dir_;
  std::string path_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<TwinQueries> queries_;
  int pages_ = 0;
};

TEST_F(TwinQueriesTest, SelectsByEverythingThatATwinHas) {
  add("d1");
  add("d2", "", identity::Status::Disabled);
  add("d3");
  add("d1", "m1");
  tag("d1", R"({"site":"north","n":3,"on":true,"we\u00efrd-name":"x"})");
  tag("d2", R"({"site":"south","n":3.5,"deep":{"a":[{"b":"c"}]}})");
  desire("d1", R"({"a":{"b":1}})");
  (void)registry_->connected({"d3", ""}, "sdk", "192.0.2.1");

  EXPECT_THAT(ids("deviceId = 'd1'"), ElementsAre("d1"));
  EXPECT_THAT(ids("deviceId IN ['d3', 'd1', 'x']"), ElementsAre("d1", "d3"));
  EXPECT_THAT(ids("STARTSWITH(deviceId, 'd')"), ElementsAre("d1", "d2", "d3"));
  EXPECT_THAT(ids("STARTSWITH(deviceId, 'd2') OR tags.site = 'north'"), ElementsAre("d1", "d2"));
  EXPECT_THAT(ids("status = 'disabled'"), ElementsAre("d2"));
  EXPECT_THAT(ids("status = 'gone'"), IsEmpty());
  EXPECT_THAT(ids("tags.site = 'north'"), ElementsAre("d1"));
  EXPECT_THAT(ids("tags.site != 'north'"), ElementsAre("d2"));
  EXPECT_THAT(ids("NOT IS_DEFINED(tags.site)"), ElementsAre("d3"));
  EXPECT_THAT(ids("tags.n = 3"), ElementsAre("d1"));
  EXPECT_THAT(ids("tags.n IN [3.0, 3.5]"), ElementsAre("d1", "d2"));
  EXPECT_THAT(ids("tags.on = true"), ElementsAre("d1"));
  EXPECT_THAT(ids("tags.on = 1"), IsEmpty());
  EXPECT_THAT(ids("tags.deep.a[0].b = 'c'"), ElementsAre("d2"));
  EXPECT_THAT(ids("tags.[[we\xC3\xAFrd-name]] = 'x'"), ElementsAre("d1"));
  EXPECT_THAT(ids("properties.desired.a.b = 1"), ElementsAre("d1"));
  EXPECT_THAT(ids("properties.desired.$version = 2"), ElementsAre("d1"));
  EXPECT_THAT(ids("IS_DEFINED(properties.desired.$metadata.a.$lastUpdated)"), ElementsAre("d1"));
  EXPECT_THAT(ids("IS_OBJECT(properties.reported.$metadata)"), ElementsAre("d1", "d2", "d3"));
  EXPECT_THAT(ids("connectionState = 'Connected'"), ElementsAre("d3"));
  EXPECT_THAT(ids("lastActivityTime > '2020-01-01'"), ElementsAre("d3"));
  EXPECT_THAT(ids("authenticationType = 'sas' AND capabilities.iotEdge = false AND version > 1"),
              ElementsAre("d1", "d2"));
  EXPECT_THAT(ids("deviceId != etag AND IS_NULL(x509Thumbprint.primaryThumbprint)"),
              ElementsAre("d1", "d2", "d3"));
  EXPECT_THAT(ask("SELECT deviceId, moduleId FROM devices.modules WHERE moduleId = 'm1'"),
              ElementsAre(R"({"deviceId":"d1","moduleId":"m1"})"));
  EXPECT_THAT(ask("SELECT * FROM devices.jobs"), IsEmpty());
}

TEST_F(TwinQueriesTest, GivesWholeTwins) {
  add("d1");
  tag("d1", R"({"site":"north"})");
  desire("d1", R"({"a":1})");
  add("d2");
  const auto page = queries_->run({"SELECT * FROM devices"});
  ASSERT_TRUE(page);
  EXPECT_EQ(to_string(page->type), "Twin");
  ASSERT_EQ(page->items.size(), 2U);
  const auto first = base::json::parse(page->items[0]);
  ASSERT_TRUE(first) << page->items[0];
  const auto twin = twins_->get({"d1", ""});
  EXPECT_EQ(first->text_or("etag", ""), twin->etag);
  const Value* desired = first->find("properties")->find("desired");
  EXPECT_EQ(*desired->find("a")->if_int(), 1);
  EXPECT_EQ(*desired->find("$version")->if_int(), 2);
  EXPECT_EQ(desired->find("$metadata")->to_json(), twin->desired.metadata.to_json());
  EXPECT_EQ(first->find("tags")->to_json(), R"({"site":"north"})");
  // One that was never touched.
  const auto second = base::json::parse(page->items[1]);
  ASSERT_TRUE(second) << page->items[1];
  EXPECT_EQ(
      second->find("properties")->to_json(),
      R"({"desired":{"$metadata":{},"$version":1},"reported":{"$metadata":{},"$version":1}})");
  EXPECT_THAT(ask("SELECT properties.desired AS d FROM devices WHERE deviceId = 'd2'"),
              ElementsAre(R"({"d":{"$metadata":{},"$version":1}})"));
}

TEST_F(TwinQueriesTest, TheTwinOfADeletedDeviceIsNotItsSuccessors) {
  add("d1");
  tag("d1", R"({"site":"north"})");
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test"));
  add("d1");
  EXPECT_THAT(ids("tags.site = 'north'"), IsEmpty());
  EXPECT_THAT(ids("NOT IS_DEFINED(tags.site)"), ElementsAre("d1"));
}

TEST_F(TwinQueriesTest, PagesMeetWithoutGapsWhateverChanges) {
  for (int i = 0; i < 25; ++i)
    add("d" + std::to_string(100 + i));
  EXPECT_EQ(ask("SELECT deviceId FROM devices", 7).size(), 25U);
  EXPECT_EQ(pages_, 4);
  EXPECT_EQ(ask("SELECT TOP 10 deviceId FROM devices", 4).size(), 10U);
  EXPECT_EQ(pages_, 3);
  EXPECT_EQ(ask("SELECT deviceId FROM devices", 25).size(), 25U);
  EXPECT_EQ(pages_, 1) << "nothing follows a page that has the last row";
  EXPECT_EQ(ask("SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId", 10).size(), 25U);
  EXPECT_EQ(pages_, 3);
  EXPECT_EQ(ask("SELECT TOP 12 deviceId FROM devices GROUP BY deviceId", 10).size(), 12U);
  EXPECT_EQ(pages_, 2);

  Question question{"SELECT deviceId FROM devices", 10, {}};
  auto page = queries_->run(question);
  ASSERT_TRUE(registry_->remove({"d109", ""}, "", "test"));  // the last of the page
  add("d000");
  question.continuation = page->continuation;
  page = queries_->run(question);
  EXPECT_EQ(page->items.front(), R"({"deviceId":"d110"})");
}

TEST_F(TwinQueriesTest, ContinuationsAreOurs) {
  for (int i = 0; i < 5; ++i)
    add("d" + std::to_string(i));
  const Question first{"SELECT deviceId FROM devices", 2, {}};
  const std::string good = queries_->run(first)->continuation;
  ASSERT_FALSE(good.empty());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string forged = good;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(error_of({first.query, 2, forged}).code, base::Code::Invalid) << i;
  }
  for (const std::string& wrong : {std::string("x"), std::string("AAAA"), good + good,
                                   good.substr(0, good.size() - 4), std::string(20'000, 'A')})
    EXPECT_EQ(error_of({first.query, 2, wrong}).code, base::Code::Invalid);
  EXPECT_THAT(error_of({"SELECT * FROM devices", 2, good}).detail, HasSubstr("not of this query"));
  // It outlives the process.
  reopen({path_});
  const auto page = queries_->run({first.query, 2, good});
  ASSERT_TRUE(page);
  EXPECT_THAT(page->items, ElementsAre(R"({"deviceId":"d2"})", R"({"deviceId":"d3"})"));
}

TEST_F(TwinQueriesTest, PagesAreBoundedInBytesAndTime) {
  for (int i = 0; i < 20; ++i)
    add("d" + std::to_string(10 + i));
  Options small{path_};
  small.max_page_bytes = 100;
  reopen(small);
  EXPECT_EQ(ask("SELECT deviceId FROM devices").size(), 20U);
  EXPECT_EQ(pages_, 4);  // 18 bytes a row
  for (int i = 0; i < 200; ++i)
    add("e" + std::to_string(100 + i));
  Options hasty{path_};
  hasty.page_time = std::chrono::milliseconds(0);
  hasty.query_time = std::chrono::milliseconds(0);
  reopen(hasty);
  EXPECT_EQ(ask("SELECT deviceId FROM devices WHERE tags.x = 1 OR deviceId = 'e299'").size(), 1U);
  EXPECT_EQ(pages_, 4) << "pages without a row lead to the one that has it";
  EXPECT_EQ(error_of({"SELECT COUNT() AS n FROM devices"}).code, base::Code::Expired);
}

TEST_F(TwinQueriesTest, SaysWhatIsWrong) {
  const auto page = queries_->run({"SELECT * FROM devices WHERE tags.a == "});
  ASSERT_FALSE(page);
  ASSERT_TRUE(page.error().problem);
  EXPECT_EQ(page.error().problem->column, 39U);
  EXPECT_THAT(page.error().error.to_string(), HasSubstr("1:39"));
}

TEST_F(TwinQueriesTest, Counts) {
  for (const char* id : {"d1", "d2", "d3"})
    add(id);
  tag("d2", R"({"a":1})");
  const auto count = [&](const char* text) { return *queries_->count(*iotql::Query::parse(text)); };
  EXPECT_EQ(count("SELECT deviceId FROM devices"), 3U);
  EXPECT_EQ(count("SELECT * FROM devices WHERE tags.a = 1"), 1U);
  EXPECT_EQ(count("SELECT TOP 2 * FROM devices"), 2U);
  EXPECT_EQ(count("SELECT tags.a, COUNT() AS n FROM devices GROUP BY tags.a"), 2U);
}

TEST_F(TwinQueriesTest, JobsAndConfigurationsComeFromElsewhere) {
  add("d1");
  add("d2");
  queries_->set_configurations([](const identity::Name& name) {
    Value::Object all;
    if (name.device_id == "d1")
      all.push_back({"c1", Value(Value::Object{{"status", Value(std::string("Applied"))}})});
    return Value(std::move(all));
  });
  EXPECT_THAT(ids("configurations.[[c1]].status = 'Applied'"), ElementsAre("d1"));
  queries_->set_jobs([](std::string_view after, const JobVisit& visit) -> base::Result<void> {
    for (const char* id : {"j1", "j2", "j3"}) {
      if (id <= after) continue;
      const Value job(Value::Object{
          {"jobId", Value(std::string(id))},
          {"status", Value(std::string(id == std::string("j2") ? "completed" : "queued"))}});
      if (visit(id, iotql::ValueDocument(job)) == Fleet::Next::Stop) break;
    }
    return {};
  });
  EXPECT_THAT(
      ask("SELECT * FROM devices.jobs WHERE devices.jobs.status = 'queued'", 1),
      ElementsAre(R"({"jobId":"j1","status":"queued"})", R"({"jobId":"j3","status":"queued"})"));
  EXPECT_EQ(to_string(queries_->run({"SELECT * FROM devices.jobs"})->type), "DeviceJob");
}

TEST_F(TwinQueriesTest, SecurityGroupIsATag) {
  EXPECT_EQ(security_group(Value(Value::Object{})), "default");
  for (const auto& [tags, group] : {std::pair(R"({"SecurityGroup":"pumps"})", "pumps"),
                                    {R"({"SecurityGroup":" "})", "default"},
                                    {R"({"SecurityGroup":7})", "default"},
                                    {R"({"securitygroup":"x"})", "default"},
                                    {R"({"SecurityGroup":" a b "})", "a b"},
                                    {R"([])", "default"}})
    EXPECT_EQ(security_group(*base::json::parse(tags)), group) << tags;
  add("d1");
  add("d1", "m1");
  EXPECT_EQ(*security_group(*twins_, {"d1", "m1"}), "default");
  tag("d1", R"({"SecurityGroup":"pumps"})");
  tag("d1", R"({"SecurityGroup":"other"})", "m1");
  EXPECT_EQ(*security_group(*twins_, {"d1", "m1"}), "pumps") << "the device's counts";
  add("d1", "DefenderIotMicroAgent");
  EXPECT_EQ(*security_group(*twins_, {"d1", ""}), "pumps");
  tag("d1", R"({"SecurityGroup":"presses"})", "DefenderIotMicroAgent");
  EXPECT_EQ(*security_group(*twins_, {"d1", "m1"}), "presses") << "that of its security module";
  EXPECT_EQ(security_group(*twins_, {"none", ""}).error().code, base::Code::NotFound);
}

}  // namespace
}  // namespace hub::queries
