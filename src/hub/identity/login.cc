#include "hub/identity/login.h"

#include "base/text.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace hub::identity {

using base::Code;
using base::Result;
using operations::Reason;

namespace {

constexpr std::size_t kMaxShown = 128;  // of a name that nobody has checked yet

std::string shown(std::string_view text) {
  return base::to_utf8(text.substr(0, kMaxShown));
}

// One login on its way to a verdict.
class Check {
 public:
  Check(const Login& login, std::string_view host_name, base::WallTime now, const Lookup& lookup)
      : login_(login), host_name_(host_name), now_(now), lookup_(lookup) {}

  // Of a name that is known already.
  void set_name(const Name& name) { name_ = name; }

  std::expected<Grant, Refusal> run() {
    if (name_.device_id.empty()) {
      if (auto unclear = check_names()) return std::unexpected(std::move(*unclear));
    }
    auth_.scope = name_.is_module() ? "module" : "device";
    const bool by_certificate = login_.password.empty() && login_.certificate != nullptr;
    auto refused = by_certificate ? check_certificate(*login_.certificate) : check_token();
    if (!refused) refused = check_status();
    if (refused) return std::unexpected(std::move(*refused));
    Grant grant;
    grant.name = std::move(name_);
    grant.generation_id = std::move(identity_.generation_id);
    grant.expires_at = by_certificate ? valid_until_ : token_.expires_at();
    grant.auth = std::move(auth_);
    grant.client_type = shown(user_.client_type);
    grant.api_version = shown(user_.api_version);
    grant.model_id = shown(user_.model_id);
    grant.authority = std::move(authority_);
    return grant;
  }

 private:
  Refusal refuse(Reason reason, std::string detail, int status = 401,
                 std::uint32_t sub_code = 401003) const {
    Refusal refusal;
    refusal.reason = reason;
    refusal.status_code = status;
    refusal.sub_code = sub_code;
    refusal.name = name_;
    refusal.detail = std::move(detail);
    refusal.client_type = shown(user_.client_type);
    refusal.auth = auth_;
    return refusal;
  }

  Refusal refuse_expired(Reason reason, base::WallTime end, std::string detail) const {
    Refusal refusal = refuse(reason, std::move(detail));
    if (now_ >= end && now_ - end < kClockTolerance) refusal.level = operations::Level::Warning;
    return refusal;
  }

  std::optional<Refusal> check_names() {
    auto user = wire::parse_mqtt_username(login_.username);
    if (!user) return refuse(Reason::ClientId, "user name: " + user.error().detail);
    user_ = std::move(*user);
    name_ = {shown(user_.device_id), shown(user_.module_id)};
    auth_.scope = name_.is_module() ? "module" : "device";  // said in refusals, too
    if (!wire::is_valid_id(user_.device_id) ||
        (name_.is_module() && !wire::is_valid_id(user_.module_id))) {
      return refuse(Reason::Unknown, "the user name holds no valid id", 404, 404001);
    }
    if (!base::equal_ignore_case(user_.host, host_name_)) {
      return refuse(Reason::HostName, "the user name is for the hub '" + shown(user_.host) + "'");
    }
    if (login_.client_id != wire::mqtt_client_id({user_.device_id, user_.module_id})) {
      return refuse(Reason::ClientId, "the client id is '" + shown(login_.client_id) +
                                          "', the user name says '" + name_.to_string() + "'");
    }
    return std::nullopt;
  }

  std::optional<Refusal> check_certificate(const ClientCertificate& certificate) {
    auth_.type = "x509";
    auth_.issuer = "external";
    note_credential(CredentialKind::Certificate, certificate.sha256);
    auto identity = lookup_.identity(name_);
    if (!identity) return not_found(identity.error());
    identity_ = std::move(*identity);
    switch (identity_.authentication) {
      case Authentication::Sas:
        return refuse(Reason::Thumbprint, "the identity has keys, and no certificate");
      case Authentication::CertificateAuthority:
        return check_chain(certificate);
      case Authentication::SelfSigned:
        return check_thumbprint(certificate);
    }
    return std::nullopt;
  }

  std::optional<Refusal> check_chain(const ClientCertificate& certificate) {
    ChainVerdict verdict{Reason::CertUntrusted, "no authority is known", {}, {}};
    if (lookup_.chain) verdict = lookup_.chain(certificate, now_);
    if (verdict.reason == Reason::CertExpired)
      return refuse_expired(verdict.reason, certificate.not_after, std::move(verdict.detail));
    if (verdict.reason != Reason::None) return refuse(verdict.reason, std::move(verdict.detail));
    if (certificate.common_name != name_.to_string()) {
      return refuse(Reason::CertName,
                    "the certificate is for '" + shown(certificate.common_name) + "'");
    }
    authority_ = std::move(verdict.authority);
    valid_until_ = verdict.valid_until;
    return std::nullopt;
  }

  std::optional<Refusal> check_thumbprint(const ClientCertificate& certificate) {
    const Thumbprints& known = identity_.thumbprints;
    const auto is = [&](const std::string& thumbprint) {
      return thumbprint == certificate.sha1 || thumbprint == certificate.sha256;
    };
    if (!is(known.primary) && !is(known.secondary))
      return refuse(Reason::Thumbprint, "the certificate's SHA-256 is " + certificate.sha256);
    if (now_ < certificate.not_before || now_ >= certificate.not_after) {
      std::string detail = "the certificate is for " +
                           base::format_rfc3339(certificate.not_before, 0) + " to " +
                           base::format_rfc3339(certificate.not_after, 0);
      if (now_ < certificate.not_before) return refuse(Reason::CertNotYetValid, std::move(detail));
      return refuse_expired(Reason::CertExpired, certificate.not_after, std::move(detail));
    }
    valid_until_ = certificate.not_after;
    return std::nullopt;
  }

  std::optional<Refusal> check_token() {
    auto token = wire::parse_sas(login_.password);
    if (!token) return refuse(Reason::SasMalformed, token.error().detail);
    token_ = std::move(*token);
    auth_.type = "sas";
    auth_.issuer = "iothub";
    auth_.skn = shown(token_.policy);
    if (!token_.policy.empty()) auth_.scope = "hub";

    auto identity = lookup_.identity(name_);
    if (!identity) return not_found(identity.error());
    identity_ = std::move(*identity);

    std::string resource(host_name_);
    resource.append("/devices/").append(name_.device_id);
    if (name_.is_module()) resource.append("/modules/").append(name_.module_id);
    if (!wire::sas_covers(token_, resource)) {
      return refuse(Reason::SasScope, "the token is for '" + shown(token_.target) + "'");
    }
    if (token_.policy.empty()) return check_signature(identity_.keys, "identity");
    const auto policy = lookup_.policy(token_.policy);
    if (!policy) return not_found(policy.error());
    if ((policy->rights & kDeviceConnect) == 0) {
      return refuse(Reason::SasScope,
                    "the policy '" + policy->name + "' does not let devices connect");
    }
    return check_signature(policy->keys, "policy");
  }

  std::optional<Refusal> not_found(const base::Error& error) const {
    if (error.code != Code::NotFound)
      return refuse(Reason::Unknown, error.to_string(), 500, 500001);
    return refuse(Reason::Unknown, std::string("no such ") + error.what, 404,
                  name_.is_module() ? 404010 : 404001);
  }

  void note_credential(CredentialKind kind, std::string_view secret) {
    if (lookup_.credential) auth_.credential = lookup_.credential(kind, secret);
  }

  // Primary, then secondary. A token that was signed rightly and has expired is Expired whatever
  // the other key says.
  std::optional<Refusal> check_signature(const Keys& keys, const char* whose) {
    if (keys.primary.empty())
      return refuse(Reason::SasSignature, "the identity proves itself by a certificate");
    for (const std::string* key : {&keys.primary, &keys.secondary}) {
      const Result<void> verdict = wire::verify_sas(token_, *key, now_);
      if (verdict || verdict.error().code == Code::Expired)
        note_credential(token_.policy.empty() ? CredentialKind::Key : CredentialKind::Policy, *key);
      if (verdict) return std::nullopt;
      if (verdict.error().code == Code::Expired) {
        return refuse_expired(
            Reason::SasExpired, token_.expires_at(),
            "the token expired at " + base::format_rfc3339(token_.expires_at(), 0));
      }
    }
    return refuse(Reason::SasSignature, std::string("signed with neither key of the ") + whose);
  }

  std::optional<Refusal> check_status() const {
    if (identity_.status == Status::Disabled) {
      return refuse(Reason::Disabled,
                    name_.is_module() ? "the module is disabled" : "the device is disabled", 403);
    }
    if (!name_.is_module()) return std::nullopt;
    const auto device = lookup_.identity({name_.device_id, {}});
    if (!device) return not_found(device.error());
    if (device->status == Status::Disabled)
      return refuse(Reason::Disabled, "the module's device is disabled", 403);
    return std::nullopt;
  }

  const Login& login_;
  std::string_view host_name_;
  base::WallTime now_;
  const Lookup& lookup_;

  wire::MqttUsername user_;
  Name name_;
  operations::Auth auth_;
  wire::SasToken token_;
  Identity identity_;
  std::string authority_;
  base::WallTime valid_until_;  // by certificate
};

}  // namespace

std::expected<Grant, Refusal> check_login(const Login& login, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup) {
  return Check(login, host_name, now, lookup).run();
}

std::expected<Grant, Refusal> check_proof(const Proof& proof, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup) {
  Login login;
  login.password = proof.token;
  login.certificate = proof.certificate;
  Check check(login, host_name, now, lookup);
  check.set_name(proof.name);
  return check.run();
}

}  // namespace hub::identity
