#pragma once

#include <string_view>

#include "dissect/message.h"

namespace dissect::tds {

struct Statement {
  std::string_view verb;  // "SELECT", a literal; empty: none that is known
  Access access = Access::None;
};

// What a batch begins to do: its first verb, behind blanks, comments, parentheses and settings that
// come before every statement.
Statement first_statement(std::string_view sql);

}  // namespace dissect::tds
