#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/catalogue.h"

// Completion and signature help while a query is written. The parser says what may come next and
// the binder which names are known there: there is no second grammar. Threads: pure.
namespace kql {

enum class SuggestionKind : std::uint8_t {
  Table,
  Column,
  Variable,  // bound by let or as
  Function,  // of the language, or bound by let
  Aggregate,
  Operator,  // after a '|'
  Keyword,   // also the operators between values
  Type,
};
std::string_view to_string(SuggestionKind kind);

struct Suggestion {
  std::string label;  // the name itself
  SuggestionKind kind = SuggestionKind::Keyword;
  std::string insert;         // what to put in its place: a function with its '('
  std::string detail;         // a column's type, a function's form
  std::string documentation;  // a sentence; may be empty
};

// The call that the place is in the arguments of.
struct Signature {
  struct Form {
    std::string label;                    // strcat(part: text...): string
    std::vector<std::string> parameters;  // as they stand in the label
    bool variadic = false;                // the last one repeats
  };
  std::string name;
  std::string documentation;
  std::size_t argument = 0;  // counts from 0
  std::vector<Form> forms;
};

struct Completion {
  // The piece of a word before the place, in bytes: what a suggestion replaces.
  std::size_t offset = 0;
  std::size_t length = 0;
  // The best first. Each has that piece in it, whatever its case.
  std::vector<Suggestion> items;
  std::optional<Signature> signature;
};

// What may stand at that place, in bytes from the start; what follows it does not count. Nothing in
// strings, comments and numbers, and for texts that are no queries (kMaxQueryBytes, UTF-8).
Completion complete(std::string_view query, std::size_t at, const Catalogue& catalogue);

// How an operator is written and what it does; nullptr: there is no such operator.
struct OperatorDocument {
  std::string_view form;
  std::string_view summary;
};
const OperatorDocument* operator_document(std::string_view name);

}  // namespace kql
