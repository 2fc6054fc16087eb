#include <cmath>

#include <duckdb.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/duckdb_natives.h"
#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

std::string shown_text(const std::string& text) {
  const bool plain = !text.empty() && text != "null" && text.find('|') == std::string::npos &&
                     text.front() != '"' && text.front() != ' ' && text.back() != ' ' &&
                     text.find('\n') == std::string::npos;
  if (plain) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

class Result {
 public:
  ~Result() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_{};
};

template <class T>
T cell(duckdb_vector vector, idx_t row) {
  return static_cast<T*>(duckdb_vector_get_data(vector))[row];
}

std::string shown(duckdb_vector vector, idx_t row, Type type) {
  auto* validity = duckdb_vector_get_validity(vector);
  if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) return "null";
  switch (type) {
    case Type::Bool:
      return cell<bool>(vector, row) ? "true" : "false";
    case Type::Int:
      return std::to_string(cell<std::int32_t>(vector, row));
    case Type::Long:
      return std::to_string(cell<std::int64_t>(vector, row));
    case Type::Real:
      return fmt::format("{}", cell<double>(vector, row));
    case Type::DateTime:
      return format_datetime(cell<std::int64_t>(vector, row));
    case Type::TimeSpan:
      return format_timespan(cell<std::int64_t>(vector, row));
    case Type::Decimal:
    case Type::Guid:
    case Type::Dynamic:
    case Type::String:
      break;
  }
  auto text = cell<duckdb_string_t>(vector, row);
  std::string content(duckdb_string_t_data(&text), duckdb_string_t_length(text));
  return type == Type::String ? shown_text(content) : content;
}

// The SQL type that types.h promises for a result.
duckdb_type promised(Type type) {
  switch (type) {
    case Type::Bool:
      return DUCKDB_TYPE_BOOLEAN;
    case Type::Int:
      return DUCKDB_TYPE_INTEGER;
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return DUCKDB_TYPE_BIGINT;
    case Type::Real:
      return DUCKDB_TYPE_DOUBLE;
    case Type::Decimal:
    case Type::String:
    case Type::Guid:
    case Type::Dynamic:
      return DUCKDB_TYPE_VARCHAR;
  }
  return DUCKDB_TYPE_INVALID;
}

}  // namespace

struct Engine::Database {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;

  std::optional<std::vector<std::vector<std::string>>> texts(const std::string& sql) {
    Result result;
    if (duckdb_query(connection, sql.c_str(), result.get()) == DuckDBError) {
      ADD_FAILURE() << duckdb_result_error(result.get()) << "\n" << sql;
      return std::nullopt;
    }
    std::vector<std::vector<std::string>> out;
    while (duckdb_data_chunk chunk = duckdb_fetch_chunk(*result.get())) {
      for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); ++row) {
        auto& cells = out.emplace_back();
        for (idx_t i = 0; i < duckdb_column_count(result.get()); ++i) {
          auto text = cell<duckdb_string_t>(duckdb_data_chunk_get_vector(chunk, i), row);
          cells.emplace_back(duckdb_string_t_data(&text), duckdb_string_t_length(text));
        }
      }
      duckdb_destroy_data_chunk(&chunk);
    }
    return out;
  }
};

Engine::Engine() : database_(std::make_unique<Database>()) {
  duckdb_open(nullptr, &database_->database);
  duckdb_connect(database_->database, &database_->connection);
  execute("SET threads = 1");
  EXPECT_TRUE(register_natives(database_->connection));
  execute(std::string(duckdb_prelude()));
}

Engine::~Engine() {
  duckdb_disconnect(&database_->connection);
  duckdb_close(&database_->database);
}

void Engine::execute(const std::string& sql) {
  Result result;
  if (duckdb_query(database_->connection, sql.c_str(), result.get()) == DuckDBError) {
    ADD_FAILURE() << duckdb_result_error(result.get());
  }
}

std::expected<Answer, Failure> Engine::ask(std::string_view query, const Catalogue& catalogue,
                                           const Options& options) {
  Options asking = options;
  asking.probe = [this](const std::string& sql) { return database_->texts(sql); };
  auto compiled = compile(query, catalogue, asking);
  if (!compiled) return std::unexpected(Failure{std::move(compiled.error()), "", ""});
  Result result;
  if (duckdb_query(database_->connection, compiled->sql.c_str(), result.get()) == DuckDBError) {
    return std::unexpected(Failure{{}, duckdb_result_error(result.get()), compiled->sql});
  }
  Answer out{compiled->columns, {}, compiled->warnings};
  for (std::size_t i = 0; i < out.columns.size(); ++i) {
    EXPECT_EQ(duckdb_column_type(result.get(), i), promised(out.columns[i].type))
        << "column " << out.columns[i].name << " of: " << query << "\n"
        << compiled->sql;
    if (duckdb_column_type(result.get(), i) != promised(out.columns[i].type)) return out;
  }
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(*result.get())) {
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); ++row) {
      std::vector<std::string> cells;
      for (std::size_t i = 0; i < out.columns.size(); ++i) {
        cells.push_back(shown(duckdb_data_chunk_get_vector(chunk, i), row, out.columns[i].type));
        const bool string = out.columns[i].type == Type::String;
        EXPECT_FALSE(string && cells.back() == "null") << compiled->sql;
      }
      out.rows.push_back(std::move(cells));
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  return out;
}

Options options_at_fixed_time() {
  using namespace std::chrono;
  return {.now = sys_days(2024y / May / 6) + 7h + 8min + 9s + nanoseconds(123'456'700)};
}

namespace {

TEST(Engine, KnowsEveryMacroOfThePrelude) {
  Engine engine;
  const auto answer = engine.ask("print x = 1", {}, options_at_fixed_time());
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rows, (std::vector<std::vector<std::string>>{{"1"}}));
}

}  // namespace
}  // namespace kql::testing
