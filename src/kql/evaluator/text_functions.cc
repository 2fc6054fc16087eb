#include <algorithm>
#include <array>

#include <re2/re2.h>

#include "base/text.h"
#include "kql/evaluator/convert.h"
#include "kql/evaluator/functions.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {
namespace {

using Cells = std::span<const Cell>;

Cell strcat(Context&, Cells cells) {
  std::string out;
  for (const Cell& each : cells)
    out += each.text();
  return Cell::of(std::move(out));
}

Cell strcat_delim(Context&, Cells cells) {
  std::string out;
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (i > 1) out += cells[0].text();
    out += cells[i].text();
  }
  return Cell::of(std::move(out));
}

// start < 0 counts from the end.
Cell substring(Context&, Cells cells) {
  const std::u32string text = characters(cells[0].text());
  const auto size = static_cast<std::int64_t>(text.size());
  std::int64_t from = cells[1].integer();
  if (from < 0) from = from < -size ? 0 : from + size;
  const std::int64_t most = cells.size() > 2 ? cells[2].integer() : size;
  if (from >= size || most <= 0) return Cell::of(std::string());
  const std::int64_t length = std::min(most, size - from);
  return Cell::of(
      utf8(text.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(length))));
}

Cell indexof(Context& context, Cells cells) {
  const std::u32string text = characters(cells[0].text());
  const std::u32string part = characters(cells[1].text());
  const std::int64_t from = cells.size() > 2 ? cells[2].integer() : 0;
  if (part.empty() || from < 0) return context.refuse("indexof of nothing", Type::Long);
  if (from > static_cast<std::int64_t>(text.size())) return Cell::of(Type::Long, -1);
  const std::size_t at = text.find(part, static_cast<std::size_t>(from));
  const bool found = at != std::u32string::npos;
  return Cell::of(Type::Long, found ? static_cast<std::int64_t>(at) : -1);
}

std::vector<std::string> pieces_of(const std::string& text, const std::string& delimiter) {
  std::vector<std::string> out;
  std::size_t from = 0;
  std::size_t at = delimiter.empty() ? std::string::npos : text.find(delimiter);
  for (; at != std::string::npos; at = text.find(delimiter, from)) {
    out.push_back(text.substr(from, at - from));
    from = at + delimiter.size();
  }
  out.push_back(text.substr(from));
  return out;
}

Cell split(Context&, Cells cells) {
  const std::vector<std::string> pieces = pieces_of(cells[0].text(), cells[1].text());
  Json::Array out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool wanted = cells.size() < 3 || cells[2].integer() == static_cast<std::int64_t>(i);
    if (wanted) out.emplace_back(pieces[i]);
  }
  return Cell::of(Json(std::move(out)));
}

Cell replace_string(Context& context, Cells cells) {
  if (cells[1].text().empty()) return context.refuse("a replacement of nothing", Type::String);
  std::string out;
  const std::vector<std::string> pieces = pieces_of(cells[0].text(), cells[1].text());
  for (std::size_t i = 0; i < pieces.size(); ++i)
    out += (i == 0 ? "" : cells[2].text()) + pieces[i];
  return Cell::of(std::move(out));
}

Cell reverse(Context&, Cells cells) {
  std::u32string text = characters(cells[0].text());
  std::reverse(text.begin(), text.end());
  return Cell::of(utf8(text));
}

// Plain texts may overlap: "aaa" has "aa" twice.
Cell countof(Context&, Cells cells) {
  const std::string& text = cells[0].text();
  const std::string& part = cells[1].text();
  std::int64_t count = 0;
  if (part.empty()) return Cell::of(Type::Long, 0);
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return Cell::of(Type::Long, count);
}

Cell replace_regex(Context& context, Cells cells) {
  const RE2 regex(cells[1].text());
  if (!regex.ok()) return context.refuse("no regular expression", Type::String);
  std::string out = cells[0].text();
  RE2::GlobalReplace(&out, regex, cells[2].text());
  return Cell::of(std::move(out));
}

Cell trimmed(Context& context, const std::string& pattern, std::string text, bool start, bool end) {
  const RE2 leading("^(?:" + pattern + ")+");
  const RE2 trailing("(?:" + pattern + ")+$");
  if (!leading.ok() || !trailing.ok()) {
    return context.refuse("no regular expression", Type::String);
  }
  if (start) RE2::Replace(&text, leading, "");
  if (end) RE2::Replace(&text, trailing, "");
  return Cell::of(std::move(text));
}

Cell trim(Context& context, Cells cells) {
  return trimmed(context, cells[0].text(), cells[1].text(), true, true);
}
Cell trim_start(Context& context, Cells cells) {
  return trimmed(context, cells[0].text(), cells[1].text(), true, false);
}
Cell trim_end(Context& context, Cells cells) {
  return trimmed(context, cells[0].text(), cells[1].text(), false, true);
}

Cell extract(Context& context, Cells cells) {
  const RE2 regex(cells[0].text());
  const std::int64_t group = cells[1].integer();
  if (!regex.ok() || group < 0 || group > regex.NumberOfCapturingGroups()) {
    return context.refuse("no group of a regular expression", Type::String);
  }
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(group) + 1);
  const std::string& text = cells[2].text();
  const bool found = regex.Match(text, 0, text.size(), RE2::UNANCHORED, groups.data(),
                                 static_cast<int>(groups.size()));
  const re2::StringPiece& piece = groups.back();
  return Cell::of(found ? std::string(piece.data(), piece.size()) : std::string());
}

Cell base64_encode(Context&, Cells cells) {
  const std::string& text = cells[0].text();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  return Cell::of(base::base64_encode({bytes, text.size()}));
}

Cell base64_decode(Context&, Cells cells) {
  const auto bytes = base::base64_decode(cells[0].text());
  if (!bytes) return Cell::of(std::string());
  std::string out(bytes->begin(), bytes->end());
  return Cell::of(base::is_utf8(out) ? std::move(out) : std::string());
}

Cell strcmp(Context&, Cells cells) {
  return Cell::of(Type::Long, order(cells[0], cells[1]));
}

Cell is_empty(Context& context, Cells cells) {
  const Cell& cell = cells[0];
  if (cell.type == Type::String) return Cell::of(cell.text().empty());
  if (cell.type == Type::Dynamic) return Cell::of(text_of(context, cell).empty());
  return Cell::of(cell.is_null());
}
Cell is_not_empty(Context& context, Cells cells) {
  return opposite(is_empty(context, cells));
}
Cell is_null(Context&, Cells cells) {
  return Cell::of(cells[0].is_null());
}
Cell is_not_null(Context&, Cells cells) {
  return Cell::of(!cells[0].is_null());
}

template <Type kTo>
Cell converted(Context& context, Cells cells) {
  return convert(context, cells[0], kTo);
}

constexpr Type kString = Type::String;
constexpr Type kLong = Type::Long;
constexpr Type kBool = Type::Bool;

constexpr std::array kFunctions{
    Function{"strcat", kString, "S*", strcat},
    Function{"strcat_delim", kString, "SS*", strcat_delim},
    Function{"tolower", kString, "S",
             [](Context&, Cells cells) { return Cell::of(lowered(cells[0].text())); }},
    Function{"toupper", kString, "S",
             [](Context&, Cells cells) { return Cell::of(raised(cells[0].text())); }},
    Function{"strlen", kLong, "S",
             [](Context&, Cells cells) {
               const std::size_t size = characters(cells[0].text()).size();
               return Cell::of(kLong, static_cast<std::int64_t>(size));
             }},
    Function{"string_size", kLong, "S",
             [](Context&, Cells cells) {
               return Cell::of(kLong, static_cast<std::int64_t>(cells[0].text().size()));
             }},
    Function{"substring", kString, "SL", substring},
    Function{"substring", kString, "SLL", substring},
    Function{"indexof", kLong, "SS", indexof},
    Function{"indexof", kLong, "SSL", indexof},
    Function{"split", Type::Dynamic, "SS", split},
    Function{"split", Type::Dynamic, "SSL", split},
    Function{"replace_string", kString, "SSS", replace_string},
    Function{"replace_regex", kString, "SSS", replace_regex},
    Function{"reverse", kString, "S", reverse},
    Function{"countof", kLong, "SS", countof},
    Function{"trim", kString, "SS", trim},
    Function{"trim_start", kString, "SS", trim_start},
    Function{"trim_end", kString, "SS", trim_end},
    Function{"extract", kString, "SLS", extract},
    Function{"base64_encode_tostring", kString, "S", base64_encode},
    Function{"base64_decode_tostring", kString, "S", base64_decode},
    Function{"strcmp", kLong, "SS", strcmp},
    Function{"isempty", kBool, "?A", is_empty},
    Function{"isnotempty", kBool, "?A", is_not_empty},
    Function{"notempty", kBool, "?A", is_not_empty},
    Function{"isnull", kBool, "?A", is_null},
    Function{"isnotnull", kBool, "?A", is_not_null},
    Function{"tostring", kString, "?A", converted<kString>},
    Function{"tolong", kLong, "?A", converted<kLong>},
    Function{"toint", Type::Int, "?A", converted<Type::Int>},
    Function{"toreal", Type::Real, "?A", converted<Type::Real>},
    Function{"todouble", Type::Real, "?A", converted<Type::Real>},
    Function{"tobool", kBool, "?A", converted<kBool>},
    Function{"toboolean", kBool, "?A", converted<kBool>},
    Function{"todatetime", Type::DateTime, "?A", converted<Type::DateTime>},
    Function{"totimespan", Type::TimeSpan, "?A", converted<Type::TimeSpan>},
    Function{"totime", Type::TimeSpan, "?A", converted<Type::TimeSpan>},
    Function{"toguid", Type::Guid, "?A", converted<Type::Guid>},
    Function{"todynamic", Type::Dynamic, "?A", converted<Type::Dynamic>},
    Function{"parse_json", Type::Dynamic, "?A", converted<Type::Dynamic>},
};

}  // namespace

std::span<const Function> text_functions() {
  return kFunctions;
}

}  // namespace kql::evaluator
