// vedette rule ...
#include "cli/rule.h"

#include <CLI/CLI.hpp>

namespace cli {

void add_rule(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("rule", "What is detected: rules and what is set for them");
  noun->require_subcommand(1);
  add_offline_rule_verbs(*noun, session);
  add_explaining_rule_verbs(*noun, session);
  add_hub_rule_verbs(*noun, session);
}

}  // namespace cli
