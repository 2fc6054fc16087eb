#include "dissect/described/source.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace dissect::described {

namespace {

// Walks over JSON that is known to be valid.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::size_t at() {
    blanks();
    return at_;
  }
  // Goes to the value of that member or element; false: there is none.
  bool enter(std::string_view step) {
    blanks();
    if (peek() == '{') return member(step);
    if (peek() == '[') return element(step);
    return false;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,:").contains(text_[at_]))
      ++at_;
  }
  // With its quotes.
  std::string_view quoted() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"')
      at_ += text_[at_] == '\\' ? 2U : 1U;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }
  void skip() {
    std::size_t depth = 0;
    do {
      blanks();
      const char c = peek();
      if (c == '\0') return;
      if (c == '"') {
        quoted();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') {
        if (depth == 0) return;
        --depth;
      }
      ++at_;
      if (c == '{' || c == '[' || c == '}' || c == ']') continue;
      while (at_ < text_.size() && !std::string_view(" \t\r\n,:{}[]\"").contains(text_[at_]))
        ++at_;
    } while (depth > 0);
  }
  bool member(std::string_view step) {
    const std::string wanted = base::json::quoted(step);
    ++at_;
    for (blanks(); peek() == '"'; blanks()) {
      const bool found = quoted() == wanted;
      blanks();
      if (found) return true;
      skip();
    }
    return false;
  }
  bool element(std::string_view step) {
    auto left = base::parse_int(step).value_or(0);
    ++at_;
    for (; left > 0; --left) {
      blanks();
      if (peek() == ']' || peek() == '\0') return false;
      skip();
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t line_of(std::string_view json, const Path& path) {
  Walk walk(json);
  std::size_t found = walk.at();
  for (const std::string& step : path) {
    if (!walk.enter(step)) break;
    found = walk.at();
  }
  const std::string_view before = json.substr(0, std::min(found, json.size()));
  return 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
}

void Source::problem(const Path& path, std::string_view what) {
  if (problems_.size() > kMostProblems) return;
  if (problems_.size() == kMostProblems) {
    problems_.push_back(fmt::format("{}: and more", file_));
    return;
  }
  problems_.push_back(fmt::format("{}:{}: {}", file_, line_of(text_, path), what));
}

base::Error Source::error() const {
  return {base::Code::Invalid, "protocol description", -1,
          fmt::format("{}", fmt::join(problems_, "\n"))};
}

Node::Node(Source& source, const base::json::Value& value, Path path)
    : source_(source), value_(value), path_(std::move(path)) {
  const base::json::Value::Object* const members = value.if_object();
  if (members == nullptr) {
    problem("has to be an object");
    return;
  }
  for (std::size_t i = 0; i < members->size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if ((*members)[i].name == (*members)[j].name)
        problem((*members)[i].name, fmt::format("\"{}\" is there twice", (*members)[i].name));
    }
  }
}

Path Node::path_to(std::string_view member) const {
  Path path = path_;
  path.emplace_back(member);
  return path;
}

const base::json::Value* Node::take(std::string_view member) {
  asked_.push_back(member);
  return value_.find(member);
}

std::string Node::text(std::string_view member) {
  const base::json::Value* const value = take(member);
  if (value == nullptr) {
    problem(fmt::format("\"{}\" is missing", member));
    return {};
  }
  const std::string* const text = value->if_string();
  if (text != nullptr && !text->empty()) return *text;
  problem(member, fmt::format("\"{}\" has to be text", member));
  return {};
}

std::string Node::text_or(std::string_view member, std::string_view otherwise) {
  if (!has(member)) {
    take(member);
    return std::string(otherwise);
  }
  return text(member);
}

bool Node::flag(std::string_view member, bool otherwise) {
  const base::json::Value* const value = take(member);
  if (value == nullptr) return otherwise;
  if (const bool* const flag = value->if_bool(); flag != nullptr) return *flag;
  problem(member, fmt::format("\"{}\" has to be true or false", member));
  return otherwise;
}

std::int64_t Node::number(std::string_view member, std::int64_t otherwise, std::int64_t least,
                          std::int64_t most) {
  const base::json::Value* const value = take(member);
  if (value == nullptr) return otherwise;
  const auto number = number_of(*value);
  if (number && *number >= least && *number <= most) return *number;
  problem(member, fmt::format("\"{}\" has to be a number from {} to {}", member, least, most));
  return otherwise;
}

std::vector<Node::Span> Node::numbers(std::string_view member, std::int64_t least,
                                      std::int64_t most) {
  const base::json::Value* const value = take(member);
  std::vector<Span> all;
  if (value == nullptr) return all;
  const base::json::Value::Array one = {*value};
  const base::json::Value::Array* list = value->if_array();
  if (list == nullptr) list = &one;
  for (const base::json::Value& element : *list) {
    std::optional<Span> span;
    if (const std::string* const text = element.if_string(); text != nullptr) {
      span = span_of(*text);
    } else if (const auto number = number_of(element)) {
      span = Span{*number, *number};
    }
    if (!span || span->from < least || span->to > most || span->from > span->to) {
      problem(member, fmt::format("\"{}\" has to be a number, a range as \"1-5\", or a list of "
                                  "them, from {} to {}",
                                  member, least, most));
      return {};
    }
    all.push_back(*span);
  }
  return all;
}

void Node::done() {
  const base::json::Value::Object* const members = value_.if_object();
  if (members == nullptr) return;
  for (const base::json::Member& one : *members) {
    if (std::ranges::find(asked_, one.name) != asked_.end()) continue;
    const auto meant = base::nearest(one.name, asked_);
    problem(one.name, meant ? fmt::format("\"{}\" is not known here; \"{}\"?", one.name, *meant)
                            : fmt::format("\"{}\" is not known here", one.name));
  }
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_of(const base::json::Value& value) {
  if (const std::int64_t* const number = value.if_int(); number != nullptr) return *number;
  if (const std::string* const text = value.if_string(); text != nullptr)
    return parse_number(*text);
  return std::nullopt;
}

std::optional<Node::Span> span_of(std::string_view text) {
  text = base::trim(text);
  const std::size_t dash = text.find('-', 1);
  const auto from = parse_number(base::trim(text.substr(0, dash)));
  if (dash == std::string_view::npos) {
    if (!from) return std::nullopt;
    return Node::Span{*from, *from};
  }
  const auto to = parse_number(base::trim(text.substr(dash + 1)));
  if (!from || !to) return std::nullopt;
  return Node::Span{*from, *to};
}

}  // namespace dissect::described
