#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shell/script.h"

// Words of the shell's language: quotes, escapes and expansions. For the sources of this folder.
namespace shell {

// Most brackets within each other that are followed; deeper ones are text.
inline constexpr std::size_t kMaxBrackets = 32;

bool is_variable_name(std::string_view name);

// Reads words of one text. Threads: pure.
class WordReader {
 public:
  WordReader(std::string_view text, ScriptHost& host, Arena& arena)
      : text_(text), host_(host), arena_(arena) {}

  // Appends the words that the one at `at` becomes: usually one; several where an expansion without
  // quotes has blanks, or braces are expanded. Returns where it ends, `at` when there is none.
  std::size_t read(std::size_t at, std::vector<Word>& words);

 private:
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  std::size_t plain_end(std::size_t at) const;
  void read_special();
  void read_double();
  void dollar(bool quoted);
  void parameter(std::string_view body, bool quoted);
  void backquoted(bool quoted);
  void append(const Expansion& expansion, std::string_view raw, bool quoted);
  void append_split(std::string_view text);
  void finish(std::vector<Word>& words);
  void push(std::string_view text);
  bool push_braces(std::string_view text);
  // Where the bracket that closes the one before `at` stands; the size of the text when nothing
  // does.
  std::size_t closing(std::size_t at, char open, char close, std::size_t depth = 0) const;

  std::string_view text_;
  ScriptHost& host_;
  Arena& arena_;

  // Of the word that is being read.
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  std::string buffer_;
  bool quoted_ = false;
  int flow_ = -1;
  std::vector<Word>* out_ = nullptr;
};

}  // namespace shell
