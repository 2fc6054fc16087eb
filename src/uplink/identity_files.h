#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "uplink/identity.h"

namespace uplink {

// Where a program finds who it is, as its configuration has it under "hub".
struct IdentityFiles {
  std::string connection_string_file;
  std::string ca_file;           // empty: the system's store
  std::string certificate_file;  // with its chain, PEM; where the string says x509=true
  std::string private_key_file;  // empty: in the certificate's file
  std::uint16_t https_port = 0;  // 0: as the connection string says
  // The module that a device's credentials stand for; empty: the device connects as itself.
  std::string module_id;
};

// Reads them. Holds secrets: wipe it. Errors: Invalid, NotFound, Io, Malformed; the detail names
// the file or the key, and never holds a secret.
base::Result<Identity> read_identity(const IdentityFiles& files);

// Adds the certificate and its key from files; `name` is the configuration's key for the former.
// `key_file` may be empty.
base::Result<void> read_certificate(Identity& identity, const char* name,
                                    const std::string& certificate_file,
                                    const std::string& key_file);

// A small file with a secret that the configuration names under `key`.
base::Result<std::string> read_named_secret(const char* key, const std::string& path,
                                            std::size_t limit);

}  // namespace uplink
