// scan: rows matched in their order against steps that know what matched before.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {

std::optional<std::size_t> Binder::scan_step(std::string_view name) const {
  if (scan_ == nullptr) return std::nullopt;
  const auto& steps = scan_->form->steps;
  const auto found = std::ranges::find(
      steps, name, [](const auto& each) -> std::string_view { return each.name.text; });
  if (found == steps.end()) return std::nullopt;
  return static_cast<std::size_t>(found - steps.begin());
}

// What a declared column is where no step has set it.
ExprRef Binder::scan_empty(const ast::ScanColumn& column) {
  if (column.otherwise == nullptr) {
    return constant(column.type == Type::String ? Value::text("") : Value::null(column.type));
  }
  ScanContext* scan = std::exchange(scan_, nullptr);
  const Relation* before = std::exchange(rows_, nullptr);
  ExprRef value = expr(column.otherwise);
  rows_ = before;
  scan_ = scan;
  if (value == nullptr) return nullptr;
  if (value->type != column.type && common_type(value->type, column.type) != column.type) {
    diagnostics_.error(column.otherwise->span,
                       fmt::format("expected a value of type {}, found {}", type_name(column.type),
                                   type_name(value->type)));
    return nullptr;
  }
  return convert(value, column.type);
}

// s1.x: in the state that is looked at, column x of the row that step s1 matched last.
ExprRef Binder::scan_member(std::size_t step, const ast::Name& column, Span span) {
  const auto& declared = scan_->form->declared;
  const auto own = std::ranges::find(
      declared, column.text, [](const auto& each) -> const std::string& { return each.name.text; });
  const plan::NamedColumn* input = own == declared.end() ? scan_->rows->find(column.text) : nullptr;
  if (own == declared.end() && input == nullptr) {
    unknown_column(column.text, span);
    return nullptr;
  }
  const Type type = input != nullptr ? input->type : own->type;
  const ExprRef empty = input == nullptr       ? scan_empty(*own)
                        : type == Type::String ? constant(Value::text(""))
                                               : constant(Value::null(type));
  if (empty == nullptr) return nullptr;
  // A step behind is not in the state of one before it.
  if (scan_->of == SIZE_MAX || scan_->of < step) return empty;
  auto& ids = scan_->states[{step, column.text}];
  const ColumnId from = input != nullptr
                            ? input->id
                            : scan_->sequence->steps[step]
                                  .values[static_cast<std::size_t>(own - declared.begin())]
                                  .id;
  for (std::size_t of = step + ids.size(); of < scan_->form->steps.size(); ++of) {
    ids.push_back(new_column());
    scan_->sequence->states.push_back({ids.back(), of, step, from, type, empty});
  }
  return make(type, true, 1, plan::ColumnRef{ids[scan_->of - step]});
}

// The step's value for a declared column, in the state that is looked at.
ExprRef Binder::scan_value(const ast::ScanStep& step, const ast::ScanColumn& column) {
  for (const ast::Assignment& each : step.values) {
    if (each.names.size() != 1 || each.names.front().text != column.name.text) continue;
    ExprRef value = expr(each.value);
    if (value == nullptr) return nullptr;
    const auto common = common_type(value->type, column.type);
    if (!common || (*common != column.type && !is_numeric(column.type))) {
      diagnostics_.error(
          each.value->span,
          fmt::format("expected a value of type {} for '{}', found {}", type_name(column.type),
                      column.name.text, type_name(value->type)));
      return nullptr;
    }
    return convert(value, column.type);
  }
  return scan_empty(column);
}

// The declared columns behind the input's, and a value of each step for each.
bool Binder::scan_declare(const ast::Scan& form, Relation& out, plan::Sequence& sequence) {
  for (std::size_t i = 0; i < form.steps.size(); ++i) {
    const auto same = [&](const ast::ScanStep& other) {
      return other.name.text == form.steps[i].name.text;
    };
    if (std::any_of(form.steps.begin(), form.steps.begin() + static_cast<std::ptrdiff_t>(i),
                    same)) {
      diagnostics_.error(form.steps[i].name.span,
                         fmt::format("a second step '{}'", form.steps[i].name.text));
      return false;
    }
    for (const ast::Assignment& each : form.steps[i].values) {
      const auto known = [&](const ast::ScanColumn& column) {
        return each.names.size() == 1 && each.names.front().text == column.name.text;
      };
      if (std::ranges::any_of(form.declared, known)) continue;
      diagnostics_.error(each.span,
                         "a step sets columns that 'declare' names: scan declare (x:long) ...");
      return false;
    }
  }
  for (const ast::ScanColumn& each : form.declared) {
    if (!declare(each.name, out.columns)) return false;
    const ColumnId id = new_column();
    sequence.declared.push_back({id, each.type});
    out.columns.push_back({each.name.text, each.type, id, each.type != Type::String});
  }
  if (form.match_id) {
    if (!declare(*form.match_id, out.columns)) return false;
    sequence.match_id = new_column();
    out.columns.push_back({form.match_id->text, Type::Long, *sequence.match_id, false});
  }
  for (const ast::ScanStep& each : form.steps) {
    plan::Sequence::Step step{nullptr, nullptr, {}, each.output};
    for (const ast::ScanColumn& column : form.declared)
      step.values.push_back({new_column(), column.type, nullptr, nullptr});
    sequence.steps.push_back(std::move(step));
  }
  return true;
}

// A step's condition and values, over the state before it and over its own.
bool Binder::scan_bind(const ast::ScanStep& step, std::size_t index, plan::Sequence& sequence) {
  for (const bool promoted : {true, false}) {
    if (promoted && index == 0) continue;
    scan_->of = promoted ? index - 1 : index;
    const ExprRef condition = boolean(*step.condition, "a condition");
    if (condition == nullptr) return false;
    (promoted ? sequence.steps[index].promoted : sequence.steps[index].repeated) = condition;
    for (std::size_t i = 0; i < scan_->form->declared.size(); ++i) {
      const ExprRef value = scan_value(step, scan_->form->declared[i]);
      if (value == nullptr) return false;
      plan::Sequence::Value& into = sequence.steps[index].values[i];
      (promoted ? into.promoted : into.repeated) = value;
    }
  }
  return true;
}

void Binder::operate(const ast::Scan& form, Relation& input) {
  if (input.node == nullptr || form.steps.empty()) {
    input.incomplete = true;
    return;
  }
  if (std::ranges::all_of(form.steps, [](const ast::ScanStep& each) {
        return each.output == ast::ScanStep::Output::None;
      })) {
    diagnostics_.error(operator_span_, "every step has output=none: nothing would come out");
    input.incomplete = true;
    return;
  }
  if (form.steps.size() > kMaxSteps) {
    diagnostics_.error(operator_span_, fmt::format("more than {} steps", kMaxSteps));
    return;
  }
  plan::Sequence sequence{};
  Relation out = input;
  for (const plan::NamedColumn& each : input.columns)
    sequence.columns.push_back(each.id);
  sequence.row = new_column();
  bool good = scan_declare(form, out, sequence);
  const Relation* before = std::exchange(rows_, &input);
  ScanContext context{&form, &input, &sequence, SIZE_MAX, {}};
  ScanContext* outer = std::exchange(scan_, &context);
  for (std::size_t i = 0; good && i < form.steps.size(); ++i)
    good = scan_bind(form.steps[i], i, sequence);
  scan_ = outer;
  rows_ = before;
  if (!good) {
    input.incomplete = true;
    return;
  }
  sequence.input = input.node;
  out.node = node(std::move(sequence));
  input = std::move(out);
}

}  // namespace kql::bind
