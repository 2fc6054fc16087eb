#include "iotql/functions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "iotql/query.h"

namespace iotql {

namespace {

using Arguments = std::span<const Datum>;
constexpr std::size_t kMany = 16;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// Of Unicode.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !continues_character(c); }));
}

// Where the character of that number begins; the end when there are fewer.
std::size_t offset_of(std::string_view text, std::size_t character) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (continues_character(text[at])) continue;
    if (character == 0) break;
    --character;
  }
  return at;
}

Datum defined(Arguments a) {
  return Datum(!a[0].is_undefined());
}
Datum null(Arguments a) {
  return Datum(a[0].is_null());
}
Datum a_number(Arguments a) {
  return Datum(a[0].number().has_value());
}
Datum a_text(Arguments a) {
  return Datum(a[0].text().has_value());
}
Datum a_flag(Arguments a) {
  return Datum(a[0].flag().has_value());
}
Datum an_array(Arguments a) {
  return Datum(a[0].array() != nullptr);
}
Datum an_object(Arguments a) {
  return Datum(a[0].node() != nullptr && a[0].array() == nullptr);
}
Datum primitive(Arguments a) {
  return Datum(!a[0].is_undefined() && a[0].node() == nullptr);
}

Datum as_number(Arguments a) {
  if (a[0].number()) return a[0];
  const auto text = a[0].text();
  if (!text) return {};
  const std::string_view digits = base::trim(*text);
  if (const auto whole = base::parse_int(digits)) return Datum(*whole);
  double real = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), real);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return {};
  return Datum(real);
}

// Of two texts; undefined of anything else.
template <class Test>
Datum of_texts(Arguments a, Test test) {
  const auto whole = a[0].text();
  const auto part = a[1].text();
  return whole && part ? Datum(test(*whole, *part)) : Datum();
}
Datum starts_with(Arguments a) {
  return of_texts(a, [](std::string_view x, std::string_view y) { return x.starts_with(y); });
}
Datum ends_with(Arguments a) {
  return of_texts(a, [](std::string_view x, std::string_view y) { return x.ends_with(y); });
}
Datum contains(Arguments a) {
  return of_texts(a, [](std::string_view x, std::string_view y) { return x.find(y) != x.npos; });
}
Datum index_of(Arguments a) {
  return of_texts(a, [](std::string_view x, std::string_view y) {
    const std::size_t at = x.find(y);
    return at == x.npos ? std::int64_t{-1} : static_cast<std::int64_t>(characters(x.substr(0, at)));
  });
}

Datum length(Arguments a) {
  const auto text = a[0].text();
  return text ? Datum(static_cast<std::int64_t>(characters(*text))) : Datum();
}

Datum lower(Arguments a) {
  const auto text = a[0].text();
  return text ? Datum(base::to_lower(*text)) : Datum();
}

Datum upper(Arguments a) {
  const auto text = a[0].text();
  if (!text) return {};
  std::string raised(*text);
  for (char& c : raised) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return Datum(std::move(raised));
}

Datum concat(Arguments a) {
  std::string all;
  for (const Datum& each : a) {
    const auto text = each.text();
    if (!text || all.size() + text->size() > kMaxTextBytes) return {};
    all += *text;
  }
  return Datum(std::move(all));
}

// SUBSTRING(text, start [, length])
Datum substring(Arguments a) {
  const auto text = a[0].text();
  const std::int64_t* start = a[1].whole();
  if (!text || start == nullptr || *start < 0) return {};
  const std::string_view rest = text->substr(offset_of(*text, static_cast<std::size_t>(*start)));
  if (a.size() == 2) return Datum(std::string(rest));
  const std::int64_t* count = a[2].whole();
  if (count == nullptr || *count < 0) return {};
  return Datum(std::string(rest.substr(0, offset_of(rest, static_cast<std::size_t>(*count)))));
}

// A whole number stays one.
template <double (*kCompute)(double)>
Datum rounded(Arguments a) {
  if (a[0].whole() != nullptr) return a[0];
  const auto number = a[0].number();
  return number ? Datum(kCompute(*number)) : Datum();
}
double ceiling_of(double x) {
  return std::ceil(x);
}
double floor_of(double x) {
  return std::floor(x);
}

Datum absolute(Arguments a) {
  const std::int64_t* whole = a[0].whole();
  if (whole != nullptr && *whole != std::numeric_limits<std::int64_t>::min())
    return Datum(*whole < 0 ? -*whole : *whole);
  const auto number = a[0].number();
  return number ? Datum(std::fabs(*number)) : Datum();
}
Datum exponential(Arguments a) {
  const auto number = a[0].number();
  return number ? Datum(std::exp(*number)) : Datum();
}
Datum power(Arguments a) {
  const auto x = a[0].number();
  const auto y = a[1].number();
  return x && y ? Datum(std::pow(*x, *y)) : Datum();
}
Datum square(Arguments a) {
  const auto number = a[0].number();
  return number ? Datum(*number * *number) : Datum();
}
Datum sign_of(Arguments a) {
  const auto number = a[0].number();
  return number ? Datum(std::int64_t{*number > 0} - std::int64_t{*number < 0}) : Datum();
}
Datum root(Arguments a) {
  const auto number = a[0].number();
  return number ? Datum(std::sqrt(*number)) : Datum();
}

constexpr std::array kFunctions = {
    Function{"IS_DEFINED", 1, 1, defined},
    Function{"IS_NULL", 1, 1, null},
    Function{"IS_NUMBER", 1, 1, a_number},
    Function{"IS_STRING", 1, 1, a_text},
    Function{"IS_BOOL", 1, 1, a_flag},
    Function{"IS_ARRAY", 1, 1, an_array},
    Function{"IS_OBJECT", 1, 1, an_object},
    Function{"IS_PRIMITIVE", 1, 1, primitive},
    Function{"AS_NUMBER", 1, 1, as_number},
    Function{"STARTSWITH", 2, 2, starts_with},
    Function{"STARTS_WITH", 2, 2, starts_with},
    Function{"ENDSWITH", 2, 2, ends_with},
    Function{"ENDS_WITH", 2, 2, ends_with},
    Function{"CONTAINS", 2, 2, contains},
    Function{"INDEX_OF", 2, 2, index_of},
    Function{"LENGTH", 1, 1, length},
    Function{"LOWER", 1, 1, lower},
    Function{"UPPER", 1, 1, upper},
    Function{"CONCAT", 2, kMany, concat},
    Function{"SUBSTRING", 2, 3, substring},
    Function{"ABS", 1, 1, absolute},
    Function{"EXP", 1, 1, exponential},
    Function{"POWER", 2, 2, power},
    Function{"SQUARE", 1, 1, square},
    Function{"CEILING", 1, 1, rounded<ceiling_of>},
    Function{"FLOOR", 1, 1, rounded<floor_of>},
    Function{"SIGN", 1, 1, sign_of},
    Function{"SQRT", 1, 1, root},
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* const found = std::ranges::find_if(kFunctions, [&](const Function& function) {
    return base::equal_ignore_case(function.name, name);
  });
  return found == kFunctions.end() ? nullptr : &*found;
}

const std::vector<std::string_view>& function_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all{"COUNT", "SUM", "MIN", "MAX", "AVG"};
    for (const Function& function : kFunctions)
      all.push_back(function.name);
    return all;
  }();
  return names;
}

}  // namespace iotql
