#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "cli/failure.h"
#include "detect/stream.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

// What `vedette rule` does without a hub, and with one; for cli.cc's rule.cc.
namespace cli {

// Which rules a command looks at, beside those that the program carries.
struct RuleChoice {
  std::vector<std::string> paths;  // files, or folders of them
  bool no_builtin = false;
  std::string profile = "classic";
};
void add_rule_choice(CLI::App& command, RuleChoice& choice);
// Lists for `expand` come from the folder `lists` of a folder that is named alone.
// Errors: Usage (what cannot be read).
Outcome<detect::StreamOptions> stream_options(const RuleChoice& choice);

// Lines of a file, or of standard input with "-". Errors: Usage.
Outcome<std::vector<std::string>> read_lines(const Session& session, const std::string& path);

// What needs no hub: check and test; explain and bench.
void add_offline_rule_verbs(CLI::App& noun, Session& session);
void add_explaining_rule_verbs(CLI::App& noun, Session& session);
// list, show, enable, ...: rules of a hub.
void add_hub_rule_verbs(CLI::App& noun, Session& session);

}  // namespace cli
