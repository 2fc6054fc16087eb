#include "base/log.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Log, WritesLogfmtWithPriority) {
  testing::internal::CaptureStderr();
  LOG_WARNING("spool.full").field("device", "d 1").field("dropped", 12).field("note", "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "<4>spool.full device=\"d 1\" dropped=12 note=\"\"\n");
}

TEST(Log, KeepsLinesWholeWhateverTheValue) {
  testing::internal::CaptureStderr();
  LOG_ERROR("odd").field("value", "a\nb=\"c\"");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "<3>odd value=\"a\\nb=\\\"c\\\"\"\n");
}

TEST(Log, HoldsBackRepeatsAndHidesWhatIsBelowTheLevel) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 200; ++i)
    LOG_INFO("repeated").field("i", i);
  LOG_DEBUG("hidden");
  const std::string text = testing::internal::GetCapturedStderr();
  const auto lines = std::count(text.begin(), text.end(), '\n');
  // A second may turn while the loop runs.
  EXPECT_GE(lines, 20);
  EXPECT_LE(lines, 40);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
}

TEST(Log, KnowsItsLevelsByName) {
  LogLevel level = LogLevel::Info;
  EXPECT_TRUE(parse_log_level("debug", level));
  EXPECT_EQ(level, LogLevel::Debug);
  EXPECT_FALSE(parse_log_level("loud", level));
}

}  // namespace
}  // namespace base
