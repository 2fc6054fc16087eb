#include "os/batch_queue.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

namespace os {
namespace {

struct Job {
  int number = 0;
  std::size_t size = 0;
  bool vital = false;
  std::size_t bytes() const { return size; }
  bool is_vital() const { return vital; }
};
using Queue = BatchQueue<Job>;

TEST(BatchQueue, GivesWhatWaitsInItsOrder) {
  Queue queue({1000, 1000});
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(queue.submit({i, 1}));
  const auto first = queue.take();
  ASSERT_EQ(first.size(), Queue::kMaxBatch);
  EXPECT_EQ(first.front().number, 0);
  const auto second = queue.take();
  ASSERT_EQ(second.size(), 300 - Queue::kMaxBatch);
  EXPECT_EQ(second.back().number, 299);
}

TEST(BatchQueue, IsBoundedByNumberAndByBytesButForWhatIsVital) {
  Queue queue({2, 10});
  EXPECT_TRUE(queue.submit({1, 10}));
  EXPECT_FALSE(queue.submit({2, 1})) << "bytes";
  EXPECT_TRUE(queue.submit({3, 0}));
  EXPECT_FALSE(queue.submit({4, 0})) << "number";
  EXPECT_TRUE(queue.submit({5, 5, true}));
  EXPECT_EQ(queue.take().size(), 3U);
  EXPECT_TRUE(queue.submit({6, 10})) << "what was taken makes room";
}

TEST(BatchQueue, WaitsForTheFirstAndNoLongerThanTold) {
  Queue queue({2, 10});
  EXPECT_TRUE(queue.take(std::chrono::milliseconds(1)).empty());
  EXPECT_FALSE(queue.is_over());
  auto taken = std::async(std::launch::async, [&] { return queue.take(); });
  EXPECT_TRUE(queue.submit({7}));
  EXPECT_EQ(taken.get().at(0).number, 7);
}

TEST(BatchQueue, StopLetsTakeWhatIsThere) {
  Queue queue({2, 10});
  EXPECT_TRUE(queue.submit({1}));
  queue.stop();
  EXPECT_FALSE(queue.submit({2}));
  EXPECT_FALSE(queue.is_over());
  EXPECT_EQ(queue.take().size(), 1U);
  EXPECT_TRUE(queue.is_over());
  EXPECT_TRUE(queue.take().empty());
}

}  // namespace
}  // namespace os
