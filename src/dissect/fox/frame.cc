#include "dissect/fox/frame.h"

#include <algorithm>
#include <charconv>

namespace dissect::fox {

namespace {

constexpr std::string_view kMagic = "fox ";
constexpr std::size_t kMaxCounted = 16U << 20U;

std::string_view word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  const std::string_view taken = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  return taken;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool plain(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::optional<std::string_view> Lines::line() {
  const std::size_t end = text_.find('\n', at_);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text_.substr(at_, end - at_);
  at_ = end + 1;
  return taken;
}

Lines::Step Lines::header(Header& header) {
  const std::size_t seen = std::min(text_.size(), kMagic.size());
  if (text_.substr(0, seen) != kMagic.substr(0, seen)) return Step::Broken;
  const auto first = line();
  if (!first) return text_.size() > kMaxLine ? Step::Broken : Step::Wait;
  std::string_view rest = first->substr(std::min(first->size(), kMagic.size()));
  const std::string_view kind = word(rest);
  const auto own = number(word(rest));
  const std::string_view answers = word(rest);
  header.channel = word(rest);
  header.command = word(rest);
  if (kind.size() != 1 || kind[0] < 'a' || kind[0] > 'z' || !own || !rest.empty() ||
      !plain(header.channel) || !plain(header.command))
    return Step::Broken;
  header.kind = kind[0];
  header.number = *own;
  header.answers = number(answers);
  if (!header.answers && answers != "-1") return Step::Broken;
  const auto open = line();
  if (!open) return text_.size() - at_ > 1 ? Step::Broken : Step::Wait;
  if (*open != "{") return Step::Broken;
  depth_ = 1;
  return Step::Pair;
}

Lines::Step Lines::next(Pair& pair) {
  if (depth_ == 0) return Step::End;
  const std::size_t begin = at_;
  const auto whole = line();
  if (!whole) return text_.size() - begin > kMaxLine ? Step::Broken : Step::Wait;
  if (*whole == "}" || *whole == "};;") {
    const bool last = *whole == "};;";
    if (last != (depth_ == 1)) return Step::Broken;
    --depth_;
    return Step::Close;
  }
  const std::size_t equals = whole->find('=');
  const std::size_t colon = whole->find(':', equals == std::string_view::npos ? 0 : equals);
  if (equals == std::string_view::npos || colon == std::string_view::npos || equals == 0)
    return Step::Broken;
  pair.name = whole->substr(0, equals);
  pair.type = whole->substr(equals + 1, colon - equals - 1);
  pair.value = whole->substr(colon + 1);
  pair.counted = false;
  if (pair.type == "m" && pair.value == "{") {
    if (++depth_ > kMaxDepth) return Step::Broken;
    return Step::Open;
  }
  if (pair.type == "b" || pair.type == "o") return counted(pair, begin + colon + 1);
  return whole->size() > kMaxLine ? Step::Broken : Step::Pair;
}

// "44[...]" or "bog 61[...]": so many bytes, whatever they are, and a line's end.
Lines::Step Lines::counted(Pair& pair, std::size_t begin) {
  const std::string_view rest = text_.substr(begin);
  const std::size_t bracket = rest.substr(0, 64).find('[');
  if (bracket == std::string_view::npos) return Step::Pair;  // none: null
  std::string_view before = rest.substr(0, bracket);
  const std::size_t space = before.find(' ');
  if (space != std::string_view::npos) before = before.substr(space + 1);
  const auto count = number(before);
  if (!count || *count > kMaxCounted) return Step::Broken;
  const std::size_t end = bracket + 1 + static_cast<std::size_t>(*count);
  if (rest.size() < end + 2) return Step::Wait;
  if (rest.substr(end, 2) != "]\n") return Step::Broken;
  pair.value = rest.substr(bracket + 1, static_cast<std::size_t>(*count));
  pair.counted = true;
  at_ = begin + end + 2;
  return Step::Pair;
}

}  // namespace dissect::fox
