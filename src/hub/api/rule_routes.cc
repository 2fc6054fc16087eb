// Detection rules: what there is, what is set for them, rules and exceptions of people's own.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/stream.h"
#include "hub/api/api.h"
#include "hub/api/rule_answers.h"
#include "hub/rules/rules.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using rules::TextKind;

namespace {

constexpr std::size_t kAnything = std::size_t{1} << 20U;  // the module knows better

detect::Stream& stream(const Call& call) {
  return *call.services.dependencies.detections;
}
rules::Rules& rules_of(const Call& call) {
  return *call.services.dependencies.rules;
}

bool contains(std::string_view text, std::string_view lower) {
  return base::to_lower(text).find(lower) != std::string::npos;
}

// One line of the list: a rule that can run, or one that cannot.
struct Line {
  std::string title;
  std::string id;
  std::string state;  // enabled, disabled, unusable, noEvents
  std::optional<detect::ListedRule> rule;
  std::optional<detect::RuleProblem> problem;
};

std::vector<Line> all_lines(const Call& call) {
  std::vector<Line> out;
  for (detect::ListedRule& rule : stream(call).list()) {
    Line line{rule.info.title, rule.info.id, rule.enabled ? "enabled" : "disabled", {}, {}};
    line.rule = std::move(rule);
    out.push_back(std::move(line));
  }
  for (detect::RuleProblem& problem : stream(call).problems()) {
    Line line{problem.title.empty() ? problem.file : problem.title,
              problem.id,
              problem.no_events ? "noEvents" : "unusable",
              {},
              {}};
    line.problem = std::move(problem);
    out.push_back(std::move(line));
  }
  std::ranges::stable_sort(out, [](const Line& a, const Line& b) {
    return std::pair(base::to_lower(a.title), a.id) < std::pair(base::to_lower(b.title), b.id);
  });
  return out;
}

struct Filter {
  std::string search;  // lower case
  std::string state;
  std::string origin;
  std::string kind;
  std::optional<detect::Severity> severity;
};

bool is_found(const Line& line, const std::string& search) {
  if (search.empty() || contains(line.title, search) || line.id == search) return true;
  if (line.problem)
    return contains(line.problem->message, search) || contains(line.problem->file, search);
  const detect::RuleInfo& info = line.rule->info;
  const auto has = [&](const std::string& text) { return contains(text, search); };
  return has(info.description) || std::ranges::any_of(info.aliases, has) ||
         std::ranges::any_of(info.techniques, has) || std::ranges::any_of(line.rule->tags, has);
}

bool fits(const Line& line, const Filter& filter) {
  if (!filter.state.empty() && filter.state != line.state) return false;
  if (!line.rule) {
    return filter.origin.empty() && filter.kind.empty() && !filter.severity &&
           is_found(line, filter.search);
  }
  if (!filter.origin.empty() && filter.origin != detect::to_string(line.rule->origin)) return false;
  if (!filter.kind.empty() && filter.kind != detect::to_string(line.rule->kind)) return false;
  if (filter.severity && *filter.severity != line.rule->info.severity) return false;
  return is_found(line, filter.search);
}

std::expected<std::string, Response> choice(const Call& call, std::string_view name,
                                            std::initializer_list<std::string_view> choices) {
  const std::string* given = call.target.parameter(name);
  if (given == nullptr || given->empty()) return std::string();
  if (std::ranges::find(choices, *given) != choices.end()) return *given;
  return std::unexpected(
      problem(call.request, Problem::BadRequest,
              fmt::format("{}: expected one of {}, found {}", name, fmt::join(choices, ", "),
                          base::json::quoted(*given))));
}

std::expected<Filter, Response> read_filter(const Call& call) {
  Filter out;
  if (const auto* search = call.target.parameter("search")) out.search = base::to_lower(*search);
  auto state = choice(call, "state", {"enabled", "disabled", "unusable", "noEvents"});
  if (!state) return std::unexpected(std::move(state.error()));
  out.state = std::move(*state);
  auto origin = choice(call, "origin", {"builtin", "folder", "own"});
  if (!origin) return std::unexpected(std::move(origin.error()));
  out.origin = std::move(*origin);
  auto kind = choice(call, "kind", {"rule", "correlation", "detector"});
  if (!kind) return std::unexpected(std::move(kind.error()));
  out.kind = std::move(*kind);
  const auto severity = choice(call, "severity", {"High", "Medium", "Low", "Informational"});
  if (!severity) return std::unexpected(severity.error());
  out.severity = detect::parse_severity(*severity);
  return out;
}

void write_line(Writer& writer, const Line& line) {
  if (line.rule) return write_rule(writer, *line.rule);
  writer.begin_object();
  writer.field("id", line.id);
  writer.field("title", line.title);
  writer.field("state", line.state);
  write_problem_fields(writer, *line.problem);
  writer.end_object();
}

std::string lower_id(std::string_view id) {
  return base::to_lower(id);
}

std::optional<Line> find_line(const Call& call, std::string_view id) {
  const std::string wanted = lower_id(id);
  for (Line& line : all_lines(call)) {
    if (line.id == wanted) return std::move(line);
  }
  return std::nullopt;
}

Response no_such_rule(const Call& call) {
  return problem(call.request, Problem::NotFound,
                 "There is no rule " + base::json::quoted(call.path[0]) + ".");
}

// A rule with everything that is known of it.
Response answer_rule(const Call& call, const Line& line, unsigned status = 200) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  if (line.rule) {
    write_rule_fields(writer, *line.rule);
  } else {
    writer.field("id", line.id);
    writer.field("title", line.title);
    writer.field("state", line.state);
    write_problem_fields(writer, *line.problem);
  }
  const std::string& file = line.rule ? line.rule->file : line.problem->file;
  const auto text = stream(call).document(file, line.rule ? line.rule->line : line.problem->line);
  writer.field("text", text ? *text : "");
  const auto setting = rules_of(call).setting(line.id);
  writer.key("setting");
  write_setting(writer, setting);
  writer.key("exceptions");
  writer.begin_array();
  for (const detect::ListedFilter& filter : stream(call).filters()) {
    if (std::ranges::find(filter.rules, line.id) != filter.rules.end())
      write_filter(writer, filter);
  }
  writer.end_array();
  constexpr std::string_view kOwn = "own/";
  const auto own = rules_of(call).text(TextKind::Rule,
                                       file.starts_with(kOwn) ? file.substr(kOwn.size()) : line.id);
  writer.key("own");
  if (own) {
    write_text(writer, *own);
  } else {
    writer.null();
  }
  writer.end_object();
  Response response = json_response(status, std::move(body));
  const std::string etag = setting ? setting->etag : "0";
  response.headers.push_back({"ETag", "\"" + etag + "\""});
  return response;
}

Response answer_text(unsigned status, const rules::Text& text) {
  std::string body;
  Writer writer(body);
  write_text(writer, text);
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", "\"" + text.etag + "\""});
  return response;
}

struct TextBody {
  std::string text;
  std::string comment;
};

std::expected<TextBody, Response> read_text_body(const Call& call) {
  const auto body = read_body(call, Body::Required, {"text", "comment"});
  if (!body) return std::unexpected(body.error());
  auto text = text_field(call, *body, "text", kAnything);
  if (!text) return std::unexpected(std::move(text.error()));
  auto comment = text_field(call, *body, "comment", kAnything);
  if (!comment) return std::unexpected(std::move(comment.error()));
  if (!*text) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "text: expected a rule, found nothing"));
  }
  return TextBody{std::move(**text), std::move(*comment).value_or("")};
}

std::expected<rules::SettingChange, Response> read_change(const Call& call) {
  const auto body = read_body(call, Body::Required, {"enabled", "severity", "comment"});
  if (!body) return std::unexpected(body.error());
  rules::SettingChange change;
  if (const Value* enabled = body->find("enabled")) {
    if (enabled->if_bool() == nullptr) {
      return std::unexpected(
          problem(call.request, Problem::BadRequest, "enabled: expected true or false"));
    }
    change.enabled = *enabled->if_bool();
  }
  if (const Value* severity = body->find("severity")) {
    std::optional<detect::Severity> wanted;
    if (severity->if_string() != nullptr) wanted = detect::parse_severity(*severity->if_string());
    if (!wanted && !severity->is_null()) {
      return std::unexpected(problem(
          call.request, Problem::BadRequest,
          "severity: expected High, Medium, Low, Informational or null for the rule's own"));
    }
    change.severity = wanted;
  }
  auto comment = text_field(call, *body, "comment", kAnything);
  if (!comment) return std::unexpected(std::move(comment.error()));
  change.comment = std::move(*comment).value_or("");
  return change;
}

}  // namespace

Response list_rules(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto filter = read_filter(call);
  if (!filter) return filter.error();
  const std::string* cursor = call.target.parameter("cursor");
  const auto begin = static_cast<std::size_t>(
      std::max<std::int64_t>(0, cursor == nullptr ? 0 : base::parse_int(*cursor).value_or(-1)));
  if (cursor != nullptr && !base::parse_int(*cursor))
    return problem(call.request, Problem::BadRequest, "cursor: it is none of ours");
  std::array<std::int64_t, 4> counts{};
  constexpr std::array<std::string_view, 4> kStates = {"enabled", "disabled", "unusable",
                                                       "noEvents"};
  std::vector<Line> lines;
  for (Line& line : all_lines(call)) {
    ++counts[static_cast<std::size_t>(std::ranges::find(kStates, line.state) - kStates.begin())];
    if (fits(line, *filter)) lines.push_back(std::move(line));
  }
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  const std::size_t end = std::min(lines.size(), begin + *limit);
  for (std::size_t i = begin; i < end; ++i)
    write_line(writer, lines[i]);
  writer.end_array();
  writer.field("total", static_cast<std::int64_t>(lines.size()));
  writer.key("counts");
  writer.begin_object();
  for (std::size_t i = 0; i < kStates.size(); ++i)
    writer.field(kStates[i], counts[i]);
  writer.end_object();
  cursor_field(writer, end < lines.size() ? std::to_string(end) : "");
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_rule(Call& call) {
  const auto line = find_line(call, call.path[0]);
  return line ? answer_rule(call, *line) : no_such_rule(call);
}

Response patch_rule(Call& call) {
  const auto change = read_change(call);
  if (!change) return change.error();
  const std::string id = lower_id(call.path[0]);
  const auto set = rules_of(call).set(id, *change, if_match(call), call.principal.name, call.now);
  if (!set) return rule_refused(call.request, set.error());
  call.audit_target = id;
  call.audit_detail = fmt::format(
      "{}{}", set->setting.enabled ? "enabled" : "disabled",
      set->setting.severity ? fmt::format(", {}", detect::to_string(*set->setting.severity)) : "");
  const auto line = find_line(call, id);
  return line ? answer_rule(call, *line) : no_such_rule(call);
}

Response create_rule(Call& call) {
  auto body = read_text_body(call);
  if (!body) return std::move(body.error());
  const auto made = rules_of(call).create(TextKind::Rule, std::move(body->text), body->comment,
                                          call.principal.name, call.now);
  if (!made) return rules_refused(call.request, made.error());
  call.audit_target = made->id;
  call.audit_detail = made->title;
  return answer_text(201, *made);
}

Response put_rule(Call& call) {
  auto body = read_text_body(call);
  if (!body) return std::move(body.error());
  const auto made =
      rules_of(call).replace(TextKind::Rule, lower_id(call.path[0]), std::move(body->text),
                             body->comment, if_match(call), call.principal.name, call.now);
  if (!made) return rules_refused(call.request, made.error());
  call.audit_detail = made->title;
  return answer_text(200, *made);
}

Response delete_rule(Call& call) {
  const auto gone = rules_of(call).remove(TextKind::Rule, lower_id(call.path[0]), if_match(call));
  return gone ? Response{.status = 204} : rule_refused(call.request, gone.error());
}

Response check_rule(Call& call) {
  auto body = read_text_body(call);
  if (!body) return std::move(body.error());
  const auto made = rules_of(call).check(TextKind::Rule, std::move(body->text));
  if (!made) return rules_refused(call.request, made.error());
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("id", made->id);
  writer.field("title", made->title);
  writer.field("text", made->text);
  writer.end_object();
  return json_response(200, std::move(out));
}

Response list_rule_exceptions(Call& call) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  const auto filters = stream(call).filters();
  for (const detect::ListedFilter& filter : filters) {
    if (const std::string* rule = call.target.parameter("rule");
        rule != nullptr && std::ranges::find(filter.rules, lower_id(*rule)) == filter.rules.end())
      continue;
    write_filter(writer, filter);
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_rule_exception(Call& call) {
  const auto found = rules_of(call).text(TextKind::Exception, lower_id(call.path[0]));
  return found ? answer_text(200, *found) : rule_refused(call.request, found.error());
}

Response create_rule_exception(Call& call) {
  auto text = read_exception(call);
  if (!text) return std::move(text.error());
  const auto made = rules_of(call).create(TextKind::Exception, std::move(text->text), text->comment,
                                          call.principal.name, call.now);
  if (!made) return rules_refused(call.request, made.error());
  call.audit_target = made->id;
  call.audit_detail = made->title;
  return answer_text(201, *made);
}

Response put_rule_exception(Call& call) {
  auto body = read_text_body(call);
  if (!body) return std::move(body.error());
  const auto made =
      rules_of(call).replace(TextKind::Exception, lower_id(call.path[0]), std::move(body->text),
                             body->comment, if_match(call), call.principal.name, call.now);
  if (!made) return rules_refused(call.request, made.error());
  call.audit_detail = made->title;
  return answer_text(200, *made);
}

Response delete_rule_exception(Call& call) {
  const auto gone =
      rules_of(call).remove(TextKind::Exception, lower_id(call.path[0]), if_match(call));
  return gone ? Response{.status = 204} : rule_refused(call.request, gone.error());
}

}  // namespace hub::api
