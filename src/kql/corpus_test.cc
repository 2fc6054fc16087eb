// Published queries and documented examples, where the folder with them is at hand: VEDETTE_SHARED,
// or "shared" beside the checkout. They are test data of others and not part of the project.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

// How many of the documented examples give the documented table. May only grow.
constexpr int kExamplesFloor = 103;

std::optional<std::filesystem::path> corpora() {
  const char* shared = std::getenv("VEDETTE_SHARED");
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  const std::filesystem::path folder =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(source == nullptr ? "." : source) / "../shared";
  if (!std::filesystem::is_directory(folder / "corpora")) return std::nullopt;
  return folder / "corpora";
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Column> strings(std::initializer_list<const char*> names) {
  std::vector<Column> out;
  for (const char* name : names)
    out.push_back({name, Type::String});
  return out;
}

// The tables that the published queries read, with the columns that they use.
Catalogue published_tables() {
  Catalogue out;
  Table events{"SecurityIoTRawEvent",
               strings({"DeviceId", "AssociatedResourceId", "RawEventName", "EventDetails"})};
  events.columns.push_back({"TimeGenerated", Type::DateTime});
  events.columns.push_back({"TimeStamp", Type::DateTime});
  Table alerts{"SecurityAlert",
               strings({"TenantId", "DisplayName", "AlertName", "AlertSeverity", "Description",
                        "ProviderName", "VendorOriginalId", "SystemAlertId", "ResourceId",
                        "ProductName", "ProductComponentName", "RemediationSteps", "Status",
                        "Tactics", "Techniques", "AlertLink", "Entities", "ExtendedProperties"})};
  alerts.columns.push_back({"TimeGenerated", Type::DateTime});
  alerts.columns.push_back({"ProcessingEndTime", Type::DateTime});
  Table recommendations{
      "SecurityRecommendation",
      strings({"DeviceId", "AssessedResourceId", "RecommendationState", "RecommendationSeverity",
               "RecommendationDisplayName", "Description", "RecommendationAdditionalData"})};
  recommendations.columns.push_back({"TimeGenerated", Type::DateTime});
  recommendations.columns.push_back({"DiscoveredTimeUTC", Type::DateTime});
  out.add(std::move(events));
  out.add(std::move(alerts));
  out.add(std::move(recommendations));
  out.add({"resources", strings({"id", "name", "type", "subscriptionId"})});
  out.set_default("resources");
  return out;
}

void create(Engine& engine, const Catalogue& catalogue) {
  for (const Table& table : catalogue.tables()) {
    std::string columns;
    for (const Column& column : table.columns) {
      columns += fmt::format("{}\"{}\" {}", columns.empty() ? "" : ", ", column.name,
                             sql_type(column.type));
    }
    engine.execute(fmt::format("CREATE TABLE \"{}\" ({})", table.name, columns));
  }
}

std::string messages(const Failure& failure, std::string_view query) {
  std::string out = failure.database;
  for (const Diagnostic& each : failure.diagnostics)
    out += render(each, query);
  return out;
}

TEST(Corpus, CompilesAndRunsEveryPublishedQuery) {
  const auto folder = corpora();
  if (!folder) GTEST_SKIP() << "no shared corpora: set VEDETTE_SHARED";
  Engine engine;
  const Catalogue catalogue = published_tables();
  create(engine, catalogue);
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder / "kql_queries")) {
    const std::string query = file_text(entry.path());
    const auto answer = engine.ask(query, catalogue, options_at_fixed_time());
    EXPECT_TRUE(answer.has_value()) << entry.path() << "\n" << messages(answer.error(), query);
    ++count;
  }
  EXPECT_GE(count, 33);
}

// Documentation shows values for people: blanks and quotes in JSON, rounded numbers, other dates.
std::string canonical(std::string_view shown, Type type) {
  std::string text(shown);
  for (std::size_t at = text.find("<br>"); at != std::string::npos; at = text.find("<br>")) {
    text.erase(at, 4);
  }
  if (text == "∞" || text == "-∞") text = text.size() > 3 ? "-inf" : "inf";
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '\n' || c == '\r' || c == '\\' || c == '`') {
      continue;
    }
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (out == "null" || out == "(null)") return "";
  if (type == Type::DateTime) {
    if (const auto ticks = parse_datetime(text)) return std::to_string(*ticks);
  }
  if (type == Type::TimeSpan) {
    if (const auto ticks = parse_timespan(text)) return std::to_string(*ticks);
  }
  if (type == Type::Bool && (out == "1" || out == "0")) return out == "1" ? "true" : "false";
  return out;
}

bool same_cell(const std::string& found, const std::string& wanted, Type type) {
  const std::string a = canonical(found, type);
  const std::string b = canonical(wanted, type);
  if (a == b) return true;
  char* end = nullptr;
  const double x = std::strtod(a.c_str(), &end);
  if (a.empty() || *end != '\0') return false;
  const double y = std::strtod(b.c_str(), &end);
  return !b.empty() && *end == '\0' && std::abs(x - y) <= 1e-6 * std::max(1.0, std::abs(y));
}

bool same_row(const std::vector<std::string>& found, const std::vector<std::string>& wanted,
              const std::vector<Column>& columns) {
  // Tables in the documentation leave out empty cells at the end of a row.
  if (found.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!same_cell(found[i], i < wanted.size() ? wanted[i] : "", columns[i].type)) return false;
  }
  return true;
}

// As sets: the examples seldom sort.
bool same_rows(const Answer& answer, std::vector<std::vector<std::string>> wanted) {
  if (answer.rows.size() != wanted.size()) return false;
  for (const auto& row : answer.rows) {
    const auto match = std::find_if(wanted.begin(), wanted.end(), [&](const auto& candidate) {
      return same_row(row, candidate, answer.columns);
    });
    if (match == wanted.end()) return false;
    wanted.erase(match);
  }
  return true;
}

std::string shape(const Answer& answer) {
  std::string out;
  for (const Column& column : answer.columns)
    out += fmt::format("{}:{} | ", column.name, type_name(column.type));
  for (const auto& row : answer.rows) {
    out += '\n';
    for (const std::string& cell : row)
      out += cell + " | ";
  }
  return out;
}

std::vector<std::string> texts(const base::json::Value& array) {
  std::vector<std::string> out;
  for (const auto& each : *array.if_array()) {
    out.push_back(each.if_string() != nullptr ? *each.if_string() : each.to_json());
  }
  return out;
}

// Why examples do not pass, by the first word on it; printed, since that is the list of what is
// left.
TEST(Corpus, AnswersDocumentedExamplesAsDocumented) {
  const auto folder = corpora();
  if (!folder) GTEST_SKIP() << "no shared corpora: set VEDETTE_SHARED";
  const bool verbose = std::getenv("VEDETTE_KQL_EXAMPLES") != nullptr;
  Engine engine;
  std::ifstream in(*folder / "kql_doc_examples.jsonl");
  std::map<std::string, int> reasons;
  int passed = 0;
  int total = 0;
  for (std::string line; std::getline(in, line);) {
    const auto example = base::json::parse(line);
    ASSERT_TRUE(example.has_value());
    ++total;
    const std::string query(example->text_or("query", ""));
    const auto answer = engine.ask(query, {}, options_at_fixed_time());
    if (!answer) {
      const bool refused = answer.error().database.empty();
      const std::string why = refused ? answer.error().diagnostics.front().message
                                      : "DuckDB: " + answer.error().database;
      ++reasons[why.substr(0, 110)];
      if (verbose) fmt::print("---- {}\n{}\n{}\n", example->text_or("page", ""), query, why);
      EXPECT_TRUE(refused) << query << "\n" << messages(answer.error(), query);
      continue;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : *example->find("rows")->if_array())
      rows.push_back(texts(row));
    if (same_rows(*answer, rows)) {
      ++passed;
      continue;
    }
    ++reasons["another answer than documented"];
    if (verbose) {
      std::string wanted;
      for (const auto& row : rows) {
        for (const auto& cell : row)
          wanted += cell + " | ";
        wanted += '\n';
      }
      fmt::print("---- {}\n{}\nfound\n{}\nwanted\n{}\n", example->text_or("page", ""), query,
                 shape(*answer), wanted);
    }
  }
  for (const auto& [why, count] : reasons)
    fmt::print("{:4} {}\n", count, why);
  fmt::print("{} of {} documented examples pass\n", passed, total);
  EXPECT_GE(passed, kExamplesFloor);
}

}  // namespace
}  // namespace kql::testing
