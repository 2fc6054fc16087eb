#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>

#include "hub/api/api.h"
#include "kql/kql.h"
#include "store/query.h"

// What the two query APIs, ours and Log Analytics', have in common.
namespace hub::api {

// One query with all its limits settled.
struct Asked {
  std::string text;
  std::string id;  // empty: the request's
  std::chrono::milliseconds timeout{0};
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::optional<kql::TimeRange> time_range = {};
  kql::Parameters parameters = {};
};

// With what a query gets that asks for nothing: query.* of the configuration.
Asked ask_defaults(const Call& call);

// The member `parameters` of a body: values for what the query declares, which the query's compiler
// judges. Absent: none. An answer when it is no object, or has a name twice.
std::expected<kql::Parameters, Response> parameters_field(const Call& call,
                                                          const base::json::Value& body);

using Outcome = std::expected<store::QueryResult, store::QueryFailure>;

// Runs it, where RunningQueries can see it. nullopt: another query of that id runs.
std::optional<Outcome> ask(Call& call, const Asked& asked);

// The id under which it runs.
std::string query_id(const Call& call, const Asked& asked);

// Why there is no result: the query's faults, or the limit that ended it, by name and value.
Response query_refused(const Call& call, const Asked& asked, const store::QueryFailure& failure);
// The same as a sentence.
std::string failure_text(const Call& call, const Asked& asked, const store::QueryFailure& failure);

void write_diagnostics(base::json::Writer& writer, const std::vector<kql::Diagnostic>& diagnostics);
void write_columns(base::json::Writer& writer, const std::vector<kql::Column>& columns);

}  // namespace hub::api
