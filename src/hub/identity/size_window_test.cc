#include "hub/identity/size_window.h"

#include <gtest/gtest.h>

namespace hub::identity {
namespace {

constexpr base::WallTime kStart{std::chrono::hours(500'000)};

TEST(SizeWindow, SumsTheLastDay) {
  SizeWindow window;
  window.add(kStart, 10, 1);
  window.add(kStart + std::chrono::minutes(59), 10, 2);
  window.add(kStart + std::chrono::hours(23), 5, 5);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(23)).messages, 25U);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(23)).small, 8U);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(25)).messages, 5U);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(72)).messages, 0U);
}

TEST(SizeWindow, ForgetsAndStaysSmall) {
  SizeWindow window;
  for (int hour = 0; hour < 1000; ++hour)
    window.add(kStart + std::chrono::hours(hour), 1, 0);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(999)).messages, 25U);
  EXPECT_LT(window.to_text().size(), 300U);
  // Set back by a day.
  window.add(kStart + std::chrono::hours(975), 1, 1);
  EXPECT_EQ(window.sum(kStart + std::chrono::hours(999)).small, 1U);
}

TEST(SizeWindow, ComesBackFromText) {
  SizeWindow window;
  window.add(kStart, 3, 2);
  window.add(kStart + std::chrono::hours(2), std::uint64_t{1} << 40U, 1);
  const auto back = SizeWindow::parse(window.to_text());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, window);
  EXPECT_EQ(*SizeWindow::parse(""), SizeWindow());
  for (const char* wrong : {"x", "1:2", "1:2:3:4", "1:-1:0", "2:1:1,1:1:1", "1:1:99999999999", ","})
    EXPECT_FALSE(SizeWindow::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace hub::identity
