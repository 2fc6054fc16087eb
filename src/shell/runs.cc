#include <algorithm>
#include <array>

#include "base/text.h"
#include "shell/path.h"
#include "shell/programs.h"
#include "shell/walker.h"

namespace shell {
namespace {

// Options whose value is a command line for a shell.
constexpr std::array<std::string_view, 5> kShellOptions = {
    "--checkpoint-action=exec=", "--to-command=", "--use-compress-program=", "ProxyCommand=",
    "-oProxyCommand="};
// Calls of other languages whose text is a command line for a shell.
constexpr std::array<std::string_view, 12> kCalls = {
    "system(",     "popen(", "shell_exec(", "passthru(",     "exec(",           "execSync(",
    "os.execute(", "spawn(", "getoutput(",  "check_output(", "subprocess.run(", "subprocess.call("};
constexpr std::size_t kMaxCalls = 8;

bool is_text_option(std::string_view word) {
  // -c, -lc, -xec.
  return word.size() > 1 && (word.front() == '-' || word.front() == '+') && word[1] != '-' &&
         word.find('c') != std::string_view::npos;
}

// What stands between the quote at the beginning and the one that closes it.
std::string_view quoted_text(std::string_view code) {
  while (code.starts_with(' '))
    code.remove_prefix(1);
  if (code.empty() || (code.front() != '\'' && code.front() != '"' && code.front() != '`'))
    return {};
  std::size_t end = 1;
  while (end < code.size() && code[end] != code.front())
    end += code[end] == '\\' ? 2U : 1U;
  return code.substr(1, std::min(end, code.size()) - 1);
}

}  // namespace

std::string_view Walker::text_of(const Parsed& parsed, std::size_t at, const Start& start) {
  const Word& word = parsed.words[at];
  if (start.line.empty()) return word.text;
  const bool blank = word.text.find_first_of(" \t\n;&|") != std::string_view::npos;
  const bool last = at + 1 == parsed.words.size();
  if (word.quoted && (blank || last)) return word.text;
  return base::trim(start.line.substr(word.begin));
}

void Walker::follow(const Parsed& parsed, const Start& start, Scope& scope) {
  if (is_shell(parsed.program)) {
    follow_shell(parsed, start, scope);
    return;
  }
  if (parsed.program == "find") {
    follow_find(parsed, scope);
  } else {
    follow_builtin(parsed, start, scope);
  }
  follow_options(parsed, start, scope);
}

void Walker::follow_shell(const Parsed& parsed, const Start& start, Scope& scope) {
  table_.add(parsed.command, Field::Interpreter, "sh");
  bool text = false;
  bool input = false;
  std::size_t at = 1;
  for (; at < parsed.words.size(); ++at) {
    const std::string_view word = parsed.words[at].text;
    if (word == "-" || word == "--") {
      ++at;
      break;
    }
    if (word.size() < 2 || (word.front() != '-' && word.front() != '+')) break;
    if (word.starts_with("--")) {
      if (word == "--rcfile" || word == "--init-file") ++at;
      continue;
    }
    text = text || is_text_option(word);
    input = input || word.find('s') != std::string_view::npos;
    if (word.find_first_of("oO") != std::string_view::npos) ++at;
  }
  if (at < parsed.words.size() && text) {
    const Flow flow = flow_of(parsed.words[at]);
    runs_flow(parsed.command, flow);
    read_text(text_of(parsed, at, start), flow.decoded ? "decoded" : "shell", scope,
              scope.depth + 1);
  } else if (at < parsed.words.size() && !input && parsed.words[at].text != "/dev/stdin") {
    run_script(parsed, at, start, scope);
  } else if (!text) {
    run_input(parsed, start, scope);
  }
}

// What it reads is its program.
void Walker::run_input(const Parsed& parsed, const Start& start, Scope& scope) {
  runs_flow(parsed.command, start.in);
  for (const Redirect& redirect : start.redirects) {
    if (redirect.kind == Redirect::Kind::Read && redirect.descriptor == 0)
      runs_file(parsed.command, resolve(redirect.target.text, scope.place, arena_));
  }
  if (!start.in.text) return;
  if (is_shell(parsed.program)) {
    read_text(*start.in.text, start.in.decoded ? "decoded" : "shell", scope, scope.depth + 1);
  } else {
    table_.add(parsed.command, Field::InlineCode, *start.in.text);
    follow_code(parsed, *start.in.text, scope);
  }
}

void Walker::run_script(const Parsed& parsed, std::size_t at, const Start& start, Scope& scope) {
  const Word& script = parsed.words[at];
  const Flow flow = flow_of(script);
  table_.add(parsed.command, Field::Script, script.text);
  table_.add(parsed.command, Field::ScriptExtension,
             arena_.keep(base::to_lower(extension_of(script.text))));
  runs_flow(parsed.command, flow);
  runs_file(parsed.command, resolve(script.text, scope.place, arena_));
  if (flow.text && flow.decoded) return;
  // What it is, beside how it is run: service is a script of sh.
  if (full()) return;
  Start inner{.words = parsed.words.subspan(at), .depth = start.depth};
  const std::string_view origin = std::exchange(scope.origin, "script");
  const std::size_t command = make(inner, {}, scope);
  scope.origin = origin;
  if (nested_ == parsed_.size()) parsed_.emplace_back();
  Arguments& arguments = parsed_[nested_++];
  const std::string_view program = table_.value(command, Field::Program);
  arguments.read(inner.words.subspan(1), find_takes(program));
  add_arguments({.command = command,
                 .program = program,
                 .words = inner.words,
                 .arguments = arguments,
                 .place = scope.place},
                table_, arena_);
  --nested_;
}

void Walker::follow_language(const Parsed& parsed, const Start& start, Scope& scope) {
  const Language& language = *find_language(interpreter_of(parsed.program));
  table_.add(parsed.command, Field::Interpreter, language.name);
  const auto& words = parsed.words;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string_view word = words[at].text;
    if (word == "-" || word == "/dev/stdin") break;
    if (word.size() < 2 || word.front() != '-') {
      if (!language.first_operand_is_code) {
        run_script(parsed, at, start, scope);
        return;
      }
      follow_code(parsed, text_of(parsed, at, start), scope);
      return;
    }
    if (word == "--") continue;
    if (takes_word({{}, language.code_words}, word)) {
      if (at + 1 < words.size()) follow_code(parsed, text_of(parsed, at + 1, start), scope);
      return;
    }
    if (word.starts_with("--")) {
      const bool value = word.find('=') == std::string_view::npos;
      if (value && takes_word(language.takes, word)) ++at;
      continue;
    }
    if (follow_letters(parsed, at, language, start, scope)) return;
  }
  run_input(parsed, start, scope);
}

// The letters of words[at], which moves to their value. Whether they said what runs.
bool Walker::follow_letters(const Parsed& parsed, std::size_t& at, const Language& language,
                            const Start& start, Scope& scope) {
  const std::string_view word = parsed.words[at].text;
  for (std::size_t i = 1; i < word.size(); ++i) {
    const auto among = [&](std::string_view letters) {
      return letters.find(word[i]) != std::string_view::npos;
    };
    // Perl's and Ruby's -i takes the rest of its word.
    if (word[i] == 'i') return false;
    if (!among(language.code) && !among(language.module) && !among(language.file) &&
        !takes_letter(language.takes, word[i]))
      continue;
    if (among(language.module)) return true;
    const bool rest = i + 1 < word.size();
    if (!rest && ++at >= parsed.words.size()) return false;
    if (among(language.code)) {
      follow_code(parsed, rest ? word.substr(i + 1) : text_of(parsed, at, start), scope);
      return true;
    }
    if (among(language.file) && !rest) {
      run_script(parsed, at, start, scope);
      return true;
    }
    return false;
  }
  return false;
}

// Command lines within the code of another language.
void Walker::follow_code(const Parsed& parsed, std::string_view code, Scope& scope) {
  if (table_.values(parsed.command, Field::InlineCode).empty())
    table_.add(parsed.command, Field::InlineCode, code);
  std::size_t calls = 0;
  for (const std::string_view call : kCalls) {
    for (std::size_t at = code.find(call); at != std::string_view::npos && calls < kMaxCalls;
         at = code.find(call, at + call.size())) {
      ++calls;
      const std::string_view text = quoted_text(code.substr(at + call.size()));
      // A name of a program alone is told as well: system("sh").
      if (!text.empty()) read_text(text, "code", scope, scope.depth + 1);
    }
  }
}

void Walker::follow_find(const Parsed& parsed, Scope& scope) {
  const auto& words = parsed.words;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string_view word = words[at].text;
    if (word != "-exec" && word != "-execdir" && word != "-ok" && word != "-okdir") continue;
    std::size_t end = at + 1;
    while (end < words.size() && words[end].text != ";" && words[end].text != "\\;" &&
           words[end].text != "+")
      ++end;
    if (end == at + 1) continue;
    loops_.push_back({"find", loop_over_.size()});
    for (std::size_t i = 1; i < at && !words[i].text.starts_with('-'); ++i)
      loop_over_.push_back(resolve(words[i].text, scope.place, arena_));
    Start inner{.words = words.subspan(at + 1, end - at - 1), .depth = scope.depth};
    start(inner, scope);
    leave_loop();
    at = end;
  }
}

void Walker::follow_options(const Parsed& parsed, const Start& start, Scope& scope) {
  const std::string_view program = parsed.program;
  if (program == "su" || program == "runuser" || program == "script" || program == "flock") {
    for (std::size_t at = 1; at + 1 < parsed.words.size(); ++at) {
      const std::string_view word = parsed.words[at].text;
      const bool text = word == "--command" || (is_text_option(word) && word.back() == 'c');
      if (!text) continue;
      read_text(text_of(parsed, at + 1, start), "shell", scope, scope.depth + 1);
      return;
    }
  }
  for (const Word& word : parsed.words) {
    if (word.text.size() < 13) continue;
    for (const std::string_view option : kShellOptions) {
      if (!word.text.starts_with(option)) continue;
      read_text(word.text.substr(option.size()), "shell", scope, scope.depth + 1);
    }
  }
}

void Walker::follow_builtin(const Parsed& parsed, const Start& start, Scope& scope) {
  const std::string_view program = parsed.program;
  const auto rest = parsed.words.subspan(std::min<std::size_t>(1, parsed.words.size()));
  if (program == "cd" || program == "pushd") {
    change_folder(rest, scope);
  } else if (program == "export" || program == "declare" || program == "readonly" ||
             program == "typeset" || program == "local") {
    for (const Word& word : rest) {
      if (!is_assignment(word.text)) continue;
      table_.add(parsed.command, Field::Assignment, word.text);
      set_variable(word.text);
    }
  } else if (program == "read") {
    if (!rest.empty() && start.in.text && is_assignment(arena_.keep(rest.back().text, "=")))
      variables_.emplace_back(rest.back().text, *start.in.text);
  } else if (program == "eval" || program == "watch") {
    run_words(parsed, rest, scope);
  } else if (program == "source" || program == ".") {
    if (rest.empty()) return;
    runs_flow(parsed.command, flow_of(rest.front()));
    if (rest.front().flow < 0)
      runs_file(parsed.command, resolve(rest.front().text, scope.place, arena_));
  } else if (program == "trap" && rest.size() > 1) {
    read_text(rest.front().text, "shell", scope, scope.depth + 1);
  } else if ((program == "at" || program == "batch") && start.in.text) {
    read_text(*start.in.text, "shell", scope, scope.depth + 1);
  } else if (program == "crontab" && start.in.text) {
    follow_schedule(*start.in.text, scope, scope.depth + 1);
  } else if (program == "java") {
    for (std::size_t at = 1; at + 1 < parsed.words.size(); ++at) {
      if (parsed.words[at].text == "-jar")
        runs_file(parsed.command, resolve(parsed.words[at + 1].text, scope.place, arena_));
    }
  } else if (program == "start-stop-daemon") {
    follow_daemon(parsed, scope);
  }
}

void Walker::change_folder(std::span<const Word> to, Scope& scope) {
  for (const Word& word : to) {
    if (word.text.starts_with('-') && word.text.size() > 1) continue;
    scope.place.folder = resolve(word.text, scope.place, arena_);
    return;
  }
  if (to.empty()) scope.place.folder = scope.place.home;
}

// eval and watch: their words are a shell's text.
void Walker::run_words(const Parsed& parsed, std::span<const Word> words, const Scope& scope) {
  while (parsed.program == "watch" && !words.empty() && words.front().text.starts_with('-'))
    words = words.subspan(words.front().text == "-n" && words.size() > 1 ? 2 : 1);
  bool decoded = false;
  std::string text;
  for (const Word& word : words) {
    const Flow flow = flow_of(word);
    runs_flow(parsed.command, flow);
    decoded = decoded || flow.decoded;
    text += (text.empty() ? "" : " ") + std::string(word.text);
  }
  read_text(arena_.keep(text), decoded ? "decoded" : "shell", scope, scope.depth + 1);
}

// start-stop-daemon --exec PROGRAM -- ARGUMENTS.
void Walker::follow_daemon(const Parsed& parsed, Scope& scope) {
  const auto daemon = parsed.arguments.value({"-x", "--exec", "-a", "--startas"});
  if (!daemon || parsed.arguments.has("-K") || parsed.arguments.has("--stop")) return;
  std::vector<Word> words = {{.text = *daemon}};
  const auto end = std::ranges::find(parsed.words, "--", &Word::text);
  if (end != parsed.words.end()) words.insert(words.end(), end + 1, parsed.words.end());
  wrappers_.push_back(parsed.program);
  start({.words = words, .depth = scope.depth}, scope);
  wrappers_.pop_back();
}

// The lines of a crontab: five fields or @daily, then a command.
void Walker::follow_schedule(std::string_view table, const Scope& scope, std::size_t depth) {
  std::size_t lines = 0;
  for (std::string_view line : base::split(table, '\n')) {
    line = base::trim(line);
    if (line.empty() || line.front() == '#' || is_assignment(line)) continue;
    if (++lines > kMaxCommands) return;
    for (int fields = line.front() == '@' ? 1 : 5; fields > 0; --fields) {
      const std::size_t blank = line.find_first_of(" \t");
      line = blank == std::string_view::npos ? std::string_view() : base::trim(line.substr(blank));
    }
    if (!line.empty()) read_text(line, "shell", scope, depth);
  }
}

void Walker::add_download(std::string_view path, int command) {
  if (downloads_.size() < kMaxDownloads) {
    downloads_.push_back({path, command});
  } else {
    cut_ = true;
  }
}

void Walker::runs_file(std::size_t command, std::string_view path) {
  table_.add_new(command, Field::Runs, path);
  for (const Downloaded& download : downloads_) {
    if (download.path != path || download.command == static_cast<int>(command)) continue;
    runs_flow(command, {.text = {}, .fetched = download.command});
  }
}

// It runs what another command downloaded: the address tells where from.
void Walker::runs_flow(std::size_t command, const Flow& flow) {
  if (flow.fetched < 0) return;
  const auto from = static_cast<std::size_t>(flow.fetched);
  for (const Field field : {Field::Url, Field::Address, Field::Program}) {
    const std::string_view what = table_.value(from, field);
    if (what.empty()) continue;
    table_.add_new(command, Field::RunsDownload, what);
    return;
  }
}

// A copy of what was downloaded is it, too.
void Walker::copies_download(const Parsed& parsed) {
  const Files files = files_of(parsed.program);
  if ((files != Files::Copies && files != Files::Links) || downloads_.empty()) return;
  const std::size_t known = downloads_.size();
  for (const Word* word : parsed.arguments.operands()) {
    const std::string_view from = resolve(word->text, parsed.place, arena_);
    const auto end = downloads_.begin() + static_cast<std::ptrdiff_t>(known);
    const auto found = std::find_if(downloads_.begin(), end,
                                    [&](const Downloaded& one) { return one.path == from; });
    if (found == end) continue;
    const int command = found->command;
    for (const std::string_view to : table_.values(parsed.command, Field::Writes))
      add_download(to, command);
    return;
  }
}

}  // namespace shell
