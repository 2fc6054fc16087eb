// vedette status
#include <ostream>

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace cli {

using base::json::Value;

namespace {

Outcome<Exit> run(const Session& session) {
  auto client = TRY(session.connect());
  auto status = TRY(client.call("GET", "/status"));
  const auto format = TRY(session.format());
  std::ostream& out = session.environment.out;
  if (format == Format::Json) {
    print_json(out, status);
    return Exit::Ok;
  }
  Grid grid{{"Name", "Value"}, {}};
  for (const char* name : {"version", "hostName", "startedAt", "uptimeSeconds"}) {
    grid.rows.push_back({name, cell(status.find(name))});
  }
  for (const char* group : {"endpoints", "counters"}) {
    const Value* members = status.find(group);
    if (members == nullptr || members->if_object() == nullptr) continue;
    for (const auto& member : *members->if_object()) {
      // What never happened is noise to people, and a fact to programs.
      const std::string value = cell(&member.value);
      if (format == Format::Table && value == "0") continue;
      grid.rows.push_back({member.name, value});
    }
  }
  if (format == Format::Csv) {
    print_csv(out, grid);
  } else {
    print_table(out, grid, session.color());
  }
  return Exit::Ok;
}

}  // namespace

void add_status(CLI::App& program, Session& session) {
  auto* command = program.add_subcommand("status", "The hub's state and counters");
  command->callback([&session] { session.action = [&session] { return run(session); }; });
}

}  // namespace cli
