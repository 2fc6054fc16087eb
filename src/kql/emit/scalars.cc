#include "kql/emit/scalars.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/result.h"
#include "kql/emit/quote.h"
#include "kql/emit/terms.h"

namespace kql::emit {
namespace {

const std::string* constant_text(const plan::Expr& expr) {
  const auto* constant = std::get_if<plan::Constant>(&expr.form);
  return constant == nullptr ? nullptr : constant->value.if_text();
}

std::string negate(bool negated, std::string sql) {
  return negated ? fmt::format("(NOT {})", sql) : sql;
}

// The argument of parse_json(text), where the path looks into text.
const plan::Expr* parsed_text(const plan::Expr& expr) {
  const auto* apply = std::get_if<plan::Apply>(&expr.form);
  if (apply == nullptr || apply->overload->entry->sql != "kql_parse_json({0})") return nullptr;
  return apply->arguments.front();
}

// Whether the value may be NaN, which SQL takes for the greatest number and equal to itself. The
// language compares as IEEE 754 does: nothing but != is true of it.
bool may_be_nan(const plan::Expr& expr) {
  if (expr.type != Type::Real) return false;
  if (const auto* constant = std::get_if<plan::Constant>(&expr.form)) {
    const double* real = constant->value.if_real();
    return real != nullptr && std::isnan(*real);
  }
  // A whole number as a real.
  const auto* apply = std::get_if<plan::Apply>(&expr.form);
  return apply == nullptr || apply->arguments.size() != 1 ||
         !is_integer(apply->arguments.front()->type);
}

std::string_view symbol(ast::CompareOp op) {
  switch (op) {
    case ast::CompareOp::Less:
      return "<";
    case ast::CompareOp::LessEqual:
      return "<=";
    case ast::CompareOp::Greater:
      return ">";
    case ast::CompareOp::GreaterEqual:
      return ">=";
    case ast::CompareOp::Equal:
    case ast::CompareOp::NotEqual:
      break;
  }
  return "";
}

// Constant steps as one JSON path; nullopt when one is computed or has a name that paths cannot
// hold.
std::optional<std::string> plain_path(const std::vector<plan::Step>& steps) {
  std::string path = "$";
  for (const plan::Step& step : steps) {
    if (const auto* index = std::get_if<std::int64_t>(&step.key)) {
      path += *index < 0 ? fmt::format("[#{}]", *index) : fmt::format("[{}]", *index);
      continue;
    }
    const auto* name = std::get_if<std::string>(&step.key);
    const bool plain =
        name != nullptr && !name->empty() && name->find_first_of("\"\\*") == std::string::npos;
    if (!plain) return std::nullopt;
    path += fmt::format(".\"{}\"", *name);
  }
  return path;
}

}  // namespace

std::string column_name(plan::ColumnId id) {
  return fmt::format("c{}", id);
}

std::string Scalars::value(const plan::Expr& expr) const {
  return std::visit([&](const auto& content) { return form(expr, content); }, expr.form);
}

std::string Scalars::list(const std::vector<const plan::Expr*>& values) const {
  std::string out;
  for (const plan::Expr* each : values)
    out += (out.empty() ? "" : ", ") + value(*each);
  return out;
}

std::string Scalars::condition(const plan::Expr& expr) const {
  if (const auto* logic = std::get_if<plan::Logic>(&expr.form)) {
    std::string out;
    for (const plan::Expr* operand : logic->operands) {
      if (!out.empty()) out += logic->all ? " AND " : " OR ";
      out += condition(*operand);
    }
    return fmt::format("({})", out);
  }
  if (const auto* compare = std::get_if<plan::Compare>(&expr.form)) {
    const bool nullable = compare->left->nullable || compare->right->nullable;
    const bool nan = may_be_nan(*compare->left) && may_be_nan(*compare->right);
    if (!symbol(compare->op).empty()) return ordered(*compare, true);
    if (nan) return value(expr);
    if (compare->op == ast::CompareOp::Equal) {
      return fmt::format("({} = {})", compared(*compare->left, *compare->right),
                         compared(*compare->right, *compare->left));
    }
    if (compare->op == ast::CompareOp::NotEqual && nullable) {
      return fmt::format("({} IS DISTINCT FROM {})", value(*compare->left), value(*compare->right));
    }
  }
  if (const auto* in = std::get_if<plan::InList>(&expr.form); in != nullptr && !in->negated) {
    return in_items(*in);
  }
  if (const auto* in = std::get_if<plan::InTable>(&expr.form);
      in != nullptr && !in->negated && in->case_sensitive) {
    return fmt::format("({} IN (SELECT {} FROM ({})))", value(*in->value), column_name(in->column),
                       table_(*in->table));
  }
  return value(expr);
}

// A side of == in a filter. An absent string is '', which no other text equals: the bare column,
// which the database can look up.
std::string Scalars::compared(const plan::Expr& side, const plan::Expr& other) const {
  const auto* apply = std::get_if<plan::Apply>(&side.form);
  const std::string* text = constant_text(other);
  const bool bare = apply != nullptr && apply->overload->entry->sql == "coalesce({0}, '')" &&
                    text != nullptr && !text->empty();
  return value(bare ? *apply->arguments.front() : side);
}

std::string Scalars::fill(const functions::Overload& overload,
                          const std::vector<const plan::Expr*>& arguments,
                          std::string_view order) const {
  const std::string_view sql = overload.entry->sql;
  std::string out;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] != '{') {
      out += sql[i];
      continue;
    }
    const std::size_t close = sql.find('}', i);
    const std::string_view name = sql.substr(i + 1, close - i - 1);
    if (name.starts_with('*')) {
      // {*1}: those from number 1 on.
      const std::size_t first = name.size() > 1 ? static_cast<std::size_t>(name[1] - '0') : 0;
      out += list({arguments.begin() + static_cast<std::ptrdiff_t>(first), arguments.end()});
    } else if (name == "order") {
      out += order;
    } else {
      const auto index = static_cast<std::size_t>(name.front() - '0');
      ASSERT(index < arguments.size());
      out += value(*arguments[index]);
    }
    i = close;
  }
  return out;
}

std::string Scalars::form(const plan::Expr&, const plan::Constant& form) const {
  return literal(form.value);
}

std::string Scalars::form(const plan::Expr&, const plan::ColumnRef& form) const {
  return column_name(form.id);
}

std::string Scalars::form(const plan::Expr& expr, const plan::Apply& form) const {
  const functions::Entry& entry = *form.overload->entry;
  std::string sql;
  const auto* path = form.arguments.size() == 1
                         ? std::get_if<plan::JsonPath>(&form.arguments.front()->form)
                         : nullptr;
  if (path != nullptr && entry.sql == "json_extract_string({0}, '$')") {
    // tostring(a.b.c): the text comes out of the JSON in one step.
    sql = text_path(*path);
  } else {
    sql = fill(*form.overload, form.arguments, "");
  }
  bool null = entry.nulls == functions::Nulls::Sometimes;
  for (const plan::Expr* argument : form.arguments) {
    null = null || (entry.nulls == functions::Nulls::Propagate && argument->nullable);
  }
  if (expr.type == Type::String && null) return fmt::format("coalesce({}, '')", sql);
  return sql;
}

std::string Scalars::form(const plan::Expr& expr, const plan::Arithmetic& form) const {
  const std::string a = value(*form.operands.front());
  if (form.op == plan::ArithmeticOp::Negate) return fmt::format("(-{})", a);
  const std::string b = value(*form.operands.back());
  const bool real =
      form.operands.front()->type == Type::Real || form.operands.back()->type == Type::Real;
  const bool ticks_by_real = expr.type == Type::TimeSpan && real;
  std::string sql;
  switch (form.op) {
    case plan::ArithmeticOp::Add:
      sql = fmt::format("({} + {})", a, b);
      break;
    case plan::ArithmeticOp::Subtract:
      sql = fmt::format("({} - {})", a, b);
      break;
    case plan::ArithmeticOp::Multiply:
      sql = fmt::format("({} * {})", a, b);
      break;
    case plan::ArithmeticOp::Modulo:
      return fmt::format("kql_mod({}, {})", a, b);
    case plan::ArithmeticOp::Divide:
      if (expr.type == Type::Decimal) {
        sql = fmt::format("(CAST({} AS DOUBLE) / CAST({} AS DOUBLE))", a, b);
      } else {
        sql = fmt::format("({} {} {})", a, real ? "/" : "//", b);
      }
      break;
    case plan::ArithmeticOp::Negate:
      break;
  }
  if (expr.type == Type::Decimal) return fmt::format("TRY_CAST({} AS DECIMAL(38,12))", sql);
  if (expr.type == Type::DateTime) return fmt::format("kql_datetime_or_null({})", sql);
  if (ticks_by_real) return fmt::format("TRY_CAST(round({}) AS BIGINT)", sql);
  return sql;
}

std::string Scalars::form(const plan::Expr&, const plan::Logic& form) const {
  std::string out;
  for (const plan::Expr* operand : form.operands) {
    if (!out.empty()) out += form.all ? " AND " : " OR ";
    out += value(*operand);
  }
  return fmt::format("({})", out);
}

// <, <=, > and >=. As a filter, null and false are the same.
std::string Scalars::ordered(const plan::Compare& form, bool filters) const {
  const std::string a = value(*form.left);
  const std::string b = value(*form.right);
  const std::string plain = fmt::format("{} {} {}", a, symbol(form.op), b);
  // Only a NaN on the greater side is wrong.
  const bool less = form.op == ast::CompareOp::Less || form.op == ast::CompareOp::LessEqual;
  const plan::Expr& greater = less ? *form.right : *form.left;
  if (!may_be_nan(greater)) return fmt::format("({})", plain);
  const plan::Expr& lesser = less ? *form.left : *form.right;
  if (filters || !lesser.nullable) {
    return fmt::format("({} AND NOT isnan({}))", plain, less ? b : a);
  }
  return fmt::format(
      "(CASE WHEN isnan({}) THEN CASE WHEN {} IS NOT NULL THEN false END ELSE {} END)",
      less ? b : a, less ? a : b, plain);
}

std::string Scalars::form(const plan::Expr&, const plan::Compare& form) const {
  if (!symbol(form.op).empty()) return ordered(form, false);
  const std::string a = value(*form.left);
  const std::string b = value(*form.right);
  const bool both = form.left->nullable && form.right->nullable;
  const bool one = form.left->nullable || form.right->nullable;
  const bool nan = may_be_nan(*form.left) && may_be_nan(*form.right);
  const bool equal = form.op == ast::CompareOp::Equal;
  std::string out;
  if (both) {
    out = fmt::format("kql_equal({}, {})", a, b);
    if (!equal) out = fmt::format("(NOT {})", out);
  } else {
    const std::string_view plain = equal ? "=" : "<>";
    const std::string_view null_safe = equal ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM";
    out = fmt::format("({} {} {})", a, one ? null_safe : plain, b);
  }
  if (!nan) return out;
  return equal ? fmt::format("({} AND NOT isnan({}))", out, a)
               : fmt::format("({} OR isnan({}))", out, a);
}

std::string Scalars::form(const plan::Expr&, const plan::Between& form) const {
  // NaN is within no bounds, and nothing is within bounds of NaN.
  if (may_be_nan(*form.high) || (may_be_nan(*form.value) && form.high->nullable)) {
    const std::string low = ordered({ast::CompareOp::GreaterEqual, form.value, form.low}, false);
    const std::string high = ordered({ast::CompareOp::LessEqual, form.value, form.high}, false);
    return negate(form.negated, fmt::format("({} AND {})", low, high));
  }
  return fmt::format("({} {}BETWEEN {} AND {})", value(*form.value), form.negated ? "NOT " : "",
                     value(*form.low), value(*form.high));
}

std::string Scalars::needle_match(const plan::TextMatch& form, const plan::Expr& needle) const {
  const std::string text = value(*form.text);
  const std::string part = value(needle);
  const auto function = [&](std::string_view name) {
    if (form.case_sensitive) return fmt::format("{}({}, {})", name, text, part);
    return fmt::format("{}(lower({}), lower({}))", name, text, part);
  };
  switch (form.op) {
    case ast::TextOp::EqualNoCase:
      return fmt::format("(lower({}) = lower({}))", text, part);
    case ast::TextOp::Contains:
      return function("contains");
    case ast::TextOp::StartsWith:
      return function("starts_with");
    case ast::TextOp::EndsWith:
      return function("ends_with");
    case ast::TextOp::MatchesRegex:
      return fmt::format("regexp_matches({}, {})", text, part);
    case ast::TextOp::Has:
    case ast::TextOp::HasPrefix:
    case ast::TextOp::HasSuffix:
      break;
  }
  if (const std::string* known = constant_text(needle)) {
    if (known->empty()) return "true";
    const std::string pattern = term_pattern(form.op, form.case_sensitive, {known, 1});
    return fmt::format("regexp_matches({}, {})", text, quote(pattern));
  }
  return fmt::format("kql_has({}, {}, {}, {}, {})", text, part,
                     form.op == ast::TextOp::HasSuffix ? "false" : "true",
                     form.op == ast::TextOp::HasPrefix ? "false" : "true",
                     form.case_sensitive ? "true" : "false");
}

std::string Scalars::form(const plan::Expr&, const plan::TextMatch& form) const {
  if (form.needles.size() == 1) {
    return negate(form.negated, needle_match(form, *form.needles.front()));
  }
  std::vector<std::string> words;
  for (const plan::Expr* needle : form.needles) {
    const std::string* known = constant_text(*needle);
    if (known == nullptr || known->empty()) break;
    words.push_back(*known);
  }
  if (!form.all && !words.empty() && words.size() == form.needles.size()) {
    // has_any of constants: one expression for all of them.
    const std::string pattern = term_pattern(form.op, form.case_sensitive, words);
    return negate(form.negated,
                  fmt::format("regexp_matches({}, {})", value(*form.text), quote(pattern)));
  }
  std::string out;
  for (const plan::Expr* needle : form.needles) {
    if (!out.empty()) out += form.all ? " AND " : " OR ";
    out += needle_match(form, *needle);
  }
  if (out.empty()) out = form.all ? "true" : "false";
  return negate(form.negated, fmt::format("({})", out));
}

std::string Scalars::form(const plan::Expr&, const plan::TextMatchArray& form) const {
  return negate(form.negated, fmt::format("kql_has_{}({}, {})", form.all ? "all" : "any",
                                          value(*form.text), value(*form.array)));
}

std::string Scalars::in_items(const plan::InList& form) const {
  std::string items;
  for (const plan::Expr* item : form.items) {
    const auto* constant = std::get_if<plan::Constant>(&item->form);
    if (constant != nullptr && constant->value.is_null()) continue;
    if (!items.empty()) items += ", ";
    items += form.case_sensitive ? value(*item) : fmt::format("lower({})", value(*item));
  }
  if (items.empty()) return "false";
  const std::string needle =
      form.case_sensitive ? value(*form.value) : fmt::format("lower({})", value(*form.value));
  const bool nan = may_be_nan(*form.value) &&
                   std::any_of(form.items.begin(), form.items.end(),
                               [](const plan::Expr* item) { return may_be_nan(*item); });
  if (nan) return fmt::format("({} IN ({}) AND NOT isnan({}))", needle, items, needle);
  return fmt::format("({} IN ({}))", needle, items);
}

std::string Scalars::form(const plan::Expr&, const plan::InList& form) const {
  bool nullable = form.value->nullable;
  for (const plan::Expr* item : form.items)
    nullable = nullable || item->nullable;
  const std::string sql = in_items(form);
  return negate(form.negated, nullable ? fmt::format("coalesce({}, false)", sql) : sql);
}

std::string Scalars::form(const plan::Expr&, const plan::InArray& form) const {
  const std::string_view function = form.case_sensitive ? "kql_in_array" : "kql_in_array_no_case";
  return negate(form.negated,
                fmt::format("{}({}, {})", function, value(*form.value), value(*form.array)));
}

std::string Scalars::form(const plan::Expr&, const plan::InTable& form) const {
  const std::string column = column_name(form.column);
  const auto cased = [&form](const std::string& sql) {
    return form.case_sensitive ? sql : fmt::format("lower({})", sql);
  };
  // Without NULLs in it, IN is only NULL for a NULL value.
  std::string sql =
      fmt::format("({} IN (SELECT {} FROM ({}) WHERE {} IS NOT NULL))", cased(value(*form.value)),
                  cased(column), table_(*form.table), column);
  if (form.value->nullable) sql = fmt::format("coalesce({}, false)", sql);
  return negate(form.negated, sql);
}

std::string Scalars::form(const plan::Expr&, const plan::Choose& form) const {
  std::string out = "CASE";
  for (const plan::Choose::Branch& branch : form.branches) {
    out += fmt::format(" WHEN {} THEN {}", condition(*branch.condition), value(*branch.value));
  }
  return fmt::format("{} ELSE {} END", out, value(*form.otherwise));
}

std::string Scalars::text_path(const plan::JsonPath& form) const {
  const auto path = plain_path(form.steps);
  if (path) {
    if (const plan::Expr* text = parsed_text(*form.base)) {
      return fmt::format("kql_text_path_string({}, {})", value(*text), quote(*path));
    }
    return fmt::format("json_extract_string({}, {})", value(*form.base), quote(*path));
  }
  return fmt::format("json_extract_string({}, '$')", this->form(*form.base, form));
}

std::string Scalars::form(const plan::Expr&, const plan::JsonPath& form) const {
  if (const auto path = plain_path(form.steps)) {
    if (const plan::Expr* text = parsed_text(*form.base)) {
      return fmt::format("kql_text_path({}, {})", value(*text), quote(*path));
    }
    return fmt::format("kql_path({}, {})", value(*form.base), quote(*path));
  }
  std::string out = value(*form.base);
  for (const plan::Step& step : form.steps) {
    if (const auto* name = std::get_if<std::string>(&step.key)) {
      out = fmt::format("kql_member({}, {})", out, quote(*name));
    } else if (const auto* index = std::get_if<std::int64_t>(&step.key)) {
      out = fmt::format("kql_element({}, {})", out, *index);
    } else {
      const plan::Expr& key = *std::get<const plan::Expr*>(step.key);
      const std::string_view function = key.type == Type::String ? "kql_member" : "kql_element";
      out = fmt::format("{}({}, {})", function, out, value(key));
    }
  }
  return out;
}

std::string Scalars::form(const plan::Expr&, const plan::Pack& form) const {
  std::string out;
  for (const auto& [name, content] : form.members) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}, {}", value(*name), value(*content));
  }
  return fmt::format("json_object({})", out);
}

std::string Scalars::form(const plan::Expr&, const plan::PackArray& form) const {
  return fmt::format("json_array({})", list(form.items));
}

std::string Scalars::form(const plan::Expr& expr, const plan::ScalarRef& form) const {
  const std::string sql = fmt::format("(SELECT v FROM s{})", form.index);
  return expr.type == Type::String ? fmt::format("coalesce({}, '')", sql) : sql;
}

}  // namespace kql::emit
