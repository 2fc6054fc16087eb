// Scheduled jobs, as Azure IoT Hub's SDKs use them.
#include <algorithm>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/jobs/jobs.h"

namespace hub::api {

using base::Code;
using base::json::Writer;
using jobs::Job;

namespace {

constexpr std::size_t kMaxListed = 100;

Response refused(const Call& call, const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return iot_hub_problem(call.request, 404, "JobNotFound", "There is no such job.");
    case Code::Exists:
      return iot_hub_problem(call.request, 409, "JobAlreadyExists",
                             "There is a job of that id already.");
    case Code::Full:
      return iot_hub_problem(call.request, 403, "JobQuotaExceeded", error.detail);
    case Code::Invalid:
      return iot_hub_problem(call.request, 400, "ArgumentInvalid", error.detail);
    default:
      return iot_hub_refused(call, error, {});
  }
}

Response one(const Job& job) {
  std::string body;
  Writer writer(body);
  write_job(writer, job);
  return json_response(200, std::move(body));
}

// How many items a page may have.
std::size_t page_size(const Call& call) {
  const auto wanted = base::parse_int(call.request.header("x-ms-max-item-count"));
  if (!wanted || *wanted < 1) return kMaxListed;
  return static_cast<std::size_t>(std::min<std::int64_t>(*wanted, kMaxListed));
}

}  // namespace

Response iot_hub_put_job(Call& call) {
  const auto body = base::json::parse(call.request.body);
  if (!body) return iot_hub_problem(call.request, 400, "ArgumentInvalid", "The body is no JSON.");
  auto job = jobs::read_job(*body, call.path[0], call.now);
  if (!job) return refused(call, job.error());
  job->actor = call.principal.name;
  call.audit_detail = to_string(job->kind);
  const auto created = call.services.dependencies.jobs->create(std::move(*job));
  call.recorded = created.has_value();
  return created ? one(*created) : refused(call, created.error());
}

Response iot_hub_get_job(Call& call) {
  const auto job = call.services.dependencies.jobs->get(call.path[0]);
  if (job) return one(*job);
  if (job.error().code != Code::NotFound) return refused(call, job.error());
  // That is how IoT Hub says it of these jobs.
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("jobId", call.path[0]);
  writer.field("type", "unknown");
  writer.field("status", "unknown");
  writer.end_object();
  return json_response(200, std::move(body));
}

Response iot_hub_cancel_job(Call& call) {
  const auto job = call.services.dependencies.jobs->cancel(call.path[0], call.principal.name);
  call.recorded = job.has_value();
  return job ? one(*job) : refused(call, job.error());
}

Response iot_hub_list_jobs(Call& call) {
  std::optional<jobs::Kind> kind;
  std::optional<jobs::Status> status;
  const std::string* type = call.target.parameter("jobType");
  if (type != nullptr && !(kind = jobs::parse_kind(*type))) {
    return iot_hub_problem(call.request, 400, "ArgumentInvalid",
                           "jobType: expected scheduleUpdateTwin or scheduleDeviceMethod");
  }
  const std::string* state = call.target.parameter("jobStatus");
  if (state != nullptr && !(status = jobs::parse_status(*state))) {
    return iot_hub_problem(call.request, 400, "ArgumentInvalid",
                           "jobStatus: expected queued, running, completed, failed or cancelled");
  }
  // The continuation is the last id of the page before; nobody need know.
  const auto after = base::base64_decode(call.request.header("x-ms-continuation"));
  if (!after)
    return iot_hub_problem(call.request, 400, "ArgumentInvalid", "x-ms-continuation is not ours.");
  const std::size_t size = page_size(call);
  auto found = call.services.dependencies.jobs->list(kind, status, base::as_text(*after), size + 1);
  if (!found) return refused(call, found.error());
  const bool more = found->size() > size;
  if (more) found->pop_back();
  std::string body;
  Writer writer(body);
  writer.begin_array();
  for (const Job& job : *found)
    write_job(writer, job);
  writer.end_array();
  Response response = json_response(200, std::move(body));
  response.headers.push_back({"x-ms-item-type", "JobResponse"});
  if (more) {
    response.headers.push_back(
        {"x-ms-continuation", base::base64_encode(base::as_bytes(found->back().id))});
  }
  return response;
}

}  // namespace hub::api
