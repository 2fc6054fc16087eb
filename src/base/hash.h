#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace base {

// CRC-32C (Castagnoli, RFC 3720 appendix B.4), hardware where the processor has it. `seed` is the
// checksum of what came before, 0 at the start.
std::uint32_t crc32c(ByteView bytes, std::uint32_t seed = 0);

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(ByteView bytes);

// The same, of bytes that come in pieces. Threads: one.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void add(ByteView bytes);
  // Of all that was added; nothing may be added after it.
  Sha256 finish();

 private:
  void* context_;  // EVP_MD_CTX
};

Sha256 hmac_sha256(ByteView key, ByteView message);

// Compares in time that depends on the lengths only. For secrets.
bool equal_constant_time(ByteView a, ByteView b);

// Fast 64-bit hash for tables over hostile keys: keyed once for each process. Not for storage.
std::uint64_t table_hash(ByteView bytes);

// Fills the buffer with zeros in a way that is not optimised out. For secrets.
void wipe(std::span<std::uint8_t> bytes);

}  // namespace base
