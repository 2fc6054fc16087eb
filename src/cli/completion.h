#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace cli {

// A command as shells need to know it; made from the command line's definition.
struct CommandShape {
  struct Option {
    std::vector<std::string> names;  // -o, --output
    std::string description;
    bool takes_value = false;
    bool takes_file = false;
    std::vector<std::string> choices;  // when the value is one of few
  };
  std::string name;
  std::string description;
  std::vector<Option> options;
  bool takes_file = false;           // an argument of it is a file
  std::vector<std::string> choices;  // when an argument is one of few
  std::vector<CommandShape> commands;
};
CommandShape shape_of(const CLI::App& app);

// Scripts for the shells to source.
std::string bash_completion(const CommandShape& program);
std::string zsh_completion(const CommandShape& program);
std::string fish_completion(const CommandShape& program);

}  // namespace cli
