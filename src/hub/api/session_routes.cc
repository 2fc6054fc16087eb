// Signing in and out.
#include <fmt/format.h>

#include "base/log.h"
#include "hub/api/api.h"

namespace hub::api {

using base::json::Writer;

namespace {

std::string session_json(const Principal& principal) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("user");
  writer.begin_object();
  writer.field("name", principal.name);
  writer.field("role", to_string(principal.role));
  writer.end_object();
  time_field(writer, "expiresAt", principal.expires);
  writer.end_object();
  return body;
}

// __Host- makes browsers insist on Secure, Path=/ and no Domain. Strict works with login links too:
// their page is static, and what it then asks for comes from our own origin.
std::string cookie(std::string_view secret, std::string_view attributes) {
  return fmt::format("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict{}", kSessionCookie, secret,
                     attributes);
}

Response too_many_attempts(Call& call, std::chrono::seconds wait) {
  call.services.counters.logins_limited.add();
  Response response =
      problem(call.request, Problem::TooManyRequests,
              fmt::format("Too many failed attempts; wait {} seconds.", wait.count()));
  response.headers.push_back({"Retry-After", std::to_string(wait.count())});
  return response;
}

Response failed(Call& call, const base::Error& error) {
  if (error.code != base::Code::Denied) return problem(call.request, error);
  call.services.counters.logins_failed.add();
  LOG_WARNING("api.login_failed")
      .field("remote", call.request.remote)
      .field("method", call.principal.method);
  return problem(call.request, Problem::Unauthorized, error.what);
}

struct Login {
  std::string username;
  std::string password;
  std::string one_time_token;
};

std::expected<Login, Response> read_login(Call& call) {
  auto body = read_body(call, Body::Required, {"username", "password", "oneTimeToken"});
  if (!body) return std::unexpected(std::move(body.error()));
  Login login;
  int given = 0;
  const auto take = [&](std::string_view name, std::size_t limit,
                        std::string& out) -> std::optional<Response> {
    auto text = text_field(call, *body, name, limit);
    if (!text) return std::move(text.error());
    if (*text) {
      out = std::move(**text);
      ++given;
    }
    return std::nullopt;
  };
  if (auto bad = take("username", 128, login.username)) return std::unexpected(std::move(*bad));
  if (auto bad = take("password", Accounts::kMaxPassword, login.password)) {
    return std::unexpected(std::move(*bad));
  }
  if (auto bad = take("oneTimeToken", 128, login.one_time_token)) {
    return std::unexpected(std::move(*bad));
  }
  const bool by_token = body->find("oneTimeToken") != nullptr;
  if (given != (by_token ? 1 : 2)) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "Send either username and password, or oneTimeToken."));
  }
  return login;
}

}  // namespace

Response create_session(Call& call) {
  call.principal.method = "none";
  auto login = read_login(call);
  if (!login) return std::move(login.error());
  const bool by_token = !login->one_time_token.empty();
  call.principal.method = by_token ? "oneTimeToken" : "password";
  call.principal.name = login->username;

  LoginLimiter& limiter = call.services.limiter;
  const auto wait = limiter.attempt(call.request.remote, login->username, call.mono_now);
  if (wait > std::chrono::seconds(0)) return too_many_attempts(call, wait);
  auto user = by_token ? call.accounts.redeem_login_token(login->one_time_token, call.now)
                       : call.accounts.verify_password(login->username, login->password);
  if (!user) return failed(call, user.error());
  limiter.succeeded(call.request.remote, login->username);

  // A new session for each login; the one that the browser had before ends.
  if (const auto old = find_cookie(call.request.header("cookie"), kSessionCookie)) {
    if (auto ended = call.accounts.end_session(*old); !ended) {
      return problem(call.request, ended.error());
    }
  }
  auto session = call.accounts.create_session(*user, call.now);
  if (!session) return problem(call.request, session.error());
  call.services.counters.logins.add();
  call.principal.name = user->name;
  call.principal.role = user->role;
  call.principal.expires = session->expires;
  Response response = json_response(200, session_json(call.principal));
  response.headers.push_back({"Set-Cookie", cookie(session->secret, "")});
  return response;
}

Response get_session(Call& call) {
  return json_response(200, session_json(call.principal));
}

Response delete_session(Call& call) {
  if (!call.principal.session.empty()) {
    if (auto ended = call.accounts.end_session(call.principal.session); !ended) {
      return problem(call.request, ended.error());
    }
  }
  Response response{.status = 204};
  response.headers.push_back({"Set-Cookie", cookie("", "; Max-Age=0")});
  return response;
}

Response change_password(Call& call) {
  if (call.principal.method != "session") {
    return problem(call.request, Problem::Forbidden, "Only a signed-in user has a password.");
  }
  call.audit_target = call.principal.name;
  auto body = read_body(call, Body::Required, {"currentPassword", "newPassword"});
  if (!body) return std::move(body.error());
  auto current = text_field(call, *body, "currentPassword", Accounts::kMaxPassword);
  if (!current) return std::move(current.error());
  auto wanted = text_field(call, *body, "newPassword", Accounts::kMaxPassword);
  if (!wanted) return std::move(wanted.error());
  if (!*current || !*wanted) {
    return problem(call.request, Problem::BadRequest, "Send currentPassword and newPassword.");
  }
  LoginLimiter& limiter = call.services.limiter;
  const auto wait = limiter.attempt(call.request.remote, call.principal.name, call.mono_now);
  if (wait > std::chrono::seconds(0)) return too_many_attempts(call, wait);
  auto user = call.accounts.verify_password(call.principal.name, **current);
  if (!user && user.error().code == base::Code::Denied) {
    return problem(call.request, Problem::Forbidden, "currentPassword is wrong.");
  }
  if (!user) return problem(call.request, user.error());
  limiter.succeeded(call.request.remote, call.principal.name);
  auto changed = call.accounts.set_password(call.principal.name, **wanted, call.principal.session);
  if (!changed) return problem(call.request, changed.error());
  return Response{.status = 204};
}

}  // namespace hub::api
