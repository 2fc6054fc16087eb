#include "shell/word_reader.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "shell/decode.h"

namespace shell {
namespace {

constexpr std::size_t kMaxWord = 128UL << 10U;

// What ends a word, and what is not simply part of it.
constexpr std::array<bool, 256> table_of(std::string_view members) {
  std::array<bool, 256> table{};
  for (const char c : members)
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kEnds = table_of(" \t\r\n;&|()<>");
constexpr std::array<bool, 256> kSpecial = table_of(" \t\r\n;&|()<>$`\"'\\{");

bool ends_word(char c) {
  return kEnds[static_cast<unsigned char>(c)];
}
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// ${NAME:offset:length} of a known value.
std::optional<std::string> part_of(std::string_view value, std::string_view what) {
  const std::size_t colon = std::min(what.find(':'), what.size());
  const auto offset = base::parse_int(base::trim(what.substr(0, colon)));
  if (!offset) return std::nullopt;
  const auto size = static_cast<std::int64_t>(value.size());
  const std::int64_t begin = *offset < 0 ? std::max<std::int64_t>(0, size + *offset) : *offset;
  if (begin > size) return std::string();
  std::int64_t length = size - begin;
  if (colon < what.size()) {
    const auto wanted = base::parse_int(base::trim(what.substr(colon + 1)));
    if (!wanted || *wanted < 0) return std::nullopt;
    length = std::min(length, *wanted);
  }
  return std::string(
      value.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(length)));
}

// ${NAME/from/to} and ${NAME//from/to}; `what` is behind the first slash. Patterns are not
// followed.
std::optional<std::string> replaced(std::string_view value, std::string_view what) {
  const bool all = what.starts_with('/');
  if (all) what.remove_prefix(1);
  const std::size_t slash = std::min(what.find('/'), what.size());
  const std::string_view from = what.substr(0, slash);
  const std::string_view to = slash < what.size() ? what.substr(slash + 1) : std::string_view();
  if (from.empty() || from.find_first_of("*?[") != std::string_view::npos) return std::nullopt;
  std::string out;
  while (!value.empty() && out.size() < kMaxWord) {
    const std::size_t found = value.find(from);
    out += value.substr(0, found);
    if (found == std::string_view::npos) return out;
    out += to;
    value.remove_prefix(found + from.size());
    if (!all) break;
  }
  out += value;
  return out;
}

// What the rest of ${NAME...} makes of the value. nullopt: not known.
std::optional<std::string> modified(std::optional<std::string_view> value, std::string_view rest) {
  if (rest.empty()) return value ? std::optional(std::string(*value)) : std::nullopt;
  if (rest.starts_with(":-") || rest.starts_with(":="))
    return std::string(value && !value->empty() ? *value : rest.substr(2));
  if (rest.starts_with('-') || rest.starts_with('='))
    return std::string(value ? *value : rest.substr(1));
  if (!value) return std::nullopt;
  if (rest.starts_with(":+") || rest.starts_with("+"))
    return std::string(rest.substr(rest.find('+') + 1));
  if (rest.starts_with(':')) return part_of(*value, rest.substr(1));
  if (rest.starts_with('/')) return replaced(*value, rest.substr(1));
  if (rest == ",,") return base::to_lower(*value);
  return std::nullopt;
}

}  // namespace

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::ranges::all_of(name, is_name_char);
}

std::size_t WordReader::plain_end(std::size_t at) const {
  while (at < text_.size() && !kSpecial[static_cast<unsigned char>(text_[at])])
    ++at;
  return at;
}

std::size_t WordReader::read(std::size_t at, std::vector<Word>& words) {
  at_ = at;
  begin_ = at;
  quoted_ = false;
  flow_ = -1;
  out_ = &words;
  const std::size_t end = plain_end(at);
  // Most words are as they stand.
  if (end == text_.size() || (ends_word(text_[end]) && !text_.substr(end).starts_with("<(") &&
                              !text_.substr(end).starts_with(">("))) {
    at_ = end;
    if (end > at) push(text_.substr(at, end - at));
    return at_;
  }
  buffer_.clear();
  while (at_ < text_.size() && buffer_.size() < kMaxWord) {
    const std::size_t plain = plain_end(at_);
    buffer_ += text_.substr(at_, plain - at_);
    at_ = plain;
    if (at_ == text_.size()) break;
    const bool file = starts("<(") || starts(">(");
    if (ends_word(text_[at_]) && !file) break;
    read_special();
  }
  finish(words);
  return at_;
}

void WordReader::read_special() {
  switch (text_[at_]) {
    case '\\':
      quoted_ = true;
      ++at_;
      if (at_ < text_.size() && text_[at_] != '\n') buffer_ += text_[at_];
      at_ = std::min(at_ + 1, text_.size());
      return;
    case '\'': {
      quoted_ = true;
      const std::size_t close = std::min(text_.find('\'', at_ + 1), text_.size());
      buffer_ += text_.substr(at_ + 1, close - at_ - 1);
      at_ = std::min(close + 1, text_.size());
      return;
    }
    case '"':
      quoted_ = true;
      read_double();
      return;
    case '$':
      dollar(false);
      return;
    case '`':
      backquoted(false);
      return;
    case '<':
    case '>': {
      const std::size_t close = closing(at_ + 2, '(', ')');
      const Expansion file = host_.substitute_file(text_.substr(at_ + 2, close - at_ - 2));
      quoted_ = true;
      buffer_ += file.text.value_or("");
      if (file.flow >= 0) flow_ = file.flow;
      at_ = std::min(close + 1, text_.size());
      return;
    }
    default:
      buffer_ += text_[at_++];
  }
}

void WordReader::read_double() {
  ++at_;
  while (at_ < text_.size() && buffer_.size() < kMaxWord) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return;
    }
    if (c == '$') {
      dollar(true);
    } else if (c == '`') {
      backquoted(true);
    } else if (c == '\\' && at_ + 1 < text_.size()) {
      const char next = text_[at_ + 1];
      // Only these are escaped within quotes.
      if (std::string_view("$`\"\\\n").find(next) == std::string_view::npos) buffer_ += c;
      if (next != '\n') buffer_ += next;
      at_ += 2;
    } else {
      buffer_ += c;
      ++at_;
    }
  }
}

void WordReader::dollar(bool quoted) {
  const std::size_t begin = at_;
  const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
  if (next == '(') {
    const std::size_t close = closing(at_ + 2, '(', ')');
    at_ = std::min(close + 1, text_.size());
    const std::string_view raw = text_.substr(begin, at_ - begin);
    // $((...)) is a number.
    if (raw.starts_with("$((") && raw.ends_with("))")) {
      buffer_ += raw;
    } else {
      append(host_.substitute(text_.substr(begin + 2, close - begin - 2)), raw, quoted);
    }
  } else if (next == '{') {
    const std::size_t close = closing(at_ + 2, '{', '}');
    at_ = std::min(close + 1, text_.size());
    parameter(text_.substr(begin + 2, close - begin - 2), quoted);
  } else if (next == '\'' && !quoted) {
    std::size_t close = at_ + 2;
    while (close < text_.size() && text_[close] != '\'')
      close += text_[close] == '\\' ? 2U : 1U;
    close = std::min(close, text_.size());
    quoted_ = true;
    buffer_ += unescape(text_.substr(at_ + 2, close - at_ - 2));
    at_ = std::min(close + 1, text_.size());
  } else if (next == '"' && !quoted) {
    ++at_;
  } else if (is_name_char(next) && (next < '0' || next > '9')) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_name_char(text_[end]))
      ++end;
    at_ = end;
    const std::string_view raw = text_.substr(begin, end - begin);
    append({host_.variable(raw.substr(1))}, raw, quoted);
  } else if (next == '@' || next == '*') {
    at_ += 2;
    // Arguments that there are none of vanish within a word: w$@get.
    const bool alone =
        quoted || (begin == begin_ && (at_ == text_.size() || ends_word(text_[at_])));
    if (alone) buffer_ += text_.substr(begin, 2);
  } else {
    buffer_ += text_[at_++];
  }
}

void WordReader::parameter(std::string_view body, bool quoted) {
  std::size_t end = 0;
  while (end < body.size() && is_name_char(body[end]))
    ++end;
  const std::string_view name = body.substr(0, end);
  if (is_variable_name(name)) {
    const auto value = host_.variable(name);
    if (const auto text = modified(value, body.substr(end))) {
      append({arena_.keep(*text)}, {}, quoted);
      return;
    }
  }
  buffer_ += "${";
  buffer_ += body;
  buffer_ += '}';
}

void WordReader::backquoted(bool quoted) {
  std::size_t close = at_ + 1;
  while (close < text_.size() && text_[close] != '`')
    close += text_[close] == '\\' ? 2U : 1U;
  close = std::min(close, text_.size());
  const std::string_view raw = text_.substr(at_, std::min(close + 1, text_.size()) - at_);
  std::string_view inner = text_.substr(at_ + 1, close - at_ - 1);
  at_ += raw.size();
  if (inner.find('\\') != std::string_view::npos) {
    std::string text;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      const bool escapes = inner[i] == '\\' && i + 1 < inner.size() &&
                           std::string_view("`\\$").find(inner[i + 1]) != std::string_view::npos;
      text += inner[escapes ? ++i : i];
    }
    inner = arena_.keep(text);
  }
  append(host_.substitute(inner), raw, quoted);
}

void WordReader::append(const Expansion& expansion, std::string_view raw, bool quoted) {
  if (expansion.flow >= 0) flow_ = expansion.flow;
  if (!expansion.text) {
    buffer_ += raw;
  } else if (quoted) {
    buffer_ += *expansion.text;
  } else {
    append_split(*expansion.text);
  }
}

// An expansion without quotes: its blanks part words.
void WordReader::append_split(std::string_view text) {
  while (!text.empty()) {
    const auto blank = std::ranges::find_if(text, is_blank);
    const auto size = static_cast<std::size_t>(blank - text.begin());
    buffer_ += text.substr(0, size);
    text.remove_prefix(size);
    if (text.empty()) return;
    while (!text.empty() && is_blank(text.front()))
      text.remove_prefix(1);
    if (!buffer_.empty()) push(arena_.keep(buffer_));
    buffer_.clear();
  }
}

void WordReader::finish(std::vector<Word>& words) {
  if (buffer_.empty() && !quoted_) return;
  const std::string_view text = arena_.keep(buffer_);
  if (!quoted_ && words.size() < kMaxWord && push_braces(text)) return;
  push(text);
}

void WordReader::push(std::string_view text) {
  out_->push_back({.text = text,
                   .begin = static_cast<std::uint32_t>(begin_),
                   .end = static_cast<std::uint32_t>(at_),
                   .quoted = quoted_,
                   .flow = flow_});
}

// {a,b} as a whole word.
bool WordReader::push_braces(std::string_view text) {
  if (text.size() < 3 || text.front() != '{' || text.back() != '}') return false;
  text = text.substr(1, text.size() - 2);
  if (text.find(',') == std::string_view::npos ||
      text.find_first_of("{}") != std::string_view::npos)
    return false;
  for (const std::string_view part : base::split(text, ',')) {
    if (!part.empty()) push(part);
  }
  return true;
}

std::size_t WordReader::closing(std::size_t at, char open, char close, std::size_t depth) const {
  std::size_t brackets = 0;
  char quote = 0;
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '\\' && quote != '\'') {
      ++at;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
      // What is substituted within quotes has quotes of its own.
      if (quote == '"' && c == '$' && text_.substr(at + 1).starts_with('(') && depth < kMaxBrackets)
        at = closing(at + 2, '(', ')', depth + 1);
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == open) {
      ++brackets;
    } else if (c == close && brackets-- == 0) {
      return at;
    }
  }
  return text_.size();
}

}  // namespace shell
