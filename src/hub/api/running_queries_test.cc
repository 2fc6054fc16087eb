#include "hub/api/running_queries.h"

#include <optional>

#include <gtest/gtest.h>

#include "hub/api/api.h"
#include "store/query.h"

namespace hub::api {
namespace {

RunningQueries::Query query(const std::string& id, const std::string& owner) {
  return {id, owner, "print 1", {}};
}

class Running : public testing::Test {
 protected:
  RunningQueries queries_;
  base::MonoTime now_;
};

TEST_F(Running, EachSeesAndEndsHisOwnAndAdministratorsAll) {
  store::Cancel cancel;
  RunningQueries::Place place;
  ASSERT_TRUE(place.take(queries_, query("a", "ann"), cancel, now_));
  EXPECT_EQ(queries_.list("ann", false).size(), 1U);
  EXPECT_EQ(queries_.list("rita", false).size(), 0U);
  EXPECT_EQ(queries_.list("root", true).size(), 1U);
  EXPECT_FALSE(queries_.cancel("a", "rita", false, now_));
  EXPECT_FALSE(cancel.cancelled());
  EXPECT_TRUE(queries_.cancel("a", "ann", false, now_));
  EXPECT_TRUE(cancel.cancelled());
}

TEST_F(Running, AnIdIsTakenAsLongAsItsQueryRuns) {
  store::Cancel cancel;
  std::optional<RunningQueries::Place> first;
  first.emplace();
  ASSERT_TRUE(first->take(queries_, query("a", "ann"), cancel, now_));
  RunningQueries::Place second;
  EXPECT_FALSE(second.take(queries_, query("a", "rita"), cancel, now_));
  first.reset();
  EXPECT_TRUE(second.take(queries_, query("a", "rita"), cancel, now_));
  EXPECT_FALSE(cancel.cancelled());
}

TEST_F(Running, AQueryThatIsCancelledBeforeItComesEndsAtOnceButNobodyElses) {
  EXPECT_FALSE(queries_.cancel("a", "ann", false, now_));
  store::Cancel others;
  {
    RunningQueries::Place place;
    ASSERT_TRUE(place.take(queries_, query("a", "rita"), others, now_));
  }
  EXPECT_FALSE(others.cancelled());
  store::Cancel own;
  {
    RunningQueries::Place place;
    ASSERT_TRUE(place.take(queries_, query("a", "ann"), own, now_));
  }
  EXPECT_TRUE(own.cancelled());
  store::Cancel late;
  RunningQueries::Place place;
  ASSERT_TRUE(place.take(queries_, query("a", "ann"), late, now_ + RunningQueries::kRemember));
  EXPECT_FALSE(late.cancelled());
}

}  // namespace
}  // namespace hub::api
