#include "shell/walker.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "shell/argv_json.h"
#include "shell/decode.h"
#include "shell/path.h"
#include "shell/programs.h"

namespace shell {
namespace {

// What decoded text is made of, at least, to be taken for commands.
constexpr std::size_t kMaxFragments = 8;
constexpr std::size_t kMaxVariables = 256;

std::string_view without_dash(std::string_view name) {
  // How login(1) marks a login shell.
  return name.starts_with('-') ? name.substr(1) : name;
}

// The program's name: what it was called, unless the executable says otherwise. A process may call
// itself anything.
std::string_view program_of(std::string_view executable, std::string_view called) {
  const std::string_view file = base_name(executable);
  const std::string_view name = base_name(without_dash(called));
  if (name.empty()) return file;
  // python3 is python3.11, gcc is x86_64-linux-gnu-gcc-12.
  if (file.empty() || file.find(name) != std::string_view::npos || name.starts_with(file))
    return name;
  if (is_multi_call(file)) return name;
  // A link to another one of the kind: sh is dash, awk is mawk.
  const std::string_view kind = interpreter_of(file);
  if (!kind.empty() && kind == interpreter_of(name)) return name;
  return file;
}

// Whether text begins as commands do: a path, a script's first line, or a program that is known.
bool begins_as_command(std::string_view text) {
  const std::string_view trimmed = base::trim(text);
  const std::string_view first = trimmed.substr(0, trimmed.find_first_of(" \t\n;|&"));
  if (first.starts_with("#!") || (first.starts_with('/') && first.size() < trimmed.size()))
    return true;
  return find_wrapper(first) != nullptr || find_takes(first) != nullptr || takes_files(first) ||
         takes_hosts(first) || !interpreter_of(first).empty() ||
         fetcher_of(first) != Fetcher::None || first == "echo" || first == "export" ||
         is_assignment(first);
}

}  // namespace

// Tells the walker what a shell's text says.
class Walker::Host : public ScriptHost {
 public:
  Host(Walker& walker, Scope& scope) : walker_(walker), scope_(scope) {}

  std::optional<std::string_view> variable(std::string_view name) override {
    for (auto known = walker_.variables_.rbegin(); known != walker_.variables_.rend(); ++known) {
      if (known->first != name) continue;
      // Variables of variables grow fast.
      if (known->second.size() > walker_.text_left_) {
        walker_.cut_ = true;
        return std::nullopt;
      }
      walker_.text_left_ -= known->second.size();
      return known->second;
    }
    if (name == "IFS") return " ";
    if (name == "HOME" && !scope_.place.home.empty()) return scope_.place.home;
    if (name == "PWD" && !scope_.place.folder.empty()) return scope_.place.folder;
    return std::nullopt;
  }
  Expansion substitute(std::string_view text) override { return walker_.substitute(text, scope_); }
  Expansion substitute_file(std::string_view text) override {
    Expansion out = walker_.substitute(text, scope_);
    out.text = "/dev/fd/63";
    return out;
  }
  void run(std::span<const SimpleCommand> pipeline) override {
    Flow in;
    std::size_t previous = kNone;
    for (std::size_t i = 0; i < pipeline.size() && !walker_.full(); ++i) {
      const Outcome outcome = walker_.run(pipeline[i], in, scope_);
      in = outcome.out;
      const std::size_t command = outcome.command;
      if (command != kNone && pipeline.size() > 1) {
        Table& table = walker_.table_;
        table.add(command, Field::PipeIndex, walker_.arena_.keep(std::to_string(i)));
        if (previous != kNone) {
          table.add(command, Field::PipedFrom, table.value(previous, Field::Program));
          table.add(previous, Field::PipedTo, table.value(command, Field::Program));
          walker_.pipe_loops(previous, command);
        }
      }
      previous = command;
    }
    scope_.output = in;
  }
  void enter_loop(std::string_view kind, std::string_view name,
                  std::span<const Word> words) override {
    walker_.enter_loop(kind, name, words);
  }
  void leave_loop() override { walker_.leave_loop(); }
  bool full() const override { return walker_.full(); }

 private:
  Walker& walker_;
  Scope& scope_;
};

void Walker::add_common(const Process& process) {
  table_.add_common(Field::RawCommandLine, process.command_line);
  table_.add_common(Field::Image, process.executable);
  table_.add_common(Field::User, process.user);
  table_.add_common(Field::UserId, process.user_id);
  table_.add_common(Field::ParentImage, process.parent_executable);
  table_.add_common(Field::ParentName, base_name(process.parent_executable));
  table_.add_common(Field::ParentCommandLine, process.parent_command_line);
  for (const std::string_view name : process.ancestors)
    table_.add_common(Field::Ancestor, name);
  table_.add_common(Field::Terminal, process.terminal);
}

// The process's words, and what else is to be known of them.
void Walker::read_words(const Process& process, std::vector<Word>& words, Start& start) {
  words.clear();
  if (process.argv_json.empty() || !read_argv_json(process.argv_json, words, arena_)) {
    split_words(process.command_line, words);
    start.line = process.command_line;
  }
  const std::string_view file = base_name(process.executable);
  const std::string_view called = words.empty() ? std::string_view() : words.front().text;
  const bool named = base_name(without_dash(called)) == file;
  // An interpreter's name is missing: what stands there is its script, or a shell's text.
  const std::string_view kind = interpreter_of(file);
  const bool interpreter = !interpreter_of(base_name(without_dash(called))).empty();
  if (words.empty() ||
      (!kind.empty() && !named && !interpreter && find_wrapper(base_name(called)) == nullptr)) {
    if (!words.empty() && kind == "sh" && called.find('/') == std::string_view::npos &&
        !start.line.empty()) {
      const Word text{.text = start.line,
                      .begin = 0,
                      .end = static_cast<std::uint32_t>(start.line.size()),
                      .quoted = true};
      words = {Word{.text = process.executable}, Word{.text = "-c"}, text};
      start.line = {};
      return;
    }
    words.insert(words.begin(), Word{.text = process.executable});
  }
}

void Walker::read(const Process& process) {
  cut_ = false;
  text_left_ = kMaxText;
  wrappers_.clear();
  wrapper_lines_.clear();
  loops_.clear();
  loop_over_.clear();
  variables_.clear();
  flows_.clear();
  downloads_.clear();
  substituted_.clear();
  decoded_.clear();
  nested_ = 0;
  add_common(process);
  Scope scope{.origin = "exec"};
  scope.place.home = home_of(process.user, arena_);
  scope.place.folder = process.current_directory;
  Start first{.words = {}};
  read_words(process, process_words_, first);
  // What it is called counts only as far as the file agrees.
  const bool script = process_words_.size() > 1 &&
                      base_name(process_words_[1].text) == base_name(process.executable);
  if (!process_words_.empty() && !script) {
    Word& called = process_words_.front();
    const std::string_view name = program_of(process.executable, called.text);
    if (name != base_name(called.text))
      called.text = name == base_name(process.executable) ? process.executable : name;
  }
  first.words = process_words_;
  const Outcome outcome = start(first, scope);
  if (outcome.command != kNone && process.executable.starts_with('/')) {
    const bool shown = table_.values(outcome.command, Field::Wrapper).empty();
    if (shown) runs_file(outcome.command, resolve(process.executable, scope.place, arena_));
  }
  if (table_.size() >= kMaxCommands) cut_ = true;
  const std::string_view chained = arena_.keep(std::to_string(table_.size()));
  for (std::size_t i = 0; i < table_.size(); ++i)
    table_.add(i, Field::Chained, chained);
}

void Walker::read_text(std::string_view text, std::string_view origin, const Scope& outer,
                       std::size_t depth) {
  if (depth >= kMaxDepth || text.size() > text_left_ || full()) {
    cut_ = cut_ || !text.empty();
    return;
  }
  // What was decoded is told once, by whichever way it comes.
  if (origin == "decoded") {
    if (std::ranges::find(decoded_, text) != decoded_.end()) return;
    decoded_.push_back(text);
  }
  text_left_ -= text.size();
  Scope scope{.origin = origin, .depth = depth, .place = outer.place};
  Host host(*this, scope);
  read_script(text, host, arena_);
  link_chain(scope);
}

Expansion Walker::substitute(std::string_view text, Scope& scope) {
  for (const Substituted& known : substituted_) {
    if (known.text == text) return known.expansion;
  }
  if (scope.depth + 1 >= kMaxDepth || text.size() > text_left_ ||
      substituted_.size() >= kMaxCommands || full()) {
    cut_ = true;
    return {};
  }
  text_left_ -= text.size();
  Scope inner{.origin = "substitution", .depth = scope.depth + 1, .place = scope.place};
  const std::size_t first = table_.size();
  {
    Host host(*this, inner);
    read_script(text, host, arena_);
  }
  link_chain(inner);
  Flow out = inner.output;
  out.first = static_cast<std::uint32_t>(first);
  out.last = static_cast<std::uint32_t>(table_.size());
  if (out.text) {
    std::string_view trimmed = *out.text;
    while (trimmed.ends_with('\n'))
      trimmed.remove_suffix(1);
    out.text = trimmed;
  }
  flows_.push_back(out);
  const Expansion expansion{out.text, static_cast<int>(flows_.size() - 1)};
  substituted_.push_back({text, expansion});
  return expansion;
}

Walker::Outcome Walker::run(const SimpleCommand& simple, const Flow& in, Scope& scope) {
  Start begin{.words = simple.words,
              .assignments = simple.assignments,
              .redirects = simple.redirects,
              .in = in,
              .depth = scope.depth};
  for (const Word& assignment : simple.assignments)
    set_variable(assignment.text);
  for (const Redirect& redirect : simple.redirects) {
    if (redirect.descriptor != 0) continue;
    if (redirect.kind == Redirect::Kind::Text) {
      begin.in = flow_of(redirect.target);
      if (!begin.in.text) begin.in.text = redirect.target.text;
    } else if (redirect.kind == Redirect::Kind::Read) {
      begin.in = flow_of(redirect.target);
    }
  }
  // A loop or the like: what goes in comes out, as far as is known.
  if (simple.words.empty() && simple.assignments.empty() && simple.redirects.empty()) return {};
  const Outcome outcome = start(begin, scope);
  if (outcome.command != kNone) scope.chain.push_back(outcome.command);
  return outcome;
}

Walker::Outcome Walker::start(const Start& given, Scope& scope) {
  if (full()) {
    cut_ = true;
    return {};
  }
  Start start = given;
  const std::size_t wrappers = wrappers_.size();
  const std::size_t lines = wrapper_lines_.size();
  const std::size_t loops = loops_.size();
  std::vector<Word> assignments(given.assignments.begin(), given.assignments.end());
  unwrap(start, assignments);
  const Outcome outcome = tell(start, assignments, scope);
  wrappers_.resize(wrappers);
  wrapper_lines_.resize(lines);
  while (loops_.size() > loops)
    leave_loop();
  return outcome;
}

// Passes what only starts another program.
void Walker::unwrap(Start& start, std::vector<Word>& assignments) {
  for (std::size_t passed = 0; passed < kMaxDepth * 2 && start.words.size() > 1; ++passed) {
    const std::string_view name = base_name(start.words.front().text);
    std::size_t to = start.words.size();
    std::string_view shown = name;
    if (const Wrapper* wrapper = find_wrapper(name)) {
      const std::string_view next = start.words[1].text;
      const bool looks = (name == "command" && (next == "-v" || next == "-V")) ||
                         (name == "sudo" && (next == "-l" || next == "-e" || next == "--edit")) ||
                         ((name == "busybox" || name == "toybox") && next.starts_with('-'));
      const bool text = std::ranges::any_of(start.words, [&](const Word& word) {
        const bool takes_text = name == "runuser" || name == "script" || name == "flock";
        return takes_text && (word.text == "-c" || word.text.starts_with("--command") ||
                              word.text == "-qc" || word.text == "-qec");
      });
      if (!looks && !text && name != "watch" && name != "start-stop-daemon")
        to = skip_wrapper(start.words, *wrapper, assignments);
    } else if (is_loader(name)) {
      to = skip_loader(start.words);
      shown = "ld.so";
    }
    if (to >= start.words.size()) break;
    wrappers_.push_back(shown);
    std::string line;
    for (const Word& word : start.words.first(to))
      line += (line.empty() ? "" : " ") + std::string(word.text);
    wrapper_lines_.push_back(arena_.keep(line));
    if (name == "xargs" || name == "parallel") enter_loop(name, {}, {});
    start.words = start.words.subspan(to);
  }
}

std::size_t Walker::make(const Start& start, std::span<const Word> assignments, Scope& scope) {
  const std::size_t command = table_.make();
  const std::string_view called =
      start.words.empty() ? std::string_view() : start.words.front().text;
  // What a substitution brings is no name.
  const bool named = start.words.empty() || start.words.front().flow < 0 ||
                     flow_of(start.words.front()).text.has_value();
  if (named) table_.add(command, Field::Program, base_name(without_dash(called)));
  const std::string_view image = table_.value(command, Field::Image);
  const bool own = scope.origin == "exec" && wrappers_.empty() && !image.empty() &&
                   called.find('/') == std::string_view::npos;
  if (named) table_.add(command, Field::ProgramPath, own ? image : called);
  table_.add(command, Field::Origin, scope.origin);
  table_.add(command, Field::CurrentDirectory, scope.place.folder);
  for (const std::string_view wrapper : wrappers_)
    table_.add(command, Field::Wrapper, wrapper);
  if (!wrapper_lines_.empty()) {
    std::string line;
    for (const std::string_view part : wrapper_lines_)
      line += (line.empty() ? "" : " ") + std::string(part);
    table_.add(command, Field::WrapperLine, arena_.keep(line));
  }
  for (const Loop& loop : loops_)
    table_.add(command, Field::Loop, loop.kind);
  for (const std::string_view over : loop_over_)
    table_.add(command, Field::LoopOver, over);
  for (const Word& assignment : assignments)
    table_.add(command, Field::Assignment, assignment.text);
  // The line as it stands, where it does.
  std::size_t size = 0;
  for (const Word& word : start.words)
    size += word.text.size() + 1;
  if (size > 0) {
    char* const to = arena_.room(size);
    char* end = to;
    for (const Word& word : start.words) {
      end = std::ranges::copy(word.text, end).out;
      *end++ = ' ';
    }
    table_.add(command, Field::CommandLine, {to, size - 1});
  }
  return command;
}

Walker::Outcome Walker::tell(const Start& start, std::span<const Word> assignments, Scope& scope) {
  const std::size_t command = make(start, assignments, scope);
  if (nested_ == parsed_.size()) parsed_.emplace_back();
  Arguments& arguments = parsed_[nested_++];
  const std::string_view program = table_.value(command, Field::Program);
  const auto rest = start.words.subspan(std::min<std::size_t>(1, start.words.size()));
  const Takes* takes = find_takes(program);
  const Language* language = takes == nullptr ? find_language(interpreter_of(program)) : nullptr;
  arguments.read(rest, language != nullptr ? &language->takes : takes);
  const Parsed parsed{.command = command,
                      .program = program,
                      .words = start.words,
                      .arguments = arguments,
                      .place = scope.place};
  add_arguments(parsed, table_, arena_);
  if (language != nullptr) follow_language(parsed, start, scope);
  add_facts(parsed, table_, arena_);
  add_redirects(command, start, scope);
  // Of a shell's text, the commands in it are told.
  if (!is_shell(program)) add_decoded(command, start.words, scope);

  const std::string_view path = table_.value(command, Field::ProgramPath);
  if (path.find('/') != std::string_view::npos)
    runs_file(command, resolve(path, scope.place, arena_));
  if (!start.words.empty()) runs_flow(command, flow_of(start.words.front()));

  Outcome out{.command = command, .out = output_of(program, rest, arguments, start.in, arena_)};
  if (out.out.decoded && out.out.text && is_readable(*out.out.text)) {
    table_.add_new(command, Field::Decoded, *out.out.text);
    if (begins_as_command(*out.out.text))
      read_text(*out.out.text, "decoded", scope, scope.depth + 1);
  }
  if (prints_download(parsed, table_)) out.out.fetched = static_cast<int>(command);
  for (const Redirect& redirect : start.redirects) {
    if (redirect.kind != Redirect::Kind::Write || redirect.descriptor != 1) continue;
    if (out.out.fetched >= 0) {
      const std::string_view to = resolve(redirect.target.text, scope.place, arena_);
      table_.add_new(command, Field::DownloadsTo, to);
      add_download(to, out.out.fetched);
    }
    out.out = {};
  }
  for (const std::string_view to : table_.values(command, Field::DownloadsTo))
    add_download(to, static_cast<int>(command));
  copies_download(parsed);
  follow(parsed, start, scope);
  --nested_;
  return out;
}

void Walker::add_redirects(std::size_t command, const Start& start, const Scope& scope) {
  for (const Redirect& redirect : start.redirects) {
    const std::string_view target = redirect.target.text;
    if (target.empty() || redirect.kind == Redirect::Kind::Other) continue;
    if (redirect.kind == Redirect::Kind::Text) {
      add_addresses(command, target, table_, arena_);
      continue;
    }
    const std::string_view path = resolve(target, scope.place, arena_);
    const bool reads = redirect.kind == Redirect::Kind::Read;
    table_.add_new(command, reads ? Field::Reads : Field::Writes, path);
    if (redirect.appends) table_.add_new(command, Field::Appends, path);
    add_addresses(command, target, table_, arena_);
  }
}

void Walker::add_decoded(std::size_t command, std::span<const Word> words, const Scope& scope) {
  std::size_t count = 0;
  for (const Word& word : words) {
    if (word.text.size() < 16) continue;
    for (std::size_t from = 0; from < word.text.size() && count < kMaxFragments;) {
      const auto decoded = next_fragment(word.text, from);
      if (!decoded) break;
      ++count;
      const std::string_view text = arena_.keep(*decoded);
      table_.add_new(command, Field::Decoded, text);
      if (begins_as_command(text)) read_text(text, "decoded", scope, scope.depth + 1);
    }
  }
}

void Walker::link_chain(const Scope& scope) {
  if (scope.chain.size() < 2) return;
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < scope.chain.size(); ++i) {
    const std::uint32_t at = table_.append_loose(table_.value(scope.chain[i], Field::Program));
    if (i == 0) begin = at;
  }
  const auto size = static_cast<std::uint32_t>(scope.chain.size());
  for (std::uint32_t i = 0; i < size; ++i) {
    table_.share(scope.chain[i], Field::Previous, begin, i);
    table_.share(scope.chain[i], Field::Next, begin + i + 1, size - i - 1);
  }
}

void Walker::enter_loop(std::string_view kind, std::string_view name, std::span<const Word> words) {
  loops_.push_back({kind, loop_over_.size()});
  for (const Word& word : words) {
    const Flow flow = flow_of(word);
    for (std::uint32_t command = flow.first; command < flow.last; ++command)
      repeats_over(command);
    if (loop_over_.size() < kMaxVariables) loop_over_.push_back(word.text);
  }
  if (!name.empty() && !words.empty() && words.front().flow < 0 &&
      variables_.size() < kMaxVariables)
    variables_.emplace_back(name, words.front().text);
}

void Walker::leave_loop() {
  if (loops_.empty()) return;
  loop_over_.resize(loops_.back().over);
  loops_.pop_back();
}

// What a command names is gone through by the loop.
void Walker::repeats_over(std::size_t command) {
  for (const std::string_view path : table_.values(command, Field::OperandPath)) {
    if (loop_over_.size() < kMaxVariables) loop_over_.push_back(path);
  }
}

// `find ... | xargs command`, `find ... | while read x`.
void Walker::pipe_loops(std::size_t from, std::size_t to) {
  const std::string_view program = table_.value(to, Field::Program);
  if ((program == "read" || program == "mapfile" || program == "readarray") && !loops_.empty()) {
    repeats_over(from);
    return;
  }
  const auto loops = table_.values(to, Field::Loop);
  if (loops.empty() || (loops.back() != "xargs" && loops.back() != "parallel")) return;
  const std::size_t count = table_.values(from, Field::OperandPath).size();
  for (std::size_t i = 0; i < count; ++i)
    table_.add_new(to, Field::LoopOver, table_.values(from, Field::OperandPath)[i]);
}

void Walker::set_variable(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || variables_.size() >= kMaxVariables) return;
  std::string_view name = assignment.substr(0, equals);
  if (name.ends_with('+')) return;
  // What is not known keeps its name.
  const std::string_view value = assignment.substr(equals + 1);
  if (value.find("$(") != std::string_view::npos || value.find('`') != std::string_view::npos ||
      value.find("${") != std::string_view::npos)
    return;
  variables_.emplace_back(name, value);
}

}  // namespace shell
