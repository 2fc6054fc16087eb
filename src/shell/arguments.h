#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "shell/arena.h"
#include "shell/programs.h"
#include "shell/script.h"

namespace shell {

// An option as it was given.
struct GivenOption {
  std::string_view name;    // "-o", "--output"
  std::string_view value;   // empty: none
  std::string_view joined;  // "--output=x" where it stands so in the text
};

// The arguments of a command, told apart. Views of the words. Threads: one at a time.
class Arguments {
 public:
  // `words` without the program. `takes` is what is known of its options; nullptr: nothing, then
  // the word after an option counts as its value and as an operand.
  void read(std::span<const Word> words, const Takes* takes);

  const std::vector<GivenOption>& options() const { return options_; }
  // Several short options in one word, as written: "-rf".
  const std::vector<std::string_view>& clusters() const { return clusters_; }
  const std::vector<const Word*>& operands() const { return operands_; }

  bool has(std::string_view option) const;
  // The value of the last one of these; nullopt: it was not given, or without one.
  std::optional<std::string_view> value(std::initializer_list<std::string_view> names) const;

 private:
  std::size_t read_long(std::span<const Word> words, std::size_t at, const Takes* takes);
  std::size_t read_short(std::span<const Word> words, std::size_t at, const Takes* takes);

  std::vector<GivenOption> options_;
  std::vector<std::string_view> clusters_;
  std::vector<const Word*> operands_;
};

// Where the program stands that the wrapper words[0] starts; words.size() when it starts none.
// Variables that it sets are appended.
std::size_t skip_wrapper(std::span<const Word> words, const Wrapper& wrapper,
                         std::vector<Word>& assignments);

// Whether it is the dynamic linker, which runs the program that it is given.
bool is_loader(std::string_view name);
// The same for it; words.size() where it only looks at the program, as ldd makes it.
std::size_t skip_loader(std::span<const Word> words);

}  // namespace shell
