// What devices ask of the provisioning service over HTTPS.
#include <functional>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/identity/certificate.h"
#include "hub/provisioning/provisioning.h"

namespace hub::api {

using provisioning::Grant;
using provisioning::Provisioning;
using provisioning::Reply;

namespace {

constexpr std::size_t kMaxShown = 128;

operations::Record new_record(const Call& call, const char* operation) {
  operations::Record record;
  record.time = call.now;
  record.operation = operation;
  record.protocol = operations::Protocol::Https;
  record.ip = call.request.remote;
  record.tls_version = call.request.tls_version;
  record.tls_cipher = call.request.tls_cipher;
  record.sdk_version = base::to_utf8(call.request.header("user-agent").substr(0, kMaxShown));
  record.request_id = call.request.id;
  return record;
}

Response response_of(const Reply& reply) {
  Response response = json_response(static_cast<unsigned>(reply.status), reply.body);
  if (reply.retry_after)
    response.headers.push_back({"Retry-After", std::to_string(reply.retry_after->count())});
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

// path: the id scope, then the registration id.
Response serve(Call& call, const char* operation,
               const std::function<Reply(Provisioning&, const Grant&, operations::Record)>& ask) {
  Provisioning& service = *call.services.dependencies.provisioning;
  provisioning::Credentials credentials;
  credentials.id_scope = call.path[0];
  credentials.registration_id = call.path[1];
  credentials.token = call.request.header("authorization");
  credentials.certificate = call.request.certificate.get();
  const auto grant = service.attest(credentials);
  operations::Record record = new_record(call, operation);
  if (!grant) {
    call.services.counters.unauthorized.add();
    return response_of(service.refuse(grant.error(), std::move(record)));
  }
  return response_of(ask(service, *grant, std::move(record)));
}

}  // namespace

Response dps_register(Call& call) {
  return serve(call, "register",
               [&](Provisioning& service, const Grant& grant, operations::Record record) {
                 return service.begin(grant, call.request.body, std::move(record));
               });
}

Response dps_poll(Call& call) {
  return serve(call, "registrationStatus",
               [&](Provisioning& service, const Grant& grant, operations::Record record) {
                 return service.poll(grant, call.path[2], std::move(record));
               });
}

Response dps_look_up(Call& call) {
  return serve(call, "registrationState",
               [](Provisioning& service, const Grant& grant, operations::Record record) {
                 return service.look_up(grant, std::move(record));
               });
}

}  // namespace hub::api
