// The command line without a hub; tests/system/cli_test.py has one.
#include "cli/cli.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Ended {
  int status = 0;
  std::string out;
  std::string err;
};

Ended vedette(const std::vector<std::string>& arguments, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{in, out, err};
  environment.variable = [](const std::string&) { return std::nullopt; };
  const int status = run(arguments, environment);
  return {status, out.str(), err.str()};
}

TEST(CommandLine, UsageErrorsSayWhatToDo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "subcommand is required"},
      {{"devic"}, "unknown command 'devic'; did you mean 'device'?"},
      {{"device"}, "subcommand is required"},
      {{"device", "lst"}, "unknown command 'lst'; did you mean 'list'?"},
      {{"device", "show"}, "DEVICE is required"},
      {{"device", "create", "d", "--status", "off"}, "off"},
      {{"device", "list", "--limit", "0"}, "--limit"},
      {{"device", "list", "-o", "xml"}, "xml"},
      {{"device", "list", "--frobnicate"}, "frobnicate"},
      {{"kql"}, "give either a query or --file"},
      {{"kql", "print 1", "--file", "x"}, "give either a query or --file"},
      {{"kql", "print 1", "--timeout", "0"}, "--timeout"},
      {{"kql", "print 1", "--param"}, "--param"},
      {{"kql", "print 1", "--param", "n"}, "expected NAME=VALUE, found \"n\""},
      {{"query", "run", "mine", "--param", "=1"}, "expected NAME=VALUE"},
      {{"export", "--table", "Login", "--param", "n=1"}, "--param belongs to --query"},
      {{"completion", "tcsh"}, "tcsh"},
      {{"alert", "list", "--severity", "Critical"}, "--severity"},
  };
  for (const auto& [arguments, message] : cases) {
    const Ended ended = vedette(arguments);
    EXPECT_EQ(ended.status, 2) << ::testing::PrintToString(arguments);
    EXPECT_THAT(ended.err, HasSubstr(message)) << ::testing::PrintToString(arguments);
    EXPECT_EQ(ended.out, "");
  }
}

TEST(CommandLine, HelpIsDataAndNamesTheWholeCommand) {
  const Ended program = vedette({"--help"});
  EXPECT_EQ(program.status, 0);
  EXPECT_THAT(program.out, HasSubstr("6 hub unreachable"));
  EXPECT_THAT(vedette({"device", "create", "--help"}).out,
              HasSubstr("Usage: vedette device create [OPTIONS] DEVICE"));
  EXPECT_THAT(vedette({"--version"}).out, StartsWith("vedette "));
}

TEST(CommandLine, WithoutAConnectionStringThereIsNoAccess) {
  const Ended ended = vedette({"device", "list"});
  EXPECT_EQ(ended.status, 4);
  EXPECT_THAT(ended.err, HasSubstr("--connection-string-file"));
}

TEST(CommandLine, ValidatesMessagesFromStandardInput) {
  const Ended ended = vedette({"message", "validate", "-"}, "{}");
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.out, StartsWith(R"({"index":0,"valid":false)"));
  EXPECT_EQ(vedette({"message", "validate", "-", "--lenient"}, "{}").status, 1);
  EXPECT_EQ(vedette({"message", "validate", "/none"}).status, 2);
}

TEST(Completion, KnowsEveryCommandAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ended ended = vedette({"completion", shell});
    EXPECT_EQ(ended.status, 0);
    for (const char* word : {"vedette device create", "vedette message validate", "lenient",
                             "if-match", "connection-string-file", "table", "reopen"}) {
      EXPECT_THAT(ended.out, HasSubstr(word)) << shell;
    }
  }
}

}  // namespace
}  // namespace cli
