#include "hub/twins/twin_outbox.h"

#include <future>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/twins/twin_table.h"
#include "hub/twins/twins.h"

namespace hub::twins {
namespace {

base::WallTime noon() {
  return base::WallTime(std::chrono::seconds(1'800'000'000));
}

class TwinOutboxTest : public testing::Test {
 protected:
  TwinOutboxTest() {
    std::string pattern = testing::TempDir() + "outbox.XXXXXX";
    options_.path = std::string(::mkdtemp(pattern.data())) + "/state.db";
    options_.now = noon;
    registry_ =
        identity::Registry::open({options_.path, "hub.example", options_.now}, operations_).value();
    twins_ = Twins::open(options_, *registry_, operations_).value();
  }
  void create(const identity::Name& name) {
    ASSERT_TRUE(registry_->create({name, identity::Status::Enabled, "", {}}, "test").has_value());
  }
  void update(const identity::Name& name, std::string_view tags, std::string_view desired) {
    Update change;
    if (!tags.empty()) change.tags = *base::json::parse(tags);
    if (!desired.empty()) change.desired = *base::json::parse(desired);
    ASSERT_TRUE(twins_->update(name, change, "anna").has_value());
  }
  int report(const identity::Name& name, std::string_view patch) {
    DeviceRequest request;
    request.name = name;
    request.generation_id = registry_->get(name)->generation_id;
    request.patch = patch;
    std::promise<int> status;
    EXPECT_TRUE(twins_->request(
        std::move(request), [&](const DeviceAnswer& answer) { status.set_value(answer.status); }));
    return status.get_future().get();
  }
  std::vector<store::TwinRow> rows(std::uint64_t after = 0, std::size_t limit = 100) {
    return twins_->outbox().rows(after, limit).value();
  }
  // One line for each.
  static std::string brief(const std::vector<store::TwinRow>& rows) {
    std::string out;
    for (const store::TwinRow& row : rows) {
      out += std::to_string(row.id) + " " + row.operation + " " + row.device_id + "/" +
             row.module_id + " " + row.parts + " " + row.actor + " " + row.tags + row.desired +
             row.reported + "\n";
    }
    return out;
  }

  Options options_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<Twins> twins_;
};

TEST_F(TwinOutboxTest, HasARowForEachChange) {
  create({"d1", ""});
  create({"d1", "m"});
  update({"d1", ""}, R"({"site":"A"})", {});
  update({"d1", "m"}, R"({"t":1})", R"({"a":2})");
  EXPECT_EQ(report({"d1", "m"}, R"({"r":3})"), 204);
  EXPECT_EQ(report({"d1", "m"}, "no JSON"), 400);
  EXPECT_EQ(brief(rows()),
            "1 created d1/   {}{}{}\n"
            "2 created d1/m   {}{}{}\n"
            "3 updated d1/ Tags anna {\"site\":\"A\"}{}{}\n"
            "4 updated d1/m Tags,Desired anna {\"t\":1}{\"a\":2}{}\n"
            "5 updated d1/m Reported  {\"t\":1}{\"a\":2}{\"r\":3}\n");
  const store::TwinRow last = rows().back();
  EXPECT_EQ(last.version, 3);
  EXPECT_EQ(last.desired_version, 2);
  EXPECT_EQ(last.reported_version, 2);
  EXPECT_EQ(last.time, kql::to_ticks(noon()));
  EXPECT_EQ(last.generation_id, registry_->get({"d1", "m"})->generation_id);
  EXPECT_EQ(brief(rows(3, 1)), brief({rows()[3]}));
}

TEST_F(TwinOutboxTest, TellsOfTheEnd) {
  create({"d1", ""});
  update({"d1", ""}, R"({"site":"A"})", {});
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test").has_value());
  create({"d1", ""});
  // The twins' thread has seen all of that when it answers.
  update({"d1", ""}, {}, R"({"b":1})");
  const auto all = rows();
  ASSERT_GE(all.size(), 4U);
  EXPECT_EQ(all.back().operation, "updated");
  EXPECT_EQ(all.back().tags, "{}") << "nothing of the one before";
}

TEST_F(TwinOutboxTest, SurvivesARestartAndForgetsWhatIsStored) {
  create({"d1", ""});
  update({"d1", ""}, R"({"site":"A"})", {});
  ASSERT_TRUE(twins_->outbox().trim(1));
  twins_.reset();
  twins_ = Twins::open(options_, *registry_, operations_).value();
  ASSERT_TRUE(twins_->outbox().continue_after(1, noon()));
  update({"d1", ""}, R"({"site":"B"})", {});
  EXPECT_EQ(brief(rows(1)),
            "2 updated d1/ Tags anna {\"site\":\"A\"}{}{}\n"
            "3 updated d1/ Tags anna {\"site\":\"B\"}{}{}\n");
}

// An event store that was replaced by an empty one, and one that knows more than this file.
TEST_F(TwinOutboxTest, TellsEverythingAgainWhereRowsAreMissing) {
  create({"d1", ""});
  update({"d1", ""}, R"({"site":"A"})", {});
  ASSERT_TRUE(twins_->outbox().trim(2));
  ASSERT_TRUE(twins_->outbox().continue_after(2, noon()));
  EXPECT_TRUE(rows().empty()) << "nothing is missing";
  ASSERT_TRUE(twins_->outbox().continue_after(0, noon()));
  EXPECT_EQ(brief(rows()), "3 found d1/   {\"site\":\"A\"}{}{}\n");
  ASSERT_TRUE(twins_->outbox().continue_after(50, noon()));
  EXPECT_EQ(brief(rows(50)), "51 found d1/   {\"site\":\"A\"}{}{}\n");
  update({"d1", ""}, R"({"site":"B"})", {});
  EXPECT_EQ(rows().back().id, 52U);
}

TEST_F(TwinOutboxTest, SaysWhenThereIsMore) {
  create({"d1", ""});
  std::promise<void> told;
  twins_->outbox().on_grown([&, once = false]() mutable {
    if (!std::exchange(once, true)) told.set_value();
  });
  update({"d1", ""}, R"({"site":"A"})", {});
  told.get_future().wait();
  twins_->outbox().on_grown({});
}

// A file that an older program made.
TEST_F(TwinOutboxTest, TwinsThatAreThereGoIn) {
  create({"d1", ""});
  update({"d1", ""}, R"({"site":"A"})", {});
  twins_.reset();
  {
    auto database = store::Sqlite::open(options_.path);
    ASSERT_TRUE(database);
    const auto made = database->execute(
        "DROP TABLE twin_outbox; UPDATE schema_version SET version = 1 WHERE component = 'twin'");
    ASSERT_TRUE(made) << made.error().to_string();
  }
  twins_ = Twins::open(options_, *registry_, operations_).value();
  EXPECT_EQ(brief(rows()), "1 found d1/   {\"site\":\"A\"}{}{}\n");
}

}  // namespace
}  // namespace hub::twins
