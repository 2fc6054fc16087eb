#include "hub/api/charge.h"

#include "hub/limits/limits.h"
#include "hub/link/service.h"

namespace hub::api {

using limits::Kind;
using operations::Category;

namespace {

Category category_of(Kind kind) {
  switch (kind) {
    case Kind::Telemetry:
      return Category::DeviceTelemetry;
    case Kind::Connect:
      return Category::Connections;
    case Kind::TwinRead:
    case Kind::TwinUpdate:
      return Category::C2DTwinOperations;
    case Kind::Method:
      return Category::DirectMethods;
    case Kind::CommandSend:
    case Kind::CommandReceive:
      return Category::C2DCommands;
    case Kind::Upload:
      return Category::FileUploadOperations;
    case Kind::Registry:
      return Category::DeviceIdentityOperations;
    case Kind::Query:
      return Category::TwinQueries;
    case Kind::Job:
    case Kind::JobStep:
      return Category::JobsOperations;
    case Kind::Configuration:
      return Category::Configurations;
  }
  return Category::Connections;
}

}  // namespace

std::optional<Response> charge_service(const Request& request, Services& services,
                                       limits::Kind kind, std::size_t bytes, base::WallTime now,
                                       base::MonoTime mono_now) {
  link::Service* service = services.dependencies.service;
  if (service == nullptr) return std::nullopt;
  const limits::Decision decision = service->limits.check(kind, {}, bytes, mono_now, now);
  if (decision.permitted()) return std::nullopt;
  const bool quota = decision.verdict == limits::Decision::Verdict::Quota;
  operations::Record record;
  record.time = now;
  record.category = category_of(kind);
  record.operation = limits::to_string(kind);
  record.status_code = quota ? 403 : 429;
  record.sub_code = quota ? 403002 : 429001;
  record.level = operations::Level::Error;
  record.reason = quota ? operations::Reason::Quota : operations::Reason::Throttled;
  record.protocol = operations::Protocol::Https;
  record.ip = request.remote;
  record.tls_version = request.tls_version;
  record.tls_cipher = request.tls_cipher;
  record.bytes = bytes;
  record.request_id = request.id;
  services.dependencies.operations->record(std::move(record));
  Response response =
      problem(request, quota ? Problem::Forbidden : Problem::TooManyRequests,
              quota ? "The day's messages are used up."
                    : "Too many requests of the kind " + std::string(limits::to_string(kind)) +
                          "; try again later.");
  if (!quota) response.headers.push_back({"Retry-After", "1"});
  return response;
}

}  // namespace hub::api
