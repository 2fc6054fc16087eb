#include "detect/rule_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "detect/stream.h"

namespace detect {
namespace {

constexpr std::string_view kPing = "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001";
constexpr std::string_view kPings = "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002";

constexpr std::string_view kText = R"(# What pings.
title: Ping
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001
logsource: {category: process_creation}
detection: {s: {Image|endswith: /ping}, condition: s}
level: low
status: test
references: ['https://example.com/']
---
title: Pings
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002
correlation:
  type: event_count
  rules: [7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001]
  group-by: [User]
  timespan: 10m
  condition: {gte: 2}
  generate: true
)";

class TempDir {
 public:
  TempDir() : path_(::testing::TempDir() + "ruleXXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name) << text;
  }

 private:
  std::string path_;
};

StreamOptions only(std::string_view text) {
  StreamOptions options;
  options.builtin = false;
  options.settings.texts = {{"own/ping.yml", std::string(text)}};
  return options;
}

std::unique_ptr<Stream> load(StreamOptions options) {
  auto stream = Stream::load(options);
  EXPECT_TRUE(stream) << stream.error().to_string();
  return std::move(*stream);
}

std::vector<Finding> ping(Stream& stream, std::string user = "u") {
  schema::ProcessCreate item;
  item.executable = "/bin/ping";
  item.command_line = "ping";
  item.user_name = std::move(user);
  schema::Event event;
  event.payload = schema::payload_of(std::move(item));
  std::vector<Finding> out;
  stream.match(event, 0, {"d", "m", base::WallTime{}, 1}, out);
  return out;
}

std::vector<std::string> raised(Stream& stream) {
  std::vector<std::string> out;
  for (const Finding& finding : ping(stream))
    out.push_back(finding.rule.id);
  return out;
}

using Ids = std::vector<std::string>;

TEST(RuleSettings, WhatIsSwitchedOffIsNotRaisedButBuiltUpon) {
  StreamOptions options = only(kText);
  options.settings.rules[std::string(kPing)].enabled = false;
  const auto stream = load(options);
  EXPECT_EQ(raised(*stream), Ids{});
  EXPECT_EQ(raised(*stream), Ids{std::string(kPings)});
  options.settings.rules.clear();
  options.settings.rules[std::string(kPings)].enabled = false;
  ASSERT_TRUE(stream->apply(options.settings));
  EXPECT_EQ(raised(*stream), Ids{std::string(kPing)});
  EXPECT_EQ(raised(*stream), Ids{std::string(kPing)});
}

TEST(RuleSettings, ASeverityTakesThePlaceOfTheRules) {
  StreamOptions options = only(kText);
  const auto stream = load(options);
  EXPECT_EQ(ping(*stream).front().rule.severity, Severity::Low);
  options.settings.rules[std::string(kPing)].severity = Severity::High;
  ASSERT_TRUE(stream->apply(options.settings));
  EXPECT_EQ(ping(*stream).front().rule.severity, Severity::High);
  for (const ListedRule& rule : stream->list()) {
    if (rule.info.id != kPing) continue;
    EXPECT_EQ(rule.info.severity, Severity::High);
    EXPECT_EQ(rule.own_severity, Severity::Low);
  }
}

TEST(RuleSettings, ExceptionsAreFiltersLikeAnyOther) {
  StreamOptions options = only(kText);
  options.settings.texts.push_back({"exception/1", R"(
title: The monitor pings
logsource: {category: process_creation}
filter:
  rules: [7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001]
  monitor: {User: monitor}
  condition: monitor
)"});
  const auto stream = load(options);
  EXPECT_TRUE(stream->problems().empty());
  EXPECT_TRUE(ping(*stream, "monitor").empty());
  EXPECT_FALSE(ping(*stream, "u").empty());
  const auto filters = stream->filters();
  ASSERT_EQ(filters.size(), 1U);
  EXPECT_EQ(filters[0].origin, RuleOrigin::Own);
  EXPECT_EQ(filters[0].rules, Ids{std::string(kPing)});
}

TEST(RuleSettings, ChangesForgetNothingThatCorrelationsRemember) {
  StreamOptions options = only(kText);
  const auto stream = load(options);
  EXPECT_EQ(raised(*stream), Ids{std::string(kPing)});
  options.settings.rules[std::string(kPing)].severity = Severity::High;
  ASSERT_TRUE(stream->apply(options.settings));
  EXPECT_EQ(raised(*stream), (Ids{std::string(kPing), std::string(kPings)}));
}

TEST(RuleSettings, TheyStayWhenTheFolderIsReadAgain) {
  const TempDir dir;
  dir.write("a.yml", kText);
  StreamOptions options;
  options.builtin = false;
  options.folder = dir.path();
  options.settings.rules[std::string(kPing)].enabled = false;
  const auto stream = load(options);
  ASSERT_TRUE(stream->reload());
  EXPECT_EQ(raised(*stream), Ids{});
}

TEST(ListedRules, SayWhatTheRuleSaysAndWhereItIs) {
  const TempDir dir;
  dir.write("a.yml", kText);
  StreamOptions options;
  options.folder = dir.path();
  const auto stream = load(options);
  const auto rules = stream->list();
  EXPECT_EQ(std::ranges::count(rules, RuleOrigin::Builtin, &ListedRule::origin) + 2,
            std::ssize(rules));
  std::size_t found = 0;
  for (const ListedRule& rule : rules) {
    if (rule.origin == RuleOrigin::Builtin) {
      EXPECT_FALSE(stream->document(rule.file, rule.line)->empty()) << rule.file;
      continue;
    }
    ++found;
    EXPECT_EQ(rule.origin, RuleOrigin::Folder);
    EXPECT_EQ(rule.file, dir.path() + "/a.yml");
    EXPECT_TRUE(rule.enabled);
    const auto text = stream->document(rule.file, rule.line);
    ASSERT_TRUE(text);
    if (rule.kind == RuleKind::Rule) {
      EXPECT_EQ(rule.category, "process_creation");
      EXPECT_EQ(rule.status, "test");
      EXPECT_EQ(rule.references, Ids{"https://example.com/"});
      EXPECT_TRUE(text->starts_with("# What pings.\ntitle: Ping\n")) << *text;
      EXPECT_TRUE(text->ends_with("['https://example.com/']\n")) << *text;
    } else {
      EXPECT_EQ(rule.builds_on, Ids{std::string(kPing)});
      EXPECT_TRUE(text->starts_with("title: Pings\n")) << *text;
    }
  }
  EXPECT_EQ(found, 2U);
}

TEST(ListedRules, WhatCannotRunIsToldWithItsTitle) {
  StreamOptions options = only(R"(
title: No such field
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a003
logsource: {category: process_creation}
detection: {s: {Imag: x}, condition: s}
---
title: No such events
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a004
logsource: {product: windows, service: security}
detection: {s: {EventID: 1}, condition: s}
)");
  const auto stream = load(options);
  const auto problems = stream->problems();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].title, "No such field");
  EXPECT_EQ(problems[0].id, "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a003");
  EXPECT_FALSE(problems[0].no_events);
  EXPECT_EQ(problems[1].title, "No such events");
  EXPECT_TRUE(problems[1].no_events);
}

TEST(ListedRules, OnlyFilesOfTheRulesAreRead) {
  const TempDir dir;
  StreamOptions options = only(kText);
  options.folder = dir.path();
  EXPECT_TRUE(read_rule_file(options, "own/ping.yml"));
  EXPECT_FALSE(read_rule_file(options, "/etc/passwd"));
  EXPECT_FALSE(read_rule_file(options, "nothing.yml"));
}

TEST(DocumentAt, FindsTheDocumentThatALineIsIn) {
  const std::string text = "a: 1\n---\nb: 2\nc: 3\n--- # three\nd: 4";
  EXPECT_EQ(document_at(text, 1), "a: 1\n");
  EXPECT_EQ(document_at(text, 3), "b: 2\nc: 3\n");
  EXPECT_EQ(document_at(text, 4), "b: 2\nc: 3\n");
  EXPECT_EQ(document_at(text, 6), "d: 4\n");
  EXPECT_EQ(document_at(text, 9), "");
  EXPECT_EQ(document_at("---\nx: 1\n", 2), "x: 1\n");
  EXPECT_EQ(document_at("", 1), "");
}

}  // namespace
}  // namespace detect
