#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kql/evaluator/cell.h"
#include "kql/ticks.h"

namespace kql::evaluator {

// What an evaluation has come across on its way; it goes on with nulls after either, and its result
// is then good for nothing.
struct Context {
  Ticks now = 0;
  // The first thing whose meaning is not written down here.
  std::optional<std::string> refused = {};
  // A whole number left its range somewhere, perhaps in a branch that was not taken: the language
  // leaves the result open, and the database may report it.
  bool overflowed = false;
  // Values still to be computed before it is too much.
  std::int64_t budget = 2'000'000;

  Cell refuse(std::string_view why, Type type = Type::Dynamic) {
    if (!refused) refused = std::string(why);
    return Cell::null(type);
  }
  Cell overflow(Type type) {
    overflowed = true;
    return Cell::null(type);
  }
};

}  // namespace kql::evaluator
