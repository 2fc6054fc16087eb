#include "agent/local/local_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent::local {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr const char* kWhole = R"({
  "Configuration": {
    "AgentId": "de305d54-75b4-431b-adb2-eb6b9e546014",
    "TriggerdEventsInterval": "PT2M",
    "ConnectionTimeout": "PT30S",
    "RemoteConfigurationObjectName": "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration",
    "Authentication": {
      "Identity": "Device",
      "AuthenticationMethod": "SelfSignedCertificate",
      "FilePath": "/var/ASCIoTAgent/device.pem",
      "DeviceId": "press-7",
      "HostName": "plant.azure-devices.net"
    },
    "Logging": { "SystemLoggerMinimumSeverity": 2, "DiagnoticEventMinimumSeverity": 2 }
  }
})";

std::string with(const std::string& identity, const std::string& more = "") {
  return R"({"Authentication":{"Identity":")" + identity +
         R"(","AuthenticationMethod":"SasToken","FilePath":"/k","DeviceId":"d","HostName":"h")" +
         more + "}}";
}

std::string problem_of(const std::string& text) {
  const auto read = read_local_configuration(text);
  return read ? "" : read.error().detail;
}

TEST(LocalConfiguration, ReadsAllOfIt) {
  const auto read = read_local_configuration(kWhole);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->identity, LocalConfiguration::Identity::Device);
  EXPECT_EQ(read->method, LocalConfiguration::Method::SelfSignedCertificate);
  EXPECT_EQ(read->file_path, "/var/ASCIoTAgent/device.pem");
  EXPECT_EQ(read->device_id, "press-7");
  EXPECT_EQ(read->host_name, "plant.azure-devices.net");
  EXPECT_EQ(read->connection_timeout, 30s);
  EXPECT_EQ(read->log_level, base::LogLevel::Warning);
  EXPECT_EQ(read->twin_object, "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration");
  EXPECT_THAT(read->ignored,
              UnorderedElementsAre("Configuration.AgentId", "Configuration.TriggerdEventsInterval",
                                   "Configuration.Logging.DiagnoticEventMinimumSeverity"));
}

TEST(LocalConfiguration, ReadsWhatTheInstallerBeginsWith) {
  const auto read = read_local_configuration("\xEF\xBB\xBF" + with("securitymodule"));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->identity, LocalConfiguration::Identity::SecurityModule);
  EXPECT_EQ(read->method, LocalConfiguration::Method::SasToken);
  EXPECT_FALSE(read->connection_timeout);
  EXPECT_FALSE(read->log_level);
  EXPECT_TRUE(read->ignored.empty());
}

TEST(LocalConfiguration, NamesEveryProblem) {
  const std::string problems = problem_of(
      R"({"Configuration":{"ConnectionTimeout":"30","Logging":{"SystemLoggerMinimumSeverity":9},
          "Authentication":{"Identity":"Modul","AuthenticationMethod":7,"FilePath":"key",
          "HostName":"a/b"}}})");
  EXPECT_THAT(problems, HasSubstr("Configuration.Authentication.Identity: expected one of "
                                  "SecurityModule, Device, DPS, found \"Modul\""));
  EXPECT_THAT(problems,
              HasSubstr("Configuration.Authentication.AuthenticationMethod: expected a text"));
  EXPECT_THAT(problems, HasSubstr("Configuration.Authentication.FilePath: expected a full path"));
  EXPECT_THAT(problems, HasSubstr("Configuration.Authentication.DeviceId: missing"));
  EXPECT_THAT(problems, HasSubstr("Configuration.Authentication.HostName: not a host's name"));
  EXPECT_THAT(problems, HasSubstr("Configuration.ConnectionTimeout: expected an ISO 8601"));
  EXPECT_THAT(problems,
              HasSubstr("Configuration.Logging.SystemLoggerMinimumSeverity: expected a number"));
}

TEST(LocalConfiguration, SaysWhatToDoAboutProvisioning) {
  const auto read =
      read_local_configuration(with("DPS", R"(,"DPS":{"IDScope":"0ne0","RegistrationId":"r"})"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::Code::Unsupported);
  EXPECT_THAT(read.error().detail, HasSubstr("DPS is not supported"));
}

TEST(LocalConfiguration, NamesWhatItDoesNotKnow) {
  const auto read = read_local_configuration(with("Device", R"(,"Extra":1)"));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_THAT(read->ignored, UnorderedElementsAre("Configuration.Authentication.Extra"));
}

TEST(LocalConfiguration, RefusesWhatIsNone) {
  EXPECT_EQ(read_local_configuration("{").error().code, base::Code::Malformed);
  EXPECT_EQ(read_local_configuration("[]").error().code, base::Code::Invalid);
  EXPECT_EQ(read_local_configuration(R"({"Configuration":7})").error().code, base::Code::Invalid);
  EXPECT_THAT(problem_of("{}"), HasSubstr("Configuration.Authentication: missing"));
  EXPECT_EQ(read_local_configuration(std::string(kMaxLocalConfiguration + 1, ' ')).error().code,
            base::Code::TooLarge);
  EXPECT_THAT(problem_of(with("Device", R"(,"DeviceId":"a\u0000b")")),
              HasSubstr("DeviceId: too long, or with a NUL"));
}

}  // namespace
}  // namespace agent::local
