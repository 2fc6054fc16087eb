// vedette message ...
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/message.h"

namespace cli {

void add_message(CLI::App& program, Session& session) {
  struct Arguments {
    std::string file;
    bool lenient = false;
  };
  auto* noun = program.add_subcommand("message", "Security messages, without a hub");
  noun->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  auto* validate = noun->add_subcommand(
      "validate", "Check messages; one JSON line for each, status 1 when one is invalid");
  validate
      ->add_option("FILE", arguments->file,
                   "One message, an array of them, or one per line; - is standard input")
      ->type_name("FILE")
      ->required();
  validate->add_flag("--lenient", arguments->lenient,
                     "Accept what the hub accepts from real agents, and name it");
  validate->callback([&session, arguments] {
    session.action = [&session, arguments]() -> Outcome<Exit> {
      const Environment& environment = session.environment;
      const auto mode = arguments->lenient ? schema::Mode::Lenient : schema::Mode::Strict;
      return static_cast<Exit>(message_validate(arguments->file, mode, environment.in,
                                                environment.out, environment.err));
    };
  });
}

}  // namespace cli
