#include "agent/baseline/lines.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace agent::baseline {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Where the set that starts at `at` ('[') ends, one past ']'; npos when it does not.
std::size_t set_end(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  i = pattern.find(']', i);
  return i == std::string_view::npos ? i : i + 1;
}

bool in_set(std::string_view set, char c) {
  const bool negated = set.starts_with('!') || set.starts_with('^');
  if (negated) set.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found = found || (set[i] <= c && c <= set[i + 2]);
      i += 2;
    } else {
      found = found || set[i] == c;
    }
  }
  return found != negated;
}

// One character of the text against one element of the pattern, which then ends at `next`.
bool element_matches(std::string_view pattern, std::size_t at, char c, std::size_t& next) {
  next = at + 1;
  if (pattern[at] == '?') return true;
  if (pattern[at] == '[') {
    const std::size_t end = set_end(pattern, at);
    if (end != std::string_view::npos) {
      next = end;
      return in_set(pattern.substr(at + 1, end - at - 2), c);
    }
  }
  return pattern[at] == c;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && is_blank(text[i]))
      ++i;
    const std::size_t start = i;
    while (i < text.size() && !is_blank(text[i]))
      ++i;
    if (i > start) words.push_back(text.substr(start, i - start));
  }
  return words;
}

std::vector<std::string> quoted_words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool any = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      any = true;
    } else if (c == '#' && word.empty() && !any) {
      break;
    } else if (is_blank(c)) {
      if (any || !word.empty()) words.push_back(std::move(word));
      word.clear();
      any = false;
    } else {
      word += c;
    }
  }
  if (any || !word.empty()) words.push_back(std::move(word));
  return words;
}

void each_line(std::string_view text, const std::function<void(std::string_view, int)>& on_line) {
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    on_line(line, ++number);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) {
      line = line.substr(0, i);
      break;
    }
  }
  return base::trim(line);
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Greedy with one point of return, the last star: time is at most the product of the lengths.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    std::size_t next = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && element_matches(pattern, p, text[t], next)) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

std::optional<long long> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<unsigned> mode_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size() || value > 07777)
    return std::nullopt;
  return value;
}

std::string mode_text(unsigned mode) {
  return fmt::format("{:04o}", mode & 07777U);
}

std::string joined(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

std::optional<std::string> shell_value(std::string_view text, std::string_view name) {
  std::optional<std::string> found;
  each_line(text, [&](std::string_view line, int) {
    line = base::trim(line);
    if (line.starts_with("export ")) line = base::trim(line.substr(7));
    if (!line.starts_with(name)) return;
    line.remove_prefix(name.size());
    if (!line.starts_with('=')) return;
    const std::vector<std::string> words = quoted_words_of(line.substr(1));
    found = words.empty() ? "" : words.front();
  });
  return found;
}

bool number_meets(long long value, std::string_view expectation) {
  const auto meets_one = [value](std::string_view word) {
    if (word.starts_with("<=")) return value <= number_of(word.substr(2)).value_or(value - 1);
    if (word.starts_with(">=")) return value >= number_of(word.substr(2)).value_or(value + 1);
    if (const std::size_t dots = word.find(".."); dots != std::string_view::npos) {
      const auto low = number_of(word.substr(0, dots));
      const auto high = number_of(word.substr(dots + 2));
      return low && high && *low <= value && value <= *high;
    }
    const auto exact = number_of(word);
    return exact && *exact == value;
  };
  const auto words = words_of(expectation);
  return std::any_of(words.begin(), words.end(), meets_one);
}

}  // namespace agent::baseline
