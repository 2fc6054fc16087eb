#include "base/hash.h"

#include <cstring>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

namespace {

// To look an algorithm up by its name, which EVP_sha256() means at each use, and to make a context
// cost more than to hash what is usually short.
class ThreadSha256 {
 public:
  static ThreadSha256& get() {
    thread_local ThreadSha256 hash;
    return hash;
  }
  ThreadSha256(const ThreadSha256&) = delete;
  ThreadSha256& operator=(const ThreadSha256&) = delete;

  void begin() { ASSERT(EVP_DigestInit_ex2(context_, algorithm(), nullptr) == 1); }
  void add(ByteView bytes) { ASSERT(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1); }
  Sha256 finish() {
    Sha256 digest{};
    unsigned size = 0;
    ASSERT(EVP_DigestFinal_ex(context_, digest.data(), &size) == 1);
    return digest;
  }
  static const EVP_MD* algorithm() {
    static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return found;
  }

 private:
  ThreadSha256() : context_(EVP_MD_CTX_new()) { ASSERT(context_ != nullptr); }
  ~ThreadSha256() { EVP_MD_CTX_free(context_); }

  EVP_MD_CTX* context_;
};

// The same for the MAC.
class ThreadHmac {
 public:
  static ThreadHmac& get() {
    thread_local ThreadHmac mac;
    return mac;
  }
  ThreadHmac(const ThreadHmac&) = delete;
  ThreadHmac& operator=(const ThreadHmac&) = delete;

  Sha256 sign(ByteView key, ByteView message) {
    // Without a key OpenSSL would go on with the one of before.
    static constexpr std::uint8_t kNoKey = 0;
    ASSERT(EVP_MAC_init(context_, key.empty() ? &kNoKey : key.data(), key.size(), nullptr) == 1);
    ASSERT(EVP_MAC_update(context_, message.data(), message.size()) == 1);
    Sha256 digest{};
    std::size_t size = 0;
    ASSERT(EVP_MAC_final(context_, digest.data(), &size, digest.size()) == 1);
    return digest;
  }

 private:
  ThreadHmac() {
    static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
    context_ = EVP_MAC_CTX_new(algorithm);
    ASSERT(context_ != nullptr);
    std::string digest = OSSL_DIGEST_NAME_SHA2_256;
    const std::array<OSSL_PARAM, 2> params{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    ASSERT(EVP_MAC_CTX_set_params(context_, params.data()) == 1);
  }
  ~ThreadHmac() { EVP_MAC_CTX_free(context_); }

  EVP_MAC_CTX* context_ = nullptr;
};

}  // namespace

Sha256 sha256(ByteView bytes) {
  ThreadSha256& hash = ThreadSha256::get();
  hash.begin();
  hash.add(bytes);
  return hash.finish();
}

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  ASSERT(context_ != nullptr);
  ASSERT(EVP_DigestInit_ex2(static_cast<EVP_MD_CTX*>(context_), ThreadSha256::algorithm(),
                            nullptr) == 1);
}

Sha256Stream::~Sha256Stream() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256Stream::add(ByteView bytes) {
  ASSERT(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Stream::finish() {
  Sha256 digest{};
  unsigned size = 0;
  ASSERT(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &size) == 1);
  return digest;
}

Sha256 hmac_sha256(ByteView key, ByteView message) {
  return ThreadHmac::get().sign(key, message);
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
