#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace agent::local {

// What Microsoft's agent for C was configured with, so that a device can change agents without
// being provisioned anew. docs/reference/agent-configuration.md says what becomes of each key.
struct LocalConfiguration {
  enum class Identity : std::uint8_t {
    SecurityModule,  // the file holds the module's own secret
    Device,          // the file holds the device's, with which the module's key is asked for
  };
  enum class Method : std::uint8_t { SasToken, SelfSignedCertificate };

  Identity identity = Identity::SecurityModule;
  Method method = Method::SasToken;
  std::string file_path;  // of the secret: a key in base64, or a certificate and its key in PEM
  std::string host_name;
  std::string device_id;

  std::optional<std::chrono::nanoseconds> connection_timeout;
  std::optional<base::LogLevel> log_level;
  // Key of the desired properties; empty: the usual one.
  std::string twin_object;
  // Keys that were read and have no meaning here, or that nobody knows, for the log.
  std::vector<std::string> ignored;
};

// At most this much is read: the original is below 1 KiB.
constexpr std::size_t kMaxLocalConfiguration = 64U << 10U;

// Reads the text of a LocalConfiguration.json: either the whole with "Configuration" at the top, or
// only what belongs inside. Errors: Malformed (no JSON), TooLarge; Invalid, and Unsupported for
// provisioning (DPS), with one line for each problem, the key in front. No value of a secret is in
// the file, so that values are quoted. Threads: pure.
// Source: Azure/Azure-IoT-Security-Agent-C, docs of azure-iot-security-local-configuration-c.
base::Result<LocalConfiguration> read_local_configuration(std::string_view text);

}  // namespace agent::local
