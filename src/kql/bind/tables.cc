// Where rows come from.

#include <type_traits>

#include "base/text.h"
#include "kql/bind/build.h"

namespace kql::bind {

Relation Binder::broken() {
  Relation out;
  out.incomplete = true;
  return out;
}

Relation Binder::relation(const ast::Expr& expr) {
  ++depth_;
  const plan::Node** window_before = std::exchange(window_input_, nullptr);
  Relation out = broken();
  if (depth_ > kMaxDepth) {
    diagnostics_.error(expr.span, "queries are nested too deeply");
  } else if (const auto* pipe = std::get_if<ast::Pipeline>(&expr.form)) {
    out = pipeline(*pipe, expr.span);
  } else if (const auto* name = std::get_if<ast::NameRef>(&expr.form)) {
    out = named_relation(name->name, expr.span);
  } else if (const auto* table = std::get_if<ast::DataTable>(&expr.form)) {
    out = datatable(*table);
  } else if (const auto* printed = std::get_if<ast::Print>(&expr.form)) {
    out = print(*printed);
  } else if (const auto* numbers = std::get_if<ast::Range>(&expr.form)) {
    out = range(*numbers);
  } else if (const auto* call = std::get_if<ast::Call>(&expr.form)) {
    out = called_relation(*call, expr.span);
  } else if (const auto* source = std::get_if<ast::SourceOperator>(&expr.form)) {
    apply(*source->op, out);
  } else if (!std::holds_alternative<ast::Missing>(expr.form)) {
    diagnostics_.error(expr.span, "expected a table, found a single value");
  }
  --depth_;
  window_input_ = window_before;
  return out;
}

Relation Binder::named_relation(const std::string& name, Span span) {
  const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(name);
  if (binding != nullptr) {
    if (const auto* table = std::get_if<LetTable>(binding)) return reference(*table);
    if (!std::holds_alternative<LetBroken>(*binding)) {
      diagnostics_.error(
          span, fmt::format("expected a table, but '{}' is bound to a {}", name,
                            std::holds_alternative<LetScalar>(*binding) ? "single value"
                                                                        : "function; call it"));
    }
    return broken();
  }
  if (const Table* table = catalogue_.find(name)) return scan(*table);
  std::vector<std::string_view> candidates;
  for (const Table& table : catalogue_.tables())
    candidates.push_back(table.name);
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (const auto& [bound, value] : scope->names)
      candidates.push_back(bound);
  }
  std::string message = fmt::format("there is no table '{}'", name);
  if (const auto nearest = base::nearest(name, candidates)) {
    message += fmt::format("; did you mean '{}'?", *nearest);
  }
  diagnostics_.error(span, message);
  return broken();
}

// table("T"), materialize(T), view(T), and functions that were bound by let.
Relation Binder::called_relation(const ast::Call& call, Span span) {
  note_call(span);
  const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(call.name.text);
  if (binding != nullptr) {
    if (const auto* function = std::get_if<LetFunction>(binding)) {
      auto table = call_table(call, *function, nullptr);
      return table ? std::move(*table) : broken();
    }
    if (std::holds_alternative<LetBroken>(*binding)) return broken();
  }
  if (call.name.text == "materialize" || call.name.text == "view") {
    if (!argument_count(call, 1, 1, span)) return broken();
    return relation(*call.arguments.front().value);
  }
  if (call.name.text == "table") {
    if (!argument_count(call, 1, 1, span)) return broken();
    const auto* literal = std::get_if<ast::Literal>(&call.arguments.front().value->form);
    const std::string* name = literal == nullptr ? nullptr : literal->value.if_text();
    if (name != nullptr) return named_relation(*name, call.arguments.front().span);
    diagnostics_.error(span, "expected the table's name as a string literal");
    return broken();
  }
  const ExprRef value = expr(ast::Expr{span, call});
  if (value != nullptr) diagnostics_.error(span, "expected a table, found a single value");
  return broken();
}

Relation Binder::scan(const Table& table) {
  Relation out;
  plan::Scan form{&table, {}};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnId id = new_column();
    form.columns.emplace_back(id, i);
    out.columns.push_back(
        {table.columns[i].name, table.columns[i].type, id, table.columns[i].type != Type::String});
  }
  see_hidden(table, form, out);
  out.node = node(std::move(form));
  within_time_range(out);
  return out;
}

// What the caller of the query wants to see of a table, whatever the query says.
void Binder::within_time_range(Relation& table) {
  const plan::NamedColumn* time = table.find("TimeGenerated");
  if (!time_range_ || time == nullptr || time->type != Type::DateTime) return;
  const ExprRef from = constant(Value::of(Type::DateTime, time_range_->from));
  const ExprRef to = constant(Value::of(Type::DateTime, time_range_->to));
  const ExprRef inside =
      make(Type::Bool, time->nullable, 4, plan::Between{false, column(*time), from, to});
  if (inside != nullptr) table.node = node(plan::Filter{table.node, inside});
}

Relation Binder::reference(const LetTable& table) {
  Relation out;
  out.incomplete = table.incomplete;
  plan::SharedRef form{table.shared, {}};
  for (const plan::NamedColumn& column : table.columns) {
    const ColumnId id = new_column();
    form.columns.emplace_back(id, column.id);
    out.columns.push_back({column.name, column.type, id, column.nullable});
  }
  refer_hidden(table, form, out);
  out.node = node(std::move(form));
  return out;
}

Relation Binder::pipeline(const ast::Pipeline& form, Span span) {
  Relation out = broken();
  if (form.source != nullptr) {
    const Relation* before = std::exchange(rows_, nullptr);
    out = relation(*form.source);
    rows_ = before;
  } else if (outside_ != nullptr) {
    out = *outside_;
  } else if (catalogue_.default_table() != nullptr) {
    out = scan(*catalogue_.default_table());
  } else {
    diagnostics_.error({span.begin, span.begin},
                       "a query starts with a table: put its name and a '|' here");
  }
  for (const ast::Operator& op : form.operators)
    apply(op, out);
  return out;
}

namespace {

// Operators behind which the hidden columns of their input are still there.
template <class... Forms>
struct OneOf {
  template <class Form>
  static constexpr bool has = (std::is_same_v<Form, Forms> || ...);
};
using KeepsHidden =
    OneOf<ast::Where, ast::Extend, ast::Project, ast::ProjectPick, ast::ProjectRename, ast::Take,
          ast::Sort, ast::Top, ast::Sample, ast::Serialize, ast::Render, ast::Join, ast::As>;

}  // namespace

void Binder::apply(const ast::Operator& op, Relation& input) {
  note_operator(op, input);
  const Span before = std::exchange(operator_span_, op.name_span);
  std::visit(
      [&]<class Form>(const Form& form) {
        operate(form, input);
        if constexpr (!KeepsHidden::has<Form>) input.shredded.clear();
      },
      op.form);
  operator_span_ = before;
}

void Binder::operate(const ast::BadOperator&, Relation& input) {
  input.incomplete = true;
}

Relation Binder::datatable(const ast::DataTable& form) {
  Relation out;
  plan::Rows rows;
  for (const ast::NamedType& column : form.columns) {
    if (!declare(column.name, out.columns)) return broken();
    const ColumnId id = new_column();
    rows.columns.emplace_back(id, column.type);
    out.columns.push_back({column.name.text, column.type, id, column.type != Type::String});
  }
  if (form.columns.empty()) {
    diagnostics_.error(operator_span_, "a datatable needs at least one column");
    return broken();
  }
  if (form.values.size() % form.columns.size() != 0) {
    const Span last = form.values.back()->span;
    diagnostics_.error(last, fmt::format("{} values do not fill rows of {} columns",
                                         form.values.size(), form.columns.size()));
    return broken();
  }
  bool failed = false;
  for (std::size_t i = 0; i < form.values.size(); ++i) {
    const ast::NamedType& column = form.columns[i % form.columns.size()];
    if (i % form.columns.size() == 0) rows.rows.emplace_back();
    ExprRef value = expr(form.values[i]);
    if (value == nullptr) return broken();
    value = cell(value, column, form.values[i]->span);
    failed = failed || value == nullptr;
    rows.rows.back().push_back(value);
  }
  if (failed) return broken();
  out.node = node(std::move(rows));
  return out;
}

// A datatable's value as its column's type: literals only.
ExprRef Binder::cell(ExprRef value, const ast::NamedType& column, Span span) {
  if (!std::holds_alternative<plan::Constant>(value->form)) {
    diagnostics_.error(span, "expected a literal: a datatable holds no expressions");
    return nullptr;
  }
  const Type from = value->type;
  if (from == column.type) return value;
  if (column.type == Type::Dynamic) return as_json(value);
  if (const ExprRef literal = literal_as(value, column.type)) return literal;
  const bool numbers = is_numeric(from) && is_numeric(column.type);
  const bool known = numbers || (is_integer(from) && column.type == Type::Bool) ||
                     from == Type::Dynamic || column.type == Type::String;
  if (known) return convert(value, column.type);
  diagnostics_.error(span, fmt::format("expected a value of type {} for the column '{}', found {}",
                                       type_name(column.type), column.name.text, type_name(from)));
  return nullptr;
}

Relation Binder::print(const ast::Print& form) {
  Relation out;
  plan::Project project{node(plan::OneRow{}), {}};
  const Relation* before = std::exchange(rows_, nullptr);
  for (std::size_t i = 0; i < form.columns.size(); ++i) {
    std::vector<Made> made = made_columns(form.columns[i]);
    out.incomplete = out.incomplete || made.empty();
    for (Made& each : made) {
      settle(each, out.columns);
      std::string name = fmt::format("print_{}", i);
      if (each.assignment.names.size() == 1) {
        if (!declare(each.assignment.names.front(), out.columns)) continue;
        name = each.assignment.names.front().text;
      }
      const ColumnId id = new_column();
      project.outputs.push_back({id, each.value});
      out.columns.push_back({std::move(name), each.value->type, id, each.value->nullable});
    }
  }
  rows_ = before;
  out.node = node(std::move(project));
  return out;
}

Relation Binder::range(const ast::Range& form) {
  if (form.from == nullptr || form.to == nullptr || form.step == nullptr) return broken();
  const Relation* before = std::exchange(rows_, nullptr);
  ExprRef from = expr(form.from);
  ExprRef to = expr(form.to);
  ExprRef step = expr(form.step);
  rows_ = before;
  if (from == nullptr || to == nullptr || step == nullptr) return broken();
  auto type = common_type(from->type, to->type);
  const bool time = type == Type::DateTime || type == Type::TimeSpan;
  const bool fits = type && ((is_numeric(*type) && is_numeric(step->type)) ||
                             (time && step->type == Type::TimeSpan));
  if (!fits || *type == Type::Decimal) {
    diagnostics_.error(form.step->span,
                       fmt::format("'range' cannot go from {} to {} by {}", type_name(from->type),
                                   type_name(to->type), type_name(step->type)));
    return broken();
  }
  if (is_numeric(*type)) {
    type = *type == Type::Real || step->type == Type::Real ? Type::Real : Type::Long;
    step = convert(step, *type);
  }
  from = convert(from, *type);
  to = convert(to, *type);
  if (from == nullptr || to == nullptr || step == nullptr) return broken();
  Relation out;
  const ColumnId id = new_column();
  out.node = node(plan::Range{id, *type, from, to, step});
  out.columns.push_back({form.name.text, *type, id, false});
  return out;
}

}  // namespace kql::bind
