#include "hub/configurations/configurations.h"

#include <filesystem>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/configurations/configuration_table.h"

namespace hub::configurations {
namespace {

using base::Code;
using base::json::Value;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kLong = 60s;  // the machine may be slow

class ConfigurationsTest : public ::testing::Test {
 protected:
  ConfigurationsTest() {
    std::string pattern = ::testing::TempDir() + "configurations.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    options_.path = dir_ + "/state.db";
    options_.updates_per_second = 10'000;
    options_.metrics_interval = 1ms;
    open();
  }
  ~ConfigurationsTest() override {
    close();
    std::filesystem::remove_all(dir_);
  }

  void open() {
    registry_ = std::move(*identity::Registry::open({options_.path, "hub"}, operations_));
    twins::Options twins;
    twins.path = options_.path;
    twins_ = std::move(*twins::Twins::open(std::move(twins), *registry_, operations_));
    twins_->add_listener([this](const twins::DesiredChange& change) {
      if (on_desired_) on_desired_(change);
    });
    queries_ = std::move(*queries::TwinQueries::open({options_.path}, *registry_));
    auto opened = Configurations::open(options_, *registry_, *twins_, *queries_, operations_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    configurations_ = std::move(*opened);
  }
  void close() {
    if (configurations_) configurations_->stop();
    twins_->stop();
    configurations_.reset();
    queries_.reset();
    twins_.reset();
    registry_.reset();
  }

  void add(const std::string& device, const std::string& module = {}) {
    ASSERT_TRUE(registry_->create({{device, module}, identity::Status::Enabled, "", {}}, "test"));
  }
  void tag(const std::string& device, const std::string& tags, const std::string& module = {}) {
    twins::Update update;
    update.tags = *base::json::parse(tags);
    ASSERT_TRUE(twins_->update({device, module}, update, "test"));
  }
  void desire(const std::string& device, const std::string& desired,
              const std::string& actor = "test") {
    twins::Update update;
    update.desired = *base::json::parse(desired);
    ASSERT_TRUE(twins_->update({device, ""}, update, actor));
  }
  void report(const std::string& device, const std::string& reported) {
    twins::DeviceRequest request;
    request.name = {device, ""};
    request.generation_id = registry_->get({device, ""})->generation_id;
    request.patch = reported;
    std::promise<int> status;
    ASSERT_TRUE(twins_->request(std::move(request), [&](const twins::DeviceAnswer& answer) {
      status.set_value(answer.status);
    }));
    ASSERT_EQ(status.get_future().get(), 204);
  }
  std::string desired(const std::string& device, const std::string& module = {}) {
    const auto twin = twins_->get({device, module});
    return twin ? twin->desired.properties.to_json() : twin.error().to_string();
  }
  base::Result<Shown> put(const std::string& id, const std::string& body,
                          const std::string& if_match = {}) {
    return configurations_->put(id, *base::json::parse(body), if_match, "tester");
  }
  void must_put(const std::string& id, const std::string& body, const std::string& if_match = {}) {
    const auto shown = put(id, body, if_match);
    ASSERT_TRUE(shown) << shown.error().to_string();
  }
  void settle() { ASSERT_TRUE(configurations_->wait_settled(kLong)); }
  std::pair<std::uint64_t, std::uint64_t> counts(const std::string& id) {
    const auto shown = configurations_->get(id);
    EXPECT_TRUE(shown);
    return {shown->results.targeted, shown->results.applied};
  }
  std::vector<operations::Record> records(const std::string& operation) {
    std::vector<operations::Record> found;
    for (const auto& record : operations_.recent(1000)) {
      if (record.category == operations::Category::Configurations && record.operation == operation)
        found.push_back(record);
    }
    return found;
  }

  std::string dir_;
  Options options_;
  operations::Operations operations_;
  std::function<void(const twins::DesiredChange&)> on_desired_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<queries::TwinQueries> queries_;
  std::unique_ptr<Configurations> configurations_;
};

using Counts = std::pair<std::uint64_t, std::uint64_t>;
constexpr const char* kNorth =
    R"({"targetCondition":"tags.site='north'","priority":5,"content":{"deviceContent":)"
    R"({"properties.desired.pump":{"speed":4}}}})";

TEST_F(ConfigurationsTest, ReachesAGroupAndLeavesWhoIsNotInItAnyMore) {
  configurations_->start();
  add("d1");
  add("d2");
  tag("d1", R"({"site":"north"})");
  must_put("c1", kNorth);
  settle();
  EXPECT_EQ(desired("d1"), R"({"pump":{"speed":4}})");
  EXPECT_EQ(desired("d2"), "{}");
  EXPECT_EQ(counts("c1"), Counts(1, 1));
  // One that comes into the group later, and one that is new.
  desire("d2", R"({"own":1})");
  tag("d2", R"({"site":"north"})");
  add("d3");
  tag("d3", R"({"site":"north"})");
  settle();
  EXPECT_EQ(desired("d2"), R"({"own":1,"pump":{"speed":4}})");
  EXPECT_EQ(desired("d3"), R"({"pump":{"speed":4}})");
  EXPECT_EQ(counts("c1"), Counts(3, 3));
  // And those that leave.
  tag("d2", R"({"site":"south"})");
  ASSERT_TRUE(registry_->remove({"d3", ""}, "", "test"));
  settle();
  EXPECT_EQ(desired("d2"), R"({"own":1})");
  EXPECT_EQ(counts("c1"), Counts(1, 1));
  const auto applied = records("applyConfiguration");
  EXPECT_EQ(applied.size(), 4U);
  EXPECT_EQ(applied.back().actor, "configuration:c1");
  EXPECT_EQ(applied.back().device_id, "d1");
  EXPECT_EQ(records("createConfiguration").at(0).actor, "tester");
}

TEST_F(ConfigurationsTest, ThePriorityDecidesAndThenTheAge) {
  configurations_->start();
  add("d1");
  const auto content = [](int priority, const char* desired) {
    return R"({"targetCondition":"*","priority":)" + std::to_string(priority) +
           R"(,"content":{"deviceContent":)" + desired + "}}";
  };
  must_put("low", content(1, R"({"properties.desired.a":1,"properties.desired.b":1})"));
  must_put("high", content(9, R"({"properties.desired.a":9})"));
  must_put("older", content(5, R"({"properties.desired.c":"older"})"));
  must_put("newer", content(5, R"({"properties.desired.c":"newer"})"));
  settle();
  EXPECT_EQ(desired("d1"), R"({"a":9,"b":1,"c":"newer"})");
  EXPECT_EQ(counts("low"), Counts(1, 1)) << "a part of it was applied";
  EXPECT_EQ(counts("older"), Counts(1, 0));
  // The next one takes the place of one that goes.
  ASSERT_TRUE(configurations_->remove("high", "", "tester"));
  ASSERT_TRUE(configurations_->remove("newer", "*", "tester"));
  settle();
  EXPECT_EQ(desired("d1"), R"({"a":1,"b":1,"c":"older"})");
  must_put("low", content(1, R"({"properties.desired.b":2})"), "*");
  settle();
  EXPECT_EQ(desired("d1"), R"({"b":2,"c":"older"})");
}

TEST_F(ConfigurationsTest, ModulesByTheirOwnTwinsAndByTheirDevices) {
  configurations_->start();
  for (const char* device : {"d1", "d2"}) {
    add(device);
    add(device, "agent");
  }
  add("d1", "other");
  tag("d1", R"({"site":"north"})");
  tag("d2", R"({"level":2})", "agent");
  must_put("by-device",
           R"({"targetCondition":"tags.site='north'","content":{"modulesContent":{"agent":)"
           R"({"properties.desired.a":1},"missing":{"properties.desired.x":1}}}})");
  must_put("by-module",
           R"({"targetCondition":"FROM devices.modules WHERE moduleId='agent' AND tags.level=2",)"
           R"("content":{"moduleContent":{"properties.desired.b":2}}})");
  settle();
  EXPECT_EQ(desired("d1", "agent"), R"({"a":1})");
  EXPECT_EQ(desired("d2", "agent"), R"({"b":2})");
  EXPECT_EQ(desired("d1", "other"), "{}");
  EXPECT_EQ(desired("d1"), "{}");
  EXPECT_EQ(counts("by-device"), Counts(1, 1));
  EXPECT_EQ(counts("by-module"), Counts(1, 1));
  const auto page = queries_->run(
      {"SELECT deviceId FROM devices WHERE configurations.[[by-device]].status = 'Applied'"});
  ASSERT_TRUE(page);
  EXPECT_THAT(page->items, ElementsAre(R"({"deviceId":"d1"})"));
  // A module that is made later is reached as well.
  tag("d2", R"({"site":"north"})");
  settle();
  EXPECT_EQ(desired("d2", "agent"), R"({"b":2,"a":1})");
  add("d1", "missing");
  settle();
  EXPECT_EQ(desired("d1", "missing"), R"({"x":1})");
  ASSERT_TRUE(configurations_->remove("by-device", "", "tester"));
  settle();
  EXPECT_EQ(desired("d1", "agent"), "{}");
  EXPECT_EQ(desired("d2", "agent"), R"({"b":2})");
}

TEST_F(ConfigurationsTest, WhatOthersChangeThereIsSetBack) {
  configurations_->start();
  add("d1");
  must_put("c1",
           R"({"targetCondition":"*","content":{"deviceContent":{"properties.desired.a":1}}})");
  settle();
  desire("d1", R"({"a":2,"b":3})");
  settle();
  EXPECT_EQ(desired("d1"), R"({"a":1,"b":3})");
  desire("d1", R"({"a":null})");
  settle();
  EXPECT_EQ(desired("d1"), R"({"b":3,"a":1})");
}

TEST_F(ConfigurationsTest, ReportedPropertiesMayBeTheCondition) {
  configurations_->start();
  add("d1");
  must_put("c1",
           R"({"targetCondition":"properties.reported.model='4000x'","content":{"deviceContent":)"
           R"({"properties.desired.a":1}},"metrics":{"queries":{"done":)"
           R"("SELECT deviceId FROM devices WHERE properties.reported.a = 1"}}})");
  settle();
  EXPECT_EQ(desired("d1"), "{}");
  report("d1", R"({"model":"4000x"})");
  settle();
  EXPECT_EQ(desired("d1"), R"({"a":1})");
  EXPECT_EQ(configurations_->get("c1")->results.metrics.at("done"), 0U);
  report("d1", R"({"a":1})");
  const base::MonoTime end = base::mono_now() + kLong;
  while (configurations_->get("c1")->results.metrics.at("done") != 1U && base::mono_now() < end)
    std::this_thread::yield();
  EXPECT_EQ(configurations_->get("c1")->results.metrics.at("done"), 1U);
}

TEST_F(ConfigurationsTest, OutlivesTheProcess) {
  configurations_->start();
  add("d1");
  add("d2");
  tag("d1", R"({"site":"north"})");
  must_put("c1", kNorth);
  settle();
  close();
  // While it is away, the tags change, as those of a restored database do.
  {
    operations::Operations none;
    auto registry = std::move(*identity::Registry::open({options_.path, "hub"}, none));
    twins::Options twins_options;
    twins_options.path = options_.path;
    auto twins = std::move(*twins::Twins::open(std::move(twins_options), *registry, none));
    for (const auto& [device, site] : {std::pair("d1", "south"), {"d2", "north"}}) {
      twins::Update update;
      update.tags = Value(Value::Object{{"site", Value(std::string(site))}});
      ASSERT_TRUE(twins->update({device, ""}, update, "test"));
    }
  }
  open();
  configurations_->start();
  settle();
  EXPECT_EQ(desired("d1"), "{}");
  EXPECT_EQ(desired("d2"), R"({"pump":{"speed":4}})");
  EXPECT_EQ(configurations_->get("c1")->configuration.priority, 5);
}

TEST_F(ConfigurationsTest, WhatWasNotedBeforeACrashIsTakenAwayAfterIt) {
  add("d1");
  // As it is when the process ended between the note and the change of the twin, or right after it.
  {
    auto database = std::move(*store::Sqlite::open(options_.path));
    ConfigurationTable table(std::move(database));
    TwinState state;
    state.generation_id = registry_->get({"d1", ""})->generation_id;
    state.owned = {{"pump", "speed"}, {"never", "written"}};
    ASSERT_TRUE(table.store_twin({"d1", ""}, state));
  }
  desire("d1", R"({"pump":{"speed":4},"own":1})");
  configurations_->start();
  settle();
  EXPECT_EQ(desired("d1"), R"({"own":1})");
}

TEST_F(ConfigurationsTest, ASuccessorOfADeletedDeviceOwesNothing) {
  configurations_->start();
  add("d1");
  must_put("c1", R"({"targetCondition":"deviceId='d1'","content":{"deviceContent":)"
                 R"({"properties.desired.a":1}}})");
  settle();
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test"));
  settle();
  EXPECT_EQ(counts("c1"), Counts(0, 0));
  add("d1");
  settle();
  EXPECT_EQ(desired("d1"), R"({"a":1})");
  EXPECT_EQ(counts("c1"), Counts(1, 1));
}

TEST_F(ConfigurationsTest, ATwinThatCannotTakeItIsTold) {
  configurations_->start();
  add("d1");
  std::string large = R"({"properties.desired.a":{)";
  for (int i = 0; i < 10; ++i)
    large +=
        (i == 0 ? "" : ",") + ("\"k" + std::to_string(i)) + "\":\"" + std::string(4000, 'x') + "\"";
  must_put("c1", R"({"targetCondition":"*","content":{"deviceContent":)" + large + "}}}}");
  settle();
  EXPECT_EQ(desired("d1"), "{}");
  EXPECT_EQ(counts("c1"), Counts(1, 0));
  const auto refused = records("applyConfiguration");
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].status_code, 413);
  EXPECT_EQ(configurations_->counters().failed.value(), refused.size());
}

TEST_F(ConfigurationsTest, AChangeInBetweenIsNotLost) {
  configurations_->start();
  add("d1");
  // Somebody changes the twin while it is being looked at, again and again.
  std::thread other([this] {
    for (int i = 0; i < 50; ++i)
      desire("d1", R"({"n":)" + std::to_string(i) + ",\"a\":\"theirs\"}");
  });
  must_put("c1",
           R"({"targetCondition":"*","content":{"deviceContent":{"properties.desired.a":1}}})");
  other.join();
  settle();
  EXPECT_EQ(*twins_->get({"d1", ""})->desired.properties.find("n")->if_int(), 49);
  EXPECT_EQ(*twins_->get({"d1", ""})->desired.properties.find("a")->if_int(), 1);
}

TEST_F(ConfigurationsTest, UpdatesAreSpread) {
  close();
  options_.updates_per_second = 20;
  open();
  for (int i = 0; i < 8; ++i)
    add("d" + std::to_string(i));
  must_put("c1",
           R"({"targetCondition":"*","content":{"deviceContent":{"properties.desired.a":1}}})");
  const base::MonoTime begun = base::mono_now();
  configurations_->start();
  settle();
  EXPECT_GE(base::mono_now() - begun, 300ms);  // seven gaps of 50 ms
  EXPECT_EQ(counts("c1"), Counts(8, 8));
}

TEST_F(ConfigurationsTest, EtagsGuardChanges) {
  const auto made = put("c1", kNorth);
  ASSERT_TRUE(made);
  EXPECT_EQ(put("c1", kNorth).error().code, Code::Exists);
  EXPECT_EQ(put("c1", kNorth, "old").error().code, Code::Conflict);
  EXPECT_EQ(put("c2", kNorth, "*").error().code, Code::NotFound);
  const auto changed = put("c1", kNorth, made->configuration.etag);
  ASSERT_TRUE(changed);
  EXPECT_NE(changed->configuration.etag, made->configuration.etag);
  EXPECT_EQ(changed->configuration.created, made->configuration.created);
  EXPECT_EQ(configurations_->remove("c1", "old", "t").error().code, Code::Conflict);
  EXPECT_EQ(configurations_->remove("c2", "", "t").error().code, Code::NotFound);
  EXPECT_TRUE(configurations_->remove("c1", changed->configuration.etag, "t"));
  EXPECT_EQ(configurations_->get("c1").error().code, Code::NotFound);
  EXPECT_EQ(records("deleteConfiguration").at(0).status_code, 200);
  EXPECT_EQ(records("deleteConfiguration").at(1).status_code, 404);
}

TEST_F(ConfigurationsTest, RefusesWhatCannotBe) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "expected a JSON object"},
      {R"({"priority":-1})", "priority"},
      {R"({"priority":"high"})", "priority"},
      {R"({"labels":{"a":1}})", "labels"},
      {R"({"targetCondition":"tags.a = "})", "targetCondition: 1:10: expected a value"},
      {R"({"targetCondition":"FROM devices.jobs"})", "targets are devices"},
      {R"({"content":{"deviceContent":{"tags.a":1}}})", "begins with properties.desired"},
      {R"({"content":{"deviceContent":{"properties.desired.a":{"b c":1}}}})", "b c"},
      {R"({"content":{"deviceContent":1}})", "deviceContent: expected an object"},
      {R"({"targetCondition":"FROM devices.modules","content":{"deviceContent":)"
       R"({"properties.desired.a":1}}})",
       "moduleContent only"},
      {R"({"targetCondition":"*","content":{"moduleContent":{"properties.desired.a":1}}})",
       "FROM devices.modules"},
      {R"({"metrics":{"queries":{"m":"SELECT * FROM nothing"}}})", "metrics: \"m\": 1:15"},
      {R"({"metrics":{"queries":{"1":"","2":"","3":"","4":"","5":"","6":""}}})", "at most 5"},
  };
  for (const auto& [body, message] : cases) {
    const auto refused = put("c1", body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, Code::Invalid) << body;
    EXPECT_THAT(refused.error().to_string(), HasSubstr(message)) << body;
  }
  for (const char* id : {"", "a b", "a/b", "a]]b", "\xC3\xBC"})
    EXPECT_EQ(put(id, kNorth).error().code, Code::Invalid) << id;
  EXPECT_EQ(put(std::string(129, 'a'), kNorth).error().code, Code::Invalid);
  const std::string large = R"({"content":{"deviceContent":{"properties.desired.a":")";
  EXPECT_FALSE(put("c1", large + std::string(70'000, 'x') + "\"}}}"));
  for (std::size_t i = 0; i < options_.max_configurations; ++i)
    must_put("c" + std::to_string(i), kNorth);
  EXPECT_EQ(put("one-more", kNorth).error().code, Code::Full);
}

TEST_F(ConfigurationsTest, AppliesAContentOnce) {
  add("d1");
  add("d1", "agent");
  const auto apply = [&](const std::string& device, const char* content) {
    return configurations_->apply_once(device, *base::json::parse(content), "tester");
  };
  ASSERT_TRUE(apply("d1", R"({"deviceContent":{"properties.desired.a":1},"modulesContent":)"
                          R"({"agent":{"properties.desired":{"b":{"c":2}}}}})"));
  EXPECT_EQ(desired("d1"), R"({"a":1})");
  EXPECT_EQ(desired("d1", "agent"), R"({"b":{"c":2}})");
  ASSERT_TRUE(apply("d1", R"({"deviceContent":{"properties.desired.a":null}})"));
  EXPECT_EQ(desired("d1"), "{}");
  EXPECT_EQ(apply("d2", "{}").error().code, Code::NotFound);
  EXPECT_EQ(apply("d1", R"({"modulesContent":{"none":{}}})").error().code, Code::NotFound);
  EXPECT_EQ(apply("d1", R"({"deviceContent":{"x":1}})").error().code, Code::Invalid);
  EXPECT_EQ(records("applyConfigurationContent").size(), 5U);
}

TEST_F(ConfigurationsTest, ShowsItselfAsTheServiceDoes) {
  must_put("c1", R"({"id":"c1","labels":{"team":"pumps"},"targetCondition":"*","priority":3,)"
                 R"("content":{"deviceContent":{"properties.desired.a":1}},"etag":"*",)"
                 R"("systemMetrics":{"queries":{}},"metrics":{"queries":{"m":)"
                 R"("SELECT deviceId FROM devices"}}})");
  std::string json;
  base::json::Writer writer(json);
  const auto shown = configurations_->get("c1");
  write_configuration(writer, shown->configuration, shown->results);
  const auto parsed = base::json::parse(json);
  ASSERT_TRUE(parsed) << json;
  EXPECT_EQ(parsed->text_or("schemaVersion", ""), "1.0");
  EXPECT_EQ(parsed->find("labels")->text_or("team", ""), "pumps");
  EXPECT_EQ(parsed->find("content")->to_json(), R"({"deviceContent":{"properties.desired.a":1}})");
  const Value* system = parsed->find("systemMetrics")->find("queries");
  for (const char* name : {"targetedCount", "appliedCount"})
    EXPECT_TRUE(iotql::Query::parse(system->text_or(name, ""))) << name;
  EXPECT_EQ(parsed->find("systemMetrics")->find("results")->to_json(),
            R"({"appliedCount":0,"targetedCount":0})");
  must_put("c0", kNorth);
  must_put("c2", kNorth);
  const auto ids = [&](std::size_t limit, const char* after) {
    std::vector<std::string> found;
    const auto page = configurations_->list(limit, after);
    for (const Shown& each : *page)
      found.push_back(each.configuration.id);
    return found;
  };
  EXPECT_THAT(ids(2, ""), ElementsAre("c0", "c1"));
  EXPECT_THAT(ids(2, "c1"), ElementsAre("c2"));
}

}  // namespace
}  // namespace hub::configurations
