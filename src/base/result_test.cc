#include "base/result.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace base {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Code::Invalid, "halve", 7, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  return TRY(half(TRY(half(value))));
}

TEST(Try, PassesValuesAndErrorsThrough) {
  EXPECT_EQ(quarter(12).value(), 3);
  const Result<int> failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Invalid);
  EXPECT_EQ(failed.error().at, 7);
}

TEST(Error, ReadsAsOneLine) {
  EXPECT_EQ(half(1).error().to_string(), "halve: odd (invalid at 7)");
  errno = ENOSPC;
  const Result<void> full = fail_errno("write", "/var/x");
  EXPECT_EQ(full.error().to_string(), "write: /var/x: No space left on device");
}

TEST(Assert, EndsTheProcessWithTheCondition) {
  EXPECT_DEATH(ASSERT(1 + 1 == 3), "assertion.failed condition=\"1 \\+ 1 == 3\"");
}

}  // namespace
}  // namespace base
