#include "shell/address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include <arpa/inet.h>

namespace shell {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_host(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Where an address within other text ends.
bool ends_url(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' ||
         c == '>' || c == '|' || c == ';' || c == ')' || c == '\\' || c == '^' || c == '{' ||
         c == '}';
}

// Takes apart what follows the scheme.
Url read_rest(std::string_view text, std::string_view scheme, std::size_t begin) {
  Url url{.text = text, .scheme = scheme, .host = {}, .path = {}};
  const std::string_view rest = text.substr(begin);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  if (authority.starts_with('[')) {
    url.host = authority.substr(1, std::min(authority.find(']'), authority.size()) - 1);
  } else {
    url.host = authority.substr(0, authority.find(':'));
  }
  const std::string_view path = rest.substr(end);
  url.path = path.substr(0, path.find_first_of("?#"));
  if (!url.path.starts_with('/')) url.path = {};
  return url;
}

// A part of an address as inet_aton() reads it: decimal, 0x hexadecimal, 0 octal.
std::optional<std::uint64_t> read_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> read_ipv4(std::string_view host) {
  std::array<std::uint64_t, 4> parts{};
  std::size_t count = 0;
  while (true) {
    if (count == parts.size()) return std::nullopt;
    const std::size_t dot = std::min(host.find('.'), host.size());
    const auto number = read_number(host.substr(0, dot));
    if (!number) return std::nullopt;
    parts[count++] = *number;
    if (dot == host.size()) break;
    host.remove_prefix(dot + 1);
  }
  std::uint64_t address = 0;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (parts[i] > 255) return std::nullopt;
    address |= parts[i] << (8 * (3 - i));
  }
  // The last one fills what is left.
  const std::uint64_t room = std::uint64_t{1} << (8 * (5 - count));
  if (parts[count - 1] >= room) return std::nullopt;
  return static_cast<std::uint32_t>(address | parts[count - 1]);
}

std::string_view scope_of_ipv4(std::uint32_t ip) {
  const auto in = [ip](std::uint32_t block, int bits) { return (ip ^ block) >> (32 - bits) == 0; };
  if (in(0x7F000000, 8)) return "loopback";
  if (in(0, 8)) return "any";
  if (in(0x0A000000, 8) || in(0xAC100000, 12) || in(0xC0A80000, 16) || in(0x64400000, 10))
    return "private";
  if (in(0xA9FE0000, 16)) return "linklocal";
  if (ip >= 0xE0000000) return "multicast";
  return "public";
}

std::string_view scope_of_ipv6(const std::array<std::uint8_t, 16>& ip) {
  const bool high_zero = std::all_of(ip.begin(), ip.begin() + 10, [](auto b) { return b == 0; });
  const std::uint32_t low = static_cast<std::uint32_t>(ip[12]) << 24U |
                            static_cast<std::uint32_t>(ip[13]) << 16U |
                            static_cast<std::uint32_t>(ip[14]) << 8U | ip[15];
  if (high_zero && ip[10] == 0xFF && ip[11] == 0xFF) return scope_of_ipv4(low);
  if (high_zero && ip[10] == 0 && ip[11] == 0) {
    if (low == 0) return "any";
    if (low == 1) return "loopback";
    return scope_of_ipv4(low);
  }
  if ((ip[0] & 0xFEU) == 0xFC) return "private";
  if (ip[0] == 0xFE && (ip[1] & 0xC0U) == 0x80) return "linklocal";
  if (ip[0] == 0xFF) return "multicast";
  return "public";
}

std::optional<std::array<std::uint8_t, 16>> read_ipv6(std::string_view host) {
  host = host.substr(0, host.find('%'));
  if (host.size() > INET6_ADDRSTRLEN || host.find(':') == std::string_view::npos)
    return std::nullopt;
  std::array<std::uint8_t, 16> out{};
  const std::string text(host);
  if (::inet_pton(AF_INET6, text.c_str(), out.data()) != 1) return std::nullopt;
  return out;
}

std::optional<std::vector<std::uint32_t>> code_points(std::string_view label) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < label.size();) {
    const auto first = static_cast<unsigned char>(label[i]);
    const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || i + size > label.size())
      return std::nullopt;
    std::uint32_t point = size == 1 ? first : first & (0x7FU >> size);
    for (std::size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(label[i + k]);
      if ((next & 0xC0U) != 0x80) return std::nullopt;
      point = point << 6U | (next & 0x3FU);
    }
    out.push_back(point);
    i += size;
  }
  return out;
}

// The letters that names in several alphabets have in common use: Latin-1, Greek and Cyrillic
// capitals become small.
std::uint32_t lower_point(std::uint32_t point) {
  if (point < 0x80) return static_cast<unsigned char>(lower(static_cast<char>(point)));
  if ((point >= 0xC0 && point <= 0xDE && point != 0xD7) || (point >= 0x391 && point <= 0x3A9) ||
      (point >= 0x410 && point <= 0x42F))
    return point + 0x20;
  if (point >= 0x400 && point <= 0x40F) return point + 0x50;
  return point;
}

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > 455; k += 36)
    delta /= 35;
  return k + 36 * delta / (delta + 38);
}

// RFC 3492, section 6.3. Labels are at most 63 characters, so that nothing overflows.
bool append_punycode(std::string_view label, std::string& out) {
  auto points = code_points(label);
  if (!points || points->size() > 63) return false;
  std::ranges::transform(*points, points->begin(), lower_point);
  out += "xn--";
  std::uint32_t done = 0;
  for (const std::uint32_t point : *points) {
    if (point >= 0x80) continue;
    out += static_cast<char>(point);
    ++done;
  }
  if (done > 0) out += '-';
  std::uint32_t n = 0x80;
  std::uint32_t delta = 0;
  std::uint32_t bias = 72;
  const std::uint32_t basic = done;
  while (done < points->size()) {
    std::uint32_t next = 0x110000;
    for (const std::uint32_t point : *points) {
      if (point >= n) next = std::min(next, point);
    }
    delta += (next - n) * (done + 1);
    n = next;
    for (const std::uint32_t point : *points) {
      if (point < n) ++delta;
      if (point != n) continue;
      std::uint32_t q = delta;
      for (std::uint32_t k = 36;; k += 36) {
        const std::uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        const std::uint32_t digit = q < t ? q : t + (q - t) % (36 - t);
        out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + (digit - 26));
        if (q < t) break;
        q = (q - t) / (36 - t);
      }
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
    ++delta;
    ++n;
  }
  return true;
}

std::string_view to_punycode(std::string_view host, Arena& arena) {
  std::string out;
  for (std::string_view rest = host; !rest.empty() && out.size() < 255;) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view label = rest.substr(0, dot);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
    if (!out.empty()) out += '.';
    if (std::ranges::all_of(label, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
      for (const char c : label)
        out += lower(c);
    } else if (!append_punycode(label, out)) {
      return host;
    }
  }
  return arena.keep(out);
}

}  // namespace

std::optional<Url> find_url(std::string_view text) {
  for (std::size_t colon = text.find("://"); colon != std::string_view::npos;
       colon = text.find("://", colon + 3)) {
    std::size_t begin = colon;
    while (begin > 0 && (is_alpha(text[begin - 1]) || is_digit(text[begin - 1]) ||
                         text[begin - 1] == '+' || text[begin - 1] == '-'))
      --begin;
    while (begin < colon && !is_alpha(text[begin]))
      ++begin;
    std::size_t end = colon + 3;
    while (end < text.size() && !ends_url(text[end]))
      ++end;
    if (begin == colon || end == colon + 3) continue;
    Url url = read_rest(text.substr(begin, end - begin), text.substr(begin, colon - begin),
                        colon + 3 - begin);
    if (!url.host.empty() || url.scheme == "file") return url;
  }
  return std::nullopt;
}

std::optional<Url> read_bare_url(std::string_view word) {
  if (word.empty() || word.front() == '-' || word.front() == '/' || word.front() == '.')
    return std::nullopt;
  Url url = read_rest(word, {}, 0);
  if (url.host == "localhost" || looks_like_domain(url.host) || is_ip(url.host)) return url;
  // A number alone is an address only where a path follows it.
  if (!url.path.empty() && read_ipv4(url.host)) return url;
  return std::nullopt;
}

std::string_view normal_host(std::string_view host, Arena& arena) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  if (host.empty()) return host;
  if (is_digit(host.front())) {
    if (const auto ip = read_ipv4(host)) {
      std::string text = std::to_string(*ip >> 24U);
      for (const unsigned shift : {16U, 8U, 0U})
        text += "." + std::to_string(*ip >> shift & 0xFFU);
      return text == host ? host : arena.keep(text);
    }
  }
  bool plain = true;
  bool ascii = true;
  for (const char c : host) {
    plain = plain && lower(c) == c;
    ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  }
  if (!ascii) return to_punycode(host, arena);
  if (plain) return host;
  char* const to = arena.room(host.size());
  std::ranges::transform(host, to, lower);
  return {to, host.size()};
}

std::string_view scope_of(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return "loopback";
  if (!host.empty() && is_digit(host.front())) {
    if (const auto ip = read_ipv4(host)) return scope_of_ipv4(*ip);
  }
  if (const auto ip = read_ipv6(host)) return scope_of_ipv6(*ip);
  return "name";
}

bool is_ip(std::string_view text) {
  if (text.empty()) return false;
  if (std::ranges::count(text, '.') == 3 && is_digit(text.front()) && read_ipv4(text)) return true;
  return read_ipv6(text).has_value();
}

bool looks_like_domain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::size_t labels = 0;
  std::string_view label;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    label = rest.substr(0, dot);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    const auto fits = [](char c) { return is_host(c) && c != '_' && c != '.'; };
    if (!std::ranges::all_of(label, fits)) return false;
    ++labels;
  }
  return labels >= 2 && label.size() >= 2 && !std::ranges::any_of(label, is_digit);
}

std::string_view next_ip(std::string_view text, std::size_t& from) {
  const auto part_of_word = [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '_';
  };
  for (; from < text.size(); ++from) {
    if (text[from] == '[') {
      const std::size_t close = text.find(']', from);
      if (close != std::string_view::npos && close - from < 48 &&
          read_ipv6(text.substr(from + 1, close - from - 1))) {
        const std::string_view found = text.substr(from + 1, close - from - 1);
        from = close + 1;
        return found;
      }
      continue;
    }
    if (!is_digit(text[from]) || (from > 0 && part_of_word(text[from - 1]))) continue;
    std::size_t end = from;
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.'))
      ++end;
    std::string_view found = text.substr(from, end - from);
    const bool whole = end == text.size() || !part_of_word(text[end]);
    while (found.ends_with('.'))
      found.remove_suffix(1);
    from = end;
    if (whole && std::ranges::count(found, '.') == 3 && is_ip(found)) return found;
  }
  return {};
}

}  // namespace shell
