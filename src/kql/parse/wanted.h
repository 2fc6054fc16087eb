#pragma once

#include <set>
#include <string>
#include <string_view>

namespace kql::parse {

// What the grammar asked for where the text ends: each question that the parser puts to its last
// token is noted, until the first that needs an answer. So what may come next is known from the
// parser itself, and from nothing beside it.
struct Wanted {
  bool statement = false;    // a query or a 'let' begins here
  bool table = false;        // a table may stand here
  bool only_table = false;   // nothing but a table may
  bool operators = false;    // the name of a tabular operator
  bool expression = false;   // a value
  bool column = false;       // the name of a column, and no other value
  bool type = false;         // the name of a type
  bool plugin = false;       // a plugin's call, behind 'evaluate'
  bool function = false;     // the call of a function that let has bound, behind 'invoke'
  bool chart = false;        // behind 'render'
  bool comparisons = false;  // an operator between values: ==, has, !in
  std::set<std::string, std::less<>> words;

  bool settled = false;  // what comes now is only recovery
};

}  // namespace kql::parse
