#include <array>

#include "kql/functions/function.h"

// Conversions between types: called by name, and by the binder where a type is expected.

namespace kql::functions {
namespace {

constexpr Naming kFirst = Naming::FirstArgument;
constexpr Nulls kSometimes = Nulls::Sometimes;

constexpr std::array kEntries{
    Entry{"tostring", "(value: string): string", "{0}", kFirst, Nulls::Propagate,
          "The value as text; empty for null."},
    Entry{"tostring", "(value: bool): string",
          "CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END", kFirst},
    Entry{"tostring", "(value: int): string", "CAST({0} AS VARCHAR)", kFirst},
    Entry{"tostring", "(value: long): string", "CAST({0} AS VARCHAR)", kFirst},
    Entry{"tostring", "(value: real): string", "kql_format_real({0})", kFirst},
    Entry{"tostring", "(value: decimal): string", "kql_format_decimal({0})", kFirst},
    Entry{"tostring", "(value: datetime): string", "kql_format_datetime({0})", kFirst},
    Entry{"tostring", "(value: timespan): string", "kql_format_timespan({0})", kFirst},
    Entry{"tostring", "(value: guid): string", "CAST({0} AS VARCHAR)", kFirst},
    Entry{"tostring", "(value: dynamic): string", "json_extract_string({0}, '$')", kFirst},

    Entry{"tolong", "(value: long): long", "{0}", kFirst, Nulls::Propagate,
          "The value as a long; null where it is none. Fractions are cut."},
    Entry{"tolong", "(value: int): long", "CAST({0} AS BIGINT)", kFirst},
    Entry{"tolong", "(value: bool): long", "CAST({0} AS BIGINT)", kFirst},
    Entry{"tolong", "(value: real): long", "TRY_CAST(trunc({0}) AS BIGINT)", kFirst, kSometimes},
    Entry{"tolong", "(value: decimal): long", "TRY_CAST(trunc({0}) AS BIGINT)", kFirst, kSometimes},
    Entry{"tolong", "(value: string): long", "kql_tolong({0})", kFirst, kSometimes},
    Entry{"tolong", "(value: datetime): long", "{0}", kFirst},
    Entry{"tolong", "(value: timespan): long", "{0}", kFirst},
    Entry{"tolong", "(value: dynamic): long", "kql_dynamic_tolong({0})", kFirst, kSometimes},

    Entry{"toint", "(value: int): int", "{0}", kFirst, Nulls::Propagate,
          "The value as an int; null where it is none. Fractions are cut."},
    Entry{"toint", "(value: long): int", "TRY_CAST({0} AS INTEGER)", kFirst, kSometimes},
    Entry{"toint", "(value: bool): int", "CAST({0} AS INTEGER)", kFirst},
    Entry{"toint", "(value: real): int", "TRY_CAST(trunc({0}) AS INTEGER)", kFirst, kSometimes},
    Entry{"toint", "(value: decimal): int", "TRY_CAST(trunc({0}) AS INTEGER)", kFirst, kSometimes},
    Entry{"toint", "(value: string): int", "TRY_CAST(kql_tolong({0}) AS INTEGER)", kFirst,
          kSometimes},
    Entry{"toint", "(value: dynamic): int", "TRY_CAST(kql_dynamic_tolong({0}) AS INTEGER)", kFirst,
          kSometimes},

    Entry{"toreal", "(value: real): real", "{0}", kFirst, Nulls::Propagate,
          "The value as a real; null where it is none."},
    Entry{"toreal", "(value: int): real", "CAST({0} AS DOUBLE)", kFirst},
    Entry{"toreal", "(value: long): real", "CAST({0} AS DOUBLE)", kFirst},
    Entry{"toreal", "(value: bool): real", "CAST({0} AS DOUBLE)", kFirst},
    Entry{"toreal", "(value: decimal): real", "CAST({0} AS DOUBLE)", kFirst},
    Entry{"toreal", "(value: string): real", "TRY_CAST({0} AS DOUBLE)", kFirst, kSometimes},
    Entry{"toreal", "(value: dynamic): real", "TRY_CAST(json_extract_string({0}, '$') AS DOUBLE)",
          kFirst, kSometimes},

    Entry{"todecimal", "(value: decimal): decimal", "{0}", kFirst, Nulls::Propagate,
          "The value as a decimal with up to 12 fractional digits; null where it is none."},
    Entry{"todecimal", "(value: int): decimal", "CAST({0} AS DECIMAL(38,12))", kFirst},
    Entry{"todecimal", "(value: long): decimal", "CAST({0} AS DECIMAL(38,12))", kFirst},
    Entry{"todecimal", "(value: real): decimal", "TRY_CAST({0} AS DECIMAL(38,12))", kFirst,
          kSometimes},
    Entry{"todecimal", "(value: string): decimal", "TRY_CAST({0} AS DECIMAL(38,12))", kFirst,
          kSometimes},
    Entry{"todecimal", "(value: dynamic): decimal",
          "TRY_CAST(json_extract_string({0}, '$') AS DECIMAL(38,12))", kFirst, kSometimes},

    Entry{
        "tobool", "(value: bool): bool", "{0}", kFirst, Nulls::Propagate,
        "The value as a bool: \"true\" and other numbers than 0 are true; null where it is none."},
    Entry{"tobool", "(value: int): bool", "({0} <> 0)", kFirst},
    Entry{"tobool", "(value: long): bool", "({0} <> 0)", kFirst},
    Entry{"tobool", "(value: real): bool", "({0} <> 0)", kFirst},
    Entry{"tobool", "(value: string): bool", "kql_tobool({0})", kFirst, kSometimes},
    Entry{"tobool", "(value: dynamic): bool", "kql_tobool(json_extract_string({0}, '$'))", kFirst,
          kSometimes},

    Entry{"todatetime", "(value: datetime): datetime", "{0}", kFirst, Nulls::Propagate,
          "The text as a datetime (ISO 8601, RFC 822, RFC 850); null where it is none."},
    Entry{"todatetime", "(value: string): datetime", "kql_todatetime({0})", kFirst, kSometimes},
    Entry{"todatetime", "(value: long): datetime", "kql_datetime_or_null({0})", kFirst, kSometimes},
    Entry{"todatetime", "(value: dynamic): datetime",
          "kql_todatetime(json_extract_string({0}, '$'))", kFirst, kSometimes},

    Entry{"totimespan", "(value: timespan): timespan", "{0}", kFirst, Nulls::Propagate,
          "The text (1.02:03:04.5) as a timespan; null where it is none."},
    Entry{"totimespan", "(value: string): timespan", "kql_totimespan({0})", kFirst, kSometimes},
    Entry{"totimespan", "(value: long): timespan", "{0}", kFirst},
    Entry{"totimespan", "(value: dynamic): timespan",
          "kql_totimespan(json_extract_string({0}, '$'))", kFirst, kSometimes},

    Entry{"toguid", "(value: string): guid", "TRY_CAST({0} AS UUID)", kFirst, kSometimes,
          "The text as a guid; null where it is none."},
    Entry{"toguid", "(value: dynamic): guid", "TRY_CAST(json_extract_string({0}, '$') AS UUID)",
          kFirst, kSometimes},

    Entry{"todynamic", "(value: dynamic): dynamic", "{0}", kFirst, Nulls::Propagate,
          "The text read as JSON; text that is no JSON becomes a dynamic string."},
    Entry{"todynamic", "(value: string): dynamic", "kql_parse_json({0})", kFirst, kSometimes},
    Entry{"$todynamic", "(value: bool): dynamic", "to_json({0})", kFirst},
    Entry{"$todynamic", "(value: int): dynamic", "to_json({0})", kFirst},
    Entry{"$todynamic", "(value: long): dynamic", "to_json({0})", kFirst},
    Entry{"$todynamic", "(value: real): dynamic", "kql_real_to_json({0})", kFirst, kSometimes},
    Entry{"$todynamic", "(value: decimal): dynamic", "to_json(CAST({0} AS DOUBLE))", kFirst},
    Entry{"$todynamic", "(value: datetime): dynamic", "to_json(kql_format_datetime({0}))", kFirst},
    Entry{"$todynamic", "(value: timespan): dynamic", "to_json(kql_format_timespan({0}))", kFirst},
    Entry{"$todynamic", "(value: guid): dynamic", "to_json(CAST({0} AS VARCHAR))", kFirst},
};

}  // namespace

std::span<const Entry> conversions() {
  return kEntries;
}

}  // namespace kql::functions
