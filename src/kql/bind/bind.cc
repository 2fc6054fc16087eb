#include "kql/bind/bind.h"

#include <utility>

#include "kql/bind/build.h"

namespace kql::bind {

std::optional<plan::Plan> bind(const ast::Tree& tree, const Catalogue& catalogue,
                               const Settings& settings, Diagnostics& diagnostics) {
  return Binder(tree, catalogue, settings, diagnostics).run();
}

Binder::Binder(const ast::Tree& tree, const Catalogue& catalogue, const Settings& settings,
               Diagnostics& diagnostics)
    : tree_(tree),
      catalogue_(catalogue),
      now_(settings.now),
      time_range_(settings.time_range),
      diagnostics_(diagnostics),
      probe_(settings.probe),
      parameters_(settings.parameters),
      lenient_(settings.lenient),
      visible_(settings.visible) {}

std::optional<plan::Plan> Binder::run() {
  const ast::Query& top = *tree_.query;
  if (top.body == nullptr && !diagnostics_.has_errors()) {
    const auto end = static_cast<std::uint32_t>(diagnostics_.query().size());
    diagnostics_.error({end, end},
                       top.lets.empty()
                           ? "the query is empty"
                           : "expected a query after the 'let' statements, found nothing");
  }
  if (const ast::Expr* wanted = option("query_now")) {
    const ExprRef value = expr(wanted);
    const auto* known = value == nullptr ? nullptr : std::get_if<plan::Constant>(&value->form);
    if (known != nullptr && value->type == Type::DateTime && known->value.if_int() != nullptr) {
      now_ = *known->value.if_int();
    } else if (value != nullptr) {
      diagnostics_.error(wanted->span, "expected a datetime such as datetime(2024-05-06)");
    }
  }
  check_given(top);
  Relation result = query(top, nullptr);
  if (diagnostics_.has_errors() || result.node == nullptr) return std::nullopt;
  plan_.root = result.node;
  plan_.columns = std::move(result.columns);
  return std::move(plan_);
}

Relation Binder::query(const ast::Query& form, const Scope* outer) {
  Scope scope;
  scope.outer = outer;
  const Scope* before = std::exchange(scope_, &scope);
  Scope* open_before = std::exchange(open_scope_, &scope);
  bind_parameters(form, scope);
  bind_lets(form, scope);
  if (form.body == nullptr) note_names_after(form);
  Relation out = broken();
  if (form.body != nullptr) {
    out = is_tabular(*form.body) ? relation(*form.body) : scalar_query(*form.body);
  }
  scope_ = before;
  open_scope_ = open_before;
  return out;
}

// A query that is only a value is a table of one cell, as print makes it.
Relation Binder::scalar_query(const ast::Expr& body) {
  if (const auto* name = std::get_if<ast::NameRef>(&body.form);
      name != nullptr && (scope_->find(name->name) == nullptr)) {
    return named_relation(name->name, body.span);
  }
  const ExprRef value = expr(body);
  if (value == nullptr) return broken();
  Relation out;
  const ColumnId id = new_column();
  out.node = node(plan::Project{node(plan::OneRow{}), {{id, value}}});
  out.columns.push_back({"print_0", value->type, id, value->nullable});
  return out;
}

void Binder::bind_lets(const ast::Query& form, Scope& scope) {
  for (const ast::Let& let : form.lets) {
    if (scope.names.contains(let.name.text)) {
      diagnostics_.error(let.name.span,
                         fmt::format("'{}' is already bound by a 'let' before", let.name.text));
      continue;
    }
    Binding value = let_value(*let.value, scope);
    scope.names.emplace(let.name.text, std::move(value));
  }
}

Binding Binder::let_value(const ast::Expr& value, const Scope& scope) {
  if (const auto* lambda = std::get_if<ast::Lambda>(&value.form)) {
    check_lambda(*lambda);
    explore(*lambda, value.span, scope);
    return LetFunction{lambda, &scope};
  }
  if (is_tabular(value)) {
    Relation table = relation(value);
    if (table.node == nullptr) return LetBroken{};
    return share(std::move(table));
  }
  const Relation* before = std::exchange(rows_, nullptr);
  const ExprRef scalar = expr(value);
  rows_ = before;
  if (scalar == nullptr) return LetBroken{};
  if (scalar->weight <= kInlineWeight) return LetScalar{scalar};
  return LetScalar{share_scalar(scalar)};
}

void Binder::check_lambda(const ast::Lambda& lambda) {
  for (std::size_t i = 0; i < lambda.parameters.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (lambda.parameters[i].name.text == lambda.parameters[j].name.text) {
        diagnostics_.error(lambda.parameters[i].name.span,
                           fmt::format("a second parameter '{}'", lambda.parameters[i].name.text));
      }
    }
  }
}

Binding Binder::share(Relation relation) {
  plan::SharedTable shared{relation.node, {}};
  for (const plan::NamedColumn& column : relation.columns)
    shared.columns.push_back(column.id);
  shared.hidden = hidden_of(relation.shredded);
  plan_.shared.emplace_back(std::move(shared));
  return LetTable{plan_.shared.size() - 1, std::move(relation.columns), relation.incomplete,
                  std::move(relation.shredded)};
}

ExprRef Binder::share_scalar(ExprRef value) {
  const ColumnId id = new_column();
  const plan::Node* table = node(plan::Project{node(plan::OneRow{}), {{id, value}}});
  plan_.shared.emplace_back(plan::SharedScalar{table, id, value->type});
  return make(value->type, value->nullable, 1, plan::ScalarRef{plan_.shared.size() - 1});
}

// An argument for each parameter: by place, then by name, else the parameter's own. nullptr stands
// for the rows that 'invoke' gives.
std::optional<std::vector<const ast::Expr*>> Binder::match_arguments(const ast::Call& call,
                                                                     const LetFunction& function,
                                                                     bool piped) {
  const auto& parameters = function.lambda->parameters;
  std::size_t required = 0;
  for (const ast::Parameter& parameter : parameters)
    required += parameter.otherwise == nullptr ? 1 : 0;
  const std::size_t given = piped ? 1 : 0;
  const std::size_t most = parameters.size();
  if (most < given || call.arguments.size() + given > most ||
      call.arguments.size() + given < required) {
    argument_count(call, required < given ? 0 : required - given, most < given ? 0 : most - given,
                   call.name.span);
    return std::nullopt;
  }
  std::vector<const ast::Expr*> out(parameters.size(), nullptr);
  std::size_t place = given;
  for (const ast::Assignment& argument : call.arguments) {
    std::size_t at = place;
    if (!argument.names.empty()) {
      const std::string& wanted = argument.names.front().text;
      for (at = given; at < parameters.size() && parameters[at].name.text != wanted;)
        ++at;
      if (at == parameters.size() || out[at] != nullptr) {
        const std::string_view why =
            at == parameters.size() ? "has no parameter" : "has already got";
        diagnostics_.error(argument.span, fmt::format("'{}' {} '{}'", call.name.text, why, wanted));
        return std::nullopt;
      }
    } else {
      ++place;
    }
    out[at] = argument.value;
  }
  for (std::size_t i = given; i < parameters.size(); ++i) {
    if (out[i] == nullptr) out[i] = parameters[i].otherwise;
    if (out[i] != nullptr) continue;
    diagnostics_.error(call.name.span, fmt::format("'{}' needs a value for '{}'", call.name.text,
                                                   parameters[i].name.text));
    return std::nullopt;
  }
  return out;
}

bool Binder::table_argument(const ast::Parameter& parameter, Relation table, Span span,
                            Scope& scope) {
  if (table.node == nullptr) return false;
  for (const ast::NamedType& wanted : parameter.columns) {
    const plan::NamedColumn* found = table.find(wanted.name.text);
    if (found != nullptr && found->type == wanted.type) continue;
    diagnostics_.error(
        span, fmt::format("the table for '{}' has no column '{}' of type {}", parameter.name.text,
                          wanted.name.text, type_name(wanted.type)));
    return false;
  }
  scope.names.emplace(parameter.name.text, share(std::move(table)));
  return true;
}

// The function's parameters bound to the call's arguments.
std::optional<Scope> Binder::arguments_scope(const ast::Call& call, const LetFunction& function,
                                             Relation* piped) {
  const auto& parameters = function.lambda->parameters;
  if (++expansions_ > kMaxExpansions || depth_ >= kMaxDepth) {
    diagnostics_.error(call.name.span, "the query's functions expand to too much");
    return std::nullopt;
  }
  const auto arguments = match_arguments(call, function, piped != nullptr);
  if (!arguments) return std::nullopt;
  Scope scope;
  scope.outer = function.scope;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ast::Parameter& parameter = parameters[i];
    const ast::Expr* argument = (*arguments)[i];
    if (argument == nullptr || parameter.tabular) {
      const Span span = argument == nullptr ? call.name.span : argument->span;
      if (!parameter.tabular) {
        diagnostics_.error(span, fmt::format("'{}' takes no table first", call.name.text));
        return std::nullopt;
      }
      Relation table = argument == nullptr ? std::move(*piped) : relation(*argument);
      if (!table_argument(parameter, std::move(table), span, scope)) return std::nullopt;
      continue;
    }
    const ExprRef value = expr(*argument);
    if (value == nullptr) return std::nullopt;
    const auto common = common_type(value->type, parameter.type);
    if (!common || (*common != parameter.type && parameter.type != Type::Dynamic)) {
      diagnostics_.error(argument->span, fmt::format("'{}' expects {} for '{}', found {}",
                                                     call.name.text, type_name(parameter.type),
                                                     parameter.name.text, type_name(value->type)));
      return std::nullopt;
    }
    const ExprRef typed = convert(value, parameter.type);
    if (typed == nullptr) return std::nullopt;
    scope.names.emplace(parameter.name.text, LetScalar{typed});
  }
  return scope;
}

ExprRef Binder::call_scalar(const ast::Call& call, const LetFunction& function, Span span) {
  const auto scope = arguments_scope(call, function, nullptr);
  if (!scope) return nullptr;
  const ast::Query& body = *function.lambda->body;
  if (body.body == nullptr) {
    diagnostics_.error(span, fmt::format("the function '{}' has no value", call.name.text));
    return nullptr;
  }
  const Scope* scope_before = std::exchange(scope_, &*scope);
  const Relation* rows_before = std::exchange(rows_, nullptr);
  AggregateContext* aggregates_before = std::exchange(aggregates_, nullptr);
  ++depth_;
  // The body's own lets live as long as their names are looked up, that is: until here.
  Scope inner;
  inner.outer = scope_;
  scope_ = &inner;
  bind_lets(body, inner);
  const ExprRef value = expr(*body.body);
  --depth_;
  scope_ = scope_before;
  rows_ = rows_before;
  aggregates_ = aggregates_before;
  return value;
}

std::optional<Relation> Binder::call_table(const ast::Call& call, const LetFunction& function,
                                           Relation* piped) {
  const auto scope = arguments_scope(call, function, piped);
  if (!scope) return std::nullopt;
  const Relation* rows_before = std::exchange(rows_, nullptr);
  const Relation* outside_before = std::exchange(outside_, nullptr);
  ++depth_;
  Relation out = query(*function.lambda->body, &*scope);
  --depth_;
  rows_ = rows_before;
  outside_ = outside_before;
  return out;
}

// T | invoke f(a): f(T, a)
void Binder::operate(const ast::Invoke& form, Relation& input) {
  const auto& call = std::get<ast::Call>(form.call->form);
  const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(call.name.text);
  const auto* function = binding == nullptr ? nullptr : std::get_if<LetFunction>(binding);
  if (function == nullptr) {
    if (binding == nullptr || !std::holds_alternative<LetBroken>(*binding)) {
      diagnostics_.error(call.name.span,
                         fmt::format("'invoke' needs a function that 'let' has bound; '{}' is none",
                                     call.name.text));
    }
    input.incomplete = true;
    return;
  }
  auto out = call_table(call, *function, &input);
  input = out ? std::move(*out) : broken();
}

// Whether the expression is a table. A plain name is one when a let or the catalogue says so.
bool Binder::is_tabular(const ast::Expr& expr) const {
  if (const auto* name = std::get_if<ast::NameRef>(&expr.form)) {
    if (rows_ != nullptr && rows_->find(name->name) != nullptr) return false;
    const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(name->name);
    if (binding != nullptr) return std::holds_alternative<LetTable>(*binding);
    return catalogue_.find(name->name) != nullptr;
  }
  if (const auto* call = std::get_if<ast::Call>(&expr.form)) {
    const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(call->name.text);
    const auto* function = binding == nullptr ? nullptr : std::get_if<LetFunction>(binding);
    if (function != nullptr) return lambda_is_tabular(*function);
    return call->name.text == "table" || call->name.text == "materialize" ||
           call->name.text == "view";
  }
  return std::holds_alternative<ast::Pipeline>(expr.form) ||
         std::holds_alternative<ast::DataTable>(expr.form) ||
         std::holds_alternative<ast::Print>(expr.form) ||
         std::holds_alternative<ast::Range>(expr.form) ||
         std::holds_alternative<ast::SourceOperator>(expr.form);
}

// Functions may call each other in a circle; the depth ends the search, and the call reports it.
bool Binder::lambda_is_tabular(const LetFunction& function, int depth) const {
  const ast::Expr* body = function.lambda->body->body;
  if (body == nullptr || depth > kMaxDepth) return false;
  const auto* name = std::get_if<ast::NameRef>(&body->form);
  if (name == nullptr) {
    // A body that calls a function bound outside it.
    if (const auto* call = std::get_if<ast::Call>(&body->form)) {
      const Binding* binding =
          function.scope == nullptr ? nullptr : function.scope->find(call->name.text);
      const auto* inner = binding == nullptr ? nullptr : std::get_if<LetFunction>(binding);
      if (inner != nullptr) return lambda_is_tabular(*inner, depth + 1);
    }
    return is_tabular(*body);
  }
  for (const ast::Parameter& parameter : function.lambda->parameters) {
    if (parameter.name.text == name->name) return parameter.tabular;
  }
  for (const ast::Let& let : function.lambda->body->lets) {
    if (let.name.text == name->name) return is_tabular(*let.value);
  }
  const Binding* binding = function.scope == nullptr ? nullptr : function.scope->find(name->name);
  if (binding != nullptr) return std::holds_alternative<LetTable>(*binding);
  return catalogue_.find(name->name) != nullptr;
}

}  // namespace kql::bind
