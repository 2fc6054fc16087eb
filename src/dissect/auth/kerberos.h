#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::auth {

// Tags of Kerberos messages. Source: RFC 4120 section 5.10.
enum KerberosType : std::uint32_t {
  kAsReq = 10,
  kAsRep = 11,
  kTgsReq = 12,
  kTgsRep = 13,
  kApReq = 14,
  kApRep = 15,
  kSafe = 20,
  kPriv = 21,
  kCred = 22,
  kError = 30,
};

struct KerberosMessage {
  std::uint32_t type = 0;
  std::string client;   // "ann@PLANT.EXAMPLE"
  std::string realm;    // of the client in answers, of the service in requests
  std::string service;  // "krbtgt/PLANT.EXAMPLE@PLANT.EXAMPLE"
  std::optional<std::uint32_t> ticket_encryption;
  std::uint32_t weakest_offer = 0;  // the weakest encryption that a client takes; 0: none was told
  std::uint32_t error = 0;
  std::size_t encrypted_bytes = 0;
};

// One message in DER. Fields go to `sink` as details (kerberos_*), but nothing that is encrypted.
// Errors: false when it is no Kerberos message; what is broken inside is told as an issue.
// Source: RFC 4120 section 5, RFC 6806, MS-KILE.
bool read_kerberos(base::ByteView bytes, KerberosMessage& message, Sink& sink);

// "aes256-cts-hmac-sha1-96"; empty: not known. Source: IANA, Kerberos encryption types.
std::string_view encryption_name(std::uint32_t type);
// Encryption that can be broken by guessing or by force: DES and RC4 (RFC 6649, RFC 8429).
bool weak_encryption(std::uint32_t type);
std::string_view kerberos_error(std::uint32_t code);

}  // namespace dissect::auth
