// Recommendations, what is accepted of them, and the score.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/text.h"
#include "detect/posture/posture.h"
#include "hub/api/api.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::json::Writer;
using detect::posture::Assessment;
using detect::posture::Exception;
using detect::posture::KeptItem;
using detect::posture::Recommendation;
using detect::posture::Scope;
using detect::posture::Score;
using detect::posture::State;
using detect::posture::Summary;
using detect::posture::Where;

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxReason = 4096;

detect::posture::Posture* posture_of(const Call& call) {
  return call.services.dependencies.posture;
}

Response none_here(const Call& call) {
  return problem(call.request, Problem::Unavailable, "This hub assesses nothing.");
}

const Recommendation* named(const Call& call) {
  return detect::posture::find_recommendation(call.path[0]);
}

Response unknown(const Call& call) {
  return problem(call.request, Problem::NotFound,
                 "There is no recommendation " + base::json::quoted(call.path[0]) + ".");
}

std::string text_parameter(const Call& call, std::string_view name) {
  const std::string* value = call.target.parameter(name);
  return value == nullptr ? std::string() : *value;
}

Where where_of(const Call& call) {
  Where where;
  if (const std::string* device = call.target.parameter("device")) where.device = *device;
  where.group = text_parameter(call, "group");
  return where;
}

// To a tenth: more says nothing.
double rounded(double value) {
  return std::round(value * 10) / 10;
}

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

void write_summary(Writer& writer, const Summary& summary, const Score& score) {
  const Recommendation& what = detect::posture::recommendation(summary.kind);
  writer.begin_object();
  writer.field("name", what.name);
  writer.field("title", what.title);
  writer.field("state", detect::posture::to_string(summary.state));
  writer.field("severity", detect::to_string(summary.severity));
  writer.field("scope", what.scope == Scope::Hub ? "hub" : "device");
  writer.field("source", what.source);
  writer.field("description", what.description);
  writer.field("remediation", what.remediation);
  writer.field("itemName", what.one);
  writer.field("itemsName", what.many);
  writer.field("unhealthy", summary.unhealthy);
  writer.field("healthy", summary.healthy);
  writer.field("dismissed", summary.dismissed);
  const auto part = std::ranges::find(score.parts, summary.kind, &Score::Part::kind);
  writer.field("gain", part == score.parts.end() ? 0.0 : rounded(part->gain));
  time_field(writer, "evaluated", summary.evaluated);
  time_field(writer, "changed", summary.changed);
  writer.end_object();
}

void write_item(Writer& writer, const KeptItem& kept) {
  writer.begin_object();
  writer.field("key", kept.item.key);
  writer.field("title", kept.item.title);
  writer.field("severity", detect::to_string(kept.item.severity));
  time_field(writer, "since", kept.since);
  write_texts(writer, "steps", kept.item.steps);
  write_texts(writer, "commands", kept.item.commands);
  writer.key("facts");
  kept.item.facts.write(writer);
  writer.key("exception");
  if (kept.exception == 0) {
    writer.null();
  } else {
    writer.value(std::to_string(kept.exception));
  }
  writer.end_object();
}

void write_assessment(Writer& writer, const Assessment& assessment) {
  const Recommendation& what = detect::posture::recommendation(assessment.kind);
  writer.begin_object();
  writer.field("recommendation", what.name);
  writer.field("title", what.title);
  writer.field("deviceId", assessment.device_id);
  writer.field("securityGroup", assessment.group);
  writer.field("state", detect::posture::to_string(assessment.state));
  writer.field("severity", detect::to_string(assessment.severity));
  writer.field("credit", assessment.credit);
  time_field(writer, "firstEvaluated", assessment.first_evaluated);
  time_field(writer, "evaluated", assessment.evaluated);
  time_field(writer, "changed", assessment.changed);
  time_field(writer, "discovered", assessment.discovered);
  time_field(writer, "resolved", assessment.resolved);
  writer.field("itemCount", assessment.item_count);
  writer.field("acceptedCount", assessment.accepted_count);
  writer.key("items");
  writer.begin_array();
  for (const KeptItem& kept : assessment.items)
    write_item(writer, kept);
  writer.end_array();
  writer.end_object();
}

void write_score(Writer& writer, const Score& score) {
  writer.key("percent");
  if (score.percent) {
    writer.value(rounded(*score.percent));
  } else {
    writer.null();
  }
  writer.field("devices", score.devices);
  writer.key("parts");
  writer.begin_array();
  for (const Score::Part& part : score.parts) {
    const Recommendation& what = detect::posture::recommendation(part.kind);
    writer.begin_object();
    writer.field("recommendation", what.name);
    writer.field("title", what.title);
    writer.field("points", rounded(part.points));
    writer.field("most", part.most);
    writer.field("gain", rounded(part.gain));
    writer.field("unhealthy", part.unhealthy);
    writer.field("healthy", part.healthy);
    writer.end_object();
  }
  writer.end_array();
}

void write_exception(Writer& writer, const Exception& exception) {
  writer.begin_object();
  writer.field("id", std::to_string(exception.id));
  writer.field("recommendation", detect::posture::recommendation(exception.kind).name);
  writer.field("deviceId", exception.device_id);
  writer.field("securityGroup", exception.group);
  writer.field("item", exception.item);
  writer.field("reason", exception.reason);
  writer.field("actor", exception.actor);
  time_field(writer, "created", exception.created);
  time_field(writer, "expires", exception.expires);
  writer.end_object();
}

// What is active comes first, then by severity and by how many devices it is about.
void sort_by_urgency(std::vector<Summary>& summaries) {
  std::ranges::stable_sort(summaries, [](const Summary& a, const Summary& b) {
    const auto key = [](const Summary& s) {
      return std::tuple(s.state == State::Active, s.unhealthy > 0 ? s.severity : detect::Severity{},
                        s.unhealthy);
    };
    return key(a) > key(b);
  });
}

template <class Items, class Write>
Response list_response(const Items& items, std::string_view cursor, std::int64_t total,
                       Write write) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const auto& item : items)
    write(writer, item);
  writer.end_array();
  writer.field("total", total);
  cursor_field(writer, cursor);
  writer.end_object();
  return json_response(200, std::move(body));
}

std::expected<std::optional<State>, Response> state_parameter(const Call& call) {
  const std::string text = text_parameter(call, "state");
  if (text.empty()) return std::nullopt;
  const auto state = detect::posture::parse_state(text);
  if (state) return state;
  return std::unexpected(
      problem(call.request, Problem::BadRequest, "state: expected active, resolved or dismissed"));
}

std::expected<Exception, Response> read_exception(const Call& call) {
  const auto body =
      read_body(call, Body::Required,
                {"recommendation", "deviceId", "securityGroup", "item", "reason", "expires"});
  if (!body) return std::unexpected(body.error());
  const auto wrong = [&call](std::string_view message) {
    return std::unexpected(problem(call.request, Problem::BadRequest, message));
  };
  Exception out;
  const Recommendation* what =
      detect::posture::find_recommendation(body->text_or("recommendation", ""));
  if (what == nullptr) return wrong("recommendation: expected the name of one");
  out.kind = what->kind;
  struct Text {
    std::string_view name;
    std::string* value;
    std::size_t most;
  };
  for (const Text text :
       {Text{"deviceId", &out.device_id, kMaxText}, Text{"securityGroup", &out.group, kMaxText},
        Text{"item", &out.item, kMaxText}, Text{"reason", &out.reason, kMaxReason}}) {
    auto value = text_field(call, *body, text.name, text.most);
    if (!value) return std::unexpected(std::move(value.error()));
    *text.value = std::move(*value).value_or("");
  }
  auto expires = text_field(call, *body, "expires", kMaxText);
  if (!expires) return std::unexpected(std::move(expires.error()));
  if (*expires) {
    const auto time = base::parse_rfc3339(**expires);
    if (!time || time->utc <= call.now) return wrong("expires: expected a time to come");
    out.expires = time->utc;
  }
  out.actor = call.principal.name;
  return out;
}

}  // namespace

Response list_recommendations(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto state = state_parameter(call);
  if (!state) return state.error();
  auto summaries = posture->summaries(where_of(call));
  if (!summaries) return problem(call.request, summaries.error());
  const Score score = detect::posture::score_of(*summaries);
  const std::string severity = text_parameter(call, "severity");
  if (!severity.empty() && !detect::parse_severity(severity))
    return problem(call.request, Problem::BadRequest, "severity: expected High, Medium or Low");
  std::erase_if(*summaries, [&](const Summary& summary) {
    return (*state && summary.state != **state) ||
           (!severity.empty() && detect::to_string(summary.severity) != severity);
  });
  sort_by_urgency(*summaries);
  return list_response(
      *summaries, "", static_cast<std::int64_t>(summaries->size()),
      [&score](Writer& writer, const Summary& summary) { write_summary(writer, summary, score); });
}

Response get_recommendation(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const Recommendation* what = named(call);
  if (what == nullptr) return unknown(call);
  const auto summaries = posture->summaries(where_of(call));
  if (!summaries) return problem(call.request, summaries.error());
  std::string body;
  Writer writer(body);
  write_summary(writer, (*summaries)[static_cast<std::size_t>(what->kind)],
                detect::posture::score_of(*summaries));
  return json_response(200, std::move(body));
}

Response list_recommendation_devices(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const Recommendation* what = named(call);
  if (what == nullptr) return unknown(call);
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto state = state_parameter(call);
  if (!state) return state.error();
  detect::posture::DeviceFilter filter;
  filter.state = *state;
  filter.group = text_parameter(call, "group");
  filter.search = text_parameter(call, "search");
  filter.item = text_parameter(call, "item");
  filter.cursor = text_parameter(call, "cursor");
  filter.limit = *limit;
  const auto page = posture->devices(what->kind, filter);
  if (!page) return problem(call.request, page.error());
  return list_response(page->items, page->next_cursor, page->total, write_assessment);
}

Response list_recommendation_items(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const Recommendation* what = named(call);
  if (what == nullptr) return unknown(call);
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto items = posture->items(what->kind, where_of(call), *limit);
  if (!items) return problem(call.request, items.error());
  return list_response(*items, "", static_cast<std::int64_t>(items->size()),
                       [](Writer& writer, const detect::posture::ItemSummary& item) {
                         writer.begin_object();
                         writer.field("key", item.key);
                         writer.field("title", item.title);
                         writer.field("severity", detect::to_string(item.severity));
                         writer.field("devices", item.devices);
                         writer.field("accepted", item.accepted);
                         time_field(writer, "since", item.since);
                         writer.end_object();
                       });
}

Response list_device_recommendations(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const identity::Name name{std::string(call.path[0]), {}};
  const auto device = call.services.dependencies.registry->get(name);
  if (!device) return identity_refused(call, device.error());
  const auto all = posture->assessments(name.device_id);
  if (!all) return problem(call.request, all.error());
  return list_response(*all, "", static_cast<std::int64_t>(all->size()), write_assessment);
}

Response get_score(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto score = posture->score(where_of(call));
  if (!score) return problem(call.request, score.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_score(writer, *score);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response list_group_scores(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto scores = posture->group_scores();
  if (!scores) return problem(call.request, scores.error());
  return list_response(*scores, "", static_cast<std::int64_t>(scores->size()),
                       [](Writer& writer, const detect::posture::GroupScore& each) {
                         writer.begin_object();
                         writer.field("securityGroup", each.group);
                         write_score(writer, each.score);
                         writer.end_object();
                       });
}

Response list_recommendation_exceptions(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto all = posture->exceptions();
  if (!all) return problem(call.request, all.error());
  return list_response(*all, "", static_cast<std::int64_t>(all->size()), write_exception);
}

Response test_recommendation_exception(Call& call) {
  const auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto exception = read_exception(call);
  if (!exception) return exception.error();
  const auto preview = posture->preview(*exception);
  if (!preview) return problem(call.request, preview.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("items", preview->items);
  writer.field("devices", preview->devices);
  write_texts(writer, "examples", preview->examples);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response create_recommendation_exception(Call& call) {
  auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto exception = read_exception(call);
  if (!exception) return exception.error();
  if (base::trim(exception->reason).empty())
    return problem(call.request, Problem::BadRequest, "reason: say why this is accepted");
  const auto made = posture->add_exception(*exception);
  if (!made && made.error().code == base::Code::Full)
    return problem(call.request, Problem::Forbidden, "There are too many exceptions.");
  if (!made) return problem(call.request, made.error());
  call.audit_target = std::to_string(made->id);
  call.audit_detail =
      std::string(detect::posture::recommendation(made->kind).name) + ": " + made->reason;
  std::string body;
  Writer writer(body);
  write_exception(writer, *made);
  return json_response(201, std::move(body));
}

Response delete_recommendation_exception(Call& call) {
  auto* posture = posture_of(call);
  if (posture == nullptr) return none_here(call);
  const auto id = base::parse_int(call.path[0]);
  const auto removed = posture->remove_exception(id.value_or(0));
  if (!removed && removed.error().code == base::Code::NotFound) {
    return problem(call.request, Problem::NotFound,
                   "There is no exception " + base::json::quoted(call.path[0]) + ".");
  }
  if (!removed) return problem(call.request, removed.error());
  call.audit_detail = detect::posture::recommendation(removed->kind).name;
  return Response{.status = 204};
}

void add_recommendation_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr std::string_view kAll = "/recommendations";
  table.push_back(
      {Get, kAll, Look, list_recommendations, {}, {"state", "severity", "group", "device"}});
  table.push_back({Get,
                   "/recommendations/{recommendationName}",
                   Look,
                   get_recommendation,
                   {},
                   {"group", "device"}});
  table.push_back({Get,
                   "/recommendations/{recommendationName}/devices",
                   Look,
                   list_recommendation_devices,
                   {},
                   {"state", "group", "search", "item", "limit", "cursor"}});
  table.push_back({Get,
                   "/recommendations/{recommendationName}/items",
                   Look,
                   list_recommendation_items,
                   {},
                   {"group", "device", "limit"}});
  table.push_back({Get, "/devices/{deviceId}/recommendations", Look, list_device_recommendations});
  table.push_back({Get, "/score", Look, get_score, {}, {"group", "device"}});
  table.push_back({Get, "/score/groups", Look, list_group_scores});
  constexpr std::string_view kExceptions = "/recommendation-exceptions";
  table.push_back({Get, kExceptions, Look, list_recommendation_exceptions});
  table.push_back({Post, kExceptions, Handle, create_recommendation_exception,
                   "recommendation.exception.create"});
  table.push_back({Post, "/recommendation-exceptions/test", Look, test_recommendation_exception});
  table.push_back({Delete, "/recommendation-exceptions/{exceptionId}", Handle,
                   delete_recommendation_exception, "recommendation.exception.delete"});
}

}  // namespace hub::api
