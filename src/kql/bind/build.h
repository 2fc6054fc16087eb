#pragma once

// The templates of Binder, for its own sources.

#include <fmt/format.h>

#include "kql/bind/binder.h"

namespace kql::bind {

template <class Form>
ExprRef Binder::make(Type type, bool nullable, std::uint32_t weight, Form form) {
  if (weight > kMaxWeight || plan_.exprs.size() > kMaxNodes) {
    diagnostics_.error(operator_span_,
                       "the query grows too large when its let statements are "
                       "written out");
    return nullptr;
  }
  return plan_.exprs.make(type, nullable && type != Type::String, weight, std::move(form));
}

}  // namespace kql::bind
