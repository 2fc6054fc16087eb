#include "sigma/pattern.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

#include "base/text.h"

namespace sigma {
namespace {

constexpr std::array<std::string_view, 5> kDashes = {"-", "/", "\u2013", "\u2014", "\u2015"};

bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The value with each dash that begins an option written as each kind of dash.
std::vector<std::string> windash(const std::string& text) {
  std::vector<std::string> variants;
  for (const std::string_view dash : kDashes) {
    std::string variant;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool begins = (text[i] == '-' || text[i] == '/') &&
                          (i == 0 || !word_character(text[i - 1])) && i + 1 < text.size() &&
                          word_character(text[i + 1]);
      if (begins) {
        variant += dash;
      } else {
        variant += text[i];
      }
    }
    variants.push_back(std::move(variant));
  }
  std::ranges::sort(variants);
  variants.erase(std::ranges::unique(variants).begin(), variants.end());
  return variants;
}

// ASCII is what such rules hold; other bytes are widened as they are.
std::string utf16(std::string_view text, bool big_endian) {
  std::string out;
  for (const char c : text) {
    if (big_endian) out += '\0';
    out += c;
    if (!big_endian) out += '\0';
  }
  return out;
}

// What stays of the text's base64 when anything may stand before and behind it, at each of the
// three alignments.
std::vector<std::string> base64_offsets(const std::string& text) {
  constexpr std::array<std::size_t, 3> kStart = {0, 2, 3};
  constexpr std::array<std::size_t, 3> kCut = {0, 3, 2};
  std::vector<std::string> out;
  for (std::size_t offset = 0; offset < 3; ++offset) {
    const std::string padded = std::string(offset, ' ') + text;
    std::string encoded = base::base64_encode(base::as_bytes(padded));
    encoded.resize(encoded.size() - kCut[padded.size() % 3]);
    out.push_back(encoded.substr(kStart[offset]));
  }
  return out;
}

struct Modified {
  bool contains = false;
  bool starts = false;
  bool ends = false;
  bool regex = false;
  std::string regex_flags;
  bool plain = false;  // encoded: no wildcards
  Pattern pattern;
  std::vector<std::string> texts;
};

using Applied = std::expected<void, std::string>;

template <Compare kCompare>
Applied compare_as(Modified& value) {
  value.pattern.compare = kCompare;
  return {};
}

template <bool Modified::* kFlag>
Applied set_flag(Modified& value) {
  value.*kFlag = true;
  return {};
}

template <char kFlag>
Applied regex_flag(Modified& value) {
  if (!value.regex) {
    return std::unexpected(std::string("modifier '") + kFlag +
                           "' is for regular expressions, after 're'");
  }
  value.regex_flags += kFlag;
  return {};
}

template <std::string (*kEncode)(const std::string&)>
Applied encode_as(Modified& value) {
  for (std::string& text : value.texts)
    text = kEncode(text);
  value.plain = true;
  return {};
}

std::string to_utf16le(const std::string& text) {
  return utf16(text, false);
}
std::string to_utf16be(const std::string& text) {
  return utf16(text, true);
}
std::string to_utf16(const std::string& text) {
  return "\xFF\xFE" + utf16(text, false);
}
std::string to_base64(const std::string& text) {
  return base::base64_encode(base::as_bytes(text));
}

Applied cased(Modified& value) {
  value.pattern.letters = Case::Sensitive;
  return {};
}

Applied windash_variants(Modified& value) {
  value.texts = windash(value.texts.front());
  return {};
}

Applied base64_at_any_offset(Modified& value) {
  if (value.texts.front().size() < 2) {
    return std::unexpected<std::string>("expected at least 2 characters for 'base64offset'");
  }
  value.texts = base64_offsets(value.texts.front());
  value.plain = true;
  return {};
}

// What concerns the field's values together is read where they are.
Applied for_the_field(Modified&) {
  return {};
}

template <TimePart kPart>
Applied part_of_time(Modified& value) {
  if (value.pattern.part != TimePart::None)
    return std::unexpected<std::string>("expected one of minute, hour, day, week, month, year");
  value.pattern.part = kPart;
  return {};
}

struct Modifier {
  std::string_view name;
  Applied (*apply)(Modified&);
};

constexpr std::array<Modifier, 31> kModifiers = {{{"contains", set_flag<&Modified::contains>},
                                                  {"startswith", set_flag<&Modified::starts>},
                                                  {"endswith", set_flag<&Modified::ends>},
                                                  {"all", for_the_field},
                                                  {"neq", for_the_field},
                                                  {"re", set_flag<&Modified::regex>},
                                                  {"i", regex_flag<'i'>},
                                                  {"m", regex_flag<'m'>},
                                                  {"s", regex_flag<'s'>},
                                                  {"cased", cased},
                                                  {"exists", compare_as<Compare::Exists>},
                                                  {"cidr", compare_as<Compare::Cidr>},
                                                  {"lt", compare_as<Compare::Less>},
                                                  {"lte", compare_as<Compare::LessEqual>},
                                                  {"gt", compare_as<Compare::Greater>},
                                                  {"gte", compare_as<Compare::GreaterEqual>},
                                                  {"fieldref", compare_as<Compare::FieldRef>},
                                                  {"windash", windash_variants},
                                                  {"base64", encode_as<to_base64>},
                                                  {"base64offset", base64_at_any_offset},
                                                  {"wide", encode_as<to_utf16le>},
                                                  {"utf16le", encode_as<to_utf16le>},
                                                  {"utf16be", encode_as<to_utf16be>},
                                                  {"utf16", encode_as<to_utf16>},
                                                  {"expand", for_the_field},
                                                  {"minute", part_of_time<TimePart::Minute>},
                                                  {"hour", part_of_time<TimePart::Hour>},
                                                  {"day", part_of_time<TimePart::Day>},
                                                  {"week", part_of_time<TimePart::Week>},
                                                  {"month", part_of_time<TimePart::Month>},
                                                  {"year", part_of_time<TimePart::Year>}}};

Applied apply_modifier(std::string_view name, Modified& value) {
  std::vector<std::string_view> known;
  known.reserve(kModifiers.size());
  for (const Modifier& modifier : kModifiers) {
    if (modifier.name == name) return modifier.apply(value);
    known.push_back(modifier.name);
  }
  std::string message = "expected a modifier of Sigma, found '" + std::string(name) + "'";
  if (const auto near = base::nearest(name, known)) {
    message += " (did you mean '" + std::string(*near) + "'?)";
  }
  return std::unexpected(std::move(message));
}

constexpr std::array<std::string_view, 7> kTimeParts = {"",     "minute", "hour", "day",
                                                        "week", "month",  "year"};

std::string show_comparison(const Modified& value, const RawValue& raw) {
  const std::string quoted = "'" + raw.text + "'";
  switch (value.pattern.compare) {
    case Compare::Regex:
      return "matches /" + raw.text + "/";
    case Compare::Cidr:
      return "in " + raw.text;
    case Compare::Less:
      return "< " + raw.text;
    case Compare::LessEqual:
      return "<= " + raw.text;
    case Compare::Greater:
      return "> " + raw.text;
    case Compare::GreaterEqual:
      return ">= " + raw.text;
    case Compare::Equal:
      return "= " + raw.text;
    case Compare::Exists:
      return value.pattern.expected ? "exists" : "does not exist";
    case Compare::FieldRef:
      return "equals field " + raw.text;
    case Compare::Null:
      return "is empty";
    case Compare::Text:
      break;
  }
  if (value.contains || (value.starts && value.ends)) return "contains " + quoted;
  if (value.starts) return "starts with " + quoted;
  if (value.ends) return "ends with " + quoted;
  return "is " + quoted;
}

std::string show(const Modified& value, const RawValue& raw) {
  const std::string comparison = show_comparison(value, raw);
  if (value.pattern.part == TimePart::None) return comparison;
  return std::string(kTimeParts[static_cast<std::size_t>(value.pattern.part)]) + " " + comparison;
}

// Wildcards at the ends, where there are none yet.
std::vector<Piece> anchored(std::vector<Piece> pieces, const Modified& value) {
  const Piece any{Piece::Kind::AnyText, ""};
  if ((value.contains || value.ends) && (pieces.empty() || pieces.front() != any))
    pieces.insert(pieces.begin(), any);
  if ((value.contains || value.starts) && (pieces.empty() || pieces.back() != any))
    pieces.push_back(any);
  return pieces;
}

std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A part of a date is a number.
std::expected<void, std::string> finish_time(Modified& value) {
  Pattern& pattern = value.pattern;
  if (pattern.part == TimePart::None) return {};
  if (pattern.compare == Compare::Text) pattern.compare = Compare::Equal;
  const bool number = pattern.compare >= Compare::Less && pattern.compare <= Compare::Equal;
  if (number && !value.contains && !value.starts && !value.ends && !value.plain) return {};
  return std::unexpected("expected '" +
                         std::string(kTimeParts[static_cast<std::size_t>(pattern.part)]) +
                         "' alone or with lt, lte, gt, gte or neq");
}

std::expected<void, std::string> finish(Modified& value, const RawValue& raw) {
  Pattern& pattern = value.pattern;
  if (value.regex) pattern.compare = Compare::Regex;
  if (auto time = finish_time(value); !time) return time;
  switch (pattern.compare) {
    case Compare::Regex:
      pattern.text =
          value.regex_flags.empty() ? raw.text : "(?" + value.regex_flags + ")" + raw.text;
      break;
    case Compare::Cidr:
      if (!parse_cidr(raw.text))
        return std::unexpected("expected an address block such as 10.0.0.0/8, found '" + raw.text +
                               "'");
      pattern.text = raw.text;
      break;
    case Compare::Less:
    case Compare::LessEqual:
    case Compare::Greater:
    case Compare::GreaterEqual:
    case Compare::Equal:
      if (const auto number = parse_number(raw.text)) {
        pattern.number = *number;
      } else {
        return std::unexpected("expected a number, found '" + raw.text + "'");
      }
      break;
    case Compare::Exists:
      if (!base::equal_ignore_case(raw.text, "true") &&
          !base::equal_ignore_case(raw.text, "false")) {
        return std::unexpected("expected true or false, found '" + raw.text + "'");
      }
      pattern.expected = base::equal_ignore_case(raw.text, "true");
      break;
    case Compare::FieldRef:
      pattern.text = raw.text;
      break;
    case Compare::Text:
    case Compare::Null:
      break;
  }
  return {};
}

}  // namespace

FieldKey split_key(std::string_view key) {
  const auto parts = base::split(key, '|');
  FieldKey out{std::string(parts.front()), {}};
  for (std::size_t i = 1; i < parts.size(); ++i)
    out.modifiers.emplace_back(parts[i]);
  return out;
}

std::vector<Piece> parse_pieces(std::string_view text) {
  std::vector<Piece> pieces;
  const auto add_literal = [&](char c) {
    if (pieces.empty() || pieces.back().kind != Piece::Kind::Literal) pieces.push_back({});
    pieces.back().text += c;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
      add_literal(next);
      ++i;
    } else if (c == '*') {
      if (pieces.empty() || pieces.back().kind != Piece::Kind::AnyText)
        pieces.push_back({Piece::Kind::AnyText, ""});
    } else if (c == '?') {
      pieces.push_back({Piece::Kind::AnyCharacter, ""});
    } else {
      add_literal(c);
    }
  }
  return pieces;
}

std::expected<Pattern, std::string> make_pattern(const RawValue& raw,
                                                 const std::vector<std::string>& modifiers) {
  Modified value;
  value.texts = {raw.text};
  for (const std::string& modifier : modifiers) {
    auto applied = apply_modifier(modifier, value);
    if (!applied) return std::unexpected(std::move(applied).error());
  }
  if (raw.is_null) {
    if (!modifiers.empty() && modifiers != std::vector<std::string>{"neq"}) {
      return std::unexpected("expected a value: null goes with no modifier");
    }
    value.pattern.compare = Compare::Null;
  }
  if (auto finished = finish(value, raw); !finished)
    return std::unexpected(std::move(finished).error());
  value.pattern.shown = show(value, raw);
  if (value.pattern.compare != Compare::Text) return value.pattern;
  for (const std::string& text : value.texts) {
    auto pieces =
        value.plain ? std::vector<Piece>{{Piece::Kind::Literal, text}} : parse_pieces(text);
    if (value.contains || value.starts || value.ends) pieces = anchored(std::move(pieces), value);
    value.pattern.variants.push_back(std::move(pieces));
  }
  return value.pattern;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  Cidr cidr;
  cidr.v6 = address.find(':') != std::string::npos;
  const unsigned width = cidr.v6 ? 128 : 32;
  cidr.bits = width;
  if (::inet_pton(cidr.v6 ? AF_INET6 : AF_INET, address.c_str(), cidr.address.data()) != 1)
    return std::nullopt;
  if (slash != std::string_view::npos) {
    const auto bits = base::parse_int(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > width) return std::nullopt;
    cidr.bits = static_cast<unsigned>(*bits);
  }
  return cidr;
}

bool in_cidr(const Cidr& cidr, std::string_view address) {
  constexpr std::string_view kMapped = "::ffff:";
  if (!cidr.v6 && address.size() > kMapped.size() &&
      base::equal_ignore_case(address.substr(0, kMapped.size()), kMapped)) {
    address.remove_prefix(kMapped.size());
  }
  if (address.size() > INET6_ADDRSTRLEN) return false;
  const std::string text(address);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(cidr.v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) return false;
  const unsigned whole = cidr.bits / 8;
  if (std::memcmp(bytes.data(), cidr.address.data(), whole) != 0) return false;
  const unsigned rest = cidr.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF00U >> rest);
  return (bytes[whole] & mask) == (cidr.address[whole] & mask);
}

}  // namespace sigma
