#include "cli/message.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace cli {
namespace {

constexpr const char* kGood =
    R"({"AgentVersion":"1","AgentId":"5d1f6a0e-8a3c-4f6b-9a51-0c9d2f7e4b10","MessageSchemaVersion":"1.0","Events":[)"
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T08:30:00Z",)"
    R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Periodic","Name":"LocalUsers","EventType":"Security",)"
    R"("IsEmpty":true,"PayloadSchemaVersion":"1.0","Payload":[]}]})";
constexpr const char* kGoodLine = "{\"index\":0,\"valid\":true,\"errors\":[]}\n";

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome validate(const std::string& input, schema::Mode mode = schema::Mode::Strict) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int status = message_validate("-", mode, in, out, err);
  return {status, out.str(), err.str()};
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts)
    text.append(part);
  return text;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(MessageValidate, OneMessage) {
  const Outcome result = validate(kGood);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, kGoodLine);
}

TEST(MessageValidate, OneMessageOverManyLines) {
  std::string text = kGood;
  for (std::size_t at = 0; (at = text.find(',', at)) != std::string::npos; at += 2)
    text.replace(at, 1, ",\n");
  EXPECT_EQ(validate(text).out, kGoodLine);
}

TEST(MessageValidate, ArrayOfMessages) {
  const Outcome result = validate(joined({"[", kGood, ", 7]"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out,
            joined({kGoodLine, R"({"index":1,"valid":false,"errors":[{"pointer":"",)",
                    R"("expected":"an object, a security message","found":"7"}]})", "\n"}));
}

TEST(MessageValidate, EmptyArrayHoldsNoMessage) {
  const Outcome result = validate("[]");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out,
            joined({R"({"index":0,"valid":false,"errors":[{"pointer":"",)",
                    R"("expected":"at least one message","found":"an empty array"}]})", "\n"}));
}

TEST(MessageValidate, OneMessageALine) {
  const Outcome result = validate(joined({kGood, "\n\n", kGood, "\r\n[]\n"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(lines(result.out), 3U);
  EXPECT_NE(result.out.find(R"({"index":1,"valid":true)"), std::string::npos);
  EXPECT_NE(result.out.find(R"({"index":2,"valid":false)"), std::string::npos);
}

TEST(MessageValidate, BrokenLinesAreMessagesOfTheirOwn) {
  const Outcome result = validate(joined({"{\"a\":}\n", kGood, "\n{]}\n"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(lines(result.out), 3U);
  EXPECT_NE(result.out.find(R"("expected":"a JSON value","found":"\"}\" at column 6")"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find(R"({"index":1,"valid":true)"), std::string::npos);
}

TEST(MessageValidate, BrokenMessageIsToldByLineAndColumn) {
  const Outcome result = validate("{\n  \"AgentVersion\": \"1\"\n  \"AgentId\": \"\"\n}\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(
      result.out,
      R"({"index":0,"valid":false,"errors":[{"pointer":"","expected":"a comma or the end of the object",)"
      R"("found":"\"\\\"\" at line 3, column 3"}]})"
      "\n");
}

TEST(MessageValidate, NothingIsNoMessage) {
  for (const char* input : {"", " \n"}) {
    const Outcome result = validate(input);
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(lines(result.out), 1U);
  }
}

TEST(MessageValidate, LenientNamesWhatItOverlooked) {
  std::string text = kGood;
  text.replace(text.find("Periodic"), 8, "Triggered");
  text.replace(text.find("LocalUsers"), 10, "Login");
  EXPECT_EQ(validate(text).status, 1);
  const Outcome result = validate(text, schema::Mode::Lenient);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(
      result.out,
      R"({"index":0,"valid":true,"errors":[],"leniencies":[{"name":"EmptyTriggered","pointer":"/Events/0/IsEmpty"}]})"
      "\n");
}

TEST(MessageValidate, ReadsFiles) {
  const std::string path = testing::TempDir() + "/message.json";
  std::ofstream(path) << kGood;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(message_validate(path, schema::Mode::Strict, in, out, err), 0);
  EXPECT_EQ(out.str(), kGoodLine);
}

TEST(MessageValidate, UnreadableInputIsStatusTwo) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(message_validate("/nonexistent/message.json", schema::Mode::Strict, in, out, err), 2);
  EXPECT_EQ(out.str(), "");
  EXPECT_NE(err.str().find("/nonexistent/message.json"), std::string::npos);
}

}  // namespace
}  // namespace cli
