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

  std::expected<Grant, Refusal> run() {
    if (auto refused = check_names()) return std::unexpected(std::move(*refused));
    if (auto refused = check_token()) return std::unexpected(std::move(*refused));
    if (auto refused = check_status()) return std::unexpected(std::move(*refused));
    Grant grant;
    grant.name = std::move(name_);
    grant.generation_id = std::move(identity_.generation_id);
    grant.expires_at = token_.expires_at();
    grant.auth = std::move(auth_);
    grant.client_type = shown(user_.client_type);
    grant.api_version = shown(user_.api_version);
    grant.model_id = shown(user_.model_id);
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

  std::optional<Refusal> check_names() {
    auto user = wire::parse_mqtt_username(login_.username);
    if (!user) return refuse(Reason::ClientId, "user name: " + user.error().detail);
    user_ = std::move(*user);
    name_ = {shown(user_.device_id), shown(user_.module_id)};
    auth_.scope = name_.is_module() ? "module" : "device";
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

  // Primary, then secondary. A token that was signed rightly and has expired is Expired whatever
  // the other key says.
  std::optional<Refusal> check_signature(const Keys& keys, const char* whose) const {
    for (const std::string* key : {&keys.primary, &keys.secondary}) {
      const Result<void> verdict = wire::verify_sas(token_, *key, now_);
      if (verdict) return std::nullopt;
      if (verdict.error().code == Code::Expired) {
        return refuse(Reason::SasExpired,
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
};

}  // namespace

std::expected<Grant, Refusal> check_login(const Login& login, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup) {
  return Check(login, host_name, now, lookup).run();
}

}  // namespace hub::identity
