#include "kql/emit/emit.h"

#include <algorithm>

#include <fmt/format.h>

#include "kql/emit/quote.h"
#include "kql/emit/scalars.h"
#include "kql/emit/select.h"

namespace kql::emit {
namespace {

class Emitter {
 public:
  explicit Emitter(const plan::Plan& plan)
      : plan_(plan), scalars_([this](const plan::Node& node) { return table(node).sql; }) {}

  std::string run(std::size_t row_limit) {
    std::vector<Part> parts;
    for (const auto& each : plan_.shared)
      parts.push_back(part([&] { return shared(each); }));
    const Part root = part([&] { return result(row_limit); });
    std::vector<std::size_t> uses(parts.size(), 0);
    for (const std::size_t used : root.refs)
      ++uses[used];
    for (const Part& each : parts) {
      for (const std::size_t used : each.refs)
        ++uses[used];
    }
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (const std::size_t used : parts[i].refs)
        parts[i].nodes += parts[used].nodes;
      const bool scalar = std::holds_alternative<plan::SharedScalar>(plan_.shared[i]);
      const bool keep = scalar || (uses[i] > 1 && parts[i].nodes > kInlineNodes);
      if (keep) parts[i].nodes = 1;
      out += fmt::format("{}s{} AS {}MATERIALIZED ({})", out.empty() ? "WITH " : ", ", i,
                         keep ? "" : "NOT ", parts[i].sql);
    }
    if (!out.empty()) out += ' ';
    return out + root.sql;
  }

 private:
  // A table of let that is used more than once is written out each time while it is small, so that
  // filters reach its tables; else computed once, which also keeps tables of tables from doubling.
  static constexpr std::size_t kInlineNodes = 12;

  struct Part {
    std::string sql;
    std::size_t nodes = 0;          // operators, those of what it uses counted in
    std::vector<std::size_t> refs;  // shared tables that it names
  };

  template <class Make>
  Part part(Make make) {
    nodes_ = 0;
    refs_.clear();
    Part out{make(), 0, {}};
    out.nodes = nodes_;
    out.refs = std::move(refs_);
    return out;
  }

  // Adds the hidden columns that somebody uses, each by what `make` says of its id.
  template <class Make>
  void add_hidden(const plan::Hidden& hidden, std::string& columns, Make make) const {
    const auto end = hidden.first + hidden.parts->hidden_count();
    for (auto id = plan_.hidden_used.lower_bound(hidden.first);
         id != plan_.hidden_used.end() && *id < end; ++id) {
      columns += (columns.empty() ? "" : ", ") + make(*id);
    }
  }
  void add_hidden(const std::vector<plan::Hidden>& hidden, std::string& columns) const {
    for (const plan::Hidden& each : hidden)
      add_hidden(each, columns, column_name);
  }

  std::string shared_columns(const plan::SharedTable& table) const {
    std::string out;
    for (const plan::ColumnId id : table.columns) {
      out += (out.empty() ? "" : ", ") + column_name(id);
    }
    add_hidden(table.hidden, out);
    return out.empty() ? "1 AS none" : out;
  }

  std::string shared(const std::variant<plan::SharedTable, plan::SharedScalar>& each) {
    if (const auto* scalar = std::get_if<plan::SharedScalar>(&each)) {
      const Select select = table(*scalar->node);
      return fmt::format("SELECT {} AS v FROM ({}){} LIMIT 1", column_name(scalar->column),
                         select.sql, order_by(select.order));
    }
    const auto& form = std::get<plan::SharedTable>(each);
    return fmt::format("SELECT {} FROM ({})", shared_columns(form), table(*form.node).sql);
  }

  std::string result(std::size_t row_limit) {
    const Select select = table(*plan_.root);
    std::string columns;
    for (const plan::NamedColumn& column : plan_.columns) {
      if (!columns.empty()) columns += ", ";
      const std::string id = column_name(column.id);
      std::string value = id;
      if (column.type == Type::Guid) value = fmt::format("CAST({} AS VARCHAR)", id);
      if (column.type == Type::Decimal) value = fmt::format("kql_format_decimal({})", id);
      if (column.type == Type::Dynamic) value = fmt::format("kql_result({})", id);
      columns += fmt::format("{} AS {}", value, quote_name(column.name));
    }
    if (columns.empty()) columns = "1 AS none";
    std::string out =
        fmt::format("SELECT {} FROM ({}){}", columns, select.sql, order_by(select.order));
    if (row_limit != 0) out += fmt::format(" LIMIT {}", row_limit);
    return out;
  }

  Select table(const plan::Node& node) {
    ++nodes_;
    return std::visit([this](const auto& content) { return form(content); }, node.form);
  }

  std::string outputs(const std::vector<plan::Output>& list) {
    std::string out;
    for (const plan::Output& each : list) {
      if (!out.empty()) out += ", ";
      out += output(each);
    }
    return out;
  }
  std::string output(const plan::Output& each) {
    const std::string name = column_name(each.id);
    const std::string value = scalars_.value(*each.value);
    return value == name ? name : fmt::format("{} AS {}", value, name);
  }

  Select form(const plan::Scan& form) {
    std::string columns;
    for (const auto& [id, index] : form.columns) {
      if (!columns.empty()) columns += ", ";
      columns +=
          fmt::format("{} AS {}", quote_name(form.table->columns[index].name), column_name(id));
    }
    if (form.hidden) {
      add_hidden(*form.hidden, columns, [&form](plan::ColumnId id) {
        const auto& name = form.hidden->parts->hidden_column(id - form.hidden->first);
        return fmt::format("{} AS {}", quote_name(name), column_name(id));
      });
    }
    const std::string& relation =
        form.table->relation.empty() ? form.table->name : form.table->relation;
    return {fmt::format("SELECT {} FROM {}", columns.empty() ? "1 AS none" : columns,
                        quote_name(relation)),
            {}};
  }

  Select form(const plan::Rows& form) {
    std::string names;
    std::string nulls;
    for (const auto& [id, type] : form.columns) {
      names += (names.empty() ? "" : ", ") + column_name(id);
      nulls += fmt::format("{}NULL::{} AS {}", nulls.empty() ? "" : ", ", sql_type(type),
                           column_name(id));
    }
    if (form.rows.empty()) return {fmt::format("SELECT {} WHERE false", nulls), {}};
    std::string rows;
    for (const auto& row : form.rows) {
      std::string cells;
      for (const plan::Expr* cell : row)
        cells += (cells.empty() ? "" : ", ") + scalars_.value(*cell);
      rows += fmt::format("{}({})", rows.empty() ? "" : ", ", cells);
    }
    return {fmt::format("SELECT {} FROM (VALUES {}) AS rows({})", names, rows, names), {}};
  }

  Select form(const plan::OneRow&) { return {"SELECT 1 AS none", {}}; }

  Select form(const plan::OuterRow& form) {
    const std::string columns = outputs(form.columns);
    return {fmt::format("SELECT {}", columns.empty() ? "1 AS none" : columns), {}};
  }

  Select form(const plan::Lateral& form) {
    Select input = table(*form.input);
    std::vector<plan::ColumnId> kept = form.columns;
    for (const plan::SortKey& key : input.order) {
      if (std::find(kept.begin(), kept.end(), key.id) == kept.end()) kept.push_back(key.id);
    }
    kept.insert(kept.end(), form.added.begin(), form.added.end());
    std::string columns;
    for (const plan::ColumnId id : kept)
      columns += (columns.empty() ? "" : ", ") + column_name(id);
    return {fmt::format("SELECT {} FROM ({}), LATERAL ({})",
                        columns.empty() ? "1 AS none" : columns, input.sql, table(*form.body).sql),
            std::move(input.order)};
  }

  Select form(const plan::Range& form) {
    return {
        fmt::format("SELECT unnest(kql_{}({}, {}, {})) AS {}",
                    form.type == Type::Real ? "real_series" : "series", scalars_.value(*form.from),
                    scalars_.value(*form.to), scalars_.value(*form.step), column_name(form.id)),
        {}};
  }

  Select form(const plan::SharedRef& form) {
    refs_.push_back(form.index);
    std::string columns;
    for (const auto& [id, old] : form.columns) {
      columns +=
          fmt::format("{}{} AS {}", columns.empty() ? "" : ", ", column_name(old), column_name(id));
    }
    for (const auto& [hidden, old] : form.hidden) {
      add_hidden(hidden, columns, [&](plan::ColumnId id) {
        return fmt::format("{} AS {}", column_name(old + (id - hidden.first)), column_name(id));
      });
    }
    return {fmt::format("SELECT {} FROM s{}", columns.empty() ? "none" : columns, form.index), {}};
  }

  Select form(const plan::Filter& form) {
    Select input = table(*form.input);
    return {
        fmt::format("SELECT * FROM ({}) WHERE {}", input.sql, scalars_.condition(*form.predicate)),
        std::move(input.order)};
  }

  Select form(const plan::Project& form) {
    Select input = table(*form.input);
    std::string columns = outputs(form.outputs);
    for (const plan::SortKey& key : input.order) {
      const bool kept = std::any_of(form.outputs.begin(), form.outputs.end(),
                                    [&key](const plan::Output& each) { return each.id == key.id; });
      if (!kept) columns += (columns.empty() ? "" : ", ") + column_name(key.id);
    }
    add_hidden(form.hidden, columns);
    if (columns.empty()) columns = "1 AS none";
    return {fmt::format("SELECT {} FROM ({})", columns, input.sql), std::move(input.order)};
  }

  Select form(const plan::Extend& form) {
    Select input = table(*form.input);
    return {fmt::format("SELECT *, {} FROM ({})", outputs(form.outputs), input.sql),
            std::move(input.order)};
  }

  std::string aggregate_value(const plan::AggregateCall& call, const std::string& order) {
    std::string sql = scalars_.fill(*call.overload, call.arguments, order);
    if (call.type == Type::String) sql = fmt::format("coalesce({}, '')", sql);
    return fmt::format("{} AS {}", sql, column_name(call.id));
  }

  // A row of the group as a struct, so that its columns come from one row.
  std::string picked_row(const plan::RowPick& pick) {
    std::string fields;
    for (const plan::Output& each : pick.outputs) {
      fields += fmt::format("{}{} := {}", fields.empty() ? "" : ", ", column_name(each.id),
                            scalars_.value(*each.value));
    }
    const std::string row = fmt::format("struct_pack({})", fields);
    if (pick.kind == plan::RowPick::Kind::Any) return fmt::format("any_value({})", row);
    // Where nothing can be compared, any row will do.
    return fmt::format("coalesce({}({}, {}), any_value({}))",
                       pick.kind == plan::RowPick::Kind::Max ? "arg_max" : "arg_min", row,
                       scalars_.value(*pick.by), row);
  }

  Select form(const plan::Aggregate& form) {
    const Select input = table(*form.input);
    std::string columns = outputs(form.keys);
    const auto add = [&columns](const std::string& column) {
      columns += (columns.empty() ? "" : ", ") + column;
    };
    for (const plan::AggregateCall& call : form.calls)
      add(aggregate_value(call, order_by(input.order)));
    std::string picked;
    for (std::size_t i = 0; i < form.picks.size(); ++i) {
      add(fmt::format("{} AS p{}", picked_row(form.picks[i]), i));
      for (const plan::Output& each : form.picks[i].outputs) {
        const std::string name = column_name(each.id);
        picked += each.value->type == Type::String
                      ? fmt::format(", coalesce(p{}.{}, '') AS {}", i, name, name)
                      : fmt::format(", p{}.{} AS {}", i, name, name);
      }
    }
    std::string group;
    for (std::size_t i = 0; i < form.keys.size(); ++i) {
      group += fmt::format("{}{}", i == 0 ? " GROUP BY " : ", ", i + 1);
    }
    std::string sql = fmt::format("SELECT {} FROM ({}){}", columns, input.sql, group);
    if (!picked.empty()) sql = fmt::format("SELECT *{} FROM ({})", picked, sql);
    return {std::move(sql), {}};
  }

  Select form(const plan::Join& form) {
    const Select left = table(*form.left);
    std::string hidden;
    add_hidden(form.hidden, hidden);
    return join(form, left, table(*form.right), hidden, scalars_);
  }

  Select form(const plan::Sort& form) {
    Select input = table(*form.input);
    input.order = form.keys;
    return input;
  }

  Select form(const plan::Limit& form) {
    Select input = table(*form.input);
    std::string count = scalars_.value(*form.count);
    std::string sql =
        fmt::format("SELECT * FROM ({}){} LIMIT {}", input.sql,
                    form.random ? " ORDER BY random()" : order_by(input.order), count);
    return {std::move(sql), std::move(input.order)};
  }

  Select form(const plan::Expand& form) { return expand(form, table(*form.input), scalars_); }

  Select form(const plan::Union& form) {
    std::string out;
    for (const plan::Union::Input& input : form.inputs) {
      std::string columns;
      for (std::size_t i = 0; i < form.columns.size(); ++i) {
        columns += fmt::format("{}{} AS {}", columns.empty() ? "" : ", ",
                               scalars_.value(*input.values[i]), column_name(form.columns[i].id));
      }
      if (columns.empty()) columns = "1 AS none";
      out += fmt::format("{}SELECT {} FROM ({})", out.empty() ? "" : " UNION ALL ", columns,
                         table(*input.node).sql);
    }
    return {std::move(out), {}};
  }

  Select form(const plan::Window& form) { return window(form, table(*form.input), scalars_); }
  Select form(const plan::SeriesIndex& form) {
    return series_index(form, table(*form.input), scalars_);
  }
  Select form(const plan::MakeSeries& form) {
    return make_series(form, table(*form.input), scalars_);
  }
  Select form(const plan::TopWithin& form) {
    return top_within(form, table(*form.input), scalars_);
  }
  Select form(const plan::Sequence& form) { return sequence(form, table(*form.input), scalars_); }

  const plan::Plan& plan_;
  Scalars scalars_;
  std::size_t nodes_ = 0;
  std::vector<std::size_t> refs_;
};

}  // namespace

std::string emit(const plan::Plan& plan, std::size_t row_limit) {
  return Emitter(plan).run(row_limit);
}

}  // namespace kql::emit
