#include "hub/rules/rules.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace hub::rules {
namespace {

using base::Code;

const base::WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

constexpr std::string_view kPing = "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001";
constexpr std::string_view kRule = R"(title: Ping
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /ping}, condition: s}
)";

class RulesTest : public ::testing::Test {
 protected:
  RulesTest() : dir_(::testing::TempDir() + "rulesXXXXXX") {
    EXPECT_NE(::mkdtemp(dir_.data()), nullptr);
    options_.builtin = false;
    reopen();
  }
  ~RulesTest() override {
    rules_.reset();
    stream_.reset();
    std::filesystem::remove_all(dir_);
  }

  void reopen(std::size_t max_texts = 100) {
    rules_.reset();
    auto rules = Rules::open({.path = dir_ + "/state.db", .max_texts = max_texts});
    ASSERT_TRUE(rules) << rules.error().to_string();
    rules_ = std::move(*rules);
    detect::StreamOptions options = options_;
    options.settings = rules_->settings(detect::Profile::Classic);
    auto stream = detect::Stream::load(options);
    ASSERT_TRUE(stream) << stream.error().to_string();
    stream_ = std::move(*stream);
    rules_->attach(*stream_, options_);
  }

  Outcome<Text> create(std::string_view text, TextKind kind = TextKind::Rule) {
    return rules_->create(kind, std::string(text), "why", "ann", kNow);
  }

  // Titles of what a ping of this user raises.
  std::vector<std::string> ping(std::string user = "u") {
    schema::ProcessCreate item;
    item.executable = "/bin/ping";
    item.user_name = std::move(user);
    schema::Event event;
    event.payload = schema::payload_of(std::move(item));
    std::vector<detect::Finding> found;
    stream_->match(event, 0, {"d", "m", kNow, 1}, found);
    std::vector<std::string> out;
    for (const auto& one : found)
      out.push_back(one.rule.title + " " + std::string(detect::to_string(one.rule.severity)));
    return out;
  }

  std::string dir_;
  detect::StreamOptions options_;
  std::unique_ptr<detect::Stream> stream_;
  std::unique_ptr<Rules> rules_;
};

using Raised = std::vector<std::string>;

TEST_F(RulesTest, RulesOfOnesOwnRunAtOnceAndAfterARestart) {
  const auto made = create(kRule);
  ASSERT_TRUE(made) << made.error().error.to_string();
  EXPECT_EQ(made->id, kPing);
  EXPECT_EQ(made->title, "Ping");
  EXPECT_EQ(ping(), Raised{"Ping Medium"});
  reopen();
  EXPECT_EQ(ping(), Raised{"Ping Medium"});
  const auto kept = rules_->text(TextKind::Rule, kPing);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->text, kRule);
  EXPECT_EQ(kept->created_by, "ann");
  ASSERT_TRUE(rules_->remove(TextKind::Rule, kPing, kept->etag));
  EXPECT_EQ(ping(), Raised{});
  reopen();
  EXPECT_TRUE(rules_->texts(TextKind::Rule).empty());
}

TEST_F(RulesTest, ARuleWithoutAnIdIsGivenOneThatStays) {
  const auto made = create(R"(# mine
title: Nameless
logsource: {category: process_creation}
detection: {s: {Image|endswith: /ping}, condition: s}
)");
  ASSERT_TRUE(made) << made.error().error.to_string();
  EXPECT_NE(made->text.find("# mine\nid: " + made->id + "\ntitle: Nameless"), std::string::npos)
      << made->text;
  std::string renamed = made->text;
  renamed.replace(renamed.find("Nameless"), 8, "Renamed");
  const auto changed =
      rules_->replace(TextKind::Rule, made->id, renamed, "", made->etag, "bob", kNow);
  ASSERT_TRUE(changed) << changed.error().error.to_string();
  EXPECT_EQ(changed->id, made->id);
  EXPECT_EQ(ping(), Raised{"Renamed Medium"});
  EXPECT_EQ(changed->updated_by, "bob");
  EXPECT_EQ(changed->created_by, "ann");
}

TEST_F(RulesTest, WhatIsWrongIsToldWithItsPlaceAndChangesNothing) {
  const auto made = create(R"(title: Wrong
logsource: {category: process_creation}
detection:
  s: {Imag: x}
  condition: s
)");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().error.code, Code::Invalid);
  ASSERT_EQ(made.error().problems.size(), 1U);
  EXPECT_EQ(made.error().problems[0].line, 4);
  EXPECT_NE(made.error().problems[0].message.find("Image"), std::string::npos);
  EXPECT_TRUE(rules_->texts(TextKind::Rule).empty());
  EXPECT_TRUE(stream_->problems().empty());
  EXPECT_FALSE(create("not a rule"));
  EXPECT_FALSE(create(std::string(kMaxText + 1, ' ')));
}

TEST_F(RulesTest, ARuleWithoutEventsIsKept) {
  const auto made = create(R"(title: Windows
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a009
logsource: {product: windows, service: security}
detection: {s: {EventID: 1}, condition: s}
)");
  ASSERT_TRUE(made) << made.error().error.to_string();
  ASSERT_EQ(stream_->problems().size(), 1U);
  EXPECT_EQ(stream_->problems()[0].file, made->file());
  EXPECT_TRUE(stream_->problems()[0].no_events);
}

TEST_F(RulesTest, IdsAreOfOneTextAndEtagsOfOneState) {
  ASSERT_TRUE(create(kRule));
  const auto twice = create(kRule);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().error.code, Code::Exists);
  const auto stale =
      rules_->replace(TextKind::Rule, kPing, std::string(kRule), "", "7", "bob", kNow);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().error.code, Code::Conflict);
  EXPECT_EQ(rules_->remove(TextKind::Rule, kPing, "7").error().code, Code::Conflict);
  EXPECT_EQ(rules_->remove(TextKind::Exception, kPing, "").error().code, Code::NotFound);
  std::string other(kRule);
  other.replace(other.find("a001"), 4, "a002");
  const auto moved = rules_->replace(TextKind::Rule, kPing, other, "", "", "bob", kNow);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().error.code, Code::Invalid);
  reopen(1);
  const auto full = create(other);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().error.code, Code::Full);
}

TEST_F(RulesTest, SettingsOutliveTheRuleAndTheHub) {
  ASSERT_TRUE(create(kRule));
  SettingChange change;
  change.severity = std::optional(detect::Severity::High);
  change.comment = "It is our gateway";
  const auto set = rules_->set(kPing, change, "0", "ann", kNow);
  ASSERT_TRUE(set) << set.error().to_string();
  EXPECT_EQ(set->etag, "1");
  EXPECT_EQ(ping(), Raised{"Ping High"});
  reopen();
  EXPECT_EQ(ping(), Raised{"Ping High"});
  EXPECT_EQ(rules_->set(kPing, {.enabled = false}, "0", "ann", kNow).error().code, Code::Conflict);
  ASSERT_TRUE(rules_->set(kPing, {.enabled = false}, "1", "ann", kNow));
  EXPECT_EQ(ping(), Raised{});
  EXPECT_EQ(rules_->setting(kPing)->setting.severity, detect::Severity::High) << "stays";
  SettingChange back{.enabled = true};
  back.severity = std::optional<detect::Severity>();
  ASSERT_TRUE(rules_->set(kPing, back, "", "ann", kNow));
  EXPECT_EQ(ping(), Raised{"Ping Medium"});
  EXPECT_EQ(rules_->set("none", {.enabled = false}, "", "ann", kNow).error().code, Code::NotFound);
}

TEST_F(RulesTest, AnExceptionIsMadeOfConditions) {
  ASSERT_TRUE(create(kRule));
  const Where where[] = {{"User", "", {"monitor", "o'neill: \"x\""}},
                         {"Image", "startswith", {"/bin/"}}};
  const auto text = exception_text(*stream_, kPing, "The \"monitor\" pings: often", where);
  ASSERT_TRUE(text) << text.error().to_string();
  const auto made = create(*text, TextKind::Exception);
  ASSERT_TRUE(made) << *text << made.error().error.to_string();
  EXPECT_EQ(made->title, "The \"monitor\" pings: often");
  EXPECT_EQ(ping("monitor"), Raised{});
  EXPECT_EQ(ping("o'neill: \"x\""), Raised{});
  EXPECT_EQ(ping("u"), Raised{"Ping Medium"});
  reopen();
  EXPECT_EQ(ping("monitor"), Raised{});
  ASSERT_EQ(stream_->filters().size(), 1U);
  EXPECT_EQ(stream_->filters()[0].file, made->file());
  // The rule may be replaced: the exception stays.
  std::string newer(kRule);
  newer.replace(newer.find("Ping"), 4, "Pong");
  ASSERT_TRUE(rules_->replace(TextKind::Rule, kPing, newer, "", "", "ann", kNow));
  EXPECT_EQ(ping("monitor"), Raised{});
  EXPECT_EQ(ping("u"), Raised{"Pong Medium"});
}

TEST_F(RulesTest, AnExceptionNeedsConditionsOfTheRulesEvents) {
  ASSERT_TRUE(create(kRule));
  const Where fine[] = {{"User", "", {"x"}}};
  EXPECT_EQ(exception_text(*stream_, "none", "t", fine).error().code, Code::NotFound);
  EXPECT_EQ(exception_text(*stream_, kPing, "t", {}).error().code, Code::Invalid);
  for (const Where& bad : {Where{"", "", {"x"}}, Where{"User", "", {}}, Where{"a: b", "", {"x"}},
                           Where{"User\n", "", {"x"}}, Where{"User|contains", "", {"x"}}})
    EXPECT_EQ(exception_text(*stream_, kPing, "t", {&bad, 1}).error().code, Code::Invalid);
  const Where unknown[] = {{"Colour", "", {"red"}}};
  const auto text = exception_text(*stream_, kPing, "t", unknown);
  ASSERT_TRUE(text);
  EXPECT_FALSE(create(*text, TextKind::Exception));
  EXPECT_FALSE(create(kRule, TextKind::Exception)) << "no filter";
  const auto filter = exception_text(*stream_, kPing, "t", fine);
  EXPECT_FALSE(create(*filter, TextKind::Rule)) << "no rule";
}

TEST_F(RulesTest, ACorrelationSaysWhereItsExceptionsBelong) {
  ASSERT_TRUE(create(std::string(kRule) + R"(---
title: Pings
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002
correlation:
  type: event_count
  rules: [7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001]
  group-by: [User]
  timespan: 10m
  condition: {gte: 2}
)"));
  const Where where[] = {{"User", "", {"x"}}};
  const auto text = exception_text(*stream_, "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002", "t", where);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::Unsupported);
  EXPECT_NE(text.error().detail.find(kPing), std::string::npos);
}

}  // namespace
}  // namespace hub::rules
