#pragma once

#include "iotql/lex.h"

namespace iotql {

// Gives a parsed query its meaning: names of the hub's own are written as it writes them, columns
// of a query that aggregates refer to groups, and restrictions are found.
Lexed<void> bind(Parsed& parsed);

}  // namespace iotql
