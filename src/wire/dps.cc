#include "wire/dps.h"

#include <algorithm>

#include "base/text.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kRegister = "$dps/registrations/PUT/iotdps-register/";
constexpr std::string_view kStatus = "$dps/registrations/GET/iotdps-get-operationstatus/";
constexpr std::string_view kResult = "$dps/registrations/res/";
constexpr std::size_t kMaxId = 128;

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The value of one parameter of ?a=x&b=y, its name in either case; empty when there is none.
std::string_view parameter_of(std::string_view text, std::string_view name) {
  take(text, "?");
  for (const std::string_view parameter : base::split(text, '&')) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (base::equal_ignore_case(parameter.substr(0, equals), name))
      return parameter.substr(equals + 1);
  }
  return {};
}

// Some clients encode the '$'.
std::string_view request_id_of(std::string_view text) {
  const std::string_view plain = parameter_of(text, "$rid");
  return plain.empty() ? parameter_of(text, "%24rid") : plain;
}

}  // namespace

bool is_valid_registration_id(std::string_view id) {
  const auto allowed = [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == ':' || c == '.' || c == '_';
  };
  return !id.empty() && id.size() <= kMaxId && std::ranges::all_of(id, allowed) &&
         is_letter_or_digit(id.front()) && is_letter_or_digit(id.back());
}

Result<DpsUsername> parse_dps_username(std::string_view text, std::string_view hub_host) {
  const auto malformed =
      fail(Code::Malformed, "user name", -1, "expected {scope}/registrations/{id}/api-version=");
  const std::size_t first = text.find('/');
  if (first == std::string_view::npos || first == 0) return malformed;
  const std::string_view scope = text.substr(0, first);
  text.remove_prefix(first + 1);
  // A device of a hub may be called "registrations".
  if (!take(text, "registrations/") || base::equal_ignore_case(scope, hub_host)) return malformed;
  const std::size_t second = text.find('/');
  if (second == std::string_view::npos || second == 0) return malformed;
  const std::string_view parameters = text.substr(second + 1);
  DpsUsername user;
  user.id_scope = scope;
  user.registration_id = base::percent_decode(text.substr(0, second));
  user.api_version = parameter_of(parameters, "api-version");
  user.client_version = base::percent_decode(parameter_of(parameters, "ClientVersion"));
  return user;
}

std::string dps_resource(std::string_view id_scope, std::string_view registration_id) {
  std::string resource(id_scope);
  resource.append("/registrations/").append(registration_id);
  return resource;
}

Result<DpsRequestTopic> parse_dps_topic(std::string_view topic) {
  DpsRequestTopic request;
  if (take(topic, kRegister)) {
    request.kind = DpsRequestTopic::Kind::Register;
  } else if (take(topic, kStatus)) {
    request.kind = DpsRequestTopic::Kind::Status;
    request.operation_id = parameter_of(topic, "operationId");
    if (request.operation_id.empty())
      return fail(Code::Malformed, "topic", -1, "expected &operationId=");
  } else {
    return fail(Code::NotFound, "topic");
  }
  request.request_id = request_id_of(topic);
  if (request.request_id.empty()) return fail(Code::Malformed, "topic", -1, "expected ?$rid=");
  return request;
}

std::string dps_result_topic(int status, std::string_view request_id,
                             std::optional<std::chrono::seconds> retry_after) {
  std::string topic(kResult);
  topic.append(std::to_string(status)).append("/?$rid=").append(request_id);
  if (retry_after) topic.append("&retry-after=").append(std::to_string(retry_after->count()));
  return topic;
}

}  // namespace wire
