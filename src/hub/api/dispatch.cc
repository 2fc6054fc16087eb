// From a request to its handler: routes, authentication, rights, origin, audit.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/assets.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::Code;
using base::Result;

std::span<const Route> routes() {
  using enum Method;
  using enum Need;
  static const std::vector<Route> table{
      {Post, "/session", Nothing, create_session, "session.create"},
      {Get, "/session", Look, get_session},
      {Delete, "/session", Look, delete_session, "session.delete"},
      {Put, "/session/password", Look, change_password, "user.password"},
      {Get,
       "/alerts",
       Look,
       list_alerts,
       {},
       {"status", "severity", "device", "search", "limit", "cursor"}},
      {Get, "/alerts/{alertId}", Look, get_alert},
      {Patch, "/alerts/{alertId}", Handle, update_alert, "alert.update"},
      {Get, "/devices", Look, list_devices, {}, {"search", "limit", "cursor"}},
      {Get, "/devices/{deviceId}", Look, get_device, {}, {"keys"}},
      {Put, "/devices/{deviceId}", Manage, put_device, "device.put"},
      {Delete, "/devices/{deviceId}", Manage, delete_device, "device.delete"},
      {Get, "/devices/{deviceId}/modules", Look, list_modules},
      {Get, "/devices/{deviceId}/modules/{moduleId}", Look, get_module, {}, {"keys"}},
      {Put, "/devices/{deviceId}/modules/{moduleId}", Manage, put_module, "module.put"},
      {Delete, "/devices/{deviceId}/modules/{moduleId}", Manage, delete_module, "module.delete"},
      {Post, "/query", Look, run_query, {}, {}, Pool::Queries},
      {Post, "/query/validate", Look, validate_query},
      {Get, "/query/schema", Look, get_query_schema},
      {Get, "/stream", Look, open_stream},
      {Get, "/status", Look, get_status},
      {Get, "/operations", Look, list_operations, {}, {"limit"}},
      {Get, "/metrics", Look, get_metrics},
      {Get, "/tokens", Administer, list_tokens},
      {Post, "/tokens", Administer, create_token, "token.create"},
      {Delete, "/tokens/{tokenId}", Administer, delete_token, "token.delete"},
      {Get, "/audit", Administer, list_audit, {}, {"limit", "cursor"}},
  };
  return table;
}

bool Principal::may(Need need) const {
  switch (need) {
    case Need::Nothing:
      return true;
    case Need::Look:
      return look;
    case Need::Handle:
      return handle;
    case Need::Manage:
      return manage;
    case Need::Administer:
      return administer;
  }
  return false;
}

namespace {

// The indexes of the segments that stand for the braces; nullopt when the path is another.
std::optional<std::vector<std::size_t>> match(std::string_view pattern, const Target& target) {
  const auto parts = base::split(pattern.substr(1), '/');
  constexpr std::size_t kPrefix = 2;  // api, v1
  if (parts.size() + kPrefix != target.segments.size()) return std::nullopt;
  std::vector<std::size_t> values;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& segment = target.segments[i + kPrefix];
    if (parts[i].starts_with('{')) {
      if (segment.empty()) return std::nullopt;
      values.push_back(i + kPrefix);
    } else if (parts[i] != segment) {
      return std::nullopt;
    }
  }
  return values;
}

bool same_method(Method route, Method request) {
  return route == request || (route == Method::Get && request == Method::Head);
}

std::optional<Response> check_parameters(const Request& request, const Plan& plan) {
  const auto& known = plan.route->parameters;
  for (const auto& [name, value] : plan.target.parameters) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string message = fmt::format("unknown query parameter {}", base::json::quoted(name));
    if (const auto near = base::nearest(name, known)) {
      message += fmt::format("; did you mean {}?", *near);
    }
    return problem(request, Problem::BadRequest, message);
  }
  return std::nullopt;
}

void plan_route(const Request& request, Plan& plan) {
  std::string allowed;
  for (const Route& route : routes()) {
    auto values = match(route.pattern, plan.target);
    if (!values) continue;
    if (same_method(route.method, request.method)) {
      plan.route = &route;
      plan.path = std::move(*values);
      plan.immediate = check_parameters(request, plan);
      return;
    }
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method == Method::Get ? "GET, HEAD" : to_string(route.method);
  }
  if (allowed.empty()) {
    plan.immediate = problem(request, Problem::NotFound,
                             "There is no such path in the API; docs/reference/openapi.yaml lists "
                             "all.");
    return;
  }
  plan.immediate = problem(request, Problem::MethodNotAllowed, "This path allows " + allowed + ".");
  plan.immediate->headers.push_back({"Allow", allowed});
}

bool reads(const Request& request) {
  return request.method == Method::Get || request.method == Method::Head;
}

}  // namespace

Plan plan(const Request& request, const Services& services) {
  Plan plan;
  auto target = parse_target(request.target);
  if (!target) {
    plan.immediate = problem(request, Problem::BadRequest, target.error().to_string());
    return plan;
  }
  plan.target = std::move(*target);
  const auto& segments = plan.target.segments;
  if (!segments.empty() && segments[0] == "api") {
    if (segments.size() >= 2 && segments[1] == "v1") {
      plan_route(request, plan);
    } else {
      plan.immediate = problem(request, Problem::NotFound, "The API is at /api/v1.");
    }
  } else if (!reads(request)) {
    plan.immediate = problem(request, Problem::MethodNotAllowed, "This path allows GET, HEAD.");
    plan.immediate->headers.push_back({"Allow", "GET, HEAD"});
  } else if (segments.size() == 1 && segments[0] == "healthz") {
    plan.immediate = Response{.status = 200, .content_type = "text/plain", .body = "ok\n"};
  } else {
    plan.immediate = serve_asset(request, plan.target, services.options.portal_dir);
  }
  return plan;
}

namespace {

Principal principal_of_role(Role role) {
  Principal principal;
  principal.role = role;
  principal.look = true;
  principal.handle = role >= Role::Analyst;
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

namespace {

// A browser sends the cookie with requests that other sites make it send, too; not the header, and
// not with our origin.
bool is_own_origin(const Request& request) {
  const std::string_view origin = request.header("origin");
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  return base::equal_ignore_case(origin, "https://" + std::string(request.header("host")));
}

std::optional<Response> check_origin(const Request& request, const Principal& principal,
                                     Services& services) {
  if (reads(request)) return std::nullopt;
  const bool cookie = principal.method == "session";
  // Signing in: a browser tells where the form was; other clients have no origin.
  const bool form = principal.method.empty() && !request.header("origin").empty();
  if (!cookie && !form) return std::nullopt;
  if (is_own_origin(request) && (!cookie || request.header("x-vedette-csrf") == "1")) {
    return std::nullopt;
  }
  services.counters.cross_origin.add();
  return problem(request, Problem::Forbidden,
                 "A session may change things only from the portal itself: the header "
                 "X-Vedette-Csrf: 1 or the origin is missing.");
}

Response unauthorized(const Request& request, Services& services, std::string_view why) {
  services.counters.unauthorized.add();
  Response response = problem(request, Problem::Unauthorized, why);
  // No WWW-Authenticate: Basic here, which would make browsers ask for a password themselves.
  response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"vedette\""});
  return response;
}

std::string result_of(const Response& response) {
  if (response.status < 400) return "ok";
  const auto body = base::json::parse(response.content());
  const auto* error = body ? body->find("error") : nullptr;
  return error == nullptr ? std::to_string(response.status)
                          : std::string(error->text_or("code", "error"));
}

void write_audit(Call& call, const Route& route, const Response& response) {
  AuditRecord record;
  record.time = call.now;
  record.actor = call.principal.name;
  record.method = call.principal.method;
  record.action = route.action;
  record.target = call.audit_target;
  if (record.target.empty()) {
    for (const std::string_view value : call.path) {
      if (!record.target.empty()) record.target += "/";
      record.target += value;
    }
  }
  record.result = result_of(response);
  record.remote = call.request.remote;
  record.detail = call.audit_detail;
  if (auto written = call.accounts.audit(record); !written) {
    call.services.counters.audit_failed.add();
    LOG_ERROR("api.audit_failed")
        .field("action", record.action)
        .field("target", record.target)
        .field("error", written.error().to_string());
  }
}

Response handle(Call& call, const Route& route) {
  if (!call.principal.may(route.need)) {
    return problem(call.request, Problem::Forbidden,
                   call.principal.name + " may not do this; see the roles in the documentation.");
  }
  return route.handler(call);
}

}  // namespace

Response answer(const Plan& plan, const Request& request, Accounts& accounts, Services& services,
                base::WallTime now, base::MonoTime mono_now, store::Cancel* cancel) {
  const Route& route = *plan.route;
  auto principal = route.need == Need::Nothing ? Result<std::optional<Principal>>(Principal{})
                                               : authenticate(request, accounts, services, now);
  if (!principal) {
    const Code code = principal.error().code;
    const bool ours = code == Code::Io || code == Code::Corrupt || code == Code::Unavailable ||
                      code == Code::Full;
    return ours ? problem(request, principal.error())
                : unauthorized(request, services, principal.error().to_string());
  }
  if (!*principal) {
    return unauthorized(request, services,
                        "Sign in, or send an API token or a shared access signature.");
  }
  if (auto refused = check_origin(request, **principal, services)) return std::move(*refused);
  Call call{request, plan.target, {},    std::move(**principal), accounts, services,
            now,     mono_now,    cancel};
  for (const std::size_t at : plan.path)
    call.path.emplace_back(plan.target.segments[at]);
  Response response = handle(call, route);
  if (!route.action.empty()) write_audit(call, route, response);
  return response;
}

}  // namespace hub::api
