#include "agent/baseline/pattern.h"

#include <re2/re2.h>

namespace agent::baseline {

using base::Code;

struct Pattern::State {
  State(std::string_view text, const re2::RE2::Options& options)
      : expression(re2::StringPiece(text.data(), text.size()), options) {}
  re2::RE2 expression;
};

Pattern::Pattern(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

base::Result<Pattern> Pattern::compile(std::string_view text) {
  constexpr std::int64_t kMaxMemory = 1 << 20;
  if (text.size() > kMaxBytes) return base::fail(Code::TooLarge, "regular expression");
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  auto state = std::make_unique<State>(text, options);
  if (!state->expression.ok())
    return base::fail(Code::Malformed, "regular expression", -1, state->expression.error());
  return Pattern(std::move(state));
}

bool Pattern::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), state_->expression);
}

std::vector<std::string> alternatives_of(std::string_view pattern) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool in_set = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      parts.back() += c;
      parts.back() += pattern[++i];
      continue;
    }
    if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      in_set = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c == '|' && depth == 0) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

}  // namespace agent::baseline
