#include <algorithm>

#include "base/text.h"
#include "kql/bind/build.h"

namespace kql::bind {

const plan::NamedColumn* Relation::find(std::string_view name) const {
  for (const plan::NamedColumn& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

const Binding* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
    const auto found = scope->names.find(name);
    if (found != scope->names.end()) return &found->second;
  }
  return nullptr;
}

// What a column is called when the query does not say: a.b[0] is a_b_0, sum(x) is sum_x.
std::optional<std::string> Binder::implied_name(const ast::Expr& expr) const {
  if (const auto* name = std::get_if<ast::NameRef>(&expr.form)) return name->name;
  if (const auto* member = std::get_if<ast::Member>(&expr.form)) {
    const auto* side = std::get_if<ast::NameRef>(&member->base->form);
    if (side != nullptr && side->name.starts_with('$')) return member->name.text;
    const auto base = implied_name(*member->base);
    return base ? *base + "_" + member->name.text : member->name.text;
  }
  if (const auto* index = std::get_if<ast::Index>(&expr.form)) {
    const auto base = implied_name(*index->base);
    const auto* literal = std::get_if<ast::Literal>(&index->index->form);
    if (!base) return std::nullopt;
    if (literal != nullptr) {
      if (const std::string* key = literal->value.if_text()) return *base + "_" + *key;
      if (const std::int64_t* at = literal->value.if_int()) return fmt::format("{}_{}", *base, *at);
    }
    return *base + "_";
  }
  const auto* call = std::get_if<ast::Call>(&expr.form);
  if (call == nullptr) return std::nullopt;
  auto overloads = functions::find(call->name.text, functions::Kind::Scalar);
  if (aggregates_ != nullptr || overloads.empty()) {
    const auto found = functions::find(call->name.text, functions::Kind::Aggregate);
    if (!found.empty()) overloads = found;
  }
  if (call->name.text == "ingestion_time") return "$IngestionTime";
  const bool first_names = call->name.text == "format_datetime" || call->name.text == "bin_auto";
  if (overloads.empty() && first_names && !call->arguments.empty()) {
    return implied_name(*call->arguments.front().value);
  }
  if (overloads.empty()) return std::nullopt;
  const functions::Entry& entry = *overloads.front().entry;
  std::optional<std::string> first;
  if (!call->arguments.empty()) first = implied_name(*call->arguments.front().value);
  if (entry.name.starts_with("array_sort_") && first) return *first + "_sorted";
  if (entry.naming == functions::Naming::FirstArgument) return first;
  if (entry.naming == functions::Naming::None) return std::nullopt;
  if (entry.naming == functions::Naming::Prefix) return std::string(entry.prefix);
  const std::string_view prefix = entry.prefix.empty() ? entry.name : entry.prefix;
  // percentile(x, 95) carries the percentage.
  if ((entry.name == "percentile" || entry.name == "percentilew") && first &&
      call->arguments.size() >= 2) {
    const ast::Expr& last = *call->arguments.back().value;
    std::string percentage(diagnostics_.text(last.span));
    // As a number: 50.0 is 50.
    const auto* literal = std::get_if<ast::Literal>(&last.form);
    const double* number = literal == nullptr ? nullptr : literal->value.if_real();
    if (number != nullptr) percentage = fmt::format("{}", *number);
    std::replace(percentage.begin(), percentage.end(), '.', '_');
    return fmt::format("percentile_{}_{}", *first, percentage);
  }
  return fmt::format("{}_{}", prefix, first.value_or(""));
}

std::string Binder::unique_name(std::string name, const std::vector<plan::NamedColumn>& columns) {
  const auto taken = [&columns](std::string_view candidate) {
    for (const plan::NamedColumn& column : columns) {
      if (column.name == candidate) return true;
    }
    return false;
  };
  if (!taken(name)) return name;
  for (int suffix = 1;; ++suffix) {
    std::string candidate = fmt::format("{}{}", name, suffix);
    if (!taken(candidate)) return candidate;
  }
}

void Binder::set_column(std::vector<plan::NamedColumn>& columns, plan::NamedColumn column) {
  const auto known = std::find_if(columns.begin(), columns.end(),
                                  [&column](const auto& each) { return each.name == column.name; });
  if (known != columns.end()) {
    *known = std::move(column);
  } else {
    columns.push_back(std::move(column));
  }
}

bool Binder::declare(const ast::Name& name, const std::vector<plan::NamedColumn>& columns) {
  for (const plan::NamedColumn& column : columns) {
    if (column.name != name.text) continue;
    diagnostics_.error(name.span, fmt::format("a column named '{}' is already there", name.text));
    return false;
  }
  if (columns.size() >= kMaxColumns) {
    diagnostics_.error(name.span, fmt::format("more than {} columns", kMaxColumns));
    return false;
  }
  return true;
}

void Binder::add_column(const ast::Assignment& assignment, ExprRef value, ColumnId id, int& unnamed,
                        std::vector<plan::NamedColumn>& columns) {
  if (assignment.names.size() > 1) {
    diagnostics_.error(assignment.span,
                       "several names need a function that gives several values, "
                       "such as arg_max()");
    return;
  }
  // Before a free name is looked for: that takes longer with each.
  if (columns.size() >= kMaxColumns) {
    diagnostics_.error(assignment.span, fmt::format("more than {} columns", kMaxColumns));
    return;
  }
  std::string name;
  if (!assignment.names.empty()) {
    if (!declare(assignment.names.front(), columns)) return;
    name = assignment.names.front().text;
  } else if (auto implied = implied_name(*assignment.value)) {
    const bool plain = std::holds_alternative<ast::NameRef>(assignment.value->form);
    if (plain && !declare({*implied, assignment.span}, columns)) return;
    name = unique_name(std::move(*implied), columns);
  } else {
    name = unique_name(fmt::format("Column{}", ++unnamed), columns);
  }
  columns.push_back({std::move(name), value->type, id, value->nullable});
}

void Binder::unknown_column(const std::string& name, Span span) {
  if (rows_ != nullptr && rows_->incomplete) return;
  if (aggregates_ != nullptr && rows_ == nullptr && summarized_ != nullptr) {
    if (summarized_->incomplete) return;
    if (summarized_->find(name) != nullptr) {
      diagnostics_.error(span,
                         fmt::format("the column '{}' has many values in a group: it must stand "
                                     "in an aggregate such as max({}), or after 'by'",
                                     name, name));
      return;
    }
  }
  std::vector<std::string_view> candidates;
  if (rows_ != nullptr) {
    for (const plan::NamedColumn& column : rows_->columns)
      candidates.push_back(column.name);
  }
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (const auto& [bound, binding] : scope->names)
      candidates.push_back(bound);
  }
  std::string message = rows_ == nullptr ? fmt::format("'{}' is not known here", name)
                                         : fmt::format("there is no column '{}'", name);
  const auto nearest = base::nearest(name, candidates);
  if (nearest && base::equal_ignore_case(*nearest, name)) {
    message += fmt::format("; did you mean '{}'? Names are case-sensitive", *nearest);
  } else if (nearest) {
    message += fmt::format("; did you mean '{}'?", *nearest);
  } else if (rows_ != nullptr && catalogue_.find(name) != nullptr) {
    message += "; it is a table";
  }
  diagnostics_.error(span, message);
}

void Binder::unknown_function(const ast::Name& name) {
  const bool aggregate = !functions::find(name.text, functions::Kind::Aggregate).empty();
  if (aggregate) {
    diagnostics_.error(name.span, fmt::format("'{}' is an aggregate: it can only be used in "
                                              "'summarize', before 'by'",
                                              name.text));
    return;
  }
  std::vector<std::string_view> candidates = functions::names(functions::Kind::Scalar);
  const auto special = functions::special_names();
  candidates.insert(candidates.end(), special.begin(), special.end());
  if (aggregates_ != nullptr) {
    const auto& more = functions::names(functions::Kind::Aggregate);
    candidates.insert(candidates.end(), more.begin(), more.end());
  }
  if (name.text.starts_with("geo_")) {
    diagnostics_.error(
        name.span, fmt::format("'{}' is not there: geography is left out, by decision", name.text));
    return;
  }
  std::string message = fmt::format("there is no function '{}'", name.text);
  if (const auto nearest = base::nearest(name.text, candidates)) {
    message += fmt::format("; did you mean '{}'?", *nearest);
  }
  diagnostics_.error(name.span, message);
}

}  // namespace kql::bind
