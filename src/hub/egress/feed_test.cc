#include "hub/egress/feed.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/ingest/ingest_testing.h"

namespace hub::egress {
namespace {

using ingest::Hub;

Filter only(Kind kind) {
  Filter filter;
  filter.kinds[static_cast<std::size_t>(kind)] = true;
  return filter;
}

std::vector<std::string> texts(const Feed::Batch& batch) {
  std::vector<std::string> out;
  for (const Line& line : batch.lines) {
    const auto json = base::json::parse(std::string_view(line.text));
    out.emplace_back(json ? json->text_or("body", "?") : "not JSON");
  }
  return out;
}

TEST(EgressFeed, GivesWhatWasAcknowledgedInItsOrderAndGoesOn) {
  const store::TempDir dir;
  Hub hub(dir.path());
  Feed feed(*hub.ingest, only(Kind::Telemetry), Feed::earliest(*hub.ingest));
  EXPECT_EQ(feed.read(10, 1 << 20)->lines.size(), 0U);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(hub.send("m" + std::to_string(i), false));
  auto first = feed.read(3, 1 << 20);
  ASSERT_TRUE(first);
  EXPECT_EQ(texts(*first), (std::vector<std::string>{"m0", "m1", "m2"}));
  EXPECT_TRUE(first->more);
  // Somebody else goes on from where this one was.
  Feed other(*hub.ingest, only(Kind::Telemetry), first->next);
  EXPECT_EQ(texts(*other.read(10, 1 << 20)), (std::vector<std::string>{"m3", "m4"}));
  EXPECT_EQ(texts(*feed.read(10, 1 << 20)), (std::vector<std::string>{"m3", "m4"}));
  EXPECT_EQ(feed.read(10, 1 << 20)->lines.size(), 0U);
  EXPECT_TRUE(hub.send("m5", false));
  const auto last = feed.read(10, 1 << 20);
  EXPECT_EQ(texts(*last), std::vector<std::string>{"m5"});
  EXPECT_EQ(last->lost, 0U);
  EXPECT_EQ(Feed::latest(*hub.ingest), feed.position());
  feed.seek(first->lines[1].offset);
  EXPECT_EQ(texts(*feed.read(1, 1 << 20)), std::vector<std::string>{"m1"});
}

TEST(EgressFeed, SmallBatchesByBytes) {
  const store::TempDir dir;
  Hub hub(dir.path());
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(hub.send(std::string(1'000, 'x'), false));
  Feed feed(*hub.ingest, only(Kind::Telemetry), {1, 0});
  EXPECT_EQ(feed.read(100, 1'500)->lines.size(), 2U);
}

TEST(EgressFeed, OffsetsHoldAcrossARestart) {
  const store::TempDir dir;
  Offset after;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send("before", false));
    after = Feed::latest(*hub.ingest);
  }
  Hub hub(dir.path());
  EXPECT_TRUE(hub.send("after", false));
  Feed feed(*hub.ingest, only(Kind::Telemetry), after);
  EXPECT_EQ(texts(*feed.read(10, 1 << 20)), std::vector<std::string>{"after"});
}

TEST(EgressFeed, SaysWhatIsNotThereAnyMore) {
  const store::TempDir dir;
  ingest::Options options;
  options.journal_segment_bytes = 4'096;
  Hub hub(dir.path(), options);
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(hub.send(std::string(1'000, 'x'), false));
  hub.drain();
  EXPECT_TRUE(hub.send("last", false));
  // The files that are stored go.
  ASSERT_TRUE(ingest::eventually([&] { return Feed::earliest(*hub.ingest).sequence > 1; }));
  Feed feed(*hub.ingest, only(Kind::Telemetry), {1, 0});
  const auto batch = feed.read(1'000, 1 << 20);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->lost + batch->lines.size(), hub.ingest->committed());
  EXPECT_EQ(texts(*batch).back(), "last");
}

}  // namespace
}  // namespace hub::egress
