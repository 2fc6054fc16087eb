#include "detect/scheduled/places.h"

#include <gtest/gtest.h>

namespace detect::scheduled {
namespace {

kql::Diagnostic at(int line, int column, std::size_t offset) {
  kql::Diagnostic out;
  out.line = line;
  out.column = column;
  out.offset = offset;
  out.length = 3;
  out.message = "no";
  return out;
}

kql::Diagnostic only(const std::vector<kql::Diagnostic>& all) {
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? kql::Diagnostic() : all.front();
}

TEST(Places, OfABlockAreThoseOfItsLines) {
  const std::string yaml = "name: é\nquery: |\n  Login\n    | wher x\nseverity: Low\n";
  const std::string query = "Login\n  | wher x";
  const auto found = only(in_rule({at(2, 5, query.find("wher"))}, query, yaml));
  EXPECT_EQ(found.line, 4);
  EXPECT_EQ(found.column, 7);
  EXPECT_EQ(found.offset, yaml.find("wher"));
  EXPECT_EQ(found.length, 3U);
  EXPECT_EQ(found.message, "no");
}

TEST(Places, OfOneLineAreBehindItsKeyAndQuote) {
  const std::string yaml = "query: 'Ünit | take 1'";
  const auto found = only(in_rule({at(1, 8, 8)}, "Ünit | take 1", yaml));
  EXPECT_EQ(found.line, 1);
  EXPECT_EQ(found.column, 16);
  EXPECT_EQ(found.offset, yaml.find("take"));
}

TEST(Places, OfATextThatIsFoldedAreTheKeys) {
  const std::string yaml = "name: x\nquery: >\n  Login\n  | take 1\n";
  const auto found = only(in_rule({at(1, 9, 8)}, "Login | take 1", yaml));
  EXPECT_EQ(found.line, 2);
  EXPECT_EQ(found.column, 1);
  EXPECT_EQ(found.message, "in the query, 1:9: no");
}

TEST(Places, OfYamlCountCharactersAndStayInside) {
  const auto found = in_rule({1, 5, "no"}, "é: 1\nb: 2");
  EXPECT_EQ(found.line, 1);
  EXPECT_EQ(found.column, 4);
  EXPECT_EQ(found.offset, 4U);
  EXPECT_EQ(in_rule({0, 0, "no"}, "").line, 1);
  EXPECT_EQ(in_rule({9, 9, "no"}, "a\nb").line, 2);
}

}  // namespace
}  // namespace detect::scheduled
