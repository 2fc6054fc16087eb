#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "shell/arena.h"

// The shell's command language, read for what it runs. Tolerant: what is cut off ends at the end,
// what is not understood is passed over.
namespace shell {

struct Word {
  std::string_view text;    // quotes removed, and expanded where that is known
  std::uint32_t begin = 0;  // where it stands in the text that was read
  std::uint32_t end = 0;
  bool quoted = false;  // some part of it was
  int flow = -1;        // Expansion::flow of what stands in it; -1: none
};

struct Redirect {
  enum class Kind : std::uint8_t {
    Read,
    Write,
    Text,  // a here-document or here-string: the target is what is read
    Other  // of descriptors
  };
  Kind kind = Kind::Other;
  std::uint32_t descriptor = 0;
  bool appends = false;
  Word target;
};

struct SimpleCommand {
  std::vector<Word> words;
  std::vector<Word> assignments;  // NAME=value
  std::vector<Redirect> redirects;
};

struct Expansion {
  std::optional<std::string_view> text;  // nullopt: not known
  int flow = -1;                         // whatever the host wants to find again in the word
};

// Who is told what a script runs, in its order.
class ScriptHost {
 public:
  ScriptHost() = default;
  ScriptHost(const ScriptHost&) = delete;
  ScriptHost& operator=(const ScriptHost&) = delete;
  virtual ~ScriptHost() = default;

  // What the variable holds; nullopt: not known.
  virtual std::optional<std::string_view> variable(std::string_view name) = 0;
  // $(text) and `text`: what it writes.
  virtual Expansion substitute(std::string_view text) = 0;
  // <(text) and >(text): what stands for the file, text is never nullopt.
  virtual Expansion substitute_file(std::string_view text) = 0;
  // The stages of a pipeline. One without words and redirections stands for a loop or the like,
  // whose commands were told before.
  virtual void run(std::span<const SimpleCommand> pipeline) = 0;
  // `for NAME in WORDS`; of `while` and `until` without name and words.
  virtual void enter_loop(std::string_view kind, std::string_view name,
                          std::span<const Word> words) = 0;
  virtual void leave_loop() = 0;
  // No more is wanted.
  virtual bool full() const = 0;
};

// Reads POSIX shell and what bash has beyond it. Texts of words are views of `text` or in the
// arena. Source: POSIX.1-2024, Shell Command Language; the bash manual.
void read_script(std::string_view text, ScriptHost& host, Arena& arena);

// The words of a command line that a shell does not read: split at blanks, a quote counts where it
// begins a word or a value and is closed.
void split_words(std::string_view line, std::vector<Word>& words);

bool is_assignment(std::string_view word);

}  // namespace shell
