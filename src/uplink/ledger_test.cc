#include "uplink/ledger.h"

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace uplink {
namespace {

TEST(Ledger, SettlesEachSequenceOnce) {
  Ledger ledger;
  EXPECT_EQ(ledger.settle(1, 3, Outcome::Acknowledged), 3U);
  EXPECT_EQ(ledger.cursor(), 3U);
  EXPECT_EQ(ledger.settle(2, 5, Outcome::Evicted), 2U);
  EXPECT_EQ(ledger.cursor(), 5U);
  EXPECT_EQ(ledger.counts(), (OutcomeCounts{3, 2, 0, 0}));
}

TEST(Ledger, RemembersWhatIsSettledBeyondTheCursor) {
  Ledger ledger;
  EXPECT_EQ(ledger.settle(5, 6, Outcome::Acknowledged), 2U);
  EXPECT_EQ(ledger.settle(8, 8, Outcome::TooLarge), 1U);
  EXPECT_EQ(ledger.cursor(), 0U);
  EXPECT_TRUE(ledger.settled(5));
  EXPECT_FALSE(ledger.settled(7));
  EXPECT_EQ(ledger.counts(), (OutcomeCounts{2, 0, 0, 1}));
  EXPECT_EQ(ledger.counts_to_cursor(), (OutcomeCounts{0, 0, 0, 0}));
  EXPECT_EQ(ledger.settle(1, 9, Outcome::Lost), 6U);
  EXPECT_EQ(ledger.cursor(), 9U);
  EXPECT_EQ(ledger.counts_to_cursor(), (OutcomeCounts{2, 0, 6, 1}));
}

TEST(Ledger, ContinuesWhereItWasRestored) {
  Ledger ledger(100, {90, 6, 3, 1});
  EXPECT_EQ(ledger.settle(50, 101, Outcome::Acknowledged), 1U);
  EXPECT_EQ(ledger.counts(), (OutcomeCounts{91, 6, 3, 1}));
}

TEST(Ledger, AgreesWithAPlainTable) {
  std::minstd_rand random(7);
  for (int round = 0; round < 200; ++round) {
    constexpr std::uint64_t kSequences = 60;
    std::vector<std::optional<Outcome>> table(kSequences + 1);
    Ledger ledger;
    for (int step = 0; step < 30; ++step) {
      const std::uint64_t first = 1 + random() % kSequences;
      const std::uint64_t last = std::min<std::uint64_t>(kSequences, first + random() % 8);
      const auto outcome = static_cast<Outcome>(random() % kOutcomes);
      std::uint64_t fresh = 0;
      for (std::uint64_t i = first; i <= last; ++i) {
        if (table[i]) continue;
        table[i] = outcome;
        ++fresh;
      }
      ASSERT_EQ(ledger.settle(first, last, outcome), fresh);
      OutcomeCounts counts{};
      std::uint64_t cursor = 0;
      for (std::uint64_t i = 1; i <= kSequences; ++i) {
        ASSERT_EQ(ledger.settled(i), table[i].has_value()) << i;
        if (table[i]) ++counts[static_cast<std::size_t>(*table[i])];
        if (table[i] && cursor == i - 1) cursor = i;
      }
      ASSERT_EQ(ledger.counts(), counts);
      ASSERT_EQ(ledger.cursor(), cursor);
    }
  }
}

}  // namespace
}  // namespace uplink
