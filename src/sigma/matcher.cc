#include "sigma/matcher.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include "base/text.h"
#include "sigma/pattern.h"
#include "sigma/time_part.h"

namespace sigma {
namespace {

// Shorter pieces of a regular expression do not help to tell texts apart.
constexpr int kMinAtom = 3;
// Larger ones are not searched for together with others.
constexpr int kRegexProgram = 1000;
constexpr std::int64_t kRegexMemory = std::int64_t{8} << 20;

// Greedy with one point of return, linear for each star: no pattern can make it slow.
bool glob(const std::vector<Piece>& pieces, std::string_view text);

bool literal_at(const Piece& piece, std::string_view text, std::size_t at) {
  if (piece.kind == Piece::Kind::AnyCharacter) return at < text.size();
  return text.substr(at).starts_with(piece.text);
}

// One character, as UTF-8 counts them, for '?'.
std::size_t length_at(const Piece& piece, std::string_view text, std::size_t at) {
  if (piece.kind == Piece::Kind::Literal) return piece.text.size();
  std::size_t length = 1;
  while (at + length < text.size() &&
         (static_cast<unsigned char>(text[at + length]) & 0xC0U) == 0x80U)
    ++length;
  return length;
}

bool glob(const std::vector<Piece>& pieces, std::string_view text) {
  std::size_t piece = 0;
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;  // the piece after the last star
  std::size_t retry = 0;                      // where its text would begin next
  while (true) {
    if (piece == pieces.size()) {
      if (at == text.size()) return true;
    } else if (pieces[piece].kind == Piece::Kind::AnyText) {
      star = ++piece;
      retry = at;
      if (star == pieces.size()) return true;
      continue;
    } else if (literal_at(pieces[piece], text, at)) {
      at += length_at(pieces[piece], text, at);
      ++piece;
      continue;
    }
    if (star == std::string_view::npos || retry >= text.size()) return false;
    at = ++retry;
    piece = star;
  }
}

// A pattern often names what stands around the thing that it looks for; the thing is in a group.
std::string_view longest_group(const RE2& regex, std::string_view text) {
  constexpr int kGroups = 16;
  std::array<re2::StringPiece, kGroups> groups;
  const int count = std::min(kGroups, regex.NumberOfCapturingGroups() + 1);
  const re2::StringPiece whole(text.data(), text.size());
  if (!regex.Match(whole, 0, text.size(), RE2::UNANCHORED, groups.data(), count)) return {};
  re2::StringPiece longest;
  for (int i = 1; i < count; ++i) {
    const re2::StringPiece& group = groups[static_cast<std::size_t>(i)];
    if (group.size() > longest.size()) longest = group;
  }
  if (longest.empty()) longest = groups[0];
  return {longest.data(), longest.size()};
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

struct Matcher::Variant {
  enum class Shape : std::uint8_t { Exact, Prefix, Suffix, Substring, Any, Glob };
  Shape shape = Shape::Glob;
  std::string literal;
  std::vector<Piece> pieces;
};

struct Matcher::Block {
  Cidr cidr;
};

Matcher::Matcher() = default;
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

std::expected<Matcher, std::string> Matcher::compile(const Pattern& pattern) {
  Matcher out;
  out.compare_ = pattern.compare;
  out.letters_ = pattern.letters;
  out.number_ = pattern.number;
  out.part_ = pattern.part;
  out.expected_ = pattern.expected;
  for (const std::vector<Piece>& pieces : pattern.variants) {
    using Kind = Piece::Kind;
    Variant variant{Variant::Shape::Glob, {}, pieces};
    for (Piece& piece : variant.pieces) {
      if (out.letters_ == Case::Insensitive) piece.text = base::to_lower(piece.text);
    }
    const auto& parts = variant.pieces;
    const bool first = !parts.empty() && parts.front().kind == Kind::AnyText;
    const bool last = !parts.empty() && parts.back().kind == Kind::AnyText;
    const std::size_t inner =
        parts.size() - (first ? 1U : 0U) - (last && parts.size() > 1 ? 1U : 0U);
    const Piece* only = inner == 1 ? &parts[first ? 1 : 0] : nullptr;
    if (parts.empty()) {
      variant.shape = Variant::Shape::Exact;
    } else if (inner == 0) {
      variant.shape = Variant::Shape::Any;
    } else if (only != nullptr && only->kind == Kind::Literal) {
      variant.literal = only->text;
      variant.shape = first && last ? Variant::Shape::Substring
                      : first       ? Variant::Shape::Suffix
                      : last        ? Variant::Shape::Prefix
                                    : Variant::Shape::Exact;
    }
    out.variants_.push_back(std::move(variant));
  }
  if (pattern.compare == Compare::Cidr)
    out.block_ = std::make_unique<Block>(Block{*parse_cidr(pattern.text)});
  if (pattern.compare != Compare::Regex) return out;

  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  out.regex_ = std::make_unique<RE2>(pattern.text, options);
  if (!out.regex_->ok()) {
    return std::unexpected(
        "expected a regular expression (RE2: no look-around, no back references): " +
        out.regex_->error());
  }
  re2::FilteredRE2 filter(kMinAtom);
  int id = 0;
  if (filter.Add(pattern.text, options, &id) == RE2::NoError) filter.Compile(&out.regex_witness_);
  return out;
}

Clue Matcher::clue_of(const Variant& variant) {
  std::string text = base::to_lower(variant.literal);
  switch (variant.shape) {
    case Variant::Shape::Exact:
      return {Clue::Kind::Whole, std::move(text)};
    case Variant::Shape::Prefix:
      return {Clue::Kind::Start, std::move(text)};
    case Variant::Shape::Suffix:
      return {Clue::Kind::End, std::move(text)};
    case Variant::Shape::Substring:
      return {Clue::Kind::Anywhere, std::move(text)};
    case Variant::Shape::Any:
    case Variant::Shape::Glob:
      break;
  }
  for (const Piece& piece : variant.pieces) {
    if (piece.text.size() > text.size()) text = base::to_lower(piece.text);
  }
  return {text.empty() ? Clue::Kind::Present : Clue::Kind::Anywhere, std::move(text)};
}

bool Matcher::matches_text(std::string_view text) const {
  for (const Variant& variant : variants_) {
    const std::string_view literal = variant.literal;
    bool matched = false;
    switch (variant.shape) {
      case Variant::Shape::Exact:
        matched = text == literal;
        break;
      case Variant::Shape::Prefix:
        matched = text.starts_with(literal);
        break;
      case Variant::Shape::Suffix:
        matched = text.ends_with(literal);
        break;
      case Variant::Shape::Substring:
        matched = text.find(literal) != std::string_view::npos;
        break;
      case Variant::Shape::Any:
        matched = true;
        break;
      case Variant::Shape::Glob:
        matched = glob(variant.pieces, text);
        break;
    }
    if (matched) return true;
  }
  return false;
}

bool Matcher::matches(const std::optional<std::string_view>& text, std::string_view lower,
                      const std::optional<std::string_view>& other) const {
  if (compare_ == Compare::Exists) return text.has_value() == expected_;
  if (compare_ == Compare::Null) return !text || text->empty();
  if (!text) return false;
  switch (compare_) {
    case Compare::Text:
      return matches_text(letters_ == Case::Insensitive ? lower : *text);
    case Compare::Regex:
      return RE2::PartialMatch(re2::StringPiece(text->data(), text->size()), *regex_);
    case Compare::Cidr:
      return in_cidr(block_->cidr, *text);
    case Compare::FieldRef:
      if (!other) return false;
      return letters_ == Case::Insensitive ? base::equal_ignore_case(*text, *other)
                                           : *text == *other;
    default:
      break;
  }
  const auto number = part_ == TimePart::None ? number_of(*text) : time_part(*text, part_);
  if (!number) return false;
  switch (compare_) {
    case Compare::Less:
      return *number < number_;
    case Compare::LessEqual:
      return *number <= number_;
    case Compare::Greater:
      return *number > number_;
    case Compare::Equal:
      return *number == number_;
    default:
      return *number >= number_;
  }
}

std::string_view Matcher::found(std::string_view text, std::string_view lower) const {
  if (compare_ == Compare::Regex) return longest_group(*regex_, text);
  if (compare_ != Compare::Text) return {};
  const std::string_view where = letters_ == Case::Insensitive ? lower : text;
  for (const Variant& variant : variants_) {
    std::string_view literal = variant.literal;
    for (const Piece& piece : variant.pieces) {
      if (variant.literal.empty() && piece.text.size() > literal.size()) literal = piece.text;
    }
    const bool last = variant.shape == Variant::Shape::Suffix;
    const std::size_t at = last ? where.rfind(literal) : where.find(literal);
    if (!literal.empty() && at != std::string_view::npos) return text.substr(at, literal.size());
  }
  return {};
}

std::vector<Clue> Matcher::clues() const {
  const std::vector<Clue> present = {{Clue::Kind::Present, ""}};
  switch (compare_) {
    case Compare::Null:
      return {};
    case Compare::Exists:
      return expected_ ? present : std::vector<Clue>();
    case Compare::Regex:
      if (regex_witness_.empty()) {
        if (regex_->ProgramSize() > kRegexProgram) return present;
        return {{Clue::Kind::Regex, regex_->pattern()}};
      }
      break;
    case Compare::Text:
      break;
    default:
      return present;
  }
  std::vector<Clue> out;
  for (const std::string& atom : regex_witness_)
    out.push_back({Clue::Kind::Anywhere, atom});
  for (const Variant& variant : variants_) {
    auto clue = clue_of(variant);
    if (clue.kind == Clue::Kind::Present) return present;
    out.push_back(std::move(clue));
  }
  return out;
}

std::vector<Clue> Matcher::same_as() const {
  if (compare_ != Compare::Text || letters_ != Case::Insensitive) return {};
  std::vector<Clue> out;
  for (const Variant& variant : variants_) {
    if (variant.shape == Variant::Shape::Glob || variant.shape == Variant::Shape::Any) return {};
    out.push_back(clue_of(variant));
  }
  return out;
}

std::uint32_t Matcher::cost() const {
  switch (compare_) {
    case Compare::Exists:
    case Compare::Null:
      return 1;
    case Compare::Regex:
      return 200;
    case Compare::Text:
      break;
    default:
      return 20;
  }
  std::uint32_t cost = 0;
  for (const Variant& variant : variants_)
    cost += variant.shape == Variant::Shape::Glob        ? 20
            : variant.shape == Variant::Shape::Substring ? 5
                                                         : 1;
  return cost;
}

}  // namespace sigma
