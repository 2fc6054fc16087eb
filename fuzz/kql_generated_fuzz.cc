// The input's bytes choose among valid queries: deep into the binder and the emitter, where random
// text never gets. What compiles must be evaluated without harm, too.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "kql/evaluator/evaluator.h"
#include "kql/evaluator/generator.h"
#include "kql/kql.h"
#include "kql/parse/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  kql::evaluator::Generator generator(
      [&](std::size_t limit) { return at < size ? data[at++] % limit : 0; });
  const std::string query = generator.query();
  const auto compiled = kql::compile(query, {}, {.row_limit = 100});
  // The bytes after the query's spoil it, sometimes in a place that nothing but a near miss
  // reaches.
  std::string spoiled = query;
  if (at + 2 < size) {
    const std::size_t place = (data[at] * 256U + data[at + 1]) % spoiled.size();
    spoiled[place] = static_cast<char>(data[at + 2] % 128);
  }
  for (const std::string& each : {query, spoiled}) {
    for (const kql::Diagnostic& found : kql::validate(each, {})) {
      ASSERT(found.offset <= each.size() && found.length <= each.size() - found.offset);
      ASSERT(!found.message.empty());
    }
  }
  if (!compiled) return 0;
  ASSERT(!compiled->sql.empty());
  kql::Diagnostics diagnostics(query);
  const kql::ast::Tree tree = kql::parse::parse(diagnostics);
  const auto answer = kql::evaluator::evaluate(tree, {}, 0);
  if (!answer) return 0;
  ASSERT(answer->table.columns.size() == compiled->columns.size());
  for (std::size_t i = 0; i < compiled->columns.size(); ++i)
    ASSERT(answer->table.columns[i].type == compiled->columns[i].type);
  return 0;
}
