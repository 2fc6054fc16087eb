#include "base/hash.h"

#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/id.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace base {

namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1U) ^ ((value & 1U) ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t crc) {
  for (const std::uint8_t byte : bytes)
    crc = kCrcTable[(crc ^ byte) & 0xFFU] ^ (crc >> 8U);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_hardware(ByteView bytes, std::uint32_t crc) {
  std::uint64_t wide = crc;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; at < bytes.size(); ++at)
    crc = _mm_crc32_u8(crc, bytes[at]);
  return crc;
}
#endif

constexpr std::uint64_t rotate(std::uint64_t value, unsigned bits) {
  return (value << bits) | (value >> (64U - bits));
}

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

const SipKey& process_key() {
  static const SipKey key = [] {
    SipKey fresh;
    std::array<std::uint8_t, 16> bytes{};
    random_bytes(bytes);
    std::memcpy(&fresh.k0, bytes.data(), 8);
    std::memcpy(&fresh.k1, bytes.data() + 8, 8);
    return fresh;
  }();
  return key;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;
  void round() {
    v0 += v1;
    v1 = rotate(v1, 13) ^ v0;
    v0 = rotate(v0, 32);
    v2 += v3;
    v3 = rotate(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotate(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotate(v1, 17) ^ v2;
    v2 = rotate(v2, 32);
  }
};

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t seed) {
  const std::uint32_t crc = ~seed;
#if defined(__x86_64__)
  static const bool hardware = __builtin_cpu_supports("sse4.2");
  if (hardware) return ~crc32c_hardware(bytes, crc);
#endif
  return ~crc32c_portable(bytes, crc);
}

Sha256 sha256(ByteView bytes) {
  Sha256 digest{};
  unsigned size = 0;
  ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return digest;
}

Sha256 hmac_sha256(ByteView key, ByteView message) {
  Sha256 digest{};
  unsigned size = 0;
  ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(),
              message.size(), digest.data(), &size) != nullptr);
  return digest;
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// SipHash-1-3: keyed, so that nobody outside can choose colliding keys.
std::uint64_t table_hash(ByteView bytes) {
  const SipKey& key = process_key();
  SipState state{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,
                 key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    state.v3 ^= word;
    state.round();
    state.v0 ^= word;
  }
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56U;
  for (std::size_t i = 0; at + i < bytes.size(); ++i) {
    last |= static_cast<std::uint64_t>(bytes[at + i]) << (8U * i);
  }
  state.v3 ^= last;
  state.round();
  state.v0 ^= last;
  state.v2 ^= 0xFFU;
  for (int i = 0; i < 3; ++i)
    state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

void wipe(std::span<std::uint8_t> bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

}  // namespace base
