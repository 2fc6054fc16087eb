// declare query_parameters(n:long = 5): what whoever runs the query gave, else the default.

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/bind/build.h"
#include "kql/parse/parse.h"

namespace kql::bind {
namespace {

using Given = base::json::Value;

// For messages: what a value of the type looks like.
std::string_view example_of(Type type) {
  switch (type) {
    case Type::Bool:
      return "true or false";
    case Type::Int:
    case Type::Long:
      return "7";
    case Type::Real:
    case Type::Decimal:
      return "0.5";
    case Type::String:
      return "\"text\"";
    case Type::DateTime:
      return "2026-01-31T12:00:00Z";
    case Type::TimeSpan:
      return "1h or 00:30:00";
    case Type::Guid:
      return "74be27de-1e4e-49d9-b579-fe0b331d3642";
    case Type::Dynamic:
      return "[1, \"a\"]";
  }
  return "";
}

std::string described(const Given& given) {
  constexpr std::size_t kMost = 40;
  if (given.is_null()) return "null";
  if (given.if_array() != nullptr) return "a list";
  if (given.if_object() != nullptr) return "an object";
  if (given.if_string() == nullptr) return given.to_json();
  const std::string& text = *given.if_string();
  if (text.size() <= kMost) return "the text " + base::json::quoted(text);
  return fmt::format("the text {}...", base::json::quoted(base::to_utf8(text.substr(0, kMost))));
}

std::optional<Value> number_value(Type type, const Given& given) {
  if (type == Type::Real && given.if_double() != nullptr) return Value::of(*given.if_double());
  const bool whole = given.if_int() != nullptr;
  if (type == Type::Real || type == Type::Decimal || (is_integer(type) && whole))
    return parse::value_of(type, given.to_json());
  return std::nullopt;
}

// nullopt: it is not of the type.
std::optional<Value> value_of(Type type, const Given& given) {
  if (given.is_null()) return type == Type::String ? Value::text("") : Value::null(type);
  if (const std::string* text = given.if_string()) {
    return type == Type::String ? Value::text(*text) : parse::value_of(type, *text);
  }
  if (type == Type::Dynamic) return Value{type, given.to_json()};
  if (given.if_bool() != nullptr)
    return type == Type::Bool ? std::optional(Value::of(*given.if_bool())) : std::nullopt;
  if (given.if_int() != nullptr || given.if_double() != nullptr) return number_value(type, given);
  return std::nullopt;
}

Span declaration_of(const ast::Query& form) {
  if (form.parameters.empty()) return {0, 0};
  return join(form.parameters.front().name.span, form.parameters.back().name.span);
}

}  // namespace

void Binder::bind_parameters(const ast::Query& form, Scope& scope) {
  for (const ast::Parameter& each : form.parameters) {
    const std::string& name = each.name.text;
    if (name.empty()) continue;  // reported
    if (scope.names.contains(name)) {
      diagnostics_.error(each.name.span, fmt::format("a second parameter '{}'", name));
      continue;
    }
    const ExprRef value = parameter_value(each);
    if (value == nullptr) {
      scope.names.emplace(name, LetBroken{});
    } else {
      scope.names.emplace(name, LetScalar{value});
    }
  }
}

ExprRef Binder::parameter_value(const ast::Parameter& parameter) {
  if (parameter.tabular) {
    diagnostics_.error(parameter.name.span, fmt::format("the parameter '{}' cannot be a table: "
                                                        "values from outside are scalars",
                                                        parameter.name.text));
    return nullptr;
  }
  if (parameters_ != nullptr) {
    const auto given = parameters_->find(parameter.name.text);
    if (given != parameters_->end()) return given_value(parameter, given->second);
  }
  if (parameter.otherwise != nullptr) return default_value(parameter);
  // While a query is written there is no value yet, but there is a type.
  if (visible_ != nullptr) return constant(*value_of(parameter.type, Given()));
  diagnostics_.error(
      parameter.name.span,
      fmt::format("the parameter '{}' needs a value of type {}, such as {}: it has no default",
                  parameter.name.text, type_name(parameter.type), example_of(parameter.type)));
  return nullptr;
}

ExprRef Binder::given_value(const ast::Parameter& parameter, const base::json::Value& given) {
  const std::string* text = given.if_string();
  if (text != nullptr && text->size() > kMaxParameterBytes) {
    diagnostics_.error(parameter.name.span,
                       fmt::format("the value given for '{}' is longer than {} KiB",
                                   parameter.name.text, kMaxParameterBytes / 1024));
    return nullptr;
  }
  if (text != nullptr && (text->contains('\0') || !base::is_utf8(*text))) {
    diagnostics_.error(parameter.name.span,
                       fmt::format("the value given for '{}' has a zero byte, or is not UTF-8",
                                   parameter.name.text));
    return nullptr;
  }
  auto value = value_of(parameter.type, given);
  if (value) return constant(std::move(*value));
  diagnostics_.error(
      parameter.name.span,
      fmt::format("the value given for '{}' should be of type {}, such as {}; found {}",
                  parameter.name.text, type_name(parameter.type), example_of(parameter.type),
                  described(given)));
  return nullptr;
}

ExprRef Binder::default_value(const ast::Parameter& parameter) {
  const ExprRef value = expr(parameter.otherwise);
  if (value == nullptr) return nullptr;
  if (common_type(value->type, parameter.type) == parameter.type)
    return convert(value, parameter.type);
  diagnostics_.error(parameter.otherwise->span,
                     fmt::format("expected a value of type {}, found {}", type_name(parameter.type),
                                 type_name(value->type)));
  return nullptr;
}

// Values that nothing was declared for: most likely a name that is misspelt.
void Binder::check_given(const ast::Query& top) {
  if (parameters_ == nullptr) return;
  std::vector<std::string_view> names;
  for (const ast::Parameter& each : top.parameters)
    names.push_back(each.name.text);
  for (const auto& [name, value] : *parameters_) {
    if (std::ranges::find(names, name) != names.end()) continue;
    std::string message =
        fmt::format("a value is given for '{}', but the query ", base::to_utf8(name));
    if (names.empty()) {
      message += "declares no parameters: declare query_parameters(name:type); stands before it";
    } else if (const auto near = base::nearest(name, names)) {
      message += fmt::format("does not declare it; did you mean '{}'?", *near);
    } else {
      message += fmt::format("declares only {}", fmt::join(names, ", "));
    }
    diagnostics_.error(declaration_of(top), std::move(message));
  }
}

}  // namespace kql::bind
