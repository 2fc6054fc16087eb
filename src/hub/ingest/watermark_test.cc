#include "hub/ingest/watermark.h"

#include <gtest/gtest.h>

namespace hub::ingest {
namespace {

using namespace std::chrono_literals;

constexpr base::WallTime kStart = base::WallTime(std::chrono::hours(500'000));

TEST(Watermark, IsNowButForTheSlackWhenNothingWaits) {
  Watermark mark(2s);
  EXPECT_EQ(mark.advance(kStart, 7, 7), kStart - 2s);
  EXPECT_EQ(mark.advance(kStart + 5s, 9, 9), kStart + 3s);
}

TEST(Watermark, StandsStillUntilWhatWasCommittedIsStored) {
  Watermark mark(2s);
  mark.advance(kStart, 7, 7);
  EXPECT_EQ(mark.advance(kStart + 5s, 100, 50), kStart - 2s);
  EXPECT_EQ(mark.advance(kStart + 10s, 200, 99), kStart - 2s);
  EXPECT_EQ(mark.advance(kStart + 15s, 300, 100), kStart + 3s);
}

TEST(Watermark, GoesOnUnderALoadThatNeverEnds) {
  Watermark mark(2s);
  base::WallTime last = kStart - 1h;
  for (int i = 1; i < 100; ++i) {
    const auto until = mark.advance(kStart + i * 1s, static_cast<std::uint64_t>(1000 * i),
                                    static_cast<std::uint64_t>(1000 * i - 1500));
    EXPECT_GE(until, last);
    EXPECT_LT(until, kStart + i * 1s);
    last = until;
  }
  EXPECT_GT(last, kStart + 90s);
}

TEST(Watermark, NeverGoesBackWithTheClock) {
  Watermark mark(2s);
  mark.advance(kStart, 7, 7);
  EXPECT_EQ(mark.advance(kStart - 1h, 8, 8), kStart - 2s);
}

}  // namespace
}  // namespace hub::ingest
