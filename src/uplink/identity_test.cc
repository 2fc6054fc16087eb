#include "uplink/identity.h"

#include <gtest/gtest.h>

namespace uplink {
namespace {

using base::Code;

constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
constexpr const char* kKey = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

TEST(Identity, IsReadFromAConnectionString) {
  const auto identity =
      parse_connection_string("HostName=h:1883;DeviceId=d;SharedAccessKey=a2V5;HttpsPort=8443");
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->port, 1883);
  EXPECT_EQ(identity->https_port, 8443);
  EXPECT_TRUE(check_identity(*identity).has_value());
  EXPECT_EQ(
      parse_connection_string("HostName=h;SharedAccessKeyName=p;SharedAccessKey=a2V5").error().code,
      Code::Invalid);
}

TEST(Identity, ADeviceMayStandForItsModule) {
  auto device = parse_connection_string("HostName=h;DeviceId=d;SharedAccessKey=a2V5").value();
  reach_through_device(device, "azureiotsecurity");
  EXPECT_TRUE(device.through_device);
  EXPECT_EQ(device.module_id, "azureiotsecurity");
  auto module =
      parse_connection_string("HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=a2V5").value();
  reach_through_device(module, "azureiotsecurity");
  EXPECT_FALSE(module.through_device);
  EXPECT_EQ(module.module_id, "m");
  auto itself = parse_connection_string("HostName=h;DeviceId=d;SharedAccessKey=a2V5").value();
  reach_through_device(itself, "");
  EXPECT_FALSE(itself.through_device);
}

TEST(Identity, NeedsExactlyOneProof) {
  auto identity = parse_connection_string("HostName=h;DeviceId=d;x509=true").value();
  EXPECT_EQ(check_identity(identity).error().code, Code::Invalid);
  EXPECT_EQ(add_certificate(identity, kCertificate, "").error().code, Code::Invalid);
  EXPECT_EQ(add_certificate(identity, kKey, kKey).error().code, Code::Invalid);
  ASSERT_TRUE(add_certificate(identity, kCertificate, kKey).has_value());
  EXPECT_TRUE(check_identity(identity).has_value());
  // Both in one file.
  std::string both = kCertificate;
  both.append(kKey);
  ASSERT_TRUE(add_certificate(identity, both, "").has_value());
  EXPECT_TRUE(check_identity(identity).has_value());
  identity.key_base64 = "a2V5";
  EXPECT_EQ(check_identity(identity).error().code, Code::Invalid);
  wipe(identity);
  EXPECT_TRUE(identity.key_base64.empty() && identity.private_key_pem.empty());
}

}  // namespace
}  // namespace uplink
