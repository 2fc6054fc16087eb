#pragma once

#include <span>
#include <string>

#include "kql/ast/ast.h"

namespace kql::emit {

// The regular expression (RE2) for has, hasprefix and hassuffix of any of the words: they stand in
// the text where no letter or digit touches them. A word's end that is itself neither needs no
// boundary.
std::string term_pattern(ast::TextOp op, bool case_sensitive, std::span<const std::string> words);

}  // namespace kql::emit
