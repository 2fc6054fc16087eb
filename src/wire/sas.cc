#include "wire/sas.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/hash.h"
#include "base/text.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kScheme = "SharedAccessSignature";

Result<base::Sha256> sign(std::string_view resource, std::string_view expiry,
                          std::string_view key_base64) {
  auto key = base::base64_decode(key_base64);
  if (!key || key->empty()) return fail(Code::Malformed, "key", -1, "expected base64");
  std::string text;
  text.reserve(resource.size() + 1 + expiry.size());
  text.append(resource).append("\n").append(expiry);
  const base::Sha256 signature = base::hmac_sha256(*key, base::as_bytes(text));
  base::wipe(*key);
  return signature;
}

// One field of a token, its value as sent; each may come once.
Result<void> take_field(std::string_view name, std::string_view value, SasToken& token,
                        bool& has_signature) {
  if (name == "sr") {
    if (!token.resource.empty()) return fail(Code::Malformed, "token", -1, "sr twice");
    token.resource = value;
    token.target = base::percent_decode(value);
  } else if (name == "sig") {
    if (has_signature) return fail(Code::Malformed, "token", -1, "sig twice");
    // Some clients leave the '+' of base64 as it is; '+' never means a space here.
    auto signature = base::base64_decode(base::percent_decode(value));
    if (!signature) return fail(Code::Malformed, "token", -1, "sig is not base64");
    token.signature = std::move(*signature);
    has_signature = true;
  } else if (name == "se") {
    if (!token.expiry_text.empty()) return fail(Code::Malformed, "token", -1, "se twice");
    const auto expiry = base::parse_int(value);
    if (!expiry || *expiry < 0) {
      return fail(Code::Malformed, "token", -1, "se is not a number of seconds since 1970");
    }
    token.expiry_text = value;
    token.expiry = *expiry;
  } else if (name == "skn") {
    if (!token.policy.empty()) return fail(Code::Malformed, "token", -1, "skn twice");
    token.policy = base::percent_decode(value);
  }
  return {};
}

}  // namespace

base::WallTime SasToken::expires_at() const {
  constexpr std::int64_t kLast =
      std::chrono::floor<std::chrono::seconds>(base::WallTime::max()).time_since_epoch().count();
  return base::WallTime(std::chrono::seconds(std::min(expiry, kLast)));
}

Result<SasToken> parse_sas(std::string_view text) {
  if (!text.starts_with(kScheme) || text.substr(kScheme.size(), 1) != " ") {
    return fail(Code::Malformed, "token", 0, "expected SharedAccessSignature sr=..&sig=..&se=..");
  }
  SasToken token;
  bool has_signature = false;
  for (const std::string_view field : base::split(base::trim(text.substr(kScheme.size())), '&')) {
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos)
      return fail(Code::Malformed, "token", -1, "a field without '='");
    TRY(take_field(field.substr(0, equals), field.substr(equals + 1), token, has_signature));
  }
  if (token.resource.empty()) return fail(Code::Malformed, "token", -1, "sr is missing");
  if (!has_signature) return fail(Code::Malformed, "token", -1, "sig is missing");
  if (token.expiry_text.empty()) return fail(Code::Malformed, "token", -1, "se is missing");
  return token;
}

Result<std::string> make_sas(std::string_view resource_uri, std::string_view key_base64,
                             base::WallTime expiry, std::string_view policy) {
  const std::string resource = base::percent_encode(resource_uri);
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(expiry).time_since_epoch().count();
  const std::string expiry_text = std::to_string(std::max<std::int64_t>(seconds, 0));
  const base::Sha256 signature = TRY(sign(resource, expiry_text, key_base64));
  std::string token(kScheme);
  token.append(" sr=").append(resource);
  token.append("&sig=").append(base::percent_encode(base::base64_encode(signature)));
  token.append("&se=").append(expiry_text);
  if (!policy.empty()) token.append("&skn=").append(base::percent_encode(policy));
  return token;
}

Result<void> verify_sas(const SasToken& token, std::string_view key_base64, base::WallTime now) {
  const base::Sha256 expected = TRY(sign(token.resource, token.expiry_text, key_base64));
  if (!base::equal_constant_time(expected, token.signature))
    return fail(Code::Denied, "token signature");
  if (now >= token.expires_at()) return fail(Code::Expired, "token");
  return {};
}

bool sas_covers(const SasToken& token, std::string_view resource) {
  std::string_view target = token.target;
  while (target.ends_with('/'))
    target.remove_suffix(1);
  const auto wanted = base::split(resource, '/');
  const auto given = base::split(target, '/');
  if (given.size() > wanted.size() || given[0].empty()) return false;
  if (!base::equal_ignore_case(given[0], wanted[0])) return false;
  return std::equal(given.begin() + 1, given.end(), wanted.begin() + 1);
}

}  // namespace wire
