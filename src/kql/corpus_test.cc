// Published queries and documented examples, where the folder with them is at hand: VEDETTE_SHARED,
// or "shared" beside the checkout. They are test data of others and not part of the project.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/shared_testing.h"
#include "base/text.h"
#include "kql/engine_testing.h"
#include "kql/reference_testing.h"

namespace kql::testing {
namespace {

// How many of the documented examples give the documented table. May only grow.
constexpr int kExamplesFloor = 228;

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
  const auto folder = base::shared_data("corpora");
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

std::vector<std::string> texts(const base::json::Value& array) {
  std::vector<std::string> out;
  for (const auto& each : *array.if_array()) {
    out.push_back(each.if_string() != nullptr ? *each.if_string() : each.to_json());
  }
  return out;
}

// What real queries use, counted over published collections of them.
TEST(Corpus, KnowsEveryFunctionOfTheTiers) {
  const auto folder = base::shared_data("corpora");
  if (!folder) GTEST_SKIP() << "no shared corpora: set VEDETTE_SHARED";
  const auto tiers = base::json::parse(file_text(*folder / "../facts/kql_tiers.json"));
  ASSERT_TRUE(tiers.has_value());
  // Forms of summarize and plugins, which are no functions of the table; rank is none of the
  // language.
  const std::vector<std::string> elsewhere{"arg_max",    "arg_min", "take_any", "percentiles",
                                           "bag_unpack", "pivot",   "rank"};
  const Vocabulary& known = vocabulary();
  int unknown = 0;
  for (const char* tier : {"tier0", "tier1"}) {
    for (const std::string& name : texts(*tiers->find(tier)->find("functions"))) {
      const bool there = std::ranges::find(known.functions, name) != known.functions.end() ||
                         std::ranges::find(known.aggregates, name) != known.aggregates.end() ||
                         std::ranges::find(elsewhere, name) != elsewhere.end();
      if (there) continue;
      ++unknown;
      EXPECT_TRUE(name.starts_with("geo_")) << name;  // left out, by decision
    }
  }
  EXPECT_LE(unknown, 1);
}

// Documentation shows values for people: blanks and quotes in JSON, rounded numbers, other dates.
std::string canonical(std::string_view shown, Type type) {
  std::string text(shown);
  for (std::size_t at = text.find("<br>"); at != std::string::npos; at = text.find("<br>")) {
    text.erase(at, 4);
  }
  if (text == "&nbsp;") text.clear();
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

// JSON as the documentation writes it: no quotes to speak of around bags, <br> for lines.
std::optional<base::json::Value> shown_json(std::string text) {
  for (const std::string_view mark : {"<br>", "`", "&nbsp;"}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
      text.erase(at, mark.size());
    }
  }
  auto value = base::json::parse(text);
  if (!value) return std::nullopt;
  return std::move(*value);
}

bool same_json(const base::json::Value& a, const base::json::Value& b) {
  const auto number = [](const base::json::Value& value) -> std::optional<double> {
    if (const auto* whole = value.if_int()) return static_cast<double>(*whole);
    if (const auto* real = value.if_double()) return *real;
    return std::nullopt;
  };
  if (number(a) && number(b)) {
    return std::abs(*number(a) - *number(b)) <= 1e-3 * std::max(1.0, std::abs(*number(b)));
  }
  if (a.if_array() != nullptr && b.if_array() != nullptr) {
    return std::ranges::equal(*a.if_array(), *b.if_array(), same_json);
  }
  if (a.if_object() != nullptr && b.if_object() != nullptr) {
    // Bags have no order.
    return a.if_object()->size() == b.if_object()->size() &&
           std::ranges::all_of(*a.if_object(), [&b](const base::json::Member& member) {
             const auto* other = b.find(member.name);
             return other != nullptr && same_json(member.value, *other);
           });
  }
  return a.to_json() == b.to_json();
}

bool same_cell(const std::string& found, const std::string& wanted, Type type) {
  const std::string a = canonical(found, type);
  const std::string b = canonical(wanted, type);
  if (a == b || (a == "-nan" && b == "nan")) return true;
  if (type == Type::Dynamic) {
    const auto x = shown_json(found);
    const auto y = shown_json(wanted);
    return x && y && same_json(*x, *y);
  }
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

// The documented rows with their columns in the answer's order, where both have the same names.
void arrange(const std::vector<std::string>& names, const Answer& answer,
             std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> places;
  for (const Column& column : answer.columns) {
    const auto found = std::ranges::find(names, column.name);
    if (found == names.end() || names.size() != answer.columns.size()) return;
    places.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  for (auto& row : rows) {
    std::vector<std::string> arranged;
    for (const std::size_t place : places)
      arranged.push_back(place < row.size() ? row[place] : "");
    row = std::move(arranged);
  }
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

// Examples whose table is not what their query gives, for a reason of the documentation's own.
struct Remark {
  std::string_view page;
  std::string_view reason;
};
constexpr std::string_view kOtherInput = "the table shows another input than the query has";
constexpr std::string_view kSomeRows = "the table has some of the rows";
constexpr std::string_view kShifted = "the table leaves out empty cells at the start of rows";
constexpr std::string_view kFormat = "the table formats values in its own way";
constexpr std::array kRemarks{
    Remark{"array-iff-function.md", kOtherInput},
    Remark{"bin-function.md", kFormat},
    Remark{"hash-many-function.md", "the way in which hashes are combined is not documented"},
    Remark{"join-fullouter.md", kShifted},
    Remark{"join-rightouter.md", kShifted},
    Remark{"mv-apply-operator.md", kFormat},
    Remark{"range-operator.md", kSomeRows},
    Remark{"replace-regex-function.md", kOtherInput},
    Remark{"replace-string-function.md", kOtherInput},
    Remark{"scalar-data-types/string.md", kFormat},
    Remark{"series-acos-function.md", kOtherInput},
    Remark{"series-asin-function.md", kFormat},
    Remark{"series-atan-function.md", kOtherInput},
    Remark{"series-cos-function.md", kOtherInput},
    Remark{"series-fill-linear-function.md", "one number of the table is not on the line"},
    Remark{"series-iir-function.md", kSomeRows},
    Remark{"series-sin-function.md", kOtherInput},
    Remark{"summarize-operator.md", kShifted},
    Remark{"toguid-function.md", kOtherInput},
    Remark{"using-hll-tdigest.md", "the table has the size of Kusto's own estimate; ours is exact"},
    Remark{"variancepif-aggregation-function.md", "the table has the variance of a sample"},
};

// What is refused, by what it is about.
std::string refusal(const std::string& message) {
  if (message.find("geo_") != std::string::npos) return "geography is left out, by decision";
  if (message.find("graph") != std::string::npos) return "graphs are not understood";
  for (const std::string_view word : {"current_principal", "cursor_current"}) {
    if (message.find(word) != std::string::npos) return "there is no cluster to ask about it";
  }
  const std::size_t end = std::min(message.find(';'), message.find(':'));
  return message.substr(0, end);
}

// Why the example does not give the documented table; empty when it does.
std::string reason(const base::json::Value& example, Engine& engine, bool verbose) {
  const std::string query(example.text_or("query", ""));
  const std::string page(example.text_or("page", ""));
  const auto answer = engine.ask(query, {}, options_at_fixed_time());
  if (!answer) {
    EXPECT_TRUE(answer.error().database.empty()) << query << "\n" << answer.error().database;
    for (const Diagnostic& each : answer.error().diagnostics) {
      if (each.severity == Severity::Error) return refusal(each.message);
    }
    return "it is refused without a word";
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : *example.find("rows")->if_array())
    rows.push_back(texts(row));
  arrange(texts(*example.find("columns")), *answer, rows);
  if (same_rows(*answer, rows)) return "";
  if (verbose) fmt::print("---- {}\n{}\nfound\n{}\n", page, query, shape(*answer));
  const auto known =
      std::ranges::find_if(kRemarks, [&page](const Remark& each) { return each.page == page; });
  EXPECT_TRUE(known != kRemarks.end()) << page << "\n" << query << "\n" << shape(*answer);
  return known == kRemarks.end() ? "another answer"
                                 : "documentation: " + std::string(known->reason);
}

// The second part of docs/reference/kql.md.
std::string conformance_part(int passed, int total,
                             const std::map<std::string, std::map<std::string, int>>& reasons) {
  std::string out = fmt::format(
      "\n## The documentation's examples\n\nKusto's reference pages have {} examples that stand "
      "alone, with the table that each gives. Of these, {} give that table here. The others, by "
      "reason:\n\n| Reason | Pages |\n|---|---|\n",
      total, passed);
  for (const auto& [why, pages] : reasons) {
    std::string list;
    for (const auto& [page, count] : pages) {
      list += fmt::format("{}{}", list.empty() ? "" : ", ", page.substr(0, page.find(".md")));
      if (count > 1) list += fmt::format(" ({})", count);
    }
    out += fmt::format("| {} | {} |\n", why, list);
  }
  return out;
}

// The page lists why the others do not; an answer that differs for no known reason fails the test.
TEST(Corpus, AnswersDocumentedExamplesAsDocumented) {
  const auto folder = base::shared_data("corpora");
  if (!folder) GTEST_SKIP() << "no shared corpora: set VEDETTE_SHARED";
  const bool verbose = std::getenv("VEDETTE_KQL_EXAMPLES") != nullptr;
  Engine engine;
  std::ifstream in(*folder / "kql_doc_examples.jsonl");
  std::map<std::string, std::map<std::string, int>> reasons;
  int passed = 0;
  int total = 0;
  for (std::string line; std::getline(in, line); ++total) {
    const auto example = base::json::parse(line);
    ASSERT_TRUE(example.has_value());
    const std::string why = reason(*example, engine, verbose);
    passed += why.empty() ? 1 : 0;
    if (!why.empty()) ++reasons[why][std::string(example->text_or("page", ""))];
  }
  fmt::print("{} of {} documented examples pass\n", passed, total);
  EXPECT_GE(passed, kExamplesFloor);
  ReferencePage page = read_reference_page();
  const std::string part = conformance_part(passed, total, reasons);
  if (std::getenv("VEDETTE_UPDATE") != nullptr) {
    page.conformance = part;
    write_reference_page(page);
  }
  EXPECT_EQ(page.conformance, part) << "VEDETTE_UPDATE=1 kql_test writes it anew";
}

}  // namespace
}  // namespace kql::testing
