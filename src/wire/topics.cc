#include "wire/topics.h"

#include <algorithm>

#include "base/text.h"
#include "wire/property_bag.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kTwinGet = "$iothub/twin/GET/";
constexpr std::string_view kTwinReported = "$iothub/twin/PATCH/properties/reported/";
constexpr std::string_view kTwinResult = "$iothub/twin/res/";
constexpr std::string_view kTwinDesired = "$iothub/twin/PATCH/properties/desired/";
constexpr std::string_view kMethodResponse = "$iothub/methods/res/";
constexpr std::size_t kMaxId = 128;

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Takes one level off the front, and the '/' after it, which must be there.
std::optional<std::string_view> take_level(std::string_view& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::string_view level = text.substr(0, slash);
  text.remove_prefix(slash + 1);
  return level;
}

// The value of ?$name=X, other parameters around it allowed; empty when there is none.
std::string_view parameter_of(std::string_view text, std::string_view name) {
  if (!take(text, "?")) return {};
  for (std::string_view parameter : base::split(text, '&')) {
    if (!take(parameter, "$") && !take(parameter, "%24")) continue;
    if (take(parameter, name) && take(parameter, "=") && !parameter.empty()) return parameter;
  }
  return {};
}

Result<std::string_view> request_id(std::string_view text) {
  const std::string_view id = parameter_of(text, "rid");
  if (id.empty()) return fail(Code::Malformed, "topic", -1, "expected ?$rid=");
  return id;
}

// Up to seven digits, as all statuses that are in use have three.
std::optional<int> take_status(std::string_view& text) {
  const auto level = take_level(text);
  const auto number = level ? base::parse_int(*level) : std::nullopt;
  if (!number || *number < 0 || *number > 9'999'999) return std::nullopt;
  return static_cast<int>(*number);
}

Result<PublishTopic> parse_events(std::string_view rest) {
  const auto not_served = fail(Code::NotFound, "topic");
  PublishTopic topic;
  const auto device = take_level(rest);
  if (!device) return not_served;
  topic.owner.device_id = *device;
  if (take(rest, "modules/")) {
    const auto module = take_level(rest);
    if (!module) return not_served;
    topic.owner.module_id = *module;
  }
  if (!take(rest, "messages/events")) return not_served;
  // "messages/events" and "messages/events/" are the same; anything else in that place is not.
  if (!rest.empty() && !take(rest, "/")) return not_served;
  topic.bag = rest;
  return topic;
}

Result<PublishTopic> parse_method_response(std::string_view rest) {
  PublishTopic topic;
  topic.kind = PublishKind::MethodResponse;
  const auto status = take_status(rest);
  if (!status) {
    return fail(Code::Malformed, "topic", -1, "expected $iothub/methods/res/{status}/?$rid=");
  }
  topic.status = *status;
  topic.request_id = TRY(request_id(rest));
  return topic;
}

Result<PublishTopic> parse_request(PublishKind kind, std::string_view rest) {
  PublishTopic topic;
  topic.kind = kind;
  topic.request_id = TRY(request_id(rest));
  return topic;
}

// devices/{d}[/modules/{m}]/ with ids compared as same_topic_id does; false when it is somebody
// else's.
bool take_owner(std::string_view& text, TopicOwner owner) {
  if (!take(text, "devices/")) return false;
  const auto device = take_level(text);
  if (!device || !same_topic_id(*device, owner.device_id)) return false;
  if (owner.module_id.empty()) return true;
  if (!take(text, "modules/")) return false;
  const auto module = take_level(text);
  return module && same_topic_id(*module, owner.module_id);
}

std::string owner_prefix(TopicOwner owner) {
  std::string text = "devices/";
  text.append(owner.device_id);
  if (!owner.module_id.empty()) text.append("/modules/").append(owner.module_id);
  return text;
}

}  // namespace

Result<PublishTopic> parse_publish_topic(std::string_view topic) {
  if (take(topic, "devices/")) return parse_events(topic);
  if (take(topic, kTwinGet)) return parse_request(PublishKind::TwinGet, topic);
  if (take(topic, kTwinReported)) return parse_request(PublishKind::TwinReported, topic);
  if (take(topic, kMethodResponse)) return parse_method_response(topic);
  return fail(Code::NotFound, "topic");
}

bool same_topic_id(std::string_view in_topic, std::string_view id) {
  if (in_topic == id) return true;
  return in_topic.find('%') != std::string_view::npos && base::percent_decode(in_topic) == id;
}

std::string events_topic(TopicOwner owner, std::string_view bag) {
  std::string text = owner_prefix(owner);
  text.append("/messages/events/").append(bag);
  return text;
}

std::optional<FilterKind> parse_filter(std::string_view filter, TopicOwner owner) {
  if (filter == "$iothub/twin/res/#") return FilterKind::TwinResults;
  if (filter == "$iothub/twin/PATCH/properties/desired/#") return FilterKind::TwinDesired;
  if (filter == "$iothub/methods/POST/#") return FilterKind::Methods;
  if (!take_owner(filter, owner)) return std::nullopt;
  if (owner.module_id.empty() && filter == "messages/devicebound/#") return FilterKind::DeviceBound;
  if (!owner.module_id.empty() && filter == "inputs/#") return FilterKind::ModuleInputs;
  return std::nullopt;
}

std::string filter_text(FilterKind kind, TopicOwner owner) {
  switch (kind) {
    case FilterKind::DeviceBound:
      return owner_prefix(owner) + "/messages/devicebound/#";
    case FilterKind::ModuleInputs:
      return owner_prefix(owner) + "/inputs/#";
    case FilterKind::TwinResults:
      return "$iothub/twin/res/#";
    case FilterKind::TwinDesired:
      return "$iothub/twin/PATCH/properties/desired/#";
    case FilterKind::Methods:
      return "$iothub/methods/POST/#";
  }
  return {};
}

std::string twin_result_topic(int status, std::string_view request_id) {
  std::string text = "$iothub/twin/res/";
  text.append(std::to_string(status)).append("/?$rid=").append(request_id);
  return text;
}

std::string twin_result_topic(int status, std::string_view request_id, std::int64_t version) {
  return twin_result_topic(status, request_id) + "&$version=" + std::to_string(version);
}

std::string twin_desired_topic(std::int64_t version) {
  return std::string(kTwinDesired) + "?$version=" + std::to_string(version);
}

std::string twin_get_topic(std::string_view request_id) {
  return std::string(kTwinGet).append("?$rid=").append(request_id);
}

std::string twin_reported_topic(std::string_view request_id) {
  return std::string(kTwinReported).append("?$rid=").append(request_id);
}

std::string command_topic(TopicOwner owner, std::string_view input, std::string_view bag) {
  std::string text = owner_prefix(owner);
  if (owner.module_id.empty())
    text.append("/messages/devicebound/");
  else
    text.append("/inputs/").append(input).append("/");
  return text.append(bag);
}

std::string method_topic(std::string_view method, std::string_view request_id) {
  return std::string("$iothub/methods/POST/").append(method).append("/?$rid=").append(request_id);
}

Result<DeliveryTopic> parse_delivery_topic(std::string_view topic) {
  DeliveryTopic delivery;
  if (take(topic, kTwinDesired)) {
    delivery.kind = DeliveryKind::TwinDesired;
    delivery.version = base::parse_int(parameter_of(topic, "version"));
    if (!delivery.version) return fail(Code::Malformed, "topic", -1, "expected ?$version=");
    return delivery;
  }
  if (!take(topic, kTwinResult)) return fail(Code::NotFound, "topic");
  const auto status = take_status(topic);
  if (!status) {
    return fail(Code::Malformed, "topic", -1, "expected $iothub/twin/res/{status}/?$rid=");
  }
  delivery.status = *status;
  delivery.request_id = TRY(request_id(topic));
  delivery.version = base::parse_int(parameter_of(topic, "version"));
  return delivery;
}

Result<MqttUsername> parse_mqtt_username(std::string_view text) {
  constexpr const char* kExpected = "expected {host}/{device}[/{module}]/?api-version=..";
  MqttUsername name;
  const auto host = take_level(text);
  const std::size_t slash = text.find('/');
  if (!host || slash == 0) return fail(Code::Malformed, "user name", -1, kExpected);
  name.host = *host;
  name.device_id = text.substr(0, slash);
  text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
  // What is left is [{module}/]{query}; an id holds no '/', and a query has a '=' in its first
  // part.
  const std::size_t second = text.find('/');
  const std::string_view head = text.substr(0, second);
  const bool is_query = head.empty() || head.starts_with('?') || head.starts_with("api-version=");
  if (!is_query) {
    name.module_id = head;
    text.remove_prefix(second == std::string_view::npos ? text.size() : second + 1);
  }
  take(text, "?");
  for (const std::string_view parameter : base::split(text, '&')) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = parameter.substr(0, equals);
    std::string value = base::percent_decode(parameter.substr(equals + 1));
    if (key == "api-version")
      name.api_version = std::move(value);
    else if (key == "DeviceClientType")
      name.client_type = std::move(value);
    else if (key == "model-id")
      name.model_id = std::move(value);
  }
  if (name.device_id.empty()) return fail(Code::Malformed, "user name", -1, kExpected);
  return name;
}

std::string mqtt_username(std::string_view host, TopicOwner owner, std::string_view client_type) {
  std::string text(host);
  text.append("/").append(mqtt_client_id(owner)).append("/?api-version=2021-04-12");
  if (!client_type.empty())
    text.append("&DeviceClientType=").append(base::percent_encode(client_type));
  return text;
}

std::string mqtt_client_id(TopicOwner owner) {
  std::string text(owner.device_id);
  if (!owner.module_id.empty()) text.append("/").append(owner.module_id);
  return text;
}

bool is_valid_id(std::string_view id) {
  constexpr std::string_view kPunctuation = "-:.+%_#*?!(),=@;$'";
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= kMaxId && std::ranges::all_of(id, allowed);
}

}  // namespace wire
