#include <array>

#include "kql/functions/function.h"

namespace kql::functions {
namespace {

constexpr Nulls kSometimes = Nulls::Sometimes;

constexpr std::array kEntries{
    Entry{"not", "(condition: bool): bool", "(NOT {0})", Naming::None, Nulls::Propagate,
          "True for false and false for true."},
    Entry{"abs", "(value: N): N", "abs({0})", Naming::FirstArgument, Nulls::Propagate,
          "The value without its sign."},
    Entry{"abs", "(value: timespan): timespan", "abs({0})"},
    Entry{"round", "(value: real): real", "round({0})", Naming::FirstArgument, Nulls::Propagate,
          "The value rounded, to so many decimal digits (0)."},
    Entry{"round", "(value: real, digits: long): real", "round({0}, CAST({1} AS INTEGER))",
          Naming::FirstArgument},
    Entry{"ceiling", "(value: real): real", "ceil({0})", Naming::FirstArgument, Nulls::Propagate,
          "The smallest whole number that is not less."},
    Entry{"sign", "(value: real): real", "CAST(sign({0}) AS DOUBLE)", Naming::None,
          Nulls::Propagate, "-1, 0 or 1."},
    Entry{"sqrt", "(value: real): real", "CASE WHEN {0} >= 0 THEN sqrt({0}) END",
          Naming::FirstArgument, kSometimes, "The square root; null below 0."},
    Entry{"exp", "(value: real): real", "exp({0})", Naming::FirstArgument, Nulls::Propagate,
          "e to the value."},
    Entry{"exp2", "(value: real): real", "pow(2, {0})", Naming::FirstArgument, Nulls::Propagate,
          "2 to the value."},
    Entry{"exp10", "(value: real): real", "pow(10, {0})", Naming::FirstArgument, Nulls::Propagate,
          "10 to the value."},
    Entry{"log", "(value: real): real", "CASE WHEN {0} > 0 THEN ln({0}) END", Naming::FirstArgument,
          kSometimes, "The natural logarithm; null at and below 0."},
    Entry{"log2", "(value: real): real", "CASE WHEN {0} > 0 THEN log2({0}) END",
          Naming::FirstArgument, kSometimes, "The logarithm to base 2; null at and below 0."},
    Entry{"log10", "(value: real): real", "CASE WHEN {0} > 0 THEN log10({0}) END",
          Naming::FirstArgument, kSometimes, "The logarithm to base 10; null at and below 0."},
    Entry{"pow", "(base: real, exponent: real): real", "pow({0}, {1})", Naming::FirstArgument,
          kSometimes, "The base to the exponent."},
    Entry{"isnan", "(value: real): bool", "isnan({0})", Naming::None, Nulls::Propagate,
          "Whether the value is not a number."},
    Entry{"isinf", "(value: real): bool", "isinf({0})", Naming::None, Nulls::Propagate,
          "Whether the value is infinite."},
    Entry{"isfinite", "(value: real): bool", "isfinite({0})", Naming::None, Nulls::Propagate,
          "Whether the value is neither infinite nor NaN."},
    Entry{"pi", "(): real", "pi()", Naming::None, Nulls::Never, "The number pi."},
    Entry{"binary_and", "(a: long, b: long): long", "({0} & {1})", Naming::FirstArgument,
          Nulls::Propagate, "The bits set in both."},
    Entry{"binary_or", "(a: long, b: long): long", "({0} | {1})", Naming::FirstArgument,
          Nulls::Propagate, "The bits set in either."},
    Entry{"binary_xor", "(a: long, b: long): long", "xor({0}, {1})", Naming::FirstArgument,
          Nulls::Propagate, "The bits set in one of both."},
    Entry{"binary_not", "(value: long): long", "(~{0})", Naming::FirstArgument, Nulls::Propagate,
          "The bits not set."},
    Entry{"max_of", "(value: O...): O", "greatest({*})", Naming::None, kSometimes,
          "The greatest of the values; nulls do not count."},
    Entry{"min_of", "(value: O...): O", "least({*})", Naming::None, kSometimes,
          "The least of the values; nulls do not count."},
    Entry{"coalesce", "(value: string...): string",
          "coalesce([x FOR x IN [{*}] IF x <> ''][1], '')", Naming::None, Nulls::Never,
          "The first of the values that is not null (or not empty)."},
    Entry{"coalesce", "(value: T...): T", "coalesce({*})", Naming::None, kSometimes},
    Entry{"rand", "(): real", "random()", Naming::FirstArgument, Nulls::Never,
          "A random number from 0 to 1."},
    Entry{"new_guid", "(): guid", "uuid()", Naming::None, Nulls::Never, "A random guid."},
};

}  // namespace

std::span<const Entry> number_functions() {
  return kEntries;
}

}  // namespace kql::functions
