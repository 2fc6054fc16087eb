#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kql/catalogue.h"
#include "kql/diagnostic.h"
#include "kql/parameters.h"
#include "kql/ticks.h"
#include "kql/types.h"

// KQL to SQL: lex, parse, bind against a catalogue with full types, plan, emit for DuckDB.
// No clock, no file, no thread: the same text, catalogue and options give the same SQL, for one
// answer of the probe.
namespace kql {

// Longer query texts are refused, in bytes.
inline constexpr std::size_t kMaxQueryBytes = 64 * 1024;

// Rows of tables outside it are not seen. Both ends are inside.
struct TimeRange {
  Ticks from = 0;
  Ticks to = kMaxDateTimeTicks;
};

struct Options {
  // What now() and ago() mean, for the whole query.
  base::WallTime now{};
  // Of TimeGenerated, in every table of the catalogue that has this column; on top of what the
  // query itself says.
  std::optional<TimeRange> time_range = {};
  // At most so many result rows, whatever the query says; 0: no limit. Ask for one more than you
  // show to learn whether there are more.
  std::size_t row_limit = 0;
  // Asks the database while the query is compiled, for the operators whose columns depend on rows
  // (evaluate pivot, bag_unpack): the rows of one SELECT, all texts. nullopt: it failed. Empty:
  // such operators are an error unless the query names their columns.
  std::function<std::optional<std::vector<std::vector<std::string>>>(const std::string& sql)>
      probe = {};
  // Values for the query's 'declare query_parameters'. Errors: a value that is not of its type, one
  // that the query does not declare, a parameter with neither value nor default.
  Parameters parameters = {};
};

// What `render` asked for: the chart and its properties, as written.
struct Render {
  std::string kind;
  std::vector<std::pair<std::string, std::string>> properties;
};

struct Compiled {
  // One SELECT for DuckDB. It names only relations of the catalogue and functions of DuckDB and of
  // duckdb_prelude(); no text of the query is in it other than as a quoted literal or column alias.
  std::string sql;
  // The result's columns, in order, as many as the SELECT has (one more where there are none).
  // Values come as types.h says, but for Guid and Decimal, which come as text (VARCHAR). Dynamic
  // values are JSON to the letter (RFC 8259), whatever DuckDB reads as such.
  std::vector<Column> columns;
  std::optional<Render> render;
  std::vector<Diagnostic> warnings;
};

// Errors: at least one diagnostic of severity Error; warnings may stand beside it. Threads: pure.
std::expected<Compiled, std::vector<Diagnostic>> compile(std::string_view query,
                                                         const Catalogue& catalogue,
                                                         const Options& options);

// All that is wrong with the query, errors and warnings, in the order of the text; empty when it is
// fine. Threads: pure.
std::vector<Diagnostic> validate(std::string_view query, const Catalogue& catalogue);

// The SQL macros that compiled queries use: run it once for each database (it replaces older ones).
// One text of many statements.
std::string_view duckdb_prelude();

// The language's words, for completion. Valid for ever.
struct Vocabulary {
  std::vector<std::string_view> operators;   // after a '|'
  std::vector<std::string_view> functions;   // sorted
  std::vector<std::string_view> aggregates;  // sorted; only in summarize
};
const Vocabulary& vocabulary();

// The reference page of the language as it is here, in Markdown: docs/reference/kql.md.
std::string reference_page();

}  // namespace kql
