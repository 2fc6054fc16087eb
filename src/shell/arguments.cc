#include "shell/arguments.h"

#include <algorithm>
#include <array>

namespace shell {
namespace {

constexpr std::array<char, 256> kDashes = [] {
  std::array<char, 256> out{};
  for (std::size_t i = 0; i < 128; ++i) {
    out[2 * i] = '-';
    out[2 * i + 1] = static_cast<char>(i);
  }
  return out;
}();

bool is_option(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "-x"; static.
std::string_view short_name(char letter) {
  const auto index = static_cast<std::size_t>(static_cast<unsigned char>(letter)) & 0x7FU;
  return {kDashes.data() + 2 * index, 2};
}

}  // namespace

void Arguments::read(std::span<const Word> words, const Takes* takes) {
  options_.clear();
  clusters_.clear();
  operands_.clear();
  bool ended = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view text = words[i].text;
    if (ended || !is_option(text)) {
      operands_.push_back(&words[i]);
    } else if (text == "--") {
      ended = true;
    } else if (text[1] == '-') {
      i = read_long(words, i, takes);
    } else {
      i = read_short(words, i, takes);
    }
  }
}

std::size_t Arguments::read_long(std::span<const Word> words, std::size_t at, const Takes* takes) {
  const std::string_view text = words[at].text;
  const std::size_t equals = text.find('=');
  if (equals != std::string_view::npos) {
    options_.push_back({text.substr(0, equals), text.substr(equals + 1), text});
    return at;
  }
  const bool next = at + 1 < words.size();
  const bool takes_next =
      takes != nullptr ? takes_word(*takes, text) : next && !is_option(words[at + 1].text);
  options_.push_back({text, next && takes_next ? words[at + 1].text : std::string_view(), {}});
  return takes != nullptr && takes_next && next ? at + 1 : at;
}

std::size_t Arguments::read_short(std::span<const Word> words, std::size_t at, const Takes* takes) {
  const std::string_view text = words[at].text;
  const bool next = at + 1 < words.size();
  if (text.size() > 2) clusters_.push_back(text);
  if (takes != nullptr && takes_word(*takes, text)) {
    options_.push_back({text, next ? words[at + 1].text : std::string_view(), {}});
    return next ? at + 1 : at;
  }
  for (std::size_t i = 1; i < text.size() && is_letter(text[i]); ++i) {
    const std::string_view rest = text.substr(i + 1);
    if (takes != nullptr && takes_letter(*takes, text[i])) {
      if (!rest.empty() || !next) {
        options_.push_back({short_name(text[i]), rest, {}});
        return at;
      }
      options_.push_back({short_name(text[i]), words[at + 1].text, {}});
      return at + 1;
    }
    std::string_view value;
    if (takes == nullptr && i == 1) value = rest;
    if (takes == nullptr && rest.empty() && next && !is_option(words[at + 1].text))
      value = words[at + 1].text;
    options_.push_back({short_name(text[i]), value, {}});
  }
  return at;
}

bool Arguments::has(std::string_view option) const {
  return std::ranges::find(options_, option, &GivenOption::name) != options_.end() ||
         std::ranges::find(clusters_, option) != clusters_.end();
}

std::optional<std::string_view> Arguments::value(
    std::initializer_list<std::string_view> names) const {
  std::optional<std::string_view> out;
  for (const GivenOption& option : options_) {
    const bool named = std::ranges::find(names, option.name) != names.end();
    if (named && !option.value.empty()) out = option.value;
  }
  return out;
}

std::size_t skip_wrapper(std::span<const Word> words, const Wrapper& wrapper,
                         std::vector<Word>& assignments) {
  std::size_t before = wrapper.before;
  bool ended = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view text = words[i].text;
    if (!ended && is_option(text)) {
      if (text == "--") {
        ended = true;
      } else if (text[1] == '-') {
        const bool equals = text.find('=') != std::string_view::npos;
        if (!equals && takes_word(wrapper.takes, text)) ++i;
      } else {
        const auto found = std::ranges::find_if(
            text.substr(1), [&](char c) { return takes_letter(wrapper.takes, c); });
        // The value is the rest of the word, or the next one.
        if (found != text.end() && found + 1 == text.end()) ++i;
      }
    } else if (wrapper.assignments && is_assignment(text)) {
      assignments.push_back(words[i]);
    } else if (before > 0) {
      --before;
    } else {
      return i;
    }
  }
  return words.size();
}

bool is_loader(std::string_view name) {
  if (name == "ld.so") return true;
  return (name.starts_with("ld-") || name.starts_with("ld64") || name.starts_with("ld.so")) &&
         name.find(".so") != std::string_view::npos;
}

std::size_t skip_loader(std::span<const Word> words) {
  constexpr Takes kTakes = {
      "",
      "--library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-prepend "
      "--glibc-hwcaps-mask"};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view text = words[i].text;
    if (!is_option(text)) return i;
    if (text == "--list" || text == "--verify" || text == "--help" || text == "--version" ||
        text == "--list-tunables" || text == "--list-diagnostics")
      return words.size();
    if (takes_word(kTakes, text)) ++i;
  }
  return words.size();
}

}  // namespace shell
