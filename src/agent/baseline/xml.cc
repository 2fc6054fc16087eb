#include "agent/baseline/xml.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '-' || c == '.' || (c & 0x80) != 0;
}

void append_utf8(unsigned code, std::string& out) {
  const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0U | (code >> 6U));
    byte(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    byte(0xE0U | (code >> 12U));
    byte(0x80U | ((code >> 6U) & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  } else {
    byte(0xF0U | (code >> 18U));
    byte(0x80U | ((code >> 12U) & 0x3FU));
    byte(0x80U | ((code >> 6U) & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  }
}

// "lt", "#60", "#x3C"; false: no such thing.
bool append_entity(std::string_view name, std::string& out) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, character] : kNamed) {
    if (name == known) {
      out += character;
      return true;
    }
  }
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const bool hex = name.starts_with('x');
  if (hex) name.remove_prefix(1);
  unsigned code = 0;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), code, hex ? 16 : 10);
  if (error != std::errc() || end != name.data() + name.size() || name.empty()) return false;
  const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
  if (control || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  append_utf8(code, out);
  return true;
}

}  // namespace

std::string_view XmlReader::Piece::attribute(std::string_view wanted) const {
  for (const auto& [key, value] : attributes) {
    if (key == wanted) return value;
  }
  return {};
}

XmlReader::XmlReader(std::string_view text) : text_(text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
}

std::size_t XmlReader::line() const {
  const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size()));
  return 1 + static_cast<std::size_t>(std::count(text_.begin(), end, '\n'));
}

std::unexpected<base::Error> XmlReader::malformed(const char* what) const {
  return std::unexpected(base::Error{.code = Code::Malformed,
                                     .what = "XML",
                                     .at = static_cast<std::int64_t>(at_),
                                     .detail = "line " + std::to_string(line()) + ": " + what});
}

Result<XmlReader::Piece> XmlReader::next() {
  if (at_ == 0) {
    if (text_.size() > kMaxBytes) return base::fail(Code::TooLarge, "XML");
    if (!base::is_utf8(text_)) return malformed("not UTF-8");
  }
  if (pending_end_) {
    pending_end_ = false;
    Piece piece{
        .kind = Kind::End, .name = open_.back(), .attributes = {}, .text = {}, .line = line()};
    open_.pop_back();
    ended_ = open_.empty();
    return piece;
  }
  while (at_ < text_.size()) {
    if (at("<!--")) {
      TRY(skip_past("-->", "a comment without an end"));
    } else if (at("<?")) {
      TRY(instruction());
    } else if (at("<")) {
      return markup();
    } else {
      const std::size_t end = std::min(text_.find('<', at_), text_.size());
      Piece piece{.kind = Kind::Text, .name = {}, .attributes = {}, .text = {}, .line = line()};
      const std::string_view raw = text_.substr(at_, end - at_);
      const bool blank = std::all_of(raw.begin(), raw.end(), is_space);
      if (open_.empty() && !blank) return malformed("text outside of the outermost element");
      if (!blank) piece.text = TRY(decoded(raw));
      at_ = end;
      if (!blank) return piece;
    }
  }
  if (!open_.empty()) return malformed("the end is missing");
  if (!ended_) return malformed("no element");
  return Piece{};
}

Result<void> XmlReader::skip_past(std::string_view end, const char* what) {
  const std::size_t found = text_.find(end, at_);
  if (found == std::string_view::npos) return malformed(what);
  at_ = found + end.size();
  return {};
}

Result<void> XmlReader::instruction() {
  const std::size_t start = at_;
  TRY(skip_past("?>", "an instruction without an end"));
  const std::string declaration = base::to_lower(text_.substr(start, at_ - start));
  if (!declaration.starts_with("<?xml ")) return {};
  const std::size_t encoding = declaration.find("encoding");
  if (encoding == std::string::npos) return {};
  if (declaration.find("utf-8", encoding) == std::string::npos &&
      declaration.find("us-ascii", encoding) == std::string::npos)
    return base::fail(Code::Unsupported, "XML", -1, "an encoding other than UTF-8");
  return {};
}

Result<XmlReader::Piece> XmlReader::markup() {
  constexpr std::string_view kData = "<![CDATA[";
  if (at(kData)) {
    if (open_.empty()) return malformed("text outside of the outermost element");
    Piece piece{.kind = Kind::Text, .name = {}, .attributes = {}, .text = {}, .line = line()};
    const std::size_t start = at_ + kData.size();
    TRY(skip_past("]]>", "CDATA without an end"));
    piece.text = text_.substr(start, at_ - 3 - start);
    return piece;
  }
  if (at("<!"))
    return base::fail(Code::Unsupported, "XML", static_cast<std::int64_t>(at_),
                      "line " + std::to_string(line()) + ": a document type");
  return at("</") ? end_tag() : start_tag();
}

void XmlReader::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_]))
    ++at_;
}

std::string_view XmlReader::name() {
  const std::size_t start = at_;
  while (at_ < text_.size() && is_name_character(text_[at_]))
    ++at_;
  const std::string_view found = text_.substr(start, at_ - start);
  const bool starts_badly = !found.empty() && (found[0] == '-' || found[0] == '.' ||
                                               (found[0] >= '0' && found[0] <= '9'));
  return starts_badly ? std::string_view() : found;
}

Result<XmlReader::Piece> XmlReader::start_tag() {
  if (ended_) return malformed("a second outermost element");
  if (open_.size() >= kMaxDepth) return base::fail(Code::TooLarge, "XML", -1, "nesting");
  Piece piece{.kind = Kind::Start, .name = {}, .attributes = {}, .text = {}, .line = line()};
  ++at_;
  piece.name = name();
  if (piece.name.empty()) return malformed("an element without a name");
  for (;;) {
    const std::size_t before = at_;
    skip_space();
    if (at("/>")) {
      at_ += 2;
      pending_end_ = true;
      break;
    }
    if (at(">")) {
      ++at_;
      break;
    }
    if (at_ == before) return malformed("a tag without an end");
    TRY(attribute(piece));
  }
  open_.push_back(piece.name);
  return piece;
}

Result<void> XmlReader::attribute(Piece& piece) {
  if (piece.attributes.size() >= kMaxAttributes)
    return base::fail(Code::TooLarge, "XML", -1, "attributes");
  const std::string key(name());
  if (key.empty()) return malformed("an attribute without a name");
  skip_space();
  if (!at("=")) return malformed("an attribute without a value");
  ++at_;
  skip_space();
  if (!at("\"") && !at("'")) return malformed("an attribute's value without quotes");
  const char quote = text_[at_++];
  const std::size_t end = text_.find(quote, at_);
  if (end == std::string_view::npos) return malformed("an attribute's value without an end");
  const std::string_view raw = text_.substr(at_, end - at_);
  if (raw.find('<') != std::string_view::npos) return malformed("'<' in an attribute's value");
  for (const auto& [known, unused] : piece.attributes) {
    if (known == key) return malformed("an attribute given twice");
  }
  // White space of any kind is a blank here.
  std::string spaced(raw);
  std::replace_if(spaced.begin(), spaced.end(), is_space, ' ');
  std::string value = TRY(decoded(spaced));
  piece.attributes.emplace_back(key, std::move(value));
  at_ = end + 1;
  return {};
}

Result<XmlReader::Piece> XmlReader::end_tag() {
  Piece piece{.kind = Kind::End, .name = {}, .attributes = {}, .text = {}, .line = line()};
  at_ += 2;
  piece.name = name();
  skip_space();
  if (!at(">")) return malformed("a tag without an end");
  if (open_.empty() || open_.back() != piece.name) return malformed("an end that fits no start");
  ++at_;
  open_.pop_back();
  ended_ = open_.empty();
  return piece;
}

Result<std::string> XmlReader::decoded(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const std::size_t ampersand = std::min(raw.find('&'), raw.size());
    out += raw.substr(0, ampersand);
    raw.remove_prefix(ampersand);
    if (raw.empty()) break;
    const std::size_t end = raw.find(';');
    if (end == std::string_view::npos || !append_entity(raw.substr(1, end - 1), out))
      return malformed("an unknown entity");
    raw.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace agent::baseline
