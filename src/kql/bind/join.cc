#include <algorithm>
#include <array>

#include "base/text.h"
#include "kql/bind/build.h"

namespace kql::bind {
namespace {

struct KindName {
  std::string_view name;
  plan::JoinKind kind;
};

constexpr std::array kKinds{
    KindName{"innerunique", plan::JoinKind::InnerUnique},
    KindName{"inner", plan::JoinKind::Inner},
    KindName{"leftouter", plan::JoinKind::LeftOuter},
    KindName{"rightouter", plan::JoinKind::RightOuter},
    KindName{"fullouter", plan::JoinKind::FullOuter},
    KindName{"leftsemi", plan::JoinKind::LeftSemi},
    KindName{"rightsemi", plan::JoinKind::RightSemi},
    KindName{"leftanti", plan::JoinKind::LeftAnti},
    KindName{"anti", plan::JoinKind::LeftAnti},
    KindName{"leftantisemi", plan::JoinKind::LeftAnti},
    KindName{"rightanti", plan::JoinKind::RightAnti},
    KindName{"rightantisemi", plan::JoinKind::RightAnti},
};

bool keeps_left(plan::JoinKind kind) {
  return kind != plan::JoinKind::RightSemi && kind != plan::JoinKind::RightAnti;
}
bool keeps_right(plan::JoinKind kind) {
  return kind != plan::JoinKind::LeftSemi && kind != plan::JoinKind::LeftAnti;
}
// Whether rows of a side may be missing: its columns become null there.
bool pads_left(plan::JoinKind kind) {
  return kind == plan::JoinKind::RightOuter || kind == plan::JoinKind::FullOuter;
}
bool pads_right(plan::JoinKind kind) {
  return kind == plan::JoinKind::LeftOuter || kind == plan::JoinKind::FullOuter;
}

std::vector<plan::TypedColumn> typed(const std::vector<plan::NamedColumn>& columns) {
  std::vector<plan::TypedColumn> out;
  for (const plan::NamedColumn& column : columns)
    out.push_back({column.id, column.type});
  return out;
}

}  // namespace

std::vector<std::string_view> kinds_of(std::string_view operator_name) {
  if (operator_name == "lookup") return {"leftouter", "inner"};
  if (operator_name == "union") return {"outer", "inner"};
  std::vector<std::string_view> out;
  if (operator_name == "join") {
    for (const KindName& known : kKinds)
      out.push_back(known.name);
  }
  return out;
}

std::optional<plan::JoinKind> Binder::join_kind(const ast::Join& form) {
  plan::JoinKind out = form.lookup ? plan::JoinKind::LeftOuter : plan::JoinKind::InnerUnique;
  for (const ast::Property& property : form.properties) {
    if (property.name.text.starts_with("hint.") || property.name.text == "withsource") continue;
    if (property.name.text != "kind") {
      diagnostics_.error(property.name.span, fmt::format("unknown property '{}': expected kind=...",
                                                         property.name.text));
      continue;
    }
    std::vector<std::string_view> names;
    const KindName* found = nullptr;
    for (const KindName& known : kKinds) {
      names.push_back(known.name);
      if (known.name == property.value.text) found = &known;
    }
    const bool allowed =
        found != nullptr && (!form.lookup || found->kind == plan::JoinKind::Inner ||
                             found->kind == plan::JoinKind::LeftOuter);
    if (allowed) {
      out = found->kind;
      continue;
    }
    std::string message = fmt::format("'{}' is no kind of {}", property.value.text,
                                      form.lookup ? "lookup: expected leftouter or inner" : "join");
    if (const auto nearest = base::nearest(property.value.text, names); nearest && !form.lookup) {
      message += fmt::format("; did you mean '{}'?", *nearest);
    }
    diagnostics_.error(property.value.span, message);
    return std::nullopt;
  }
  return out;
}

void Binder::operate(const ast::Join& form, Relation& input) {
  const auto kind = join_kind(form);
  const Relation* before = std::exchange(rows_, nullptr);
  const Relation* outside = std::exchange(outside_, nullptr);
  Relation right = relation(*form.right);
  rows_ = before;
  outside_ = outside;
  if (input.node == nullptr || right.node == nullptr || !kind) {
    input.incomplete = true;
    return;
  }
  note_sides(input, right);
  plan::Join join{*kind, input.node, right.node, {}, typed(input.columns), typed(right.columns)};
  std::vector<std::string> right_keys;
  bool failed = false;
  for (const ast::Expr* condition : form.conditions) {
    failed = !join_condition(*condition, input, right, join, right_keys) || failed;
  }
  std::vector<plan::NamedColumn> columns;
  if (keeps_left(*kind)) {
    columns = input.columns;
    for (plan::NamedColumn& column : columns) {
      column.nullable = column.type != Type::String && (column.nullable || pads_left(*kind));
    }
  }
  if (keeps_right(*kind)) {
    for (plan::NamedColumn column : right.columns) {
      const bool key =
          std::find(right_keys.begin(), right_keys.end(), column.name) != right_keys.end();
      if (form.lookup && key) continue;
      column.name = unique_name(std::move(column.name), columns);
      column.nullable = column.type != Type::String && (column.nullable || pads_right(*kind));
      columns.push_back(std::move(column));
    }
  }
  std::vector<ShreddedColumn> shredded;
  if (keeps_left(*kind)) shredded = input.shredded;
  if (keeps_right(*kind))
    shredded.insert(shredded.end(), right.shredded.begin(), right.shredded.end());
  join.hidden = hidden_of(shredded);
  input.shredded = std::move(shredded);
  input.incomplete = input.incomplete || right.incomplete || failed;
  input.columns = std::move(columns);
  if (input.columns.size() > kMaxColumns) {
    diagnostics_.error(operator_span_, fmt::format("more than {} columns", kMaxColumns));
    return;
  }
  if (!failed) input.node = node(std::move(join));
}

// One condition: a name that both sides have, or $left.x == $right.y, or several with "and".
bool Binder::join_condition(const ast::Expr& condition, const Relation& left, const Relation& right,
                            plan::Join& join, std::vector<std::string>& key_names) {
  if (const auto* logic = std::get_if<ast::Logic>(&condition.form); logic && logic->all) {
    bool good = true;
    for (const ast::Expr* each : logic->operands) {
      good = join_condition(*each, left, right, join, key_names) && good;
    }
    return good;
  }
  if (const auto* name = std::get_if<ast::NameRef>(&condition.form)) {
    const plan::NamedColumn* a = left.find(name->name);
    const plan::NamedColumn* b = right.find(name->name);
    if (a != nullptr && b != nullptr) {
      key_names.push_back(name->name);
      return join_pair(column(*a), column(*b), condition.span, join);
    }
    const Relation& lacking = a == nullptr ? left : right;
    if (!lacking.incomplete) {
      diagnostics_.error(condition.span, fmt::format("the {} side of the join has no column '{}'{}",
                                                     a == nullptr ? "left" : "right", name->name,
                                                     a == nullptr && b == nullptr
                                                         ? ", nor has the other"
                                                         : "; $left.x == $right.y joins columns "
                                                           "of different names"));
    }
    return false;
  }
  const auto* compare = std::get_if<ast::Compare>(&condition.form);
  if (compare == nullptr || compare->op != ast::CompareOp::Equal) {
    diagnostics_.error(condition.span, "expected a column's name, or $left.x == $right.y");
    return false;
  }
  const auto side_of = [](const ast::Expr& expr) -> std::string_view {
    const auto* member = std::get_if<ast::Member>(&expr.form);
    const auto* base = member == nullptr ? nullptr : std::get_if<ast::NameRef>(&member->base->form);
    return base == nullptr ? std::string_view{} : std::string_view(base->name);
  };
  const ast::Expr* a = compare->left;
  const ast::Expr* b = compare->right;
  if (side_of(*a) == "$right" && side_of(*b) == "$left") std::swap(a, b);
  if (side_of(*a) != "$left" || side_of(*b) != "$right") {
    diagnostics_.error(condition.span, "expected $left.x == $right.y");
    return false;
  }
  left_ = &left;
  right_ = &right;
  const ExprRef x = expr(*a);
  const ExprRef y = expr(*b);
  left_ = right_ = nullptr;
  if (x == nullptr || y == nullptr) return false;
  key_names.push_back(std::get<ast::Member>(b->form).name.text);
  return join_pair(x, y, condition.span, join);
}

bool Binder::join_pair(ExprRef left, ExprRef right, Span span, plan::Join& join) {
  const bool dynamic = left->type == Type::Dynamic || right->type == Type::Dynamic;
  const auto type = common_type(left->type, right->type);
  if (!type || dynamic) {
    diagnostics_.error(span, fmt::format("a join cannot compare {} with {}{}",
                                         type_name(left->type), type_name(right->type),
                                         dynamic ? "; extend a column with tostring() first" : ""));
    return false;
  }
  left = convert(left, *type);
  right = convert(right, *type);
  if (left == nullptr || right == nullptr) return false;
  join.on.emplace_back(left, right);
  return true;
}

}  // namespace kql::bind
