// search: text in any column.

#include "kql/bind/build.h"

namespace kql::bind {

// A string alone means: some column has it. Stars at its ends widen "has" to prefix, suffix or
// contains.
ExprRef Binder::search_text(const std::string& text) {
  std::string needle = text;
  const bool open_start = needle.starts_with('*');
  if (open_start) needle.erase(0, 1);
  const bool open_end = needle.ends_with('*');
  if (open_end) needle.pop_back();
  ast::TextOp op = ast::TextOp::Has;
  if (open_start && open_end) op = ast::TextOp::Contains;
  if (open_start && !open_end) op = ast::TextOp::HasSuffix;
  if (!open_start && open_end) op = ast::TextOp::HasPrefix;
  const ExprRef wanted = constant(Value::text(needle));
  plan::Logic any{false, {}};
  for (const plan::NamedColumn& each : rows_->columns) {
    const ExprRef content = convert(column(each), Type::String);
    if (content == nullptr || wanted == nullptr) return nullptr;
    any.operands.push_back(
        searched_first(make(Type::Bool, false, content->weight + 5,
                            plan::TextMatch{op, false, false, false, content, {wanted}})));
    if (any.operands.back() == nullptr) return nullptr;
  }
  if (any.operands.empty()) return constant(Value::of(false));
  const std::uint32_t weight = weight_of(any.operands);
  return make(Type::Bool, false, weight, std::move(any));
}

ExprRef Binder::search_condition(const ast::Expr& node) {
  if (const auto* literal = std::get_if<ast::Literal>(&node.form)) {
    if (literal->value.type == Type::String) return search_text(*literal->value.if_text());
  }
  const auto* logic = std::get_if<ast::Logic>(&node.form);
  if (logic == nullptr) return boolean(node, "a text to look for, or a condition");
  plan::Logic out{logic->all, {}};
  bool nullable = false;
  for (const ast::Expr* operand : logic->operands) {
    const ExprRef value = search_condition(*operand);
    if (value == nullptr) return nullptr;
    nullable = nullable || value->nullable;
    out.operands.push_back(value);
  }
  const std::uint32_t weight = weight_of(out.operands);
  return make(Type::Bool, nullable, weight, std::move(out));
}

void Binder::operate(const ast::Search& form, Relation& input) {
  std::vector<std::pair<std::string, Relation>> inputs;
  const Relation* before = std::exchange(rows_, nullptr);
  const bool piped = input.node != nullptr;
  for (const ast::Expr* table : form.tables) {
    const auto* name = std::get_if<ast::NameRef>(&table->form);
    inputs.emplace_back(name == nullptr ? "search_arg" : name->name, relation(*table));
  }
  if (!piped && form.tables.empty()) {
    for (const Table& table : catalogue_.tables())
      inputs.emplace_back(table.name, scan(table));
  }
  if (piped && form.tables.empty()) inputs.emplace_back("search_arg0", std::move(input));
  for (auto& [name, table] : inputs) {
    if (table.node == nullptr) {
      input = broken();
      rows_ = before;
      return;
    }
    rows_ = &table;
    const ExprRef condition = search_condition(*form.predicate);
    if (condition != nullptr) table.node = node(plan::Filter{table.node, condition});
  }
  rows_ = before;
  if (inputs.empty()) {
    diagnostics_.error(operator_span_, "there is no table to search");
    input = broken();
    return;
  }
  ast::Union all;
  all.properties.push_back({{"withsource", operator_span_}, {"$table", operator_span_}});
  input = union_of(std::move(inputs), all);
}

}  // namespace kql::bind
