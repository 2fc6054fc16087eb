#include "audit/event.h"

#include <algorithm>

#include "base/text.h"

namespace audit {

namespace {

constexpr std::size_t kMaxFields = 8192;
constexpr std::size_t kMaxName = 64;

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == ',' || c == '\t';
}

// Where the value that begins at `at` ends. A quoted one ends behind its quote; that of msg='...'
// at the last quote, since it holds what user space wrote.
std::size_t value_end(std::string_view body, std::size_t at) {
  if (at < body.size() && body[at] == '"') {
    const std::size_t close = body.find('"', at + 1);
    return close == std::string_view::npos ? body.size() : close + 1;
  }
  std::size_t end = at;
  while (end < body.size() && !is_blank(body[end]))
    ++end;
  return end;
}

void split_fields(std::string_view body, std::vector<Field>& fields, std::string_view& message) {
  std::size_t at = 0;
  while (at < body.size() && fields.size() < kMaxFields) {
    if (is_blank(body[at])) {
      ++at;
      continue;
    }
    std::size_t name_end = at;
    while (name_end < body.size() && body[name_end] != '=' && !is_blank(body[name_end]))
      ++name_end;
    // A word of prose, such as "login" in older records.
    if (name_end >= body.size() || body[name_end] != '=' || name_end == at) {
      at = std::max(name_end, at + 1);
      continue;
    }
    const std::string_view name = body.substr(at, name_end - at);
    at = name_end + 1;
    if (name == "msg" && at < body.size() && body[at] == '\'') {
      const std::size_t close = body.rfind('\'');
      const std::size_t end = close > at ? close : body.size();
      message = body.substr(at + 1, end - at - 1);
      at = std::min(end + 1, body.size());
      continue;
    }
    const std::size_t end = value_end(body, at);
    if (name.size() <= kMaxName) fields.push_back({name, body.substr(at, end - at)});
    at = end;
  }
}

bool is_hex(std::string_view raw) {
  const auto digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
  };
  return !raw.empty() && raw.size() % 2 == 0 && std::ranges::all_of(raw, digit);
}

}  // namespace

Fields::Fields(std::string_view body) {
  std::string_view message;
  split_fields(body, fields_, message);
  std::string_view nested;
  split_fields(message, fields_, nested);
}

std::optional<std::string_view> Fields::raw(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  if (found == fields_.end()) return std::nullopt;
  return found->raw;
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const auto found = raw(name);
  if (!found) return std::nullopt;
  return decode_text(*found);
}

std::optional<std::int64_t> Fields::number(std::string_view name) const {
  const auto found = raw(name);
  if (!found) return std::nullopt;
  if (*found == "unset") return 0xFFFFFFFFLL;
  return base::parse_int(*found);
}

std::string decode_text(std::string_view raw) {
  if (raw == "(null)" || raw == "(none)" || raw == "?") return {};
  if (raw.size() >= 2 && raw.front() == '"' && raw.back() == '"')
    return std::string(raw.substr(1, raw.size() - 2));
  if (is_hex(raw)) {
    if (const auto bytes = base::hex_decode(raw)) return std::string(base::as_text(*bytes));
  }
  return std::string(raw);
}

const Record* Event::find(RecordType type) const {
  const auto found = std::ranges::find(records, type, &Record::type);
  return found == records.end() ? nullptr : &*found;
}

}  // namespace audit
