#include "agent/hub_identity.h"

#include <string>

#include "agent/local/local_configuration.h"
#include "base/hash.h"
#include "base/text.h"
#include "os/file.h"
#include "uplink/identity_files.h"

namespace agent {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxKey = 4096;
constexpr std::size_t kMaxCertificates = 4U << 20U;

// Microsoft's agents have this module only.
constexpr const char* kSecurityModule = "azureiotsecurity";

Result<std::string> read_named(const char* key, const std::string& path, std::size_t limit) {
  auto text = os::read_file(path, limit);
  if (text) return text;
  return std::unexpected(
      base::Error{text.error().code, key, text.error().at, path + " cannot be read"});
}

void wipe_text(std::string& text) {
  base::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

Result<uplink::Identity> from_connection_string(const Config& config) {
  uplink::IdentityFiles files;
  files.connection_string_file = config.hub.connection_string_file;
  files.ca_file = config.hub.ca_file;
  files.certificate_file = config.hub.certificate_file;
  files.private_key_file = config.hub.private_key_file;
  files.https_port = config.hub.https_port;
  files.module_id = config.hub.module_id;
  return uplink::read_identity(files);
}

// "hub.example", or with a port of its own for MQTT.
Result<void> set_host(uplink::Identity& identity, const local::LocalConfiguration& read) {
  const std::size_t colon = read.host_name.find(':');
  identity.host_name = read.host_name.substr(0, colon);
  if (colon == std::string::npos) return {};
  const auto port = base::parse_int(std::string_view(read.host_name).substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) {
    return fail(Code::Invalid, "LocalConfiguration.json", -1,
                "Configuration.Authentication.HostName: not a port: " + read.host_name);
  }
  identity.port = static_cast<std::uint16_t>(*port);
  return {};
}

Result<uplink::Identity> from_local_configuration(const Config& config) {
  const std::string& path = config.hub.local_configuration;
  const std::string text =
      TRY(read_named("hub.local_configuration", path, local::kMaxLocalConfiguration));
  auto read = local::read_local_configuration(text);
  if (!read) {
    read.error().detail = path + ": " + read.error().detail;
    return std::unexpected(std::move(read).error());
  }
  uplink::Identity identity;
  TRY(set_host(identity, *read));
  identity.device_id = read->device_id;
  if (read->identity == local::LocalConfiguration::Identity::Device) {
    uplink::reach_through_device(identity, kSecurityModule);
  } else {
    identity.module_id = kSecurityModule;
  }
  if (read->method == local::LocalConfiguration::Method::SelfSignedCertificate) {
    TRY(uplink::read_certificate(identity, "FilePath", read->file_path, {}));
    return identity;
  }
  std::string key = TRY(uplink::read_named_secret("FilePath", read->file_path, kMaxKey));
  identity.key_base64 = std::string(base::trim(key));
  wipe_text(key);
  return identity;
}

}  // namespace

Result<uplink::Identity> read_identity(const Config& config) {
  const bool has_string = !config.hub.connection_string_file.empty();
  const bool has_local = !config.hub.local_configuration.empty();
  if (has_string && has_local) {
    return fail(Code::Invalid, "hub", -1,
                "hub.connection_string_file and hub.local_configuration are both set; one of them "
                "says who the agent is");
  }
  if (!has_string && !has_local) {
    return fail(Code::Invalid, "hub.connection_string_file", -1,
                "not set; put the module's connection string (vedette module create) into a file "
                "and name it");
  }
  uplink::Identity identity =
      TRY(has_string ? from_connection_string(config) : from_local_configuration(config));
  identity.ca_file = config.hub.ca_file;
  TRY(uplink::check_identity(identity));
  return identity;
}

Result<uplink::channel::Configure> network_configuration(const Config& config) {
  uplink::channel::Configure configure;
  if (!config.hub.ca_file.empty()) {
    configure.ca_pem = TRY(read_named("hub.ca_file", config.hub.ca_file, kMaxCertificates));
    if (configure.ca_pem.empty())
      return fail(Code::Invalid, "hub.ca_file", -1, config.hub.ca_file + " is empty");
  }
  configure.options.identity = TRY(read_identity(config));
  return configure;
}

}  // namespace agent
