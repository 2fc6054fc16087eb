#include "hub/identity/checks.h"

#include <algorithm>

#include "base/text.h"
#include "hub/identity/certificate.h"
#include "hub/identity/identity_table.h"
#include "wire/topics.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMinKeyBytes = 16;
constexpr std::size_t kMaxKeyBytes = 64;
constexpr std::size_t kMaxReason = 128;
constexpr std::size_t kMaxManagedBy = 128;
constexpr std::size_t kMaxPolicyName = 64;

Result<void> check_key(std::string_view key, const char* what) {
  const auto bytes = base::base64_decode(key);
  if (bytes && bytes->size() >= kMinKeyBytes && bytes->size() <= kMaxKeyBytes) return {};
  return fail(Code::Invalid, "key", -1, std::string(what) + ": expected base64 of 16 to 64 bytes");
}

}  // namespace

Result<void> check_id(std::string_view id, const char* what) {
  if (wire::is_valid_id(id)) return {};
  return fail(
      Code::Invalid, "id", -1,
      std::string(what) + ": expected 1 to 128 of ASCII letters, digits and -:.+%_#*?!(),=@;$'");
}

Result<void> check_authentication(const Identity& identity) {
  const Keys& keys = identity.keys;
  if (identity.authentication == Authentication::Sas) {
    TRY(check_key(keys.primary, "primary key"));
    return check_key(keys.secondary, "secondary key");
  }
  if (!keys.primary.empty() || !keys.secondary.empty())
    return fail(Code::Invalid, "key", -1, "the identity proves itself by a certificate");
  const bool printed = !identity.thumbprints.primary.empty();
  if (printed == (identity.authentication == Authentication::SelfSigned)) return {};
  return fail(Code::Invalid, "thumbprint", -1,
              printed ? "an authority vouches for the identity; thumbprints have no use"
                      : "the identity needs one");
}

void fit_proof(Identity& identity) {
  if (identity.authentication != Authentication::SelfSigned) identity.thumbprints = {};
  if (identity.authentication != Authentication::Sas) {
    identity.keys = {};
    return;
  }
  if (identity.keys.primary.empty()) identity.keys.primary = make_key();
  if (identity.keys.secondary.empty()) identity.keys.secondary = make_key();
}

Result<void> check_policy_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (!name.empty() && name.size() <= kMaxPolicyName && std::ranges::all_of(name, allowed))
    return {};
  return fail(Code::Invalid, "policy name", -1,
              "expected 1 to 64 of ASCII letters, digits and -_.");
}

Result<void> check_policy(const Policy& policy) {
  constexpr Rights kAll = kRegistryRead | kRegistryWrite | kServiceConnect | kDeviceConnect;
  if (policy.rights == 0 || (policy.rights & ~kAll) != 0)
    return fail(Code::Invalid, "rights", -1, "expected at least one");
  if ((policy.rights & kRegistryWrite) != 0 && (policy.rights & kRegistryRead) == 0)
    return fail(Code::Invalid, "rights", -1, "RegistryWrite needs RegistryRead");
  TRY(check_key(policy.keys.primary, "primary key"));
  return check_key(policy.keys.secondary, "secondary key");
}

Result<void> check_reason(std::string_view reason) {
  if (reason.size() <= kMaxReason && base::is_utf8(reason)) return {};
  return fail(Code::Invalid, "status reason", -1, "expected at most 128 bytes of UTF-8");
}

Result<void> check_managed_by(std::string_view who) {
  if (who.size() <= kMaxManagedBy && base::is_utf8(who)) return {};
  return fail(Code::Invalid, "managed by", -1, "expected at most 128 bytes of UTF-8");
}

Result<Thumbprints> check_thumbprints(const Thumbprints& given) {
  Thumbprints normal;
  if (given.primary.empty() && !given.secondary.empty())
    return fail(Code::Invalid, "thumbprint", -1, "a secondary one without a primary one");
  if (!given.primary.empty()) normal.primary = TRY(normal_thumbprint(given.primary));
  if (!given.secondary.empty()) normal.secondary = TRY(normal_thumbprint(given.secondary));
  return normal;
}

}  // namespace hub::identity
