#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/failure.h"

namespace cli {

// How a query is to be run; what is not given is the hub's to say.
struct KqlOptions {
  std::optional<std::size_t> limit;  // rows
  std::optional<unsigned> timeout_seconds;
  std::string timespan;
  std::vector<std::string> parameters;  // NAME=VALUE
};

// --param: values for what a query declares.
void add_parameter_option(CLI::App& command, std::vector<std::string>& parameters);
// The request's object of what that option took. Errors: Usage (a name twice).
Outcome<base::json::Value> parameters_of(const std::vector<std::string>& parameters);

// --param, --limit, --timeout and --timespan.
void add_kql_options(CLI::App& command, KqlOptions& options);

// The query given as an argument or in a file; "-" is standard input. Errors: Usage (neither or
// both, or the file cannot be read; `example` shows how).
Outcome<std::string> read_kql(const Session& session, const std::string& query,
                              const std::string& file, const char* example);

// Asks the hub and prints the rows. Errors of the query itself are shown with their place.
Outcome<Exit> run_kql(const Session& session, Client& client, const std::string& query,
                      const KqlOptions& options);

}  // namespace cli
