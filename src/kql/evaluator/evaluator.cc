#include "kql/evaluator/evaluator.h"

#include "kql/evaluator/machine.h"

namespace kql::evaluator {

std::expected<Answer, Refusal> evaluate(const ast::Tree& tree,
                                        const std::map<std::string, Table>& tables, Ticks now) {
  if (tree.query == nullptr) return std::unexpected(Refusal{"no query"});
  if (!tree.query->options.empty() || !tree.query->parameters.empty()) {
    return std::unexpected(Refusal{"options or parameters of the query"});
  }
  Context context{.now = now};
  Scope catalogue;
  for (const auto& [name, table] : tables)
    catalogue.names.emplace(name, table);
  Scope scope{&catalogue};
  Table out = Machine(context).query(*tree.query, scope);
  if (context.refused) return std::unexpected(Refusal{std::move(*context.refused)});
  return Answer{std::move(out), context.overflowed};
}

}  // namespace kql::evaluator
