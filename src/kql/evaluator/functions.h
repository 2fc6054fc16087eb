#pragma once

#include <span>
#include <string_view>

#include "kql/evaluator/cell.h"
#include "kql/evaluator/context.h"

// The functions of the language that this evaluator knows.
namespace kql::evaluator {

struct Function {
  std::string_view name;
  Type result;
  // A letter for each argument, which is brought to that type first: B bool, L long, R real,
  // S string, T datetime, W timespan, D dynamic, A left as it is; '*' repeats the last. A leading
  // '?' says that the function wants to see nulls; else the result is null with any of them.
  std::string_view arguments;
  Cell (*call)(Context& context, std::span<const Cell> arguments);
};

std::span<const Function> text_functions();
std::span<const Function> number_functions();
std::span<const Function> time_functions();
std::span<const Function> dynamic_functions();

// A call by name. Refuses what it does not know.
Cell call_function(Context& context, std::string_view name, std::span<const Cell> arguments);

}  // namespace kql::evaluator
