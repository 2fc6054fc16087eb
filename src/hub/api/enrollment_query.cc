#include "hub/api/enrollment_query.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "iotql/groups.h"
#include "iotql/query.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kPage = 100;
constexpr std::int64_t kMostRows = 1000;
constexpr std::size_t kChunk = 500;
constexpr std::size_t kMostRead = 10'000;        // of one request
constexpr std::size_t kMostGrouped = 1'000'000;  // the same, of a query that aggregates
constexpr std::string_view kCollection = "devices";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

// The word behind the first FROM that stands in no text: where it begins, and how long it is.
std::optional<std::pair<std::size_t, std::size_t>> find_collection(std::string_view text) {
  char quote = 0;
  bool wanted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (!is_word(c)) continue;
    std::size_t end = at;
    while (end < text.size() && is_word(text[end]))
      ++end;
    if (wanted) return std::pair(at, end - at);
    wanted = base::equal_ignore_case(text.substr(at, end - at), "from");
    at = end - 1;
  }
  return std::nullopt;
}

// Where a query goes on: "{rows that TOP still allows}:{id}"; of groups "groups:{rows given}".
struct Position {
  std::optional<std::size_t> left;
  std::string after;
  std::size_t groups = 0;
};

std::optional<Position> read_position(std::string_view text) {
  Position position;
  if (text.empty()) return position;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, colon);
  const std::string_view behind = text.substr(colon + 1);
  const bool groups = before == "groups";
  const auto number = base::parse_int(groups ? behind : before);
  if (!before.empty() && (!number || *number < 0)) return std::nullopt;
  if (groups) {
    position.groups = static_cast<std::size_t>(*number);
    return position;
  }
  if (!before.empty()) position.left = static_cast<std::size_t>(*number);
  position.after = behind;
  return position;
}

std::expected<std::size_t, Response> read_limit(const Call& call) {
  const std::string_view most = call.request.header("x-ms-max-item-count");
  if (most.empty() || most == "-1") return kPage;
  const auto number = base::parse_int(most);
  if (!number || *number < 1 || *number > kMostRows) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "x-ms-max-item-count: expected 1 to 1000"));
  }
  return static_cast<std::size_t>(*number);
}

std::expected<iotql::Query, Response> read_query(const Call& call) {
  const auto bad = [&](const std::string& message) {
    return std::unexpected(problem(call.request, Problem::BadRequest, message));
  };
  const auto body = base::json::parse(call.request.body);
  const std::string text(body ? body->text_or("query", "") : "");
  const auto collection = find_collection(text);
  if (!collection) return bad("query: expected SELECT ... FROM and a collection");
  const auto [at, length] = *collection;
  std::string known = text;
  known.replace(at, length, kCollection);
  auto query = iotql::Query::parse(known);
  if (query) return std::move(*query);
  // As it was written.
  std::size_t offset = query.error().offset;
  if (offset >= at + kCollection.size()) offset = offset - kCollection.size() + length;
  return bad(fmt::format("query: {} (at character {})", query.error().message, offset + 1));
}

Response rows_response(std::string body, std::string_view item_type, const std::string& next) {
  Response response = json_response(200, std::move(body));
  response.headers.push_back({"x-ms-item-type", std::string(item_type)});
  if (!next.empty()) response.headers.push_back({"x-ms-continuation", next});
  return response;
}

// Tells `take` of each document that the condition accepts, until it answers false. The id of the
// last one that was looked at, if there are more.
base::Result<std::optional<std::string>> scan(
    const iotql::Query& query, const QuerySource& source, std::string after, std::size_t most,
    const std::function<bool(const QueryDocument&, const iotql::Document&)>& take) {
  for (std::size_t read = 0; read < most;) {
    const QueryPage page = TRY(source(after, std::min(kChunk, most - read)));
    for (std::size_t i = 0; i < page.documents.size(); ++i) {
      const QueryDocument& document = page.documents[i];
      after = document.id;
      const Value value = TRY(base::json::parse(document.json));
      const iotql::ValueDocument seen(value);
      if (!query.matches(seen) || take(document, seen)) continue;
      const bool last = i + 1 == page.documents.size() && !page.more;
      return last ? std::nullopt : std::optional(after);
    }
    read += page.documents.size();
    if (!page.more || page.documents.empty()) return std::nullopt;
  }
  return std::optional(std::move(after));
}

Response answer_groups(const Call& call, const iotql::Query& query, const QuerySource& source,
                       std::size_t given, std::size_t limit) {
  iotql::Groups groups(query);
  base::Result<void> added;
  const auto rest =
      scan(query, source, {}, kMostGrouped, [&](const QueryDocument&, const iotql::Document& seen) {
        added = groups.add(seen);
        return added.has_value();
      });
  if (!rest) return problem(call.request, rest.error());
  if (!added) return problem(call.request, Problem::BadRequest, "query: too many groups");
  if (*rest)
    return problem(call.request, Problem::BadRequest,
                   fmt::format("query: more than {} to aggregate", kMostGrouped));
  const std::size_t count = query.top() ? std::min(groups.size(), *query.top()) : groups.size();
  std::string body;
  Writer writer(body);
  writer.begin_array();
  const std::size_t end = std::min(count, given + limit);
  const auto rows = groups.rows({}, end);
  for (std::size_t i = given; i < rows.size(); ++i)
    writer.raw(rows[i].json);
  writer.end_array();
  return rows_response(std::move(body), "Unknown",
                       end < count ? "groups:" + std::to_string(end) : std::string());
}

}  // namespace

Response answer_enrollment_query(const Call& call, std::string_view item_type,
                                 const QuerySource& source) {
  const auto limit = read_limit(call);
  if (!limit) return limit.error();
  const auto query = read_query(call);
  if (!query) return query.error();
  auto position = read_position(call.request.header("x-ms-continuation"));
  if (!position)
    return problem(call.request, Problem::BadRequest, "x-ms-continuation: not from this hub");
  if (query->aggregates()) return answer_groups(call, *query, source, position->groups, *limit);
  if (!position->left) position->left = query->top();
  const std::size_t most = std::min(*limit, position->left.value_or(*limit));
  std::size_t rows = 0;
  std::string body;
  Writer writer(body);
  writer.begin_array();
  base::Result<std::optional<std::string>> rest = std::optional<std::string>();
  if (most > 0) {
    rest = scan(*query, source, position->after, kMostRead,
                [&](const QueryDocument& document, const iotql::Document& seen) {
                  if (query->selects_all()) {
                    writer.raw(document.json);
                  } else {
                    query->write_row(seen, writer);
                  }
                  return ++rows < most;
                });
  }
  if (!rest) return problem(call.request, rest.error());
  writer.end_array();
  std::string next;
  const bool enough = position->left && rows >= *position->left;
  if (*rest && !enough) {
    if (position->left) next = std::to_string(*position->left - rows);
    next += ":" + **rest;
  }
  return rows_response(std::move(body), query->selects_all() ? item_type : "Unknown", next);
}

}  // namespace hub::api
