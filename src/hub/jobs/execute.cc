#include "hub/jobs/execute.h"

#include <utility>

#include "base/text.h"
#include "hub/jobs/description.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

Result<std::chrono::seconds> read_seconds(const Value& body, std::string_view name,
                                          std::chrono::seconds otherwise) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return otherwise;
  const auto* number = member->if_int();
  constexpr std::int64_t kMost = 300;
  if (number != nullptr && *number >= 0 && *number <= kMost) return std::chrono::seconds(*number);
  return fail(Code::Invalid, "method", -1,
              std::string(name) + ": expected a whole number of seconds up to 300");
}

Outcome refused(const base::Error& error, const identity::Name& name) {
  Outcome outcome;
  outcome.status = Status::Failed;
  switch (error.code) {
    case Code::Closed:
      outcome.error_code = "DeviceNotOnline";
      break;
    case Code::Expired:
      outcome.error_code = "GatewayTimeout";
      break;
    case Code::Malformed:
      outcome.error_code = "BadDeviceResponse";
      break;
    default:
      outcome.error_code = error_code(error, name);
  }
  // What the store says is nobody's business.
  outcome.error_text = outcome.error_code == "ServerError" ? "The hub failed." : error.to_string();
  return outcome;
}

twins::Update read_update(const Value& definition) {
  twins::Update update;
  if (const Value* tags = definition.find("tags"); tags != nullptr && tags->if_object() != nullptr)
    update.tags = *tags;
  const Value* properties = definition.find("properties");
  const Value* desired = properties == nullptr ? nullptr : properties->find("desired");
  if (desired != nullptr && desired->if_object() != nullptr) update.desired = *desired;
  update.if_match = unquoted(definition.text_or("etag", "*"));
  return update;
}

}  // namespace

Result<commands::MethodCall> read_method_call(const Value& body) {
  if (body.if_object() == nullptr) return fail(Code::Invalid, "method", -1, "expected an object");
  commands::MethodCall call;
  call.method = body.text_or("methodName", "");
  if (call.method.empty()) return fail(Code::Invalid, "method", -1, "methodName is missing");
  if (const Value* payload = body.find("payload")) call.payload = payload->to_json();
  constexpr std::chrono::seconds kResponse{30};
  auto response = TRY(read_seconds(body, "responseTimeoutInSeconds", kResponse));
  // Clients that say nothing send 0.
  if (response.count() == 0) response = kResponse;
  call.response_timeout = response;
  call.connect_timeout =
      TRY(read_seconds(body, "connectTimeoutInSeconds", std::chrono::seconds(0)));
  return call;
}

std::string method_result(const commands::MethodAnswer& answer) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("status", answer.status);
  writer.key("payload");
  if (answer.payload.empty()) {
    writer.null();
  } else {
    writer.raw(answer.payload);
  }
  writer.end_object();
  return json;
}

void execute(const Job& job, const identity::Name& name, twins::Twins& twins,
             commands::Methods& methods, World::Done done) {
  const std::string actor = "job:" + job.id;
  if (job.kind == Kind::UpdateTwin) {
    twins.update(name, read_update(job.definition), actor,
                 [name, done = std::move(done)](const Result<twins::Twin>& twin) {
                   done(twin ? Outcome{} : refused(twin.error(), name));
                 });
    return;
  }
  auto call = read_method_call(job.definition);
  if (!call) {
    done(refused(call.error(), name));
    return;
  }
  call->to = name;
  call->record.actor = actor;
  methods.invoke(std::move(*call),
                 [name, done = std::move(done)](const Result<commands::MethodAnswer>& answer) {
                   if (!answer) {
                     done(refused(answer.error(), name));
                     return;
                   }
                   Outcome outcome;
                   outcome.answer = method_result(*answer);
                   done(std::move(outcome));
                 });
}

}  // namespace hub::jobs
