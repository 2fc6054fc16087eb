#include "kql/emit/emit.h"

namespace kql::emit {

// Where SQL has no single expression for what KQL means. Times are ticks of 100 ns since year 1:
// 621355968000000000 is 1970, 62135596800000000 the same in microseconds, 864000000000 a day.
// Lists of JSON are DuckDB's JSON[]; a JSON null is NULL everywhere else.
std::string_view prelude() {
  return R"sql(
CREATE OR REPLACE MACRO kql_equal(a, b) AS
  CASE WHEN a IS NULL AND b IS NULL THEN NULL ELSE a IS NOT DISTINCT FROM b END;
CREATE OR REPLACE MACRO kql_mod(a, b) AS a % b + CASE WHEN a % b < 0 THEN abs(b) ELSE 0 END;
CREATE OR REPLACE MACRO kql_bin(v, step) AS
  CASE WHEN step > 0 THEN v - v % step - CASE WHEN v % step < 0 THEN step ELSE 0 END END;
CREATE OR REPLACE MACRO kql_bin_real(v, step) AS CASE WHEN step > 0 THEN floor(v / step) * step END;
CREATE OR REPLACE MACRO kql_series_end(a, b, step) AS
  CASE WHEN step > 0 THEN CAST(least(b::HUGEINT, a::HUGEINT + step::HUGEINT * 1048575) AS BIGINT)
       ELSE CAST(greatest(b::HUGEINT, a::HUGEINT + step::HUGEINT * 1048575) AS BIGINT) END;
CREATE OR REPLACE MACRO kql_series(a, b, step) AS
  CASE WHEN step = 0 OR step IS NULL OR a IS NULL OR b IS NULL THEN CAST([] AS BIGINT[])
       ELSE generate_series(a, kql_series_end(a, b, step), step) END;
CREATE OR REPLACE MACRO kql_real_series(a, b, step) AS
  CASE WHEN step = 0 OR step IS NULL OR a IS NULL OR b IS NULL THEN CAST([] AS DOUBLE[])
       ELSE [a + i * step FOR i IN generate_series(0, CAST(least(floor((b - a) / step), 1048575) AS BIGINT))]
       END;

CREATE OR REPLACE MACRO kql_timestamp(t) AS make_timestamp(t // 10 - 62135596800000000);
CREATE OR REPLACE MACRO kql_ticks(ts) AS (epoch_us(ts) + 62135596800000000) * 10;
-- The time zone of that name; null for others, which would end the query.
CREATE OR REPLACE MACRO kql_zone(z) AS (SELECT name FROM pg_timezone_names() WHERE name = z LIMIT 1);
CREATE OR REPLACE MACRO kql_datetime_or_null(t) AS
  CASE WHEN t BETWEEN 0 AND 3155378975999999999 THEN t END;
CREATE OR REPLACE MACRO kql_format_datetime(t) AS
  strftime(kql_timestamp(t), '%Y-%m-%dT%H:%M:%S.') || lpad(CAST(t % 10000000 AS VARCHAR), 7, '0') || 'Z';
CREATE OR REPLACE MACRO kql_two(n) AS lpad(CAST(n AS VARCHAR), 2, '0');
CREATE OR REPLACE MACRO kql_format_timespan(t) AS
  CASE WHEN t IS NOT NULL THEN concat(
    CASE WHEN t < 0 THEN '-' ELSE '' END,
    CASE WHEN abs(t) >= 864000000000 THEN concat(CAST(abs(t) // 864000000000 AS VARCHAR), '.') ELSE '' END,
    kql_two(abs(t) // 36000000000 % 24), ':', kql_two(abs(t) // 600000000 % 60), ':',
    kql_two(abs(t) // 10000000 % 60),
    CASE WHEN abs(t) % 10000000 <> 0 THEN concat('.', lpad(CAST(abs(t) % 10000000 AS VARCHAR), 7, '0'))
         ELSE '' END) END;
CREATE OR REPLACE MACRO kql_format_real(r) AS
  CASE WHEN isnan(r) THEN 'NaN' WHEN isinf(r) THEN CASE WHEN r > 0 THEN 'Infinity' ELSE '-Infinity' END
       ELSE CAST(r AS VARCHAR) END;
CREATE OR REPLACE MACRO kql_format_decimal(d) AS
  regexp_replace(regexp_replace(CAST(d AS VARCHAR), '0+$', ''), '\.$', '');
CREATE OR REPLACE MACRO kql_real_to_json(r) AS CASE WHEN isfinite(r) THEN to_json(r) END;

CREATE OR REPLACE MACRO kql_tolong(s) AS
  CASE WHEN regexp_full_match(s, '\s*(?:[-+]?[0-9]{1,19}|0[xX][0-9a-fA-F]{1,16})\s*')
       THEN TRY_CAST(trim(s) AS BIGINT) END;
CREATE OR REPLACE MACRO kql_dynamic_tolong(j) AS
  CASE json_type(j)
    WHEN 'DOUBLE' THEN TRY_CAST(trunc(TRY_CAST(json_extract_string(j, '$') AS DOUBLE)) AS BIGINT)
    WHEN 'BOOLEAN' THEN CAST(json_extract_string(j, '$') = 'true' AS BIGINT)
    ELSE kql_tolong(json_extract_string(j, '$')) END;
-- Null for a fraction: what is equal to no whole number.
CREATE OR REPLACE MACRO kql_dynamic_whole(j) AS
  CASE WHEN json_type(j) = 'DOUBLE'
       THEN CASE WHEN trunc(TRY_CAST(json_extract_string(j, '$') AS DOUBLE))
                      = TRY_CAST(json_extract_string(j, '$') AS DOUBLE)
                 THEN kql_dynamic_tolong(j) END
       ELSE kql_dynamic_tolong(j) END;
CREATE OR REPLACE MACRO kql_tobool(s) AS
  CASE WHEN lower(trim(s)) = 'true' THEN true WHEN lower(trim(s)) = 'false' THEN false
       WHEN kql_tolong(s) IS NOT NULL THEN kql_tolong(s) <> 0 END;

-- ISO 8601 with an offset, ISO 8601 without (UTC), RFC 822 and RFC 850. Digits past the microsecond
-- are added by hand: DuckDB's timestamps end there.
CREATE OR REPLACE MACRO kql_fraction_ticks(s) AS
  CAST(coalesce(nullif(regexp_extract(s, '\.\d{6}(\d)', 1), ''), '0') AS BIGINT);
CREATE OR REPLACE MACRO kql_cut_fraction(s) AS regexp_replace(s, '(\.\d{6})\d+', '\1');
CREATE OR REPLACE MACRO kql_todatetime_us(s) AS
  CASE WHEN regexp_matches(s, '^\d{4}-\d\d-\d\d[Tt ]\s*\d\d:\d\d(:\d\d(\.\d+)?)?\s*[+-]\d\d(:?\d\d)?$')
       THEN epoch_us(TRY_CAST(kql_cut_fraction(s) AS TIMESTAMPTZ))
       WHEN regexp_matches(s, '^\d{4}-\d\d?-\d\d?')
       THEN epoch_us(TRY_CAST(kql_cut_fraction(regexp_replace(s, '\s*(?:[Zz]|UTC|GMT)$', '')) AS TIMESTAMP))
       WHEN regexp_full_match(s, '\d{4}') THEN epoch_us(TRY_CAST(concat(s, '-01-01') AS TIMESTAMP))
       ELSE epoch_us(coalesce(
         try_strptime(regexp_replace(s, '\s*(?:Z|UTC|GMT|UT)$', ''),
           ['%Y/%m/%d', '%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M', '%m/%d/%Y', '%m/%d/%Y %H:%M:%S',
            '%m/%d/%Y %H:%M', '%a, %d %b %y %H:%M:%S', '%a, %d %b %Y %H:%M:%S', '%d %b %y %H:%M:%S',
            '%d %b %Y %H:%M:%S', '%d %b %y %H:%M', '%d %b %Y %H:%M', '%a, %d %b %Y %H:%M',
            '%A, %d-%b-%y %H:%M:%S', '%A, %d-%b-%y %H:%M', '%Y%m%d'])))
  END;
CREATE OR REPLACE MACRO kql_todatetime(s) AS
  kql_datetime_or_null((kql_todatetime_us(trim(s)) + 62135596800000000) * 10 + kql_fraction_ticks(s));
CREATE OR REPLACE MACRO kql_totimespan_parts(sign, d, h, m, s, f) AS
  CASE WHEN h < 24 AND m < 60 AND s < 60
       THEN sign * (d * 864000000000 + h * 36000000000 + m * 600000000 + s * 10000000 + f) END;
CREATE OR REPLACE MACRO kql_number(s) AS CAST(coalesce(nullif(s, ''), '0') AS BIGINT);
CREATE OR REPLACE MACRO kql_group(s, n) AS
  regexp_extract(s, '^\s*-?(?:(\d{1,7})\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7})\d*)?)?\s*$', n);
CREATE OR REPLACE MACRO kql_unit_ticks(u) AS
  CASE WHEN u IN ('d', 'day', 'days') THEN 864000000000
       WHEN u IN ('h', 'hr', 'hrs', 'hour', 'hours') THEN 36000000000
       WHEN u IN ('m', 'min', 'minute', 'minutes') THEN 600000000
       WHEN u IN ('s', 'sec', 'second', 'seconds') THEN 10000000
       WHEN u IN ('ms', 'milli', 'millis', 'millisecond', 'milliseconds') THEN 10000
       WHEN u IN ('micro', 'micros', 'microsecond', 'microseconds') THEN 10
       WHEN u IN ('tick', 'ticks') THEN 1 END;
CREATE OR REPLACE MACRO kql_totimespan(s) AS
  CASE WHEN kql_group(s, 2) <> '' THEN kql_totimespan_parts(
         CASE WHEN starts_with(trim(s), '-') THEN -1 ELSE 1 END, kql_number(kql_group(s, 1)),
         kql_number(kql_group(s, 2)), kql_number(kql_group(s, 3)), kql_number(kql_group(s, 4)),
         kql_number(rpad(kql_group(s, 5), 7, '0')))
       WHEN regexp_full_match(trim(s), '-?\d{1,7}') THEN CAST(trim(s) AS BIGINT) * 864000000000
       WHEN regexp_full_match(trim(s), '-?\d+(\.\d+)?\s*[a-z]+')
       THEN TRY_CAST(round(CAST(regexp_extract(s, '-?\d+(\.\d+)?') AS DOUBLE)
                           * kql_unit_ticks(regexp_extract(s, '[a-z]+'))) AS BIGINT) END;
CREATE OR REPLACE MACRO kql_start_of(part, t, months) AS
  kql_ticks(date_trunc(part, kql_timestamp(t)) + to_months(CAST(months AS INTEGER)));
CREATE OR REPLACE MACRO kql_datetime_part(part, t) AS
  CASE lower(part)
    WHEN 'year' THEN year(kql_timestamp(t)) WHEN 'quarter' THEN quarter(kql_timestamp(t))
    WHEN 'month' THEN month(kql_timestamp(t)) WHEN 'week_of_year' THEN week(kql_timestamp(t))
    WHEN 'weekofyear' THEN week(kql_timestamp(t)) WHEN 'day' THEN day(kql_timestamp(t))
    WHEN 'dayofyear' THEN dayofyear(kql_timestamp(t)) WHEN 'hour' THEN hour(kql_timestamp(t))
    WHEN 'minute' THEN minute(kql_timestamp(t)) WHEN 'second' THEN t // 10000000 % 60
    WHEN 'millisecond' THEN t // 10000 % 1000 WHEN 'microsecond' THEN t // 10 % 1000000
    WHEN 'nanosecond' THEN t % 10000000 * 100 END;
CREATE OR REPLACE MACRO kql_datetime_diff(part, a, b) AS
  CASE lower(part)
    WHEN 'year' THEN year(kql_timestamp(a)) - year(kql_timestamp(b))
    WHEN 'quarter' THEN date_diff('quarter', kql_timestamp(b), kql_timestamp(a))
    WHEN 'month' THEN date_diff('month', kql_timestamp(b), kql_timestamp(a))
    WHEN 'week' THEN (a + 864000000000) // 6048000000000 - (b + 864000000000) // 6048000000000
    WHEN 'day' THEN a // 864000000000 - b // 864000000000
    WHEN 'hour' THEN a // 36000000000 - b // 36000000000
    WHEN 'minute' THEN a // 600000000 - b // 600000000
    WHEN 'second' THEN a // 10000000 - b // 10000000
    WHEN 'millisecond' THEN a // 10000 - b // 10000
    WHEN 'microsecond' THEN a // 10 - b // 10
    WHEN 'nanosecond' THEN (a - b) * 100 END;
CREATE OR REPLACE MACRO kql_add_months(n, t) AS
  kql_ticks(kql_timestamp(t) + to_months(CAST(n AS INTEGER))) + t % 10;
CREATE OR REPLACE MACRO kql_datetime_add(part, n, t) AS
  CASE lower(part)
    WHEN 'year' THEN kql_add_months(n * 12, t) WHEN 'quarter' THEN kql_add_months(n * 3, t)
    WHEN 'month' THEN kql_add_months(n, t) WHEN 'week' THEN t + n * 6048000000000
    WHEN 'day' THEN t + n * 864000000000 WHEN 'hour' THEN t + n * 36000000000
    WHEN 'minute' THEN t + n * 600000000 WHEN 'second' THEN t + n * 10000000
    WHEN 'millisecond' THEN t + n * 10000 WHEN 'microsecond' THEN t + n * 10
    WHEN 'nanosecond' THEN t + n // 100 END;
CREATE OR REPLACE MACRO kql_make_datetime(y, mo, d, h, mi, s) AS
  CASE WHEN y BETWEEN 1 AND 9999 AND mo BETWEEN 1 AND 12 AND d BETWEEN 1 AND 31 AND h BETWEEN 0 AND 23
            AND mi BETWEEN 0 AND 59 AND s >= 0 AND s < 60
       THEN kql_ticks(TRY_CAST(concat(lpad(CAST(y AS VARCHAR), 4, '0'), '-', kql_two(mo), '-', kql_two(d))
                               AS TIMESTAMP))
            + h * 36000000000 + mi * 600000000 + CAST(round(s * 10000000) AS BIGINT) END;

CREATE OR REPLACE MACRO kql_parse_json(s) AS
  CASE WHEN s = '' THEN NULL WHEN json_valid(s) THEN nullif(s::JSON, 'null'::JSON) ELSE to_json(s) END;
CREATE OR REPLACE MACRO kql_path(j, path) AS nullif(json_extract(j, path), 'null'::JSON);
CREATE OR REPLACE MACRO kql_text_path(s, path) AS
  CASE WHEN json_valid(s) THEN nullif(json_extract(s, path), 'null'::JSON) END;
CREATE OR REPLACE MACRO kql_text_path_string(s, path) AS
  CASE WHEN json_valid(s) THEN json_extract_string(s, path) END;
CREATE OR REPLACE MACRO kql_member(j, name) AS
  CASE WHEN json_type(j) = 'OBJECT'
       THEN nullif(json_extract(j, concat('/', replace(replace(name, '~', '~0'), '/', '~1'))), 'null'::JSON)
       END;
CREATE OR REPLACE MACRO kql_element(j, i) AS
  CASE WHEN json_type(j) = 'ARRAY'
       THEN nullif(json_extract(j, CASE WHEN i < 0 THEN '$[#' ELSE '$[' END || CAST(i AS VARCHAR) || ']'),
                   'null'::JSON) END;
-- The casts are for constants: DuckDB takes the type of a constant null from nowhere.
CREATE OR REPLACE MACRO kql_json_list(j) AS CAST(json_extract(j, '$[*]') AS JSON[]);
CREATE OR REPLACE MACRO kql_keys(j) AS CAST(json_keys(j) AS VARCHAR[]);
CREATE OR REPLACE MACRO kql_array(j) AS CASE WHEN json_type(j) = 'ARRAY' THEN kql_json_list(j) END;
CREATE OR REPLACE MACRO kql_text_array(j) AS
  CASE WHEN json_type(j) = 'ARRAY' THEN CAST(json_extract_string(j, '$[*]') AS VARCHAR[])
       WHEN j IS NULL THEN CAST([] AS VARCHAR[]) ELSE [json_extract_string(j, '$')] END;
CREATE OR REPLACE MACRO kql_strcat_array(l, delimiter) AS
  list_reduce(list_concat([''], [CASE WHEN i = 1 THEN '' ELSE delimiter END || coalesce(x, '') FOR x, i IN l]),
              lambda a, b: a || b);
CREATE OR REPLACE MACRO kql_elements(j, as_arrays) AS
  CASE json_type(j)
    WHEN 'ARRAY' THEN kql_json_list(j)
    WHEN 'OBJECT' THEN [CASE WHEN as_arrays THEN json_array(k, kql_member(j, k))
                             ELSE json_object(k, kql_member(j, k)) END FOR k IN kql_keys(j)]
    ELSE [j] END;
-- What DuckDB reads as JSON though it is none (NaN, Infinity, a comma before a closing bracket) leaves
-- as a JSON string: results are JSON to the letter.
CREATE OR REPLACE MACRO kql_lax_json(s) AS regexp_matches(s, '(?i)nan|inf|,\s*[\]}]');
CREATE OR REPLACE MACRO kql_result(j) AS
  CASE WHEN kql_lax_json(CAST(j AS VARCHAR))
            AND kql_lax_json(regexp_replace(CAST(j AS VARCHAR), '"(?:[^"\\]|\\.)*"', '""', 'g'))
       THEN to_json(CAST(j AS VARCHAR)) ELSE j END;
CREATE OR REPLACE MACRO kql_gettype(j) AS
  CASE json_type(j) WHEN 'ARRAY' THEN 'array' WHEN 'OBJECT' THEN 'dictionary' WHEN 'BOOLEAN' THEN 'bool'
    WHEN 'VARCHAR' THEN 'string' WHEN 'DOUBLE' THEN 'double' WHEN 'UBIGINT' THEN 'long'
    WHEN 'BIGINT' THEN 'long' ELSE 'null' END;
CREATE OR REPLACE MACRO kql_list_unique(l) AS
  [x FOR x, i IN l IF list_position(l, x) = i];
CREATE OR REPLACE MACRO kql_set_to_json(l, n) AS
  coalesce(to_json(list_slice(list_sort(list_distinct(l)), 1, n)), '[]'::JSON);
CREATE OR REPLACE MACRO kql_list_to_json(l, n) AS coalesce(to_json(list_slice(l, 1, n)), '[]'::JSON);
CREATE OR REPLACE MACRO kql_array_slice(j, a, b) AS
  CASE WHEN json_type(j) = 'ARRAY'
       THEN to_json(list_slice(kql_json_list(j),
                               CASE WHEN a < 0 THEN greatest(json_array_length(j)::BIGINT + a, 0) ELSE a END + 1,
                               CASE WHEN b < 0 THEN json_array_length(j)::BIGINT + b ELSE b END + 1)) END;
CREATE OR REPLACE MACRO kql_has(t, n, at_start, at_end, cs) AS
  n = '' OR regexp_matches(t, concat(CASE WHEN cs THEN '' ELSE '(?i)' END,
    CASE WHEN at_start AND regexp_matches(n, '^[\pL\pN]') THEN '(?:^|[^\pL\pN])' ELSE '' END,
    regexp_escape(n),
    CASE WHEN at_end AND regexp_matches(n, '[\pL\pN]$') THEN '(?:$|[^\pL\pN])' ELSE '' END));
CREATE OR REPLACE MACRO kql_has_any(t, j) AS
  coalesce(list_contains([kql_has(t, n, true, true, false) FOR n IN kql_text_array(j)], true), false);
CREATE OR REPLACE MACRO kql_has_all(t, j) AS
  NOT coalesce(list_contains([kql_has(t, n, true, true, false) FOR n IN kql_text_array(j)], false), false);
CREATE OR REPLACE MACRO kql_has_any_index(t, j) AS
  CAST(coalesce(list_position([kql_has(t, n, true, true, false) FOR n IN kql_text_array(j)], true), 0) - 1
       AS BIGINT);
CREATE OR REPLACE MACRO kql_jaccard(a, b) AS
  CASE WHEN len(list_distinct(list_concat(a, b))) > 0
       THEN len(list_intersect(a, b)) / len(list_distinct(list_concat(a, b))) END;
CREATE OR REPLACE MACRO kql_guid_bytes(h) AS
  CASE WHEN length(h) = 32
       THEN concat(h[7:8], h[5:6], h[3:4], h[1:2], h[11:12], h[9:10], h[15:16], h[13:14], h[17:32]) END;
CREATE OR REPLACE MACRO kql_in_array(v, j) AS coalesce(list_contains(kql_text_array(j), v), false);
CREATE OR REPLACE MACRO kql_in_array_no_case(v, j) AS
  coalesce(list_contains([lower(x) FOR x IN kql_text_array(j)], lower(v)), false);
CREATE OR REPLACE MACRO kql_substring(s, start, n) AS
  CASE WHEN n IS NULL THEN substr(s, CASE WHEN start < 0 THEN greatest(length(s) + start, 0) ELSE start END + 1)
       ELSE substr(s, CASE WHEN start < 0 THEN greatest(length(s) + start, 0) ELSE start END + 1,
                   greatest(n, 0)) END;
CREATE OR REPLACE MACRO kql_indexof(s, part, start) AS
  CASE WHEN strpos(substr(s, start + 1), part) = 0 THEN -1
       ELSE strpos(substr(s, start + 1), part) + start - 1 END;
CREATE OR REPLACE MACRO kql_split(s, delimiter) AS
  CASE WHEN delimiter = '' THEN to_json([s]) ELSE to_json(string_split(s, delimiter)) END;
CREATE OR REPLACE MACRO kql_split_at(s, delimiter, i) AS
  CASE WHEN i < 0 THEN '[]'::JSON ELSE to_json(list_slice(string_split(s, delimiter), i + 1, i + 1)) END;
)sql";
}

}  // namespace kql::emit
