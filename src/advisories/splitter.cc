#include "advisories/splitter.h"

#include <algorithm>

namespace advisories {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxName = 256;
constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) {
  return kBlanks.find(c) != std::string_view::npos;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

bool take(std::string_view& text, char c) {
  skip_blanks(text);
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// The next text in quotes, up to its end; without escapes in it.
std::optional<std::string_view> take_text(std::string_view& text) {
  if (!take(text, '"')) return std::nullopt;
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

}  // namespace

std::optional<Shape> shape_of(std::string_view prefix) {
  if (prefix.starts_with("\xef\xbb\xbf")) prefix.remove_prefix(3);
  std::string_view text = prefix;
  if (take(text, '[')) return Shape::Documents;
  if (!take(text, '{')) return std::nullopt;
  const auto first = take_text(text);
  if (!first || !take(text, ':')) return std::nullopt;
  skip_blanks(text);
  if (text.empty()) return std::nullopt;
  if (!take(text, '{')) return Shape::Documents;
  // Packages have records of vulnerabilities below them; a document has no such names in it.
  if (take(text, '}')) return Shape::Tracker;
  const auto second = take_text(text);
  if (!second) return std::nullopt;
  return second->starts_with("CVE-") || second->starts_with("TEMP-") ? Shape::Tracker
                                                                     : Shape::Documents;
}

Result<void> Splitter::wrong(const char* what) const {
  return fail(Code::Malformed, "JSON text", static_cast<std::int64_t>(offset_), what);
}

void Splitter::begin(char c) {
  recording_ = true;
  text_ = c == '"';
  scalar_ = c != '{' && c != '[' && c != '"';
  nesting_ = c == '{' || c == '[' ? 1 : 0;
  oversized_ = false;
  escaped_ = false;
  last_ = c;
  record_.assign(1, c);
}

// Appends to the record, unless that makes it too large.
void Splitter::take(std::string_view bytes) {
  if (oversized_) return;
  if (record_.size() + bytes.size() > most_) {
    oversized_ = true;
    record_.clear();
    return;
  }
  record_ += bytes;
}

void Splitter::give(const Sink& sink) {
  recording_ = false;
  named_ = false;
  if (oversized_) {
    ++too_large_;
    return;
  }
  if (record_.capacity() < record_.size() + kPadding)
    record_.reserve(record_.size() + record_.size() / 2 + kPadding);
  sink({.package = names_[0], .name = names_[1], .json = record_});
}

// Takes bytes of the record; says how many.
std::size_t Splitter::inside(std::string_view bytes, const Sink& sink) {
  const bool lines = shape_ == Shape::Documents && !list_;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (text_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        text_ = false;
      } else if (c == '\n' && lines) {
        // No text has an end of line in it: this line is broken, the next may be whole.
        ++broken_;
        recording_ = text_ = false;
        return i + 1;
      }
      if (text_ || nesting_ > 0) continue;
    } else if (c == '"') {
      text_ = true;
      continue;
    } else if (c == '{' || c == '[') {
      if (c == '{' && lines && (i == 0 ? last_ : bytes[i - 1]) == '\n') {
        // Documents begin so; what is within one is indented.
        ++broken_;
        recording_ = false;
        return i;
      }
      ++nesting_;
      continue;
    } else if (nesting_ > 0) {
      if ((c != '}' && c != ']') || --nesting_ > 0) continue;
    } else if (scalar_ && !is_blank(c) && c != ',' && c != '}' && c != ']') {
      continue;
    } else {
      // What ended it is none of its own.
      take(bytes.substr(0, i));
      give(sink);
      return i;
    }
    take(bytes.substr(0, i + 1));
    give(sink);
    return i + 1;
  }
  last_ = bytes.back();
  take(bytes);
  return bytes.size();
}

std::size_t Splitter::in_name(std::string_view bytes) {
  std::string& name = names_[depth_ - 1];
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      naming_ = false;
      named_ = true;
      return i + 1;
    }
    if (name.size() <= kMaxName) name += c;
  }
  return bytes.size();
}

// A character between records.
Result<void> Splitter::outside(char c) {
  if (is_blank(c) || c == ',' || c == ':') return {};
  if (over_) return wrong("there is more after its end");
  const bool names = shape_ == Shape::Tracker && depth_ > 0;
  if (c == '}' || c == ']') {
    if (depth_ == 0 || c != (shape_ == Shape::Tracker ? '}' : ']'))
      return wrong("a bracket that nothing opened");
    --depth_;
    named_ = false;
    over_ = depth_ == 0;
    return {};
  }
  if (names && !named_) {
    if (c != '"') return wrong("a name is missing");
    naming_ = true;
    escaped_ = false;
    names_[depth_ - 1].clear();
    return {};
  }
  if (shape_ == Shape::Documents && c == '[' && depth_ == 0 && !list_) {
    list_ = true;
    depth_ = 1;
    return {};
  }
  if (depth_ == record_depth()) {
    begin(c);
    return {};
  }
  if (c != '{') return wrong("not an object of packages and their vulnerabilities");
  ++depth_;
  named_ = false;
  return {};
}

Result<void> Splitter::feed(std::string_view bytes, const Sink& sink) {
  if (offset_ == 0 && bytes.starts_with("\xef\xbb\xbf")) {
    bytes.remove_prefix(3);
    offset_ = 3;
  }
  while (!bytes.empty()) {
    std::size_t used = 1;
    if (recording_) {
      used = inside(bytes, sink);
    } else if (naming_) {
      used = in_name(bytes);
      if (names_[depth_ - 1].size() > kMaxName) return fail(Code::TooLarge, "name", -1, "");
    } else {
      TRY(outside(bytes.front()));
    }
    offset_ += used;
    bytes.remove_prefix(used);
  }
  return {};
}

Result<void> Splitter::finish(const Sink& sink) {
  if (recording_ && scalar_ && nesting_ == 0 && !text_) give(sink);
  if (recording_ && shape_ == Shape::Documents && !list_) {
    ++broken_;  // the last line
    recording_ = false;
    return {};
  }
  if (recording_ || depth_ > 0)
    return fail(Code::Truncated, "JSON text", static_cast<std::int64_t>(offset_), "it ends early");
  return {};
}

}  // namespace advisories
