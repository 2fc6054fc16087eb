#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/catalogue.h"

namespace kql::bind {

// What a name may mean at the end of an unfinished query, as the binder knows it there.
struct Visible {
  // Of the text, in bytes: where it ends, and where its last token does.
  std::uint32_t end = 0;
  std::uint32_t last_token_end = 0;

  std::vector<Column> columns;
  std::vector<Column> left;  // of a join, behind its 'on'
  std::vector<Column> right;
  bool rows = false;        // there are rows, even if without columns
  bool aggregates = false;  // an aggregate may stand here

  enum class Kind : std::uint8_t { Value, Table, Function };
  struct Bound {
    std::string name;
    Kind kind = Kind::Value;
    const ast::Lambda* lambda = nullptr;  // of a function; lives as long as the tree
  };
  std::vector<Bound> bound;  // by let and as; the innermost first

  bool exact = false;  // found at the very place, not only in the operator around it
};

}  // namespace kql::bind
