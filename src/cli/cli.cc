#include "cli/cli.h"

#include <algorithm>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/network.h"
#include "cli/validators.h"

#ifndef VEDETTE_VERSION
#error "VEDETTE_VERSION comes from CMake"
#endif

namespace cli {

namespace {

// Of repeated ones the last counts: an alias can hold them and still be overridden.
void add_global_options(CLI::App& program, Session& session) {
  Flags& flags = session.flags;
  program
      .add_option("--hub", flags.hub,
                  "Where the hub is (default: as the connection string says, or "
                  "https://127.0.0.1:8443)")
      ->type_name("URL")
      ->take_last();
  program
      .add_option("--connection-string-file", flags.connection_string_file,
                  "File with the service connection string")
      ->type_name("FILE")
      ->take_last();
  program.add_option("--ca-file", flags.ca_file, "Certificate authority of the hub, PEM")
      ->type_name("FILE")
      ->take_last();
  program
      .add_option("-o,--output", flags.output,
                  "How to print (default: table on a terminal, json in a pipe)")
      ->type_name("table|json|csv")
      ->check(one_of({"table", "json", "csv"}))
      ->take_last();
  program.set_version_flag("--version", "vedette " VEDETTE_VERSION, "Print the version");
}

// Options of the program may stand behind the command too: vedette device list -o json.
void allow_options_anywhere(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    command->fallthrough();
    command->footer("The options of `vedette --help` may be given here too.");
    allow_options_anywhere(*command);
  }
}

void build(CLI::App& program, Session& session) {
  add_global_options(program, session);
  program.require_subcommand(1);
  add_device(program, session);
  add_module(program, session);
  add_enrollment(program, session);
  add_certificate(program, session);
  add_policy(program, session);
  add_ip_filter(program, session);
  add_limits(program, session);
  add_credential(program, session);
  add_alert(program, session);
  add_rule(program, session);
  add_suppression(program, session);
  add_recommendation(program, session);
  add_vulnerability(program, session);
  add_advisory(program, session);
  add_network(program, session);
  add_custom_alert(program, session);
  add_configuration(program, session);
  add_kql(program, session);
  add_table(program, session);
  add_query(program, session);
  add_analytics(program, session);
  add_quarantine(program, session);
  add_egress(program, session);
  add_retention(program, session);
  add_store(program, session);
  add_message(program, session);
  add_status(program, session);
  add_completion(program, session);
  allow_options_anywhere(program);
  program.footer(
      "Settings also come from VEDETTE_HUB, VEDETTE_CA_FILE, VEDETTE_CONNECTION_STRING_FILE,\n"
      "VEDETTE_CONNECTION_STRING and ~/.config/vedette/cli.toml (hub, ca_file,\n"
      "connection_string_file, output).\n"
      "Exit status: 0 ok, 1 failure, 2 usage, 3 not found, 4 not allowed, 5 conflict,\n"
      "6 hub unreachable.");
}

// A word where a command was expected: which one was meant?
std::optional<std::string> unknown_command(const CLI::App& program) {
  const CLI::App* command = &program;
  while (!command->get_subcommands().empty())
    command = command->get_subcommands().front();
  std::vector<std::string> names;
  for (const CLI::App* each : command->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  const auto words = program.remaining(true);
  const auto word = std::find_if(words.begin(), words.end(), [](const std::string& text) {
    return !text.empty() && text[0] != '-';
  });
  if (names.empty() || word == words.end()) return std::nullopt;
  std::string message = "unknown command '" + printable(*word) + "'";
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  if (const auto near = base::nearest(*word, candidates)) {
    message += "; did you mean '" + std::string(*near) + "'?";
  }
  return message;
}

// Help for the command that --help stands behind, with the whole of its name.
std::string help_of(const CLI::App& program) {
  const CLI::App* command = &program;
  std::string before;
  while (!command->get_subcommands().empty()) {
    before += (before.empty() ? "" : " ") + command->get_name();
    command = command->get_subcommands().front();
  }
  return command->help(before);
}

int report(const Session& session, const Failure& failure) {
  session.note(failure.message);
  if (!failure.hint.empty()) session.note(failure.hint);
  return static_cast<int>(failure.status);
}

}  // namespace

int run(const std::vector<std::string>& arguments, Environment& environment) {
  Session session{environment};
  CLI::App program{"Vedette from the command line: devices, alerts and queries of a hub",
                   "vedette"};
  build(program, session);
  try {
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    environment.out << help_of(program);
    return static_cast<int>(Exit::Ok);
  } catch (const CLI::CallForVersion& version) {
    environment.out << version.what() << '\n';
    return static_cast<int>(Exit::Ok);
  } catch (const CLI::ParseError& error) {
    return report(session, {Exit::Usage, unknown_command(program).value_or(error.what()),
                            "See `vedette --help`."});
  }
  auto status = session.action();
  environment.out.flush();
  if (!status) return report(session, status.error());
  return static_cast<int>(*status);
}

}  // namespace cli
