#include "detect/suppressions.h"

#include "detect/alerts_testing.h"

namespace detect {
namespace {

base::Result<Scope> scope(std::string_view json) {
  const auto value = TRY(base::json::parse(json));
  return read_scope(value);
}

TEST(Scope, ReadsWhatItWrites) {
  const std::string text =
      R"({"ruleId":"r","device":"press-*","entity":"/bin/x","atMostSeverity":"Low","fields":[)"
      R"({"field":"CommandLine","test":"startsWith","value":"a"}]})";
  const auto read = scope(text);
  ASSERT_TRUE(read) << read.error().to_string();
  std::string again;
  base::json::Writer writer(again);
  write_scope(writer, *read);
  EXPECT_EQ(again, text);
  EXPECT_EQ(describe(*read),
            "rule \"r\", device \"press-*\", entity \"/bin/x\", severity at most Low, "
            "CommandLine starts with \"a\"");
}

TEST(Scope, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "expected an object"},
      {"{}", "it would hide everything"},
      {R"({"device":"*","entity":"**"})", "it would hide everything"},
      {R"({"atMostSeverity":"High"})", "it would hide everything"},
      {R"({"rule":"x"})", "\"rule\": there is no such member"},
      {R"({"ruleId":7})", "ruleId: expected a text"},
      {R"({"ruleId":"x","atMostSeverity":"Huge"})", "atMostSeverity: expected High"},
      {R"({"fields":{}})", "fields: expected a list"},
      {R"({"fields":[{"test":"equals"}]})", "field: expected the name"},
      {R"({"fields":[{"field":"A","test":"like","value":"x"}]})", "test: expected one of equals"},
      {R"({"fields":[{"field":"A","test":"contains","value":""}]})", "value: every text contains"},
      {R"({"fields":[{"field":"A","test":"within","value":"10.0.0.0/99"}]})",
       "value: expected a block"},
  };
  for (const auto& [json, message] : cases) {
    const auto read = scope(json);
    ASSERT_FALSE(read) << json;
    EXPECT_EQ(read.error().detail.find(message), 0U) << json << ": " << read.error().detail;
  }
}

TEST(Scope, Globs) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } cases[] = {{"press-*", "press-7", true},
               {"press-*", "PRESS-", true},
               {"press-*", "xpress-7", false},
               {"*-7", "press-7", true},
               {"*-7", "press-77", false},
               {"p?ess", "press", true},
               {"p?ess", "pess", false},
               {"*a*b*c", "xxaxbxbxc", true},
               {"*a*b*c", "xxaxbxbx", false},
               {"", "", true},
               {"", "a", false},
               {"*", "", true},
               {"a**", "a", true}};
  for (const auto& one : cases)
    EXPECT_EQ(glob_matches(one.pattern, one.text), one.matches) << one.pattern << " " << one.text;
}

TEST(Scope, LooksIntoEvents) {
  Evidence evidence;
  evidence.details_json =
      R"({"CommandLine":"/usr/bin/rsync -a /srv backup:","RemoteAddress":"10.1.2.3","ProcessId":42,)"
      R"("Tags":["a","nightly"],"ExtraDetails":{"Cwd":"/srv"}})";
  evidence.matched = {{"Program", "rsync", "", ""}};
  const struct {
    const char* field;
    Comparison test;
    const char* value;
    bool covers;
  } cases[] = {{"CommandLine", Comparison::Contains, "RSYNC -a", true},
               {"commandline", Comparison::EndsWith, "backup:", true},
               {"CommandLine", Comparison::Equals, "rsync", false},
               {"CommandLine", Comparison::Matches, "*rsync * backup:", true},
               {"RemoteAddress", Comparison::Within, "10.0.0.0/8", true},
               {"RemoteAddress", Comparison::Within, "192.168.0.0/16", false},
               {"ProcessId", Comparison::Equals, "42", true},
               {"Tags", Comparison::Equals, "nightly", true},
               {"ExtraDetails.Cwd", Comparison::StartsWith, "/s", true},
               {"Program", Comparison::Equals, "rsync", true},
               {"Absent", Comparison::Equals, "", false},
               {"Absent.Deeper", Comparison::Contains, "x", false}};
  for (const auto& one : cases) {
    Scope scope;
    scope.fields = {{one.field, one.test, one.value}};
    EXPECT_EQ(covers(scope, evidence), one.covers) << one.field << " " << one.value;
  }
}

class SuppressionsTest : public AlertsTest {
 protected:
  static SuppressionDraft draft(std::string device = "d1", int seconds = 86'400) {
    SuppressionDraft draft;
    draft.name = "Stress test";
    draft.reason = "The miner is ours: ticket 42";
    draft.owner = "ann";
    draft.scope.rule_id = "rule-1";
    draft.scope.device = std::move(device);
    draft.expires = at(seconds);
    return draft;
  }
  Suppression suppress(const SuppressionDraft& draft, int second = 0) {
    auto made = alerts_->suppressions().create(draft, "ann", at(second));
    EXPECT_TRUE(made) << made.error().to_string();
    return *made;
  }
};

TEST_F(SuppressionsTest, WhatIsHiddenIsCountedAndCanBeListed) {
  const Suppression made = suppress(draft());
  apply({finding(1), finding(2), finding(3, "d2")});
  EXPECT_EQ(all().size(), 1U) << "d2 only";
  EXPECT_EQ(alerts_->counts()->open, 1);
  EXPECT_EQ(*alerts_->open_count("d1"), 0);
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_EQ(changes_[0].device_id, "d2");
  EXPECT_EQ(alerts_->outbox(0, 100)->size(), 1U);
  EXPECT_EQ(alerts_->metrics().suppressed.value(), 2U);

  const auto hidden = all({.hidden = Hidden::Only});
  ASSERT_EQ(hidden.size(), 1U);
  EXPECT_EQ(hidden[0].suppression, made.id);
  EXPECT_EQ(hidden[0].hit_count, 2);
  EXPECT_EQ(alerts_->get(hidden[0].id)->evidence.size(), 2U) << "evidence is kept";
  EXPECT_EQ(all({.suppression = made.id}).size(), 1U);
  EXPECT_EQ(all({.hidden = Hidden::Too}).size(), 2U);
  const auto counts = *alerts_->hidden();
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].alerts, 1);
  EXPECT_EQ(counts[0].hits, 2);
  EXPECT_EQ(counts[0].last_seen, at(2));
  EXPECT_TRUE(alerts_->plan({}, {.comment = "x"}, "ann", at(5))->alerts == 1)
      << "a bulk change does not reach what is not shown";
}

TEST_F(SuppressionsTest, ItEnds) {
  suppress(draft("d1", 10));
  apply({finding(9), finding(10)});
  EXPECT_EQ(all().size(), 1U) << "the second one came when it had expired";
  EXPECT_EQ(all({.hidden = Hidden::Only}).size(), 1U);
  open();
  apply({finding(11)});
  EXPECT_EQ(all()[0].hit_count, 2);
}

TEST_F(SuppressionsTest, SurvivesARestartAndCanBeSwitchedOff) {
  auto made = suppress(draft());
  open();
  apply({finding(1)});
  EXPECT_EQ(all().size(), 0U);
  auto off = made.draft;
  off.enabled = false;
  EXPECT_EQ(alerts_->suppressions().replace(made.id, off, "9", "bob", at(2)).error().code,
            base::Code::Conflict);
  const auto changed = alerts_->suppressions().replace(made.id, off, made.etag, "bob", at(2));
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->updated_by, "bob");
  EXPECT_EQ(changed->created_by, "ann");
  EXPECT_NE(changed->etag, made.etag);
  apply({finding(3)});
  EXPECT_EQ(all().size(), 1U);
}

TEST_F(SuppressionsTest, WhatWasHiddenCanBeShownAgain) {
  const auto made = suppress(draft("d*"));
  apply({finding(1), finding(2, "d2")});
  ASSERT_TRUE(alerts_->suppressions().remove(made.id, made.etag));
  EXPECT_TRUE(alerts_->suppressions().list().empty());
  apply({finding(3)});
  changes_.clear();
  // d1 has an open alert by now.
  EXPECT_EQ(*alerts_->restore(made.id, "ann", at(4)), 1);
  const auto shown = all({.device_id = "d2"});
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(alerts_->get(shown[0].id)->history.back().action, "restored");
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_EQ(all({.hidden = Hidden::Only}).size(), 1U);
  EXPECT_EQ(alerts_->outbox(0, 100)->back().compromised_entity, "d2");
}

TEST_F(SuppressionsTest, SaysBeforehandWhatItWouldHaveHidden) {
  auto old = finding(1, "d9");
  old.received = at(1) - std::chrono::days(31);
  auto backup = finding(2);
  backup.hits = 7;
  backup.evidence.details_json = R"({"CommandLine":"backup"})";
  auto mixed = finding(3, "d2");
  apply({old, backup, mixed});
  mixed.sequence = 4;
  mixed.evidence.details_json = R"({"CommandLine":"backup --all"})";
  auto other = finding(5, "d3");
  apply({mixed, other});
  ASSERT_TRUE(close(all({.device_id = "d2"})[0].id, Verdict::TruePositive));

  Scope by_field;
  by_field.fields = {{"CommandLine", Comparison::StartsWith, "backup"}};
  const auto preview = alerts_->preview(by_field, at(10));
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->alerts, 1);
  EXPECT_EQ(preview->hits, 7);
  EXPECT_EQ(preview->open, 1);
  EXPECT_EQ(preview->partly, 1);
  EXPECT_EQ(preview->true_positives, 1) << "somebody said that it was real";
  EXPECT_EQ(preview->by_severity[static_cast<std::size_t>(Severity::High)], 1);
  ASSERT_EQ(preview->sample.size(), 1U);
  EXPECT_EQ(preview->sample[0].device_id, "d1");

  Scope by_rule;
  by_rule.rule_id = "rule-1";
  EXPECT_EQ(alerts_->preview(by_rule, at(10))->alerts, 3) << "not what is older than 30 days";
  by_rule.at_most = Severity::Medium;
  EXPECT_EQ(alerts_->preview(by_rule, at(10))->alerts, 0);
}

TEST_F(SuppressionsTest, NeedsAReasonAnOwnerAndAnEnd) {
  const auto refused = [&](auto spoil) {
    auto bad = draft();
    spoil(bad);
    const auto made = alerts_->suppressions().create(bad, "ann", at(0));
    return made ? std::string() : made.error().detail.substr(0, made.error().detail.find(':'));
  };
  EXPECT_EQ(refused([](auto& d) { d.reason = "  "; }), "reason");
  EXPECT_EQ(refused([](auto& d) { d.owner = ""; }), "owner");
  EXPECT_EQ(refused([](auto& d) { d.name = "two\nlines"; }), "name");
  EXPECT_EQ(refused([](auto& d) { d.expires = at(0); }), "expires");
  EXPECT_EQ(refused([](auto& d) { d.expires = at(1) + kMaxSuppression; }), "expires");
  EXPECT_EQ(refused([](auto&) {}), "");
  EXPECT_EQ(alerts_->suppressions().get("nope").error().code, base::Code::NotFound);
}

}  // namespace
}  // namespace detect
