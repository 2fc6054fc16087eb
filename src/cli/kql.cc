// vedette kql ...
#include "cli/kql.h"

#include <algorithm>
#include <istream>
#include <iterator>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/diagnostics.h"
#include "cli/validators.h"
#include "kql/kql.h"
#include "os/file.h"

namespace cli {

using base::json::Value;

namespace {

// Longer than any query may run: what the hub's own limit is, only the hub knows.
constexpr std::chrono::hours kPatience{25};

CLI::Validator name_and_value() {
  return {[](const std::string& text) {
            const std::size_t equals = text.find('=');
            const bool fine = equals != 0 && equals != std::string::npos;
            return fine ? std::string() : "expected NAME=VALUE, found " + base::json::quoted(text);
          },
          ""};
}

Outcome<Exit> print_result(const Session& session, const Value& result) {
  const auto format = TRY(session.format());
  const Value* columns = result.find("columns");
  const Value* rows = result.find("rows");
  if (columns == nullptr || rows == nullptr || columns->if_array() == nullptr ||
      rows->if_array() == nullptr) {
    return give_up(Exit::Failure, "the hub's answer has no columns and rows");
  }
  Grid grid;
  for (const Value& column : *columns->if_array()) {
    grid.headings.emplace_back(column.text_or("name", ""));
  }
  Value::Array objects;
  for (const Value& row : *rows->if_array()) {
    const Value::Array* values = row.if_array();
    if (values == nullptr || values->size() != grid.headings.size()) {
      return give_up(Exit::Failure, "the hub's answer has a row of the wrong size");
    }
    if (format == Format::Json) {
      Value::Object object;
      for (std::size_t i = 0; i < values->size(); ++i) {
        object.push_back({grid.headings[i], (*values)[i]});
      }
      objects.emplace_back(std::move(object));
      continue;
    }
    grid.rows.emplace_back();
    for (const Value& value : *values)
      grid.rows.back().push_back(cell(&value));
  }
  std::ostream& out = session.environment.out;
  if (format == Format::Json) print_json(out, Value(std::move(objects)));
  if (format == Format::Csv) print_csv(out, grid);
  if (format == Format::Table) print_table(out, grid, session.color());
  return Exit::Ok;
}

// What is missing, and which limit to raise.
void note_cut(const Session& session, const Value& result) {
  const Value* reached = find_path(result, "limits.reached");
  if (reached == nullptr || reached->if_string() == nullptr) return;
  const bool rows = *reached->if_string() == "rows";
  const std::string limit = cell(find_path(result, rows ? "limits.rows" : "limits.bytes"));
  session.note(rows ? fmt::format("the result was cut after {} rows; use --limit or narrow the "
                                  "query",
                                  limit)
                    : fmt::format("the result was cut after {} bytes; narrow the query, or use "
                                  "vedette export",
                                  limit));
}

struct Arguments {
  std::string query;
  std::string file;
  KqlOptions options;
};

Outcome<Exit> run(const Session& session, const Arguments& arguments) {
  const auto query = TRY(read_kql(session, arguments.query, arguments.file,
                                  "For example: vedette kql 'SecurityAlert | take 10'"));
  auto client = TRY(session.connect());
  return run_kql(session, client, query, arguments.options);
}

}  // namespace

void add_parameter_option(CLI::App& command, std::vector<std::string>& parameters) {
  command
      .add_option("--param", parameters,
                  "A value for what the query declares with 'declare query_parameters'; may be "
                  "given several times")
      ->type_name("NAME=VALUE")
      ->check(name_and_value())
      ->allow_extra_args(false);
}

Outcome<Value> parameters_of(const std::vector<std::string>& parameters) {
  Value::Object out;
  for (const std::string& each : parameters) {
    const std::size_t equals = each.find('=');
    const std::string name = each.substr(0, equals);
    if (std::ranges::find(out, name, &base::json::Member::name) != out.end())
      return give_up(Exit::Usage, "--param: " + name + " is given twice");
    out.push_back({name, Value(each.substr(equals + 1))});
  }
  return Value(std::move(out));
}

void add_kql_options(CLI::App& command, KqlOptions& options) {
  constexpr int kMostRows = 10'000'000;
  add_parameter_option(command, options.parameters);
  command
      .add_option("--limit", options.limit,
                  "At most so many rows (default: as the hub says, usually 10000)")
      ->type_name("ROWS")
      ->check(in_range(1, kMostRows));
  command
      .add_option("--timeout", options.timeout_seconds,
                  "Give up after so many seconds (default: as the hub says, usually 30)")
      ->type_name("SECONDS")
      ->check(in_range(1, 86'400));
  command
      .add_option("--timespan", options.timespan,
                  "Only rows of this time, beside what the query says: P1D, PT4H, START/END")
      ->type_name("TIMESPAN");
}

Outcome<std::string> read_kql(const Session& session, const std::string& query,
                              const std::string& file, const char* example) {
  if (query.empty() == file.empty())
    return give_up(Exit::Usage, "give either a query or --file", example);
  if (file == "-" || query == "-") {
    std::string text(kql::kMaxQueryBytes + 1, '\0');
    session.environment.in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(session.environment.in.gcount()));
    return text;
  }
  if (file.empty()) return query;
  auto text = os::read_file(file, kql::kMaxQueryBytes + 1);
  if (!text) return give_up(Exit::Usage, text.error().to_string());
  return std::move(*text);
}

// Ctrl-C ends the program and with it the connection, by which the hub knows to end the query.
Outcome<Exit> run_kql(const Session& session, Client& client, const std::string& query,
                      const KqlOptions& options) {
  Value::Object body;
  body.push_back({"query", Value(query)});
  if (options.limit) body.push_back({"limit", Value(static_cast<std::int64_t>(*options.limit))});
  if (options.timeout_seconds)
    body.push_back({"timeoutMs", Value(std::int64_t{*options.timeout_seconds} * 1000)});
  if (!options.timespan.empty()) body.push_back({"timespan", Value(options.timespan)});
  if (!options.parameters.empty())
    body.push_back({"parameters", TRY(parameters_of(options.parameters))});
  const auto timeout = options.timeout_seconds ? std::chrono::seconds(*options.timeout_seconds + 10)
                                               : std::chrono::seconds(kPatience);
  const auto answer =
      TRY(client.send("POST", "/query", Value(std::move(body)).to_json(), {}, timeout));
  const auto parsed = base::json::parse(answer.body);
  if (answer.status >= 400) {
    const Value* diagnostics = parsed ? find_path(*parsed, "error.diagnostics") : nullptr;
    const std::string text =
        diagnostics == nullptr ? "" : rendered_diagnostics(*diagnostics, query);
    if (text.empty()) return std::unexpected(failure_of(answer));
    session.environment.err << text;
    return Exit::Failure;
  }
  if (!parsed) return give_up(Exit::Failure, "the hub's answer is not JSON");
  if (const Value* warnings = parsed->find("warnings")) {
    session.environment.err << rendered_diagnostics(*warnings, query);
  }
  auto printed = print_result(session, *parsed);
  note_cut(session, *parsed);
  return printed;
}

void add_kql(CLI::App& program, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      program.add_subcommand("kql", "Run a KQL query over events, alerts and operations");
  command->add_option("QUERY", arguments->query, "The query; - reads it from standard input");
  command->add_option("--file", arguments->file, "Read the query from a file; - is standard input")
      ->type_name("FILE");
  add_kql_options(*command, arguments->options);
  command->callback([&session, arguments] {
    session.action = [&session, arguments] { return run(session, *arguments); };
  });
}

}  // namespace cli
