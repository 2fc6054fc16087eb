// Messages that did not validate: lists, contents, taken after all, thrown away.
#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/ingest/ingest.h"
#include "hub/ingest/telemetry.h"
#include "hub/quarantine/quarantine.h"

namespace hub::api {

using base::json::Writer;

namespace {

// What a replay waits for the disk.
constexpr std::chrono::seconds kReplayPatience{10};

void write_message(Writer& writer, const quarantine::Message& message) {
  writer.begin_object();
  writer.field("id", std::to_string(message.id));
  writer.field("deviceId", message.device_id);
  writer.field("moduleId", message.module_id);
  writer.field("generationId", message.generation_id);
  writer.field("received", time_text(message.received));
  writer.field("reason", message.reason);
  writer.field("why", message.why);
  writer.field("bytes", message.bytes);
  writer.field("attempts", std::int64_t{message.attempts});
  time_field(writer, "lastAttempt", message.last_attempt);
  writer.field("lastAnswer", message.last_answer);
  writer.end_object();
}

// Everything but the content, which is somewhere else.
std::string details_json(const quarantine::Message& message) {
  std::string body;
  Writer writer(body);
  write_message(writer, message);
  body.pop_back();
  const ingest::Telemetry properties = ingest::read_telemetry(message.properties, {});
  const auto auth = base::json::parse(message.auth_method);
  body += ",\"authMethod\":" + (auth ? auth->to_json() : std::string("null"));
  body += ",\"systemProperties\":" + properties.system_properties;
  body += ",\"properties\":" + properties.properties + "}";
  return body;
}

// nullopt: there can be none of that id.
std::optional<std::int64_t> id_of(const Call& call) {
  if (call.services.dependencies.quarantine == nullptr) return std::nullopt;
  return base::parse_int(call.path[0]);
}

Response no_such(const Call& call) {
  return problem(call.request, Problem::NotFound,
                 "There is no such message; it may have been replayed, discarded, or pushed out.");
}

Response refused(const Call& call, const base::Error& error) {
  if (error.code == base::Code::NotFound) return no_such(call);
  if (error.code == base::Code::Invalid)
    return problem(call.request, Problem::Conflict, error.detail);
  return problem(call.request, error);
}

}  // namespace

Response list_quarantine(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  quarantine::Filter filter;
  filter.limit = *limit;
  if (const auto* device = call.target.parameter("device")) filter.device_id = *device;
  if (const auto* reason = call.target.parameter("reason")) filter.reason = *reason;
  if (const auto* cursor = call.target.parameter("cursor")) filter.cursor = *cursor;
  const quarantine::Quarantine* quarantine = call.services.dependencies.quarantine;
  const auto page = quarantine == nullptr ? quarantine::Page() : quarantine->list(filter);
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const quarantine::Message& message : page->items)
    write_message(writer, message);
  writer.end_array();
  writer.field("total", page->total);
  cursor_field(writer, page->next_cursor);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_quarantined(Call& call) {
  const auto id = id_of(call);
  if (!id) return no_such(call);
  const auto message = call.services.dependencies.quarantine->get(*id);
  if (!message) return refused(call, message.error());
  return json_response(200, details_json(*message));
}

Response get_quarantined_content(Call& call) {
  const auto id = id_of(call);
  if (!id) return no_such(call);
  auto message = call.services.dependencies.quarantine->get(*id);
  if (!message) return refused(call, message.error());
  Response response;
  // Whatever the device says it is: a browser must not run it.
  response.content_type = "application/octet-stream";
  response.headers.push_back(
      {"Content-Disposition", "attachment; filename=\"message-" + std::to_string(*id) + ".bin\""});
  response.body = std::move(message->payload);
  return response;
}

Response replay_quarantined(Call& call) {
  const auto id = id_of(call);
  if (!id) return no_such(call);
  const Dependencies& dependencies = call.services.dependencies;
  ingest::Ingest* ingest = dependencies.live == nullptr ? nullptr : dependencies.live->ingest;
  if (ingest == nullptr)
    return problem(call.request, Problem::Unavailable, "The hub takes no messages now.");
  const auto submit = [ingest](const quarantine::Message& message) {
    ingest::Received received;
    received.device_id = message.device_id;
    received.module_id = message.module_id;
    received.generation_id = message.generation_id;
    received.auth_method = message.auth_method;
    received.received_at = message.received;
    received.properties = message.properties;
    received.payload = message.payload;
    received.security = true;
    return ingest->replay(received, kReplayPatience);
  };
  const auto replayed = dependencies.quarantine->replay(*id, submit);
  if (!replayed) return refused(call, replayed.error());
  return Response{.status = 204};
}

Response discard_quarantined(Call& call) {
  const auto id = id_of(call);
  if (!id) return no_such(call);
  const auto discarded = call.services.dependencies.quarantine->discard(*id);
  if (!discarded) return refused(call, discarded.error());
  return Response{.status = 204};
}

}  // namespace hub::api
