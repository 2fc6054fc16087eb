// Values and expressions of every type.

#include <array>
#include <span>

#include <fmt/format.h>

#include "kql/evaluator/generator.h"

namespace kql::evaluator {
namespace {

using Texts = std::span<const std::string_view>;

// What the tables hold.
constexpr std::array<std::string_view, 4> kBools{"true", "false", "bool(null)", "true"};
constexpr std::array<std::string_view, 8> kInts{"int(0)",          "int(1)",          "int(-1)",
                                                "int(5)",          "int(7)",          "int(null)",
                                                "int(2147483647)", "int(-2147483648)"};
constexpr std::array<std::string_view, 13> kLongs{"0",
                                                  "1",
                                                  "2",
                                                  "3",
                                                  "-1",
                                                  "-7",
                                                  "5",
                                                  "42",
                                                  "100",
                                                  "10",
                                                  "long(null)",
                                                  "1000000",
                                                  "9007199254740993"};
constexpr std::array<std::string_view, 12> kReals{
    "real(0)",    "1.5",       "-2.5",       "0.1",   "3.0",        "100.25",
    "real(null)", "real(nan)", "real(+inf)", "-0.75", "real(-inf)", "1000000.5"};
constexpr std::array<std::string_view, 26> kStrings{"'one two'",
                                                    "'ONE'",
                                                    "''",
                                                    "'a-b_c.d'",
                                                    "'Ünï çödé'",
                                                    "'ÜNÏ'",
                                                    "'42'",
                                                    "'-7'",
                                                    "'1.5'",
                                                    "'true'",
                                                    "'2024-02-29T12:34:56.789Z'",
                                                    "'1.02:03:04'",
                                                    "'{\"k\": 1}'",
                                                    "'[1, 2, 3]'",
                                                    "' pad '",
                                                    "'null'",
                                                    "@'a\\b'",
                                                    "\"it's\"",
                                                    "'日本 語'",
                                                    "'😀 x'",
                                                    "'x=1;y=2'",
                                                    "'aaaa'",
                                                    "'ωΩ жЖ'",
                                                    "'two'",
                                                    "'10.0.0.1'",
                                                    "'a.b'"};
constexpr std::array<std::string_view, 9> kDates{"datetime(2024-02-29T12:34:56.7891234Z)",
                                                 "datetime(2023-12-31T23:59:59.9999999Z)",
                                                 "datetime(1970-01-01)",
                                                 "datetime(null)",
                                                 "datetime(0001-01-01)",
                                                 "datetime(9999-12-31T23:59:59.9999999Z)",
                                                 "datetime(1969-12-31T23:59:59.5Z)",
                                                 "datetime(2000-03-01T00:00:00Z)",
                                                 "datetime(2024-01-31T06:00:00Z)"};
constexpr std::array<std::string_view, 10> kSpans{
    "0s",     "1h", "90m", "-1d", "timespan(1.02:03:04.5)", "1tick", "timespan(null)",
    "-1tick", "7d", "365d"};
constexpr std::array<std::string_view, 4> kGuids{
    "guid(00000000-0000-0000-0000-000000000000)", "guid(9c647395-b913-4997-a732-a7fe7303b649)",
    "guid(null)", "guid(9c647395-b913-4997-a732-a7fe7303b649)"};
constexpr std::array<std::string_view, 17> kDynamics{
    "dynamic([1, 2, 3])",
    "dynamic({'k': 1, 'n': null, 's': 'text', 'a': [1, 2.5, 'z']})",
    "dynamic(null)",
    "dynamic([])",
    "dynamic({})",
    "dynamic([1, 'x', null, {'k': 2}])",
    "dynamic('str')",
    "dynamic(5)",
    "dynamic(5.75)",
    "dynamic(true)",
    "dynamic({'k': {'m': [10, 20]}})",
    "dynamic('42')",
    "dynamic(['b', 'a', 'B'])",
    "dynamic({'k': 'Text', 'a': []})",
    "dynamic([[1], [2, 3]])",
    "dynamic({'k': 5.75})",
    "dynamic('')"};

// The letter of each type in patterns, in the order of Type; capitals are literals.
constexpr std::string_view kTypeLetters = "bilrcstwgd";

constexpr std::array<std::string_view, 67> kBoolPatterns{"({d} > {l})",
                                                         "({d} != {l})",
                                                         "({d} <= {n})",
                                                         "({s} == {d})",
                                                         "({d} in ({L}, {L}))",
                                                         "({d} !in ({R}, {R}))",
                                                         "({l} in (dynamic([1, 5.75, 2])))",
                                                         "set_has_element(split({s}, {S}), {S})",
                                                         "({r} in ({R}, {r}))",
                                                         "({g} != {g})",
                                                         "({b} == {b})",
                                                         "({d}.k == {l})",
                                                         "({d} has {S})",
                                                         "({n} between ({r} .. {n}))",
                                                         "({s} has_any (dynamic(['one', 'b'])))",
                                                         "({t} == '2024-02-29T12:34:56.789Z')",
                                                         "({w} >= {w})",
                                                         "({l} == {l})",
                                                         "({l} != {l})",
                                                         "({n} < {n})",
                                                         "({n} <= {n})",
                                                         "({n} > {n})",
                                                         "({n} >= {n})",
                                                         "({r} == {n})",
                                                         "({i} != {l})",
                                                         "({s} == {s})",
                                                         "({s} != {s})",
                                                         "({s} =~ {s})",
                                                         "({s} !~ {s})",
                                                         "({s} has {s})",
                                                         "({s} !has {S})",
                                                         "({s} has_cs {S})",
                                                         "({s} hasprefix {S})",
                                                         "({s} !hasprefix_cs {s})",
                                                         "({s} hassuffix {S})",
                                                         "({s} hassuffix_cs {s})",
                                                         "({s} contains {s})",
                                                         "({s} !contains {S})",
                                                         "({s} contains_cs {S})",
                                                         "({s} startswith {s})",
                                                         "({s} !startswith_cs {S})",
                                                         "({s} endswith {S})",
                                                         "({s} !endswith_cs {s})",
                                                         "({s} in ({S}, {s}))",
                                                         "({s} !in ({S}, {S}))",
                                                         "({s} in~ ({S}, {S}))",
                                                         "({l} in ({L}, {l}))",
                                                         "({l} !in ({L}, {L}))",
                                                         "({s} has_any ({S}, {S}))",
                                                         "({s} has_all ({S}, {s}))",
                                                         "({l} between ({l} .. {l}))",
                                                         "({r} !between ({n} .. {n}))",
                                                         "({t} between ({t} .. {w}))",
                                                         "({b} and {b})",
                                                         "({b} or {b})",
                                                         "not({b})",
                                                         "isnull({a})",
                                                         "isnotnull({a})",
                                                         "isempty({a})",
                                                         "isnotempty({a})",
                                                         "tobool({s})",
                                                         "({d} == {l})",
                                                         "({d} == {S})",
                                                         "({t} >= {t})",
                                                         "({w} < {w})",
                                                         "({s} matches regex {X})",
                                                         "({d} in ({S}, {S}))"};
constexpr std::array<std::string_view, 8> kIntPatterns{
    "toint({s})",     "toint({l})",   "hourofday({t})",    "dayofmonth({t})",
    "dayofyear({t})", "getyear({t})", "week_of_year({t})", "monthofyear({t})"};
constexpr std::array<std::string_view, 34> kLongPatterns{"bin({i}, {+})",
                                                         "array_index_of(split({s}, {S}), {S})",
                                                         "array_length(range(0, {#}))",
                                                         "binary_or({l}, {i})",
                                                         "array_length(bag_keys({d}))",
                                                         "({l} + {l})",
                                                         "({l} - {l})",
                                                         "({l} * {L})",
                                                         "({l} / {l})",
                                                         "({l} % {l})",
                                                         "(-{l})",
                                                         "({i} + {i})",
                                                         "({i} / {L})",
                                                         "strlen({s})",
                                                         "string_size({s})",
                                                         "indexof({s}, {S})",
                                                         "countof({s}, {S})",
                                                         "tolong({s})",
                                                         "tolong({r})",
                                                         "tolong({d})",
                                                         "tolong({b})",
                                                         "abs({l})",
                                                         "bin({l}, {+})",
                                                         "array_length({d})",
                                                         "datetime_diff({P}, {t}, {t})",
                                                         "max_of({l}, {l})",
                                                         "min_of({l}, {l}, {L})",
                                                         "coalesce({l}, {l})",
                                                         "strcmp({s}, {s})",
                                                         "binary_and({l}, {l})",
                                                         "binary_xor({l}, {L})",
                                                         "bitset_count_ones({l})",
                                                         "datetime_part({P}, {t})",
                                                         "array_length(split({s}, {S}))"};
constexpr std::array<std::string_view, 30> kRealPatterns{"({d} + {n})",
                                                         "({l} * {r})",
                                                         "coalesce({r}, {l})",
                                                         "min_of({r}, {i})",
                                                         "toreal({b})",
                                                         "({d} / {r})",
                                                         "(-{d})",
                                                         "array_sum(pack_array({l}, {L}))",
                                                         "({r} + {n})",
                                                         "({r} - {r})",
                                                         "({r} * {n})",
                                                         "({r} / {n})",
                                                         "({n} / {r})",
                                                         "({r} % {R})",
                                                         "({w} / {w})",
                                                         "toreal({s})",
                                                         "todouble({l})",
                                                         "todouble({d})",
                                                         "sqrt({n})",
                                                         "log({n})",
                                                         "exp({R})",
                                                         "round({r}, 2)",
                                                         "ceiling({r})",
                                                         "abs({r})",
                                                         "bin({r}, 0.5)",
                                                         "pow({r}, 2)",
                                                         "max_of({r}, {n})",
                                                         "sign({n})",
                                                         "(-{r})",
                                                         "floor({r}, 10)"};
constexpr std::array<std::string_view, 31> kStringPatterns{
    "iff({b}, {S}, {s})",
    "strcat({d}, {r}, {t})",
    "tolower({d})",
    "strcat_array(repeat({s}, 2), {S})",
    "substring({d}, {#})",
    "strcat_array(array_sort_desc(split({s}, {S})), ',')",
    "strcat({s}, {a})",
    "tostring({a})",
    "tolower({s})",
    "toupper({s})",
    "substring({s}, {#})",
    "substring({s}, {#}, {#})",
    "replace_string({s}, {S}, {s})",
    "reverse({s})",
    "trim({X}, {s})",
    "trim_start({X}, {s})",
    "trim_end({X}, {s})",
    "strcat_delim({S}, {s}, {a})",
    "extract({X}, 0, {s})",
    "base64_encode_tostring({s})",
    "base64_decode_tostring(base64_encode_tostring({s}))",
    "gettype({a})",
    "strcat_array(split({s}, {S}), {S})",
    "coalesce({s}, {s})",
    "replace_regex({s}, {X}, {S})",
    "tostring({d}.k)",
    "tostring({d}[{#}])",
    "tostring({d})",
    "tostring({t})",
    "tostring({w})",
    "tostring({r})"};
constexpr std::array<std::string_view, 20> kDatePatterns{"({t} + {w})",
                                                         "({t} - {w})",
                                                         "bin({t}, 1h)",
                                                         "bin({t}, 7d)",
                                                         "startofday({t})",
                                                         "startofday({t}, {#})",
                                                         "startofweek({t})",
                                                         "startofmonth({t})",
                                                         "startofmonth({t}, {#})",
                                                         "startofyear({t}, {#})",
                                                         "endofday({t})",
                                                         "endofweek({t})",
                                                         "endofmonth({t})",
                                                         "endofyear({t})",
                                                         "datetime_add({P}, {#}, {t})",
                                                         "todatetime({s})",
                                                         "max_of({t}, {t})",
                                                         "make_datetime(2024, {#}, {+})",
                                                         "unixtime_seconds_todatetime({L})",
                                                         "min_of({t}, {t})"};
constexpr std::array<std::string_view, 14> kSpanPatterns{
    "({t} - {t})",    "({w} + {w})", "({w} - {w})",        "({w} * {#})",     "({w} / {L})",
    "({w} % {w})",    "({w} * {R})", "totimespan({s})",    "bin({w}, 1h)",    "(-{w})",
    "dayofweek({t})", "abs({w})",    "coalesce({w}, {w})", "max_of({w}, {w})"};
constexpr std::array<std::string_view, 2> kGuidPatterns{"toguid({s})", "coalesce({g}, {g})"};
constexpr std::array<std::string_view, 28> kDynamicPatterns{
    "iff({b}, {d}, {a})",
    "repeat({s}, 2)",
    "range(0, {#})",
    "array_concat(split({s}, {S}), pack_array({l}))",
    "bag_pack('k', {d}).k",
    "array_slice({d}, {#}, {#})",
    "set_intersect(split({s}, {S}), split({s}, {S}))",
    "parse_json(tostring({d}))",
    "{d}.k",
    "{d}[0]",
    "{d}[-1]",
    "{d}['a']",
    "{d}.k.m",
    "parse_json({s})",
    "todynamic({a})",
    "pack_array({a}, {a})",
    "bag_pack('x', {a}, 'y', {a})",
    "split({s}, {S})",
    "array_concat({d}, {d})",
    "array_slice({d}, 0, 1)",
    "array_reverse({d})",
    "bag_keys({d})",
    "set_union(split({s}, {S}), split({s}, {S}))",
    "array_sort_asc(split({s}, {S}))",
    "{d}.a[{#}]",
    "parse_json({s}).k",
    "set_difference(split({s}, {S}), pack_array({S}))",
    "split({s}, {S}, {#})"};

constexpr std::array<std::string_view, 6> kRegexes{"'o+'",   "'[a-z]+'", "@'\\d+'",
                                                   "'^one'", "'[ ]'",    "'(a|b)'"};
constexpr std::array<std::string_view, 8> kParts{"'year'",   "'month'",  "'day'",     "'hour'",
                                                 "'minute'", "'second'", "'quarter'", "'day'"};
constexpr std::array<std::string_view, 10> kNeedles{"'one'", "'o'",   "'two'", "'.'",  "' '",
                                                    "'ünï'", "'a-b'", "'aa'",  "'语'", "'ONE'"};
constexpr std::array<std::string_view, 7> kSmall{"0", "1", "2", "-1", "3", "-2", "5"};

Texts cells_of(Type type) {
  switch (type) {
    case Type::Bool:
      return kBools;
    case Type::Int:
      return kInts;
    case Type::Long:
      return kLongs;
    case Type::Real:
      return kReals;
    case Type::DateTime:
      return kDates;
    case Type::TimeSpan:
      return kSpans;
    case Type::Guid:
      return kGuids;
    case Type::Dynamic:
      return kDynamics;
    case Type::String:
    case Type::Decimal:
      break;
  }
  return kStrings;
}

Texts patterns_of(Type type) {
  switch (type) {
    case Type::Bool:
      return kBoolPatterns;
    case Type::Int:
      return kIntPatterns;
    case Type::Long:
      return kLongPatterns;
    case Type::Real:
      return kRealPatterns;
    case Type::DateTime:
      return kDatePatterns;
    case Type::TimeSpan:
      return kSpanPatterns;
    case Type::Guid:
      return kGuidPatterns;
    case Type::Dynamic:
      return kDynamicPatterns;
    case Type::String:
    case Type::Decimal:
      break;
  }
  return kStringPatterns;
}

}  // namespace

std::string Generator::cell(Type type) {
  return pick(cells_of(type));
}

std::string Generator::literal(Type type) {
  if (type == Type::String && one_in(2)) return pick(kNeedles);
  return cell(type);
}

std::string Generator::leaf(Type type) {
  std::vector<std::string> known;
  for (const Column& each : columns_) {
    if (each.type == type) known.push_back(each.name);
  }
  return known.empty() || one_in(6) ? literal(type) : pick(known);
}

std::string Generator::value(Type type, int depth) {
  // Zeros alone end soon; at the top there is rather something than a column.
  if (depth >= 4 || below(depth == 0 ? 12 : 4) == 0) return leaf(type);
  if (one_in(8)) {
    return fmt::format("iff({}, {}, {})", value(Type::Bool, depth + 1), value(type, depth + 1),
                       value(type, depth + 1));
  }
  if (function_ && type == Type::Long && one_in(6)) return filled("f({l}, {s})", depth + 1);
  return filled(pick(patterns_of(type)), depth + 1);
}

std::string Generator::filled(std::string_view pattern, int depth) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool open = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}';
    if (!open) {
      out += pattern[i];
      continue;
    }
    out += hole(pattern[i + 1], depth);
    i += 2;
  }
  return out;
}

std::string Generator::hole(char letter, int depth) {
  switch (letter) {
    case 'a':
      return value(static_cast<Type>(std::array<int, 9>{5, 2, 0, 1, 3, 6, 7, 8, 9}[below(9)]),
                   depth);
    case 'n':
      return value(std::array{Type::Long, Type::Real, Type::Int}[below(3)], depth);
    case 'X':
      return pick(kRegexes);
    case 'P':
      return pick(kParts);
    case '#':
      return pick(kSmall);
    case '+':
      return pick(std::array<std::string_view, 4>{"1", "2", "3", "10"});
    default:
      break;
  }
  const bool constant = letter >= 'A' && letter <= 'Z';
  const char lower = constant ? static_cast<char>(letter - 'A' + 'a') : letter;
  const auto type = static_cast<Type>(kTypeLetters.find(lower));
  return constant ? literal(type) : value(type, depth);
}

}  // namespace kql::evaluator
