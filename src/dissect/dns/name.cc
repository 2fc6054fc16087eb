#include "dissect/dns/name.h"

#include <algorithm>

#include "dissect/text.h"

namespace dissect::dns {

namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::string_view kDigits = "0123456789abcdef";

// Gives whether it may hold UTF-8, which is only judged once the name is whole.
bool append_label(base::ByteView label, std::string& out) {
  bool foreign = false;
  for (const std::uint8_t byte : label) {
    if (byte >= 0x20 && byte != 0x7f) {
      out += static_cast<char>(byte);
      foreign |= byte >= 0x80;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    }
  }
  return foreign;
}

}  // namespace

NameError read_name(base::ByteView message, std::size_t& offset, std::string& out) {
  out.clear();
  std::size_t at = offset;
  std::size_t limit = offset;  // pointers go below this
  std::size_t total = 0;
  bool jumped = false;
  bool foreign = false;
  for (;;) {
    if (at >= message.size()) return NameError::Truncated;
    const std::uint8_t size = message[at];
    if (size == 0) {
      if (!jumped) offset = at + 1;
      break;
    }
    if (size >= 0xc0) {
      if (at + 1 >= message.size()) return NameError::Truncated;
      const std::size_t target = (size & 0x3fU) << 8U | message[at + 1];
      if (!jumped) offset = at + 2;
      jumped = true;
      if (target >= limit) return NameError::Malformed;
      limit = target;
      at = target;
      continue;
    }
    if (size >= 64) return NameError::Malformed;
    if (at + 1 + size > message.size()) return NameError::Truncated;
    total += size + 1U;
    if (total > kMaxName) return NameError::Malformed;
    if (!out.empty()) out += '.';
    foreign |= append_label(message.subspan(at + 1, size), out);
    at += size + 1U;
  }
  if (out.empty()) out.push_back('.');
  if (foreign) out = printable(std::string_view(out), 4 * kMaxName);
  return NameError::None;
}

bool netbios_name(std::string_view label, std::string& out, std::uint8_t& suffix) {
  if (label.size() < 32) return false;
  if (!std::ranges::all_of(label.substr(0, 32), [](char c) { return c >= 'A' && c <= 'P'; }))
    return false;
  if (label.size() > 32 && label[32] != '.') return false;
  std::string name;
  for (std::size_t i = 0; i < 16; ++i)
    name += static_cast<char>((label[2 * i] - 'A') << 4 | (label[2 * i + 1] - 'A'));
  suffix = static_cast<std::uint8_t>(name[15]);
  // "*" and zeros: everybody.
  out = printable(std::string_view(name).substr(0, 15));
  out += '<';
  out += kDigits[suffix >> 4U];
  out += kDigits[suffix & 15U];
  out += '>';
  return true;
}

std::string_view service_of(std::string_view name) {
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (dot == std::string_view::npos) return {};
    const std::string_view after = name.substr(dot + 1);
    if (label.starts_with('_') && (after.starts_with("_tcp") || after.starts_with("_udp")))
      return label;
    name = after;
  }
  return {};
}

}  // namespace dissect::dns
