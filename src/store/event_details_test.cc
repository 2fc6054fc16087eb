#include "store/event_details.h"

#include <gtest/gtest.h>

#include "schema/message.h"

namespace store {
namespace {

// 2024-03-01T08:30:00.25Z
constexpr kql::Ticks kTime = 638'448'786'002'500'000;
constexpr std::string_view kTimes =
    R"("TimestampLocal":"2024-03-01T10:30:00.250+02:00","TimestampUTC":"2024-03-01T08:30:00.250Z")";

std::string joined(DetailsSplitter& split, std::string_view event, kql::Ticks time) {
  if (!split.form()) return std::string(split.rest());
  std::vector<const DetailsSplitter::Field*> fields;
  for (std::size_t i = 0; i < event_columns().size(); ++i)
    fields.push_back(split.field(i));
  std::string out;
  DetailsJoiner().join(event, time, *split.form(), split.rest(), fields.data(), out);
  return out;
}

std::string text_of(const DetailsSplitter& split, std::string_view field) {
  for (std::size_t i = 0; i < event_columns().size(); ++i) {
    if (event_columns()[i].field != field) continue;
    const auto* found = split.field(i);
    if (found == nullptr) return "none";
    const bool number = event_columns()[i].kind == schema::FieldKind::Integer;
    return number ? std::to_string(found->number) : std::string(found->text);
  }
  return "no column";
}

TEST(EventDetails, FieldsOfTriggeredSecurityEventsHaveColumns) {
  std::vector<std::string_view> fields;
  for (const EventColumn& column : event_columns()) {
    fields.push_back(column.field);
    EXPECT_EQ(column.column, "f_" + std::string(column.field));
  }
  for (const schema::EventName event : {schema::EventName::ProcessCreate, schema::EventName::Login,
                                        schema::EventName::ConnectionCreate}) {
    for (const schema::Field& field : schema::event_info(event).fields)
      EXPECT_NE(std::ranges::find(fields, field.name), fields.end()) << field.name;
  }
  EXPECT_EQ(std::ranges::find(fields, "Purl"), fields.end());
}

TEST(EventDetails, TakesApartWhatTheHubWrites) {
  const std::string details = "{" + std::string(kTimes) +
                              R"(,"Executable":"/bin/sh","ProcessId":7,"ParentProcessId":-1,)"
                              R"("UserId":"0","CommandLine":"sh -c \"a\\b\n\"",)"
                              R"("ExtraDetails":{"Cwd":"/","Odd":"}{\"]"}})";
  DetailsSplitter split;
  split.split("ProcessCreate", kTime, details);
  EXPECT_EQ(split.form(), 120);
  EXPECT_EQ(split.rest(), R"({"ExtraDetails":{"Cwd":"/","Odd":"}{\"]"}})");
  EXPECT_EQ(text_of(split, "Executable"), "/bin/sh");
  EXPECT_EQ(text_of(split, "ParentProcessId"), "-1");
  EXPECT_EQ(text_of(split, "UserName"), "none");
  EXPECT_EQ(text_of(split, "CommandLine"), "sh -c \"a\\b\n\"");
  EXPECT_EQ(joined(split, "ProcessCreate", kTime), details);
}

// What the splitter keeps as a whole, and what it still finds in it.
struct Case {
  const char* why;
  std::string_view event;
  std::string details;
  bool whole;
  std::string_view executable = "none";
};

TEST(EventDetails, WhateverGoesInComesOut) {
  const std::string times(kTimes);
  const std::string process =
      R"("Executable":"e","ProcessId":7,"ParentProcessId":1,"UserId":"0","CommandLine":"c")";
  const std::vector<Case> cases = {
      {"nothing", "ProcessCreate", "", true, ""},
      {"no JSON", "ProcessCreate", "{", true, ""},
      {"no object", "ProcessCreate", "[1]", true, ""},
      {"empty", "LocalUsers", "{}", false},
      {"empty picture", "ListeningPorts", "{" + times + "}", false},
      {"other time", "LocalUsers",
       R"({"TimestampLocal":"2024-03-01T10:30:00.251+02:00","TimestampUTC":"2024-03-01T08:30:00.250Z"})",
       true},
      {"more digits", "LocalUsers",
       R"({"TimestampLocal":"2024-03-01T10:30:00.2500+02:00","TimestampUTC":"2024-03-01T08:30:00.250Z"})",
       true},
      {"UTC as an offset", "LocalUsers",
       R"({"TimestampLocal":"2024-03-01T08:30:00.250+00:00","TimestampUTC":"2024-03-01T08:30:00.250Z"})",
       true},
      {"no times", "ProcessCreate", "{" + process + "}", false, "e"},
      {"times", "ProcessCreate", "{" + times + "," + process + "}", false, "e"},
      {"blanks", "ProcessCreate", "{ " + process + "}", true, "e"},
      {"after the end", "ProcessCreate", "{" + process + "} ", true, "e"},
      {"order", "ProcessCreate", R"({"ProcessId":7,"Executable":"e"})", true, "e"},
      {"twice", "ProcessTerminate",
       R"({"Executable":"e","Executable":"f","ProcessId":1,"ExitStatus":0})", true, "e"},
      {"unknown member", "ProcessTerminate",
       R"({"Executable":"e","ProcessId":1,"ExitStatus":0,"More":{}})", true, "e"},
      {"lacks what it always has", "ProcessTerminate", R"({"ProcessId":1,"ExitStatus":0})", true,
       ""},
      {"another type", "ProcessTerminate", R"({"Executable":5,"ProcessId":1,"ExitStatus":0})", true,
       "5"},
      {"number as text", "ProcessTerminate", R"({"Executable":"e","ProcessId":"1","ExitStatus":0})",
       true, "e"},
      {"leading zero", "ProcessTerminate", R"({"Executable":"e","ProcessId":01,"ExitStatus":0})",
       true, ""},
      {"minus zero", "ProcessTerminate", R"({"Executable":"e","ProcessId":-0,"ExitStatus":0})",
       true, "e"},
      {"real", "ProcessTerminate", R"({"Executable":"e","ProcessId":1.0,"ExitStatus":0})", true,
       "e"},
      {"too large", "ProcessTerminate",
       R"({"Executable":"e","ProcessId":9223372036854775808,"ExitStatus":0})", true, "e"},
      {"other escape", "ProcessTerminate",
       R"({"Executable":"\u0065","ProcessId":1,"ExitStatus":0})", true, "e"},
      {"slash escape", "ProcessTerminate", R"({"Executable":"\/","ProcessId":1,"ExitStatus":0})",
       true, "/"},
      {"Unicode", "ProcessTerminate", R"({"Executable":"é漢","ProcessId":1,"ExitStatus":0})", false,
       "é漢"},
      {"no UTF-8", "ProcessTerminate", "{\"Executable\":\"\xE9\",\"ProcessId\":1,\"ExitStatus\":0}",
       true, ""},
      {"control character", "ProcessTerminate",
       "{\"Executable\":\"\t\",\"ProcessId\":1,\"ExitStatus\":0}", true, ""},
      {"unclosed", "ProcessTerminate", R"({"Executable":"e","ProcessId":1,"ExitStatus":0)", true,
       ""},
      {"unclosed text", "ProcessTerminate", R"({"Executable":"e\)", true, ""},
      {"event of a newer program", "Telepathy", R"({"Executable":"e","a":1})", true, "e"},
      {"a field with a column and some without", "LocalUsers",
       R"({"GroupIds":"0;1","GroupNames":"root","UserId":"0","UserName":"r","ExtraDetails":{"a":"b"}})",
       false},
      {"fields without columns around one with", "OSBaseline",
       R"({"Description":"d \" e","CceId":"C","Result":"Fail","Error":"","Severity":"Critical"})",
       false},
  };
  DetailsSplitter split;
  for (const Case& each : cases) {
    split.split(each.event, kTime, each.details);
    EXPECT_EQ(!split.form().has_value(), each.whole) << each.why;
    EXPECT_EQ(joined(split, each.event, kTime), each.details) << each.why;
    EXPECT_EQ(text_of(split, "Executable"), each.executable) << each.why;
  }
}

TEST(EventDetails, EveryEventIsTakenApart) {
  for (std::size_t event = 0; event < schema::kEventNames; ++event) {
    const schema::EventInfo& info = schema::event_info(static_cast<schema::EventName>(event));
    for (const std::string_view extra : {"", R"(,"ExtraDetails":{"HitCount":"3"})"}) {
      std::string details = "{" + std::string(kTimes);
      for (const schema::Field& field : info.fields) {
        details += ",";
        details += field.json_key;
        if (field.kind == schema::FieldKind::Integer) {
          details += "-12";
        } else if (field.kind == schema::FieldKind::Boolean) {
          details += "true";
        } else {
          details += R"("a \" b")";
        }
      }
      details += extra;
      details += "}";
      DetailsSplitter split;
      split.split(info.name, kTime, details);
      EXPECT_EQ(split.form(), 120) << info.name;
      EXPECT_EQ(joined(split, info.name, kTime), details);
    }
  }
}

TEST(EventDetails, WritesTimesAsTheHubDoes) {
  for (const std::int64_t seconds : {-2'000'000'000LL, 0LL, 951'782'399LL, 4'102'444'800LL}) {
    for (const int offset : {0, 1, -1, 330, -720, 840, -1439}) {
      const base::WallTime time{std::chrono::seconds(seconds) + std::chrono::milliseconds(7)};
      std::string text;
      append_details_time(kql::to_ticks(time), offset, text);
      EXPECT_EQ(text, base::format_rfc3339(time, std::chrono::minutes(offset)));
    }
  }
  for (const kql::Ticks wild : {std::numeric_limits<kql::Ticks>::min(), kql::Ticks{0},
                                std::numeric_limits<kql::Ticks>::max()}) {
    std::string text;
    append_details_time(wild, -1439, text);
    EXPECT_EQ(text.size(), 29U);
  }
}

}  // namespace
}  // namespace store
