#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "kql/kql.h"

namespace kql {
namespace {

TEST(Reference, PageIsUpToDate) {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  const std::filesystem::path path =
      std::filesystem::path(source == nullptr ? "." : source) / "docs/reference/kql.md";
  if (std::getenv("VEDETTE_UPDATE") != nullptr) std::ofstream(path) << reference_page();
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(text.str() == reference_page())
      << path << " is not what the function table says; run: VEDETTE_UPDATE=1 kql_test "
      << "--gtest_filter=Reference.*";
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
}  // namespace kql
