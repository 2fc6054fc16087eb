// Runs every case of testdata/*.kqltest; testdata/README.md says how they are written.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

struct Case {
  std::string file;
  int line = 0;
  std::string name;
  std::string query;
  std::vector<std::string> verdict;  // the line behind "---", then the rows
};

std::filesystem::path testdata() {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / "src/kql/testdata";
}

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> out;
  std::ifstream in(path);
  std::string line;
  bool in_query = false;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("=== ")) {
      out.push_back({path.filename().string(), number, line.substr(4), "", {}});
      in_query = true;
    } else if (out.empty()) {
      continue;  // the file's introduction
    } else if (line.starts_with("---")) {
      in_query = false;
      out.back().verdict.push_back(std::string(base::trim(line.substr(3))));
    } else if (in_query) {
      out.back().query += (out.back().query.empty() ? "" : "\n") + line;
    } else if (!line.empty()) {
      out.back().verdict.push_back(line);
    }
  }
  return out;
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(testdata())) {
    if (entry.path().extension() == ".kqltest") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    for (Case& each : read_cases(file))
      out.push_back(std::move(each));
  }
  return out;
}

std::string joined(const std::vector<std::string>& cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i)
    out += (i == 0 ? "" : " | ") + cells[i];
  return out;
}

std::string listed(const std::vector<Diagnostic>& diagnostics, std::string_view query) {
  std::string out;
  for (const Diagnostic& each : diagnostics)
    out += render(each, query);
  return out;
}

// "error 1:5 text": a diagnostic there whose message has the text in it.
void expect_diagnostic(const std::string& wanted, const std::vector<Diagnostic>& found,
                       const Case& test) {
  const bool error = wanted.starts_with("error ");
  std::string_view rest = std::string_view(wanted).substr(wanted.find(' ') + 1);
  const std::string place(rest.substr(0, rest.find(' ')));
  const std::string_view text =
      rest.size() > place.size() ? rest.substr(place.size() + 1) : std::string_view();
  for (const Diagnostic& each : found) {
    const bool severity = (each.severity == Severity::Error) == error;
    if (severity && fmt::format("{}:{}", each.line, each.column) == place &&
        each.message.find(text) != std::string::npos) {
      return;
    }
  }
  ADD_FAILURE() << "expected " << wanted << "\nfound\n" << listed(found, test.query);
}

void expect_rows(const Case& test, const Answer& answer, std::size_t at) {
  ASSERT_LT(at, test.verdict.size()) << "the case has no columns line";
  std::vector<std::string> header;
  for (const Column& column : answer.columns) {
    header.push_back(fmt::format("{}:{}", column.name, type_name(column.type)));
  }
  EXPECT_EQ(joined(header), test.verdict[at]);
  std::vector<std::string> rows;
  for (const auto& row : answer.rows)
    rows.push_back(joined(row));
  std::vector<std::string> wanted(test.verdict.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                  test.verdict.end());
  if (test.verdict.front().find("any order") != std::string::npos) {
    std::sort(rows.begin(), rows.end());
    std::sort(wanted.begin(), wanted.end());
  }
  EXPECT_EQ(rows, wanted);
}

class KqlTest : public ::testing::TestWithParam<Case> {
 protected:
  static Engine& engine() {
    static Engine* instance = [] {
      auto* made = new Engine();
      made->execute(
          "CREATE TABLE events (TimeGenerated BIGINT, DeviceId VARCHAR NOT NULL, EventDetails "
          "VARCHAR "
          "NOT NULL, RawEventName VARCHAR NOT NULL, Hits BIGINT, \"odd \"\"name\" VARCHAR NOT "
          "NULL)");
      made->execute(
          "INSERT INTO events VALUES "
          "(638505760000000000, 'd1', '{\"CommandLine\":\"sh -c id\",\"UserId\":\"0\"}', "
          "'ProcessCreate', "
          "1, 'x'),"
          "(638505770000000000, 'd2', '{\"RemoteAddress\":\"10.0.0.1\"}', 'Login', NULL, 'y'),"
          "(638505780000000000, 'd1', 'not json', 'Login', 3, 'it''s')");
      return made;
    }();
    return *instance;
  }
  static Catalogue catalogue() {
    Catalogue out;
    out.add({.name = "Events",
             .columns = {{"TimeGenerated", Type::DateTime},
                         {"DeviceId", Type::String},
                         {"EventDetails", Type::String},
                         {"RawEventName", Type::String},
                         {"Hits", Type::Long},
                         {"odd \"name", Type::String}},
             .relation = "events"});
    return out;
  }
};

TEST_P(KqlTest, AnswersAsWritten) {
  const Case& test = GetParam();
  SCOPED_TRACE(fmt::format("{}:{}: {}", test.file, test.line, test.name));
  ASSERT_FALSE(test.verdict.empty()) << "the case has no '---' line";
  const auto answer = engine().ask(test.query, catalogue(), options_at_fixed_time());
  if (test.verdict.size() > 1 && test.verdict[1].starts_with("error ")) {
    ASSERT_FALSE(answer.has_value()) << "compiled, though an error was expected";
    EXPECT_EQ(answer.error().database, "");
    for (std::size_t i = 1; i < test.verdict.size(); ++i) {
      expect_diagnostic(test.verdict[i], answer.error().diagnostics, test);
    }
    const auto errors =
        std::count_if(answer.error().diagnostics.begin(), answer.error().diagnostics.end(),
                      [](const Diagnostic& each) { return each.severity == Severity::Error; });
    EXPECT_EQ(static_cast<std::size_t>(errors) + 1, test.verdict.size())
        << listed(answer.error().diagnostics, test.query);
    return;
  }
  ASSERT_TRUE(answer.has_value()) << listed(answer.error().diagnostics, test.query)
                                  << answer.error().database << "\n"
                                  << answer.error().sql;
  std::size_t at = 1;
  for (; at < test.verdict.size() && test.verdict[at].starts_with("warning "); ++at) {
    expect_diagnostic(test.verdict[at], answer->warnings, test);
  }
  expect_rows(test, *answer, at);
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  std::string out = info.param.file.substr(0, info.param.file.find('.')) + "_";
  for (const char c : info.param.name)
    out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return fmt::format("{}_{}", out, info.param.line);
}

INSTANTIATE_TEST_SUITE_P(Cases, KqlTest, ::testing::ValuesIn(all_cases()), case_name);

}  // namespace
}  // namespace kql::testing
