#include "hub/provisioning/attest.h"

#include <array>
#include <vector>

#include "base/text.h"
#include "hub/identity/chain.h"
#include "hub/provisioning/x509.h"
#include "wire/dps.h"
#include "wire/sas.h"

namespace hub::provisioning {

using base::Code;
using base::Result;
using identity::Refusal;
using operations::Reason;

namespace {

constexpr std::size_t kMaxShown = 128;  // of what nobody has checked yet
constexpr std::uint32_t kUnauthorized = 401002;
constexpr std::uint32_t kNotFound = 404201;

std::string shown(std::string_view text) {
  return base::to_utf8(text.substr(0, kMaxShown));
}

// One device on its way to a verdict.
class Check {
 public:
  Check(const Credentials& credentials, base::WallTime now, const Enrollments& enrollments)
      : credentials_(credentials), now_(now), enrollments_(enrollments) {
    grant_.registration_id = credentials.registration_id;
  }

  std::expected<Grant, Refusal> run() {
    if (auto refused = check_names()) return std::unexpected(std::move(*refused));
    const bool by_certificate = credentials_.token.empty() && credentials_.certificate != nullptr;
    grant_.auth.type = by_certificate ? "x509" : "sas";
    grant_.auth.issuer = by_certificate ? "external" : "iothub";
    if (!by_certificate) {
      if (auto refused = read_token()) return std::unexpected(std::move(*refused));
    }
    const auto individual = enrollments_.individual(credentials_.registration_id);
    if (!individual && individual.error().code != Code::NotFound) {
      return std::unexpected(refuse(Reason::Unknown, individual.error().to_string(), 500, 500001));
    }
    grant_.auth.scope = individual ? "enrollment" : "enrollmentGroup";
    auto refused = individual ? (by_certificate ? check_certificate(*individual)
                                                : check_individual(*individual))
                              : (by_certificate ? check_authorities() : check_groups());
    if (refused) return std::unexpected(std::move(*refused));
    return std::move(grant_);
  }

 private:
  Refusal refuse(Reason reason, std::string detail, int status = 401,
                 std::uint32_t sub_code = kUnauthorized) const {
    Refusal refusal;
    refusal.reason = reason;
    refusal.status_code = status;
    refusal.sub_code = sub_code;
    refusal.name.device_id = shown(credentials_.registration_id);
    refusal.detail = std::move(detail);
    refusal.auth = grant_.auth;
    return refusal;
  }

  std::optional<Refusal> check_names() const {
    if (credentials_.id_scope != enrollments_.id_scope) {
      return refuse(Reason::HostName, "there is no id scope '" + shown(credentials_.id_scope) + "'",
                    404, kNotFound);
    }
    if (!wire::is_valid_registration_id(credentials_.registration_id))
      return refuse(Reason::Unknown, "no valid registration id", 404, kNotFound);
    return std::nullopt;
  }

  std::optional<Refusal> read_token() {
    auto token = wire::parse_sas(credentials_.token);
    if (!token) return refuse(Reason::SasMalformed, token.error().detail);
    token_ = std::move(*token);
    grant_.auth.skn = shown(token_.policy);
    const std::string resource =
        wire::dps_resource(credentials_.id_scope, credentials_.registration_id);
    if (!wire::sas_covers(token_, resource))
      return refuse(Reason::SasScope, "the token is for '" + shown(token_.target) + "'");
    if (!token_.policy.empty() && token_.policy != wire::kDpsPolicy) {
      return refuse(Reason::SasScope,
                    "the token names the policy '" + shown(token_.policy) + "', not registration");
    }
    grant_.expires_at = token_.expires_at();
    return std::nullopt;
  }

  void accept(const Enrollment& enrollment) {
    grant_.kind = enrollment.kind;
    grant_.enrollment_id = enrollment.id;
    grant_.enrollment_etag = enrollment.etag;
    grant_.enabled = enrollment.status == identity::Status::Enabled;
  }

  // Closed: signed with neither key. Expired: with one of them, and too long ago.
  Result<void> verify(const identity::Keys& keys) const {
    Result<void> verdict = base::fail(Code::Closed, "token");
    for (const std::string* key : {&keys.primary, &keys.secondary}) {
      if (key->empty()) continue;
      auto one = wire::verify_sas(token_, *key, now_);
      if (one || one.error().code == Code::Expired) return one;
    }
    return verdict;
  }

  Refusal expired() const {
    return refuse(Reason::SasExpired,
                  "the token expired at " + base::format_rfc3339(token_.expires_at(), 0));
  }

  std::optional<Refusal> check_individual(const Enrollment& enrollment) {
    if (enrollment.attestation != Attestation::SymmetricKey)
      return refuse(Reason::SasSignature, "the enrollment asks for a certificate");
    const auto verdict = verify(enrollment.keys);
    if (!verdict && verdict.error().code == Code::Expired) return expired();
    if (!verdict) return refuse(Reason::SasSignature, "signed with neither key of the enrollment");
    accept(enrollment);
    grant_.keys = enrollment.keys;
    return std::nullopt;
  }

  // A token does not say whose it is: the group whose key fits is the one.
  std::optional<Refusal> check_groups() {
    bool any = false;
    for (const Enrollment& group : enrollments_.groups) {
      if (group.attestation != Attestation::SymmetricKey) continue;
      any = true;
      auto keys = derive_keys(group.keys, credentials_.registration_id);
      if (!keys) continue;
      const auto verdict = verify(*keys);
      if (!verdict && verdict.error().code == Code::Expired) return expired();
      if (!verdict) continue;
      accept(group);
      grant_.keys = std::move(*keys);
      return std::nullopt;
    }
    return refuse(any ? Reason::SasSignature : Reason::Unknown,
                  any ? "no individual enrollment, and signed with no group's key"
                      : "there is no such enrollment");
  }

  std::optional<Refusal> check_times(const identity::ClientCertificate& certificate) {
    if (now_ < certificate.not_before || now_ >= certificate.not_after) {
      return refuse(now_ < certificate.not_before ? Reason::CertNotYetValid : Reason::CertExpired,
                    "the certificate is for " + base::format_rfc3339(certificate.not_before, 0) +
                        " to " + base::format_rfc3339(certificate.not_after, 0));
    }
    grant_.expires_at = certificate.not_after;
    return std::nullopt;
  }

  std::optional<Refusal> check_certificate(const Enrollment& enrollment) {
    const identity::ClientCertificate& shown_one = *credentials_.certificate;
    if (enrollment.attestation != Attestation::Certificate)
      return refuse(Reason::Thumbprint, "the enrollment asks for a key, and no certificate");
    bool fits = false;
    std::array<std::string, 2> known;
    const std::array pems = {&enrollment.primary_certificate, &enrollment.secondary_certificate};
    for (std::size_t i = 0; i < pems.size(); ++i) {
      if (pems.at(i)->empty()) continue;
      const auto info = read_certificate(*pems.at(i));
      if (!info) return refuse(Reason::Unknown, info.error().to_string(), 500, 500001);
      known.at(i) = info->sha256;
      fits = fits || info->sha256 == shown_one.sha256;
    }
    if (!fits)
      return refuse(Reason::Thumbprint, "the certificate's SHA-256 is " + shown_one.sha256);
    if (auto refused = check_times(shown_one)) return refused;
    accept(enrollment);
    grant_.thumbprints = {known[0], known[1]};
    return std::nullopt;
  }

  // Signed by the authority of a group, and with the registration id as its name.
  std::optional<Refusal> check_authorities() {
    const identity::ClientCertificate& shown_one = *credentials_.certificate;
    identity::ChainVerdict verdict;
    verdict.reason = Reason::Unknown;
    verdict.detail = "there is no such enrollment";
    for (const Enrollment& group : enrollments_.groups) {
      if (group.attestation != Attestation::Authority) continue;
      auto judged = judge(group);
      if (!judged) return refuse(Reason::Unknown, judged.error().to_string(), 500, 500001);
      if (judged->reason == Reason::None) return accept_signed(group, *judged);
      // What is wrong with a certificate of ours says more than that it is none of another's.
      const bool better =
          verdict.reason == Reason::Unknown ||
          (verdict.reason == Reason::CertUntrusted && judged->reason != Reason::CertUntrusted);
      if (better) verdict = std::move(*judged);
    }
    return refuse(verdict.reason,
                  verdict.detail + "; the certificate's SHA-256 is " + shown_one.sha256);
  }

  Result<identity::ChainVerdict> judge(const Enrollment& group) const {
    std::vector<base::ByteVec> authorities;
    for (const std::string* pem : {&group.primary_certificate, &group.secondary_certificate}) {
      if (!pem->empty()) authorities.push_back(TRY(identity::certificate_from_text(*pem)));
    }
    const auto store = TRY(identity::TrustStore::create(authorities));
    return store.judge(credentials_.certificate->chain, now_);
  }

  std::optional<Refusal> accept_signed(const Enrollment& group,
                                       const identity::ChainVerdict& verdict) {
    const identity::ClientCertificate& shown_one = *credentials_.certificate;
    if (shown_one.common_name != credentials_.registration_id) {
      return refuse(Reason::CertInvalid,
                    "the certificate's common name is '" + shown(shown_one.common_name) + "'");
    }
    accept(group);
    grant_.expires_at = verdict.valid_until;
    grant_.thumbprints = {shown_one.sha256, {}};
    return std::nullopt;
  }

  const Credentials& credentials_;
  base::WallTime now_;
  const Enrollments& enrollments_;
  wire::SasToken token_;
  Grant grant_;
};

}  // namespace

std::expected<Grant, Refusal> attest(const Credentials& credentials, base::WallTime now,
                                     const Enrollments& enrollments) {
  return Check(credentials, now, enrollments).run();
}

}  // namespace hub::provisioning
