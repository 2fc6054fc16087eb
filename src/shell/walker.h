#pragma once

#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "shell/arena.h"
#include "shell/commands.h"
#include "shell/facts.h"
#include "shell/flow.h"
#include "shell/script.h"
#include "shell/table.h"

namespace shell {

// One text: what was given to one shell, or the process's own arguments.
struct Scope {
  std::string_view origin;
  std::size_t depth = 0;
  Place place = {};                     // changes with `cd`
  std::vector<std::size_t> chain = {};  // its commands, one for each stage
  Flow output = {};                     // of its last pipeline
};

// Follows what a process start runs, and tells the table. Threads: one at a time.
class Walker {
 public:
  Walker(Table& table, Arena& arena) : table_(table), arena_(arena) {}

  void read(const Process& process);
  bool cut() const { return cut_ || table_.cut(); }

 private:
  class Host;
  friend class Host;

  // A command that is to be told: its words, and what the shell does for it.
  struct Start {
    std::span<const Word> words;
    std::span<const Word> assignments = {};
    std::span<const Redirect> redirects = {};
    Flow in = {};
    // The command line that `words` were guessed from; empty: they are exact.
    std::string_view line = {};
    std::size_t depth = 0;
  };
  struct Outcome {
    std::size_t command = static_cast<std::size_t>(-1);  // of the table; -1: none
    Flow out;
  };
  struct Downloaded {
    std::string_view path;
    int command;
  };
  struct Substituted {
    std::string_view text;
    Expansion expansion;
  };
  // Most files of a process that are followed as downloads.
  static constexpr std::size_t kMaxDownloads = 256;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // walker.cc
  void add_common(const Process& process);
  void read_words(const Process& process, std::vector<Word>& words, Start& start);
  void read_text(std::string_view text, std::string_view origin, const Scope& outer,
                 std::size_t depth);
  Expansion substitute(std::string_view text, Scope& scope);
  Outcome run(const SimpleCommand& simple, const Flow& in, Scope& scope);
  Outcome start(const Start& start, Scope& scope);
  void unwrap(Start& start, std::vector<Word>& assignments);
  Outcome tell(const Start& start, std::span<const Word> assignments, Scope& scope);
  std::size_t make(const Start& start, std::span<const Word> assignments, Scope& scope);
  void add_redirects(std::size_t command, const Start& start, const Scope& scope);
  void add_decoded(std::size_t command, std::span<const Word> words, const Scope& scope);
  void link_chain(const Scope& scope);
  Flow flow_of(const Word& word) const {
    return word.flow >= 0 ? flows_[static_cast<std::size_t>(word.flow)] : Flow();
  }
  void enter_loop(std::string_view kind, std::string_view name, std::span<const Word> words);
  void leave_loop();
  void repeats_over(std::size_t command);
  void pipe_loops(std::size_t from, std::size_t to);
  void set_variable(std::string_view assignment);
  bool full() const { return cut_ || table_.size() >= kMaxCommands; }

  // runs.cc: what a command makes others run.
  void follow(const Parsed& parsed, const Start& start, Scope& scope);
  void follow_shell(const Parsed& parsed, const Start& start, Scope& scope);
  void follow_language(const Parsed& parsed, const Start& start, Scope& scope);
  bool follow_letters(const Parsed& parsed, std::size_t& at, const Language& language,
                      const Start& start, Scope& scope);
  void follow_daemon(const Parsed& parsed, Scope& scope);
  void change_folder(std::span<const Word> to, Scope& scope);
  void run_words(const Parsed& parsed, std::span<const Word> words, const Scope& scope);
  void follow_find(const Parsed& parsed, Scope& scope);
  void follow_options(const Parsed& parsed, const Start& start, Scope& scope);
  void follow_builtin(const Parsed& parsed, const Start& start, Scope& scope);
  void follow_code(const Parsed& parsed, std::string_view code, Scope& scope);
  void follow_schedule(std::string_view table, const Scope& scope, std::size_t depth);
  void run_script(const Parsed& parsed, std::size_t at, const Start& start, Scope& scope);
  void run_input(const Parsed& parsed, const Start& start, Scope& scope);
  void add_download(std::string_view path, int command);
  void runs_file(std::size_t command, std::string_view path);
  void runs_flow(std::size_t command, const Flow& flow);
  void copies_download(const Parsed& parsed);
  // What follows the option that words[at] is the value of.
  static std::string_view text_of(const Parsed& parsed, std::size_t at, const Start& start);

  Table& table_;
  Arena& arena_;
  bool cut_ = false;
  std::size_t text_left_ = 0;
  Place home_;

  // Of what is around the command that is being told.
  std::vector<std::string_view> wrappers_;
  std::vector<std::string_view> wrapper_lines_;
  struct Loop {
    std::string_view kind;
    std::size_t over;  // below it loop_over_ is that of outer ones
  };
  std::vector<Loop> loops_;
  std::vector<std::string_view> loop_over_;

  std::vector<std::pair<std::string_view, std::string_view>> variables_;
  std::vector<Flow> flows_;
  std::vector<Downloaded> downloads_;
  std::vector<Substituted> substituted_;
  std::vector<std::string_view> decoded_;
  // Told-apart arguments, one for each command within another.
  std::deque<Arguments> parsed_;
  std::size_t nested_ = 0;
  std::vector<Word> process_words_;
};

}  // namespace shell
