#include "kql/evaluator/functions.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "kql/evaluator/convert.h"

namespace kql::evaluator {
namespace {

std::optional<Type> type_of_letter(char letter) {
  switch (letter) {
    case 'B':
      return Type::Bool;
    case 'L':
      return Type::Long;
    case 'R':
      return Type::Real;
    case 'S':
      return Type::String;
    case 'T':
      return Type::DateTime;
    case 'W':
      return Type::TimeSpan;
    case 'D':
      return Type::Dynamic;
    default:
      return std::nullopt;
  }
}

bool takes(std::string_view letters, std::size_t count) {
  const bool repeats = letters.ends_with('*');
  const std::size_t named = letters.size() - (repeats ? 1 : 0);
  return repeats ? count >= named : count == named;
}

Cell run(Context& context, const Function& function, std::span<const Cell> given) {
  std::string_view letters = function.arguments;
  const bool sees_nulls = letters.starts_with('?');
  if (sees_nulls) letters.remove_prefix(1);
  std::vector<Cell> arguments;
  bool null = false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t last = letters.ends_with('*') ? letters.size() - 2 : letters.size() - 1;
    const auto type = type_of_letter(letters[std::min(i, last)]);
    Cell cell = given[i];
    if (type == Type::Dynamic) {
      cell = as_json(context, cell);
    } else if (type) {
      cell = convert(context, cell, *type);
    }
    null = null || cell.is_null();
    arguments.push_back(std::move(cell));
  }
  if (null && !sees_nulls) return Cell::null(function.result);
  Cell out = function.call(context, arguments);
  // A string has no null.
  return out.is_null() && out.type == Type::String ? Cell::null(Type::String) : out;
}

}  // namespace

Cell call_function(Context& context, std::string_view name, std::span<const Cell> arguments) {
  const std::array kAll{text_functions(), number_functions(), time_functions(),
                        dynamic_functions()};
  for (const auto& part : kAll) {
    for (const Function& each : part) {
      std::string_view letters = each.arguments;
      if (letters.starts_with('?')) letters.remove_prefix(1);
      if (each.name == name && takes(letters, arguments.size())) {
        return run(context, each, arguments);
      }
    }
  }
  return context.refuse("the function " + std::string(name));
}

}  // namespace kql::evaluator
