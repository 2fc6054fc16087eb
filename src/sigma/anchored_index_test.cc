#include "sigma/anchored_index.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "base/text.h"

namespace sigma {
namespace {

std::vector<std::uint32_t> find(const AnchoredIndex& index, std::string_view text) {
  std::vector<std::uint32_t> out;
  index.find(text, [&](std::uint32_t id) { out.push_back(id); });
  std::ranges::sort(out);
  return out;
}

TEST(AnchoredIndex, FindsWhatATextIsBeginsAndEndsWith) {
  AnchoredIndex index;
  index.add("/usr/bin/curl", Anchor::Whole, 1);
  index.add("/usr/", Anchor::Start, 2);
  index.add("/curl", Anchor::End, 3);
  index.add("curl", Anchor::Whole, 4);
  index.add("", Anchor::Whole, 5);
  index.build();
  using Ids = std::vector<std::uint32_t>;
  EXPECT_EQ(find(index, "/usr/bin/curl"), (Ids{1, 2, 3}));
  EXPECT_EQ(find(index, "/USR/bin/Curl"), (Ids{1, 2, 3}));
  EXPECT_EQ(find(index, "/usr/"), (Ids{2}));
  EXPECT_EQ(find(index, "/usr/bin/curl2"), (Ids{2}));
  EXPECT_EQ(find(index, "curl"), (Ids{4}));
  EXPECT_EQ(find(index, "/curl"), (Ids{3}));
  EXPECT_EQ(find(index, "url"), Ids());
  EXPECT_EQ(find(index, ""), (Ids{5}));
  EXPECT_EQ(find(AnchoredIndex(), "curl"), Ids());
}

TEST(AnchoredIndex, AgreesWithComparingEach) {
  std::minstd_rand random(3);
  const auto text_of = [&](std::size_t most) {
    std::string text(random() % (most + 1), 'a');
    for (char& c : text)
      c = "abAB"[random() % 4];
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    AnchoredIndex index;
    std::vector<std::pair<std::string, Anchor>> literals;
    for (std::uint32_t id = 0; id < 40; ++id) {
      std::pair literal(base::to_lower(text_of(id % 8 == 0 ? 100 : 5)),
                        static_cast<Anchor>(random() % 3));
      if (std::ranges::find(literals, literal) != literals.end()) continue;
      index.add(literal.first, literal.second, static_cast<std::uint32_t>(literals.size()));
      literals.push_back(std::move(literal));
    }
    index.build();
    for (int i = 0; i < 20; ++i) {
      std::string text = text_of(i % 2 == 0 ? 120 : 6);
      if (i % 3 == 0) text += literals[random() % literals.size()].first;
      const std::string lower = base::to_lower(text);
      std::vector<std::uint32_t> expected;
      for (std::uint32_t id = 0; id < literals.size(); ++id) {
        const auto& [literal, anchor] = literals[id];
        const bool found = anchor == Anchor::Whole   ? lower == literal
                           : anchor == Anchor::Start ? lower.starts_with(literal)
                                                     : lower.ends_with(literal);
        if (found) expected.push_back(id);
      }
      ASSERT_EQ(find(index, text), expected) << text;
    }
  }
}

}  // namespace
}  // namespace sigma
