#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/complete.h"
#include "kql/functions/function.h"
#include "kql/kql.h"
#include "kql/parse/parse.h"

namespace kql {
namespace {

struct OperatorWords {
  std::string_view names;
  std::string_view form;
  std::string_view summary;
};

constexpr std::array kOperators{
    OperatorWords{"where, filter", "where CONDITION",
                  "Keeps the rows for which the condition is true; null is not."},
    OperatorWords{"extend", "extend NAME = VALUE, ...",
                  "Adds columns, or replaces those of the same names."},
    OperatorWords{"project", "project NAME = VALUE, ...", "Exactly these columns."},
    OperatorWords{"project-away", "project-away COLUMN, PATTERN*, ...", "Drops columns."},
    OperatorWords{"project-keep", "project-keep COLUMN, PATTERN*, ...",
                  "Keeps only these columns, in their order."},
    OperatorWords{"project-rename", "project-rename NEW = OLD, ...", "Renames columns."},
    OperatorWords{"project-reorder", "project-reorder COLUMN, PATTERN* asc, ...",
                  "Puts these columns first."},
    OperatorWords{"summarize", "summarize NAME = AGGREGATE, ... by KEY, ...",
                  "One row for each group; without `by`, one row."},
    OperatorWords{"distinct", "distinct COLUMN, ... or distinct *", "Each combination once."},
    OperatorWords{"take, limit", "take COUNT",
                  "At most so many rows: the first ones after a sort, else any."},
    OperatorWords{"sample", "sample COUNT", "So many rows, by chance."},
    OperatorWords{"count", "count", "The number of rows, as the column Count."},
    OperatorWords{"sort, order", "sort by VALUE asc, ...",
                  "Sorts, descending unless told `asc`; nulls last, with `asc` first."},
    OperatorWords{"top", "top COUNT by VALUE asc", "The first rows in that order."},
    OperatorWords{"join", "join kind=KIND (TABLE) on COLUMN, $left.A == $right.B",
                  "Pairs rows. Kinds: innerunique (unless told), inner, leftouter, rightouter, "
                  "fullouter, leftsemi, rightsemi, leftanti, rightanti. Columns that clash get a "
                  "number behind their name."},
    OperatorWords{
        "lookup", "lookup kind=KIND (TABLE) on COLUMN",
        "Adds another table's columns: leftouter (unless told) or inner, without its keys."},
    OperatorWords{"union", "union kind=KIND withsource=NAME TABLE, ...",
                  "The rows of all tables; columns of one name and type are one. Kinds: outer "
                  "(unless told), inner."},
    OperatorWords{"mv-expand, mvexpand",
                  "mv-expand kind=array with_itemindex=I NAME = LIST to typeof(TYPE), ... limit N",
                  "A row for each element. An empty array gives none, what is no array stays."},
    OperatorWords{"mv-apply, mvapply", "mv-apply NAME = LIST to typeof(TYPE) on (OPERATORS)",
                  "Runs operators over each row's list."},
    OperatorWords{"parse", "parse kind=KIND TEXT with \"a\" NAME:TYPE \"b\" *",
                  "Takes text apart into columns."},
    OperatorWords{"parse-where", "parse-where kind=KIND TEXT with ...",
                  "As parse, and drops the rows that do not fit."},
    OperatorWords{"search", "search in (TABLE, ...) CONDITION", "Looks for text in every column."},
    OperatorWords{
        "parse-kv",
        "parse-kv TEXT as (NAME:TYPE, ...) with (pair_delimiter=\",\", kv_delimiter=\"=\", "
        "quote='\"', escape='\\\\', greedy=true) or with (regex='(NAME)=(VALUE)')",
        "Takes names and values out of text. Without delimiters, a value is the word "
        "behind its name."},
    OperatorWords{
        "make-series",
        "make-series NAME = AGGREGATE default=VALUE, ... on AXIS from A to B step C by KEY, ...",
        "For each group an array of the aggregate over the steps of the axis, and one of "
        "the steps. `to` is not itself in it."},
    OperatorWords{
        "top-nested",
        "top-nested COUNT of VALUE with others=CONSTANT by AGGREGATE asc, top-nested ...",
        "The best values of one column, within each the best of the next; the others as one "
        "value more, when it is named."},
    OperatorWords{"partition", "partition by COLUMN (OPERATORS)",
                  "Runs the operators once for each value of the column, over its rows."},
    OperatorWords{"reduce", "reduce by TEXT with threshold=0.1, characters=\"TEXT\"",
                  "The patterns that more than such a share of the texts have, how many and one of "
                  "them; the rest are `others`."},
    OperatorWords{
        "scan",
        "scan with_match_id=NAME declare (NAME:TYPE=VALUE, ...) with (step NAME output=all: "
        "CONDITION "
        "=> NAME = VALUE, ...; ...)",
        "Goes through the rows in their order and matches each against the steps, from the last to "
        "the "
        "first: a row goes on to a step when the one before has a match, or repeats a step that "
        "has "
        "one. `NAME.COLUMN` is a column of the row that a step matched last. About 5,000 rows a "
        "second."},
    OperatorWords{"sample-distinct", "sample-distinct COUNT of COLUMN", "So many distinct values."},
    OperatorWords{
        "evaluate",
        "evaluate bag_unpack(BAG, PREFIX, CONFLICT, IGNORED), pivot(COLUMN, AGGREGATE, KEY, ...), "
        "narrow(), ipv4_lookup(TABLE, ADDRESS, NETWORK, KEY, ..., return_unmatched=true), "
        "ipv6_lookup(...), dcount_intersect(HLL, ...), rolling_percentile(COLUMN, PERCENTAGE, "
        "INDEX, "
        "BIN, BINS, DIMENSION, ...) or active_users_count(ID, TIME, START, END, LOOKBACK, PERIOD, "
        "PERIODS, BIN, DIMENSION, ...)",
        "A bag's properties as columns; a column's values as columns; a row for each cell. `: (*, "
        "NAME:TYPE)` behind the first two names the columns; else the rows are read for them "
        "first. "
        "The rows of a table beside those whose address its networks have; counts of what several "
        "hll() have in common; percentiles and active users over windows that move."},
    OperatorWords{"invoke", "invoke FUNCTION(...)",
                  "Gives the rows to a function of `let` as its first argument."},
    OperatorWords{"as", "as NAME", "Names the rows so far, for later use."},
    OperatorWords{"serialize", "serialize NAME = VALUE, ...",
                  "Promises an order, which every operator here keeps; and extends."},
    OperatorWords{"getschema", "getschema", "The columns as rows."},
    OperatorWords{"render", "render CHART with (PROPERTY=VALUE, ...)",
                  "How to draw the result; its rows stay as they are."},
};

std::string kind_list(functions::Kind kind) {
  std::string out = "| | |\n|---|---|\n";
  for (const std::string_view name : functions::names(kind)) {
    const std::string_view own = functions::find(name, kind).front().entry->name;
    if (own != name) {
      out += fmt::format("| `{}(...)` | As {}(). |\n", name, own);
      continue;
    }
    std::string forms;
    std::string_view summary;
    for (const functions::Overload& each : functions::find(name, kind)) {
      forms += fmt::format("{}`{}{}`", forms.empty() ? "" : "<br>", name, each.entry->signature);
      if (!each.entry->summary.empty()) summary = each.entry->summary;
    }
    out += fmt::format("| {} | {} |\n", forms, summary);
  }
  return out;
}

constexpr std::string_view kIntroduction =
    R"(<!-- Made by kql::reference_page(); `VEDETTE_UPDATE=1 kql_test` writes it anew. -->
# KQL

The query language of the portal, of `vedette kql` and of scheduled analytics: the Kusto Query
Language, as Azure Data Explorer and Microsoft Sentinel have it, over this hub's own tables. This page
lists what is understood; what is not is an error that says where and, where it can, what was meant.
[How it compares](#the-documentations-examples) with the examples of Kusto's own documentation.

A query is a table and operators behind it, `T | where x > 5 | take 10`, or `print`, `range`,
`datatable`, `union` or `search` in the table's place. `let` may come before: values, tables and
functions; and `set query_now=datetime(...);`, what `now()` means.

## Types

bool, int, long, real, decimal, string, datetime, timespan, guid, dynamic. Times have 100 ns and are
UTC. Every type but string has a null: `null == 5` is false, `null != 5` true, `null == null` null, and
`where` keeps neither null nor false. `and`, `or` and `not` are three-valued. A dynamic value that meets
another type is taken for that type.

Differences from Kusto, all of them meant: `dcount` and `hll` count exactly; `tdigest` is exact up to 1,000
values; `hash_combine` and `hash_many` give other numbers; `make_set` is sorted; a decimal has 12 fractional digits; arithmetic on whole numbers that overflows is an error, where Kusto wraps; `range`
gives up to 1,048,576 rows; datetimes and timespans within dynamic values are strings.

## Operators between values

| | |
|---|---|
| `== != < <= > >=` | mind case; numbers of different types, and dynamic with anything, compare by value |
| `=~ !~` | equality of text without case |
| `has has_cs !has ...` | a whole term: letters and digits, bounded by anything else |
| `hasprefix hassuffix (_cs, !)` | a term's start or end |
| `contains startswith endswith (_cs, !)` | parts of text |
| `has_any has_all (!)` | any or all of a list, of an array, or of a table's first column |
| `in !in in~ !in~` | one of a list, of an array, or of a table's first column |
| `between (a .. b) !between` | both ends included; `t between (start .. 2h)` |
| `matches regex` | RE2 |
| `+ - * / %` | whole numbers divide to whole numbers; `%` is never negative |
| `a.b a["b"] a[0] a[-1]` | into dynamic values |

## Tabular operators

| | |
|---|---|
)";

}  // namespace

const Vocabulary& vocabulary() {
  static const Vocabulary words = [] {
    Vocabulary out{parse::operator_names(), functions::names(functions::Kind::Scalar),
                   functions::names(functions::Kind::Aggregate)};
    // Those that the binder knows, not the table.
    const auto special = functions::special_names();
    out.functions.insert(out.functions.end(), special.begin(), special.end());
    std::ranges::sort(out.functions);
    const auto twice = std::ranges::unique(out.functions);
    out.functions.erase(twice.begin(), twice.end());
    return out;
  }();
  return words;
}

const OperatorDocument* operator_document(std::string_view name) {
  static const std::map<std::string_view, OperatorDocument> documents = [] {
    std::map<std::string_view, OperatorDocument> out;
    for (const OperatorWords& each : kOperators) {
      for (const std::string_view known : base::split(each.names, ','))
        out.emplace(base::trim(known), OperatorDocument{each.form, each.summary});
    }
    return out;
  }();
  const auto found = documents.find(name);
  return found == documents.end() ? nullptr : &found->second;
}

std::string reference_page() {
  std::string out(kIntroduction);
  for (const OperatorWords& each : kOperators) {
    out += fmt::format("| {} | `{}`<br>{} |\n", each.names, each.form, each.summary);
  }
  out += R"(
## Functions

`T`, `N` and `O` stand for one type in the whole signature: any, a number, one that has an order. `text`
takes any type and reads it as text; `any` takes any type; `const` needs a literal; `...` repeats.

Beside those of the table: `iff(condition, a, b)` (also `iif`), `case(condition, a, ..., otherwise)`, `now(offset)`,
`bin_auto(value)` (with `set query_bin_auto_size=1h;` and `set query_bin_auto_at=...;` before the query),
`hash_many(value, ...)`, `estimate_data_size(column, ...)` or `(*)`, `bag_pack_columns(column, ...)`,
`iscolumnexists(name)`,
`ago(timespan)`, `toscalar(table)`, `extractjson(path, text, typeof(type))` (also `extract_json`),
`bag_pack(name, value, ...)` (also `pack`), `pack_array(value, ...)`, `pack_all()`,
`column_ifexists(name, otherwise)`, `ingestion_time()` (TimeGenerated, where the rows have it), `format_datetime(date, format)`, and `extract(...)` with `typeof(type)` as
its last argument.

Looking at other rows, in their order: `row_number(start, restart)`, `row_cumsum(value, restart)`, `prev(value,
offset, otherwise)`, `next(value, offset, otherwise)`, `row_rank_dense(value, restart)`, `row_rank_min(value, restart)`,
`row_window_session(time, longest, pause, restart)`.

Giving several columns, `extend (a, b) = f(x)`: `series_stats(series)`, `series_fit_line(series)`,
`series_fit_2lines(series)`, `series_fit_poly(y, x, degree)`, `series_fft(real, imaginary)`, `series_ifft(real,
imaginary)`, `series_periods_validate(series, period, ...)`, `series_decompose_forecast(series, points, seasonality,
trend, threshold)`,
`series_decompose(series, seasonality, trend, points, threshold)`, `series_decompose_anomalies(series, threshold,
seasonality, trend, points, method, season_threshold)`, `series_periods_detect(series, least, most, count)`, and
`array_sort_asc(array, array, ...)`, `array_sort_desc(...)` of several arrays.

)";
  out += kind_list(functions::Kind::Scalar);
  out += R"(
## Aggregates

Beside those of the table: `arg_max(by, column, ...)`, `arg_min(by, column, ...)` and `take_any(column, ...)`, which take `*`
too and give the columns of one row, and `percentiles(value, percentage, ...)`, `percentilesw(value, weight,
percentage, ...)`, `percentiles_array(...)` and `percentilesw_array(...)`, which give one array.

)";
  out += kind_list(functions::Kind::Aggregate);
  return out;
}

}  // namespace kql
