// evaluate: bag_unpack, pivot and narrow; plugins.cc has the others. The columns of the first two
// depend on the rows, so that the database is asked while the query is compiled, unless the query
// says what they are.

#include <algorithm>
#include <array>
#include <map>

#include <fmt/ranges.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/bind/build.h"

namespace kql::bind {
namespace {

// A column's name from the rows: never empty, and without zero bytes, which SQL cannot hold.
std::string column_name_of(std::string text) {
  std::erase(text, '\0');
  return text.empty() ? "Column" : text;
}

// What JSON calls the type, as the language does; those that differ are a dynamic value.
Type merged(std::optional<Type> known, std::string_view json_type) {
  Type found = Type::Dynamic;
  if (json_type == "BIGINT" || json_type == "UBIGINT") found = Type::Long;
  if (json_type == "DOUBLE") found = Type::Real;
  if (json_type == "BOOLEAN") found = Type::Bool;
  if (json_type == "VARCHAR") found = Type::String;
  if (!known || *known == found) return found;
  if (is_numeric(*known) && is_numeric(found)) return Type::Real;
  return Type::Dynamic;
}

// A value where the condition holds, else null, text too: what aggregates pass over.
constexpr functions::Entry kOnlyWhere{"", "(): dynamic", "CASE WHEN {0} THEN {1} END"};

}  // namespace

// Rows of text: the columns of `table` through the query around "{}". nullopt: nobody to ask.
std::optional<Probed> Binder::ask(const plan::Node* table, std::vector<plan::NamedColumn> columns,
                                  std::string_view around) {
  if (probe_ == nullptr || diagnostics_.has_errors()) return std::nullopt;
  plan_.root = table;
  plan_.columns = std::move(columns);
  auto rows = probe_(plan_, around);
  plan_.root = nullptr;
  plan_.columns.clear();
  return rows;
}

// Whoever only checks the query need not know its columns.
void Binder::unasked(Span span) {
  if (lenient_ || diagnostics_.has_errors()) return;
  diagnostics_.error(span,
                     "the columns depend on the rows, which cannot be read here; name them: "
                     "evaluate ... : (a:string)");
}

// The plugin's argument as a string literal; nullptr after an error.
const std::string* Binder::plugin_text(const ast::Assignment& argument) {
  const auto* literal = std::get_if<ast::Literal>(&argument.value->form);
  const std::string* text = literal == nullptr ? nullptr : literal->value.if_text();
  if (text == nullptr) diagnostics_.error(argument.span, "expected a string literal");
  return text;
}

void Binder::operate(const ast::Evaluate& form, Relation& input) {
  if (input.node == nullptr) return;
  const auto& call = std::get<ast::Call>(form.call->form);
  struct Plugin {
    std::string_view name;
    bool (Binder::*bind)(const ast::Evaluate&, const ast::Call&, Relation&);
  };
  static constexpr std::array kPlugins{
      Plugin{"bag_unpack", &Binder::bag_unpack},
      Plugin{"pivot", &Binder::pivot},
      Plugin{"narrow", &Binder::narrow_rows},
      Plugin{"ipv4_lookup", &Binder::address_lookup},
      Plugin{"ipv6_lookup", &Binder::address_lookup},
      Plugin{"dcount_intersect", &Binder::dcount_intersect},
      Plugin{"rolling_percentile", &Binder::rolling_percentile},
      Plugin{"active_users_count", &Binder::active_users_count},
  };
  const Plugin* found = nullptr;
  for (const Plugin& each : kPlugins) {
    if (each.name == call.name.text) found = &each;
  }
  if (found == nullptr) {
    const auto names = plugin_names();
    std::string message = fmt::format("there is no plugin '{}'", call.name.text);
    if (const auto nearest = base::nearest(call.name.text, names)) {
      message += fmt::format("; did you mean '{}'?", *nearest);
    } else {
      message += fmt::format(": expected {}", fmt::join(names, ", "));
    }
    diagnostics_.error(call.name.span, message);
    input.incomplete = true;
    return;
  }
  const bool columns_by_rows = found->name == "bag_unpack" || found->name == "pivot";
  if (form.typed && !columns_by_rows) {
    diagnostics_.error(
        call.name.span,
        fmt::format("'{}' has its own columns: nothing may follow it", call.name.text));
    input.incomplete = true;
    return;
  }
  const Relation* before = std::exchange(rows_, &input);
  const bool good = (this->*found->bind)(form, call, input);
  rows_ = before;
  if (!good) input.incomplete = true;
}

// The bag's properties and their types, in the order of their names.
std::optional<std::vector<std::pair<std::string, Type>>> Binder::bag_properties(
    ExprRef bag, const plan::Node* table, Span span) {
  const ColumnId id = new_column();
  const plan::Node* only = node(plan::Project{table, {{id, bag}}});
  const auto rows = ask(only, {{"d", Type::Dynamic, id, true}},
                        "SELECT DISTINCT k, coalesce(json_type(kql_member(d, k)), 'NULL') FROM ("
                        "SELECT d, unnest(kql_keys(d)) AS k FROM (SELECT CAST(d AS JSON) AS d FROM "
                        "({}) AS t(d)) WHERE json_type(d) = 'OBJECT') ORDER BY 1, 2 LIMIT 4000");
  if (!rows) {
    unasked(span);
    return std::nullopt;
  }
  std::map<std::string, std::optional<Type>> found;
  for (const auto& row : *rows) {
    auto& type = found[row[0]];
    if (row[1] != "NULL") type = merged(type, row[1]);
  }
  std::vector<std::pair<std::string, Type>> out;
  for (const auto& [name, type] : found)
    out.emplace_back(name, type.value_or(Type::Dynamic));
  return out;
}

// dynamic(["a", "b"]); nullopt after an error.
std::optional<std::vector<std::string>> Binder::ignored_properties(
    const ast::Assignment& argument) {
  const auto* literal = std::get_if<ast::Literal>(&argument.value->form);
  const bool dynamic = literal != nullptr && literal->value.type == Type::Dynamic;
  const std::string* text = dynamic ? literal->value.if_text() : nullptr;
  const auto json = text == nullptr ? base::json::Value() : *base::json::parse(*text);
  std::vector<std::string> out;
  const auto* items = json.if_array();
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const std::string* name = (*items)[i].if_string()) out.push_back(*name);
  }
  if (items == nullptr || out.size() != items->size()) {
    diagnostics_.error(argument.span, "expected an array of names such as dynamic([\"a\", \"b\"])");
    return std::nullopt;
  }
  return out;
}

// bag_unpack(d, "prefix_", columnsConflict="error" | "replace_source" | "keep_source",
//            ignoredProperties=dynamic([...]))
bool Binder::bag_unpack(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 1, 4, form.call->span)) return false;
  const ExprRef bag = expr(call.arguments.front().value);
  if (bag == nullptr) return false;
  if (bag->type != Type::Dynamic) {
    diagnostics_.error(
        call.arguments.front().span,
        fmt::format("'bag_unpack' needs a dynamic value, found {}", type_name(bag->type)));
    return false;
  }
  std::string prefix;
  std::string conflict = "error";
  std::vector<std::string> ignored;
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    const ast::Assignment& argument = call.arguments[i];
    const std::string key = argument.names.empty() ? "" : argument.names.front().text;
    if (key == "ignoredProperties" || (i == 3 && key.empty())) {
      auto names = ignored_properties(argument);
      if (!names) return false;
      ignored = std::move(*names);
      continue;
    }
    const std::string* text = plugin_text(argument);
    if (text == nullptr) return false;
    const bool second = i == 2 && key.empty();
    (key == "columnsConflict" || second ? conflict : prefix) = *text;
  }
  if (conflict != "error" && conflict != "replace_source" && conflict != "keep_source") {
    diagnostics_.error(form.call->span,
                       "expected columnsConflict to be error, replace_source or keep_source");
    return false;
  }
  std::vector<std::pair<std::string, Type>> properties;
  if (form.typed) {
    for (const ast::NamedType& each : form.columns)
      properties.emplace_back(each.name.text, each.type);
  } else {
    auto found = bag_properties(bag, input.node, form.call->span);
    if (!found) return false;
    properties = std::move(*found);
  }
  // The bag's own column goes.
  std::vector<plan::NamedColumn> columns;
  const auto* whole = std::get_if<plan::ColumnRef>(&bag->form);
  for (const plan::NamedColumn& each : input.columns) {
    const bool own = whole != nullptr && each.id == whole->id;
    if (!own && (!form.typed || form.keep)) columns.push_back(each);
  }
  plan::Extend extend{input.node, {}};
  for (const auto& [property, type] : properties) {
    if (property.find('\0') != std::string::npos) continue;
    if (std::ranges::find(ignored, property) != ignored.end()) continue;
    std::string name = form.typed ? property : column_name_of(prefix + property);
    const std::string key =
        form.typed && name.starts_with(prefix) ? name.substr(prefix.size()) : property;
    const auto clash = std::find_if(columns.begin(), columns.end(),
                                    [&name](const auto& each) { return each.name == name; });
    if (clash != columns.end() && conflict == "keep_source") continue;
    if (clash != columns.end() && conflict == "error") {
      diagnostics_.error(form.call->span,
                         fmt::format("'bag_unpack' would make a second column '{}': give a prefix, "
                                     "or columnsConflict='replace_source'",
                                     name));
      return false;
    }
    const ExprRef value = convert(member(bag, {key}, form.call->span), type);
    if (value == nullptr) return false;
    const ColumnId id = new_column();
    extend.outputs.push_back({id, value});
    set_column(columns, {std::move(name), type, id, true});
  }
  if (columns.size() > kMaxColumns) {
    diagnostics_.error(operator_span_, fmt::format("more than {} columns", kMaxColumns));
    return false;
  }
  if (!extend.outputs.empty()) input.node = node(std::move(extend));
  input.columns = std::move(columns);
  return true;
}

// The aggregate's arguments where the pivot column has one value: nulls elsewhere.
std::optional<plan::AggregateCall> Binder::pivoted(const plan::AggregateCall& call,
                                                   ExprRef is_value) {
  plan::AggregateCall out = call;
  out.id = new_column();
  if (call.arguments.empty()) {
    const auto overloads = functions::find("countif", functions::Kind::Aggregate);
    out.overload = &overloads.front();
    out.arguments = {is_value};
    return out;
  }
  static const functions::Overload overload{&kOnlyWhere, {}, false, Type::Dynamic};
  const ExprRef first = call.arguments.front();
  out.arguments.front() =
      plan_.exprs.make(first->type, true, first->weight + is_value->weight + 1,
                       decltype(plan::Expr::form){plan::Apply{&overload, {is_value, first}}});
  return out;
}

// pivot(column, aggregate(), keys...)
bool Binder::pivot(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 1, SIZE_MAX, form.call->span)) return false;
  const ExprRef by = expr(call.arguments.front().value);
  if (by == nullptr) return false;
  // The aggregate, bound once as it stands; count() unless told.
  AggregateContext context;
  aggregates_ = &context;
  const Relation* outer = std::exchange(summarized_, &input);
  const Relation* rows = std::exchange(rows_, nullptr);
  const ast::Call count{{"count", call.name.span}, {}};
  const ExprRef measure = call.arguments.size() > 1 ? expr(call.arguments[1].value)
                                                    : aggregate_call(count, form.call->span);
  rows_ = rows;
  summarized_ = outer;
  aggregates_ = nullptr;
  if (measure == nullptr) return false;
  const auto* plain = std::get_if<plan::ColumnRef>(&measure->form);
  if (context.calls.size() != 1 || plain == nullptr || plain->id != context.calls.front().id) {
    diagnostics_.error(call.arguments[1].span, "expected one aggregate such as sum(x)");
    return false;
  }
  std::vector<std::string> values;
  const ExprRef by_text = convert(by, Type::String);
  const ColumnId text_id = new_column();
  if (form.typed) {
    for (const ast::NamedType& each : form.columns) {
      if (form.keep || input.find(each.name.text) == nullptr) values.push_back(each.name.text);
    }
  } else {
    const plan::Node* only = node(plan::Project{input.node, {{text_id, by_text}}});
    const auto found = ask(only, {{"v", Type::String, text_id, false}},
                           "SELECT DISTINCT v, '' FROM ({}) AS t(v) ORDER BY 1 LIMIT 1001");
    if (!found) {
      unasked(form.call->span);
      return false;
    }
    for (const auto& row : *found) {
      if (row[0].find('\0') == std::string::npos) values.push_back(row[0]);
    }
  }
  // Without keys, they are all columns that neither is the pivot nor stands in the aggregate.
  plan::Aggregate aggregate{input.node, {}, {}, {}};
  std::vector<plan::NamedColumn> columns;
  const auto add_key = [&](const plan::NamedColumn& each) {
    aggregate.keys.push_back({each.id, column(each)});
    columns.push_back(each);
  };
  if (call.arguments.size() > 2) {
    for (std::size_t i = 2; i < call.arguments.size(); ++i) {
      const auto* name = std::get_if<ast::NameRef>(&call.arguments[i].value->form);
      const plan::NamedColumn* known = name == nullptr ? nullptr : input.find(name->name);
      if (known == nullptr) {
        diagnostics_.error(call.arguments[i].span, "expected a column to group by");
        return false;
      }
      add_key(*known);
    }
  } else {
    for (const plan::NamedColumn& each : input.columns) {
      if (each.type == Type::Dynamic || uses(by, each.id)) continue;
      const auto& arguments = context.calls.front().arguments;
      const bool measured = std::any_of(arguments.begin(), arguments.end(),
                                        [&](ExprRef argument) { return uses(argument, each.id); });
      if (!measured) add_key(each);
    }
  }
  if (values.size() + columns.size() > kMaxColumns) {
    diagnostics_.error(form.call->span, fmt::format("more than {} columns", kMaxColumns));
    return false;
  }
  for (const std::string& value : values) {
    const ExprRef is_value =
        make(Type::Bool, false, by_text->weight + 2,
             plan::Compare{ast::CompareOp::Equal, by_text, constant(Value::text(value))});
    const auto one = pivoted(context.calls.front(), is_value);
    if (!one || is_value == nullptr) return false;
    columns.push_back({unique_name(column_name_of(value), columns), one->type, one->id, true});
    aggregate.calls.push_back(*one);
  }
  input.node = node(std::move(aggregate));
  input.columns = std::move(columns);
  return true;
}

// Whether the expression is the column, or a function or path over it.
bool Binder::uses(ExprRef expression, ColumnId id) {
  if (const auto* reference = std::get_if<plan::ColumnRef>(&expression->form)) {
    return reference->id == id;
  }
  if (const auto* apply = std::get_if<plan::Apply>(&expression->form)) {
    return std::any_of(apply->arguments.begin(), apply->arguments.end(),
                       [id](ExprRef argument) { return uses(argument, id); });
  }
  if (const auto* path = std::get_if<plan::JsonPath>(&expression->form))
    return uses(path->base, id);
  return false;
}

// narrow(): a row for each cell: the row's number, the column's name, the value as text.
bool Binder::narrow_rows(const ast::Evaluate&, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 0, 0, call.name.span)) return false;
  plan::Window window{};
  window.input = input.node;
  window.kind = plan::Window::Kind::RowNumber;
  window.type = Type::Long;
  window.id = new_column();
  window.row = new_column();
  window.group = new_column();
  window.offset = 0;
  plan::PackArray cells;
  for (const plan::NamedColumn& each : input.columns) {
    const ExprRef text = convert(column(each), Type::String);
    plan::PackArray cell{{quoted_json(constant(Value::text(each.name))), quoted_json(text)}};
    cells.items.push_back(make(Type::Dynamic, false, 3, std::move(cell)));
  }
  const ColumnId cell_id = new_column();
  const auto weight = static_cast<std::uint32_t>(cells.items.size() * 4 + 1);
  plan::Expand expand{node(window), {}, false, std::nullopt, std::nullopt};
  expand.items.push_back(
      {cell_id, make(Type::Dynamic, false, weight, std::move(cells)), Type::Dynamic});
  const ExprRef cell = make(Type::Dynamic, true, 1, plan::ColumnRef{cell_id});
  const ColumnId name_id = new_column();
  const ColumnId value_id = new_column();
  const ColumnId row_id = new_column();
  const Span span = call.name.span;
  plan::Project project{node(std::move(expand)),
                        {{row_id, make(Type::Long, false, 1, plan::ColumnRef{window.id})},
                         {name_id, convert(member(cell, {std::int64_t{0}}, span), Type::String)},
                         {value_id, convert(member(cell, {std::int64_t{1}}, span), Type::String)}}};
  input.node = node(std::move(project));
  input.columns = {{"Row", Type::Long, row_id, false},
                   {"Column", Type::String, name_id, false},
                   {"Value", Type::String, value_id, false}};
  return true;
}

}  // namespace kql::bind
