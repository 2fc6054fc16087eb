// What devices ask for over HTTPS: to send messages, to receive and settle those for them, to send
// files. They prove themselves with each request.
#include <atomic>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/device_messages.h"
#include "hub/commands/messages.h"
#include "hub/commands/status.h"
#include "hub/limits/limits.h"
#include "hub/link/member.h"
#include "hub/uploads/uploads.h"
#include "wire/property_bag.h"

namespace hub::api {

using operations::Category;
using operations::Level;
using operations::Reason;
using operations::Record;

namespace {

constexpr std::size_t kMaxShownId = 128;

// A device that has proved itself, and what is known for the records of what it does.
struct Caller {
  identity::Grant grant;
  Record record;
};

Record new_record(const Call& call, Category category, const char* operation) {
  Record record;
  record.time = call.now;
  record.category = category;
  record.operation = operation;
  record.protocol = operations::Protocol::Https;
  record.ip = call.request.remote;
  record.tls_version = call.request.tls_version;
  record.tls_cipher = call.request.tls_cipher;
  record.sdk_version = base::to_utf8(call.request.header("user-agent").substr(0, kMaxShownId));
  record.request_id = call.request.id;
  record.bytes = call.request.body.size();
  return record;
}

void refuse(const Call& call, Record record, unsigned status, Reason reason, std::string detail,
            Level level = Level::Error) {
  record.status_code = static_cast<int>(status);
  record.level = level;
  record.reason = reason;
  record.detail = std::move(detail);
  call.services.dependencies.operations->record(std::move(record));
}

std::expected<Caller, Response> prove(const Call& call, const identity::Name& name,
                                      Category category, const char* operation) {
  identity::Proof proof;
  proof.name = name;
  proof.token = call.request.header("authorization");
  proof.certificate = call.request.certificate.get();
  proof.ip = call.request.remote;
  Caller caller{{}, new_record(call, category, operation)};
  auto grant = call.services.dependencies.registry->prove(proof, call.now);
  caller.record.device_id = base::to_utf8(name.device_id.substr(0, kMaxShownId));
  caller.record.module_id = base::to_utf8(name.module_id.substr(0, kMaxShownId));
  if (!grant) {
    call.services.counters.unauthorized.add();
    const identity::Refusal& refusal = grant.error();
    caller.record.auth = refusal.auth;
    caller.record.sub_code = refusal.sub_code;
    refuse(call, caller.record, static_cast<unsigned>(refusal.status_code), refusal.reason,
           refusal.detail, refusal.level);
    // Which devices there are is nobody's business without a proof.
    return std::unexpected(problem(
        call.request, refusal.status_code == 429 ? Problem::TooManyRequests : Problem::Unauthorized,
        "The device's shared access signature or certificate is not accepted."));
  }
  caller.grant = std::move(*grant);
  caller.record.device_id = caller.grant.name.device_id;
  caller.record.module_id = caller.grant.name.module_id;
  caller.record.generation_id = caller.grant.generation_id;
  caller.record.auth = caller.grant.auth;
  return caller;
}

std::expected<Caller, Response> prove_device(const Call& call, Category category,
                                             const char* operation) {
  return prove(call, {std::string(call.path[0]), {}}, category, operation);
}

Response unavailable(const Request& request) {
  Response response =
      problem(request, Problem::Unavailable, "The hub is busy; try again in a moment.");
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

// Messages on their way to the journal; answers once the last of them is durable or lost.
class Submission : public std::enable_shared_from_this<Submission> {
 public:
  Submission(const Call& call, Caller caller, std::vector<EventMessage> messages)
      : service_(*call.services.dependencies.service),
        operations_(*call.services.dependencies.operations),
        request_(call.request.id),
        record_(std::move(caller.record)),
        messages_(std::move(messages)),
        received_(call.now) {
    peer_ = {caller.grant.name.device_id, caller.grant.name.module_id,
             caller.grant.generation_id,  link::auth_json(caller.grant.auth),
             operations::Protocol::Https, record_.ip,
             record_.sdk_version};
  }

  void start(std::function<void(Response)> finish) {
    finish_ = std::move(finish);
    std::uint64_t security_messages = 0;
    std::uint64_t small_messages = 0;
    std::uint64_t taken = 0;
    record_.meter_units = 0;
    for (const EventMessage& each : messages_) {
      const bool security = wire::is_security_message(each.bag);
      const link::Message message{peer_, received_, each.bag, each.payload, security};
      link::Sink::Done done = [self = shared_from_this()](bool durable) { self->settle(durable); };
      waiting_.fetch_add(1);
      if (!service_.sink.offer(message, done)) {
        waiting_.fetch_sub(1);
        whole_ = false;
        break;
      }
      ++taken;
      security_messages += security ? 1 : 0;
      const std::size_t size = each.bag.size() + each.payload.size();
      small_messages += security && size < link::Member::kSmallMessage ? 1 : 0;
      record_.meter_units += service_.limits.units_of(size);
      service_.counters.messages.add();
      service_.counters.message_bytes.add(each.bag.size() + each.payload.size());
      if (security) service_.counters.security_messages.add();
    }
    service_.registry.active({peer_.device_id, peer_.module_id}, taken, security_messages,
                             small_messages);
    record_.count = std::max<std::uint64_t>(taken, 1);
    record_.security_messages = security_messages;
    record_.small_messages = small_messages;
    settle(true);  // for itself, as it is done with offering
  }

 private:
  void settle(bool durable) {
    if (!durable) {
      service_.counters.not_durable.add();
      lost_ = true;
      whole_ = false;
    }
    if (waiting_.fetch_sub(1) != 1) return;
    Response response{.status = 204};
    if (!whole_) {
      // The device sends all of it again; events are known by their ids.
      Request request;
      request.id = request_;
      response = unavailable(request);
      record_.status_code = static_cast<int>(response.status);
      record_.level = Level::Error;
      record_.reason = lost_ ? Reason::NotDurable : Reason::Limit;
    }
    record_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
        service_.options.wall_now() - received_);
    operations_.record(std::move(record_));
    finish_(std::move(response));
  }

  link::Service& service_;
  operations::Operations& operations_;
  std::string request_;
  Record record_;
  link::Peer peer_;
  std::vector<EventMessage> messages_;
  base::WallTime received_;
  std::function<void(Response)> finish_;
  std::atomic<std::size_t> waiting_{1};
  std::atomic<bool> whole_{true};
  std::atomic<bool> lost_{false};
};

base::Result<std::vector<EventMessage>> read_events(const Request& request) {
  if (is_media_type(request.header("content-type"), kBatchType)) return read_batch(request.body);
  return std::vector<EventMessage>{TRY(read_event(request))};
}

// Counts an operation towards the limits; an answer instead when there are too many.
std::optional<Response> charge(const Call& call, Caller& caller, limits::Kind kind,
                               std::size_t bytes) {
  using Verdict = limits::Decision::Verdict;
  const limits::Who who{caller.grant.name.device_id, caller.grant.name.module_id};
  const limits::Decision decision =
      call.services.dependencies.service->limits.check(kind, who, bytes, call.mono_now, call.now);
  caller.record.meter_units += decision.units;
  if (decision.verdict == Verdict::Throttled) {
    refuse(call, std::move(caller.record), 429, Reason::Throttled,
           "too many operations of the kind " + std::string(limits::to_string(kind)));
    return problem(call.request, Problem::TooManyRequests, "Too many requests; try again later.");
  }
  if (decision.verdict == Verdict::Quota) {
    caller.record.sub_code = 403002;
    refuse(call, std::move(caller.record), 403, Reason::Quota, "the day's messages are used up");
    return iot_hub_problem(call.request, 403, "IotHubQuotaExceeded",
                           "The day's messages are used up.");
  }
  return std::nullopt;
}

Response settle_command(Call& call, commands::Settlement settlement, const char* operation) {
  auto caller = prove_device(call, Category::C2DCommands, operation);
  if (!caller) return std::move(caller.error());
  const auto settled = call.services.dependencies.messages->settle(
      {caller->grant.name, caller->grant.generation_id, caller->record}, std::string(call.path[1]),
      settlement);
  if (settled) return Response{.status = 204};
  return problem(call.request, settled.error());
}

std::string link_json(const uploads::Link& link, const std::string& host) {
  std::string body;
  base::json::Writer writer(body);
  writer.begin_object();
  writer.field("correlationId", link.id);
  writer.field("hostName", host);
  writer.field("containerName", link.container);
  writer.field("blobName", link.blob);
  writer.field("sasToken", link.token);
  writer.end_object();
  return body;
}

// Where the device reaches this server: as it wrote it, as only it knows what stands in between.
std::string host_of(const Call& call) {
  const std::string_view host = call.request.header("host");
  return host.empty() ? call.services.options.host_name : std::string(host);
}

Response finish_upload(Call& call, std::string_view id, const base::json::Value& body) {
  auto caller = prove_device(call, Category::FileUploadOperations, "uploadNotification");
  if (!caller) return std::move(caller.error());
  uploads::Outcome outcome;
  const base::json::Value* success = body.find("isSuccess");
  const base::json::Value* status = body.find("statusCode");
  if (success == nullptr || success->if_bool() == nullptr) {
    refuse(call, caller->record, 400, Reason::None, "isSuccess is missing");
    return problem(call.request, Problem::BadRequest, "isSuccess: expected true or false");
  }
  outcome.success = *success->if_bool();
  if (status != nullptr && status->if_int() != nullptr)
    outcome.status_code = static_cast<int>(*status->if_int() % 100'000);
  outcome.description = body.text_or("statusDescription", "");
  const auto finished = call.services.dependencies.uploads->finish(caller->grant.name, id, outcome,
                                                                   std::move(caller->record));
  if (finished) return Response{.status = 204};
  return problem(call.request, finished.error());
}

// Fields that are not known are left to newer clients.
std::expected<base::json::Value, Response> read_json(const Call& call) {
  auto parsed = base::json::parse(call.request.body);
  if (parsed && parsed->if_object() != nullptr) return std::move(*parsed);
  return std::unexpected(problem(call.request, Problem::BadRequest, "The body is no JSON object."));
}

}  // namespace

Response device_send_events(Call& call) {
  const identity::Name name{std::string(call.path[0]),
                            call.path.size() > 1 ? std::string(call.path[1]) : std::string()};
  auto caller = prove(call, name, Category::DeviceTelemetry, "ingress");
  if (!caller) return std::move(caller.error());
  auto messages = read_events(call.request);
  if (!messages) {
    const Problem kind =
        messages.error().code == base::Code::TooLarge ? Problem::TooLarge : Problem::BadRequest;
    refuse(call, std::move(caller->record), status_of(kind), Reason::MessageInvalid,
           messages.error().to_string());
    return problem(call.request, kind, messages.error().to_string());
  }
  const std::size_t limit = call.services.dependencies.service->options.max_message_bytes;
  std::size_t bytes = 0;
  for (const EventMessage& message : *messages)
    bytes += message.bag.size() + message.payload.size();
  if (bytes > limit) {
    call.services.dependencies.service->counters.oversize.add();
    std::string text = fmt::format("{} bytes; the limit is {}", bytes, limit);
    refuse(call, std::move(caller->record), 413, Reason::Oversize, text);
    return problem(call.request, Problem::TooLarge, text);
  }
  for (const EventMessage& message : *messages) {
    const std::size_t size = message.bag.size() + message.payload.size();
    if (auto refused = charge(call, *caller, limits::Kind::Telemetry, size))
      return std::move(*refused);
  }
  const auto submission =
      std::make_shared<Submission>(call, std::move(*caller), std::move(*messages));
  Response response;
  response.later = [submission](std::function<void(Response)> finish) {
    submission->start(std::move(finish));
  };
  return response;
}

Response device_receive_command(Call& call) {
  auto caller = prove_device(call, Category::C2DCommands, "deliver");
  if (!caller) return std::move(caller.error());
  if (auto refused = charge(call, *caller, limits::Kind::CommandReceive, 0))
    return std::move(*refused);
  call.services.dependencies.registry->active(caller->grant.name, 0, 0);
  commands::Messages& messages = *call.services.dependencies.messages;
  // Most polls find nothing, and need not wait for the store.
  if (!messages.may_receive(caller->grant.name)) return Response{.status = 204};
  auto locked = messages.receive({caller->grant.name, caller->grant.generation_id, caller->record},
                                 1, commands::Holder::Token);
  if (!locked) return problem(call.request, locked.error());
  return locked->empty() ? Response{.status = 204} : command_response(locked->front());
}

Response device_settle_command(Call& call) {
  const bool reject = call.target.parameter("reject") != nullptr;
  return settle_command(call,
                        reject ? commands::Settlement::Reject : commands::Settlement::Complete,
                        reject ? "reject" : "complete");
}

Response device_abandon_command(Call& call) {
  return settle_command(call, commands::Settlement::Abandon, "abandon");
}

Response device_begin_upload(Call& call) {
  auto caller = prove_device(call, Category::FileUploadOperations, "getBlobSas");
  if (!caller) return std::move(caller.error());
  if (auto refused = charge(call, *caller, limits::Kind::Upload, 0)) return std::move(*refused);
  const auto body = read_json(call);
  if (!body) return body.error();
  const auto link = call.services.dependencies.uploads->begin(
      caller->grant.name, caller->grant.generation_id, body->text_or("blobName", ""),
      std::move(caller->record));
  if (link) return json_response(200, link_json(*link, host_of(call)));
  if (link.error().code == base::Code::Unavailable)
    return iot_hub_problem(call.request, 403, "DeviceMaximumActiveFileUploadLimitExceeded",
                           link.error().to_string());
  return problem(call.request, link.error());
}

// The id in the body, as newer clients send it, or in the path.
Response device_finish_upload(Call& call) {
  const auto body = read_json(call);
  if (!body) return body.error();
  if (call.path.size() > 1) return finish_upload(call, call.path[1], *body);
  return finish_upload(call, body->text_or("correlationId", ""), *body);
}

}  // namespace hub::api
