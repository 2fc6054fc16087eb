// The stores themselves: looked through, made small, copied; rows out and in.
#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/retention/care.h"
#include "kql/ticks.h"

namespace hub::api {

using base::json::Writer;
using retention::Care;

namespace {

constexpr std::size_t kMaxName = 64;

Response failed(const Request& request, const base::Error& error) {
  if (error.code == base::Code::Exists)
    return problem(request, Problem::Conflict, "There is a backup of that name.");
  if (error.code == base::Code::NotFound)
    return problem(request, Problem::NotFound, "There is no such backup, or it is not complete.");
  // What is wrong with it is what was asked.
  if (error.code == base::Code::Corrupt && std::string_view(error.what) == "backup")
    return problem(request, Problem::Conflict, error.detail);
  return problem(request, error);
}

// The answer comes when it is done, which may take minutes. `work` makes it.
template <class Work>
Response respond_later(Call& call, Work work) {
  Care* care = call.services.dependencies.care;
  if (care == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub has no event store.");
  Response response;
  // `finish` keeps the request alive.
  response.later = [care, work = std::move(work), &request = call.request](const Finish& finish) {
    if (care->submit([finish, work, &request](Care& own) { finish(work(own, request)); })) return;
    Response busy = problem(request, Problem::TooManyRequests,
                            "The stores are being worked on; try again in a moment.");
    busy.headers.push_back({"Retry-After", "30"});
    finish(std::move(busy));
  };
  return response;
}

// The same, of work that gives JSON.
template <class Work>
Response answer_later(Call& call, unsigned status, Work work) {
  return respond_later(call, [status, work = std::move(work)](Care& care, const Request& request) {
    auto json = work(care);
    return json ? json_response(status, std::move(*json)) : failed(request, json.error());
  });
}

template <class T>
base::Result<std::string> json_of(const base::Result<T>& result) {
  if (!result) return std::unexpected(result.error());
  if constexpr (requires { result->to_json(); }) {
    return result->to_json();
  } else {
    return retention::to_json(*result);
  }
}

}  // namespace

Response verify_store(Call& call) {
  return answer_later(call, 200, [](Care& care) { return json_of(care.verify()); });
}

Response compact_store(Call& call) {
  return answer_later(call, 200, [](Care& care) { return json_of(care.compact()); });
}

Response list_backups(Call& call) {
  const Care* care = call.services.dependencies.care;
  if (care == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub has no event store.");
  const auto backups = care->backups();
  if (!backups) return problem(call.request, backups.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const store::BackupReport& report : *backups)
    writer.raw(retention::to_json(report));
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response create_backup(Call& call) {
  const auto body = read_body(call, Body::Optional, {"name"});
  if (!body) return body.error();
  const auto name = text_field(call, *body, "name", kMaxName);
  if (!name) return name.error();
  call.audit_target = name->value_or("");
  return answer_later(call, 201, [name = name->value_or(""), now = call.now](Care& care) {
    return json_of(care.back_up(name, now));
  });
}

Response check_backup(Call& call) {
  const std::string name(call.path[0]);
  call.audit_target = name;
  return answer_later(call, 200, [name](Care& care) { return json_of(care.check_backup(name)); });
}

namespace {

constexpr std::size_t kMaxTable = 256;

std::expected<store::RowFormat, Response> format_of(const Call& call, std::string_view text) {
  if (text == "parquet") return store::RowFormat::Parquet;
  if (text == "ndjson") return store::RowFormat::Ndjson;
  return std::unexpected(problem(
      call.request, Problem::BadRequest,
      fmt::format("format: expected parquet or ndjson, found {}", base::json::quoted(text))));
}

std::expected<kql::Ticks, Response> bound_of(const Call& call, std::string_view name,
                                             kql::Ticks otherwise) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr) return otherwise;
  const auto time = base::parse_rfc3339(*text);
  if (time) return kql::to_ticks(time->utc);
  return std::unexpected(problem(call.request, Problem::BadRequest,
                                 fmt::format("{}: expected a time as in RFC 3339", name)));
}

Response row_file(store::ExportedFile file, const std::string& table, store::RowFormat format) {
  const bool parquet = format == store::RowFormat::Parquet;
  Response response;
  response.content_type = parquet ? "application/vnd.apache.parquet" : "application/x-ndjson";
  response.headers.push_back(
      {"Content-Disposition",
       fmt::format("attachment; filename=\"{}.{}\"", table, parquet ? "parquet" : "ndjson")});
  response.file_bytes = file.bytes;
  response.file = std::make_shared<os::Fd>(std::move(file.file));
  return response;
}

Response import_failed(const Request& request, const base::Error& error) {
  if (error.code == base::Code::NotFound && std::string_view(error.what) == "import")
    return problem(request, Problem::NotFound, "There is no such import.");
  if (error.code == base::Code::NotFound || error.code == base::Code::Invalid)
    return problem(request, Problem::BadRequest, error.detail);
  if (error.code == base::Code::TooLarge) return problem(request, Problem::TooLarge, error.detail);
  return problem(request, error);
}

}  // namespace

Response export_rows(Call& call) {
  const std::string* table = call.target.parameter("table");
  if (table == nullptr) return problem(call.request, Problem::BadRequest, "table: it is missing");
  const std::string* wanted = call.target.parameter("format");
  const auto format = format_of(call, wanted == nullptr ? "parquet" : std::string_view(*wanted));
  if (!format) return format.error();
  const auto from = bound_of(call, "from", 0);
  if (!from) return from.error();
  const auto to = bound_of(call, "to", kql::kMaxDateTimeTicks);
  if (!to) return to.error();
  call.audit_target = *table;
  return respond_later(call, [table = *table, format = *format, from = *from, to = *to](
                                 Care& care, const Request& request) {
    auto file = care.export_rows(table, format, from, to);
    return file ? row_file(std::move(*file), table, format) : import_failed(request, file.error());
  });
}

Response create_import(Call& call) {
  Care* care = call.services.dependencies.care;
  if (care == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub has no event store.");
  const auto body = read_body(call, Body::Required, {"table", "format"});
  if (!body) return body.error();
  const auto table = text_field(call, *body, "table", kMaxTable);
  if (!table) return table.error();
  if (!*table) return problem(call.request, Problem::BadRequest, "table: it is missing");
  const auto wanted = text_field(call, *body, "format", kMaxName);
  if (!wanted) return wanted.error();
  const auto format = format_of(call, wanted->value_or("parquet"));
  if (!format) return format.error();
  call.audit_target = **table;
  const auto id = care->imports().begin(**table, *format, call.mono_now);
  if (!id && id.error().code == base::Code::Full)
    return problem(call.request, Problem::TooManyRequests, id.error().detail);
  if (!id) return problem(call.request, id.error());
  call.audit_detail = *id;
  std::string answer;
  Writer writer(answer);
  writer.begin_object();
  writer.field("id", *id);
  writer.end_object();
  return json_response(201, std::move(answer));
}

Response put_import_content(Call& call) {
  Care* care = call.services.dependencies.care;
  if (care == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub has no event store.");
  const std::string* text = call.target.parameter("offset");
  const auto offset = base::parse_int(text == nullptr ? std::string_view("0") : *text);
  if (!offset || *offset < 0)
    return problem(call.request, Problem::BadRequest, "offset: expected a number of bytes");
  const auto written = care->imports().write(call.path[0], static_cast<std::uint64_t>(*offset),
                                             call.request.body, call.mono_now);
  if (!written) return import_failed(call.request, written.error());
  return Response{.status = 204};
}

Response run_import(Call& call) {
  const std::string id(call.path[0]);
  call.audit_target = id;
  return respond_later(call, [id](Care& care, const Request& request) {
    const auto counts = care.run_import(id);
    return counts ? json_response(200, retention::to_json(*counts))
                  : import_failed(request, counts.error());
  });
}

void add_care_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  table.push_back({Post, "/store/verify", Administer, verify_store, "store.verify"});
  table.push_back({Post, "/store/compact", Administer, compact_store, "store.compact"});
  table.push_back({Get,
                   "/store/export",
                   Administer,
                   export_rows,
                   "data.export",
                   {"table", "from", "to", "format"}});
  table.push_back({Post, "/store/imports", Administer, create_import, "data.import"});
  // The import is recorded when it begins and when it is run, not with each of its parts.
  table.push_back(
      {Put, "/store/imports/{importId}/content", Administer, put_import_content, {}, {"offset"}});
  table.push_back({Post, "/store/imports/{importId}/run", Administer, run_import, "data.import"});
  table.push_back({Get, "/backups", Administer, list_backups});
  table.push_back({Post, "/backups", Administer, create_backup, "backup.create"});
  table.push_back({Post, "/backups/{backupName}/check", Administer, check_backup, "backup.check"});
}

}  // namespace hub::api
