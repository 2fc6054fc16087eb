// Calls of functions of the table: the overload is chosen by the arguments' types.

#include <algorithm>

#include <re2/re2.h>

#include "base/text.h"
#include "kql/bind/build.h"
#include "kql/natives/units.h"

namespace kql::bind {
namespace {

using functions::Generic;
using functions::Overload;

constexpr int kImpossible = 1'000'000;

bool belongs(Generic generic, Type type) {
  if (generic == Generic::N) return is_numeric(type);
  if (generic == Generic::O) return type != Type::Dynamic;
  return true;
}

// How far a value of one type is from a parameter of another; kImpossible: no way without a word of
// the user.
int distance(Type from, Type to) {
  if (from == to) return 0;
  if (from == Type::Int && to == Type::Long) return 1;
  if (is_integer(from) && to == Type::Real) return 2;
  if (is_numeric(from) && to == Type::Decimal) return 3;
  if (from == Type::Decimal && to == Type::Real) return 4;
  if (from == Type::Dynamic) return to == Type::String ? 6 : 7;
  if (to == Type::Dynamic && from != Type::String) return 8;
  // Text becomes a dynamic text, as an element of a list.
  if (to == Type::Dynamic) return 9;
  return kImpossible;
}

std::string spelled(const Overload& overload) {
  return std::string(overload.entry->name) + std::string(overload.entry->signature);
}

std::string_view generic_name(Generic generic) {
  return generic == Generic::N ? "a number" : "a value that can be ordered";
}

std::string forms_of(std::span<const Overload> overloads) {
  std::string forms;
  for (const Overload& overload : overloads) {
    forms += (forms.empty() ? "" : " or ") + spelled(overload);
    if (forms.size() > 200) break;
  }
  return forms;
}

Type wanted_type(const functions::Parameter& parameter, Type given, Type common) {
  switch (parameter.generic) {
    case Generic::None:
      return parameter.type;
    case Generic::Text:
      return Type::String;
    case Generic::Any:
      return given;
    case Generic::T:
    case Generic::N:
    case Generic::O:
      break;
  }
  return common;
}

}  // namespace

// What one argument adds to an overload's cost; `common` is the type that its generic parameters
// share so far.
int Binder::cost_of(const functions::Parameter& parameter, Type type, std::optional<Type>& common) {
  switch (parameter.generic) {
    case Generic::None:
      return distance(type, parameter.type);
    case Generic::Text:
      return type == Type::String ? 0 : 3;
    case Generic::Any:
      return 5;
    case Generic::T:
    case Generic::N:
    case Generic::O:
      break;
  }
  const Type given = parameter.generic == Generic::N && type == Type::Dynamic ? Type::Real : type;
  common = common ? common_type(*common, given) : std::optional(given);
  return common && belongs(parameter.generic, given) ? 1 : kImpossible;
}

Binder::Fit Binder::fit_of(const Overload& overload, std::span<const ExprRef> arguments) {
  Fit fit{&overload, 0, Type::String, 0};
  std::optional<Type> common;
  for (std::size_t i = 0; i < arguments.size() && fit.cost < kImpossible; ++i) {
    fit.cost += cost_of(overload.parameter(i), arguments[i]->type, common);
    fit.bad_argument = i;
  }
  fit.common = common.value_or(Type::String);
  return fit;
}

bool Binder::bind_arguments(const ast::Call& call, std::vector<ExprRef>& out,
                            std::vector<Span>& spans) {
  bool failed = false;
  for (const ast::Assignment& argument : call.arguments) {
    if (!argument.names.empty()) {
      diagnostics_.error(argument.span,
                         fmt::format("'{}' takes no named arguments", call.name.text));
      return false;
    }
    const ExprRef value = expr(argument.value);
    failed = failed || value == nullptr;
    out.push_back(value);
    spans.push_back(argument.value->span);
  }
  return !failed;
}

ExprRef Binder::overloaded(const ast::Call& call, functions::Kind kind, Span span) {
  const auto overloads = functions::find(call.name.text, kind);
  std::vector<ExprRef> arguments;
  std::vector<Span> spans;
  if (!bind_arguments(call, arguments, spans)) return nullptr;
  auto choice = resolve(call.name, overloads, std::move(arguments), span, spans);
  if (!choice) return nullptr;
  return apply_overload(*choice->overload, std::move(choice->arguments), choice->result);
}

std::optional<Binder::Choice> Binder::resolve(const ast::Name& name,
                                              std::span<const Overload> overloads,
                                              std::vector<ExprRef> arguments, Span span,
                                              std::span<const Span> spans) {
  const Overload* right_count = nullptr;
  Fit best{nullptr, kImpossible, Type::String, 0};
  Fit first;  // of right_count
  for (const Overload& overload : overloads) {
    if (!overload.takes(arguments.size())) continue;
    const Fit fit = fit_of(overload, arguments);
    if (right_count == nullptr) {
      right_count = &overload;
      first = fit;
    }
    if (fit.cost < best.cost) best = fit;
  }
  if (best.overload != nullptr) return take(name, best, arguments, spans);
  if (right_count == nullptr) {
    diagnostics_.error(
        span, fmt::format("'{}' does not take {} argument{}: expected {}", name.text,
                          arguments.size(), arguments.size() == 1 ? "" : "s", forms_of(overloads)));
    return std::nullopt;
  }
  const functions::Parameter& parameter = right_count->parameter(first.bad_argument);
  const std::string_view wanted = parameter.generic == Generic::None
                                      ? type_name(parameter.type)
                                      : generic_name(parameter.generic);
  diagnostics_.error(
      spans.empty() ? span : spans[first.bad_argument],
      fmt::format("'{}' expects {} as its argument '{}', found {}", name.text, wanted,
                  parameter.name, type_name(arguments[first.bad_argument]->type)));
  return std::nullopt;
}

std::optional<Binder::Choice> Binder::take(const ast::Name& name, const Fit& fit,
                                           std::span<const ExprRef> arguments,
                                           std::span<const Span> spans) {
  const Overload& overload = *fit.overload;
  Choice choice{
      &overload, {}, overload.result_generic == Generic::None ? overload.result : fit.common};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Type given = arguments[i]->type;
    const Type wanted = wanted_type(overload.parameter(i), given, fit.common);
    // A list's element is the text itself, not what it would mean as JSON.
    const bool quoted = given == Type::String && wanted == Type::Dynamic;
    const ExprRef converted = quoted ? quoted_json(arguments[i]) : convert(arguments[i], wanted);
    if (converted == nullptr) return std::nullopt;
    choice.arguments.push_back(converted);
  }
  if (!check_constants(name, choice, spans)) return std::nullopt;
  return choice;
}

ExprRef Binder::quoted_json(ExprRef text) {
  static constexpr functions::Entry kEntry{"", "(text: string): dynamic", "to_json({0})"};
  static const Overload overload = [] {
    Overload out;
    out.entry = &kEntry;
    out.parameters = {{"text", Type::String}};
    out.result = Type::Dynamic;
    return out;
  }();
  return make(Type::Dynamic, false, text->weight + 1, plan::Apply{&overload, {text}});
}

bool Binder::check_regex(ExprRef pattern, Span span) {
  const auto* known = std::get_if<plan::Constant>(&pattern->form);
  if (known == nullptr) return true;
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 compiled(*known->value.if_text(), options);
  if (compiled.ok()) return true;
  diagnostics_.error(span, fmt::format("not a regular expression (RE2): {}", compiled.error()));
  return false;
}

bool Binder::check_constants(const ast::Name& name, const Choice& choice,
                             std::span<const Span> spans) {
  for (std::size_t i = 0; i < choice.arguments.size(); ++i) {
    const functions::Parameter& parameter = choice.overload->parameter(i);
    if (!parameter.constant) continue;
    const auto* known = std::get_if<plan::Constant>(&choice.arguments[i]->form);
    if (known == nullptr || known->value.is_null()) {
      diagnostics_.error(spans[i], fmt::format("'{}' needs a constant as its argument '{}'",
                                               name.text, parameter.name));
      return false;
    }
    if (parameter.name == "regex" && !check_regex(choice.arguments[i], spans[i])) return false;
    if (parameter.name == "format" && !check_format(*known->value.if_text(), spans[i]))
      return false;
    if (parameter.name.ends_with("_unit")) check_unit(name, *known->value.if_text(), spans[i]);
  }
  return true;
}

// A format of format_timespan().
bool Binder::check_format(std::string_view format, Span span) {
  const std::size_t bad = format.find_first_not_of("dHhmsfF /-:,._[]");
  if (bad == std::string_view::npos) return true;
  diagnostics_.error(
      span, fmt::format("'{}' is no part of a timespan's format: expected d, h, H, m, s, f, F and "
                        "separators",
                        format[bad]));
  return false;
}

// convert_length(1, "Foot", ...): units that are not known give null, so that one is worth a word.
void Binder::check_unit(const ast::Name& name, std::string_view unit, Span span) {
  const std::string_view family =
      std::string_view(name.text).substr(std::string_view("convert_").size());
  const std::vector<std::string_view> known = natives::unit_names(family);
  if (std::ranges::find(known, unit) != known.end()) return;
  std::string message = fmt::format("'{}' is no unit of {}: the result is null", unit, family);
  if (const auto nearest = base::nearest(unit, known)) {
    message += fmt::format("; did you mean '{}'?", *nearest);
  }
  diagnostics_.warning(span, message);
}

bool Binder::argument_count(const ast::Call& call, std::size_t least, std::size_t most, Span span) {
  const std::size_t count = call.arguments.size();
  if (count >= least && count <= most) return true;
  std::string wanted = fmt::format("{}", least);
  if (most == SIZE_MAX) {
    wanted = fmt::format("at least {}", least);
  } else if (most != least) {
    wanted = fmt::format("{} to {}", least, most);
  }
  diagnostics_.error(span, fmt::format("'{}' takes {} argument{}, found {}", call.name.text, wanted,
                                       wanted == "1" ? "" : "s", count));
  return false;
}

}  // namespace kql::bind
