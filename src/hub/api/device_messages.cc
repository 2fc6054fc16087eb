#include "hub/api/device_messages.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "wire/property_bag.h"

namespace hub::api {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kAppPrefix = "iothub-app-";

// Headers of system properties, and what topics call them. `iothub-to` is the path once more.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSystem{{
    {"iothub-messageid", "$.mid"},
    {"iothub-correlationid", "$.cid"},
    {"iothub-userid", "$.uid"},
    {"iothub-expiry", "$.exp"},
    {"iothub-contenttype", "$.ct"},
    {"iothub-contentencoding", "$.ce"},
    {"iothub-interface-id", "$.ifid"},
    {"iothub-creationtimeutc", "$.ctime"},
    {"iothub-outputname", "$.on"},
    {"dt-subject", "$.sub"},
}};

std::string_view system_property(std::string_view name) {
  for (const auto& [header, property] : kSystem) {
    if (base::equal_ignore_case(name, header)) return property;
  }
  return {};
}

// The property that a header, or a member of a batch's "properties", sets; empty: none.
std::string property_of(std::string_view name) {
  if (base::equal_ignore_case(name.substr(0, kAppPrefix.size()), kAppPrefix)) {
    // What starts with "$." would pass for a system property, of which there are only those above.
    std::string own(name.substr(kAppPrefix.size()));
    return own.starts_with("$.") ? std::string() : own;
  }
  return std::string(system_property(name));
}

Result<EventMessage> finish(const wire::PropertyBag& bag, std::string payload) {
  if (bag.properties().size() > wire::PropertyBag::kMaxProperties)
    return fail(Code::TooLarge, "properties");
  return EventMessage{bag.encode(), std::move(payload)};
}

std::unexpected<base::Error> malformed(std::size_t index, std::string_view what) {
  return fail(Code::Malformed, "batch", -1, fmt::format("message {}: {}", index, what));
}

Result<std::string> read_payload(const base::json::Value& item, std::size_t index) {
  const base::json::Value* body = item.find("body");
  const std::string* text = body == nullptr ? nullptr : body->if_string();
  if (text == nullptr) return malformed(index, "\"body\" is missing, or no text");
  const base::json::Value* encoded = item.find("base64Encoded");
  if (encoded != nullptr && encoded->if_bool() == nullptr)
    return malformed(index, "\"base64Encoded\" is neither true nor false");
  if (encoded != nullptr && !*encoded->if_bool()) return *text;
  const auto bytes = base::base64_decode(*text);
  if (!bytes) return malformed(index, "\"body\" is not base64");
  return std::string(base::as_text(*bytes));
}

Result<EventMessage> read_item(const base::json::Value& item, std::size_t index) {
  std::string payload = TRY(read_payload(item, index));
  wire::PropertyBag bag;
  if (const base::json::Value* properties = item.find("properties")) {
    const auto* members = properties->if_object();
    if (members == nullptr) return malformed(index, "\"properties\" is no object");
    if (members->size() > wire::PropertyBag::kMaxProperties)
      return malformed(index, "too many properties");
    for (const base::json::Member& member : *members) {
      const std::string* value = member.value.if_string();
      if (value == nullptr) return malformed(index, "a property is no text");
      // Some clients leave the prefix out.
      const std::string name = property_of(member.name);
      if (!name.empty()) {
        bag.set(name, *value);
      } else if (!member.name.empty() && !member.name.starts_with("$.")) {
        bag.set(member.name, *value);
      }
    }
  }
  return finish(bag, std::move(payload));
}

bool is_header_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }) &&
         base::trim(text) == text;
}

bool is_header_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string header_value(std::string_view text) {
  if (is_header_text(text)) return std::string(text);
  return "=?utf-8?B?" + base::base64_encode(base::as_bytes(text)) + "?=";
}

void add(Response& response, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  response.headers.push_back({std::string(name), header_value(value)});
}

}  // namespace

Result<EventMessage> read_event(const Request& request) {
  wire::PropertyBag bag;
  for (const Header& header : request.headers) {
    const std::string name = property_of(header.name);
    if (!name.empty()) bag.set(name, header.value);
  }
  return finish(bag, request.body);
}

Result<std::vector<EventMessage>> read_batch(std::string_view json) {
  const auto parsed = base::json::parse(json);
  if (!parsed) return fail(Code::Malformed, "batch", -1, "not JSON: " + parsed.error().to_string());
  const auto* items = parsed->if_array();
  if (items == nullptr) return fail(Code::Malformed, "batch", -1, "no JSON array");
  if (items->size() > kMaxBatch)
    return fail(Code::TooLarge, "batch", -1, fmt::format("more than {} messages", kMaxBatch));
  std::vector<EventMessage> messages;
  messages.reserve(items->size());
  for (const base::json::Value& item : *items)
    messages.push_back(TRY(read_item(item, messages.size())));
  return messages;
}

Response command_response(const commands::Locked& locked) {
  const commands::CloudMessage& message = locked.message;
  Response response;
  response.status = 200;
  response.content_type = header_value(message.content_type.empty() ? "application/octet-stream"
                                                                    : message.content_type);
  response.headers.push_back({"ETag", "\"" + locked.lock_token + "\""});
  add(response, "iothub-messageid", message.message_id);
  add(response, "iothub-correlationid", message.correlation_id);
  add(response, "iothub-userid", message.user_id);
  add(response, "iothub-to",
      message.to_address.empty() ? commands::address_of(message.to, message.input)
                                 : message.to_address);
  add(response, "iothub-contentencoding", message.content_encoding);
  add(response, "iothub-sequencenumber", std::to_string(locked.sequence));
  add(response, "iothub-deliverycount", std::to_string(locked.delivery_count));
  add(response, "iothub-enqueuedtime", base::format_rfc3339(locked.enqueued));
  add(response, "iothub-expiry", base::format_rfc3339(locked.expires));
  add(response, "iothub-ack", commands::to_string(message.ack));
  for (const wire::Property& property : message.properties) {
    const std::string name =
        is_header_name(property.name) ? property.name : base::percent_encode(property.name);
    response.headers.push_back({std::string(kAppPrefix) + name, header_value(property.value)});
  }
  response.body = message.body;
  return response;
}

}  // namespace hub::api
