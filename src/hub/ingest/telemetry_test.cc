#include "hub/ingest/telemetry.h"

#include <gtest/gtest.h>

namespace hub::ingest {
namespace {

struct Case {
  const char* name;
  std::string_view bag;
  std::string_view payload;
  BodyEncoding encoding;
  std::string_view body;
};

TEST(Telemetry, SpellsBodiesSoThatTheyFitIntoJson) {
  const Case cases[] = {
      {"json", "%24.ct=application%2Fjson", "{\"t\":21.50,\n \"n\":1E+2}", BodyEncoding::Json,
       "{\"t\":21.50,  \"n\":1E+2}"},
      {"json without saying so", "", "[1,2]", BodyEncoding::Json, "[1,2]"},
      {"text", "", "t=21", BodyEncoding::Text, "t=21"},
      {"nothing", "", "", BodyEncoding::Text, ""},
      {"said to be json", "$.ct=application/json", "{", BodyEncoding::Text, "{"},
      {"bytes", "", std::string_view("\xff\x00", 2), BodyEncoding::Base64, "/wA="},
      {"said to be bytes", "$.ct=application/octet-stream", "{}", BodyEncoding::Base64, "e30="},
      {"packed", "$.ct=application/json&$.ce=gzip", "{}", BodyEncoding::Base64, "e30="},
  };
  for (const Case& each : cases) {
    const Telemetry telemetry = read_telemetry(each.bag, each.payload);
    EXPECT_EQ(telemetry.encoding, each.encoding) << each.name;
    EXPECT_EQ(telemetry.body, each.body) << each.name;
  }
}

TEST(Telemetry, TellsSystemPropertiesFromTheApplications) {
  const Telemetry telemetry =
      read_telemetry("%24.mid=m1&%24.on=out1&level=high%20up&flag&%24.new=x", "{}");
  EXPECT_EQ(telemetry.message_id, "m1");
  EXPECT_EQ(telemetry.system_properties, R"({"messageId":"m1","outputName":"out1","new":"x"})");
  EXPECT_EQ(telemetry.properties, R"({"level":"high up","flag":""})");
  EXPECT_EQ(read_telemetry("=x", "{}").properties, "{}");
}

}  // namespace
}  // namespace hub::ingest
