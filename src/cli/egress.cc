// vedette export, follow, forwards: what leaves the hub.
#include <cstdio>
#include <fstream>
#include <ostream>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/kql.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

// The hub writes the file before it answers.
constexpr std::chrono::hours kExportPatience{24};
// Signs of life come every 15 seconds.
constexpr std::chrono::seconds kFollowPatience{60};

struct Arguments {
  std::string table;
  std::string query;
  std::vector<std::string> parameters;
  std::string from;
  std::string to;
  std::string format = "ndjson";
  std::string file;
  std::string after;
  std::string kinds;
  std::string device;
  bool once = false;
};

// The request for a table or a query.
struct Wanted {
  const char* method;
  std::string path;
  std::string body;
};

Outcome<Wanted> wanted_of(const Arguments& arguments) {
  if (arguments.table.empty() == arguments.query.empty())
    return give_up(Exit::Usage, "say --table or --query");
  if (!arguments.query.empty()) {
    if (!arguments.from.empty() || !arguments.to.empty())
      return give_up(Exit::Usage, "--from and --to belong to --table; a query has its own times");
    Value::Object body;
    body.push_back({"query", Value(arguments.query)});
    if (!arguments.parameters.empty())
      body.push_back({"parameters", TRY(parameters_of(arguments.parameters))});
    body.push_back({"format", Value(arguments.format)});
    return Wanted{"POST", "/export", Value(std::move(body)).to_json()};
  }
  if (!arguments.parameters.empty()) return give_up(Exit::Usage, "--param belongs to --query");
  std::string path = "/export";
  add_parameter(path, "table", arguments.table);
  add_parameter(path, "from", arguments.from);
  add_parameter(path, "to", arguments.to);
  add_parameter(path, "format", arguments.format);
  return Wanted{"GET", std::move(path), {}};
}

Outcome<Exit> write_export(const Session& session, const Arguments& arguments) {
  auto wanted = TRY(wanted_of(arguments));
  auto client = TRY(session.connect());
  const bool to_output = arguments.file.empty() || arguments.file == "-";
  if (to_output && arguments.format == "parquet" && session.environment.out_is_terminal)
    return give_up(Exit::Usage, "Parquet is not for a terminal: name a file with --file");
  // Beside it first: a file of that name is a complete one.
  const std::string partial = arguments.file + ".part";
  std::ofstream file;
  if (!to_output) {
    file.open(partial, std::ios::binary | std::ios::trunc);
    if (!file) return give_up(Exit::Failure, "cannot write " + partial);
  }
  std::ostream& out = to_output ? session.environment.out : file;
  const auto sink = [&out](std::string_view piece) {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return static_cast<bool>(out);
  };
  auto answer = client.download(wanted.method, wanted.path, wanted.body, sink, kExportPatience);
  file.close();
  const bool complete = answer && answer->status < 400 && out;
  if (!to_output && complete && std::rename(partial.c_str(), arguments.file.c_str()) == 0)
    return Exit::Ok;
  if (!to_output) std::remove(partial.c_str());
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status >= 400) return std::unexpected(failure_of(*answer));
  if (!to_output || !out) return give_up(Exit::Failure, "cannot write the whole file");
  return Exit::Ok;
}

Outcome<Exit> follow(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/stream/events";
  add_parameter(path, "from", arguments.from);
  add_parameter(path, "after", arguments.after);
  add_parameter(path, "kinds", arguments.kinds);
  add_parameter(path, "device", arguments.device);
  add_parameter(path, "follow", arguments.once ? "false" : "true");
  std::ostream& out = session.environment.out;
  // Signs of life are not for programs behind a pipe.
  bool line_begins = true;
  const auto sink = [&out, &line_begins](std::string_view piece) {
    for (const char c : piece) {
      if (c != '\n' || !line_begins) out.put(c);
      line_begins = c == '\n';
    }
    out.flush();
    return static_cast<bool>(out);
  };
  auto answer = TRY(client.download("GET", path, {}, sink, kFollowPatience));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  return Exit::Ok;
}

Outcome<Exit> forwards(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/forwards"));
  return print_list(session, found,
                    {{"Name", "name"},
                     {"Type", "type"},
                     {"Destination", "destination"},
                     {"Healthy", "healthy"},
                     {"Behind", "behind"},
                     {"Lines", "lines"},
                     {"Failures", "failures"},
                     {"Refused", "refused"},
                     {"Lost", "lost"},
                     {"Problem", "problem"}});
}

}  // namespace

void add_egress(CLI::App& program, Session& session) {
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(program, session, name, description, run);
  };

  auto [file, exported] =
      verb("export", "Write a table or a query's result into a file", write_export);
  file->add_option("--table", exported->table, "All rows of this table")->type_name("TABLE");
  file->add_option("--query", exported->query, "The result of this KQL query")->type_name("KQL");
  add_parameter_option(*file, exported->parameters);
  file->add_option("--from", exported->from, "The first TimeGenerated, as in RFC 3339")
      ->type_name("TIME");
  file->add_option("--to", exported->to, "The end, which is not part of it")->type_name("TIME");
  file->add_option("--format", exported->format, "ndjson (default) or parquet")
      ->type_name("ndjson|parquet")
      ->check(one_of({"ndjson", "parquet"}));
  file->add_option("--file", exported->file, "Where to (default: standard output)")
      ->type_name("FILE");

  auto [lines, followed] =
      verb("follow", "Show what devices send as it comes, a line of JSON each", follow);
  lines->add_option("--from", followed->from, "An offset, earliest or latest (default)")
      ->type_name("OFFSET");
  lines->add_option("--after", followed->after, "The offset of the last line that was read")
      ->type_name("OFFSET");
  lines
      ->add_option("--kinds", followed->kinds,
                   "A list of events, telemetry, alerts (these by default) and operations")
      ->type_name("KINDS");
  lines
      ->add_option("--device", followed->device,
                   "Only of devices like this; * and ? are wild cards")
      ->type_name("DEVICE");
  lines->add_flag("--once", followed->once, "End where there is nothing more");

  verb("forwards", "Show where the hub forwards lines to, and how that goes", forwards);
}

}  // namespace cli
