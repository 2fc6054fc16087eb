#include "dissect/fingerprint/fingerprint.h"

#include <openssl/evp.h>

#include "base/hash.h"
#include "base/text.h"

namespace dissect::fingerprint {

std::string md5(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr) != 1) return {};
  return base::hex_encode({digest, size});
}

std::string sha256_12(std::string_view text) {
  const base::Sha256 digest = base::sha256(base::as_bytes(text));
  return base::hex_encode(base::ByteView(digest).first(6));
}

}  // namespace dissect::fingerprint
