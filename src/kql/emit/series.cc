// Rows in their order, steps of an axis, the best of each group.

#include <fmt/format.h>

#include "kql/emit/select.h"

namespace kql::emit {
namespace {

// The rows with their numbers, and with the number of their group where there are some.
std::string numbered(const plan::Window& form, const Select& input, const Scalars& scalars) {
  const std::string row = column_name(form.row);
  std::string sql = fmt::format("SELECT *, row_number() OVER ({}) AS {} FROM ({})",
                                order_by(input.order), row, input.sql);
  if (form.restart == nullptr) return sql;
  return fmt::format(
      "SELECT *, sum(CASE WHEN {} THEN 1 ELSE 0 END) OVER (ORDER BY {} ROWS UNBOUNDED PRECEDING) "
      "AS {} FROM ({})",
      scalars.value(*form.restart), row, column_name(form.group), sql);
}

// Where each session starts depends on the one before: the times go through a native in one list.
std::string session(const plan::Window& form, const std::string& rows, const Scalars& scalars) {
  const std::string row = column_name(form.row);
  return fmt::format(
      "WITH w AS MATERIALIZED ({}) SELECT w.*, s.v AS {} FROM w JOIN (SELECT unnest(rs) AS r, "
      "unnest(CAST(kql_array(native_sessions(CAST(to_json(ts) AS VARCHAR), {}, {})) AS "
      "BIGINT[])) AS v "
      "FROM (SELECT list({} ORDER BY {}) AS rs, list({} ORDER BY {}) AS ts FROM w{})) AS s ON "
      "w.{} = s.r",
      rows, column_name(form.id), scalars.value(*form.otherwise), scalars.value(*form.between), row,
      row, scalars.value(*form.value), row,
      form.restart == nullptr ? "" : " GROUP BY " + column_name(form.group), row);
}

// Ranks grow where the value differs from that of the row before.
std::string rank(const plan::Window& form, const std::string& rows, const std::string& over,
                 const Scalars& scalars) {
  const std::string id = column_name(form.id);
  const std::string sql = fmt::format(
      "SELECT *, row_number() OVER {} AS n{}, lag({}) OVER {} IS DISTINCT FROM {} AS d{} FROM "
      "({})",
      over, id, scalars.value(*form.value), over, scalars.value(*form.value), id, rows);
  const std::string value =
      form.kind == plan::Window::Kind::RankDense
          ? fmt::format(
                "CAST(sum(CASE WHEN n{0} = 1 OR d{0} THEN 1 ELSE 0 END) OVER {1} AS BIGINT)", id,
                over)
          : fmt::format("max(CASE WHEN n{0} = 1 OR d{0} THEN n{0} END) OVER {1}", id, over);
  return fmt::format("SELECT *, {} AS {} FROM ({})", value, id, sql);
}

// The number of the step that a value of the axis is in.
std::string step_of(const std::string& distance, const std::string& step, Type type) {
  if (type == Type::Real) return fmt::format("CAST(floor({} / {}) AS BIGINT)", distance, step);
  return fmt::format("kql_bin({}, {}) // {}", distance, step, step);
}

// An element of the axis as JSON.
std::string axis_value(const std::string& value, Type type) {
  if (type == Type::DateTime) return fmt::format("kql_format_datetime({})", value);
  if (type == Type::TimeSpan) return fmt::format("kql_format_timespan({})", value);
  return value;
}

// The last step: that of `to` is not itself in the series unless it is inclusive.
std::string last_step(const plan::MakeSeries& form, const std::string& base,
                      const Scalars& scalars) {
  if (form.to == nullptr) return fmt::format("max({})", column_name(form.index));
  const std::string distance = fmt::format("({} - {})", scalars.value(*form.to), base);
  const std::string step = scalars.value(*form.step);
  if (form.inclusive) return step_of(distance, step, form.axis_type);
  // The number of steps, rounded up, less one.
  return fmt::format("-({}) - 1", step_of(fmt::format("(-{})", distance), step, form.axis_type));
}

}  // namespace

std::string order_by(const std::vector<plan::SortKey>& keys) {
  std::string out;
  const auto add = [&out](const std::string& value, bool descending, bool nulls_first) {
    out += fmt::format("{}{}{} NULLS {}", out.empty() ? " ORDER BY " : ", ", value,
                       descending ? " DESC" : " ASC", nulls_first ? "FIRST" : "LAST");
  };
  for (const plan::SortKey& key : keys) {
    const std::string column = column_name(key.id);
    // To DuckDB NaN is the greatest number, which is the wrong end for these two.
    if (key.nan_beside_nulls && key.descending != key.nulls_first) {
      add(fmt::format("isnan({})", column), key.nulls_first, key.nulls_first);
    }
    add(column, key.descending, key.nulls_first);
  }
  return out;
}

Select window(const plan::Window& form, const Select& input, const Scalars& scalars) {
  using enum plan::Window::Kind;
  const std::string rows = numbered(form, input, scalars);
  const std::string over =
      fmt::format("({}ORDER BY {} ROWS UNBOUNDED PRECEDING)",
                  form.restart == nullptr ? "" : "PARTITION BY " + column_name(form.group) + " ",
                  column_name(form.row));
  std::vector<plan::SortKey> order{{form.row, false, false}};
  if (form.kind == Session) return {session(form, rows, scalars), std::move(order)};
  if (form.kind == RankDense || form.kind == RankMin)
    return {rank(form, rows, over, scalars), std::move(order)};
  std::string value;
  if (form.kind == RowNumber) {
    value = fmt::format("row_number() OVER {} + {}", over, form.offset - 1);
  } else if (form.kind == CumulativeSum) {
    value = fmt::format("CAST(coalesce(sum({}) OVER {}, 0) AS {})", scalars.value(*form.value),
                        over, sql_type(form.type));
  } else {
    std::string otherwise = fmt::format("CAST(NULL AS {})", sql_type(form.type));
    if (form.otherwise != nullptr) {
      otherwise = scalars.value(*form.otherwise);
    } else if (form.type == Type::String) {
      otherwise = "''";
    }
    value = fmt::format("{}({}, {}, {}) OVER (ORDER BY {})", form.kind == Previous ? "lag" : "lead",
                        scalars.value(*form.value), form.offset, otherwise, column_name(form.row));
  }
  return {fmt::format("SELECT *, {} AS {} FROM ({})", value, column_name(form.id), rows),
          std::move(order)};
}

Select series_index(const plan::SeriesIndex& form, const Select& input, const Scalars& scalars) {
  const std::string axis = scalars.value(*form.axis);
  const std::string base = form.from == nullptr ? "0" : scalars.value(*form.from);
  std::string where = fmt::format("{} IS NOT NULL", axis);
  if (form.from != nullptr) where += fmt::format(" AND {} >= {}", axis, base);
  if (form.to != nullptr) {
    where +=
        fmt::format(" AND {} {} {}", axis, form.inclusive ? "<=" : "<", scalars.value(*form.to));
  }
  return {fmt::format(
              "SELECT *, {} AS {} FROM ({}) WHERE {}",
              step_of(fmt::format("({} - {})", axis, base), scalars.value(*form.step), form.type),
              column_name(form.index), input.sql, where),
          {}};
}

Select make_series(const plan::MakeSeries& form, const Select& input, const Scalars& scalars) {
  const std::string base = form.from == nullptr ? "0" : scalars.value(*form.from);
  const std::string index = column_name(form.index);
  std::string keys;
  for (const plan::ColumnId key : form.keys)
    keys += column_name(key) + ", ";
  std::string lists;
  std::string values;
  for (const plan::MakeSeries::Value& each : form.values) {
    const std::string id = column_name(each.id);
    lists += fmt::format(", map(list({}), list({})) AS m{}", index, column_name(each.source), id);
    values += fmt::format(", to_json([coalesce(m{0}[i], {1}) FOR i IN steps]) AS {0}", id,
                          scalars.value(*each.otherwise));
  }
  std::string group;
  for (std::size_t i = 0; i < form.keys.size(); ++i)
    group += fmt::format("{}{}", i == 0 ? " GROUP BY " : ", ", i + 1);
  const std::string first = form.from == nullptr ? fmt::format("min({})", index) : "0";
  std::string sql = fmt::format("SELECT {}{} AS lo, {} AS hi{} FROM ({}){}", keys, first,
                                last_step(form, base, scalars), lists, input.sql, group);
  sql = fmt::format(
      "SELECT *, CASE WHEN lo IS NULL OR hi IS NULL THEN CAST([] AS BIGINT[]) ELSE "
      "generate_series(CAST(lo AS BIGINT), CAST(least(hi, lo + 1048575) AS BIGINT)) END AS steps "
      "FROM ({})",
      sql);
  const std::string axis =
      axis_value(fmt::format("{} + i * {}", base, scalars.value(*form.step)), form.axis_type);
  return {fmt::format("SELECT {}to_json([{} FOR i IN steps]) AS {}{} FROM ({})", keys, axis,
                      column_name(form.axis), values, sql),
          {}};
}

Select top_within(const plan::TopWithin& form, const Select& input, const Scalars& scalars) {
  std::string within;
  for (const plan::ColumnId id : form.within)
    within += (within.empty() ? "PARTITION BY " : ", ") + column_name(id);
  return {fmt::format("SELECT * FROM ({}) QUALIFY row_number() OVER ({}{}) <= {}", input.sql,
                      within, order_by({form.by}), scalars.value(*form.count)),
          {}};
}

}  // namespace kql::emit
