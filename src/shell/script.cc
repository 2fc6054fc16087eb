#include "shell/script.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"
#include "shell/decode.h"
#include "shell/word_reader.h"

namespace shell {
namespace {

constexpr std::array<std::string_view, 13> kPassedOver = {
    "!", "coproc", "do", "elif", "else", "fi", "if", "then", "time", "{", "}", "function", "esac"};

class Parser {
 public:
  Parser(std::string_view text, ScriptHost& host, Arena& arena)
      : text_(text), host_(host), reader_(text, host, arena) {}

  void read() {
    while (at_ < text_.size() && !host_.full()) {
      const std::size_t before = at_;
      step();
      // Whatever the text is: on.
      if (at_ == before) ++at_;
    }
    end_pipeline();
    while (loops_ > 0)
      leave_loop();
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '\\' && text_.substr(at_ + 1).starts_with('\n')) {
      at_ += 2;
    } else if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '\n') {
      end_pipeline();
      at_ = std::max(at_ + 1, here_end_);
    } else if (in_pattern_) {
      pass_pattern();
    } else if (is_redirect()) {
      redirect();
    } else if (std::string_view(";&|()").find(c) != std::string_view::npos) {
      separator();
    } else {
      word();
    }
  }

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool at_command() const {
    return current_.words.empty() && current_.assignments.empty() && current_.redirects.empty();
  }

  void end_stage() { pipeline_.push_back(std::exchange(current_, {})); }

  void end_pipeline() {
    if (!at_command() || !pipeline_.empty()) end_stage();
    if (!pipeline_.empty()) host_.run(pipeline_);
    pipeline_.clear();
  }

  void leave_loop() {
    --loops_;
    host_.leave_loop();
  }

  void separator() {
    const char c = text_[at_];
    if (starts("((") && at_command()) {
      const std::size_t end = text_.find("))", at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
      return;
    }
    // A function's name.
    if (starts("()") && current_.words.size() == 1) {
      current_ = {};
      at_ += 2;
      return;
    }
    if (c == '|' && !starts("||")) {
      end_stage();
      at_ += starts("|&") ? 2U : 1U;
      return;
    }
    if (c != '(') end_pipeline();
    if (c == '(' && !at_command() && !current_.words.empty()) {
      // No command language: an array, or the code of another one.
      current_.words.push_back(raw(at_, at_ + 1));
    }
    if (starts(";;")) in_pattern_ = cases_ > 0;
    at_ += starts(";;") || starts("&&") || starts("||") ? 2U : 1U;
  }

  Word raw(std::size_t begin, std::size_t end) const {
    return {.text = text_.substr(begin, end - begin),
            .begin = static_cast<std::uint32_t>(begin),
            .end = static_cast<std::uint32_t>(end)};
  }

  // A pattern of `case`, up to its bracket.
  void pass_pattern() {
    if (starts("esac")) {
      in_pattern_ = false;
      --cases_;
      at_ += 4;
      return;
    }
    const std::size_t end = text_.find(')', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    in_pattern_ = false;
  }

  bool is_redirect() const {
    std::size_t i = at_;
    while (i < text_.size() && text_[i] >= '0' && text_[i] <= '9' && i - at_ < 4)
      ++i;
    if (i == text_.size()) return false;
    if (text_[i] == '<' || text_[i] == '>') {
      const bool file = text_.substr(i + 1).starts_with('(');
      return !file || i != at_;
    }
    return i == at_ && (starts("&>") || starts("&<"));
  }

  void redirect() {
    Redirect out;
    bool numbered = false;
    for (; text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      out.descriptor = out.descriptor * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
      numbered = true;
    }
    if (text_[at_] == '&') ++at_;
    const bool reads = text_[at_] == '<';
    if (!numbered) out.descriptor = reads ? 0 : 1;
    if (starts("<<<")) {
      at_ += 3;
      out.kind = Redirect::Kind::Text;
    } else if (starts("<<")) {
      here_document(out);
      current_.redirects.push_back(std::move(out));
      return;
    } else {
      out.kind = reads && !starts("<>") ? Redirect::Kind::Read : Redirect::Kind::Write;
      ++at_;
      out.appends = !reads && starts(">");
      while (at_ < text_.size() && (text_[at_] == '>' || text_[at_] == '|'))
        ++at_;
      // To or from a descriptor, or both streams to a file.
      if (starts("&")) {
        ++at_;
        const char next = at_ < text_.size() ? text_[at_] : '-';
        if (next == '-' || (next >= '0' && next <= '9')) out.kind = Redirect::Kind::Other;
      }
    }
    pass_blanks();
    words_.clear();
    at_ = reader_.read(at_, words_);
    if (words_.empty()) return;
    out.target = words_.front();
    current_.redirects.push_back(std::move(out));
  }

  // The text of <<END begins in the next line.
  void here_document(Redirect& out) {
    at_ += 2;
    const bool tabs = starts("-");
    if (tabs) ++at_;
    pass_blanks();
    std::string end_line;
    for (; at_ < text_.size() &&
           std::string_view(" \t\n;&|<>()").find(text_[at_]) == std::string_view::npos;
         ++at_) {
      if (text_[at_] != '"' && text_[at_] != '\'' && text_[at_] != '\\') end_line += text_[at_];
    }
    const std::size_t line_end = std::min(text_.find('\n', at_), text_.size());
    const std::size_t begin = std::min(std::max(line_end + 1, here_end_), text_.size());
    std::size_t line = begin;
    out.kind = Redirect::Kind::Text;
    while (line < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', line), text_.size());
      std::string_view content = text_.substr(line, end - line);
      while (tabs && content.starts_with('\t'))
        content.remove_prefix(1);
      if (content == end_line) {
        out.target = raw(begin, line);
        here_end_ = std::min(end + 1, text_.size());
        return;
      }
      line = end + 1;
    }
    out.target = raw(begin, text_.size());
    here_end_ = text_.size();
  }

  void pass_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
  }

  void word() {
    words_.clear();
    const std::size_t begin = at_;
    const bool first = current_.words.empty();
    const bool command = at_command();
    at_ = reader_.read(at_, words_);
    if (words_.size() == 1 && command && !words_.front().quoted && keyword(words_.front().text))
      return;
    if (first && !words_.empty() && is_assignment(text_.substr(begin, at_ - begin))) {
      assignment(begin);
      return;
    }
    current_.words.insert(current_.words.end(), words_.begin(), words_.end());
  }

  void assignment(std::size_t begin) {
    Word whole = words_.front();
    if (whole.text.ends_with('=') && starts("(")) {
      const std::size_t end = text_.find(')', at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 1;
      whole = raw(begin, at_);
    }
    current_.assignments.push_back(whole);
    // What an expansion brought is no further assignment.
    current_.words.insert(current_.words.end(), words_.begin() + 1, words_.end());
  }

  // Whether it is a word of the language itself, which was dealt with.
  bool keyword(std::string_view word) {
    if (word == "for" || word == "select") {
      begin_for(word);
    } else if (word == "while" || word == "until") {
      ++loops_;
      host_.enter_loop(word, {}, {});
    } else if (word == "done") {
      if (loops_ > 0) leave_loop();
    } else if (word == "case") {
      words_.clear();
      pass_blanks();
      at_ = reader_.read(at_, words_);
      const std::size_t in = text_.find("in", at_);
      if (in == std::string_view::npos) return true;
      at_ = in + 2;
      ++cases_;
      in_pattern_ = true;
    } else if (word == "[[") {
      std::size_t end = text_.find("]]", at_);
      if (end == std::string_view::npos) end = text_.size();
      current_.words.push_back(raw(at_ - 2, at_));
      current_.words.push_back(raw(at_, end));
      at_ = std::min(end + 2, text_.size());
    } else if (std::ranges::find(kPassedOver, word) != kPassedOver.end()) {
      if (word == "esac" && cases_ > 0) --cases_;
      if (word == "function") {
        words_.clear();
        pass_blanks();
        at_ = reader_.read(at_, words_);
        if (starts("()")) at_ += 2;
      }
    } else {
      return false;
    }
    return true;
  }

  void begin_for(std::string_view kind) {
    ++loops_;
    pass_blanks();
    if (starts("((")) {
      const std::size_t end = text_.find("))", at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
      host_.enter_loop(kind, {}, {});
      return;
    }
    std::vector<Word> words;
    const std::size_t line = std::min(text_.find_first_of(";\n", at_), text_.size());
    while (at_ < line) {
      const std::size_t before = at_;
      pass_blanks();
      if (at_ >= line) break;
      at_ = reader_.read(at_, words);
      if (at_ == before) break;
    }
    const std::string_view name = words.empty() ? std::string_view() : words.front().text;
    // `for NAME in`; without `in` it goes through what the script was given.
    const std::size_t over = std::min<std::size_t>(words.size(), 2);
    host_.enter_loop(kind, name, std::span<const Word>(words).subspan(over));
  }

  std::string_view text_;
  ScriptHost& host_;
  WordReader reader_;
  std::size_t at_ = 0;
  std::size_t here_end_ = 0;  // behind the last here-document
  std::size_t loops_ = 0;
  std::size_t cases_ = 0;
  bool in_pattern_ = false;
  std::vector<SimpleCommand> pipeline_;
  SimpleCommand current_;
  std::vector<Word> words_;
};

}  // namespace

void read_script(std::string_view text, ScriptHost& host, Arena& arena) {
  Parser(text, host, arena).read();
}

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos) return false;
  std::string_view name = word.substr(0, equals);
  if (name.ends_with('+')) name.remove_suffix(1);
  return is_variable_name(name);
}

void split_words(std::string_view line, std::vector<Word>& words) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && blank(line[at]))
      ++at;
    if (at == line.size()) return;
    Word word{.text = {}, .begin = static_cast<std::uint32_t>(at)};
    if (line[at] == '"' || line[at] == '\'') {
      // Only one that ends a word is a quote.
      std::size_t close = line.find(line[at], at + 1);
      while (close != std::string_view::npos && close + 1 < line.size() && !blank(line[close + 1]))
        close = line.find(line[at], close + 1);
      if (close != std::string_view::npos) {
        word.text = line.substr(at + 1, close - at - 1);
        word.end = static_cast<std::uint32_t>(close + 1);
        word.quoted = true;
        words.push_back(word);
        at = close + 1;
        continue;
      }
    }
    while (at < line.size() && !blank(line[at]))
      ++at;
    word.end = static_cast<std::uint32_t>(at);
    word.text = line.substr(word.begin, at - word.begin);
    words.push_back(word);
  }
}

}  // namespace shell
