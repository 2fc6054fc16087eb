// Text made of other values: timespans by a format, replaced parts, Base64 of bytes.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/natives/json_values.h"
#include "kql/natives/xxhash.h"

namespace kql::natives {
namespace {

constexpr std::uint64_t kTicksPerSecond = 10'000'000;

// One run of a format's letter: dd, hh, FFF...
std::string timespan_part(std::uint64_t ticks, char letter, std::size_t length) {
  const std::uint64_t seconds = ticks / kTicksPerSecond;
  const auto padded = [](std::uint64_t value, std::size_t digits) {
    return fmt::format("{:0{}}", value, digits);
  };
  switch (letter) {
    case 'd':
      return padded(seconds / 86400, std::min<std::size_t>(length, 8));
    case 'H':
    case 'h':
      return padded(seconds / 3600 % 24, std::min<std::size_t>(length, 2));
    case 'm':
      return padded(seconds / 60 % 60, std::min<std::size_t>(length, 2));
    case 's':
      return padded(seconds % 60, std::min<std::size_t>(length, 2));
    default: {
      const std::string fraction =
          padded(ticks % kTicksPerSecond, 7).substr(0, std::min<std::size_t>(length, 7));
      const bool zero = fraction.find_first_not_of('0') == std::string::npos;
      return letter == 'F' && zero ? "" : fraction;
    }
  }
}

// format_timespan(ticks, format): without the sign, as the language has it.
Outcome format_timespan(Arguments arguments) {
  const auto ticks = long_at(arguments, 0);
  const auto format = text_at(arguments, 1);
  if (!ticks || !format) return {};
  const std::uint64_t size =
      *ticks < 0 ? ~static_cast<std::uint64_t>(*ticks) + 1 : static_cast<std::uint64_t>(*ticks);
  std::string out;
  for (std::size_t i = 0; i < format->size();) {
    const char letter = (*format)[i];
    const std::size_t end = std::min(format->find_first_not_of(letter, i), format->size());
    if (std::string_view("dHhmsfF").find(letter) == std::string_view::npos) {
      out += format->substr(i, end - i);
    } else {
      out += timespan_part(size, letter, end - i);
    }
    i = end;
  }
  return out;
}

// replace_strings(text, [lookups], [rewrites]): one after the other.
Outcome replace_strings(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto lookups = items_at(arguments, 1);
  const auto rewrites = items_at(arguments, 2);
  if (!text || !lookups || !rewrites || rewrites->size() != lookups->size()) return {};
  if (text->size() * lookups->size() > 100 * kMaxText) return {};
  std::string out(*text);
  for (std::size_t i = 0; i < lookups->size(); ++i) {
    const std::string* from = (*lookups)[i].if_string();
    const std::string* to = (*rewrites)[i].if_string();
    if (from == nullptr || from->empty() || to == nullptr) continue;
    std::string next;
    std::size_t at = 0;
    for (std::size_t found = out.find(*from); found != std::string::npos;
         found = out.find(*from, at)) {
      next.append(out, at, found - at);
      next += *to;
      at = found + from->size();
      if (next.size() > kMaxText) return {};
    }
    out = next.append(out, at);
  }
  return out;
}

// base64_encode_fromarray([bytes])
Outcome base64_from_array(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  if (!items) return {};
  base::ByteVec bytes;
  for (const base::json::Value& each : *items) {
    const std::int64_t* byte = each.if_int();
    if (byte == nullptr || *byte < 0 || *byte > 255) return {};
    bytes.push_back(static_cast<std::uint8_t>(*byte));
  }
  return base::base64_encode(bytes);
}

// hash_combine(hashes...): each into the one before, by xxHash64 with that as its seed.
Outcome combine_hashes(Arguments arguments) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto value = static_cast<std::uint64_t>(long_at(arguments, i).value_or(0));
    if (i == 0) {
      out = value;
      continue;
    }
    std::array<char, 8> bytes{};
    for (std::size_t byte = 0; byte < bytes.size(); ++byte)
      bytes[byte] = static_cast<char>(value >> (8 * byte));
    out = xxhash64({bytes.data(), bytes.size()}, out);
  }
  return static_cast<std::int64_t>(out);
}

constexpr std::array kNatives{
    Native{"native_format_timespan", "LT:T", format_timespan},
    Native{"native_replace_strings", "TTT:T", replace_strings},
    Native{"native_base64_from_array", "T:T", base64_from_array},
    Native{"native_hash_combine", "L*:L", combine_hashes},
};

}  // namespace

std::span<const Native> format_natives() {
  return kNatives;
}

}  // namespace kql::natives
