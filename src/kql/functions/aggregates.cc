#include <array>

#include "kql/functions/function.h"

// Aggregates of summarize. Nulls do not count, and no rows give the language's own defaults: 0 for
// counts, sums and deviations, an empty array for sets and lists, null for the rest.
// arg_max, arg_min, take_any and percentiles make several columns; the binder knows them.

namespace kql::functions {
namespace {

constexpr Naming kName = Naming::NameAndFirst;
constexpr Nulls kNever = Nulls::Never;
constexpr Nulls kSometimes = Nulls::Sometimes;
constexpr Kind kAggregate = Kind::Aggregate;

constexpr std::array kEntries{
    Entry{"count", "(): long", "count(*)", kName, kNever, "How many rows.", kAggregate},
    Entry{"countif", "(condition: bool): long", "count(*) FILTER (WHERE {0})", kName, kNever,
          "How many rows for which the condition is true.", kAggregate},
    Entry{"dcount", "(value: any): long", "count(DISTINCT {0})", kName, kNever,
          "How many distinct values: exactly, unlike Kusto's estimate, so the accuracy is ignored.",
          kAggregate},
    Entry{"dcount", "(value: any, accuracy: const long): long", "count(DISTINCT {0})", kName,
          kNever, "", kAggregate},
    Entry{"dcountif", "(value: any, condition: bool): long",
          "count(DISTINCT {0}) FILTER (WHERE {1})", kName, kNever,
          "How many distinct values where the condition is true.", kAggregate},
    Entry{"dcountif", "(value: any, condition: bool, accuracy: const long): long",
          "count(DISTINCT {0}) FILTER (WHERE {1})", kName, kNever, "", kAggregate},
    Entry{"count_distinct", "(value: any): long", "count(DISTINCT {0})", kName, kNever,
          "How many distinct values.", kAggregate},
    Entry{"count_distinctif", "(value: any, condition: bool): long",
          "count(DISTINCT {0}) FILTER (WHERE {1})", kName, kNever,
          "How many distinct values where the condition is true.", kAggregate},

    Entry{"sum", "(value: long): long", "CAST(coalesce(sum({0}), 0) AS BIGINT)", kName, kNever,
          "The sum.", kAggregate},
    Entry{"sum", "(value: real): real", "coalesce(sum({0}), 0)", kName, kNever, "", kAggregate},
    Entry{"sum", "(value: decimal): decimal", "CAST(coalesce(sum({0}), 0) AS DECIMAL(38,12))",
          kName, kNever, "", kAggregate},
    Entry{"sum", "(value: timespan): timespan", "CAST(coalesce(sum({0}), 0) AS BIGINT)", kName,
          kNever, "", kAggregate},
    Entry{"sumif", "(value: long, condition: bool): long",
          "CAST(coalesce(sum({0}) FILTER (WHERE {1}), 0) AS BIGINT)", kName, kNever,
          "The sum where the condition is true.", kAggregate},
    Entry{"sumif", "(value: real, condition: bool): real",
          "coalesce(sum({0}) FILTER (WHERE {1}), 0)", kName, kNever, "", kAggregate},
    Entry{"sumif", "(value: timespan, condition: bool): timespan",
          "CAST(coalesce(sum({0}) FILTER (WHERE {1}), 0) AS BIGINT)", kName, kNever, "",
          kAggregate},

    Entry{"avg", "(value: real): real", "avg({0})", kName, kSometimes, "The average.", kAggregate},
    Entry{"avg", "(value: decimal): decimal", "CAST(avg({0}) AS DECIMAL(38,12))", kName, kSometimes,
          "", kAggregate},
    Entry{"avg", "(value: timespan): timespan", "CAST(avg({0}) AS BIGINT)", kName, kSometimes, "",
          kAggregate},
    Entry{"avg", "(value: datetime): datetime", "CAST(avg({0}) AS BIGINT)", kName, kSometimes, "",
          kAggregate},
    Entry{"avgif", "(value: real, condition: bool): real", "avg({0}) FILTER (WHERE {1})", kName,
          kSometimes, "The average where the condition is true.", kAggregate},
    Entry{"avgif", "(value: timespan, condition: bool): timespan",
          "CAST(avg({0}) FILTER (WHERE {1}) AS BIGINT)", kName, kSometimes, "", kAggregate},

    Entry{"min", "(value: O): O", "min({0})", kName, kSometimes, "The least value.", kAggregate},
    Entry{"max", "(value: O): O", "max({0})", kName, kSometimes, "The greatest value.", kAggregate},
    Entry{"minif", "(value: O, condition: bool): O", "min({0}) FILTER (WHERE {1})", kName,
          kSometimes, "The least value where the condition is true.", kAggregate},
    Entry{"maxif", "(value: O, condition: bool): O", "max({0}) FILTER (WHERE {1})", kName,
          kSometimes, "The greatest value where the condition is true.", kAggregate},

    Entry{"stdev", "(value: real): real", "coalesce(stddev_samp({0}), 0)", kName, kNever,
          "The standard deviation of a sample.", kAggregate},
    Entry{"stdevif", "(value: real, condition: bool): real",
          "coalesce(stddev_samp({0}) FILTER (WHERE {1}), 0)", kName, kNever,
          "The standard deviation of a sample where the condition is true.", kAggregate},
    Entry{"stdevp", "(value: real): real", "coalesce(stddev_pop({0}), 0)", kName, kNever,
          "The standard deviation of a population.", kAggregate},
    Entry{"variance", "(value: real): real", "coalesce(var_samp({0}), 0)", kName, kNever,
          "The variance of a sample.", kAggregate},
    Entry{"varianceif", "(value: real, condition: bool): real",
          "coalesce(var_samp({0}) FILTER (WHERE {1}), 0)", kName, kNever,
          "The variance of a sample where the condition is true.", kAggregate},
    Entry{"variancep", "(value: real): real", "coalesce(var_pop({0}), 0)", kName, kNever,
          "The variance of a population.", kAggregate},

    Entry{
        "make_set", "(value: dynamic): dynamic",
        "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL), 1048576)", kName, kNever,
        "The distinct values as an array, at most so many (1048576); sorted, where Kusto promises "
        "no order.",
        kAggregate, "set"},
    Entry{"make_set", "(value: dynamic, limit: const long): dynamic",
          "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL), {1})", kName, kNever, "",
          kAggregate, "set"},
    Entry{"make_set_if", "(value: dynamic, condition: bool): dynamic",
          "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL AND {1}), 1048576)", kName,
          kNever, "As make_set(), where the condition is true.", kAggregate, "set"},
    Entry{"make_set_if", "(value: dynamic, condition: bool, limit: const long): dynamic",
          "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL AND {1}), {2})", kName, kNever,
          "", kAggregate, "set"},
    Entry{"makeset", "(value: dynamic): dynamic",
          "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL), 128)", kName, kNever,
          "The older make_set(): at most 128 values unless told otherwise.", kAggregate, "set"},
    Entry{"makeset", "(value: dynamic, limit: const long): dynamic",
          "kql_set_to_json(list({0}) FILTER (WHERE {0} IS NOT NULL), {1})", kName, kNever, "",
          kAggregate, "set"},
    Entry{"make_list", "(value: dynamic): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL), 1048576)", kName,
          kNever, "The values as an array, in the rows' order, at most so many (1048576).",
          kAggregate, "list"},
    Entry{"make_list", "(value: dynamic, limit: const long): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL), {1})", kName, kNever,
          "", kAggregate, "list"},
    Entry{"make_list_if", "(value: dynamic, condition: bool): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL AND {1}), 1048576)",
          kName, kNever, "As make_list(), where the condition is true.", kAggregate, "list"},
    Entry{"make_list_if", "(value: dynamic, condition: bool, limit: const long): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL AND {1}), {2})", kName,
          kNever, "", kAggregate, "list"},
    Entry{"make_list_with_nulls", "(value: dynamic): dynamic",
          "kql_list_to_json(list({0}{order}), 1048576)", kName, kNever,
          "As make_list(), nulls included.", kAggregate, "list"},
    Entry{"makelist", "(value: dynamic): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL), 128)", kName, kNever,
          "The older make_list(): at most 128 values unless told otherwise.", kAggregate, "list"},
    Entry{"makelist", "(value: dynamic, limit: const long): dynamic",
          "kql_list_to_json(list({0}{order}) FILTER (WHERE {0} IS NOT NULL), {1})", kName, kNever,
          "", kAggregate, "list"},
    Entry{"any", "(value: T): T", "any_value({0})", kName, kSometimes,
          "The older take_any(): some value of the group.", kAggregate},
    Entry{"anyif", "(value: T, condition: bool): T", "any_value({0}) FILTER (WHERE {1})", kName,
          kSometimes, "Some value of the group where the condition is true.", kAggregate},
    Entry{"take_anyif", "(value: T, condition: bool): T", "any_value({0}) FILTER (WHERE {1})",
          Naming::FirstArgument, kSometimes, "Some value of the group where the condition is true.",
          kAggregate},
    Entry{"percentile", "(value: O, percentage: const real): O", "quantile_disc({0}, {1} / 100)",
          kName, kSometimes, "The value below which so many per cent of the values lie.",
          kAggregate},
    Entry{"binary_all_and", "(value: long): long", "bit_and({0})", Naming::FirstArgument,
          kSometimes, "The bits set in all values.", kAggregate},
    Entry{"binary_all_or", "(value: long): long", "bit_or({0})", Naming::FirstArgument, kSometimes,
          "The bits set in any value.", kAggregate},
    Entry{"binary_all_xor", "(value: long): long", "bit_xor({0})", Naming::FirstArgument,
          kSometimes, "The bits set in an odd number of values.", kAggregate},
};

}  // namespace

std::span<const Entry> aggregates() {
  return kEntries;
}

}  // namespace kql::functions
