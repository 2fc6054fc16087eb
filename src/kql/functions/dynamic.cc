#include <array>

#include "kql/functions/function.h"

namespace kql::functions {
namespace {

constexpr Nulls kSometimes = Nulls::Sometimes;

constexpr std::array kEntries{
    Entry{"array_length", "(array: dynamic): long",
          "CASE WHEN json_type({0}) = 'ARRAY' THEN CAST(json_array_length({0}) AS BIGINT) END",
          Naming::None, kSometimes, "How many elements the array has; null when it is none."},
    Entry{"bag_keys", "(bag: dynamic): dynamic",
          "CASE WHEN json_type({0}) = 'OBJECT' THEN to_json(kql_keys({0})) END", Naming::None,
          kSometimes, "The names of the properties, as an array."},
    Entry{"bag_has_key", "(bag: dynamic, key: string): bool",
          "coalesce(list_contains(kql_keys({0}), {1}), false)", Naming::None, Nulls::Never,
          "Whether the bag has the property."},
    Entry{"gettype", "(value: dynamic): string", "kql_gettype({0})", Naming::NameAndFirst,
          Nulls::Never, "The name of the value's type.", Kind::Scalar, "type"},
    Entry{"gettype", "(value: string): string", "'string'", Naming::NameAndFirst, Nulls::Never},
    Entry{"gettype", "(value: bool): string", "CASE WHEN {0} IS NULL THEN 'null' ELSE 'bool' END",
          Naming::NameAndFirst, Nulls::Never},
    Entry{"gettype", "(value: int): string", "CASE WHEN {0} IS NULL THEN 'null' ELSE 'int' END",
          Naming::NameAndFirst, Nulls::Never},
    Entry{"gettype", "(value: long): string", "CASE WHEN {0} IS NULL THEN 'null' ELSE 'long' END",
          Naming::NameAndFirst, Nulls::Never},
    Entry{"gettype", "(value: real): string", "CASE WHEN {0} IS NULL THEN 'null' ELSE 'real' END",
          Naming::NameAndFirst, Nulls::Never},
    Entry{"gettype", "(value: decimal): string",
          "CASE WHEN {0} IS NULL THEN 'null' ELSE 'decimal' END", Naming::NameAndFirst,
          Nulls::Never},
    Entry{"gettype", "(value: datetime): string",
          "CASE WHEN {0} IS NULL THEN 'null' ELSE 'datetime' END", Naming::NameAndFirst,
          Nulls::Never},
    Entry{"gettype", "(value: timespan): string",
          "CASE WHEN {0} IS NULL THEN 'null' ELSE 'timespan' END", Naming::NameAndFirst,
          Nulls::Never},
    Entry{"gettype", "(value: guid): string", "CASE WHEN {0} IS NULL THEN 'null' ELSE 'guid' END",
          Naming::NameAndFirst, Nulls::Never},
    Entry{"array_concat", "(array: dynamic...): dynamic",
          "to_json(flatten([kql_array(x) FOR x IN [{*}]]))", Naming::None, Nulls::Never,
          "The arrays as one."},
    Entry{"array_sort_asc", "(array: dynamic): dynamic", "kql_array_sort({0}, 'ASC')", Naming::None,
          kSometimes, "The array, sorted from least to greatest."},
    Entry{"array_sort_desc", "(array: dynamic): dynamic", "kql_array_sort({0}, 'DESC')",
          Naming::None, kSometimes, "The array, sorted from greatest to least."},
    Entry{"array_index_of", "(array: dynamic, value: any): long",
          "CAST(coalesce(list_position(kql_array({0}), to_json({1})), 0) - 1 AS BIGINT)",
          Naming::None, kSometimes,
          "Where the value stands in the array, from 0; -1 when it does not."},
    Entry{"array_slice", "(array: dynamic, start: long, end: long): dynamic",
          "kql_array_slice({0}, {1}, {2})", Naming::None, kSometimes,
          "The elements from `start` to `end`, both included; negative ones count from the end."},
    Entry{"array_reverse", "(array: dynamic): dynamic", "to_json(list_reverse(kql_array({0})))",
          Naming::None, kSometimes, "The array from its end to its start."},
    Entry{"array_sum", "(array: dynamic): real",
          "list_sum([TRY_CAST(json_extract_string(x, '$') AS DOUBLE) FOR x IN kql_array({0})])",
          Naming::None, kSometimes, "The sum of the array's numbers."},
    Entry{"strcat_array", "(array: dynamic, delimiter: string): string",
          "kql_strcat_array(kql_text_array({0}), {1})", Naming::None, kSometimes,
          "The array's elements as one text, with the delimiter between."},
    Entry{"set_has_element", "(set: dynamic, value: any): bool",
          "coalesce(list_contains(kql_array({0}), to_json({1})), false)", Naming::None,
          Nulls::Never, "Whether the array has the element."},
    Entry{"set_union", "(set: dynamic...): dynamic",
          "to_json(kql_list_unique(flatten([kql_array(x) FOR x IN [{*}]])))", Naming::None,
          Nulls::Never, "The elements that any of the arrays has, each once."},
    Entry{
        "set_intersect", "(a: dynamic, b: dynamic): dynamic",
        "to_json(kql_list_unique([x FOR x IN kql_array({0}) IF list_contains(kql_array({1}), x)]))",
        Naming::None, kSometimes, "The elements that both arrays have, each once."},
    Entry{"set_difference", "(a: dynamic, b: dynamic): dynamic",
          "to_json(kql_list_unique([x FOR x IN kql_array({0}) IF NOT "
          "coalesce(list_contains(kql_array({1}), x), false)]))",
          Naming::None, kSometimes, "The elements of the first array that the second has not."},
    Entry{"bag_merge", "(a: dynamic, b: dynamic): dynamic",
          "json_merge_patch(json_merge_patch({0}, {1}), {0})", Naming::None, kSometimes,
          "Both bags as one; the first's properties win."},
    Entry{"zip", "(a: dynamic, b: dynamic): dynamic",
          "to_json([[z[1], z[2]] FOR z IN list_zip(kql_array({0}), kql_array({1}))])", Naming::None,
          kSometimes, "An array of pairs, the first of both arrays, the second of both..."},
};

}  // namespace

std::span<const Entry> dynamic_functions() {
  return kEntries;
}

}  // namespace kql::functions
