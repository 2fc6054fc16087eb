// Who asks, and what they may.
#include "hub/api/api.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::Code;
using base::Result;

bool Principal::may(Need need) const {
  switch (need) {
    case Need::Nothing:
      return true;
    case Need::Look:
      return look;
    case Need::Handle:
      return handle;
    case Need::Serve:
      return serve;
    case Need::Read:
      return read;
    case Need::Manage:
      return manage;
    case Need::Administer:
      return administer;
  }
  return false;
}
namespace {

Principal principal_of_role(Role role) {
  Principal principal;
  principal.role = role;
  principal.look = true;
  principal.handle = role >= Role::Analyst;
  principal.serve = role >= Role::Admin;
  principal.read = role >= Role::Admin;
  principal.manage = role >= Role::Admin;
  principal.administer = role >= Role::Admin;
  return principal;
}

Principal principal_of_policy(const identity::Policy& policy) {
  const auto has = [&policy](identity::Rights rights) {
    return (policy.rights & rights) == rights;
  };
  Principal principal;
  principal.name = "policy:" + policy.name;
  principal.method = "sharedAccessSignature";
  principal.look = has(identity::kRegistryRead) || has(identity::kServiceConnect);
  principal.handle = has(identity::kServiceConnect);
  principal.serve = principal.handle;
  principal.read = has(identity::kRegistryRead) || has(identity::kRegistryWrite);
  principal.manage = has(identity::kRegistryWrite);
  principal.administer =
      has(identity::kRegistryRead | identity::kRegistryWrite | identity::kServiceConnect);
  principal.role = principal.administer ? Role::Admin
                   : principal.handle   ? Role::Analyst
                                        : Role::Reader;
  return principal;
}

Result<Principal> principal_of_session(std::string_view secret, Accounts& accounts,
                                       base::WallTime now, Accounts::Touch touch) {
  const Session session = TRY(accounts.use_session(secret, now, touch));
  Principal principal = principal_of_role(session.user.role);
  principal.name = session.user.name;
  principal.method = "session";
  principal.expires = session.expires;
  principal.session = secret;
  return principal;
}

}  // namespace

Result<std::optional<Principal>> authenticate(const Request& request, Accounts& accounts,
                                              const Services& services, base::WallTime now,
                                              Accounts::Touch touch) {
  const Credentials credentials = TRY(parse_authorization(request.header("authorization")));
  if (const auto* bearer = std::get_if<BearerToken>(&credentials)) {
    const Token token = TRY(accounts.use_token(bearer->secret, now));
    Principal principal = principal_of_role(token.role);
    principal.name = "token:" + token.name;
    principal.method = "token";
    principal.expires = token.expires;
    return principal;
  }
  if (const auto* signature = std::get_if<SharedAccessSignature>(&credentials)) {
    auto policy = services.dependencies.registry->authenticate_service(signature->text, now);
    // Which policies exist is nobody's business before the signature fits.
    if (!policy && policy.error().code == Code::NotFound) {
      return base::fail(Code::Denied, "wrong shared access signature");
    }
    return principal_of_policy(TRY(std::move(policy)));
  }
  const auto cookie = find_cookie(request.header("cookie"), kSessionCookie);
  if (!cookie) return std::optional<Principal>();
  return TRY(principal_of_session(*cookie, accounts, now, touch));
}

}  // namespace hub::api
