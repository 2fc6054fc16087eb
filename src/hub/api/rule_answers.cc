#include "hub/api/rule_answers.h"

#include <fmt/format.h>

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kAnything = std::size_t{1} << 20U;  // the module knows better

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

// A text, or a list of texts.
std::optional<std::vector<std::string>> texts_of(const Value* value) {
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->if_string() != nullptr) return std::vector<std::string>{*value->if_string()};
  if (value->if_array() == nullptr) return std::nullopt;
  for (const Value& one : *value->if_array()) {
    if (one.if_string() == nullptr) return std::nullopt;
    out.push_back(*one.if_string());
  }
  return out;
}

std::expected<std::vector<rules::Where>, Response> read_conditions(const Call& call,
                                                                   const Value& body) {
  std::vector<rules::Where> out;
  const auto wrong = [&call] {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "conditions: expected a list of {field, modifiers, values}"));
  };
  const Value* list = body.find("conditions");
  if (list == nullptr || list->if_array() == nullptr) return wrong();
  for (const Value& one : *list->if_array()) {
    rules::Where where;
    where.field = one.text_or("field", "");
    where.modifiers = one.text_or("modifiers", "");
    auto values = texts_of(one.find("values"));
    if (where.field.empty() || !values) return wrong();
    where.values = std::move(*values);
    out.push_back(std::move(where));
  }
  return out;
}

}  // namespace

void write_rule_fields(Writer& writer, const detect::ListedRule& rule) {
  const detect::RuleInfo& info = rule.info;
  writer.field("id", info.id);
  writer.field("title", info.title);
  writer.field("state", rule.enabled ? "enabled" : "disabled");
  writer.field("kind", detect::to_string(rule.kind));
  writer.field("origin", detect::to_string(rule.origin));
  writer.field("file", rule.file);
  writer.field("line", rule.line);
  writer.field("part", rule.part);
  writer.field("severity", detect::to_string(info.severity));
  writer.field("ownSeverity", detect::to_string(rule.own_severity));
  writer.field("description", info.description);
  writer.field("author", info.author);
  writer.field("license", info.license);
  writer.field("status", rule.status);
  writer.key("logSource");
  writer.begin_object();
  writer.field("product", rule.product);
  writer.field("category", rule.category);
  writer.field("service", rule.service);
  writer.end_object();
  write_texts(writer, "tactics", info.tactics);
  write_texts(writer, "techniques", info.techniques);
  write_texts(writer, "tags", rule.tags);
  write_texts(writer, "aliases", info.aliases);
  write_texts(writer, "references", rule.references);
  write_texts(writer, "falsePositives", info.false_positives);
  write_texts(writer, "remediation", info.remediation);
  write_texts(writer, "buildsOn", rule.builds_on);
}

void write_rule(Writer& writer, const detect::ListedRule& rule) {
  writer.begin_object();
  write_rule_fields(writer, rule);
  writer.end_object();
}

void write_problem_fields(Writer& writer, const detect::RuleProblem& problem) {
  writer.field("file", problem.file);
  writer.field("line", problem.line);
  writer.field("column", problem.column);
  writer.field("problem", problem.message);
}

void write_filter(Writer& writer, const detect::ListedFilter& filter) {
  writer.begin_object();
  writer.field("id", filter.id);
  writer.field("title", filter.title);
  writer.field("description", filter.description);
  writer.field("origin", detect::to_string(filter.origin));
  writer.field("file", filter.file);
  writer.field("line", filter.line);
  write_texts(writer, "rules", filter.rules);
  writer.end_object();
}

void write_text(Writer& writer, const rules::Text& text) {
  writer.begin_object();
  writer.field("id", text.id);
  writer.field("title", text.title);
  writer.field("text", text.text);
  writer.field("comment", text.comment);
  writer.field("created", time_text(text.created));
  writer.field("createdBy", text.created_by);
  writer.field("updated", time_text(text.updated));
  writer.field("updatedBy", text.updated_by);
  writer.field("etag", text.etag);
  writer.end_object();
}

void write_setting(Writer& writer, const std::optional<rules::Setting>& setting) {
  if (!setting) return writer.null();
  writer.begin_object();
  writer.field("enabled", setting->setting.enabled);
  writer.key("severity");
  if (setting->setting.severity) {
    writer.value(detect::to_string(*setting->setting.severity));
  } else {
    writer.null();
  }
  writer.field("comment", setting->comment);
  writer.field("updated", time_text(setting->updated));
  writer.field("updatedBy", setting->updated_by);
  writer.field("etag", setting->etag);
  writer.end_object();
}

Response rule_refused(const Request& request, const base::Error& error) {
  std::string text = error.what;
  if (!error.detail.empty()) text += ": " + error.detail;
  switch (error.code) {
    case Code::NotFound:
      return problem(request, Problem::NotFound, text);
    case Code::Exists:
      return problem(request, Problem::Conflict, text);
    case Code::Conflict:
      return problem(request, Problem::PreconditionFailed, text);
    case Code::Full:
      return problem(request, Problem::Forbidden, text);
    case Code::TooLarge:
      return problem(request, Problem::TooLarge, text);
    case Code::Invalid:
    case Code::Unsupported:
    case Code::Malformed:
      return problem(request, Problem::BadRequest, text);
    default:
      return problem(request, error);
  }
}

Response rules_refused(const Request& request, const rules::Wrong& wrong) {
  if (wrong.problems.empty()) return rule_refused(request, wrong.error);
  std::string diagnostics;
  Writer writer(diagnostics);
  writer.begin_array();
  for (const detect::RuleProblem& one : wrong.problems) {
    writer.begin_object();
    writer.field("severity", "error");
    writer.field("line", one.line);
    writer.field("column", one.column);
    writer.field("offset", 0);
    writer.field("length", 0);
    writer.field("message", one.message);
    writer.end_object();
  }
  writer.end_array();
  const detect::RuleProblem& first = wrong.problems.front();
  return problem(request, Problem::BadRequest,
                 fmt::format("{}:{}: {}", first.line, first.column, first.message), diagnostics);
}

std::expected<ExceptionBody, Response> exception_of(const Call& call, const Value& body) {
  ExceptionBody out;
  auto comment = text_field(call, body, "comment", kAnything);
  if (!comment) return std::unexpected(std::move(comment.error()));
  out.comment = std::move(*comment).value_or("");
  auto text = text_field(call, body, "text", kAnything);
  if (!text) return std::unexpected(std::move(text.error()));
  if (*text) {
    out.text = std::move(**text);
    return out;
  }
  auto rule = text_field(call, body, "rule", kAnything);
  if (!rule) return std::unexpected(std::move(rule.error()));
  auto title = text_field(call, body, "title", kAnything);
  if (!title) return std::unexpected(std::move(title.error()));
  if (!*rule) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "expected 'text', or 'rule' with 'title' and 'conditions'"));
  }
  const auto conditions = read_conditions(call, body);
  if (!conditions) return std::unexpected(conditions.error());
  auto made = rules::exception_text(*call.services.dependencies.detections, **rule,
                                    title->value_or("Exception"), *conditions);
  if (!made) return std::unexpected(rule_refused(call.request, made.error()));
  out.text = std::move(*made);
  return out;
}

std::expected<ExceptionBody, Response> read_exception(const Call& call) {
  const auto body =
      read_body(call, Body::Required, {"text", "comment", "rule", "title", "conditions"});
  if (!body) return std::unexpected(body.error());
  return exception_of(call, *body);
}

}  // namespace hub::api
