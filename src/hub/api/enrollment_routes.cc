// Enrollments and registrations, in our words and in those of Azure's provisioning service.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/enrollment_query.h"
#include "hub/provisioning/provisioning.h"
#include "hub/provisioning/registration.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using provisioning::Enrollment;
using provisioning::Kind;
using provisioning::Page;
using provisioning::Provisioning;
using provisioning::Registration;
using provisioning::Secrets;

namespace {

// The service's limit on one bulk request.
constexpr std::size_t kMaxBulk = 10;

Provisioning& service_of(const Call& call) {
  return *call.services.dependencies.provisioning;
}

const std::string& hub_of(const Call& call) {
  return service_of(call).options().host_name;
}

std::string_view subject(Kind kind) {
  return kind == Kind::Group ? "enrollment group" : "enrollment";
}

Response refused(const Call& call, std::string_view what, const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return problem(call.request, Problem::NotFound, fmt::format("There is no such {}.", what));
    case Code::Exists:
      return problem(call.request, Problem::Conflict,
                     fmt::format("The {} exists already; send If-Match to change it.", what));
    case Code::Conflict:
      return problem(call.request, Problem::PreconditionFailed,
                     fmt::format("The {} was changed in between; read it again.", what));
    case Code::Invalid:
      return problem(call.request, Problem::BadRequest,
                     error.detail.empty() ? error.what : error.detail);
    case Code::Full:
      return problem(call.request, Problem::Conflict, error.detail);
    default:
      return problem(call.request, error);
  }
}

Response shown(const Call& call, unsigned status, const Enrollment& enrollment, Secrets secrets) {
  std::optional<Registration> registration;
  if (enrollment.kind == Kind::Individual) {
    if (auto found = service_of(call).registration(enrollment.id)) registration = std::move(*found);
  }
  std::string body;
  Writer writer(body);
  write_enrollment(writer, enrollment, secrets, hub_of(call),
                   registration ? &*registration : nullptr);
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", '"' + enrollment.etag + '"'});
  if (secrets == Secrets::Show) response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

Response put(Call& call, Kind kind, const Value& body) {
  auto done = service_of(call).put(kind, call.path[0], body, if_match(call), call.principal.name);
  if (!done) return refused(call, subject(kind), done.error());
  call.audit_detail = done->created ? "create" : "update";
  // Azure's answers 200 to both.
  const bool created = done->created && call.request.target.starts_with("/api/");
  return shown(call, created ? 201 : 200, done->enrollment, Secrets::Show);
}

template <Kind kKind>
Response put_own(Call& call) {
  const auto body = base::json::parse(call.request.body);
  if (!is_media_type(call.request.header("content-type"), "application/json")) {
    return problem(call.request, Problem::UnsupportedMediaType,
                   "Send JSON with the header Content-Type: application/json.");
  }
  if (!body || body->if_object() == nullptr)
    return problem(call.request, Problem::BadRequest, "The body is no JSON object.");
  const auto known = provisioning::enrollment_fields(kKind);
  for (const base::json::Member& member : *body->if_object()) {
    if (std::ranges::find(known, member.name) != known.end()) continue;
    std::string message = "unknown field " + base::json::quoted(member.name);
    if (const auto near = base::nearest(member.name, known))
      message += fmt::format("; did you mean \"{}\"?", *near);
    return problem(call.request, Problem::BadRequest, message);
  }
  return put(call, kKind, *body);
}

template <Kind kKind>
Response list_own(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const std::string* search = call.target.parameter("search");
  const std::string* cursor = call.target.parameter("cursor");
  const auto page = service_of(call).list(kKind, search == nullptr ? "" : *search, *limit,
                                          cursor == nullptr ? "" : *cursor);
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Enrollment& enrollment : page->items)
    write_enrollment(writer, enrollment, Secrets::Hide, hub_of(call), nullptr);
  writer.end_array();
  cursor_field(writer, page->next_cursor);
  writer.field("total", page->total);
  writer.end_object();
  return json_response(200, std::move(body));
}

template <Kind kKind>
Response get_own(Call& call) {
  const auto keys = flag_parameter(call, "keys");
  if (!keys) return keys.error();
  if (*keys && !call.principal.may(Need::Manage))
    return problem(call.request, Problem::Forbidden, "Keys are for administrators only.");
  const auto found = service_of(call).get(kKind, call.path[0]);
  if (!found) return refused(call, subject(kKind), found.error());
  return shown(call, 200, *found, *keys ? Secrets::Show : Secrets::Hide);
}

template <Kind kKind>
Response remove(Call& call) {
  const auto removed =
      service_of(call).remove(kKind, call.path[0], if_match(call), call.principal.name);
  if (!removed) return refused(call, subject(kKind), removed.error());
  return Response{.status = 204};
}

Response registration_response(const Call& call, const Registration& registration) {
  std::string body;
  Writer writer(body);
  write_registration(writer, registration, hub_of(call));
  Response response = json_response(200, std::move(body));
  response.headers.push_back({"ETag", '"' + registration.etag + '"'});
  return response;
}

// --- Azure's ---

template <Kind kKind>
Response put_azure(Call& call) {
  // Clients send back what they read, and more: what is not known is passed over.
  const auto body = base::json::parse(call.request.body);
  if (!body || body->if_object() == nullptr)
    return problem(call.request, Problem::BadRequest, "The body is no JSON object.");
  return put(call, kKind, *body);
}

template <Kind kKind>
Response get_azure(Call& call) {
  const auto found = service_of(call).get(kKind, call.path[0]);
  if (!found) return refused(call, subject(kKind), found.error());
  return shown(call, 200, *found, Secrets::Hide);
}

template <Kind kKind>
Response get_attestation(Call& call) {
  const auto found = service_of(call).get(kKind, call.path[0]);
  if (!found) return refused(call, subject(kKind), found.error());
  std::string body;
  Writer writer(body);
  write_attestation(writer, *found, Secrets::Show);
  Response response = json_response(200, std::move(body));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

template <Kind kKind>
Response query_azure(Call& call) {
  const QuerySource source = [&call](std::string_view after,
                                     std::size_t limit) -> base::Result<QueryPage> {
    const auto page =
        TRY(service_of(call).list(kKind, "", limit, Provisioning::cursor_behind(after)));
    QueryPage documents{{}, !page.next_cursor.empty()};
    for (const Enrollment& enrollment : page.items) {
      std::string json;
      Writer writer(json);
      write_enrollment(writer, enrollment, Secrets::Hide, hub_of(call), nullptr);
      documents.documents.push_back({enrollment.id, std::move(json)});
    }
    return documents;
  };
  return answer_enrollment_query(call, kKind == Kind::Group ? "EnrollmentGroup" : "Enrollment",
                                 source);
}

Response query_registrations(Call& call) {
  const QuerySource source = [&call](std::string_view after,
                                     std::size_t limit) -> base::Result<QueryPage> {
    const auto page = TRY(service_of(call).registrations(Kind::Group, call.path[0], limit,
                                                         Provisioning::cursor_behind(after)));
    QueryPage documents{{}, !page.next_cursor.empty()};
    for (const Registration& registration : page.items) {
      std::string json;
      Writer writer(json);
      write_registration(writer, registration, hub_of(call));
      documents.documents.push_back({registration.id, std::move(json)});
    }
    return documents;
  };
  return answer_enrollment_query(call, "DeviceRegistration", source);
}

base::Result<void> run_one(const Call& call, std::string_view mode, const Value& each) {
  Provisioning& service = service_of(call);
  const std::string_view id = each.text_or("registrationId", "");
  std::string_view etag = each.text_or("etag", "");
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  if (mode == "delete")
    return service.remove(Kind::Individual, id, etag.empty() ? "*" : etag, call.principal.name);
  std::string_view match = "*";
  if (mode == "create") match = "";
  if (mode == "updateIfMatchETag") match = etag.empty() ? "-" : etag;
  TRY(service.put(Kind::Individual, id, each, match, call.principal.name));
  return {};
}

Response run_bulk(Call& call) {
  const auto body = base::json::parse(call.request.body);
  const Value* list = body ? body->find("enrollments") : nullptr;
  if (list == nullptr || list->if_array() == nullptr || list->if_array()->size() > kMaxBulk) {
    return problem(call.request, Problem::BadRequest,
                   fmt::format("enrollments: expected a list of at most {}", kMaxBulk));
  }
  std::string_view mode;
  for (const std::string_view known : {"create", "update", "updateIfMatchETag", "delete"}) {
    if (base::equal_ignore_case(body->text_or("mode", ""), known)) mode = known;
  }
  if (mode.empty()) {
    return problem(call.request, Problem::BadRequest,
                   "mode: expected create, update, updateIfMatchETag or delete");
  }
  std::string errors;
  Writer writer(errors);
  writer.begin_array();
  std::size_t failed = 0;
  for (const Value& each : *list->if_array()) {
    const auto done = run_one(call, mode, each);
    if (done) continue;
    ++failed;
    const Response answer = refused(call, "enrollment", done.error());
    writer.begin_object();
    writer.field("registrationId", each.text_or("registrationId", ""));
    writer.field("errorCode", static_cast<std::int64_t>(answer.status) * 1000);
    writer.field("errorStatus", done.error().to_string());
    writer.end_object();
  }
  writer.end_array();
  call.audit_detail = fmt::format("{}: {} of {} failed", mode, failed, list->if_array()->size());
  std::string answer;
  Writer out(answer);
  out.begin_object();
  out.field("isSuccessful", failed == 0);
  out.key("errors");
  out.raw(errors);
  out.end_object();
  return json_response(200, std::move(answer));
}

}  // namespace

Response get_provisioning(Call& call) {
  const auto totals = service_of(call).totals();
  if (!totals) return problem(call.request, totals.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("idScope", service_of(call).id_scope());
  writer.field("hostName", hub_of(call));
  writer.field("enrollments", totals->enrollments);
  writer.field("enrollmentGroups", totals->groups);
  writer.field("registrations", totals->registrations);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_registration(Call& call) {
  const auto found = service_of(call).registration(call.path[0]);
  if (!found) return refused(call, "registration", found.error());
  return registration_response(call, *found);
}

Response delete_registration(Call& call) {
  const auto removed =
      service_of(call).remove_registration(call.path[0], if_match(call), call.principal.name);
  if (!removed) return refused(call, "registration", removed.error());
  return Response{.status = 204};
}

Response list_group_registrations(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const std::string* cursor = call.target.parameter("cursor");
  if (const auto group = service_of(call).get(Kind::Group, call.path[0]); !group)
    return refused(call, subject(Kind::Group), group.error());
  const auto page = service_of(call).registrations(Kind::Group, call.path[0], *limit,
                                                   cursor == nullptr ? "" : *cursor);
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Registration& registration : page->items)
    write_registration(writer, registration, hub_of(call));
  writer.end_array();
  cursor_field(writer, page->next_cursor);
  writer.field("total", page->total);
  writer.end_object();
  return json_response(200, std::move(body));
}

void add_enrollment_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  table.push_back({Get, "/provisioning", Look, get_provisioning});
  const auto add = [&](std::string_view list, std::string_view one, Handler all, Handler get,
                       Handler put, Handler erase, std::string_view put_action,
                       std::string_view delete_action) {
    table.push_back({Get, list, Look, all, {}, {"search", "limit", "cursor"}});
    table.push_back({Get, one, Look, get, {}, {"keys"}});
    table.push_back({Put, one, Manage, put, put_action});
    table.push_back({Delete, one, Manage, erase, delete_action});
  };
  add("/enrollments", "/enrollments/{registrationId}", list_own<Kind::Individual>,
      get_own<Kind::Individual>, put_own<Kind::Individual>, remove<Kind::Individual>,
      "enrollment.put", "enrollment.delete");
  add("/enrollment-groups", "/enrollment-groups/{groupId}", list_own<Kind::Group>,
      get_own<Kind::Group>, put_own<Kind::Group>, remove<Kind::Group>, "enrollmentGroup.put",
      "enrollmentGroup.delete");
  table.push_back({Get,
                   "/enrollment-groups/{groupId}/registrations",
                   Look,
                   list_group_registrations,
                   {},
                   {"limit", "cursor"}});
  table.push_back({Get, "/registrations/{registrationId}", Look, get_registration});
  table.push_back({Delete, "/registrations/{registrationId}", Manage, delete_registration,
                   "registration.delete"});
}

std::span<const Route> provisioning_routes() {
  using enum Method;
  using enum Need;
  static const std::vector<Route> table = [] {
    std::vector<Route> routes;
    const auto add = [&](Method method, std::string_view pattern, Need need, Handler handler,
                         std::string_view action = {},
                         std::vector<std::string_view> parameters = {}) {
      parameters.emplace_back("api-version");
      routes.push_back({method, pattern, need, handler, action, std::move(parameters)});
    };
    constexpr auto kOne = Kind::Individual;
    constexpr auto kAll = Kind::Group;
    add(Put, "/enrollments/{id}", Manage, put_azure<kOne>, "enrollment.put");
    add(Get, "/enrollments/{id}", Look, get_azure<kOne>);
    add(Delete, "/enrollments/{id}", Manage, remove<kOne>, "enrollment.delete");
    for (const std::string_view bulk : {"/enrollments", "/enrollments/"})
      add(Post, bulk, Manage, run_bulk, "enrollment.bulk");
    add(Post, "/enrollments/query", Look, query_azure<kOne>);
    add(Post, "/enrollments/{id}/attestationmechanism", Manage, get_attestation<kOne>);
    add(Put, "/enrollmentGroups/{id}", Manage, put_azure<kAll>, "enrollmentGroup.put");
    add(Get, "/enrollmentGroups/{id}", Look, get_azure<kAll>);
    add(Delete, "/enrollmentGroups/{id}", Manage, remove<kAll>, "enrollmentGroup.delete");
    add(Post, "/enrollmentGroups/query", Look, query_azure<kAll>);
    for (const std::string_view group : {"/enrollmentGroups/{id}/attestationmechanism",
                                         "/enrollmentgroups/{id}/attestationmechanism"})
      add(Post, group, Manage, get_attestation<kAll>);
    add(Get, "/registrations/{id}", Look, get_registration);
    add(Delete, "/registrations/{id}", Manage, delete_registration, "registration.delete");
    add(Post, "/registrations/{id}/query", Look, query_registrations);
    // By the device, which proves itself in the handler.
    add(Put, "/{idScope}/registrations/{id}/register", Nothing, dps_register, {},
        {"forceRegistration"});
    add(Get, "/{idScope}/registrations/{id}/operations/{operation}", Nothing, dps_poll);
    add(Post, "/{idScope}/registrations/{id}", Nothing, dps_look_up);
    return routes;
  }();
  return table;
}

bool is_provisioning_path(const Target& target) {
  const auto& segments = target.segments;
  if (segments.empty()) return false;
  const std::string& first = segments[0];
  if (first == "enrollments" || first == "registrations" ||
      base::equal_ignore_case(first, "enrollmentGroups")) {
    return true;
  }
  return segments.size() >= 3 && segments[1] == "registrations" && first != "devices" &&
         first != "twins";
}

Response in_provisioning_words(const Request& request, Response response, base::WallTime now) {
  if (response.status < 400) return response;
  const auto body = base::json::parse(response.content());
  const auto* error = body ? body->find("error") : nullptr;
  // What the provisioning service itself said is in its words.
  if (error == nullptr) return response;
  const std::uint32_t code = response.status * 1000 + 1;
  response.body = provisioning::error_body(code, error->text_or("message", ""), request.id, now);
  response.headers.push_back({"x-ms-error-code", std::to_string(code)});
  return response;
}

}  // namespace hub::api
