#pragma once

#include <atomic>
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
#include "hub/api/running_queries.h"
#include "hub/api/server.h"
#include "hub/identity/registry.h"

namespace store {
class Cancel;
struct QueryFailure;
}  // namespace store

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
  Serve,       // what a policy's ServiceConnect stands for: twins, methods, jobs
  Read,        // see identities with their keys: a policy's RegistryRead
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
  bool serve = false;
  bool read = false;
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
  std::atomic<std::size_t> event_readers{0};  // of GET /stream/events
  std::shared_ptr<Changes> changes;
  Counters counters;
  RunningQueries running;
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
  // The module that the handler asked has recorded the operation; nobody else need.
  bool recorded = false;
  // Why credentials that the handler itself looked at were refused, for that record.
  std::optional<base::Error> refusal = {};
};

using Handler = Response (*)(Call&);

enum class Pool : std::uint8_t { Requests, Queries };

// Whose words a route uses: ours below /api/v1, or Azure IoT Hub's or its provisioning service's,
// which the SDKs speak; those requests have the parameter api-version. Storage: Azure's blob
// storage, for the containers of jobs.
// LogAnalytics: the query API of Azure Monitor's workspaces, below /v1.
enum class Surface : std::uint8_t { Own, IotHub, Provisioning, Storage, LogAnalytics };

struct Route {
  Method method;
  std::string_view pattern;  // below /api/v1 or, of the other surface, /: /devices/{deviceId}
  Need need;
  Handler handler;
  std::string_view action = {};                   // in the audit log; empty: not audited
  std::vector<std::string_view> parameters = {};  // in the query
  Pool pool = Pool::Requests;
  // Of Azure's routes: how the request is recorded in the operations, unless its handler says that
  // it is recorded already. An empty operation: never.
  operations::Category category = operations::Category::DeviceIdentityOperations;
  std::string_view operation = {};
};

// All routes below /api/v1.
std::span<const Route> routes();
// Those of Azure IoT Hub's service and device REST API that are served.
std::span<const Route> iot_hub_routes();
// Those of Azure's device provisioning service, and whether a path is one of its.
std::span<const Route> provisioning_routes();
bool is_provisioning_path(const Target& target);

// Those of the containers of jobs, but for writing contents.
std::span<const Route> storage_routes();

// Those of Log Analytics.
std::span<const Route> log_analytics_routes();

// What to do with a request, decided without touching anything.
struct Plan {
  Target target;
  const Route* route = nullptr;
  Surface surface = Surface::Own;
  std::vector<std::size_t> path;      // indexes of the pattern's values in target.segments
  std::optional<Response> immediate;  // the answer, when no handler is needed
};
Plan plan(const Request& request, const Services& services);

// Authenticates, checks rights and origin, calls the handler, writes the audit record. For a plan
// with a route. Threads: a worker's.
Response answer(const Plan& plan, const Request& request, Accounts& accounts, Services& services,
                base::WallTime now, base::MonoTime mono_now, store::Cancel* cancel = nullptr);

// An answer in the words of the plan's surface.
Response in_words_of(const Plan& plan, const Request& request, Response response);

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
  Cancelled,
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

// An error of ours in the shape that Azure's SDKs read: {"Message":"ErrorCode:X;text"}.
// `module`: what is not found is one.
// An answer that has it already is left as it is. Rights that are lacking are 401 there; 403 stands
// for limits.
Response in_iot_hub_words(const Request& request, Response response, bool module);
// The same from the start: `code` is a word that the SDKs know, such as JobNotFound.
Response iot_hub_problem(const Request& request, unsigned status, std::string_view code,
                         std::string_view message);
// What the registry, the twins or the jobs refused, about that identity where one is named.
Response iot_hub_refused(const Call& call, const base::Error& error, const identity::Name& name);
// How many cloud-to-device messages wait for it.
std::size_t waiting_messages(const Call& call, const identity::Name& name);
// The word in such an answer, DeviceNotFound; empty in others.
std::string_view iot_hub_code(const Response& response);
// Records a request to one of Azure's routes, unless `recorded`. `principal`: nobody's where the
// request was refused before it was known; `error`: why, then.
void record_iot_hub(const Plan& plan, const Request& request, const Services& services,
                    const Principal& principal, const base::Error* error, const Response& response,
                    base::WallTime now, base::MonoTime started);

// The same for the provisioning service: {"errorCode":404001,"message":"..",...}.
Response in_provisioning_words(const Request& request, Response response, base::WallTime now);

// And for the storage service: XML. What it is called is the detail of our errors.
Response in_storage_words(const Request& request, Response response);
Response storage_refused(const Request& request, const base::Error& error);
unsigned storage_status(base::Code code);
void add_storage_headers(const Request& request, Response& response);

// And for Log Analytics: {"error":{"code":"..","message":"..","innererror":{..}}}.
Response in_log_analytics_words(const Request& request, Response response);

// Why a query has no result, for its caller.
Response query_failed(const Request& request, const store::QueryFailure& failure);

// The If-Match header without quotes; empty when absent.
std::string if_match(const Call& call);
// The identity that the path names.
identity::Name name_of(const Call& call);
// What the registry or the twins refused about that identity, in the words of the request.
Response identity_refused(const Call& call, const base::Error& error);

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
// Append the routes of alerts, and of what hides them, below /api/v1.
void add_alert_routes(std::vector<Route>& table);
void add_suppression_routes(std::vector<Route>& table);
Response list_devices(Call& call);
Response get_device(Call& call);
Response put_device(Call& call);
Response delete_device(Call& call);
Response list_modules(Call& call);
Response get_module(Call& call);
Response put_module(Call& call);
Response delete_module(Call& call);
Response get_twin(Call& call);
Response patch_twin(Call& call);
Response iot_hub_get_twin(Call& call);
Response iot_hub_patch_twin(Call& call);
Response iot_hub_put_twin(Call& call);
Response iot_hub_get_module(Call& call);
Response device_send_events(Call& call);
Response device_receive_command(Call& call);
Response device_settle_command(Call& call);
Response device_abandon_command(Call& call);
Response device_begin_upload(Call& call);
Response device_finish_upload(Call& call);
Response list_uploads(Call& call);
Response get_upload(Call& call);
Response get_upload_content(Call& call);
Response delete_upload(Call& call);
Response list_commands(Call& call);
Response send_command(Call& call);
Response purge_commands(Call& call);
Response invoke_method(Call& call);
Response iot_hub_get_own_module(Call& call);
Response iot_hub_list_devices(Call& call);
Response iot_hub_get_device(Call& call);
Response iot_hub_put_device(Call& call);
Response iot_hub_delete_device(Call& call);
Response iot_hub_list_modules(Call& call);
Response iot_hub_put_module(Call& call);
Response iot_hub_delete_module(Call& call);
Response iot_hub_bulk(Call& call);
Response iot_hub_device_statistics(Call& call);
Response iot_hub_call_method(Call& call);
Response iot_hub_purge(Call& call);
Response iot_hub_list_jobs(Call& call);
Response iot_hub_get_job(Call& call);
Response iot_hub_put_job(Call& call);
Response iot_hub_cancel_job(Call& call);
Response iot_hub_service_statistics(Call& call);
Response iot_hub_create_transfer(Call& call);
Response iot_hub_list_transfers(Call& call);
Response iot_hub_get_transfer(Call& call);
Response iot_hub_cancel_transfer(Call& call);
Response list_containers(Call& call);
Response create_container(Call& call);
Response delete_container(Call& call);
Response query_devices(Call& call);
Response iot_hub_query(Call& call);
Response list_configurations(Call& call);
Response get_configuration(Call& call);
Response put_configuration(Call& call);
Response delete_configuration(Call& call);
Response test_configuration(Call& call);
Response iot_hub_list_configurations(Call& call);
Response apply_configuration_content(Call& call);
Response run_query(Call& call);
Response list_running_queries(Call& call);
Response cancel_query(Call& call);
Response validate_query(Call& call);
Response complete_query(Call& call);
Response get_query_schema(Call& call);
Response list_analytics_rules(Call& call);
Response get_analytics_rule(Call& call);
Response put_analytics_rule(Call& call);
Response delete_analytics_rule(Call& call);
Response enable_analytics_rule(Call& call);
Response run_analytics_rule(Call& call);
Response test_analytics_rule(Call& call);
Response list_rules(Call& call);
Response get_rule(Call& call);
Response patch_rule(Call& call);
Response create_rule(Call& call);
Response put_rule(Call& call);
Response delete_rule(Call& call);
Response check_rule(Call& call);
Response hunt_rule(Call& call);
Response list_rule_exceptions(Call& call);
Response get_rule_exception(Call& call);
Response create_rule_exception(Call& call);
Response put_rule_exception(Call& call);
Response delete_rule_exception(Call& call);
Response preview_rule_exception(Call& call);
Response list_saved_queries(Call& call);
Response get_saved_query(Call& call);
Response create_saved_query(Call& call);
Response put_saved_query(Call& call);
Response delete_saved_query(Call& call);
Response open_stream(Call& call);
Response get_status(Call& call);
Response list_operations(Call& call);
Response get_metrics(Call& call);
Response list_tokens(Call& call);
Response create_token(Call& call);
Response delete_token(Call& call);
Response list_audit(Call& call);
Response list_activity(Call& call);
// What is known of an identity's traffic, as an object's members.
void write_activity(base::json::Writer& writer, const identity::Activity& activity,
                    base::WallTime now);
Response list_certificates(Call& call);
Response get_certificate(Call& call);
Response put_certificate(Call& call);
Response delete_certificate(Call& call);
Response make_verification_code(Call& call);
Response verify_certificate(Call& call);
Response list_policies(Call& call);
Response get_policy(Call& call);
Response put_policy(Call& call);
Response delete_policy(Call& call);
Response regenerate_policy(Call& call);
Response get_ip_filter(Call& call);
Response put_ip_filter(Call& call);
Response list_shared_credentials(Call& call);
Response get_limits(Call& call);
Response list_quarantine(Call& call);
Response get_quarantined(Call& call);
Response get_quarantined_content(Call& call);
Response replay_quarantined(Call& call);
Response discard_quarantined(Call& call);
Response stream_events(Call& call);
Response list_forwards(Call& call);
Response export_table(Call& call);
Response export_query(Call& call);
Response get_retention(Call& call);
Response plan_retention(Call& call);
Response apply_retention(Call& call);
Response get_usage(Call& call);
Response list_holds(Call& call);
Response get_hold(Call& call);
Response create_hold(Call& call);
Response release_hold(Call& call);
// Appends the routes of what is kept below /api/v1.
void add_retention_routes(std::vector<Route>& table);
void add_custom_alert_routes(std::vector<Route>& table);
Response verify_store(Call& call);
Response compact_store(Call& call);
Response list_backups(Call& call);
Response create_backup(Call& call);
Response check_backup(Call& call);
Response export_rows(Call& call);
Response create_import(Call& call);
Response put_import_content(Call& call);
Response run_import(Call& call);
// Appends the routes of the stores themselves.
void add_care_routes(std::vector<Route>& table);
void add_recommendation_routes(std::vector<Route>& table);
void add_vulnerability_routes(std::vector<Route>& table);
Response get_provisioning(Call& call);
Response get_registration(Call& call);
Response delete_registration(Call& call);
Response list_group_registrations(Call& call);
Response dps_register(Call& call);
Response dps_poll(Call& call);
Response dps_look_up(Call& call);
// Appends the routes of enrollments and registrations below /api/v1.
void add_enrollment_routes(std::vector<Route>& table);

}  // namespace hub::api
