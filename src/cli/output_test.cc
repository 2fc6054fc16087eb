#include "cli/output.h"

#include <sstream>

#include <gtest/gtest.h>

namespace cli {
namespace {

using base::json::Value;

Value parse(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value) << text;
  return std::move(*value);
}

TEST(PrintTable, AlignsColumnsByCharacters) {
  std::ostringstream out;
  print_table(out, {{"Name", "Value"}, {{"a", "1"}, {"größe", "22"}}}, Color::No);
  EXPECT_EQ(out.str(),
            "Name   Value\n"
            "a      1\n"
            "größe  22\n");
}

TEST(PrintTable, ColoursOnlyWhenAsked) {
  std::ostringstream out;
  print_table(out, {{"Severity"}, {{"High"}, {"Informational"}}}, Color::Yes);
  EXPECT_EQ(out.str(), "\x1b[1mSeverity\x1b[0m\n\x1b[31mHigh\x1b[0m\nInformational\n");
}

TEST(Printable, ShowsControlCharacters) {
  EXPECT_EQ(printable("a\nb\tc\x1b[2Jd\x7f\r"), "a\\nb\\tc\\x1b[2Jd\\x7f\\x0d");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "C1 controls steer terminals too";
  EXPECT_EQ(printable("größe \xe2\x82\xac"), "größe \xe2\x82\xac");
}

TEST(PrintTable, DevicesCannotSteerTheTerminal) {
  std::ostringstream out;
  print_table(out, {{"Command"}, {{"\x1b]0;owned\x07"}}}, Color::No);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
  std::ostringstream record;
  print_record(record, parse(R"({"a":"\u001b[31m"})"), {{"A", "a"}});
  EXPECT_EQ(record.str(), "A:  \\x1b[31m\n");
}

TEST(PrintCsv, QuotesWhatNeedsIt) {
  std::ostringstream out;
  print_csv(out, {{"a", "b,c"}, {{"x\"y", "line\nend"}, {"", "plain"}}});
  EXPECT_EQ(out.str(), "a,\"b,c\"\r\n\"x\"\"y\",\"line\nend\"\r\n,plain\r\n");
}

TEST(PrintJson, IndentsAndKeepsOrder) {
  std::ostringstream out;
  print_json(out, parse(R"({"b":[1,{"x":null}],"a":{},"c":[],"d":"\n"})"));
  EXPECT_EQ(out.str(),
            "{\n  \"b\": [\n    1,\n    {\n      \"x\": null\n    }\n  ],\n"
            "  \"a\": {},\n  \"c\": [],\n  \"d\": \"\\n\"\n}\n");
}

TEST(Cell, IsTheTextOfAValue) {
  const Value value = parse(R"({"t":"x","n":7,"z":null,"b":true,"l":[1,2],"o":{"p":"q"}})");
  EXPECT_EQ(cell(value.find("t")), "x");
  EXPECT_EQ(cell(value.find("n")), "7");
  EXPECT_EQ(cell(value.find("z")), "");
  EXPECT_EQ(cell(value.find("b")), "true");
  EXPECT_EQ(cell(value.find("l")), "[1,2]");
  EXPECT_EQ(cell(nullptr), "");
  EXPECT_EQ(cell(find_path(value, "o.p")), "q");
  EXPECT_EQ(find_path(value, "o.none"), nullptr);
  EXPECT_EQ(find_path(value, "t.none"), nullptr);
}

TEST(PrintRecord, LeavesOutWhatIsAbsent) {
  std::ostringstream out;
  print_record(out, parse(R"({"name":"d1","time":null})"),
               {{"Name", "name"}, {"Last seen", "time"}, {"Other", "other"}});
  EXPECT_EQ(out.str(), "Name:       d1\n");
}

}  // namespace
}  // namespace cli
