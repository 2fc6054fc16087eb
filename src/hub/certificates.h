#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hub {

// A certificate and its private key, both PEM. ECDSA on P-256: an RSA key would cap reconnect
// storms.
struct KeyPair {
  std::string certificate;
  std::string key;  // secret
};

// A certificate authority of the hub's own, for ten years. Errors: Unsupported (OpenSSL will not).
base::Result<KeyPair> make_authority(const std::string& name, base::WallTime now);

// A server certificate for `host_name` (a name or an IP address), localhost, 127.0.0.1 and ::1, for
// 800 days: browsers take no longer ones. Errors: Malformed (the authority), Unsupported.
base::Result<KeyPair> make_server_certificate(const KeyPair& authority,
                                              const std::string& host_name, base::WallTime now);

// When the first certificate of a PEM text ends. Errors: Malformed.
base::Result<base::WallTime> certificate_end(std::string_view pem);

}  // namespace hub
