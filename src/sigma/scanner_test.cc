#include "sigma/scanner.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sigma {
namespace {

using Ids = std::vector<std::uint32_t>;

Ids scan(const Scanner& scanner, std::string_view text) {
  ScanScratch scratch;
  scanner.prepare(scratch);
  IdSet found;
  found.reset(100);
  scanner.scan(text, scratch, found);
  Ids out(found.ids().begin(), found.ids().end());
  std::ranges::sort(out);
  return out;
}

class ScannerOf : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() == Engine::Vectorscan && !Scanner::has_vectorscan())
      GTEST_SKIP() << "no Vectorscan here";
  }
};

TEST_P(ScannerOf, FindsLiteralsInEitherCase) {
  Scanner scanner;
  scanner.add("xmrig", 1);
  scanner.add("rig", 2);
  scanner.add("r", 3);
  scanner.add(std::string_view("a\0b", 3), 4);
  scanner.add("\xc3\xa4", 5);
  scanner.add("[a-z]", 6);
  scanner.add(std::string(60, 'z'), 7);
  scanner.build(GetParam());
  EXPECT_EQ(scanner.uses_vectorscan(), GetParam() == Engine::Vectorscan);
  EXPECT_EQ(scan(scanner, "run XMRig xmrig"), (Ids{1, 2, 3}));
  EXPECT_EQ(scan(scanner, "trigger"), (Ids{2, 3}));
  EXPECT_EQ(scan(scanner, std::string_view("A\0B", 3)), (Ids{4}));
  EXPECT_EQ(scan(scanner, "\xc3\xa4"), (Ids{5}));
  EXPECT_EQ(scan(scanner, "\xc3\x84"), Ids());
  EXPECT_EQ(scan(scanner, "[a-z]"), (Ids{6}));
  EXPECT_EQ(scan(scanner, std::string(70, 'Z')), (Ids{7}));
  EXPECT_EQ(scan(scanner, ""), Ids());
  EXPECT_EQ(scan(scanner, std::string_view()), Ids());
}

TEST_P(ScannerOf, ExpressionsAreSearchedForOrTold) {
  Scanner scanner;
  scanner.add("xmrig", 1);
  scanner.add_regex("^[0-9]{2}$", 2);
  scanner.add_regex("a.b", 3);
  scanner.add_regex("\\pL+", 4);  // what letters are, PCRE must be told
  scanner.add_regex("a\\vb", 5);  // another class there
  scanner.add_regex("(?i)\xc3\xa4", 6);
  scanner.build(GetParam());
  if (GetParam() == Engine::Index) {
    EXPECT_EQ(scanner.unwatched(), (Ids{2, 3, 4, 5, 6}));
    return;
  }
  EXPECT_EQ(scanner.unwatched(), (Ids{4, 5, 6}));
  EXPECT_EQ(scan(scanner, "17"), (Ids{2}));
  EXPECT_EQ(scan(scanner, "acb xmrig"), (Ids{1, 3}));
  EXPECT_EQ(scan(scanner, "AcB"), Ids());
  EXPECT_EQ(scan(scanner,
                 "a\xc3\xa4"
                 "b"),
            (Ids{2, 3}))
      << "not plain: perhaps";
  EXPECT_EQ(scan(scanner, "x\ny"), (Ids{2, 3}));
}

INSTANTIATE_TEST_SUITE_P(Engines, ScannerOf, ::testing::Values(Engine::Index, Engine::Vectorscan));

TEST(Scanner, FewLiteralsNeedNoVectorscan) {
  Scanner scanner;
  scanner.add("xmrig", 1);
  scanner.build(Engine::Fastest);
  EXPECT_FALSE(scanner.uses_vectorscan());
  EXPECT_EQ(scan(scanner, "xmrig"), (Ids{1}));
  EXPECT_FALSE(scanner.empty());
  Scanner none;
  none.build(Engine::Fastest);
  EXPECT_TRUE(none.empty());
}

// Any text may be scanned with the scratch of another scanner once it was prepared for it.
TEST(Scanner, OneScratchForAll) {
  Scanner small;
  small.add("a", 1);
  small.build(Engine::Vectorscan);
  Scanner large;
  for (std::uint32_t id = 0; id < 90; ++id)
    large.add("literal" + std::to_string(id) + "x", id);
  large.build(Engine::Vectorscan);
  ScanScratch scratch;
  small.prepare(scratch);
  large.prepare(scratch);
  IdSet found;
  found.reset(100);
  small.scan("a", scratch, found);
  large.scan("literal17x literal89x", scratch, found);
  EXPECT_EQ(Ids(found.ids().begin(), found.ids().end()), (Ids{1, 17, 89}));
}

}  // namespace
}  // namespace sigma
