// vedette kql ...
#include "kql/kql.h"

#include <istream>
#include <iterator>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/validators.h"
#include "os/file.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string query;
  std::string file;
  std::size_t limit = 10'000;
  unsigned timeout_seconds = 30;
};

Outcome<std::string> read_query(const Session& session, const Arguments& arguments) {
  const bool standard_input = arguments.file == "-" || arguments.query == "-";
  if (arguments.query.empty() == arguments.file.empty()) {
    return give_up(Exit::Usage, "give either a query or --file",
                   "For example: vedette kql 'SecurityAlert | take 10'");
  }
  if (standard_input) {
    std::string text(kql::kMaxQueryBytes + 1, '\0');
    session.environment.in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(session.environment.in.gcount()));
    return text;
  }
  if (arguments.file.empty()) return arguments.query;
  auto text = os::read_file(arguments.file, kql::kMaxQueryBytes + 1);
  if (!text) return give_up(Exit::Usage, text.error().to_string());
  return std::move(*text);
}

std::int64_t number(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  const std::int64_t* value = member == nullptr ? nullptr : member->if_int();
  return value == nullptr || *value < 0 ? 0 : *value;
}

// Like a compiler: the message, the line of the query and carets below the place.
std::string rendered(const Value& diagnostics, std::string_view query) {
  std::string text;
  if (diagnostics.if_array() == nullptr) return text;
  for (const Value& each : *diagnostics.if_array()) {
    kql::Diagnostic diagnostic;
    diagnostic.severity =
        each.text_or("severity", "") == "warning" ? kql::Severity::Warning : kql::Severity::Error;
    diagnostic.offset = std::min(static_cast<std::size_t>(number(each, "offset")), query.size());
    diagnostic.length = std::min(static_cast<std::size_t>(number(each, "length")),
                                 query.size() - diagnostic.offset);
    diagnostic.line = static_cast<int>(number(each, "line"));
    diagnostic.column = static_cast<int>(number(each, "column"));
    diagnostic.message = printable(each.text_or("message", ""));
    text += kql::render(diagnostic, query);
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

Outcome<Exit> print_result(const Session& session, const Value& result) {
  const auto format = session.format();
  if (!format) return std::unexpected(format.error());
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
    if (*format == Format::Json) {
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
  if (*format == Format::Json) print_json(out, Value(std::move(objects)));
  if (*format == Format::Csv) print_csv(out, grid);
  if (*format == Format::Table) print_table(out, grid, session.color());
  return Exit::Ok;
}

Outcome<Exit> run(const Session& session, const Arguments& arguments) {
  auto query = read_query(session, arguments);
  if (!query) return std::unexpected(std::move(query.error()));
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  Value::Object body;
  body.push_back({"query", Value(*query)});
  body.push_back({"limit", Value(static_cast<std::int64_t>(arguments.limit))});
  body.push_back({"timeoutMs", Value(std::int64_t{arguments.timeout_seconds} * 1000)});
  const auto timeout = std::chrono::seconds(arguments.timeout_seconds + 10);
  auto answer = client->send("POST", "/query", Value(std::move(body)).to_json(), {}, timeout);
  if (!answer) return std::unexpected(std::move(answer.error()));

  const auto parsed = base::json::parse(answer->body);
  if (answer->status >= 400) {
    const Value* diagnostics = parsed ? find_path(*parsed, "error.diagnostics") : nullptr;
    const std::string text = diagnostics == nullptr ? "" : rendered(*diagnostics, *query);
    if (text.empty()) return std::unexpected(failure_of(*answer));
    session.environment.err << text;
    return Exit::Failure;
  }
  if (!parsed) return give_up(Exit::Failure, "the hub's answer is not JSON");
  if (const Value* warnings = parsed->find("warnings")) {
    session.environment.err << rendered(*warnings, *query);
  }
  auto printed = print_result(session, *parsed);
  const Value* truncated = find_path(*parsed, "stats.truncated");
  if (truncated != nullptr && truncated->if_bool() != nullptr && *truncated->if_bool()) {
    session.note(fmt::format("the result was cut; use --limit (now {}) or narrow the query",
                             arguments.limit));
  }
  return printed;
}

}  // namespace

void add_kql(CLI::App& program, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      program.add_subcommand("kql", "Run a KQL query over events, alerts and operations");
  command->add_option("QUERY", arguments->query, "The query; - reads it from standard input");
  command->add_option("--file", arguments->file, "Read the query from a file; - is standard input")
      ->type_name("FILE");
  command->add_option("--limit", arguments->limit, "At most so many rows (default 10000)")
      ->type_name("ROWS")
      ->check(in_range(1, 100'000));
  command
      ->add_option("--timeout", arguments->timeout_seconds,
                   "Give up after so many seconds (default 30)")
      ->type_name("SECONDS")
      ->check(in_range(1, 600));
  command->callback([&session, arguments] {
    session.action = [&session, arguments] { return run(session, *arguments); };
  });
}

}  // namespace cli
