// From a request to its handler: rights, origin, limits, audit.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/assets.h"
#include "hub/identity/ip_filter.h"
#include "hub/identity/registry.h"
#include "hub/jobs/containers.h"
#include "hub/limits/limits.h"
#include "hub/link/service.h"
#include "hub/operations/audit.h"
#include "hub/operations/operations.h"

namespace hub::api {

using base::Code;
using base::Result;

namespace {

// The indexes of the segments that stand for the braces; nullopt when the path is another.
std::optional<std::vector<std::size_t>> match(std::string_view pattern, const Target& target,
                                              std::size_t prefix) {
  const auto parts = base::split(pattern.substr(1), '/');
  if (parts.size() + prefix != target.segments.size()) return std::nullopt;
  std::vector<std::size_t> values;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& segment = target.segments[i + prefix];
    if (parts[i].starts_with('{')) {
      if (segment.empty()) return std::nullopt;
      values.push_back(i + prefix);
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

std::span<const Route> routes_of(Surface surface) {
  switch (surface) {
    case Surface::Own:
      return routes();
    case Surface::IotHub:
      return iot_hub_routes();
    case Surface::Provisioning:
      return provisioning_routes();
    case Surface::Storage:
      return storage_routes();
    case Surface::LogAnalytics:
      return log_analytics_routes();
  }
  return {};
}

void plan_route(const Request& request, Plan& plan) {
  std::string allowed;
  const bool own = plan.surface == Surface::Own;
  const std::size_t prefix = own ? 2 : 0;  // api, v1
  for (const Route& route : routes_of(plan.surface)) {
    auto values = match(route.pattern, plan.target, prefix);
    if (!values) continue;
    if (same_method(route.method, request.method)) {
      plan.route = &route;
      plan.path = std::move(*values);
      // Clients of storage services and of Log Analytics add some of their own.
      const bool strict = plan.surface != Surface::Storage && plan.surface != Surface::LogAnalytics;
      if (strict) plan.immediate = check_parameters(request, plan);
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

// 2021-04-12, 2020-05-31-preview. Which one makes no difference: what is served is the same in all.
bool is_api_version(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-dd";
  constexpr std::string_view kPreview = "-preview";
  if (text.size() == kShape.size() + kPreview.size() && text.ends_with(kPreview))
    text.remove_suffix(kPreview.size());
  const auto fits = [](char c, char shape) {
    return shape == 'd' ? c >= '0' && c <= '9' : c == shape;
  };
  return std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(), fits);
}

bool reads(const Request& request) {
  return request.method == Method::Get || request.method == Method::Head;
}

Response answer_health(const Services& services) {
  const auto& trouble = services.dependencies.trouble;
  const std::string words = trouble ? trouble() : "";
  return {.status = words.empty() ? 200U : 503U,
          .content_type = "text/plain",
          .body = (words.empty() ? "ok" : words) + "\n"};
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
  } else if (!segments.empty() && segments[0] == "v1") {
    plan.surface = Surface::LogAnalytics;
    plan_route(request, plan);
    if (plan.immediate)
      plan.immediate = in_log_analytics_words(request, std::move(*plan.immediate));
  } else if (jobs::is_container_target(request.target)) {
    plan.surface = Surface::Storage;
    plan_route(request, plan);
    if (plan.immediate) plan.immediate = in_storage_words(request, std::move(*plan.immediate));
  } else if (plan.target.parameter("api-version") != nullptr && is_provisioning_path(plan.target)) {
    plan.surface = Surface::Provisioning;
    plan_route(request, plan);
    if (plan.immediate) {
      plan.immediate = in_provisioning_words(request, std::move(*plan.immediate), base::wall_now());
    }
  } else if (plan.target.parameter("api-version") != nullptr) {
    plan.surface = Surface::IotHub;
    if (is_api_version(*plan.target.parameter("api-version"))) {
      plan_route(request, plan);
    } else {
      plan.immediate = iot_hub_problem(request, 400, "InvalidProtocolVersion",
                                       "api-version: expected a date such as 2021-04-12");
    }
    if (plan.immediate)
      plan.immediate = in_iot_hub_words(request, std::move(*plan.immediate), false);
  } else if (!reads(request)) {
    plan.immediate = problem(request, Problem::MethodNotAllowed, "This path allows GET, HEAD.");
    plan.immediate->headers.push_back({"Allow", "GET, HEAD"});
  } else if (segments.size() == 1 && segments[0] == "healthz") {
    plan.immediate = answer_health(services);
  } else {
    plan.immediate = serve_asset(request, plan.target, services.options.portal_dir);
  }
  return plan;
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
  if (const auto code = iot_hub_code(response); !code.empty()) return std::string(code);
  return error == nullptr ? std::to_string(response.status)
                          : std::string(error->text_or("code", "error"));
}

operations::AuditRecord audit_record(const Call& call, const Route& route) {
  operations::AuditRecord record;
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
  record.remote = call.request.remote;
  record.request_id = call.request.id;
  record.detail = call.audit_detail;
  return record;
}

void set_result(operations::AuditRecord& record, const Response& response) {
  record.result = result_of(response);
  record.status_code = static_cast<int>(response.status);
}

// Before the answer is given; of one that comes later, when it comes, on a thread that may not
// wait.
void write_audit(const Call& call, const Route& route, Response& response) {
  operations::AuditLog& log = *call.services.dependencies.audit;
  operations::AuditRecord record = audit_record(call, route);
  if (response.later) {
    response.later = [begin = std::move(response.later), record = std::move(record),
                      &log](Finish finish) {
      begin([finish = std::move(finish), record, &log](Response made) mutable {
        set_result(record, made);
        log.record_later(std::move(record));
        finish(std::move(made));
      });
    };
    return;
  }
  set_result(record, response);
  const auto written = log.record(std::move(record));
  if (written) return;
  call.services.counters.audit_failed.add();
  LOG_ERROR("api.audit_failed")
      .field("action", route.action)
      .field("error", written.error().to_string());
}

Response handle(Call& call, const Route& route) {
  if (!call.principal.may(route.need)) {
    return problem(call.request, Problem::Forbidden,
                   call.principal.name + " may not do this; see the roles in the documentation.");
  }
  return route.handler(call);
}

// What a handler says, or why it was not asked.
struct Handled {
  Response response;
  Principal principal;
  std::optional<base::Error> error;
  bool recorded = false;
};

Handled answer_own(const Plan& plan, const Request& request, Accounts& accounts, Services& services,
                   base::WallTime now, base::MonoTime mono_now, store::Cancel* cancel) {
  const Route& route = *plan.route;
  auto principal = route.need == Need::Nothing ? Result<std::optional<Principal>>(Principal{})
                                               : authenticate(request, accounts, services, now);
  if (!principal) {
    const Code code = principal.error().code;
    const bool ours = code == Code::Io || code == Code::Corrupt || code == Code::Unavailable ||
                      code == Code::Full;
    return {ours ? problem(request, principal.error())
                 : unauthorized(request, services, principal.error().to_string()),
            {},
            principal.error()};
  }
  if (!*principal) {
    return {unauthorized(request, services,
                         "Sign in, or send an API token or a shared access signature."),
            {},
            base::Error{Code::Malformed, "no credentials", -1, {}}};
  }
  auto refused = check_origin(request, **principal, services);
  // Nobody can fill the audit log from outside.
  if (refused && (*principal)->method.empty())
    return {std::move(*refused), std::move(**principal), {}};
  Call call{request, plan.target, {},    std::move(**principal), accounts, services,
            now,     mono_now,    cancel};
  for (const std::size_t at : plan.path)
    call.path.emplace_back(plan.target.segments[at]);
  Response response = refused ? std::move(*refused) : handle(call, route);
  if (!route.action.empty()) write_audit(call, route, response);
  return {std::move(response), std::move(call.principal), std::move(call.refusal), call.recorded};
}

// What of the limits a request of a service uses; those of devices are counted where they go.
std::optional<limits::Kind> kind_of(const Plan& plan, const Request& request) {
  using limits::Kind;
  const auto& path = plan.target.segments;
  const bool reading = reads(request);
  if (path.empty()) return std::nullopt;
  if (path[0] == "twins" && path.back() == "methods") return Kind::Method;
  if (path[0] == "twins") return reading ? Kind::TwinRead : Kind::TwinUpdate;
  if (path[0] == "jobs") return Kind::Job;
  if (path[0] == "configurations") return Kind::Configuration;
  if (path[0] != "devices") return std::nullopt;
  if (path.size() == 2 && path[1] == "query") return Kind::Query;
  if (path.back() == "applyConfigurationContent") return Kind::Configuration;
  const bool identities = path.size() <= 2 || path[2] == "modules";
  if (identities && path.size() <= 4) return Kind::Registry;
  return std::nullopt;
}

std::optional<Response> check_limits(const Plan& plan, const Request& request, Services& services,
                                     base::WallTime now, base::MonoTime mono_now) {
  link::Service* service = services.dependencies.service;
  const auto kind = kind_of(plan, request);
  if (service == nullptr || plan.surface != Surface::IotHub || !kind) return std::nullopt;
  const limits::Decision decision =
      service->limits.check(*kind, {}, request.body.size(), mono_now, now);
  if (decision.permitted()) return std::nullopt;
  const bool quota = decision.verdict == limits::Decision::Verdict::Quota;
  if (quota)
    return iot_hub_problem(request, 403, "IotHubQuotaExceeded", "The day's messages are used up.");
  return iot_hub_problem(request, 429, "ThrottlingException",
                         "Too many requests of the kind " + std::string(limits::to_string(*kind)) +
                             ", try again later.");
}

// By the rules about addresses: devices and services.
std::optional<Response> refuse_address(const Request& request, Services& services,
                                       base::WallTime now) {
  const auto verdict = services.dependencies.registry->ip_filter().decide(request.remote);
  if (verdict.access == identity::Access::Allow) return std::nullopt;
  operations::Record record;
  record.time = now;
  record.operation = "deviceConnect";
  record.status_code = 401;
  record.sub_code = 401003;
  record.level = operations::Level::Error;
  record.reason = operations::Reason::IpFilter;
  record.protocol = operations::Protocol::Https;
  record.ip = request.remote;
  record.detail = "refused by the rule '" + verdict.rule + "'";
  record.request_id = request.id;
  services.dependencies.operations->record(std::move(record));
  return unauthorized(request, services, "Unauthorized.");
}

// A request to our API by somebody who did not prove who it is.
void record_unauthorized(const Request& request, Services& services, const base::Error& error,
                         const Response& response, base::WallTime now) {
  operations::Record record;
  record.time = now;
  record.operation = "serviceConnect";
  record.status_code = static_cast<int>(response.status);
  record.sub_code = response.status == 401 ? 401003 : 0;
  record.level = operations::Level::Error;
  record.reason = error.code == Code::Expired     ? operations::Reason::SasExpired
                  : error.code == Code::Malformed ? operations::Reason::SasMalformed
                                                  : operations::Reason::SasSignature;
  record.protocol = operations::Protocol::Https;
  record.ip = request.remote;
  record.tls_version = request.tls_version;
  record.tls_cipher = request.tls_cipher;
  record.detail = error.what;
  record.request_id = request.id;
  services.dependencies.operations->record(std::move(record));
}

}  // namespace

Response answer(const Plan& plan, const Request& request, Accounts& accounts, Services& services,
                base::WallTime now, base::MonoTime mono_now, store::Cancel* cancel) {
  // The portal and its API stay open, so that nobody can lock himself out.
  if (plan.surface == Surface::Own || plan.surface == Surface::LogAnalytics) {
    Handled own = answer_own(plan, request, accounts, services, now, mono_now, cancel);
    if (own.error) record_unauthorized(request, services, *own.error, own.response, now);
    return in_words_of(plan, request, std::move(own.response));
  }
  if (auto denied = refuse_address(request, services, now))
    return in_words_of(plan, request, std::move(*denied));
  Handled handled;
  if (auto denied = check_limits(plan, request, services, now, mono_now)) {
    handled.response = std::move(*denied);
  } else {
    handled = answer_own(plan, request, accounts, services, now, mono_now, cancel);
  }
  if (handled.response.later) return std::move(handled.response);
  Response response = in_words_of(plan, request, std::move(handled.response));
  if (!handled.recorded) {
    record_iot_hub(plan, request, services, handled.principal,
                   handled.error ? &*handled.error : nullptr, response, now, mono_now);
  }
  return response;
}

Response in_words_of(const Plan& plan, const Request& request, Response response) {
  if (plan.surface == Surface::Own) return response;
  if (plan.surface == Surface::Provisioning)
    return in_provisioning_words(request, std::move(response), base::wall_now());
  if (plan.surface == Surface::Storage) return in_storage_words(request, std::move(response));
  if (plan.surface == Surface::LogAnalytics)
    return in_log_analytics_words(request, std::move(response));
  return in_iot_hub_words(request, std::move(response), plan.path.size() > 1);
}

}  // namespace hub::api
