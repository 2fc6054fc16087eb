// row_number(), prev() and their kin: each becomes a column that a plan::Window adds below the
// operator that calls it.

#include <array>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

using Kind = plan::Window::Kind;

struct Form {
  std::string_view name;
  Kind kind;
  std::size_t least;
  std::size_t most;
  std::size_t restart;  // where the argument that starts anew stands; SIZE_MAX: there is none
};

constexpr std::array kForms{
    Form{"row_number", Kind::RowNumber, 0, 2, 1},
    Form{"row_cumsum", Kind::CumulativeSum, 1, 2, 1},
    Form{"prev", Kind::Previous, 1, 3, SIZE_MAX},
    Form{"next", Kind::Next, 1, 3, SIZE_MAX},
    Form{"row_rank_dense", Kind::RankDense, 1, 2, 1},
    Form{"row_rank_min", Kind::RankMin, 1, 2, 1},
    Form{"row_window_session", Kind::Session, 3, 4, 3},
};

const Form& form_of(std::string_view name) {
  for (const Form& form : kForms) {
    if (form.name == name) return form;
  }
  return kForms.front();
}

std::optional<std::int64_t> whole_constant(ExprRef value) {
  const auto* known = std::get_if<plan::Constant>(&value->form);
  const std::int64_t* number = known == nullptr ? nullptr : known->value.if_int();
  if (number == nullptr || !is_integer(value->type)) return std::nullopt;
  return *number;
}

}  // namespace

// What prev() and next() answer where there is no such row.
ExprRef Binder::window_default(ExprRef value, ExprRef otherwise, Span span) {
  const auto common = common_type(value->type, otherwise->type);
  if (common && *common == value->type) return convert(otherwise, value->type);
  diagnostics_.error(span, fmt::format("expected a value of type {}, found {}",
                                       type_name(value->type), type_name(otherwise->type)));
  return nullptr;
}

bool Binder::session_spans(const ast::Call& call, std::span<const ExprRef> arguments,
                           plan::Window& window) {
  const Type type = arguments.front()->type;
  const Type wanted = type == Type::DateTime ? Type::TimeSpan : type;
  for (std::size_t i = 1; i < 3; ++i) {
    if (arguments[i]->type == wanted) continue;
    diagnostics_.error(call.arguments[i].span,
                       fmt::format("expected a value of type {}, found {}", type_name(wanted),
                                   type_name(arguments[i]->type)));
    return false;
  }
  if (type != Type::DateTime && type != Type::TimeSpan && type != Type::Long) {
    diagnostics_.error(call.arguments.front().span,
                       fmt::format("'row_window_session' needs a datetime, a timespan or a long, "
                                   "found {}",
                                   type_name(type)));
    return false;
  }
  window.otherwise = arguments[1];
  window.between = arguments[2];
  return true;
}

ExprRef Binder::window_call(const ast::Call& call, Span span) {
  const Form& form = form_of(call.name.text);
  if (!argument_count(call, form.least, form.most, span)) return nullptr;
  if (window_input_ == nullptr || aggregates_ != nullptr) {
    diagnostics_.error(span, fmt::format("'{}' looks at other rows: it can only stand in 'extend', "
                                         "'project', 'where' and 'serialize'",
                                         call.name.text));
    return nullptr;
  }
  std::vector<ExprRef> arguments;
  std::vector<Span> spans;
  if (!bind_arguments(call, arguments, spans)) return nullptr;
  plan::Window window{};
  window.kind = form.kind;
  window.type = Type::Long;
  window.offset = 1;
  if (form.restart < arguments.size()) {
    window.restart = boolean(*call.arguments[form.restart].value, "a condition");
    if (window.restart == nullptr) return nullptr;
  }
  const bool neighbour = form.kind == Kind::Previous || form.kind == Kind::Next;
  const std::size_t offset_at = neighbour ? 1 : 0;
  if (form.kind == Kind::RowNumber || neighbour) {
    if (offset_at < arguments.size()) {
      const auto offset = whole_constant(arguments[offset_at]);
      if (!offset || (neighbour && *offset < 0)) {
        diagnostics_.error(spans[offset_at], "expected a whole number as a literal");
        return nullptr;
      }
      window.offset = *offset;
    }
  }
  bool nullable = false;
  if (form.kind != Kind::RowNumber) window.value = arguments.front();
  if (neighbour) {
    window.type = window.value->type;
    nullable = true;
    if (arguments.size() > 2) {
      window.otherwise = window_default(window.value, arguments[2], spans[2]);
      if (window.otherwise == nullptr) return nullptr;
    }
  } else if (form.kind == Kind::CumulativeSum) {
    const Type type = window.value->type;
    if (!is_numeric(type) && type != Type::TimeSpan) {
      diagnostics_.error(spans.front(), fmt::format("'row_cumsum' needs a number or a timespan, "
                                                    "found {}",
                                                    type_name(type)));
      return nullptr;
    }
    if (type == Type::Int) window.value = convert(window.value, Type::Long);
    window.type = window.value->type;
  } else if (form.kind == Kind::Session) {
    if (!session_spans(call, arguments, window)) return nullptr;
    window.type = window.value->type;
    nullable = true;
  }
  window.input = *window_input_;
  window.id = new_column();
  window.row = new_column();
  window.group = new_column();
  const plan::NamedColumn column_of{"", window.type, window.id, nullable};
  *window_input_ = node(window);
  return column(column_of);
}

}  // namespace kql::bind
