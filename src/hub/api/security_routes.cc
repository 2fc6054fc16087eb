// Certificate authorities, shared access policies, the IP filter, shared credentials, limits.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/identity/authorities.h"
#include "hub/identity/certificate.h"
#include "hub/identity/credentials.h"
#include "hub/identity/ip_filter.h"
#include "hub/limits/limits.h"
#include "hub/link/service.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using identity::AddressRule;
using identity::Authority;
using identity::Policy;

namespace {

constexpr std::size_t kMaxShared = 1000;

struct RightName {
  identity::Rights right;
  std::string_view name;
};
constexpr std::array<RightName, 4> kRights = {{{identity::kRegistryRead, "RegistryRead"},
                                               {identity::kRegistryWrite, "RegistryWrite"},
                                               {identity::kServiceConnect, "ServiceConnect"},
                                               {identity::kDeviceConnect, "DeviceConnect"}}};

// What the stores refused, in the words of the API.
Response refused(const Call& call, std::string_view what, const base::Error& error) {
  const std::string subject =
      std::string(what) + (call.path.empty() ? "" : " " + base::json::quoted(call.path[0]));
  switch (error.code) {
    case Code::NotFound:
      return problem(call.request, Problem::NotFound, "There is no " + subject + ".");
    case Code::Exists:
      return problem(call.request, Problem::Conflict, subject + ": " + error.detail);
    case Code::Conflict:
      return problem(call.request, Problem::PreconditionFailed, error.detail + "; read it again.");
    case Code::Denied:
    case Code::Full:
      return problem(call.request, Problem::BadRequest, subject + ": " + error.detail);
    default:
      return problem(call.request, error);
  }
}

Response with_etag(Response response, const std::string& etag) {
  if (!etag.empty()) response.headers.push_back({"ETag", '"' + etag + '"'});
  return response;
}

void write_authority(Writer& writer, const Authority& authority) {
  writer.begin_object();
  writer.field("name", authority.name);
  writer.field("subject", authority.subject);
  writer.field("thumbprint", authority.sha1);
  writer.field("thumbprintSha256", authority.sha256);
  time_field(writer, "notBefore", authority.not_before);
  time_field(writer, "notAfter", authority.not_after);
  writer.field("verified", authority.verified);
  time_field(writer, "created", authority.created);
  time_field(writer, "updated", authority.updated);
  writer.field("etag", authority.etag);
  writer.field("certificate", identity::certificate_to_pem(authority.der));
  if (!authority.code.empty()) writer.field("verificationCode", authority.code);
  writer.end_object();
}

Response authority_response(unsigned status, const Authority& authority) {
  std::string body;
  Writer writer(body);
  write_authority(writer, authority);
  return with_etag(json_response(status, std::move(body)), authority.etag);
}

identity::Authorities& authorities(const Call& call) {
  return call.services.dependencies.registry->authorities();
}

// The body's certificate.
std::expected<std::string, Response> read_certificate_text(const Call& call) {
  auto body = read_body(call, Body::Required, {"certificate"});
  if (!body) return std::unexpected(std::move(body.error()));
  auto text = text_field(call, *body, "certificate", identity::kMaxCertificateText);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!*text)
    return std::unexpected(problem(call.request, Problem::BadRequest, "certificate is missing"));
  return std::move(**text);
}

enum class Secrets : std::uint8_t { Hide, Show };

void write_policy(const Call& call, Writer& writer, const Policy& policy, Secrets secrets) {
  writer.begin_object();
  writer.field("name", policy.name);
  writer.key("rights");
  writer.begin_array();
  for (const auto& [right, name] : kRights) {
    if ((policy.rights & right) != 0) writer.value(name);
  }
  writer.end_array();
  if (secrets == Secrets::Show) {
    writer.field("primaryKey", policy.keys.primary);
    writer.field("secondaryKey", policy.keys.secondary);
    writer.field("connectionString",
                 call.services.dependencies.registry->connection_string(policy));
  }
  writer.end_object();
}

Response policy_response(const Call& call, unsigned status, const Policy& policy, Secrets secrets) {
  std::string body;
  Writer writer(body);
  write_policy(call, writer, policy, secrets);
  Response response = json_response(status, std::move(body));
  if (secrets == Secrets::Show) response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

std::expected<std::optional<identity::Rights>, Response> read_rights(const Call& call,
                                                                     const Value& body) {
  const Value* member = body.find("rights");
  if (member == nullptr) return std::nullopt;
  const auto wrong = [&] {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "rights: expected an array of RegistryRead, RegistryWrite, "
                                   "ServiceConnect, DeviceConnect"));
  };
  if (member->if_array() == nullptr) return wrong();
  identity::Rights rights = 0;
  for (const Value& item : *member->if_array()) {
    const std::string* text = item.if_string();
    if (text == nullptr) return wrong();
    const auto found = std::ranges::find(kRights, std::string_view(*text), &RightName::name);
    if (found == kRights.end()) return wrong();
    rights |= found->right;
  }
  return rights;
}

Response filter_response(const identity::IpFilterStore::State& state) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("default", identity::to_string(state.filter->otherwise()));
  writer.key("rules");
  writer.begin_array();
  for (const AddressRule& rule : state.filter->rules()) {
    writer.begin_object();
    writer.field("name", rule.name);
    writer.field("action", identity::to_string(rule.access));
    writer.field("range", rule.range);
    writer.end_object();
  }
  writer.end_array();
  time_field(writer, "updated", state.updated);
  writer.field("etag", state.etag);
  writer.end_object();
  return with_etag(json_response(200, std::move(body)), state.etag);
}

std::expected<std::vector<AddressRule>, Response> read_rules(const Call& call, const Value& body) {
  const auto wrong = [&](std::string_view message) {
    return std::unexpected(problem(call.request, Problem::BadRequest, message));
  };
  const Value* member = body.find("rules");
  if (member == nullptr || member->if_array() == nullptr) return wrong("rules: expected an array");
  std::vector<AddressRule> rules;
  for (const Value& item : *member->if_array()) {
    const auto action = identity::parse_access(item.text_or("action", ""));
    if (!action) return wrong("rules: the action of each is allow or deny");
    rules.push_back(
        {std::string(item.text_or("name", "")), *action, std::string(item.text_or("range", ""))});
  }
  return rules;
}

}  // namespace

Response list_certificates(Call& call) {
  auto all = authorities(call).list();
  if (!all) return problem(call.request, all.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (Authority& authority : *all) {
    authority.code.clear();  // each by itself
    write_authority(writer, authority);
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_certificate(Call& call) {
  auto found = authorities(call).get(call.path[0]);
  if (!found) return refused(call, "certificate", found.error());
  return authority_response(200, *found);
}

Response put_certificate(Call& call) {
  auto text = read_certificate_text(call);
  if (!text) return std::move(text.error());
  const std::string match = if_match(call);
  auto stored = authorities(call).put(call.path[0], *text, match);
  if (!stored) return refused(call, "certificate", stored.error());
  call.audit_detail = stored->sha256;
  return authority_response(match.empty() ? 201 : 200, *stored);
}

Response delete_certificate(Call& call) {
  auto removed = authorities(call).remove(call.path[0], if_match(call));
  if (!removed) return refused(call, "certificate", removed.error());
  return Response{.status = 204};
}

Response make_verification_code(Call& call) {
  auto asked = authorities(call).make_code(call.path[0], if_match(call));
  if (!asked) return refused(call, "certificate", asked.error());
  return authority_response(200, *asked);
}

Response verify_certificate(Call& call) {
  auto text = read_certificate_text(call);
  if (!text) return std::move(text.error());
  auto verified = authorities(call).verify(call.path[0], *text, if_match(call));
  if (!verified) return refused(call, "certificate", verified.error());
  return authority_response(200, *verified);
}

Response list_policies(Call& call) {
  auto policies = call.services.dependencies.registry->policies();
  if (!policies) return problem(call.request, policies.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Policy& policy : *policies)
    write_policy(call, writer, policy, Secrets::Hide);
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_policy(Call& call) {
  auto policy = call.services.dependencies.registry->policy(call.path[0]);
  if (!policy) return refused(call, "policy", policy.error());
  return policy_response(call, 200, *policy, Secrets::Show);
}

Response put_policy(Call& call) {
  auto body = read_body(call, Body::Required, {"rights", "primaryKey", "secondaryKey"});
  if (!body) return std::move(body.error());
  auto rights = read_rights(call, *body);
  if (!rights) return std::move(rights.error());
  auto primary = text_field(call, *body, "primaryKey", 128);
  if (!primary) return std::move(primary.error());
  auto secondary = text_field(call, *body, "secondaryKey", 128);
  if (!secondary) return std::move(secondary.error());
  auto& registry = *call.services.dependencies.registry;
  if (if_match(call).empty()) {
    const Policy wanted{std::string(call.path[0]),
                        rights->value_or(0),
                        {primary->value_or(""), secondary->value_or("")}};
    call.audit_detail = "create";
    auto made = registry.create_policy(wanted);
    if (!made) return refused(call, "policy", made.error());
    return policy_response(call, 201, *made, Secrets::Show);
  }
  call.audit_detail = "update";
  auto changed = registry.update_policy(call.path[0], {*rights, *primary, *secondary});
  if (!changed) return refused(call, "policy", changed.error());
  return policy_response(call, 200, *changed, Secrets::Show);
}

Response delete_policy(Call& call) {
  auto removed = call.services.dependencies.registry->remove_policy(call.path[0]);
  if (!removed) return refused(call, "policy", removed.error());
  return Response{.status = 204};
}

Response regenerate_policy(Call& call) {
  auto body = read_body(call, Body::Required, {"key"});
  if (!body) return std::move(body.error());
  const std::string_view key = body->text_or("key", "");
  identity::PolicyChange change;
  if (key == "primary") change.primary_key = "";
  if (key == "secondary") change.secondary_key = "";
  if (key == "swap") change.swap_keys = true;
  if (!change.primary_key && !change.secondary_key && !change.swap_keys)
    return problem(call.request, Problem::BadRequest, "key: expected primary, secondary or swap");
  call.audit_detail = key;
  auto changed = call.services.dependencies.registry->update_policy(call.path[0], change);
  if (!changed) return refused(call, "policy", changed.error());
  return policy_response(call, 200, *changed, Secrets::Show);
}

Response get_ip_filter(Call& call) {
  return filter_response(call.services.dependencies.registry->ip_filter().current());
}

Response put_ip_filter(Call& call) {
  auto body = read_body(call, Body::Required, {"rules", "default"});
  if (!body) return std::move(body.error());
  auto rules = read_rules(call, *body);
  if (!rules) return std::move(rules.error());
  const auto otherwise = identity::parse_access(body->text_or("default", ""));
  if (!otherwise)
    return problem(call.request, Problem::BadRequest, "default: expected allow or deny");
  call.audit_detail = std::to_string(rules->size()) + " rules, default " +
                      std::string(identity::to_string(*otherwise));
  auto set = call.services.dependencies.registry->ip_filter().set(std::move(*rules), *otherwise,
                                                                  if_match(call));
  if (!set) return refused(call, "IP filter", set.error());
  return filter_response(*set);
}

Response list_shared_credentials(Call& call) {
  auto shared = call.services.dependencies.registry->credentials().shared(kMaxShared);
  if (!shared) return problem(call.request, shared.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const identity::SharedCredential& item : *shared) {
    writer.begin_object();
    writer.field("credential", item.hash);
    writer.field("kind", identity::to_string(item.kind));
    writer.field("count", item.count);
    if (item.last_used != base::WallTime{}) time_field(writer, "lastUsed", item.last_used);
    writer.key("identities");
    writer.begin_array();
    for (const identity::Name& name : item.identities) {
      writer.begin_object();
      writer.field("deviceId", name.device_id);
      if (name.is_module()) writer.field("moduleId", name.module_id);
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_limits(Call& call) {
  const link::Service* service = call.services.dependencies.service;
  if (service == nullptr)
    return problem(call.request, Problem::NotFound, "This hub serves no devices.");
  const limits::Settings& settings = service->limits.settings();
  const limits::Usage usage = service->limits.usage(call.now);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("meterBlockBytes", std::uint64_t{settings.meter_block});
  writer.field("dailyMessages", settings.daily_units);
  writer.field("usedToday", usage.units);
  writer.key("rates");
  writer.begin_array();
  const limits::Counters& counters = service->limits.counters();
  for (std::size_t i = 0; i < limits::kKinds; ++i) {
    writer.begin_object();
    writer.field("kind", limits::to_string(static_cast<limits::Kind>(i)));
    writer.field("hubPerSecond", settings.hub[i]);
    writer.field("identityPerSecond", settings.identity[i]);
    writer.field("passed", counters.passed[i].value());
    writer.field("delayed", counters.delayed[i].value());
    writer.field("throttled", counters.throttled[i].value());
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
