#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace uplink {

// Who we are, to which hub, and how we prove it: a symmetric key, or an X.509 certificate.
struct Identity {
  std::string host_name = {};
  std::uint16_t port = 8883;       // MQTT
  std::uint16_t https_port = 443;  // for `through_device`
  std::string device_id = {};
  std::string module_id = {};  // empty: the device itself
  // The credentials are the device's. With them the module's key is asked for over HTTPS, as
  // Microsoft's agents do, before the first connection and whenever the hub refuses the last one.
  bool through_device = false;
  std::string key_base64 = {};       // secret; empty with a certificate
  std::string certificate_pem = {};  // with its chain, leaf first; empty with a key
  std::string private_key_pem = {};  // secret
  std::string ca_file = {};          // PEM; empty: the system's store

  bool has_certificate() const { return !certificate_pem.empty(); }
};

// HostName=H[:port];DeviceId=D;ModuleId=M;SharedAccessKey=K, or x509=true in the place of the key
// (the certificate is to be added then). Errors: Malformed, Invalid (it lacks a field, or is a
// service's). The detail never holds the key.
base::Result<Identity> parse_connection_string(std::string_view text);

// Adds the certificate and its key, each text in PEM form; the key may stand in the certificate's
// text. Errors: Invalid (one of them is not there).
base::Result<void> add_certificate(Identity& identity, std::string_view certificate_pem,
                                   std::string_view private_key_pem);

// Is there all that is needed to connect? Errors: Invalid (the detail says what is missing).
base::Result<void> check_identity(const Identity& identity);

// The module of that name by its device's credentials, where `identity` is a device's.
void reach_through_device(Identity& identity, std::string_view module_id);

// Zeros the secrets.
void wipe(Identity& identity);

}  // namespace uplink
