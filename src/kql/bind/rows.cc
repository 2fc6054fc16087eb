// Operators that make more rows of one, or of several tables.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {

void Binder::operate(const ast::MvExpand& form, Relation& input) {
  const bool legacy = diagnostics_.text(operator_span_) == "mvexpand";
  expand(form.items, form.properties, form.limit, legacy, input);
}

bool Binder::expand(std::span<const ast::ExpandItem> items,
                    std::span<const ast::Property> properties, const ast::Expr* limit, bool legacy,
                    Relation& input) {
  if (input.node == nullptr) return false;
  plan::Expand form{input.node, {}, false, std::nullopt, std::nullopt};
  // The older spelling stops at 128 rows for each.
  if (legacy) form.limit = 128;
  std::vector<plan::NamedColumn> columns = input.columns;
  std::vector<plan::NamedColumn> index;
  for (const ast::Property& property : properties) {
    if (property.name.text == "with_itemindex") {
      form.index = new_column();
      index.push_back({property.value.text, Type::Long, *form.index, false});
    } else if (property.value.text == "array") {
      form.bags_as_arrays = true;
    } else if (property.value.text != "bag") {
      diagnostics_.error(property.value.span,
                         fmt::format("expected bag or array, found '{}'", property.value.text));
    }
  }
  if (limit != nullptr) {
    const ExprRef count = row_count_expr(*limit);
    const auto* known = count == nullptr ? nullptr : std::get_if<plan::Constant>(&count->form);
    if (count != nullptr && known == nullptr)
      diagnostics_.error(limit->span, "expected a constant");
    if (known != nullptr) form.limit = *known->value.if_int();
  }
  const Relation* before = std::exchange(rows_, &input);
  bool failed = false;
  int unnamed = 0;
  for (const ast::ExpandItem& item : items) {
    const ExprRef value = expr(item.item.value);
    if (value == nullptr) {
      failed = true;
      continue;
    }
    if (value->type != Type::Dynamic) {
      diagnostics_.error(
          item.item.value->span,
          fmt::format("'mv-expand' needs a dynamic value, found {}{}", type_name(value->type),
                      value->type == Type::String ? "; parse_json(...) makes one of it" : ""));
      failed = true;
      continue;
    }
    const plan::ExpandItem expanded{new_column(), value, item.to.value_or(Type::Dynamic)};
    form.items.push_back(expanded);
    std::string name;
    if (item.item.names.size() == 1) {
      name = item.item.names.front().text;
    } else {
      name = implied_name(*item.item.value).value_or(fmt::format("Column{}", ++unnamed));
    }
    plan::NamedColumn column{std::move(name), expanded.type, expanded.id, true};
    const auto known = std::find_if(columns.begin(), columns.end(), [&column](const auto& each) {
      return each.name == column.name;
    });
    if (known != columns.end()) {
      *known = std::move(column);
    } else {
      columns.push_back(std::move(column));
    }
  }
  rows_ = before;
  for (plan::NamedColumn& each : index) {
    each.name = unique_name(std::move(each.name), columns);
    columns.push_back(std::move(each));
  }
  input.incomplete = input.incomplete || failed;
  if (failed) return false;
  input.node = node(std::move(form));
  input.columns = std::move(columns);
  return true;
}

// T | union A, B and union A, B: columns of one name and type are one column.
void Binder::operate(const ast::Union& form, Relation& input) {
  std::vector<std::pair<std::string, Relation>> inputs;
  const Relation* before = std::exchange(rows_, nullptr);
  if (input.node != nullptr) inputs.emplace_back("union_arg0", std::move(input));
  for (const ast::Expr* table : form.tables) {
    std::string name = fmt::format("union_arg{}", inputs.size());
    if (const auto* reference = std::get_if<ast::NameRef>(&table->form)) name = reference->name;
    if (const auto* pipe = std::get_if<ast::Pipeline>(&table->form);
        pipe != nullptr && !pipe->operators.empty()) {
      const auto* named = std::get_if<ast::As>(&pipe->operators.back().form);
      if (named != nullptr) name = named->name.text;
    }
    inputs.emplace_back(std::move(name), relation(*table));
  }
  rows_ = before;
  input = union_of(std::move(inputs), form);
}

Relation Binder::union_of(std::vector<std::pair<std::string, Relation>> inputs,
                          const ast::Union& form) {
  Relation out;
  bool inner = false;
  std::optional<std::string> source;
  for (const ast::Property& property : form.properties) {
    if (property.name.text == "kind") {
      inner = property.value.text == "inner";
      if (!inner && property.value.text != "outer") {
        diagnostics_.error(property.value.span,
                           fmt::format("'{}' is no kind of union: expected inner "
                                       "or outer",
                                       property.value.text));
      }
    } else if (property.name.text == "withsource") {
      source = property.value.text;
    } else if (property.name.text != "isfuzzy" && !property.name.text.starts_with("hint.")) {
      diagnostics_.error(property.name.span,
                         fmt::format("unknown property '{}'", property.name.text));
    }
  }
  plan::Union form_out;
  struct Column {
    std::string name;
    Type type;
    std::size_t count;
  };
  std::vector<Column> columns;
  for (const auto& [name, table] : inputs) {
    if (table.node == nullptr) return broken();
    out.incomplete = out.incomplete || table.incomplete;
    for (const plan::NamedColumn& each : table.columns) {
      const auto known =
          std::find_if(columns.begin(), columns.end(), [&each](const Column& column) {
            return column.name == each.name && column.type == each.type;
          });
      if (known == columns.end()) {
        // Columns of one name and several types stand side by side.
        const auto last =
            std::find_if(columns.rbegin(), columns.rend(),
                         [&each](const Column& column) { return column.name == each.name; });
        const auto place = last == columns.rend() ? columns.end() : last.base();
        columns.insert(place, {each.name, each.type, 1});
      } else {
        ++known->count;
      }
    }
  }
  if (inner)
    std::erase_if(columns, [&](const Column& each) { return each.count != inputs.size(); });
  if (columns.size() > kMaxColumns) {
    diagnostics_.error(operator_span_, fmt::format("more than {} columns", kMaxColumns));
    return broken();
  }
  if (source) {
    form_out.columns.push_back({new_column(), Type::String});
    out.columns.push_back({*source, Type::String, form_out.columns.back().id, false});
  }
  const auto clashes = [&columns](const Column& column) {
    return std::count_if(columns.begin(), columns.end(),
                         [&column](const Column& other) { return other.name == column.name; }) > 1;
  };
  for (const Column& each : columns) {
    form_out.columns.push_back({new_column(), each.type});
    // The same name with two types is two columns: x_long, x_string.
    std::string name =
        clashes(each) ? fmt::format("{}_{}", each.name, type_name(each.type)) : each.name;
    out.columns.push_back({unique_name(std::move(name), out.columns), each.type,
                           form_out.columns.back().id, each.type != Type::String});
  }
  for (const auto& [name, table] : inputs) {
    plan::Union::Input input{table.node, {}};
    if (source) input.values.push_back(constant(Value::text(name)));
    for (const Column& each : columns) {
      const auto found =
          std::find_if(table.columns.begin(), table.columns.end(), [&each](const auto& candidate) {
            return candidate.name == each.name && candidate.type == each.type;
          });
      if (found != table.columns.end()) {
        input.values.push_back(column(*found));
      } else {
        input.values.push_back(each.type == Type::String ? constant(Value::text(""))
                                                         : constant(Value::null(each.type)));
      }
    }
    form_out.inputs.push_back(std::move(input));
  }
  out.node = node(std::move(form_out));
  return out;
}

// For each row, its list's elements go through the operators in the parentheses.
void Binder::operate(const ast::MvApply& form, Relation& input) {
  if (input.node == nullptr || form.body == nullptr) {
    input.incomplete = true;
    return;
  }
  Relation row;
  plan::OuterRow outer;
  for (const plan::NamedColumn& each : input.columns) {
    const ColumnId id = new_column();
    outer.columns.push_back({id, column(each)});
    row.columns.push_back({each.name, each.type, id, each.nullable});
  }
  const std::vector<plan::NamedColumn> before = row.columns;
  row.node = node(std::move(outer));
  if (!expand(form.items, form.properties, form.limit, false, row)) {
    input.incomplete = true;
    return;
  }
  const Relation* outside = std::exchange(outside_, &row);
  Relation body = relation(*form.body);
  outside_ = outside;
  if (body.node == nullptr) {
    input.incomplete = true;
    return;
  }
  // The row's own columns stay, but for those that the expansion replaced.
  plan::Lateral lateral{input.node, body.node, {}, {}};
  std::vector<plan::NamedColumn> columns;
  const auto same = [](ColumnId id) {
    return [id](const plan::NamedColumn& each) { return each.id == id; };
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (std::none_of(row.columns.begin(), row.columns.end(), same(before[i].id))) continue;
    lateral.columns.push_back(input.columns[i].id);
    columns.push_back(input.columns[i]);
  }
  for (const plan::NamedColumn& each : body.columns) {
    if (std::any_of(before.begin(), before.end(), same(each.id))) continue;
    lateral.added.push_back(each.id);
    columns.push_back({unique_name(each.name, columns), each.type, each.id, each.nullable});
  }
  input.incomplete = input.incomplete || body.incomplete;
  input.node = node(std::move(lateral));
  input.columns = std::move(columns);
}

}  // namespace kql::bind
