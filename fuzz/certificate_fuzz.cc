// Certificates as people upload them and as clients show them.
#include <array>

#include "base/bytes.h"
#include "hub/identity/certificate.h"
#include "hub/identity/chain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  auto der = hub::identity::certificate_from_text(base::as_text(bytes));
  if (!der) der = base::ByteVec(bytes.begin(), bytes.end());
  const auto facts = hub::identity::read_facts(*der);
  if (!facts) return 0;
  if (hub::identity::certificate_from_text(hub::identity::certificate_to_pem(*der)) != *der)
    __builtin_trap();
  // Against itself as the authority: it must never be its own proof.
  const std::array<base::ByteVec, 1> chain{*der};
  const auto trust = hub::identity::TrustStore::create(chain);
  if (!trust) __builtin_trap();
  const auto verdict = trust->judge(chain, base::WallTime(std::chrono::seconds(1'800'000'000)));
  if (verdict.reason == hub::operations::Reason::None) __builtin_trap();
  return 0;
}
