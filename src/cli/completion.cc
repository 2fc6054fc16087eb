#include "cli/completion.h"

#include <algorithm>
#include <functional>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"

namespace cli {

namespace {

// The type's name of a value that is one of few: enabled|disabled.
std::vector<std::string> choices_of(std::string_view type) {
  std::vector<std::string> choices;
  if (type.find('|') == std::string_view::npos) return choices;
  for (const std::string_view choice : base::split(type, '|'))
    choices.emplace_back(choice);
  return choices;
}

}  // namespace

CommandShape shape_of(const CLI::App& app) {
  CommandShape shape{app.get_name(), app.get_description(), {}, false, {}, {}};
  for (const CLI::Option* each : app.get_options()) {
    const std::string type = each->get_type_name();
    if (each->get_positional()) {
      shape.takes_file = shape.takes_file || type == "FILE";
      if (shape.choices.empty()) shape.choices = choices_of(type);
      continue;
    }
    CommandShape::Option option;
    for (const std::string& name : each->get_snames())
      option.names.push_back("-" + name);
    for (const std::string& name : each->get_lnames())
      option.names.push_back("--" + name);
    option.description = each->get_description();
    option.takes_value = each->get_items_expected_max() > 0;
    option.takes_file = type == "FILE";
    option.choices = choices_of(type);
    shape.options.push_back(std::move(option));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    shape.commands.push_back(shape_of(*command));
    // --help stands behind every command; it is the program's here.
    std::erase_if(shape.commands.back().options, [&shape](const CommandShape::Option& option) {
      return !shape.options.empty() && option.names == shape.options.front().names;
    });
  }
  return shape;
}

namespace {

using Visit = std::function<void(const CommandShape&, const std::string& path)>;

// Calls for every command with its path: "vedette device create".
void walk(const CommandShape& command, const std::string& parent, const Visit& visit) {
  const std::string path = parent.empty() ? command.name : parent + " " + command.name;
  visit(command, path);
  for (const CommandShape& each : command.commands)
    walk(each, path, visit);
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// The paths of all commands below the program, as patterns of a shell's `case`.
std::string path_patterns(const CommandShape& program) {
  std::vector<std::string> paths;
  walk(program, "", [&](const CommandShape&, const std::string& path) {
    if (path != program.name) paths.push_back("'" + path + "'");
  });
  return join(paths, " | ");
}

std::vector<std::string> words_of(const CommandShape& command, const CommandShape& program) {
  std::vector<std::string> words;
  for (const CommandShape& each : command.commands)
    words.push_back(each.name);
  words.insert(words.end(), command.choices.begin(), command.choices.end());
  const auto add = [&words](const CommandShape& from) {
    for (const auto& option : from.options) {
      for (const std::string& name : option.names) {
        if (std::find(words.begin(), words.end(), name) == words.end()) words.push_back(name);
      }
    }
  };
  add(command);
  if (&command != &program) add(program);
  return words;
}

// The part that bash and zsh share: which command do the words before the cursor name?
std::string path_loop(const CommandShape& program, std::string_view words) {
  return fmt::format(
      "  local at={0} word\n"
      "  for word in {1}; do\n"
      "    case \"$at $word\" in\n"
      "      {2}) at=\"$at $word\" ;;\n"
      "    esac\n"
      "  done\n",
      program.name, words, path_patterns(program));
}

}  // namespace

std::string bash_completion(const CommandShape& program) {
  std::string out = fmt::format(
      "# bash completion for {0}: source it, or put it into\n"
      "# ~/.local/share/bash-completion/completions/{0}\n"
      "_{0}() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words=\n",
      program.name);
  out += path_loop(program, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"");
  out += "  case $at:$prev in\n";
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    for (const auto& option : command.options) {
      if (!option.takes_value) continue;
      // The program's own options may stand behind any command.
      const std::string scope = &command == &program ? "*" : "'" + path + "'";
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(scope + ":" + name);
      const std::string action = option.takes_file
                                     ? "COMPREPLY=($(compgen -f -- \"$cur\"))"
                                     : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))",
                                                   join(option.choices, " "));
      out += fmt::format("    {}) {}; return ;;\n", join(patterns, " | "), action);
    }
  });
  out += "  esac\n  case $at in\n";
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    out += fmt::format("    '{}') words='{}' ;;\n", path, join(words_of(command, program), " "));
  });
  out += "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n  case $at in\n";
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    if (command.takes_file) {
      out += fmt::format("    '{}') COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n", path);
    }
  });
  out += fmt::format("  esac\n}}\ncomplete -o filenames -F _{0} {0}\n", program.name);
  return out;
}

namespace {

// An item of zsh's _describe: 'name:description'.
std::string described(std::string_view name, std::string_view description) {
  std::string escaped;
  for (const char c : description)
    escaped += c == ':' ? "\\:" : std::string(1, c);
  return " " + single_quoted(std::string(name) + ":" + escaped);
}

std::string option_items(const CommandShape& command) {
  std::string items;
  for (const auto& option : command.options) {
    for (const std::string& name : option.names)
      items += described(name, option.description);
  }
  return items;
}

}  // namespace

std::string zsh_completion(const CommandShape& program) {
  std::string out = fmt::format(
      "#compdef {0}\n"
      "# zsh completion for {0}: put it as _{0} into a folder of $fpath\n"
      "_{0}() {{\n"
      "  local -a items common=({1} )\n",
      program.name, option_items(program));
  out += path_loop(program, "\"${(@)words[2,CURRENT-1]}\"");
  out += "  case \"$at:${words[CURRENT-1]}\" in\n";
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    for (const auto& option : command.options) {
      if (!option.takes_value) continue;
      const std::string scope = &command == &program ? "*" : "'" + path + "'";
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(scope + ":" + name);
      const std::string action = option.takes_file ? "_files"
                                 : option.choices.empty()
                                     ? "_message value"
                                     : "compadd -- " + join(option.choices, " ");
      out += fmt::format("    {}) {}; return ;;\n", join(patterns, " | "), action);
    }
  });
  out += "  esac\n  case $at in\n";
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    std::string items;
    for (const CommandShape& each : command.commands) {
      items += described(each.name, each.description);
    }
    for (const std::string& choice : command.choices)
      items += " " + single_quoted(choice);
    items += option_items(command);
    if (&command != &program) items += " $common";
    out += fmt::format("    '{}') items=({} ){} ;;\n", path, items,
                       command.takes_file ? "; _files" : "");
  });
  out += fmt::format("  esac\n  _describe command items\n}}\n_{0} \"$@\"\n", program.name);
  return out;
}

std::string fish_completion(const CommandShape& program) {
  std::string out = fmt::format(
      "# fish completion for {0}: put it into ~/.config/fish/completions/{0}.fish\n"
      "function __{0}_at\n"
      "  set -l at {0}\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$at $word\"\n"
      "      case {1}\n"
      "        set at \"$at $word\"\n"
      "    end\n"
      "  end\n"
      "  test \"$at\" = \"$argv\"\n"
      "end\n"
      "complete -c {0} -f\n",
      program.name, [&] {
        std::string patterns = path_patterns(program);
        for (std::size_t at = 0; (at = patterns.find(" | ", at)) != std::string::npos;) {
          patterns.replace(at, 3, " ");
        }
        return patterns;
      }());
  walk(program, "", [&](const CommandShape& command, const std::string& path) {
    const std::string here = fmt::format("complete -c {0} -n '__{0}_at {1}'", program.name, path);
    for (const CommandShape& each : command.commands) {
      out += fmt::format("{} -a {} -d {}\n", here, each.name, single_quoted(each.description));
    }
    for (const auto& option : command.options) {
      // The program's own options may stand behind any command.
      std::string line = &command == &program ? "complete -c " + program.name : here;
      for (const std::string& name : option.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) line += option.takes_file ? " -r -F" : " -x";
      if (!option.choices.empty()) line += " -a " + single_quoted(join(option.choices, " "));
      out += fmt::format("{} -d {}\n", line, single_quoted(option.description));
    }
    if (command.takes_file) out += here + " -F\n";
    if (!command.choices.empty()) {
      out += fmt::format("{} -a {}\n", here, single_quoted(join(command.choices, " ")));
    }
  });
  return out;
}

void add_completion(CLI::App& program, Session& session) {
  auto shell = std::make_shared<std::string>();
  auto* command = program.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->type_name("bash|zsh|fish")
      ->check(one_of({"bash", "zsh", "fish"}))
      ->required();
  command->callback([&program, &session, shell] {
    session.action = [&program, &session, shell]() -> Outcome<Exit> {
      const CommandShape shape = shape_of(program);
      session.environment.out << (*shell == "bash"  ? bash_completion(shape)
                                  : *shell == "zsh" ? zsh_completion(shape)
                                                    : fish_completion(shape));
      return Exit::Ok;
    };
  });
}

}  // namespace cli
