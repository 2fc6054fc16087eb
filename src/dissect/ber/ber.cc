#include "dissect/ber/ber.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "dissect/ber/cut.h"

namespace dissect::ber {

namespace {

enum class Outcome : std::uint8_t { Good, Truncated, Malformed };

struct Header {
  Element element;  // without value and whole
  std::size_t size = 0;
  std::size_t length = 0;
  bool indefinite = false;
};

// The number of a high tag: seven bits a byte, X.690 8.1.2.4.
Outcome read_high_tag(base::ByteView bytes, std::size_t& at, std::uint32_t& tag) {
  tag = 0;
  for (int count = 0; count < 4; ++count) {
    if (at >= bytes.size()) return Outcome::Truncated;
    const std::uint8_t byte = bytes[at++];
    tag = tag << 7U | (byte & 0x7fU);
    if ((byte & 0x80U) == 0) return Outcome::Good;
  }
  return Outcome::Malformed;
}

Outcome read_length(base::ByteView bytes, std::size_t& at, Header& header) {
  if (at >= bytes.size()) return Outcome::Truncated;
  const std::uint8_t first = bytes[at++];
  if (first < 0x80) {
    header.length = first;
    return Outcome::Good;
  }
  if (first == 0x80) {
    header.indefinite = true;
    return header.element.constructed ? Outcome::Good : Outcome::Malformed;
  }
  const std::size_t count = first & 0x7fU;
  if (count > 8) return Outcome::Malformed;
  if (count > bytes.size() - at) return Outcome::Truncated;
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < count; ++i)
    length = length << 8U | bytes[at++];
  if (length > std::numeric_limits<std::uint32_t>::max()) return Outcome::Malformed;
  header.length = static_cast<std::size_t>(length);
  return Outcome::Good;
}

Outcome read_header(base::ByteView bytes, Header& header) {
  if (bytes.empty()) return Outcome::Truncated;
  std::size_t at = 0;
  const std::uint8_t first = bytes[at++];
  header.element.tag_class = static_cast<Class>(first >> 6U);
  header.element.constructed = (first & 0x20U) != 0;
  header.element.tag = first & 0x1fU;
  if (header.element.tag == 0x1f) {
    const Outcome tag = read_high_tag(bytes, at, header.element.tag);
    if (tag != Outcome::Good) return tag;
  }
  const Outcome length = read_length(bytes, at, header);
  header.size = at;
  return length;
}

bool is_end_mark(const Header& header) {
  return header.element.universal(0) && !header.element.constructed && header.length == 0;
}

// How long the contents of an indefinite length are, without the end mark. Levels inside are
// counted, not entered: one pass over the bytes.
Outcome measure(base::ByteView bytes, std::size_t& length) {
  int depth = 1;
  std::size_t at = 0;
  while (true) {
    Header header;
    const Outcome outcome = read_header(bytes.subspan(at), header);
    if (outcome != Outcome::Good) return outcome;
    if (is_end_mark(header) && --depth == 0) {
      length = at;
      return Outcome::Good;
    }
    at += header.size;
    if (header.indefinite) {
      if (++depth > kMaxDepth) return Outcome::Malformed;
      continue;
    }
    if (header.length > bytes.size() - at) return Outcome::Truncated;
    at += header.length;
  }
}

Outcome read_element(base::ByteView bytes, Element& element) {
  Header header;
  const Outcome outcome = read_header(bytes, header);
  if (outcome != Outcome::Good) return outcome;
  element = header.element;
  const base::ByteView after = bytes.subspan(header.size);
  if (header.indefinite) {
    std::size_t length = 0;
    const Outcome measured = measure(after, length);
    if (measured != Outcome::Good) return measured;
    element.value = after.first(length);
    element.whole = bytes.first(header.size + length + 2);
    return Outcome::Good;
  }
  if (header.length > after.size()) return Outcome::Truncated;
  element.value = after.first(header.length);
  element.whole = bytes.first(header.size + header.length);
  return Outcome::Good;
}

// X.690 8.5.7: sign, base, scale, exponent, then the number N.
std::optional<double> binary_real(base::ByteView value) {
  static constexpr int kBaseBits[] = {1, 3, 4};
  const std::uint8_t first = value[0];
  const unsigned int base = first >> 4U & 3U;
  if (base == 3) return std::nullopt;
  std::size_t at = 1;
  std::size_t exponent_size = (first & 3U) + 1U;
  if (exponent_size == 4) {
    if (at >= value.size()) return std::nullopt;
    exponent_size = value[at++];
  }
  if (exponent_size > value.size() - at) return std::nullopt;
  const std::optional<std::int64_t> exponent = integer(value.subspan(at, exponent_size));
  const std::optional<std::uint64_t> number = natural(value.subspan(at + exponent_size));
  if (!exponent || !number || std::abs(*exponent) > 65536) return std::nullopt;
  const int scale =
      static_cast<int>(*exponent) * kBaseBits[base] + static_cast<int>(first >> 2U & 3U);
  const double result = std::ldexp(static_cast<double>(*number), scale);
  return (first & 0x40U) != 0 ? -result : result;
}

}  // namespace

bool Elements::peek(Element& element) const {
  return state_ == State::Good && !bytes_.empty() && read_element(bytes_, element) == Outcome::Good;
}

bool Elements::next() {
  if (state_ != State::Good || bytes_.empty()) return false;
  const Outcome outcome = read_element(bytes_, here_);
  if (outcome != Outcome::Good) {
    state_ = outcome == Outcome::Truncated ? State::Truncated : State::Malformed;
    return false;
  }
  bytes_ = bytes_.subspan(here_.whole.size());
  return true;
}

Size size_of_first(base::ByteView bytes) {
  Header header;
  const Outcome outcome = read_header(bytes, header);
  if (outcome == Outcome::Truncated) return {Size::Kind::Short, 0};
  if (outcome == Outcome::Malformed || header.indefinite) return {Size::Kind::Malformed, 0};
  return {Size::Kind::Known, header.size + header.length};
}

std::optional<Element> first(base::ByteView bytes) {
  Elements elements(bytes);
  if (!elements.next()) return std::nullopt;
  return elements.here();
}

std::optional<Element> first_of_cut(base::ByteView bytes) {
  Header header;
  if (read_header(bytes, header) != Outcome::Good || header.indefinite) return std::nullopt;
  Element element = header.element;
  const base::ByteView after = bytes.subspan(header.size);
  element.value = after.first(std::min(header.length, after.size()));
  element.whole = bytes.first(header.size + element.value.size());
  return element;
}

std::optional<Element> find_context(base::ByteView bytes, std::uint32_t tag) {
  for (Elements elements(bytes); elements.next();) {
    if (elements.here().context(tag)) return elements.here();
  }
  return std::nullopt;
}

std::optional<std::int64_t> integer(base::ByteView value) {
  if (value.empty() || value.size() > 8) return std::nullopt;
  std::uint64_t bits = (value[0] & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
  for (const std::uint8_t byte : value)
    bits = bits << 8U | byte;
  return static_cast<std::int64_t>(bits);
}

std::optional<std::uint64_t> natural(base::ByteView value) {
  if (value.size() == 9 && value[0] == 0) value = value.subspan(1);
  if (value.empty() || value.size() > 8) return std::nullopt;
  std::uint64_t number = 0;
  for (const std::uint8_t byte : value)
    number = number << 8U | byte;
  return number;
}

std::optional<bool> boolean(base::ByteView value) {
  if (value.size() != 1) return std::nullopt;
  return value[0] != 0;
}

std::optional<double> real(base::ByteView value) {
  if (value.empty()) return 0.0;
  const std::uint8_t first = value[0];
  if ((first & 0x80U) != 0) return binary_real(value);
  if ((first & 0x40U) != 0) {
    switch (first) {
      case 0x40:
        return std::numeric_limits<double>::infinity();
      case 0x41:
        return -std::numeric_limits<double>::infinity();
      case 0x42:
        return std::numeric_limits<double>::quiet_NaN();
      case 0x43:
        return -0.0;
      default:
        return std::nullopt;
    }
  }
  std::string_view text = base::as_text(value.subspan(1));
  while (!text.empty() && (text.front() == ' ' || text.front() == '+'))
    text.remove_prefix(1);
  if (text.empty() || text.size() > 32) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string oid(base::ByteView value) {
  std::string text;
  std::uint64_t arc = 0;
  int arcs = 0;
  bool inside = false;
  for (const std::uint8_t byte : value) {
    if (arc >> 56U != 0) return {};
    arc = arc << 7U | (byte & 0x7fU);
    inside = (byte & 0x80U) != 0;
    if (inside) continue;
    if (++arcs > 64) return {};
    if (arcs == 1) {
      const std::uint64_t root = std::min<std::uint64_t>(arc / 40, 2);
      text = std::to_string(root);
      arc -= root * 40;
    }
    text += '.';
    text += std::to_string(arc);
    arc = 0;
  }
  return inside ? std::string() : text;
}

bool oid_is(base::ByteView value, base::ByteView encoded) {
  return std::ranges::equal(value, encoded);
}

std::optional<Bits> bits(base::ByteView value) {
  if (value.empty() || value[0] > 7) return std::nullopt;
  const base::ByteView bytes = value.subspan(1);
  if (bytes.empty() && value[0] != 0) return std::nullopt;
  return Bits{bytes, bytes.size() * 8 - value[0]};
}

}  // namespace dissect::ber
