// Text: expressions, encodings, hashes.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/natives/native.h"
#include "kql/natives/xxhash.h"

namespace kql::natives {
namespace {

// The expression of the call before is kept: a query has one for all its rows.
const RE2* compiled(std::string_view pattern) {
  thread_local std::string last_pattern;
  thread_local std::unique_ptr<RE2> last;
  if (last == nullptr || pattern != last_pattern) {
    RE2::Options options;
    options.set_log_errors(false);
    last_pattern = pattern;
    last = std::make_unique<RE2>(last_pattern, options);
  }
  return last->ok() ? last.get() : nullptr;
}

// The groups that extract_all() was asked for: numbers and names. nullopt: one is none of them.
std::optional<std::vector<int>> wanted_groups(const RE2& regex,
                                              std::optional<std::string_view> list) {
  const int count = regex.NumberOfCapturingGroups();
  std::vector<int> out;
  if (!list) {
    for (int i = 1; i <= count; ++i)
      out.push_back(i);
    if (out.empty()) out.push_back(0);
    return out;
  }
  const auto parsed = base::json::parse(*list);
  const auto* items = parsed ? parsed->if_array() : nullptr;
  if (items == nullptr) return std::nullopt;
  for (const base::json::Value& each : *items) {
    int group = -1;
    if (const std::int64_t* number = each.if_int()) {
      group = *number >= 0 && *number <= count ? static_cast<int>(*number) : -1;
    } else if (const std::string* name = each.if_string()) {
      const auto& names = regex.NamedCapturingGroups();
      const auto found = names.find(*name);
      if (found != names.end()) group = found->second;
    }
    if (group < 0) return std::nullopt;
    out.push_back(group);
  }
  return out;
}

// extract_all(regex, groups or null, text): an array of matches; of arrays with several groups.
Outcome extract_all(Arguments arguments) {
  const auto pattern = text_at(arguments, 0);
  const auto text = text_at(arguments, 2);
  if (!pattern || !text) return {};
  const RE2* regex = compiled(*pattern);
  if (regex == nullptr) return {};
  const auto groups = wanted_groups(*regex, text_at(arguments, 1));
  if (!groups || groups->empty()) return {};
  const int submatches = regex->NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(submatches));
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  bool any = false;
  for (std::size_t at = 0; at <= text->size();) {
    if (!regex->Match(re2::StringPiece(text->data(), text->size()), at, text->size(),
                      RE2::UNANCHORED, found.data(), submatches)) {
      break;
    }
    any = true;
    if (groups->size() > 1) writer.begin_array();
    for (const int group : *groups) {
      const re2::StringPiece& piece = found[static_cast<std::size_t>(group)];
      writer.value(std::string_view(piece.data() == nullptr ? "" : piece.data(), piece.size()));
    }
    if (groups->size() > 1) writer.end_array();
    const auto end = static_cast<std::size_t>(found[0].data() - text->data()) + found[0].size();
    at = found[0].empty() ? end + 1 : end;
  }
  writer.end_array();
  if (!any) return {};
  return out;
}

// regex_pairs(text, regex): a bag of the matches' second groups under their first; the first match
// of each name counts.
Outcome regex_pairs(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto pattern = text_at(arguments, 1);
  if (!text || !pattern) return {};
  const RE2* regex = compiled(*pattern);
  if (regex == nullptr || regex->NumberOfCapturingGroups() < 2) return {};
  base::json::Value::Object out;
  std::set<std::string> seen;
  std::array<re2::StringPiece, 3> found;
  for (std::size_t at = 0; at <= text->size();) {
    if (!regex->Match(re2::StringPiece(text->data(), text->size()), at, text->size(),
                      RE2::UNANCHORED, found.data(), static_cast<int>(found.size()))) {
      break;
    }
    const std::string name(found[1].data() == nullptr ? "" : found[1].data(), found[1].size());
    const std::string value(found[2].data() == nullptr ? "" : found[2].data(), found[2].size());
    if (seen.insert(name).second) out.push_back({name, value});
    const auto end = static_cast<std::size_t>(found[0].data() - text->data()) + found[0].size();
    at = found[0].empty() ? end + 1 : end;
  }
  return base::json::Value(std::move(out)).to_json();
}

// indexof_regex(text, regex, start, length, occurrence), in characters; null for a bad range.
Outcome indexof_regex(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto pattern = text_at(arguments, 1);
  const std::int64_t start = long_at(arguments, 2).value_or(0);
  const std::int64_t length = long_at(arguments, 3).value_or(-1);
  std::int64_t occurrence = long_at(arguments, 4).value_or(1);
  if (!text || !pattern || start < 0 || length < -1 || occurrence < 1) return {};
  const RE2* regex = compiled(*pattern);
  if (regex == nullptr) return {};
  // Characters to bytes and back: continuation bytes do not count.
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto offset_of = [&](std::size_t from, std::int64_t characters) {
    std::size_t at = from;
    for (; at < text->size() && characters >= 0; ++at) {
      if (starts((*text)[at]) && characters-- == 0) return at;
    }
    return text->size();
  };
  const std::size_t begin = offset_of(0, start);
  const std::size_t end = length < 0 ? text->size() : offset_of(begin, length);
  for (std::size_t at = begin; at <= end;) {
    re2::StringPiece found;
    if (!regex->Match(re2::StringPiece(text->data(), text->size()), at, end, RE2::UNANCHORED,
                      &found, 1)) {
      break;
    }
    const auto place = static_cast<std::size_t>(found.data() - text->data());
    if (--occurrence == 0) {
      return std::int64_t{
          std::count_if(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(place), starts)};
    }
    at = found.empty() ? place + 1 : place + found.size();
  }
  return std::int64_t{-1};
}

Outcome regex_quote(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return std::string();
  std::string out;
  for (const char c : *text) {
    if (std::strchr("\\.+*?()|[]{}^$", c) != nullptr && c != '\0') out += '\\';
    out += c;
  }
  return out;
}

// translate(from, to, text): each character of `from` becomes the one at its place in `to`, or the
// last one there; with an empty `to` it goes.
Outcome translate(Arguments arguments) {
  const auto from = text_at(arguments, 0);
  const auto to = text_at(arguments, 1);
  const auto text = text_at(arguments, 2);
  if (!from || !to || !text) return std::string();
  const auto characters = [](std::string_view bytes) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t end = at + 1;
      while (end < bytes.size() && (static_cast<unsigned char>(bytes[end]) & 0xC0) == 0x80)
        ++end;
      out.push_back(bytes.substr(at, end - at));
      at = end;
    }
    return out;
  };
  const auto search = characters(*from);
  const auto replacement = characters(*to);
  std::string out;
  for (const std::string_view each : characters(*text)) {
    const auto found = std::find(search.begin(), search.end(), each);
    if (found == search.end()) {
      out += each;
    } else if (!replacement.empty()) {
      const auto index = static_cast<std::size_t>(found - search.begin());
      out += replacement[std::min(index, replacement.size() - 1)];
    }
  }
  return out;
}

Outcome strrep(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const std::int64_t count = std::clamp<std::int64_t>(long_at(arguments, 1).value_or(0), 0, 1024);
  const std::string_view delimiter = text_at(arguments, 2).value_or("");
  if (!text) return std::string();
  if (static_cast<std::size_t>(count) * (text->size() + delimiter.size()) > kMaxText) return {};
  std::string out;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i > 0) out += delimiter;
    out += *text;
  }
  return out;
}

// tohex(number, least digits): two's complement of 64 bits.
Outcome tohex(Arguments arguments) {
  const auto number = long_at(arguments, 0);
  if (!number) return std::string();
  const std::int64_t digits = std::clamp<std::int64_t>(long_at(arguments, 1).value_or(0), 0, 64);
  return fmt::format("{:0{}x}", std::bit_cast<std::uint64_t>(*number), digits);
}

// format_bytes(size, digits, unit): units of 1024; the largest that fits unless told.
Outcome format_bytes(Arguments arguments) {
  static constexpr std::array kUnits{"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
  auto size = real_at(arguments, 0);
  if (!size) return std::string();
  const auto digits =
      static_cast<int>(std::clamp<std::int64_t>(long_at(arguments, 1).value_or(0), 0, 15));
  const std::string_view wanted = text_at(arguments, 2).value_or("");
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() &&
         (wanted.empty() ? std::abs(*size) >= 1024 : kUnits[unit] != wanted)) {
    *size /= 1024;
    ++unit;
  }
  if (!wanted.empty() && kUnits[unit] != wanted) return std::string();
  const double scale = std::pow(10, digits);
  std::string number = fmt::format("{:.{}f}", std::round(*size * scale) / scale, digits);
  if (number.find('.') != std::string::npos) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
  }
  return fmt::format("{} {}", number, kUnits[unit]);
}

Outcome is_ascii(Arguments arguments) {
  const std::string_view text = text_at(arguments, 0).value_or("");
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Outcome codepoints_from_text(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string out = "[";
  for (std::size_t at = 0; at < text->size();) {
    const auto lead = static_cast<unsigned char>((*text)[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size && at + i < text->size(); ++i)
      code = code << 6 | (static_cast<unsigned char>((*text)[at + i]) & 0x3F);
    out += fmt::format("{}{}", out.size() == 1 ? "" : ",", code);
    at += size;
  }
  return out + "]";
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// Arguments: JSON numbers and arrays of them.
Outcome text_from_codepoints(Arguments arguments) {
  std::string out;
  const auto add = [&out](const base::json::Value& value) {
    const std::int64_t* code = value.if_int();
    const bool good =
        code != nullptr && *code > 0 && *code <= 0x10FFFF && (*code < 0xD800 || *code > 0xDFFF);
    if (good) append_utf8(out, static_cast<std::uint32_t>(*code));
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto text = text_at(arguments, i);
    const auto value = text ? base::json::parse(*text) : base::Result<base::json::Value>({});
    if (!value) continue;
    if (const auto* items = value->if_array()) {
      for (const base::json::Value& each : *items)
        add(each);
    } else {
      add(*value);
    }
  }
  return out;
}

Outcome base64_to_array(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  const auto bytes = base::base64_decode(*text);
  if (!bytes) return {};
  std::string out = "[";
  for (const auto byte : *bytes)
    out += fmt::format("{}{}", out.size() == 1 ? "" : ",", static_cast<unsigned>(byte));
  return out + "]";
}

// hash(value, modulus): of text its bytes, of numbers their eight.
Outcome hash_of(std::string_view bytes, std::optional<std::int64_t> modulus) {
  const auto hash = std::bit_cast<std::int64_t>(xxhash64(bytes));
  if (!modulus) return hash;
  if (*modulus <= 0) return {};
  return static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(hash) %
                                   static_cast<std::uint64_t>(*modulus));
}

// countof("aaa", "aa"): 2. Places may overlap.
Outcome countof(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto part = text_at(arguments, 1);
  if (!text || !part) return {};
  std::int64_t count = 0;
  if (part->empty()) return count;
  for (std::size_t at = text->find(*part); at != std::string_view::npos;
       at = text->find(*part, at + 1)) {
    ++count;
  }
  return count;
}

Outcome hash_text(Arguments arguments) {
  return hash_of(text_at(arguments, 0).value_or(""), long_at(arguments, 1));
}

Outcome hash_long(Arguments arguments) {
  const auto number = long_at(arguments, 0);
  if (!number) return hash_of("", long_at(arguments, 1));
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i)
    bytes[i] = static_cast<char>(std::bit_cast<std::uint64_t>(*number) >> (8 * i) & 0xFF);
  return hash_of({bytes.data(), bytes.size()}, long_at(arguments, 1));
}

// parse_version("1.2.3.4"): a number that orders as versions do; null for what is none.
Outcome parse_version(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string digits;
  std::string_view rest = *text;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view number = rest.substr(0, dot);
    const bool missing = part > 0 && text->data() + text->size() == rest.data();
    if (!missing && (number.empty() || number.size() > 6 ||
                     number.find_first_not_of("0123456789") != std::string_view::npos)) {
      return {};
    }
    digits += fmt::format("{:0>6}", missing ? "0" : number);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (!rest.empty()) return {};
  return digits;
}

constexpr std::array kNatives{
    Native{"native_regex_pairs", "TT:J", regex_pairs},
    Native{"native_extract_all", "TTT:J", extract_all},
    Native{"native_indexof_regex", "TTL*:L", indexof_regex},
    Native{"native_regex_quote", "T:T", regex_quote},
    Native{"native_translate", "TTT:T", translate},
    Native{"native_strrep", "TLT:T", strrep},
    Native{"native_tohex", "LL:T", tohex},
    Native{"native_format_bytes", "RLT:T", format_bytes},
    Native{"native_isascii", "T:B", is_ascii},
    Native{"native_codepoints", "T:J", codepoints_from_text},
    Native{"native_from_codepoints", "T*:T", text_from_codepoints},
    Native{"native_base64_array", "T:J", base64_to_array},
    Native{"native_countof", "TT:L", countof},
    Native{"native_hash_text", "TL*:L", hash_text},
    Native{"native_hash_long", "LL*:L", hash_long},
    Native{"native_version_digits", "T:T", parse_version},
};

}  // namespace

std::span<const Native> text_natives() {
  return kNatives;
}

}  // namespace kql::natives
