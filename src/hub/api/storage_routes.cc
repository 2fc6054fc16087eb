// Containers for lists of identities: ours, and the part of Azure's blob storage that its clients
// read them by. Contents are written in blob_connection.cc, as they may be larger than memory.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/jobs/containers.h"

namespace hub::api {

using base::Code;
using base::Result;
using base::json::Writer;
using jobs::BlobFile;
using jobs::Container;

namespace {

constexpr std::string_view kStorageVersion = "2021-08-06";

void write_container(Writer& writer, const Container& container) {
  writer.field("name", container.name);
  writer.field("actor", container.actor);
  writer.field("created", time_text(container.created));
  writer.field("expires", time_text(container.expires));
}

// As HTTP writes times: Sun, 06 Nov 1994 08:49:37 GMT.
std::string http_time(base::WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t count = seconds.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&count, &parts);
  constexpr std::size_t kRoom = 40;
  std::string text(kRoom, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  return text;
}

std::string etag_of(const BlobFile& blob) {
  return fmt::format("\"0x{:X}\"", blob.modified.time_since_epoch().count());
}

// What of a content is asked for: bytes=first-last.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool whole = true;
};

// nullopt: outside of the content.
std::optional<Range> range_of(const Request& request, std::uint64_t bytes) {
  constexpr std::string_view kUnit = "bytes=";
  std::string_view text = request.header("x-ms-range");
  if (text.empty()) text = request.header("range");
  if (!text.starts_with(kUnit) || text.contains(',')) return Range{0, bytes, true};
  text.remove_prefix(kUnit.size());
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto first = base::parse_int(text.substr(0, dash));
  if (!first || *first < 0) return Range{0, bytes, true};  // what is not understood is not obeyed
  const auto from = static_cast<std::uint64_t>(*first);
  if (from >= bytes) return std::nullopt;
  const auto last = base::parse_int(text.substr(std::min(dash + 1, text.size())));
  const std::uint64_t to =
      last && *last >= *first ? std::min(static_cast<std::uint64_t>(*last), bytes - 1) : bytes - 1;
  return Range{from, to - from + 1, false};
}

// Whoever has the link may. Records what was refused.
Result<jobs::ContainerTarget> authorised(Call& call) {
  auto target = TRY(jobs::read_container_target(call.request.target));
  const auto checked = call.services.dependencies.containers->check(target);
  if (checked) return Result<jobs::ContainerTarget>(std::in_place, std::move(target));
  call.services.counters.unauthorized.add();
  call.refusal = checked.error();
  return std::unexpected(checked.error());
}

Response content_of(const Call& call, jobs::Containers::OpenBlob blob) {
  const auto range = range_of(call.request, blob.info.bytes);
  if (!range) {
    Response response =
        storage_refused(call.request, base::Error{Code::Invalid, "range", -1, "InvalidRange"});
    response.status = 416;
    response.headers.push_back({"Content-Range", fmt::format("bytes */{}", blob.info.bytes)});
    return response;
  }
  Response response;
  response.status = range->whole ? 200 : 206;
  response.content_type = "application/octet-stream";
  response.file = std::make_shared<os::Fd>(std::move(blob.file));
  response.file_from = range->first;
  response.file_bytes = range->count;
  if (!range->whole) {
    response.headers.push_back(
        {"Content-Range", fmt::format("bytes {}-{}/{}", range->first,
                                      range->first + range->count - 1, blob.info.bytes)});
  }
  response.headers.push_back({"ETag", etag_of(blob.info)});
  response.headers.push_back({"Last-Modified", http_time(blob.info.modified)});
  response.headers.push_back({"Accept-Ranges", "bytes"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"x-ms-blob-type", "BlockBlob"});
  add_storage_headers(call.request, response);
  return response;
}

}  // namespace

unsigned storage_status(Code code) {
  switch (code) {
    case Code::Denied:
    case Code::Expired:
      return 403;
    case Code::NotFound:
      return 404;
    case Code::Invalid:
    case Code::Malformed:
      return 400;
    case Code::TooLarge:
      return 413;
    case Code::Full:
    case Code::Unavailable:
      return 503;
    default:
      return 500;
  }
}

void add_storage_headers(const Request& request, Response& response) {
  response.headers.push_back({"x-ms-request-id", request.id});
  response.headers.push_back({"x-ms-version", std::string(kStorageVersion)});
}

Response storage_refused(const Request& request, const base::Error& error) {
  const bool own = error.code == Code::Io || error.code == Code::Corrupt || error.detail.empty();
  if (own) (void)problem(request, error);  // logs it
  const std::string code = own ? "InternalError" : error.detail;
  Response response;
  response.status = storage_status(error.code);
  response.content_type = "application/xml";
  response.headers.push_back({"x-ms-error-code", code});
  add_storage_headers(request, response);
  response.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>" + code +
                  "</Code><Message>" + code + "</Message></Error>";
  return response;
}

Response in_storage_words(const Request& request, Response response) {
  for (const Header& header : response.headers) {
    if (header.name == "x-ms-version") return response;
  }
  const bool method = response.status == 405;
  Response words = storage_refused(request, {method ? Code::Invalid : Code::NotFound, "storage", -1,
                                             method ? "UnsupportedHttpVerb" : "ResourceNotFound"});
  words.status = response.status;
  return words;
}

namespace {

Response get_container_blob(Call& call) {
  const auto target = authorised(call);
  if (!target) return storage_refused(call.request, target.error());
  auto blob = call.services.dependencies.containers->read(target->container, target->blob);
  if (!blob) return storage_refused(call.request, blob.error());
  return content_of(call, std::move(*blob));
}

Response delete_container_blob(Call& call) {
  const auto target = authorised(call);
  if (!target) return storage_refused(call.request, target.error());
  const auto removed =
      call.services.dependencies.containers->remove_blob(target->container, target->blob);
  if (!removed) return storage_refused(call.request, removed.error());
  Response response;
  response.status = 202;
  add_storage_headers(call.request, response);
  return response;
}

// List Blobs: names need no escapes.
Response get_container(Call& call) {
  const auto target = authorised(call);
  if (!target) return storage_refused(call.request, target.error());
  const auto blobs = call.services.dependencies.containers->blobs(target->container);
  if (!blobs) return storage_refused(call.request, blobs.error());
  Response response;
  response.content_type = "application/xml";
  response.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"" +
                  target->container + "\"><Blobs>";
  if (target->operation == "list") {
    for (const BlobFile& blob : *blobs) {
      response.body += fmt::format(
          "<Blob><Name>{}</Name><Properties><Last-Modified>{}</Last-Modified><Etag>{}</Etag>"
          "<Content-Length>{}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
          "<BlobType>BlockBlob</BlobType></Properties></Blob>",
          blob.name, http_time(blob.modified), base::trim(etag_of(blob)), blob.bytes);
    }
  }
  response.body += "</Blobs><NextMarker/></EnumerationResults>";
  add_storage_headers(call.request, response);
  return response;
}

}  // namespace

std::span<const Route> storage_routes() {
  using enum Method;
  constexpr auto kJobs = operations::Category::JobsOperations;
  static const std::vector<Route> table = [] {
    std::vector<Route> routes;
    const auto add = [&routes](Method method, std::string_view pattern, Handler handler,
                               std::string_view operation) {
      routes.push_back(
          {method, pattern, Need::Nothing, handler, {}, {}, Pool::Requests, kJobs, operation});
    };
    add(Get, "/job-containers/{containerName}", get_container, "listBlobs");
    add(Get, "/job-containers/{containerName}/{blobName}", get_container_blob, "getBlob");
    add(Delete, "/job-containers/{containerName}/{blobName}", delete_container_blob, "deleteBlob");
    return routes;
  }();
  return table;
}

Response create_container(Call& call) {
  const auto body = read_body(call, Body::Optional, {});
  if (!body) return body.error();
  jobs::Containers& containers = *call.services.dependencies.containers;
  const auto container = containers.create(call.principal.name);
  if (!container && container.error().code == Code::Full)
    return problem(call.request, Problem::Conflict, container.error().detail);
  if (!container) return problem(call.request, container.error());
  call.audit_target = container->name;
  std::string text;
  Writer writer(text);
  writer.begin_object();
  write_container(writer, *container);
  writer.field("uri",
               "https://" + std::string(call.request.header("host")) + containers.link(*container));
  writer.end_object();
  Response response = json_response(201, std::move(text));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

Response list_containers(Call& call) {
  const jobs::Containers& containers = *call.services.dependencies.containers;
  const auto found = containers.list();
  if (!found) return problem(call.request, found.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Container& container : *found) {
    writer.begin_object();
    write_container(writer, container);
    writer.key("blobs");
    writer.begin_array();
    for (const BlobFile& blob :
         containers.blobs(container.name).value_or(std::vector<BlobFile>())) {
      writer.begin_object();
      writer.field("name", blob.name);
      writer.field("bytes", blob.bytes);
      writer.field("modified", time_text(blob.modified));
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response delete_container(Call& call) {
  const auto removed = call.services.dependencies.containers->remove(call.path[0]);
  return removed ? Response{.status = 204} : problem(call.request, removed.error());
}

}  // namespace hub::api
