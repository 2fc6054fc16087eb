#include "sigma/library.h"

#include <gtest/gtest.h>

namespace sigma {
namespace {

std::string rule(const std::string& name,
                 const std::string& source = "category: process_creation") {
  return "---\ntitle: Rule " + name + "\nname: " + name + "\nlogsource: {" + source +
         "}\ndetection: {s: [x], condition: s}\n";
}

std::string correlation(const std::string& name, const std::string& rules,
                        const std::string& more = "") {
  return "---\ntitle: " + name + "\nname: " + name +
         "\ncorrelation: {type: event_count, rules: " + rules +
         ", timespan: 1m, condition: {gte: 2}}\n" + more;
}

Library built(const std::vector<std::pair<std::string, std::string>>& files) {
  LibraryBuilder builder;
  for (const auto& [file, text] : files)
    builder.add(file, text);
  return std::move(builder).build();
}

std::vector<std::string> problems(const Library& library) {
  std::vector<std::string> out;
  for (const FileProblem& one : library.problems)
    out.push_back((one.no_events ? "no events: " : "") + one.problem.to_string(one.file));
  return out;
}

TEST(Library, WhatBuildsACorrelationOfItsFileIsSilent) {
  const Library library =
      built({{"a", rule("one") + rule("two") + correlation("pair", "[one, two]")},
             {"b", rule("three") + correlation("loud", "three", "generate: true\n")},
             {"c", correlation("elsewhere", "[three, pair]")},
             {"d", rule("four") + correlation("x", "four") +
                       correlation("y", "four", "generate: true\n") + correlation("z", "x")}});
  EXPECT_TRUE(problems(library).empty()) << problems(library)[0];
  const auto silent = [&](std::string_view name) {
    if (const Rule* found = library.rules.find(name)) return library.silent.contains(found->id);
    for (const Correlation* found : library.correlator.correlations()) {
      if (found->name == name) return library.silent.contains(found->id);
    }
    ADD_FAILURE() << name;
    return false;
  };
  EXPECT_TRUE(silent("one"));
  EXPECT_TRUE(silent("two"));
  EXPECT_FALSE(silent("pair")) << "who listens to it stands in another file";
  EXPECT_FALSE(silent("three"));
  EXPECT_FALSE(silent("four")) << "one correlation wants to hear of it";
  EXPECT_TRUE(silent("x"));
  EXPECT_FALSE(silent("z"));
}

TEST(Library, SaysWhyACorrelationCannotRun) {
  const Library library =
      built({{"a", rule("log", "product: linux, service: sshd") + correlation("on_log", "log") +
                       correlation("on_that", "on_log")},
             {"b", correlation("here", "there") + correlation("there", "here") +
                       correlation("lost", "nowhere")}});
  EXPECT_EQ(
      problems(library),
      (std::vector<std::string>{
          "no events: a:4:12: there are no events for logsource product=linux service=sshd: "
          "agents send events, not the lines of that log",
          "no events: a:9:41: rule 'log' is not in force: there are no events for logsource "
          "product=linux service=sshd: agents send events, not the lines of that log",
          "no events: a:13:41: 'on_log' is a correlation that is not in force",
          "b:4:41: 'there' is a correlation that is not in force",
          "b:8:41: 'here' is a correlation that is not in force",
          "b:12:41: expected the id or the name of a rule that is in force, found 'nowhere'"}));
  EXPECT_TRUE(library.correlator.correlations().empty());
}

TEST(Library, LaterFilesReplaceByIdAndFiltersFollow) {
  const std::string id = "id: 0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1\n";
  const Library library =
      built({{"a", "title: first\n" + id +
                       "logsource: {category: process_creation}\n"
                       "detection: {s: {Image: a}, condition: s}\n"},
             {"b",
              "title: f\nlogsource: {}\nfilter: {rules: 0D9D37AB-2B7C-4A0F-9A94-2F8D7CF3C2A1, "
              "s: {User: root}, condition: s}\n"},
             {"c", "title: second\n" + id +
                       "logsource: {category: process_creation}\n"
                       "detection: {s: {Image: b}, condition: s}\n"},
             {"d", "title: third\n" + id +
                       "logsource: {category: process_creation}\n"
                       "detection: {s: {Imag: b}, condition: s}\n"}});
  ASSERT_EQ(library.rules.size(), 1U);
  EXPECT_EQ(library.rules.rules()[0]->title, "second") << "a wrong one replaces nothing";
  ASSERT_EQ(library.problems.size(), 1U);
  EXPECT_EQ(library.problems[0].file, "d");
  RuleSet::Scratch scratch;
  for (const char* user : {"root", "pi"}) {
    schema::Event event;
    event.payload = schema::payload_of(
        schema::ProcessCreate{.executable = "b", .user_name = user, .command_line = "b"});
    std::vector<Hit> hits;
    library.rules.match(event, 0, scratch, hits);
    EXPECT_EQ(hits.size(), std::string_view(user) == "root" ? 0U : 1U);
  }
}

}  // namespace
}  // namespace sigma
