// Rows made of several: joins, and a row for each element of a list.

#include <fmt/format.h>

#include "kql/emit/select.h"

namespace kql::emit {
namespace {

// A side's columns; strings that an outer join pads become ''.
std::string side(const std::vector<plan::TypedColumn>& columns, bool padded) {
  std::string out;
  for (const plan::TypedColumn& column : columns) {
    const std::string name = column_name(column.id);
    if (!out.empty()) out += ", ";
    out += padded && column.type == Type::String ? fmt::format("coalesce({}, '') AS {}", name, name)
                                                 : name;
  }
  return out;
}

// An element of a dynamic array as a type. Elements of another type are null.
std::string element(const std::string& json, Type type) {
  std::string value = fmt::format("nullif({}, 'null'::JSON)", json);
  if (type == Type::Dynamic) return value;
  const functions::Overload* conversion = functions::conversion(Type::Dynamic, type);
  std::string sql(conversion->entry->sql);
  for (std::size_t at = sql.find("{0}"); at != std::string::npos; at = sql.find("{0}")) {
    sql.replace(at, 3, value);
  }
  return type == Type::String ? fmt::format("coalesce({}, '')", sql) : sql;
}

std::string_view join_word(plan::JoinKind kind) {
  using enum plan::JoinKind;
  switch (kind) {
    case LeftOuter:
      return "LEFT JOIN";
    case RightOuter:
      return "RIGHT JOIN";
    case FullOuter:
      return "FULL JOIN";
    case LeftSemi:
    case RightSemi:
      return "SEMI JOIN";
    case LeftAnti:
    case RightAnti:
      return "ANTI JOIN";
    case InnerUnique:
    case Inner:
      break;
  }
  return "JOIN";
}

}  // namespace

Select join(const plan::Join& form, const Select& left_side, const Select& right_side,
            std::string_view hidden, const Scalars& scalars) {
  std::string condition;
  std::string left_keys;
  for (const auto& [a, b] : form.on) {
    const std::string key = scalars.value(*a);
    condition += fmt::format("{}{} {} {}", condition.empty() ? "" : " AND ", key,
                             form.null_safe ? "IS NOT DISTINCT FROM" : "=", scalars.value(*b));
    left_keys += (left_keys.empty() ? "" : ", ") + key;
  }
  using enum plan::JoinKind;
  const plan::JoinKind kind = form.kind;
  const std::string_view word = join_word(kind);
  if (kind == LeftSemi || kind == LeftAnti || kind == RightSemi || kind == RightAnti) {
    const bool swapped = kind == RightSemi || kind == RightAnti;
    return {
        fmt::format("SELECT * FROM ({}) {} ({}) ON {}", swapped ? right_side.sql : left_side.sql,
                    word, swapped ? left_side.sql : right_side.sql, condition),
        {}};
  }
  std::string left = left_side.sql;
  if (kind == InnerUnique)
    left = fmt::format("SELECT DISTINCT ON ({}) * FROM ({})", left_keys, left);
  std::string columns = side(form.left_columns, kind == RightOuter || kind == FullOuter);
  const std::string more = side(form.right_columns, kind == LeftOuter || kind == FullOuter);
  for (const std::string_view added : {std::string_view(more), hidden}) {
    if (!columns.empty() && !added.empty()) columns += ", ";
    columns += added;
  }
  return {fmt::format("SELECT {} FROM ({}) {} ({}) ON {}", columns, left, word, right_side.sql,
                      condition),
          {}};
}

// In three steps: the lists, a row for each of their elements, the elements' types.
Select expand(const plan::Expand& form, Select input, const Scalars& scalars) {
  std::string lists;
  std::string lengths;
  std::string names;
  std::string elements;
  std::string values;
  std::string excluded;
  for (const plan::ExpandItem& item : form.items) {
    const std::string list = "l" + column_name(item.id);
    std::string sql = fmt::format("kql_elements({}, {})", scalars.value(*item.value),
                                  form.bags_as_arrays ? "true" : "false");
    if (form.limit) sql = fmt::format("list_slice({}, 1, {})", sql, *form.limit);
    lists += fmt::format(", {} AS {}", sql, list);
    lengths += fmt::format("{}len({})", lengths.empty() ? "" : ", ", list);
    names += (names.empty() ? "" : ", ") + list;
    elements += fmt::format(", unnest({}) AS e{}", list, list);
    values += fmt::format(", {} AS {}", element("e" + list, item.type), column_name(item.id));
    excluded += fmt::format("{}e{}", excluded.empty() ? "" : ", ", list);
  }
  const plan::ColumnId ordinal = form.index.value_or(form.items.front().id);
  const std::string index = form.index ? column_name(*form.index) : "o" + column_name(ordinal);
  elements += fmt::format(", unnest(range(greatest({}))) AS {}", lengths, index);
  std::string sql = fmt::format("SELECT *{} FROM ({})", lists, input.sql);
  sql = fmt::format("SELECT * EXCLUDE ({}){} FROM ({})", names, elements, sql);
  sql = fmt::format("SELECT * EXCLUDE ({}){} FROM ({})", excluded, values, sql);
  return {std::move(sql), std::move(input.order)};
}

}  // namespace kql::emit
