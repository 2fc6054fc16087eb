#include "hub/custom_alerts/custom_alerts.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/scratch_testing.h"

namespace hub::custom_alerts {
namespace {

using base::Code;
using detect::custom::ListMode;
using detect::custom::Type;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const base::WallTime kNow{std::chrono::hours(1000)};

Definition range(std::string group = "default", std::int64_t max = 10,
                 std::chrono::seconds window = hours(1)) {
  Definition out;
  out.group = std::move(group);
  out.max = max;
  out.window = window;
  return out;
}
Definition list(ListMode mode, std::vector<std::string> values = {"nc"}) {
  Definition out;
  out.type = Type::Process;
  out.mode = mode;
  out.values = std::move(values);
  return out;
}

class CustomAlertsTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.path = folder_ / "state.db";
    options_.folder = folder_ / "custom";
    std::filesystem::create_directory(options_.folder);
    reopen();
  }
  void reopen(base::WallTime now = kNow) {
    alerts_.reset();
    auto opened = CustomAlerts::open(options_, now);
    ASSERT_TRUE(opened) << opened.error().to_string();
    alerts_ = std::move(*opened);
    alerts_->on_change([this](auto rules) { rules_ = std::move(rules); });
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(options_.folder + "/" + name) << text;
  }
  // As it happens every few seconds: the second look finds that nobody is writing.
  void follow(base::WallTime now) {
    ASSERT_TRUE(alerts_->follow(now));
    ASSERT_TRUE(alerts_->follow(now));
  }
  std::vector<Entry> all(const Filter& filter = {}) { return *alerts_->list(filter); }

  os::ScratchDir folder_;
  Options options_;
  std::vector<std::shared_ptr<const detect::custom::Rule>> rules_;
  std::unique_ptr<CustomAlerts> alerts_;
};

TEST_F(CustomAlertsTest, KeepsWhatSomebodyMade) {
  const auto made = alerts_->create(range("pumps"), "ann", kNow);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->etag, "1");
  EXPECT_EQ(made->since, kNow);
  ASSERT_THAT(rules_, SizeIs(1));
  EXPECT_EQ(rules_[0]->id(), made->id);
  reopen(kNow + hours(5));
  const auto kept = alerts_->get(made->id);
  ASSERT_TRUE(kept) << kept.error().to_string();
  EXPECT_EQ(kept->definition, range("pumps"));
  EXPECT_EQ(kept->since, kNow);
  EXPECT_EQ(kept->updated_by, "ann");
  ASSERT_THAT(rules_, SizeIs(1));
  EXPECT_EQ(rules_[0]->since(), kNow);
}

TEST_F(CustomAlertsTest, HasOneOfItsKindInAGroup) {
  ASSERT_TRUE(alerts_->create(range(), "ann", kNow));
  EXPECT_EQ(alerts_->create(range("default", 20), "ann", kNow).error().code, Code::Exists);
  EXPECT_TRUE(alerts_->create(range("pumps"), "ann", kNow));
  EXPECT_TRUE(alerts_->create(range("default", 20, minutes(5)), "ann", kNow));
  EXPECT_TRUE(alerts_->create(list(ListMode::Allow), "ann", kNow));
  EXPECT_TRUE(alerts_->create(list(ListMode::Deny), "ann", kNow));
  Definition wrong = range("other");
  wrong.window = minutes(1);
  EXPECT_EQ(alerts_->create(wrong, "ann", kNow).error().code, Code::Invalid);
  EXPECT_THAT(all(), SizeIs(5));
  EXPECT_THAT(all({.group = "pumps"}), SizeIs(1));
  EXPECT_THAT(all({.type = Type::Process}), SizeIs(2));
  EXPECT_EQ(all().front().definition.window, minutes(5)) << "by group, type and window";
}

TEST_F(CustomAlertsTest, ChangesWhatIsAsItWasRead) {
  const Entry made = *alerts_->create(range(), "ann", kNow);
  EXPECT_EQ(alerts_->replace(made.id, range("default", 5), "7", "bob", kNow).error().code,
            Code::Conflict);
  const auto limits = alerts_->replace(made.id, range("default", 5), "1", "bob", kNow + hours(1));
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->etag, "2");
  EXPECT_EQ(limits->since, kNow) << "its windows go on";
  EXPECT_EQ(limits->created, kNow);
  const auto window =
      alerts_->replace(made.id, range("default", 5, minutes(5)), "2", "bob", kNow + hours(2));
  EXPECT_EQ(window->since, kNow + hours(2));
  Definition off = range("default", 5, minutes(5));
  off.enabled = false;
  EXPECT_EQ(alerts_->replace(made.id, off, "*", "bob", kNow + hours(3))->since, kNow + hours(2));
  off.enabled = true;
  EXPECT_EQ(alerts_->replace(made.id, off, "", "bob", kNow + hours(4))->since, kNow + hours(4));
  EXPECT_EQ(rules_[0]->since(), kNow + hours(4));
  reopen();
  EXPECT_EQ(alerts_->get(made.id)->etag, "5");
  ASSERT_TRUE(alerts_->create(range(), "ann", kNow));
  EXPECT_EQ(alerts_->replace(made.id, range("default", 3), "", "bob", kNow).error().code,
            Code::Exists);
  EXPECT_EQ(alerts_->remove(made.id, "1").error().code, Code::Conflict);
  EXPECT_TRUE(alerts_->remove(made.id, "5"));
  EXPECT_EQ(alerts_->remove(made.id, "").error().code, Code::NotFound);
  EXPECT_EQ(alerts_->get(made.id).error().code, Code::NotFound);
  EXPECT_THAT(rules_, SizeIs(1));
}

TEST_F(CustomAlertsTest, TakesFilesAndFollowsThem) {
  write("pumps.yml", "customAlerts:\n  - {group: pumps, type: ProcessNotAllowed, deny: [nc]}\n");
  write("notes.txt", "nothing of ours");
  write("broken.yml", "customAlerts:\n  - {typ: x}\n");
  follow(kNow + hours(1));
  ASSERT_THAT(all(), SizeIs(1));
  const Entry entry = all()[0];
  EXPECT_THAT(entry.file, HasSubstr("pumps.yml"));
  EXPECT_EQ(entry.since, kNow + hours(1));
  ASSERT_THAT(alerts_->problems(), SizeIs(1));
  EXPECT_THAT(alerts_->problems()[0].file, HasSubstr("broken.yml"));
  EXPECT_THAT(alerts_->problems()[0].message, HasSubstr("line 2: there is no 'typ'"));
  EXPECT_EQ(alerts_->remove(entry.id, "").error().code, Code::Denied);
  EXPECT_EQ(alerts_->create(entry.definition, "ann", kNow).error().code, Code::Exists);
  // What only gets other values is the same alert, also after a restart.
  write("pumps.yml",
        "customAlerts:\n  - {group: pumps, type: ProcessNotAllowed, deny: [nc, socat]}\n");
  reopen(kNow + hours(9));
  ASSERT_THAT(rules_, SizeIs(1));
  EXPECT_EQ(rules_[0]->id(), entry.id);
  EXPECT_EQ(rules_[0]->since(), kNow + hours(1));
  EXPECT_THAT(rules_[0]->definition().values, ElementsAre("nc", "socat"));
  std::filesystem::remove(options_.folder + "/pumps.yml");
  std::filesystem::remove(options_.folder + "/broken.yml");
  follow(kNow + hours(10));
  EXPECT_THAT(rules_, IsEmpty());
  EXPECT_THAT(alerts_->problems(), IsEmpty());
}

TEST_F(CustomAlertsTest, LeavesTheFirstOfTwoInForce) {
  ASSERT_TRUE(alerts_->create(list(ListMode::Deny), "ann", kNow));
  write("a.yml", "customAlerts:\n  - {type: ProcessNotAllowed, deny: [socat]}\n");
  follow(kNow);
  EXPECT_THAT(all(), SizeIs(1));
  ASSERT_THAT(alerts_->problems(), SizeIs(1));
  EXPECT_THAT(alerts_->problems()[0].message, HasSubstr("made by hand"));
}

TEST_F(CustomAlertsTest, ImportsAllOrNothing) {
  ASSERT_TRUE(alerts_->create(range(), "ann", kNow));
  ASSERT_TRUE(alerts_->create(range("pumps"), "ann", kNow));
  const std::vector<Definition> wanted = {range(), range("pumps", 99), list(ListMode::Deny)};
  const auto would =
      alerts_->import(wanted, ImportMode::Merge, DryRun::Yes, "bob", kNow + hours(1));
  ASSERT_TRUE(would) << would.error().to_string();
  EXPECT_EQ(would->unchanged, 1U);
  EXPECT_EQ(would->changed, 1U);
  EXPECT_EQ(would->created, 1U);
  EXPECT_THAT(all(), SizeIs(2));
  std::vector<Definition> wrong = wanted;
  wrong.push_back(list(ListMode::Allow, {}));
  EXPECT_FALSE(alerts_->import(wrong, ImportMode::Replace, DryRun::No, "bob", kNow));
  EXPECT_THAT(all(), SizeIs(2));
  reopen();
  EXPECT_THAT(all(), SizeIs(2));
  ASSERT_TRUE(alerts_->import(wanted, ImportMode::Merge, DryRun::No, "bob", kNow));
  EXPECT_THAT(all(), SizeIs(3));
  const auto replaced =
      alerts_->import({wanted.begin(), 1}, ImportMode::Replace, DryRun::No, "bob", kNow);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->removed, 2U);
  EXPECT_EQ(replaced->unchanged, 1U);
  EXPECT_THAT(rules_, SizeIs(1));
  reopen();
  EXPECT_THAT(all(), SizeIs(1));
}

TEST_F(CustomAlertsTest, HasALimit) {
  options_.max_alerts = 2;
  reopen();
  ASSERT_TRUE(alerts_->create(range("a"), "ann", kNow));
  ASSERT_TRUE(alerts_->create(range("b"), "ann", kNow));
  EXPECT_EQ(alerts_->create(range("c"), "ann", kNow).error().code, Code::Full);
}

}  // namespace
}  // namespace hub::custom_alerts
