// Files that devices have sent: lists, contents.
#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/uploads/uploads.h"

namespace hub::api {

using base::json::Writer;
using uploads::Upload;

namespace {

void write_upload(Writer& writer, const Upload& upload) {
  writer.begin_object();
  writer.field("id", upload.id);
  writer.field("name", upload.name);
  writer.field("state", uploads::to_string(upload.stage));
  writer.field("begun", time_text(upload.begun));
  time_field(writer, "finished", upload.finished);
  writer.field("bytes", upload.bytes);
  writer.field("sha256", upload.sha256);
  writer.field("contentType", upload.content_type);
  writer.field("statusCode", upload.status_code);
  writer.field("description", upload.description);
  writer.end_object();
}

// The last part of a name, for people to save it as.
std::string disposition(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return "attachment; filename*=UTF-8''" +
         base::percent_encode(name.substr(slash == std::string_view::npos ? 0 : slash + 1));
}

}  // namespace

Response list_uploads(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto found = call.services.dependencies.uploads->list(call.path[0], *limit);
  if (!found) return problem(call.request, found.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Upload& upload : *found)
    write_upload(writer, upload);
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_upload(Call& call) {
  const auto upload = call.services.dependencies.uploads->get(call.path[0], call.path[1]);
  if (!upload) return problem(call.request, upload.error());
  std::string body;
  Writer writer(body);
  write_upload(writer, *upload);
  return json_response(200, std::move(body));
}

Response get_upload_content(Call& call) {
  const auto& store = *call.services.dependencies.uploads;
  const auto upload = store.get(call.path[0], call.path[1]);
  if (!upload) return problem(call.request, upload.error());
  auto content = store.content(call.path[0], call.path[1]);
  if (!content) return problem(call.request, content.error());
  Response response;
  response.status = 200;
  // Never what the device says: a browser must not run it.
  response.content_type = "application/octet-stream";
  response.headers.push_back({"Content-Disposition", disposition(upload->name)});
  response.file = std::make_shared<os::Fd>(std::move(*content));
  response.file_bytes = upload->bytes;
  return response;
}

Response delete_upload(Call& call) {
  const auto removed =
      call.services.dependencies.uploads->remove(call.path[0], call.path[1], call.principal.name);
  if (!removed) return problem(call.request, removed.error());
  return Response{.status = 204};
}

}  // namespace hub::api
