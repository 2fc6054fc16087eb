#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/api/accounts.h"
#include "hub/api/changes.h"
#include "hub/api/limiter.h"
#include "hub/api/message.h"
#include "hub/api/server.h"

namespace store {
class Cancel;
}

// The API without sockets: a request and who is behind it in, an answer out.
namespace hub::api {

// Since start; read by /metrics.
struct Counters {
  base::Counter connections;
  base::Counter refused_connections;  // too many
  base::Counter tls_failed;
  base::Counter malformed;  // requests that are not HTTP, too large, or too slow
  base::Counter requests;
  base::Counter client_errors;  // answered 4xx
  base::Counter server_errors;  // answered 5xx
  base::Counter overloaded;     // of these: a queue was full
  base::Counter logins;
  base::Counter logins_failed;
  base::Counter logins_limited;  // refused without looking at the password
  base::Counter unauthorized;    // requests with wrong or without credentials
  base::Counter cross_origin;    // changes refused for lack of the portal's header or origin
  base::Counter audit_failed;    // records that could not be written
  base::Counter streams;
  base::Counter streams_dropped;  // readers that were too slow
};

// What a route asks of its caller.
enum class Need : std::uint8_t {
  Nothing,
  Look,
  Handle,      // change alerts
  Manage,      // change identities, see their keys
  Administer,  // everything else
};

// Who asks. Made once per request by authenticate().
struct Principal {
  std::string name;    // user, token:NAME or policy:NAME
  std::string method;  // session, token, sharedAccessSignature; none
  Role role = Role::Reader;
  bool look = false;
  bool handle = false;
  bool manage = false;
  bool administer = false;
  std::optional<base::WallTime> expires;
  std::string session;  // the cookie's secret, with method session

  bool may(Need need) const;
};

struct Services {
  Options options;
  Dependencies dependencies;
  base::WallTime started;
  base::MonoTime started_mono;
  LoginLimiter limiter;
  std::shared_ptr<Changes> changes;
  Counters counters;
};

// One request on its way through a handler.
struct Call {
  const Request& request;
  const Target& target;
  std::vector<std::string_view> path;  // values of the pattern's braces
  Principal principal;
  Accounts& accounts;
  Services& services;
  base::WallTime now;
  base::MonoTime mono_now;
  store::Cancel* cancel = nullptr;  // ends a query when nobody waits for it any more
  // For the audit record, where the route has one.
  std::string audit_target = {};
  std::string audit_detail = {};
};

using Handler = Response (*)(Call&);

enum class Pool : std::uint8_t { Requests, Queries };

struct Route {
  Method method;
  std::string_view pattern;  // below /api/v1: /devices/{deviceId}
  Need need;
  Handler handler;
  std::string_view action = {};                   // in the audit log; empty: not audited
  std::vector<std::string_view> parameters = {};  // in the query
  Pool pool = Pool::Requests;
};

// All routes below /api/v1.
std::span<const Route> routes();

// What to do with a request, decided without touching anything.
struct Plan {
  Target target;
  const Route* route = nullptr;
  std::vector<std::size_t> path;      // indexes of the pattern's values in target.segments
  std::optional<Response> immediate;  // the answer, when no handler is needed
};
Plan plan(const Request& request, const Services& services);

// Authenticates, checks rights and origin, calls the handler, writes the audit record. For a plan
// with a route. Threads: a worker's.
Response answer(const Plan& plan, const Request& request, Accounts& accounts, Services& services,
                base::WallTime now, base::MonoTime mono_now, store::Cancel* cancel = nullptr);

// Who sends this request; no Principal without credentials. Errors: Denied, Expired, Malformed,
// Unsupported, and those of the stores.
base::Result<std::optional<Principal>> authenticate(const Request& request, Accounts& accounts,
                                                    const Services& services, base::WallTime now,
                                                    Accounts::Touch touch = Accounts::Touch::Yes);

inline constexpr std::string_view kSessionCookie = "__Host-sid";

// --- for handlers ---

enum class Problem : std::uint8_t {
  BadRequest,
  BadQuery,
  Unauthorized,
  Forbidden,
  NotFound,
  MethodNotAllowed,
  Conflict,
  PreconditionFailed,
  TooLarge,
  UnsupportedMediaType,
  TooManyRequests,
  TimedOut,
  Unavailable,
  Internal,
};
std::string_view to_string(Problem problem);
unsigned status_of(Problem problem);

// The error shape. `diagnostics` is a JSON array or empty.
Response problem(const Request& request, Problem problem, std::string_view message,
                 std::string_view diagnostics = {});
// The same from an error of the stores; logs what is our own fault.
Response problem(const Request& request, const base::Error& error);

Response json_response(unsigned status, std::string body);

// The request's body as a JSON object of at most these fields; an empty body is an empty object
// when `Body::Optional`. An answer instead when it is not acceptable.
enum class Body : std::uint8_t { Required, Optional };
std::expected<base::json::Value, Response> read_body(
    const Call& call, Body body, std::initializer_list<std::string_view> fields);
// Members of a body. Absent: nullopt. An answer when the type or value is wrong.
std::expected<std::optional<std::string>, Response> text_field(const Call& call,
                                                               const base::json::Value& body,
                                                               std::string_view name,
                                                               std::size_t max_bytes);
std::expected<std::optional<std::int64_t>, Response> number_field(const Call& call,
                                                                  const base::json::Value& body,
                                                                  std::string_view name,
                                                                  std::int64_t least,
                                                                  std::int64_t most);
// The parameter `limit`: 1 to 1000, 50 when absent.
std::expected<std::size_t, Response> limit_parameter(const Call& call);
// A parameter that is true or false; false when absent.
std::expected<bool, Response> flag_parameter(const Call& call, std::string_view name);

std::string time_text(base::WallTime time);
void time_field(base::json::Writer& writer, std::string_view name,
                const std::optional<base::WallTime>& time);
void cursor_field(base::json::Writer& writer, std::string_view cursor);  // nextCursor

// All numbers of the hub.
std::vector<Metric> all_metrics(const Services& services);

Response create_session(Call& call);
Response get_session(Call& call);
Response delete_session(Call& call);
Response change_password(Call& call);
Response list_alerts(Call& call);
Response get_alert(Call& call);
Response update_alert(Call& call);
Response list_devices(Call& call);
Response get_device(Call& call);
Response put_device(Call& call);
Response delete_device(Call& call);
Response list_modules(Call& call);
Response get_module(Call& call);
Response put_module(Call& call);
Response delete_module(Call& call);
Response run_query(Call& call);
Response validate_query(Call& call);
Response get_query_schema(Call& call);
Response open_stream(Call& call);
Response get_status(Call& call);
Response list_operations(Call& call);
Response get_metrics(Call& call);
Response list_tokens(Call& call);
Response create_token(Call& call);
Response delete_token(Call& call);
Response list_audit(Call& call);

}  // namespace hub::api
