// Queries that people keep, and those that come with the hub.
#include "hub/api/api.h"
#include "hub/saved_queries/saved_queries.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using saved_queries::Draft;
using saved_queries::Query;
using saved_queries::Who;

namespace {

Who who(const Call& call) {
  return {call.principal.name, call.principal.administer};
}

saved_queries::SavedQueries& all(const Call& call) {
  return *call.services.dependencies.saved_queries;
}

void write_query(Writer& writer, const Query& query) {
  writer.begin_object();
  writer.field("id", query.id);
  writer.field("name", query.draft.name);
  writer.field("description", query.draft.description);
  writer.field("query", query.draft.query);
  writer.key("tags");
  writer.begin_array();
  for (const std::string& tag : query.draft.tags)
    writer.value(tag);
  writer.end_array();
  writer.field("shared", query.draft.shared);
  writer.field("builtin", query.builtin());
  writer.field("owner", query.owner);
  writer.field("created", time_text(query.created));
  writer.field("updated", time_text(query.updated));
  writer.field("updatedBy", query.updated_by);
  writer.field("etag", query.etag);
  writer.end_object();
}

Response answer_with(unsigned status, const Query& query) {
  std::string body;
  Writer writer(body);
  write_query(writer, query);
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", "\"" + query.etag + "\""});
  return response;
}

Response refused(const Call& call, const base::Error& error) {
  std::string text = error.what;
  if (!error.detail.empty()) text += ": " + error.detail;
  switch (error.code) {
    case Code::Exists:
      return problem(call.request, Problem::Conflict, text);
    case Code::Denied:
    case Code::Full:
      return problem(call.request, Problem::Forbidden, text);
    case Code::TooLarge:
      return problem(call.request, Problem::TooLarge, text);
    default:
      return problem(call.request, error);
  }
}

std::expected<std::vector<std::string>, Response> read_tags(const Call& call, const Value& body) {
  std::vector<std::string> tags;
  const Value* found = body.find("tags");
  if (found == nullptr) return tags;
  const auto wrong = [&call] {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "tags: expected a list of texts"));
  };
  if (found->if_array() == nullptr) return wrong();
  for (const Value& tag : *found->if_array()) {
    if (tag.if_string() == nullptr) return wrong();
    tags.push_back(*tag.if_string());
  }
  return tags;
}

std::expected<Draft, Response> read_draft(const Call& call) {
  constexpr std::size_t kAnything = std::size_t{1} << 20U;  // the module knows better
  const auto body =
      read_body(call, Body::Required, {"name", "description", "query", "tags", "shared"});
  if (!body) return std::unexpected(body.error());
  Draft draft;
  struct Text {
    std::string_view name;
    std::string* value;
  };
  for (const Text text : {Text{"name", &draft.name}, Text{"description", &draft.description},
                          Text{"query", &draft.query}}) {
    auto value = text_field(call, *body, text.name, kAnything);
    if (!value) return std::unexpected(std::move(value.error()));
    *text.value = std::move(*value).value_or("");
  }
  auto tags = read_tags(call, *body);
  if (!tags) return std::unexpected(std::move(tags.error()));
  draft.tags = std::move(*tags);
  if (const Value* shared = body->find("shared")) {
    if (shared->if_bool() == nullptr) {
      return std::unexpected(
          problem(call.request, Problem::BadRequest, "shared: expected true or false"));
    }
    draft.shared = *shared->if_bool();
  }
  return draft;
}

}  // namespace

Response list_saved_queries(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto own = flag_parameter(call, "own");
  if (!own) return own.error();
  saved_queries::Filter filter;
  filter.limit = *limit;
  filter.own = *own;
  if (const auto* search = call.target.parameter("search")) filter.search = *search;
  if (const auto* tag = call.target.parameter("tag")) filter.tag = *tag;
  if (const auto* cursor = call.target.parameter("cursor")) filter.cursor = *cursor;
  const auto page = all(call).list(filter, who(call));
  if (!page) return refused(call, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Query& query : page->items)
    write_query(writer, query);
  writer.end_array();
  writer.field("total", page->total);
  cursor_field(writer, page->next_cursor);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_saved_query(Call& call) {
  const auto found = all(call).get(call.path[0], who(call));
  return found ? answer_with(200, *found) : refused(call, found.error());
}

Response create_saved_query(Call& call) {
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const auto made = all(call).create(*draft, who(call), call.now);
  if (!made) return refused(call, made.error());
  call.audit_target = made->id;
  call.audit_detail = made->draft.name;
  return answer_with(201, *made);
}

Response put_saved_query(Call& call) {
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const auto changed = all(call).replace(call.path[0], *draft, if_match(call), who(call), call.now);
  if (!changed) return refused(call, changed.error());
  call.audit_detail = changed->draft.name;
  return answer_with(200, *changed);
}

Response delete_saved_query(Call& call) {
  const auto removed = all(call).remove(call.path[0], if_match(call), who(call));
  return removed ? Response{.status = 204} : refused(call, removed.error());
}

}  // namespace hub::api
