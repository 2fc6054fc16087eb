// Imports and exports of all identities, as Azure IoT Hub's SDKs ask for them.
#include "hub/api/api.h"
#include "hub/jobs/transfers.h"

namespace hub::api {

using base::Code;
using base::json::Writer;
using jobs::Transfer;

namespace {

constexpr std::size_t kMaxListed = 100;

Response refused(const Call& call, const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return iot_hub_problem(call.request, 404, "JobNotFound", "There is no such job.");
    case Code::Full:
      return iot_hub_problem(call.request, 403, "JobQuotaExceeded", error.detail);
    case Code::Denied:
      return iot_hub_problem(call.request, 400, "BlobContainerValidationError", error.detail);
    case Code::Invalid:
      return iot_hub_problem(call.request, 400, "ArgumentInvalid", error.detail);
    default:
      return iot_hub_refused(call, error, {});
  }
}

std::string base_of(const Call& call) {
  return "https://" + std::string(call.request.header("host"));
}

Response one(const Call& call, const Transfer& transfer) {
  std::string body;
  Writer writer(body);
  write_transfer(writer, transfer, base_of(call));
  return json_response(200, std::move(body));
}

}  // namespace

Response iot_hub_create_transfer(Call& call) {
  const auto body = base::json::parse(call.request.body);
  if (!body) return iot_hub_problem(call.request, 400, "ArgumentInvalid", "The body is no JSON.");
  auto wanted = jobs::read_transfer(*body);
  if (!wanted) return refused(call, wanted.error());
  wanted->actor = call.principal.name;
  call.audit_detail = to_string(wanted->kind);
  const auto created = call.services.dependencies.transfers->create(std::move(*wanted));
  if (!created) return refused(call, created.error());
  call.recorded = true;
  call.audit_target = created->id;
  return one(call, *created);
}

Response iot_hub_list_transfers(Call& call) {
  const auto transfers = call.services.dependencies.transfers->list(kMaxListed);
  if (!transfers) return refused(call, transfers.error());
  std::string body;
  Writer writer(body);
  writer.begin_array();
  for (const Transfer& transfer : *transfers)
    write_transfer(writer, transfer, base_of(call));
  writer.end_array();
  return json_response(200, std::move(body));
}

Response iot_hub_get_transfer(Call& call) {
  const auto transfer = call.services.dependencies.transfers->get(call.path[0]);
  return transfer ? one(call, *transfer) : refused(call, transfer.error());
}

Response iot_hub_cancel_transfer(Call& call) {
  const auto cancelled =
      call.services.dependencies.transfers->cancel(call.path[0], call.principal.name);
  if (!cancelled) return refused(call, cancelled.error());
  call.recorded = true;
  return Response{.status = 204};
}

}  // namespace hub::api
