// scan: one row after the other, in a recursive query. Its working row is the state of all steps,
// and what the row at hand gave. For step number k: za<k> whether it has a match, zi<k> the match's
// number, zq<k> that of its series, zx<k> and zy<k> whether the row went on to it or repeated it,
// zm<k> the number of that match. zn is the number of the next match.

#include <fmt/format.h>

#include "kql/emit/select.h"

namespace kql::emit {
namespace {

class Sequence {
 public:
  Sequence(const plan::Sequence& form, const Scalars& scalars) : form_(form), scalars_(scalars) {}

  std::string sql(const Select& input) const {
    const std::string row = column_name(form_.row);
    std::string current = fmt::format(
        "SELECT w.* EXCLUDE ({}), r.* FROM w JOIN r ON r.{} = w.{} + 1", excluded(), row, row);
    for (std::size_t k = form_.steps.size(); k-- > 0;)
      current = step(k, std::move(current));
    return fmt::format(
        "WITH RECURSIVE r AS MATERIALIZED (SELECT *, row_number() OVER ({}) AS {} FROM ({})), "
        "w AS (SELECT CAST(0 AS BIGINT) AS {}{} UNION ALL SELECT {}{} FROM ({})), "
        "o AS MATERIALIZED (SELECT * FROM w WHERE {}) {}",
        order_by(input.order), row, input.sql, row, columns(true), row, columns(false), current,
        any_match(), results());
  }

 private:
  std::string value(const plan::Expr* expr) const { return scalars_.value(*expr); }

  // What a working row holds beside the number of its row: how it starts, or the names alone.
  std::string columns(bool start) const {
    std::string out;
    const auto add = [&](const std::string& name, std::string_view initial) {
      out += start ? fmt::format(", {} AS {}", initial, name) : ", " + name;
    };
    add("zn", "CAST(0 AS BIGINT)");
    for (const plan::Sequence::State& each : form_.states)
      add(column_name(each.id), value(each.empty));
    for (std::size_t k = 0; k < form_.steps.size(); ++k) {
      add(fmt::format("za{}", k), "false");
      add(fmt::format("zi{}", k), "CAST(NULL AS BIGINT)");
      add(fmt::format("zq{}", k), "CAST(0 AS BIGINT)");
      add(fmt::format("zx{}", k), "false");
      add(fmt::format("zy{}", k), "false");
      add(fmt::format("zm{}", k), "CAST(NULL AS BIGINT)");
      for (const plan::Sequence::Value& each : form_.steps[k].values)
        add(column_name(each.id), fmt::format("CAST(NULL AS {})", sql_type(each.type)));
    }
    return out;
  }

  // What the row before gave is no part of the state.
  std::string excluded() const {
    std::string out = column_name(form_.row);
    for (std::size_t k = 0; k < form_.steps.size(); ++k) {
      out += fmt::format(", zx{0}, zy{0}, zm{0}", k);
      for (const plan::Sequence::Value& each : form_.steps[k].values)
        out += ", " + column_name(each.id);
    }
    return out;
  }

  std::string step(std::size_t k, std::string current) const {
    const plan::Sequence::Step& step = form_.steps[k];
    const bool first = k == 0;
    if (k + 1 < form_.steps.size()) current = left_behind(k, current);
    current = fmt::format(
        "SELECT *, {} AS zx{} FROM ({})",
        first ? "false"
              : fmt::format("coalesce(za{} AND ({}), false)", k - 1, value(step.promoted)),
        k, current);
    current =
        fmt::format("SELECT *, NOT zx{0} AND coalesce({1}({2}), false) AS zy{0} FROM ({3})", k,
                    first ? "" : fmt::format("za{} AND ", k), value(step.repeated), current);
    std::string values =
        fmt::format(", CASE WHEN zx{0} THEN {1} WHEN zy{0} THEN {2} END AS zm{0}", k,
                    first ? "NULL" : fmt::format("zi{}", k - 1),
                    first ? "CASE WHEN za0 THEN zi0 ELSE zn END" : fmt::format("zi{}", k));
    for (const plan::Sequence::Value& each : step.values) {
      const std::string promoted =
          first ? "" : fmt::format("WHEN zx{} THEN {} ", k, value(each.promoted));
      values += fmt::format(", CASE {}WHEN zy{} THEN {} END AS {}", promoted, k,
                            value(each.repeated), column_name(each.id));
    }
    current = fmt::format("SELECT *{} FROM ({})", values, current);
    return fmt::format("SELECT * REPLACE ({}) FROM ({})", updates(k), current);
  }

  // A row that went on to the next step took this one's state along.
  std::string left_behind(std::size_t k, const std::string& current) const {
    std::string out = fmt::format("za{} AND NOT zx{} AS za{}", k, k + 1, k);
    for (const plan::Sequence::State& each : form_.states) {
      if (each.of != k) continue;
      const std::string name = column_name(each.id);
      out += fmt::format(", CASE WHEN zx{} THEN {} ELSE {} END AS {}", k + 1, value(each.empty),
                         name, name);
    }
    return fmt::format("SELECT * REPLACE ({}) FROM ({})", out, current);
  }

  std::string updates(std::size_t k) const {
    std::string out = fmt::format(
        "za{0} OR zx{0} OR zy{0} AS za{0}, CASE WHEN zx{0} OR zy{0} THEN zm{0} ELSE zi{0} END AS "
        "zi{0}",
        k);
    const std::string_view begins = k == 0 ? "(zy0 AND NOT za0)" : "";
    if (k == 0) {
      out +=
          fmt::format(", zn + CAST({0} AS BIGINT) AS zn, zq0 + CAST({0} AS BIGINT) AS zq0", begins);
    } else {
      out += fmt::format(", zq{0} + CAST(zx{0} AS BIGINT) AS zq{0}", k);
    }
    for (const plan::Sequence::State& each : form_.states) {
      if (each.of != k) continue;
      const std::string name = column_name(each.id);
      if (each.step == k) {
        out += fmt::format(", CASE WHEN zx{0} OR zy{0} THEN {1} ELSE {2} END AS {2}", k,
                           column_name(each.from), name);
      } else {
        out +=
            fmt::format(", CASE WHEN zx{} THEN {} ELSE {} END AS {}", k, before(each), name, name);
      }
    }
    return out;
  }

  // The same value in the state of the step before.
  std::string before(const plan::Sequence::State& state) const {
    for (const plan::Sequence::State& each : form_.states) {
      if (each.of + 1 == state.of && each.step == state.step && each.from == state.from)
        return column_name(each.id);
    }
    return value(state.empty);
  }

  std::string any_match() const {
    std::string out;
    for (std::size_t k = 0; k < form_.steps.size(); ++k)
      out += fmt::format("{0}zx{1} OR zy{1}", k == 0 ? "" : " OR ", k);
    return out;
  }

  // The matches of each step that tells them.
  std::string results() const {
    const std::string row = column_name(form_.row);
    std::string shared;
    for (const plan::ColumnId id : form_.columns)
      shared += fmt::format("r.{}, ", column_name(id));
    std::string out;
    for (std::size_t k = 0; k < form_.steps.size(); ++k) {
      const plan::Sequence::Step& step = form_.steps[k];
      if (step.output == ast::ScanStep::Output::None) continue;
      std::string columns = shared;
      for (std::size_t i = 0; i < form_.declared.size(); ++i) {
        columns += fmt::format("o.{} AS {}, ", column_name(step.values[i].id),
                               column_name(form_.declared[i].id));
      }
      if (form_.match_id) columns += fmt::format("o.zm{} AS {}, ", k, column_name(*form_.match_id));
      out += fmt::format(
          "{0}SELECT {1}r.{2} AS {2} FROM o JOIN r ON r.{2} = o.{2} WHERE (o.zx{3} OR "
          "o.zy{3})",
          out.empty() ? "" : " UNION ALL ", columns, row, k);
      if (step.output == ast::ScanStep::Output::Last) {
        out += fmt::format(
            " QUALIFY row_number() OVER (PARTITION BY o.zq{} ORDER BY o.{} DESC) = 1", k, row);
      }
    }
    return out;
  }

  const plan::Sequence& form_;
  const Scalars& scalars_;
};

}  // namespace

Select sequence(const plan::Sequence& form, const Select& input, const Scalars& scalars) {
  return {Sequence(form, scalars).sql(input), {{form.row, false, false}}};
}

}  // namespace kql::emit
