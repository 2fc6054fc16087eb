// Expressions but for operators and calls: literals, names and paths.

#include "kql/bind/build.h"

namespace kql::bind {

ExprRef Binder::expr(const ast::Expr& node) {
  return std::visit([&](const auto& content) { return form(content, node.span); }, node.form);
}

ExprRef Binder::boolean(const ast::Expr& node, std::string_view what) {
  const ExprRef value = expr(node);
  if (value == nullptr || value->type == Type::Bool) return value;
  if (value->type == Type::Dynamic) return convert(value, Type::Bool);
  diagnostics_.error(
      node.span, fmt::format("expected {} of type bool, found {}", what, type_name(value->type)));
  return nullptr;
}

ExprRef Binder::not_scalar(Span span) {
  diagnostics_.error(span, "expected a single value, found a table; toscalar(...) makes one of it");
  return nullptr;
}

ExprRef Binder::form(const ast::Missing&, Span span) {
  note_missing(span);
  return nullptr;
}
ExprRef Binder::form(const ast::Literal& form, Span) {
  return constant(form.value);
}
ExprRef Binder::form(const ast::Pipeline&, Span span) {
  return not_scalar(span);
}
ExprRef Binder::form(const ast::DataTable&, Span span) {
  return not_scalar(span);
}
ExprRef Binder::form(const ast::Print&, Span span) {
  return not_scalar(span);
}
ExprRef Binder::form(const ast::Range&, Span span) {
  return not_scalar(span);
}
ExprRef Binder::form(const ast::SourceOperator&, Span span) {
  return not_scalar(span);
}

ExprRef Binder::form(const ast::Star&, Span span) {
  diagnostics_.error(span, "'*' cannot stand here: expected an expression");
  return nullptr;
}

ExprRef Binder::form(const ast::TypeOf&, Span span) {
  diagnostics_.error(span, "typeof() cannot stand here: expected a value");
  return nullptr;
}

ExprRef Binder::form(const ast::Lambda&, Span span) {
  diagnostics_.error(span, "a function cannot stand here: expected a value");
  return nullptr;
}

ExprRef Binder::form(const ast::NameRef& form, Span span) {
  if (rows_ != nullptr) {
    if (const plan::NamedColumn* found = rows_->find(form.name)) return column(*found);
  }
  const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(form.name);
  if (binding != nullptr) {
    if (const auto* scalar = std::get_if<LetScalar>(binding)) return scalar->value;
    if (std::holds_alternative<LetBroken>(*binding)) return nullptr;
    if (std::holds_alternative<LetTable>(*binding)) return not_scalar(span);
    diagnostics_.error(span,
                       fmt::format("'{}' is a function: call it as {}(...)", form.name, form.name));
    return nullptr;
  }
  if (rows_ == nullptr && catalogue_.find(form.name) != nullptr) return not_scalar(span);
  unknown_column(form.name, span);
  return nullptr;
}

ExprRef Binder::form(const ast::Member& form, Span span) {
  // $left.a and $right.a, where a join says so.
  if (const auto* side = std::get_if<ast::NameRef>(&form.base->form);
      side != nullptr && (side->name == "$left" || side->name == "$right")) {
    const Relation* table = side->name == "$left" ? left_ : right_;
    if (table == nullptr) {
      diagnostics_.error(form.base->span,
                         fmt::format("'{}' only has a meaning after a join's 'on'", side->name));
      return nullptr;
    }
    const Relation* before = std::exchange(rows_, table);
    const plan::NamedColumn* found = table->find(form.name.text);
    if (found == nullptr) unknown_column(form.name.text, form.name.span);
    rows_ = before;
    return found == nullptr ? nullptr : column(*found);
  }
  if (const auto* step = std::get_if<ast::NameRef>(&form.base->form)) {
    if (const auto index = scan_step(step->name)) return scan_member(*index, form.name, span);
  }
  return member(expr(form.base), {form.name.text}, span);
}

ExprRef Binder::form(const ast::Index& form, Span span) {
  // array_sort_asc(a, b)[1]: one of several values.
  const auto* place = std::get_if<ast::Literal>(&form.index->form);
  const std::int64_t* part = place == nullptr ? nullptr : place->value.if_int();
  if (part != nullptr && std::holds_alternative<ast::Call>(form.base->form)) {
    if (auto parts = tuple(*form.base)) {
      const bool inside = *part >= 0 && static_cast<std::size_t>(*part) < parts->size();
      if (inside) return (*parts)[static_cast<std::size_t>(*part)].second;
      if (!parts->empty()) {
        diagnostics_.error(form.index->span, fmt::format("there are {} values", parts->size()));
      }
      return nullptr;
    }
  }
  const ExprRef base = expr(form.base);
  const ExprRef index = expr(form.index);
  if (base == nullptr || index == nullptr) return nullptr;
  if (const auto* known = std::get_if<plan::Constant>(&index->form)) {
    if (const std::string* key = known->value.if_text(); key && index->type == Type::String) {
      return member(base, {*key}, span);
    }
    if (const std::int64_t* at = known->value.if_int(); at && is_integer(index->type)) {
      return member(base, {*at}, span);
    }
  }
  if (index->type != Type::String && !is_integer(index->type) && index->type != Type::Dynamic) {
    diagnostics_.error(form.index->span, fmt::format("expected an index of type long or string, "
                                                     "found {}",
                                                     type_name(index->type)));
    return nullptr;
  }
  const ExprRef key = index->type == Type::Dynamic ? convert(index, Type::String) : index;
  return member(base, {key}, span);
}

// Steps add up to one path: a.b[0] is a single look into the JSON text.
ExprRef Binder::member(ExprRef base, plan::Step step, Span span) {
  if (base == nullptr) return nullptr;
  if (base->type != Type::Dynamic) {
    diagnostics_.error(
        span,
        fmt::format("expected a dynamic value before the path, found {}{}", type_name(base->type),
                    base->type == Type::String ? "; parse_json(...) makes one of it" : ""));
    return nullptr;
  }
  if (const ExprRef property = shredded_member(base, step)) return property;
  plan::JsonPath path{base, {}};
  if (const auto* longer = std::get_if<plan::JsonPath>(&base->form)) path = *longer;
  path.steps.push_back(std::move(step));
  // A computed step is a macro, which names the value twice; text that is parsed on the way, too.
  const bool computed = std::holds_alternative<const plan::Expr*>(path.steps.back().key);
  const std::uint32_t key =
      computed ? std::get<const plan::Expr*>(path.steps.back().key)->weight : 0;
  const std::uint32_t weight = (computed ? 2 : 1) * base->weight + 3 * key + 1;
  return make(Type::Dynamic, true, weight, std::move(path));
}

}  // namespace kql::bind
