#include "hub/twins/twins.h"

#include <future>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace hub::twins {
namespace {

using base::Code;
using base::json::Value;
using operations::Category;

Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return std::move(*parsed);
}

class TwinsTest : public testing::Test {
 protected:
  TwinsTest() {
    std::string pattern = testing::TempDir() + "twins.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    options_.path = folder_ + "/state.db";
    options_.now = [] { return base::WallTime(std::chrono::seconds(1'800'000'000)); };
    registry_ =
        identity::Registry::open({options_.path, "hub.example", options_.now}, operations_).value();
    for (const identity::Name& name : {kDevice, kModule})
      create(name);
    open();
  }
  void create(const identity::Name& name) {
    EXPECT_TRUE(registry_->create({name, identity::Status::Enabled, "", {}}, "test").has_value());
  }
  void open() {
    twins_.reset();
    twins_ = Twins::open(options_, *registry_, operations_).value();
    twins_->add_listener([this](const DesiredChange& change) { told_.push_back(change); });
  }
  DeviceAnswer ask(const identity::Name& name, std::optional<std::string> patch) {
    DeviceRequest request;
    request.name = name;
    request.generation_id = registry_->get(name)->generation_id;
    request.patch = std::move(patch);
    request.record.device_id = name.device_id;
    std::promise<DeviceAnswer> promise;
    EXPECT_TRUE(twins_->request(
        std::move(request), [&](DeviceAnswer answer) { promise.set_value(std::move(answer)); }));
    return promise.get_future().get();
  }
  base::Result<Twin> desire(const identity::Name& name, std::string_view patch,
                            std::string if_match = {}) {
    Update update;
    update.desired = json(patch);
    update.if_match = std::move(if_match);
    return twins_->update(name, update, "anna");
  }

  const identity::Name kDevice{"d1", ""};
  const identity::Name kModule{"d1", "azureiotsecurity"};
  std::string folder_;
  Options options_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<Twins> twins_;
  std::vector<DesiredChange> told_;  // on the twins' thread; read after the answer
};

TEST_F(TwinsTest, EveryIdentityHasOne) {
  EXPECT_EQ(ask(kModule, {}).body, R"({"desired":{"$version":1},"reported":{"$version":1}})");
  EXPECT_EQ(twins_->get(kDevice)->version, 1);
  EXPECT_EQ(twins_->get({"nobody", ""}).error().code, Code::NotFound);
  EXPECT_EQ(desire({"d1", "nobody"}, "{}").error().code, Code::NotFound);
}

TEST_F(TwinsTest, DeviceAndServiceSeeEachOther) {
  ASSERT_TRUE(desire(kModule, R"({"a":{"value":1}})").has_value());
  const DeviceAnswer reported = ask(kModule, R"({"r":1})");
  EXPECT_EQ(reported.status, 204);
  EXPECT_EQ(reported.version, 2);
  EXPECT_TRUE(reported.body.empty());
  EXPECT_EQ(ask(kModule, {}).body,
            R"({"desired":{"a":{"value":1},"$version":2},"reported":{"r":1,"$version":2}})");
  // The device's own is another.
  EXPECT_EQ(ask(kDevice, {}).body, R"({"desired":{"$version":1},"reported":{"$version":1}})");
  const Twin twin = twins_->get(kModule).value();
  EXPECT_EQ(twin.version, 3);
  EXPECT_EQ(twin.reported.properties.to_json(), R"({"r":1})");
}

TEST_F(TwinsTest, SurvivesARestart) {
  const Twin before = desire(kModule, R"({"a":[1,{"b":2}]})").value();
  open();
  const Twin after = twins_->get(kModule).value();
  EXPECT_EQ(after.etag, before.etag);
  EXPECT_EQ(after.desired.properties.to_json(), before.desired.properties.to_json());
  EXPECT_EQ(after.desired.metadata.to_json(), before.desired.metadata.to_json());
  EXPECT_EQ(after.desired.version, 2);
}

TEST_F(TwinsTest, TellsOfDesiredChangesOnly) {
  ASSERT_TRUE(desire(kModule, R"({"a":1})").has_value());
  ask(kModule, R"({"r":1})");
  Update tags;
  tags.tags = json(R"({"SecurityGroup":"pumps"})");
  ASSERT_TRUE(twins_->update(kModule, tags, "anna").has_value());
  Update whole;
  whole.mode = Update::Mode::Replace;
  whole.desired = json(R"({"b":2,"$version":99})");
  ASSERT_TRUE(twins_->update(kModule, whole, "anna").has_value());
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0].name, kModule);
  EXPECT_EQ(told_[0].json, R"({"a":1,"$version":2})");
  EXPECT_EQ(told_[1].version, 3);
  EXPECT_EQ(told_[1].json, R"({"a":null,"b":2,"$version":3})");
  EXPECT_EQ(twins_->get(kModule)->tags.properties.to_json(), R"({"SecurityGroup":"pumps"})");
}

TEST_F(TwinsTest, ChangesOnlyWhatWasReadBefore) {
  const std::string first = twins_->get(kModule)->etag;
  const Twin changed = desire(kModule, R"({"a":1})", first).value();
  EXPECT_NE(changed.etag, first);
  EXPECT_EQ(desire(kModule, R"({"a":2})", first).error().code, Code::Conflict);
  ask(kModule, R"({"r":1})");
  EXPECT_TRUE(desire(kModule, R"({"a":2})", changed.etag).has_value());
  EXPECT_TRUE(desire(kModule, R"({"a":3})", "*").has_value());
}

TEST_F(TwinsTest, AnswersBadPatchesAsTheSdksReadThem) {
  struct Case {
    std::string patch;
    int status;
  };
  const Case cases[] = {{"", 400},
                        {"x", 400},
                        {"[]", 400},
                        {R"({"a.b":1})", 400},
                        {std::string(70, '[') + std::string(70, ']'), 400}};
  for (const Case& item : cases) {
    const DeviceAnswer answer = ask(kModule, item.patch);
    EXPECT_EQ(answer.status, item.status) << item.patch;
    const Value body = json(answer.body);
    EXPECT_NE(body.find("errorCode"), nullptr);
    EXPECT_FALSE(body.text_or("message", "").empty()) << item.patch;
  }
  std::string large = "{";
  for (int i = 0; i < 9; ++i)
    large += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"" + std::string(4000, 'x') + "\"";
  EXPECT_EQ(ask(kModule, large + "}").status, 413);
  EXPECT_EQ(twins_->get(kModule)->reported.version, 1);
  EXPECT_EQ(desire(kModule, R"({"$a":1})").error().code, Code::Invalid);
}

TEST_F(TwinsTest, RecordsEachRequestWithItsActor) {
  ask(kModule, R"({"r":1})");
  ask(kModule, "x");
  ask(kModule, {});
  ASSERT_TRUE(desire(kModule, R"({"a":1})").has_value());
  EXPECT_FALSE(desire(kModule, R"({"a":2})", "other").has_value());
  const auto recent = operations_.recent(5);
  ASSERT_EQ(recent.size(), 5U);
  EXPECT_EQ(recent[0].category, Category::C2DTwinOperations);
  EXPECT_EQ(recent[0].status_code, 412);
  EXPECT_EQ(recent[1].operation, "update");
  EXPECT_EQ(recent[1].actor, "anna");
  EXPECT_EQ(recent[1].module_id, kModule.module_id);
  EXPECT_EQ(recent[1].detail, "desired version 2");
  EXPECT_EQ(recent[2].operation, "read");
  EXPECT_EQ(recent[2].category, Category::D2CTwinOperations);
  EXPECT_EQ(recent[3].status_code, 400);
  EXPECT_EQ(recent[4].operation, "update");
  EXPECT_EQ(recent[4].status_code, 204);
}

TEST_F(TwinsTest, ADeletedIdentityLeavesNothingToItsSuccessor) {
  ASSERT_TRUE(desire(kModule, R"({"a":1})").has_value());
  const std::string former = registry_->get(kModule)->generation_id;
  ASSERT_TRUE(registry_->remove(kDevice, "", "anna").has_value());
  create(kDevice);
  create(kModule);
  EXPECT_EQ(twins_->get(kModule)->desired.properties.to_json(), "{}");
  EXPECT_EQ(twins_->get(kModule)->desired.version, 1);
  // Of a connection that began before.
  DeviceRequest late;
  late.name = kModule;
  late.generation_id = former;
  late.patch = R"({"r":1})";
  std::promise<int> status;
  ASSERT_TRUE(twins_->request(late, [&](const DeviceAnswer& a) { status.set_value(a.status); }));
  EXPECT_EQ(status.get_future().get(), 404);
  EXPECT_EQ(twins_->get(kModule)->reported.version, 1);
}

TEST_F(TwinsTest, RefusesMoreThanItMayQueue) {
  options_.max_queued_bytes = 10;
  open();
  DeviceRequest request;
  request.name = kModule;
  request.patch = R"({"long":"enough"})";
  EXPECT_FALSE(twins_->request(request, [](const DeviceAnswer&) { ADD_FAILURE(); }));
  twins_->stop();
  EXPECT_EQ(desire(kModule, "{}").error().code, Code::Unavailable);
  twins_->stop();
}

TEST_F(TwinsTest, ManyChangesTogetherAreEachTheirOwn) {
  std::vector<std::promise<DeviceAnswer>> answers(500);
  const std::string generation = registry_->get(kModule)->generation_id;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    DeviceRequest request;
    request.name = kModule;
    request.generation_id = generation;
    request.patch = i % 5 == 4 ? "bad" : R"({"n":)" + std::to_string(i) + "}";
    ASSERT_TRUE(twins_->request(std::move(request), [&answers, i](DeviceAnswer answer) {
      answers[i].set_value(std::move(answer));
    }));
  }
  std::int64_t version = 1;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const DeviceAnswer answer = answers[i].get_future().get();
    ASSERT_EQ(answer.status, i % 5 == 4 ? 400 : 204) << i;
    if (answer.status == 204) {
      EXPECT_EQ(answer.version, ++version);
    }
  }
  EXPECT_EQ(twins_->get(kModule)->reported.properties.to_json(), R"({"n":498})");
}

}  // namespace
}  // namespace hub::twins
