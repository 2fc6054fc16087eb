// Compiled rules against the plain reading of the specification.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "base/shared_testing.h"
#include "sigma/fields.h"
#include "sigma/reference_testing.h"
#include "sigma/rule_set_testing.h"

namespace sigma {
namespace {

using tests::process;

// Rules, filters and what they look at, made at random from few words, so that they meet.
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  const std::string& text() { return pick(kTexts); }
  std::vector<std::string> texts(std::size_t most) {
    std::vector<std::string> out(below(most + 1));
    for (std::string& one : out)
      one = text();
    return out;
  }

  // `lists`: of commands, whose fields have several values.
  std::string detection(bool lists) {
    lists_ = lists;
    return "  s1: " + selection() + "\n  s2: " + selection() + "\n  f1: " + selection() +
           "\n  condition: " +
           pick({"s1", "s1 and s2", "s1 or s2", "s1 and not f1", "1 of s*", "all of s*",
                 "2 of them", "not s1 and not 1 of f*", "(s1 or f1) and s2", "all of them"}) +
           "\n";
  }

 private:
  std::string field() {
    return lists_ ? pick({"CommandLine", "Program", "Option", "Writes"})
                  : pick({"CommandLine", "CommandLine", "Image", "ParentImage"});
  }

  std::string special() {
    switch (below(6)) {
      case 0:
        return field() + "|cidr: 10.0.0.0/25";
      case 1:
        return field() + "|" + pick({"lt", "lte", "gt", "gte"}) + ": " + pick({"5", "10", "17"});
      case 2:
        return field() + "|exists: " + pick({"true", "false"});
      case 3:
        return field() + ": null";
      case 4:
        return field() + "|neq: null";
      default:
        return field() + "|fieldref: " + field();
    }
  }

  std::string test() {
    if (one_in(4)) return special();
    std::string key = field() + pick(kModifiers);
    const auto value = [&] {
      if (key.find("|re") != std::string::npos) return pick(kExpressions);
      if (key.find("base64") != std::string::npos) return pick({"ab", "xmrig", "a.b"});
      return pick(kValues);
    };
    std::string values = value();
    for (std::size_t more = below(7); more > 0; --more)
      values += ", " + value();
    return key + ": [" + values + "]";
  }

  std::string selection() {
    if (one_in(8)) return "[" + pick(kValues) + ", " + pick(kValues) + "]";
    if (one_in(12)) return "{'|all': [" + pick(kValues) + ", " + pick(kValues) + "]}";
    if (!one_in(3)) return "{" + test() + "}";
    return "[{" + test() + "}, {" + test() + "}]";
  }

  inline static const std::vector<std::string> kTexts = {
      "",
      "a",
      "ab",
      "AB",
      "abc",
      "b",
      "bc",
      "a.b",
      "xmrig",
      "/usr/bin/a",
      "10.0.0.1",
      "10.0.0.200",
      "5",
      "17",
      "-o a",
      "a*b",
      "aXb",
      "-o",
      "ac",
      "a\nb",
      "\xc3\xa4",
      "a\xc3\x84"
      "b",
      "a\x0b"
      "b",
      "\xff",
      "an argument that is rather longer than what is hashed of it at once, and ends with xmrig"};
  inline static const std::vector<std::string> kModifiers = {"",
                                                             "|contains",
                                                             "|startswith",
                                                             "|endswith",
                                                             "|re",
                                                             "|re|i",
                                                             "|cased",
                                                             "|contains|cased",
                                                             "|contains|all",
                                                             "|neq",
                                                             "|endswith|cased",
                                                             "|contains|neq",
                                                             "|startswith|all",
                                                             "|windash|contains",
                                                             "|base64offset|contains",
                                                             "|re|all",
                                                             "|all"};
  inline static const std::vector<std::string> kExpressions = {
      "'^a'",    "'b$'",       "'a.b'",    "'[ab]+c'",    "'x|b'",
      "'^.$'",   "'^..$'",     "'[^a]b'",  "'\\S'",       "'a\\Wb'",
      "'^$'",    "'(a|b)c?$'", "'a*'",     "'xm[a-r]ig'", "'\\d{2}'",
      "'(?i)ä'", "'\\x{e4}'",  "'(?m)^b'", "'b\\b'",      "'^[[:alpha:]]{2}$'"};
  inline static const std::vector<std::string> kValues = {
      "a",
      "b",
      "AB",
      "'a*'",
      "'*b*'",
      "'a?b'",
      "'a\\*b'",
      "c",
      "''",
      "bc",
      "ä",
      "'*'",
      "xmrig",
      "10",
      "'-o'",
      "'?\?'",
      "'Xm*ig'",
      "'*r?g'",
      "'/a'",
      "'/usr/*/a'",
      "'an argument that is rather longer than what is hashed of it at once, and ends with xmrig'",
      "'longer than what is hashed of it at once, and ends with XMRIG'"};

  std::minstd_rand random_;
  bool lists_ = false;
};

struct Judged {
  std::vector<Rule> rules;
  std::vector<Filter> filters;
};

Judged parse_all(const std::string& yaml) {
  auto parsed = parse(yaml);
  EXPECT_TRUE(parsed.problems.empty()) << yaml << parsed.problems.front().to_string("rule");
  return {std::move(parsed.rules), std::move(parsed.filters)};
}

RuleSet compile(const Judged& judged, Engine engine) {
  RuleSet set;
  for (const Rule& rule : judged.rules) {
    const auto added = set.add(rule);
    EXPECT_TRUE(added) << added.error().problem.to_string("rule");
  }
  for (const Filter& filter : judged.filters)
    EXPECT_TRUE(set.leave_out(filter).empty());
  set.build(engine);
  return set;
}

std::vector<std::string> expected_titles(const Judged& judged, const reference::Lookup& lookup) {
  std::vector<std::string> out;
  for (const Rule& rule : judged.rules) {
    bool holds = reference::holds(rule, lookup);
    for (const Filter& filter : judged.filters) {
      const bool named = filter.rules.empty() || filter.rules.front().text == rule.name;
      if (named && reference::holds(filter.selections, filter.condition, lookup)) holds = false;
    }
    if (holds) out.push_back(rule.title);
  }
  return out;
}

std::vector<std::string> found_titles(const RuleSet& set, const Subject& subject,
                                      RuleSet::Scratch& scratch) {
  std::vector<Hit> hits;
  set.match(subject, scratch, hits);
  std::vector<std::string> out;
  for (const Hit& hit : hits)
    out.push_back(hit.rule->title);
  return out;
}

std::string random_rules(Generator& random, const std::string& source, bool lists) {
  std::string yaml;
  const std::size_t rules = 1 + random.below(5);
  for (std::size_t i = 0; i < rules; ++i) {
    const std::string n = std::to_string(i);
    yaml += (i == 0 ? "title: r" : "---\ntitle: r") + n + "\nname: n" + n +
            "\nlogsource: " + source + "\ndetection:\n" + random.detection(lists);
  }
  if (random.one_in(3)) {
    yaml += "---\ntitle: f\nlogsource: " + source +
            "\nfilter:\n  rules: " + random.pick({"any", "[n0]"}) + "\n" + random.detection(lists);
  }
  return yaml;
}

constexpr std::array kEngines = {Engine::Index, Engine::Index, Engine::Index, Engine::Vectorscan};

TEST(RuleSet, AgreesWithTheReferenceInterpreter) {
  Generator random(7);
  RuleSet::Scratch scratch;
  std::size_t matched = 0;
  for (std::size_t round = 0; round < 1200; ++round) {
    const std::string yaml = random_rules(random, "{category: process_creation}", false);
    const Judged judged = parse_all(yaml);
    const RuleSet set = compile(judged, kEngines[round % kEngines.size()]);
    for (int i = 0; i < 10; ++i) {
      const std::string image = random.text();
      const std::string command = random.text();
      const std::string parent = random.text();
      const bool has_parent = random.one_in(2);
      const auto event = process(
          image, command,
          has_parent ? schema::ExtraDetails{{"ParentExecutable", parent}} : schema::ExtraDetails{});
      const reference::Lookup lookup = {[&](std::string_view field) -> reference::Values {
                                          if (field == "Image") return {image};
                                          if (field == "CommandLine") return {command};
                                          if (field == "ParentImage" && has_parent) return {parent};
                                          return {};
                                        },
                                        {image, command, "0", "root"}};
      const auto expected = expected_titles(judged, lookup);
      ASSERT_EQ(found_titles(set, Subject(event, 0), scratch), expected)
          << yaml << "Image=" << image << " CommandLine=" << command
          << " ParentImage=" << (has_parent ? parent : "-");
      matched += expected.size();
    }
  }
  EXPECT_GT(matched, 5000U);
  EXPECT_LT(matched, 30'000U);
}

TEST(RuleSet, AgreesWithTheReferenceInterpreterAboutLists) {
  Generator random(11);
  RuleSet::Scratch scratch;
  std::size_t matched = 0;
  for (std::size_t round = 0; round < 800; ++round) {
    const std::string yaml = random_rules(random, "{category: command}", true);
    const Judged judged = parse_all(yaml);
    const RuleSet set = compile(judged, kEngines[round % kEngines.size()]);
    for (int i = 0; i < 10; ++i) {
      std::map<std::string, reference::Values, std::less<>> values = {
          {"Program", random.texts(1)},
          {"CommandLine", random.texts(1)},
          {"Option", random.texts(4)},
          {"Writes", random.texts(2)}};
      Record record(Source::command());
      record.add_all(command_field(shell::Field::Program), values["Program"]);
      record.add_all(command_field(shell::Field::CommandLine), values["CommandLine"]);
      record.add_all(command_field(shell::Field::Option), values["Option"]);
      record.add_all(command_field(shell::Field::Writes), values["Writes"]);
      const reference::Lookup lookup = {
          [&](std::string_view field) { return values.find(field)->second; },
          values["CommandLine"]};
      const auto expected = expected_titles(judged, lookup);
      ASSERT_EQ(found_titles(set, Subject(record), scratch), expected)
          << yaml << ::testing::PrintToString(values);
      matched += expected.size();
    }
  }
  EXPECT_GT(matched, 2000U);
  EXPECT_LT(matched, 20'000U);
}

// What explains a rule says the same as what matches it, selection by selection.
TEST(RuleSet, ExplainsWhatItFinds) {
  Generator random(13);
  RuleSet::Scratch scratch;
  std::size_t held = 0;
  for (int round = 0; round < 200; ++round) {
    const std::string yaml = random_rules(random, "{category: process_creation}", false);
    const Judged judged = parse_all(yaml);
    const RuleSet set = compile(judged, Engine::Index);
    const std::string image = random.text();
    const std::string command = random.text();
    const auto event = process(image, command);
    const reference::Lookup lookup = {[&](std::string_view field) -> reference::Values {
                                        if (field == "Image") return {image};
                                        if (field == "CommandLine") return {command};
                                        return {};
                                      },
                                      {image, command, "0", "root"}};
    const auto found = found_titles(set, Subject(event, 0), scratch);
    for (const Rule& rule : judged.rules) {
      const auto explained = set.explain(rule.id, Subject(event, 0), scratch);
      ASSERT_TRUE(explained);
      EXPECT_EQ(explained->holds, std::ranges::find(found, rule.title) != found.end()) << yaml;
      EXPECT_EQ(explained->alone, reference::holds(rule, lookup)) << yaml;
      ASSERT_EQ(explained->selections.size(), rule.selections.size());
      for (std::size_t i = 0; i < rule.selections.size(); ++i) {
        const bool expected = reference::holds(rule.selections[i], lookup);
        EXPECT_EQ(explained->selections[i].holds, expected) << yaml << rule.selections[i].name;
        held += expected ? 1U : 0U;
      }
    }
  }
  EXPECT_GT(held, 200U);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct PublicRules {
  RuleSet set;
  std::vector<Rule> kept;
  std::map<std::string, int> without_events;
  int files = 0;
};

PublicRules read_rules(const std::filesystem::path& corpus) {
  PublicRules out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (entry.path().extension() != ".yml") continue;
    ++out.files;
    auto parsed = parse(read(entry.path()));
    EXPECT_EQ(parsed.problems.size(), 0U)
        << parsed.problems.front().to_string(entry.path().string());
    for (Rule& rule : parsed.rules) {
      const Rule copy = rule;
      auto added = out.set.add(std::move(rule));
      if (added) {
        out.kept.push_back(copy);
        continue;
      }
      EXPECT_EQ(added.error().kind, Refusal::Kind::NoEvents)
          << added.error().problem.to_string(entry.path().string());
      ++out.without_events[added.error().problem.message];
    }
  }
  out.set.build();
  return out;
}

bool looks_at_processes(const Rule& rule) {
  const auto sources = sources_of(rule.log_source);
  return std::ranges::find(sources, Source(schema::EventName::ProcessCreate)) != sources.end();
}

// The public Linux rules, where somebody has put them: none may crash, none that we have events for
// may be refused, and compiled and reference must agree on real command lines.
TEST(RuleSet, TakesThePublicLinuxRules) {
  const auto corpora = base::shared_data("corpora");
  if (!corpora || !std::filesystem::exists(*corpora / "sigma-linux"))
    GTEST_SKIP() << "no corpora/sigma-linux in VEDETTE_SHARED or ../shared";
  const PublicRules rules = read_rules(*corpora / "sigma-linux");
  std::cout << "public Linux rules: " << rules.files << " files, " << rules.set.size()
            << " compiled\n";
  for (const auto& [reason, count] : rules.without_events)
    std::cout << "  " << count << ": " << reason << "\n";
  EXPECT_EQ(rules.files, 214);
  EXPECT_GE(rules.set.size(), 205U);

  std::ifstream commands(*corpora / "atomics_linux.tsv");
  std::string line;
  RuleSet::Scratch scratch;
  for (std::size_t lines = 0; std::getline(commands, line) && lines < 400; ++lines) {
    const std::string text = base::to_utf8(line.substr(0, 400));
    const std::string image = "/usr/bin/" + text.substr(0, text.find(' '));
    const reference::Lookup lookup = {[&](std::string_view field) -> reference::Values {
                                        if (field == "Image") return {image};
                                        if (field == "CommandLine") return {text};
                                        if (field == "User") return {"root"};
                                        return {};
                                      },
                                      {image, text, "0", "root"}};
    std::vector<std::string> expected;
    for (const Rule& rule : rules.kept) {
      if (looks_at_processes(rule) && reference::holds(rule, lookup))
        expected.push_back(rule.title);
    }
    const auto event = process(image, text);
    ASSERT_EQ(found_titles(rules.set, Subject(event, 0), scratch), expected) << text;
  }
}

}  // namespace
}  // namespace sigma
