#include "agent/collect/command_line.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"

namespace agent::collect {
namespace {

using namespace std::string_literals;

CommandLine whole(const std::string& argv, const CommandLineLimits& limits = {}) {
  return read_command_line(argv, argv.size(), argv.size(), limits);
}

TEST(ReadCommandLine, JoinsAndKeepsEachArgument) {
  const CommandLine line = whole("sh\0-c\0echo  a\0"s);
  EXPECT_EQ(line.text, "sh -c echo  a");
  EXPECT_EQ(line.json, R"(["sh","-c","echo  a"])");
  EXPECT_EQ(line.base64, "");
  EXPECT_FALSE(line.shortened);
}

TEST(ReadCommandLine, EmptyArguments) {
  EXPECT_EQ(whole(""s).json, "[]");
  EXPECT_EQ(whole(""s).text, "");
  EXPECT_EQ(whole("\0"s).json, R"([""])");
  EXPECT_EQ(whole("a\0\0b\0"s).json, R"(["a","","b"])");
  EXPECT_EQ(whole("a\0\0b\0"s).text, "a  b");
  // /proc gives no last NUL for a process that wrote over its argv.
  EXPECT_EQ(whole("title: x"s).json, R"(["title: x"])");
}

TEST(ReadCommandLine, NewlinesAndQuotesSurviveInTheArray) {
  const CommandLine line = whole("a\nb\0\"q\\\0"s);
  const auto parsed = base::json::parse(line.json);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->if_array()->at(0).if_string(), "a\nb");
  EXPECT_EQ(*parsed->if_array()->at(1).if_string(), "\"q\\");
  EXPECT_EQ(line.text, "a\nb \"q\\");
}

TEST(ReadCommandLine, BytesThatAreNoTextAreKeptAside) {
  const std::string argv = "x\0\xff\xfe\0"s;
  const CommandLine line = whole(argv);
  EXPECT_TRUE(base::is_utf8(line.text));
  EXPECT_TRUE(base::json::parse(line.json));
  const auto raw = base::base64_decode(line.base64);
  ASSERT_TRUE(raw);
  EXPECT_EQ(base::as_text(*raw), argv);
}

TEST(ReadCommandLine, GapIsMarked) {
  const CommandLine line = read_command_line("cmd\0aaaaaa tail\0hidden\0"s, 7, 5000, {});
  EXPECT_EQ(line.text, "cmd aaa [4977 bytes omitted] aaa tail hidden");
  EXPECT_EQ(line.json, R"(["cmd","aaa","[4977 bytes omitted]","aaa tail","hidden"])");
  EXPECT_TRUE(line.shortened);
}

// Whatever an attacker writes into argv, the event stays below what a message takes.
TEST(ReadCommandLine, IsBoundedAsJson) {
  for (const char byte : {'\x01', '"', '\\', '\xff', 'a', '\n'}) {
    const CommandLine line = whole(std::string(16'384, byte) + "\0"s);
    std::string encoded;
    base::json::Writer out(encoded);
    out.begin_object();
    out.field("CommandLine", line.text);
    out.field("Argv", line.json);
    out.field("ArgvBase64", line.base64);
    out.end_object();
    EXPECT_LE(encoded.size(), 130U << 10U) << static_cast<int>(byte);
    EXPECT_TRUE(base::json::parse(line.json));
  }
}

// Found by fuzzing: nothing but empty arguments outgrew the bound, two quotes at a time.
TEST(ReadCommandLine, EmptyArgumentsAreBoundedToo) {
  const CommandLine line = whole(std::string(16'384, '\0'));
  EXPECT_LE(line.json.size(), 24U << 10U);
  EXPECT_TRUE(line.shortened);
}

TEST(ReadCommandLine, TailKeepsItsPlaceInTheArray) {
  const CommandLineLimits limits{.text_json_bytes = 400, .array_json_bytes = 400, .raw_bytes = 100};
  const std::string argv = std::string(1000, 'x') + "\0evil\0"s;
  const CommandLine line = read_command_line(argv, 1000, 90'000, limits);
  EXPECT_NE(line.json.find("evil"), std::string::npos) << line.json;
  EXPECT_LE(line.json.size(), 400U);
  EXPECT_TRUE(line.shortened);
}

TEST(FitJson, CutsBetweenCharacters) {
  EXPECT_EQ(fit_json("abc", 2), "ab");
  EXPECT_EQ(fit_json("aä", 2), "a");
  EXPECT_EQ(fit_json("a\n", 6), "a");
  EXPECT_EQ(fit_json("", 0), "");
  EXPECT_EQ(fit_json("abc", 100), "abc");
}

}  // namespace
}  // namespace agent::collect
