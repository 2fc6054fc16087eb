#pragma once

#include <span>
#include <string_view>

#include "kql/functions/function.h"

namespace kql::functions {

// How the functions are written that are no entries of the table, for those who write queries.
// A name may have several forms; they stand together.
struct SpecialForm {
  std::string_view name;
  std::string_view signature;  // as Entry::signature, with [] around what may be left out
  std::string_view summary;    // on the first form
  Kind kind = Kind::Scalar;
};
std::span<const SpecialForm> special_forms();

}  // namespace kql::functions
