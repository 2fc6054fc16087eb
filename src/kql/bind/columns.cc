// Operators that choose rows and columns of one table.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {

void Binder::operate(const ast::Where& form, Relation& input) {
  const Relation* before = std::exchange(rows_, &input);
  const plan::Node** window_before = std::exchange(window_input_, &input.node);
  const ExprRef predicate = boolean(*form.predicate, "a condition");
  rows_ = before;
  window_input_ = window_before;
  if (predicate != nullptr) input.node = node(plan::Filter{input.node, predicate});
}

// One column of extend; names that the expression implies take the place of a column, too.
void Binder::extend_one(const Made& made, ColumnId id, int& unnamed,
                        std::vector<plan::NamedColumn>& added,
                        std::vector<plan::NamedColumn>& columns) {
  const ast::Assignment& assignment = made.assignment;
  std::optional<std::string> implied;
  if (assignment.names.empty()) implied = implied_name(*assignment.value);
  if (assignment.names.size() != 1 && !implied) {
    add_column(assignment, made.value, id, unnamed, columns);
    return;
  }
  const ast::Name name =
      implied ? ast::Name{std::move(*implied), assignment.span} : assignment.names.front();
  if (!assignment.names.empty() && !declare(name, added)) return;
  plan::NamedColumn column{name.text, made.value->type, id, made.value->nullable};
  if (!assignment.names.empty()) added.push_back(column);
  set_column(columns, std::move(column));
}

void Binder::operate(const ast::Extend& form, Relation& input) {
  plan::Extend extend{nullptr, {}};
  std::vector<plan::NamedColumn> added;
  std::vector<plan::NamedColumn> columns = input.columns;
  int unnamed = 0;
  const Relation* before = std::exchange(rows_, &input);
  const plan::Node** window_before = std::exchange(window_input_, &input.node);
  bool failed = false;
  for (const ast::Assignment& assignment : form.columns) {
    std::vector<Made> made = made_columns(assignment);
    failed = failed || made.empty();
    for (Made& each : made) {
      settle(each, added);
      const ColumnId id = new_column();
      extend.outputs.push_back({id, each.value});
      extend_one(each, id, unnamed, added, columns);
    }
  }
  rows_ = before;
  window_input_ = window_before;
  input.incomplete = input.incomplete || failed;
  if (columns.size() > kMaxColumns) {
    diagnostics_.error(operator_span_, fmt::format("more than {} columns", kMaxColumns));
    return;
  }
  if (extend.outputs.empty()) return;
  follow_shredded(extend.outputs, std::vector(input.shredded), input.shredded);
  extend.input = input.node;
  input.node = node(std::move(extend));
  input.columns = std::move(columns);
}

void Binder::operate(const ast::Project& form, Relation& input) {
  plan::Project project{nullptr, {}};
  std::vector<plan::NamedColumn> columns;
  int unnamed = 0;
  bool failed = false;
  const Relation* before = std::exchange(rows_, &input);
  const plan::Node** window_before = std::exchange(window_input_, &input.node);
  for (const ast::Assignment& assignment : form.columns) {
    std::vector<Made> made = made_columns(assignment);
    failed = failed || made.empty();
    for (Made& each : made) {
      settle(each, columns);
      const ColumnId id = new_column();
      project.outputs.push_back({id, each.value});
      add_column(each.assignment, each.value, id, unnamed, columns);
    }
  }
  rows_ = before;
  window_input_ = window_before;
  input.incomplete = input.incomplete || failed;
  const std::vector<ShreddedColumn> shredded = std::exchange(input.shredded, {});
  follow_shredded(project.outputs, shredded, input.shredded);
  project.hidden = hidden_of(input.shredded);
  project.input = input.node;
  input.node = node(std::move(project));
  input.columns = std::move(columns);
}

namespace {

// '*' matches any run of characters.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

}  // namespace

std::vector<std::size_t> Binder::matching(const ast::Pattern& pattern, const Relation& input) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < input.columns.size(); ++i) {
    if (matches(pattern.name.text, input.columns[i].name)) out.push_back(i);
  }
  const bool wild = pattern.name.text.find('*') != std::string::npos;
  if (out.empty() && !wild) {
    const Relation* before = std::exchange(rows_, &input);
    unknown_column(pattern.name.text, pattern.name.span);
    rows_ = before;
  }
  return out;
}

void Binder::operate(const ast::ProjectPick& form, Relation& input) {
  std::vector<bool> named(input.columns.size(), false);
  std::vector<std::size_t> order;
  for (const ast::Pattern& pattern : form.patterns) {
    std::vector<std::size_t> found = matching(pattern, input);
    if (pattern.descending) {
      std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
        const bool less = input.columns[a].name < input.columns[b].name;
        return *pattern.descending ? !less && a != b : less;
      });
    }
    for (const std::size_t i : found) {
      if (!named[i]) order.push_back(i);
      named[i] = true;
    }
  }
  std::vector<plan::NamedColumn> columns;
  if (form.pick == ast::ColumnPick::Reorder) {
    for (const std::size_t i : order)
      columns.push_back(input.columns[i]);
  }
  for (std::size_t i = 0; i < input.columns.size(); ++i) {
    if (named[i] == (form.pick == ast::ColumnPick::Keep)) columns.push_back(input.columns[i]);
  }
  input.columns = std::move(columns);
  narrow(input);
}

// Leaves only the named columns in the plan, for operators that mean all columns.
void Binder::narrow(Relation& input) {
  plan::Project project{input.node, {}};
  for (const plan::NamedColumn& each : input.columns)
    project.outputs.push_back({each.id, column(each)});
  project.hidden = hidden_of(input.shredded);
  input.node = node(std::move(project));
}

void Binder::operate(const ast::ProjectRename& form, Relation& input) {
  std::vector<plan::NamedColumn> columns = input.columns;
  for (const ast::Assignment& assignment : form.columns) {
    const auto* old = std::get_if<ast::NameRef>(&assignment.value->form);
    if (old == nullptr || assignment.names.size() != 1) {
      diagnostics_.error(assignment.span, "expected NewName = OldName");
      continue;
    }
    const Relation* before = std::exchange(rows_, &input);
    bool found = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (input.columns[i].name != old->name) continue;
      found = true;
      columns[i].name = assignment.names.front().text;
    }
    if (!found) unknown_column(old->name, assignment.value->span);
    rows_ = before;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (columns[i].name != columns[j].name) continue;
      diagnostics_.error(operator_span_,
                         fmt::format("two columns would be named '{}'", columns[i].name));
      return;
    }
  }
  input.columns = std::move(columns);
}

// A row count as a constant or as the value of toscalar(): nullptr is reported.
ExprRef Binder::row_count_expr(const ast::Expr& node) {
  const Relation* before = std::exchange(rows_, nullptr);
  const ExprRef value = expr(node);
  rows_ = before;
  if (value == nullptr) return nullptr;
  if (!is_integer(value->type)) {
    diagnostics_.error(node.span, fmt::format("expected a number of rows of type long, found {}",
                                              type_name(value->type)));
    return nullptr;
  }
  const auto* known = std::get_if<plan::Constant>(&value->form);
  if (known != nullptr && (known->value.is_null() || *known->value.if_int() < 0)) {
    diagnostics_.error(node.span, "expected a number of rows that is not negative");
    return nullptr;
  }
  return convert(value, Type::Long);
}

void Binder::operate(const ast::Take& form, Relation& input) {
  if (const ExprRef count = row_count_expr(*form.count)) {
    input.node = node(plan::Limit{input.node, count});
  }
}

void Binder::operate(const ast::Sample& form, Relation& input) {
  if (const ExprRef count = row_count_expr(*form.count)) {
    input.node = node(plan::Limit{input.node, count, true});
  }
}

// The distinct values of a column, so many of them.
void Binder::operate(const ast::SampleDistinct& form, Relation& input) {
  operate(ast::Distinct{{form.column}, false}, input);
  operate(ast::Take{form.count}, input);
}

void Binder::operate(const ast::Count&, Relation& input) {
  const auto overloads = functions::find("count", functions::Kind::Aggregate);
  const ColumnId id = new_column();
  plan::Aggregate aggregate{input.node, {}, {{id, &overloads.front(), {}, Type::Long}}, {}};
  input.node = node(std::move(aggregate));
  input.columns = {{"Count", Type::Long, id, false}};
}

void Binder::operate(const ast::Distinct& form, Relation& input) {
  plan::Aggregate aggregate{input.node, {}, {}, {}};
  std::vector<plan::NamedColumn> columns;
  int unnamed = 0;
  const Relation* before = std::exchange(rows_, &input);
  if (form.all) {
    for (const plan::NamedColumn& each : input.columns)
      aggregate.keys.push_back({each.id, column(each)});
    columns = input.columns;
  }
  for (const ast::Assignment& assignment : form.columns) {
    const ExprRef value = expr(assignment.value);
    if (value == nullptr) {
      input.incomplete = true;
      continue;
    }
    const ColumnId id = new_column();
    aggregate.keys.push_back({id, value});
    add_column(assignment, value, id, unnamed, columns);
  }
  rows_ = before;
  input.node = node(std::move(aggregate));
  input.columns = std::move(columns);
}

void Binder::sort_by(std::span<const ast::SortKey> keys, Relation& input) {
  plan::Extend extend{input.node, {}};
  plan::Sort sort{nullptr, {}};
  const Relation* before = std::exchange(rows_, &input);
  for (const ast::SortKey& key : keys) {
    const ExprRef value = expr(key.value);
    if (value == nullptr) continue;
    if (value->type == Type::Dynamic) {
      diagnostics_.error(key.value->span,
                         "dynamic values have no order; convert them first, for "
                         "example with tostring() or tolong()");
      continue;
    }
    // Nulls come last when the order descends and first when it ascends.
    const bool nulls_first = key.nulls_first.value_or(!key.descending);
    const bool real = value->type == Type::Real;
    if (const auto* reference = std::get_if<plan::ColumnRef>(&value->form)) {
      sort.keys.push_back({reference->id, key.descending, nulls_first, real});
      continue;
    }
    const ColumnId id = new_column();
    extend.outputs.push_back({id, value});
    sort.keys.push_back({id, key.descending, nulls_first, real});
  }
  rows_ = before;
  if (!extend.outputs.empty()) input.node = node(std::move(extend));
  sort.input = input.node;
  if (!sort.keys.empty()) input.node = node(std::move(sort));
}

void Binder::operate(const ast::Sort& form, Relation& input) {
  sort_by(form.keys, input);
}

void Binder::operate(const ast::Top& form, Relation& input) {
  sort_by({&form.key, 1}, input);
  if (const ExprRef count = row_count_expr(*form.count)) {
    input.node = node(plan::Limit{input.node, count});
  }
}

void Binder::operate(const ast::Render& form, Relation&) {
  plan_.render = form;
}

// serialize only promises an order, which every operator here keeps.
void Binder::operate(const ast::Serialize& form, Relation& input) {
  if (!form.columns.empty()) operate(ast::Extend{form.columns}, input);
}

// T | as X: the rows so far under a name, as let would give it.
void Binder::operate(const ast::As& form, Relation& input) {
  if (open_scope_ == nullptr || input.node == nullptr) return;
  Binding shared = share(input);
  input = reference(std::get<LetTable>(shared));
  open_scope_->names.insert_or_assign(form.name.text, std::move(shared));
}

namespace {

// The names that getschema gives the types, those of Kusto's own runtime.
std::string_view dotnet_name(Type type) {
  switch (type) {
    case Type::Bool:
      return "System.SByte";
    case Type::Int:
      return "System.Int32";
    case Type::Long:
      return "System.Int64";
    case Type::Real:
      return "System.Double";
    case Type::Decimal:
      return "System.Data.SqlTypes.SqlDecimal";
    case Type::String:
      return "System.String";
    case Type::DateTime:
      return "System.DateTime";
    case Type::TimeSpan:
      return "System.TimeSpan";
    case Type::Guid:
      return "System.Guid";
    case Type::Dynamic:
      return "System.Object";
  }
  return "";
}

}  // namespace

void Binder::operate(const ast::GetSchema&, Relation& input) {
  plan::Rows rows;
  Relation out;
  for (const auto& [name, type] :
       {std::pair{"ColumnName", Type::String}, std::pair{"ColumnOrdinal", Type::Long},
        std::pair{"DataType", Type::String}, std::pair{"ColumnType", Type::String}}) {
    const ColumnId id = new_column();
    rows.columns.emplace_back(id, type);
    out.columns.push_back({name, type, id, false});
  }
  std::int64_t ordinal = 0;
  for (const plan::NamedColumn& each : input.columns) {
    const std::string type(type_name(each.type));
    rows.rows.push_back(
        {constant(Value::text(each.name)), constant(Value::of(Type::Long, ordinal++)),
         constant(Value::text(std::string(dotnet_name(each.type)))), constant(Value::text(type))});
  }
  out.node = node(std::move(rows));
  input = std::move(out);
}

}  // namespace kql::bind
