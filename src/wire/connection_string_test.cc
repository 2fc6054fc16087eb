#include "wire/connection_string.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

using base::Code;

TEST(ParseConnectionString, ReadsDevicesModulesAndPolicies) {
  const auto device =
      parse_connection_string("HostName=h.example;DeviceId=d1;SharedAccessKey=YWJj");
  ASSERT_TRUE(device.has_value()) << device.error().to_string();
  EXPECT_EQ(device->host_name, "h.example");
  EXPECT_EQ(device->device_id, "d1");
  EXPECT_EQ(device->key_base64, "YWJj");
  EXPECT_FALSE(device->is_service());
  EXPECT_FALSE(device->port.has_value());

  const auto module =
      parse_connection_string("hostname=h:18883;DEVICEID=d1;ModuleId=m1;SharedAccessKey=YQ==\n");
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(module->port, 18883);
  EXPECT_EQ(module->module_id, "m1");
  EXPECT_EQ(module->key_base64, "YQ==");

  const auto service = parse_connection_string(
      "HostName=[::1]:8883;SharedAccessKeyName=service;SharedAccessKey=YQ==;HttpsPort=8443");
  ASSERT_TRUE(service.has_value());
  EXPECT_TRUE(service->is_service());
  EXPECT_EQ(service->host_name, "::1");
  EXPECT_EQ(service->policy, "service");
  EXPECT_EQ(service->https_port, 8443);
}

TEST(ParseConnectionString, ReadsThoseOfCertificates) {
  const auto connection = parse_connection_string("HostName=h:1;DeviceId=d;X509=True;HttpsPort=2");
  ASSERT_TRUE(connection.has_value()) << connection.error().to_string();
  EXPECT_TRUE(connection->x509);
  EXPECT_TRUE(connection->key_base64.empty());
  EXPECT_EQ(format_connection_string(*connection), "HostName=h:1;DeviceId=d;x509=true;HttpsPort=2");
}

TEST(ParseConnectionString, ReadsWhatWasFormatted) {
  for (const char* text :
       {"HostName=h;DeviceId=d;SharedAccessKey=YQ==",
        "HostName=h:1;DeviceId=d;ModuleId=m;SharedAccessKey=YQ==",
        "HostName=[::1]:8883;SharedAccessKeyName=p;SharedAccessKey=YQ==;HttpsPort=8443"}) {
    const auto connection = parse_connection_string(text);
    ASSERT_TRUE(connection.has_value()) << text;
    EXPECT_EQ(format_connection_string(*connection), text);
  }
}

TEST(ParseConnectionString, SaysWhatIsWrongAndNeverShowsTheKey) {
  struct Case {
    const char* text;
    Code code;
    const char* says;
  };
  const Case cases[] = {
      {"", Code::Invalid, "HostName is missing"},
      {"HostName=h;DeviceId=d", Code::Invalid, "SharedAccessKey is missing"},
      {"HostName=h;DeviceId=d;x509=maybe", Code::Malformed, "x509"},
      {"HostName=h;DeviceId=d;x509=true;SharedAccessKey=AAAA", Code::Invalid, "both"},
      {"HostName=h;SharedAccessKeyName=p;x509=true", Code::Invalid, "without DeviceId"},
      {"HostName=h;SharedAccessKey=c2VjcmV0", Code::Invalid, "DeviceId"},
      {"HostName=h;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0", Code::Invalid,
       "ModuleId without"},
      {"HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0x", Code::Invalid, "not base64"},
      {"HostName=h;DeviceID=d;SharedAcessKey=c2VjcmV0", Code::Malformed,
       "did you mean SharedAccessKey?"},
      {"HostName=h;c2VjcmV0", Code::Malformed, "expected Name=value"},
      {"HostName=h:0;DeviceId=d;SharedAccessKey=c2VjcmV0", Code::Malformed, "port"},
      {"HostName=h:99999;DeviceId=d;SharedAccessKey=c2VjcmV0", Code::Malformed, "port"},
      {"HostName=[::1;DeviceId=d;SharedAccessKey=c2VjcmV0", Code::Malformed, "']'"},
      {"HostName=;DeviceId=d;SharedAccessKey=c2VjcmV0", Code::Malformed, "empty"},
  };
  for (const Case& test : cases) {
    const auto connection = parse_connection_string(test.text);
    ASSERT_FALSE(connection.has_value()) << test.text;
    EXPECT_EQ(connection.error().code, test.code) << test.text;
    EXPECT_NE(connection.error().detail.find(test.says), std::string::npos)
        << connection.error().detail;
    EXPECT_EQ(connection.error().detail.find("c2VjcmV0"), std::string::npos)
        << connection.error().detail;
  }
}

}  // namespace
}  // namespace wire
