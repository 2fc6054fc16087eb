#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "kql/kql.h"
#include "kql/reference_testing.h"

namespace kql::testing {
namespace {

constexpr std::string_view kConformance = "\n## The documentation's examples\n";

std::filesystem::path page_path() {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / "docs/reference/kql.md";
}

}  // namespace

ReferencePage read_reference_page() {
  std::ifstream in(page_path());
  std::stringstream text;
  text << in.rdbuf();
  const std::string page = text.str();
  const std::size_t second = std::min(page.find(kConformance), page.size());
  return {page.substr(0, second), page.substr(second)};
}

void write_reference_page(const ReferencePage& page) {
  std::ofstream(page_path()) << page.language << page.conformance;
}

namespace {

TEST(Reference, PageIsUpToDate) {
  ReferencePage page = read_reference_page();
  if (std::getenv("VEDETTE_UPDATE") != nullptr) {
    page.language = reference_page();
    write_reference_page(page);
  }
  EXPECT_TRUE(page.language == reference_page())
      << page_path() << " is not what the function table says; run: VEDETTE_UPDATE=1 kql_test "
      << "--gtest_filter=Reference.*";
  EXPECT_TRUE(page.conformance.starts_with(kConformance));
}

TEST(Reference, NamesEveryOperator) {
  const std::string page = reference_page();
  for (const std::string_view name : vocabulary().operators) {
    const bool first = page.find("| " + std::string(name) + " |") != std::string::npos ||
                       page.find("| " + std::string(name) + ", ") != std::string::npos;
    EXPECT_TRUE(first || page.find(", " + std::string(name) + " |") != std::string::npos) << name;
  }
}

}  // namespace
}  // namespace kql::testing
