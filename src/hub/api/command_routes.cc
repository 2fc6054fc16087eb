// Cloud-to-device messages and direct methods, in our words.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/charge.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/commands/status.h"
#include "hub/operations/operations.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using commands::CloudMessage;
using commands::Waiting;

namespace {

constexpr std::size_t kMaxText = 1024;

operations::Record record_of(const Call& call) {
  operations::Record record;
  record.protocol = operations::Protocol::Https;
  record.ip = call.request.remote;
  record.request_id = call.request.id;
  record.actor = call.principal.name;
  return record;
}

Response refused(const Request& request, const base::Error& error, commands::Of of) {
  const auto status = commands::status_of(error, of);
  switch (error.code) {
    case base::Code::NotFound:
      return problem(request, Problem::NotFound, error.detail);
    case base::Code::Closed:
      return problem(request, Problem::Conflict, error.detail);
    case base::Code::Full:
      return problem(request, Problem::TooManyRequests, error.detail);
    case base::Code::Malformed:
    case base::Code::Expired:
      return problem(request, Problem::TimedOut, error.detail);
    case base::Code::TooLarge:
      return problem(request, Problem::TooLarge, error.detail);
    case base::Code::Invalid:
      return problem(request, Problem::BadRequest, error.detail);
    default:
      return problem(request, status.code == 503 ? Problem::Unavailable : Problem::Internal,
                     error.detail);
  }
}

std::unexpected<Response> bad(const Call& call, std::string_view message) {
  return std::unexpected(problem(call.request, Problem::BadRequest, message));
}

// --- messages ---

std::expected<void, Response> read_texts(const Call& call, const Value& body,
                                         CloudMessage& message) {
  for (const auto& [name, member] : {std::pair("messageId", &CloudMessage::message_id),
                                     std::pair("correlationId", &CloudMessage::correlation_id),
                                     std::pair("userId", &CloudMessage::user_id),
                                     std::pair("contentType", &CloudMessage::content_type),
                                     std::pair("contentEncoding", &CloudMessage::content_encoding),
                                     std::pair("input", &CloudMessage::input)}) {
    auto text = text_field(call, body, name, kMaxText);
    if (!text) return std::unexpected(std::move(text.error()));
    message.*member = std::move(*text).value_or(std::string());
  }
  return {};
}

std::expected<void, Response> read_properties(const Call& call, const Value& body,
                                              CloudMessage& message) {
  const Value* properties = body.find("properties");
  if (properties == nullptr) return {};
  if (properties->if_object() == nullptr) return bad(call, "properties: expected an object");
  for (const base::json::Member& member : *properties->if_object()) {
    const std::string* text = member.value.if_string();
    if (text == nullptr)
      return bad(call,
                 fmt::format("properties: {}: expected text", base::json::quoted(member.name)));
    message.properties.push_back({member.name, *text});
  }
  return {};
}

std::expected<void, Response> read_payload(const Call& call, const Value& body,
                                           CloudMessage& message) {
  const std::size_t most = call.services.options.max_body_bytes;
  auto text = text_field(call, body, "body", most);
  if (!text) return std::unexpected(std::move(text.error()));
  auto encoded = text_field(call, body, "bodyBase64", most);
  if (!encoded) return std::unexpected(std::move(encoded.error()));
  if (*text && *encoded) return bad(call, "Give body or bodyBase64, not both.");
  if (*text) message.body = std::move(**text);
  if (!*encoded) return {};
  const auto bytes = base::base64_decode(**encoded);
  if (!bytes) return bad(call, "bodyBase64 is not base64: " + bytes.error().to_string());
  message.body = base::as_text(*bytes);
  return {};
}

std::expected<void, Response> read_terms(const Call& call, const Value& body,
                                         CloudMessage& message) {
  auto ack = text_field(call, body, "ack", kMaxText);
  if (!ack) return std::unexpected(std::move(ack.error()));
  if (*ack) {
    const auto parsed = commands::parse_ack(**ack);
    if (!parsed) return bad(call, "ack: expected none, positive, negative or full");
    message.ack = *parsed;
  }
  auto expiry = text_field(call, body, "expiry", kMaxText);
  if (!expiry) return std::unexpected(std::move(expiry.error()));
  auto life = text_field(call, body, "timeToLive", kMaxText);
  if (!life) return std::unexpected(std::move(life.error()));
  if (*expiry && *life) return bad(call, "Give expiry or timeToLive, not both.");
  if (*expiry) {
    const auto time = base::parse_rfc3339(**expiry);
    if (!time) return bad(call, "expiry: expected a time such as 2026-01-01T00:00:00Z");
    message.expiry = time->utc;
  }
  if (*life) {
    const auto duration = base::parse_duration(**life);
    if (!duration || duration->count() <= 0)
      return bad(call, "timeToLive: expected a duration such as PT1H");
    // What is longer than permitted is cut to that anyway; so no sum overflows.
    const std::chrono::nanoseconds most = call.services.dependencies.messages->options().max_ttl;
    message.expiry = call.now + std::min(*duration, most);
  }
  return {};
}

std::expected<CloudMessage, Response> read_message(const Call& call) {
  auto body =
      read_body(call, Body::Required,
                {"body", "bodyBase64", "messageId", "correlationId", "userId", "contentType",
                 "contentEncoding", "ack", "expiry", "timeToLive", "properties", "input"});
  if (!body) return std::unexpected(std::move(body.error()));
  CloudMessage message;
  message.to = name_of(call);
  for (const auto read : {read_texts, read_properties, read_payload, read_terms}) {
    auto done = read(call, *body, message);
    if (!done) return std::unexpected(std::move(done.error()));
  }
  // So that the sender can find it again.
  if (message.message_id.empty()) message.message_id = call.request.id;
  return message;
}

void write_waiting(Writer& writer, const Waiting& waiting) {
  writer.begin_object();
  writer.field("sequence", waiting.sequence);
  writer.field("messageId", waiting.message_id);
  if (!waiting.input.empty()) writer.field("input", waiting.input);
  writer.field("enqueued", time_text(waiting.enqueued));
  writer.field("expires", time_text(waiting.expires));
  writer.field("ack", to_string(waiting.ack));
  writer.field("bytes", static_cast<std::uint64_t>(waiting.bytes));
  writer.field("deliveryCount", std::uint64_t{waiting.delivery_count});
  writer.field("state", waiting.locked ? "locked" : "waiting");
  writer.end_object();
}

// --- methods ---

std::expected<commands::MethodCall, Response> read_call(const Call& call) {
  auto body = read_body(call, Body::Required,
                        {"method", "payload", "connectTimeoutSeconds", "responseTimeoutSeconds"});
  if (!body) return std::unexpected(std::move(body.error()));
  const commands::MethodOptions& options = call.services.dependencies.methods->options();
  commands::MethodCall wanted;
  wanted.to = name_of(call);
  wanted.record = record_of(call);
  auto method = text_field(call, *body, "method", kMaxText);
  if (!method) return std::unexpected(std::move(method.error()));
  if (!*method) return bad(call, "method: expected the name of a method");
  wanted.method = std::move(**method);
  if (const Value* payload = body->find("payload")) wanted.payload = payload->to_json();
  auto connect =
      number_field(call, *body, "connectTimeoutSeconds", 0, options.most_connect_timeout.count());
  if (!connect) return std::unexpected(std::move(connect.error()));
  wanted.connect_timeout = std::chrono::seconds(connect->value_or(0));
  auto response =
      number_field(call, *body, "responseTimeoutSeconds", options.least_response_timeout.count(),
                   options.most_response_timeout.count());
  if (!response) return std::unexpected(std::move(response.error()));
  wanted.response_timeout =
      std::chrono::seconds(response->value_or(options.default_response_timeout.count()));
  return wanted;
}

Response method_response(const Request& request,
                         const base::Result<commands::MethodAnswer>& answer) {
  if (!answer) return refused(request, answer.error(), commands::Of::Method);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("status", answer->status);
  writer.key("payload");
  writer.raw(answer->payload.empty() ? "null" : answer->payload);
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

Response send_command(Call& call) {
  auto message = read_message(call);
  if (!message) return std::move(message.error());
  if (auto refused = charge_service(call.request, call.services, limits::Kind::CommandSend,
                                    message->body.size(), call.now, call.mono_now))
    return std::move(*refused);
  const std::string id = message->message_id;
  const auto receipt =
      call.services.dependencies.messages->send(std::move(*message), record_of(call));
  if (!receipt) return refused(call.request, receipt.error(), commands::Of::Message);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("sequence", receipt->sequence);
  writer.field("messageId", id);
  writer.field("enqueued", time_text(receipt->enqueued));
  writer.field("expires", time_text(receipt->expires));
  writer.end_object();
  return json_response(202, std::move(body));
}

Response list_commands(Call& call) {
  const auto list = call.services.dependencies.messages->list(name_of(call));
  if (!list) return identity_refused(call, list.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Waiting& waiting : *list)
    write_waiting(writer, waiting);
  writer.end_array();
  writer.field("total", static_cast<std::uint64_t>(list->size()));
  writer.end_object();
  return json_response(200, std::move(body));
}

Response purge_commands(Call& call) {
  const auto purged = call.services.dependencies.messages->purge(name_of(call), record_of(call));
  if (!purged) return refused(call.request, purged.error(), commands::Of::Message);
  call.audit_detail = fmt::format("{} messages", *purged);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("purged", *purged);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response invoke_method(Call& call) {
  auto wanted = read_call(call);
  if (!wanted) return std::move(wanted.error());
  if (auto refused = charge_service(call.request, call.services, limits::Kind::Method,
                                    wanted->payload.size(), call.now, call.mono_now))
    return std::move(*refused);
  Response response;
  response.later = [wanted = std::move(*wanted), &request = call.request,
                    methods = call.services.dependencies.methods](const Finish& finish) {
    methods->invoke(wanted, [&request, finish](base::Result<commands::MethodAnswer> answer) {
      finish(method_response(request, answer));
    });
  };
  return response;
}

}  // namespace hub::api
