#pragma once

#include <vector>

#include "kql/lex/token.h"
#include "kql/source.h"

namespace kql::lex {

// The query as tokens, without comments and white space; the last is End. Never fails: what is no
// token becomes Invalid and an error.
std::vector<Token> tokenize(Diagnostics& diagnostics);

}  // namespace kql::lex
