#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

// Shared access signatures: SharedAccessSignature sr=..&sig=..&se=..[&skn=..].
// Threads: pure.
namespace wire {

struct SasToken {
  std::string resource;  // sr exactly as it was sent: this text is what was signed
  std::string target;    // sr percent-decoded
  base::ByteVec signature;
  std::string expiry_text;  // se exactly as it was sent
  std::int64_t expiry = 0;  // seconds since 1970
  std::string policy;       // skn decoded, empty when absent

  base::WallTime expires_at() const;  // the end of WallTime when it lies beyond
};

// Reads a token, its fields in any order. Fields that are not known are skipped.
// Errors: Malformed (the detail names the field; never shows the signature).
base::Result<SasToken> parse_sas(std::string_view text);

// Makes a token. `resource_uri` is not encoded yet: myhub.example/devices/d1.
// Errors: Malformed (the key is not base64).
base::Result<std::string> make_sas(std::string_view resource_uri, std::string_view key_base64,
                                   base::WallTime expiry, std::string_view policy = {});

// Was the token signed with this key, and is it still valid at `now`? Time does not depend on where
// signatures differ. Signature first: an expiry that was not signed means nothing.
// Errors: Denied (signature), Expired, Malformed (the key is not base64).
base::Result<void> verify_sas(const SasToken& token, std::string_view key_base64,
                              base::WallTime now);

// Is the token's target `resource` or an ancestor of it, segment by segment? "h/devices/d1" covers
// "h/devices/d1/modules/m" and not "h/devices/d10". The first segment, the host, compares without
// case.
bool sas_covers(const SasToken& token, std::string_view resource);

}  // namespace wire
