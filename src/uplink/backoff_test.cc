#include "uplink/backoff.h"

#include <gtest/gtest.h>

namespace uplink {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, DoublesUpToItsBound) {
  Backoff backoff(seconds(1), seconds(10));
  for (const int expected : {1, 2, 4, 8, 10, 10, 10}) {
    EXPECT_EQ(backoff.bound(), seconds(expected));
    EXPECT_EQ(backoff.next(1.0), seconds(expected));
  }
  backoff.reset();
  EXPECT_EQ(backoff.next(1.0), seconds(1));
}

TEST(Backoff, IsAnythingBetweenNothingAndTheBound) {
  Backoff backoff(seconds(1), seconds(1));
  EXPECT_EQ(backoff.next(0.0), seconds(0));
  EXPECT_EQ(backoff.next(0.25), milliseconds(250));
}

TEST(Backoff, WaitsLongerAtOnceForWhatDoesNotPass) {
  Backoff backoff(seconds(1), seconds(100));
  backoff.penalise();
  EXPECT_EQ(backoff.next(1.0), seconds(16));
  backoff.penalise();
  EXPECT_EQ(backoff.next(1.0), seconds(32));
}

}  // namespace
}  // namespace uplink
