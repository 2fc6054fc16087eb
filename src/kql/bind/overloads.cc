// Calls of functions of the table: the overload is chosen by the arguments' types.

#include <re2/re2.h>

#include "kql/bind/build.h"

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

}  // namespace

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
  const Overload* best = nullptr;
  Type best_common = Type::String;
  int best_cost = kImpossible;
  const Overload* right_count = nullptr;
  std::size_t bad_argument = 0;
  for (const Overload& overload : overloads) {
    if (!overload.takes(arguments.size())) continue;
    if (right_count == nullptr) right_count = &overload;
    std::optional<Type> common;
    int cost = 0;
    for (std::size_t i = 0; i < arguments.size() && cost < kImpossible; ++i) {
      const functions::Parameter& parameter = overload.parameter(i);
      const Type type = arguments[i]->type;
      switch (parameter.generic) {
        case Generic::None:
          cost += distance(type, parameter.type);
          break;
        case Generic::Text:
          cost += type == Type::String ? 0 : 3;
          break;
        case Generic::Any:
          cost += 5;
          break;
        case Generic::T:
        case Generic::N:
        case Generic::O: {
          const Type given =
              parameter.generic == Generic::N && type == Type::Dynamic ? Type::Real : type;
          common = common ? common_type(*common, given) : std::optional(given);
          cost += common && belongs(parameter.generic, given) ? 1 : kImpossible;
          break;
        }
      }
      if (cost >= kImpossible && right_count == &overload) bad_argument = i;
    }
    if (cost < best_cost) {
      best = &overload;
      best_cost = cost;
      best_common = common.value_or(Type::String);
    }
  }
  if (best != nullptr) {
    Choice choice{best, {}, best->result_generic == Generic::None ? best->result : best_common};
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const functions::Parameter& parameter = best->parameter(i);
      Type wanted = arguments[i]->type;
      if (parameter.generic == Generic::None) wanted = parameter.type;
      if (parameter.generic == Generic::Text) wanted = Type::String;
      if (parameter.generic == Generic::T || parameter.generic == Generic::N ||
          parameter.generic == Generic::O) {
        wanted = best_common;
      }
      // A list's element is the text itself, not what it would mean as JSON.
      const bool quoted = arguments[i]->type == Type::String && wanted == Type::Dynamic;
      const ExprRef converted = quoted ? quoted_json(arguments[i]) : convert(arguments[i], wanted);
      if (converted == nullptr) return std::nullopt;
      choice.arguments.push_back(converted);
    }
    if (!check_constants(name, choice, spans)) return std::nullopt;
    return choice;
  }
  if (right_count == nullptr) {
    std::string forms;
    for (const Overload& overload : overloads) {
      forms += (forms.empty() ? "" : " or ") + spelled(overload);
      if (forms.size() > 200) break;
    }
    diagnostics_.error(span,
                       fmt::format("'{}' does not take {} argument{}: expected {}", name.text,
                                   arguments.size(), arguments.size() == 1 ? "" : "s", forms));
    return std::nullopt;
  }
  const functions::Parameter& parameter = right_count->parameter(bad_argument);
  const std::string_view wanted = parameter.generic == Generic::None
                                      ? type_name(parameter.type)
                                      : generic_name(parameter.generic);
  diagnostics_.error(spans.empty() ? span : spans[bad_argument],
                     fmt::format("'{}' expects {} as its argument '{}', found {}", name.text,
                                 wanted, parameter.name, type_name(arguments[bad_argument]->type)));
  return std::nullopt;
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
  }
  return true;
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
