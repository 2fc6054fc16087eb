// parse-kv: names and values within text.

#include <algorithm>
#include <array>
#include <vector>

#include "base/json.h"
#include "kql/natives/native.h"

namespace kql::natives {
namespace {

using base::json::Writer;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

// How parse-kv was told to read: pairs=, names and values apart by delimiters, quotes, escape.
struct PairFormat {
  std::string_view pair;
  std::string_view middle;
  char open = '\0';
  char close = '\0';
  char escape = '\0';
  bool greedy = false;
};

// Reads text pair by pair.
class PairReader {
 public:
  PairReader(std::string_view text, const PairFormat& format) : text_(text), format_(format) {}

  // False at the end.
  bool next(std::string& name, std::string& value) {
    while (at_ < text_.size()) {
      skip_blanks();
      if (at_quote()) {
        name = quoted();
        skip_blanks();
        if (!text_.substr(at_).starts_with(format_.middle)) {
          skip_pair();
          continue;
        }
        at_ += format_.middle.size();
      } else {
        const std::size_t middle = text_.find(format_.middle, at_);
        const std::size_t pair = text_.find(format_.pair, at_);
        if (middle == std::string_view::npos) return false;
        if (pair < middle) {
          at_ = pair + format_.pair.size();
          continue;
        }
        name = trimmed(text_.substr(at_, middle - at_));
        at_ = middle + format_.middle.size();
      }
      value = read_value();
      return true;
    }
    return false;
  }

 private:
  bool at_quote() const {
    return format_.open != '\0' && at_ < text_.size() && text_[at_] == format_.open;
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t') &&
           !text_.substr(at_).starts_with(format_.pair))
      ++at_;
  }
  void skip_pair() {
    const std::size_t pair = text_.find(format_.pair, at_);
    at_ = pair == std::string_view::npos ? text_.size() : pair + format_.pair.size();
  }
  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != format_.close; ++at_) {
      if (text_[at_] == format_.escape && format_.escape != '\0' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }
  std::string read_value() {
    skip_blanks();
    if (at_quote()) {
      std::string out = quoted();
      skip_pair();
      return out;
    }
    std::size_t end = text_.find(format_.pair, at_);
    if (format_.greedy) {
      // Up to the delimiter before the next name.
      const std::size_t middle = text_.find(format_.middle, at_);
      end = middle == std::string_view::npos ? middle : text_.rfind(format_.pair, middle);
      if (end != std::string_view::npos && end < at_) end = std::string_view::npos;
    }
    end = std::min(end, text_.size());
    std::string out(trimmed(text_.substr(at_, end - at_)));
    at_ = std::min(text_.size(), end + format_.pair.size());
    return out;
  }

  std::string_view text_;
  const PairFormat& format_;
  std::size_t at_ = 0;
};

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Without delimiters: the name as a word of its own, anything but words, and a word or a quoted
// text.
std::optional<std::string> find_value(std::string_view text, std::string_view name,
                                      const PairFormat& format) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    std::size_t after = at + name.size();
    if ((at > 0 && is_word(text[at - 1])) || (after < text.size() && is_word(text[after])))
      continue;
    const std::size_t name_end = after;
    while (after < text.size() && !is_word(text[after]) &&
           (format.open == '\0' || text[after] != format.open))
      ++after;
    if (after == text.size() || after == name_end) continue;
    if (text[after] == format.open) {
      std::string out;
      for (++after; after < text.size() && text[after] != format.close; ++after) {
        if (text[after] == format.escape && format.escape != '\0' && after + 1 < text.size())
          ++after;
        out += text[after];
      }
      return out;
    }
    std::size_t end = after;
    while (end < text.size() && is_word(text[end]))
      ++end;
    return std::string(text.substr(after, end - after));
  }
  return std::nullopt;
}

// parse_kv(text, names as JSON, pair delimiter, middle delimiter, quote, escape, greedy): a bag.
Outcome parse_pairs(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto list = text_at(arguments, 1);
  const auto names = list ? base::json::parse(*list) : base::Result<base::json::Value>({});
  if (!text || !names || names->if_array() == nullptr) return {};
  PairFormat format;
  format.pair = text_at(arguments, 2).value_or("");
  format.middle = text_at(arguments, 3).value_or("");
  const std::string_view quote = text_at(arguments, 4).value_or("");
  if (!quote.empty()) format.open = format.close = quote.front();
  if (quote.size() > 1) format.close = quote[1];
  const std::string_view escape = text_at(arguments, 5).value_or("");
  if (!escape.empty()) format.escape = escape.front();
  format.greedy = bool_at(arguments, 6).value_or(false);
  std::vector<std::pair<std::string, std::string>> found;
  const auto have = [&found](std::string_view name) {
    return std::any_of(found.begin(), found.end(),
                       [&](const auto& each) { return each.first == name; });
  };
  if (format.pair.empty() || format.middle.empty()) {
    for (const base::json::Value& each : *names->if_array()) {
      const std::string* name = each.if_string();
      if (name == nullptr) continue;
      if (auto value = find_value(*text, *name, format))
        found.emplace_back(*name, std::move(*value));
    }
  } else {
    PairReader reader(*text, format);
    std::string name;
    std::string value;
    while (reader.next(name, value)) {
      const auto& wanted = *names->if_array();
      const bool known = std::any_of(wanted.begin(), wanted.end(), [&name](const auto& each) {
        return each.if_string() != nullptr && *each.if_string() == name;
      });
      if (known && !have(name)) found.emplace_back(name, value);
    }
  }
  std::string out;
  Writer writer(out);
  writer.begin_object();
  for (const auto& [name, value] : found)
    writer.field(name, value);
  writer.end_object();
  return out;
}

constexpr std::array kNatives{
    Native{"native_parse_kv", "TTTTTTB:J", parse_pairs},
};

}  // namespace

std::span<const Native> pair_natives() {
  return kNatives;
}

}  // namespace kql::natives
