// What others get to see of the ingest: messages that were set aside, and the journal itself.
#include <algorithm>
#include <mutex>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/ingest/ingest_testing.h"
#include "hub/ingest/record.h"
#include "journal/reader.h"

namespace hub::ingest {
namespace {

// Keeps what is set aside, or fails as the test says.
class Kept {
 public:
  struct Message {
    std::uint64_t sequence;
    std::string device;
    std::string payload;
    std::string why;
    operations::Reason reason;
  };

  Options options() {
    Options options;
    options.set_aside = [this](std::span<const SetAside> messages) { return take(messages); };
    return options;
  }
  base::Result<void> take(std::span<const SetAside> messages) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (fail_times_ > 0) {
      --fail_times_;
      return std::unexpected(base::Error{code_, "test", -1, {}});
    }
    for (const SetAside& each : messages) {
      messages_.push_back({each.sequence, std::string(each.message.device_id),
                           std::string(each.message.payload), std::string(each.why), each.reason});
    }
    return {};
  }
  void fail(int times, base::Code code) {
    const std::lock_guard lock(mutex_);
    fail_times_ = times;
    code_ = code;
  }
  std::vector<Message> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::vector<Message> messages_;
  int calls_ = 0;
  int fail_times_ = 0;
  base::Code code_ = base::Code::Full;
};

std::string bad_among(const std::string& good) {
  return good.substr(0, good.size() - 2) +
         R"(,{"Category":"Nonsense","Id":"00000000-0000-4000-8000-000000000000"}]})";
}

std::vector<RecordKind> kinds_in(const Ingest& ingest) {
  std::vector<RecordKind> kinds;
  const auto reader = ingest.reader(1);
  while (true) {
    const auto record = reader->next();
    if (!record || !*record) return kinds;
    kinds.push_back(*record_kind((*record)->payload));
  }
}

TEST(IngestSetAside, AMessageThatIsNoneIsKeptBeforeItIsAcknowledged) {
  const store::TempDir dir;
  Kept kept;
  Hub hub(dir.path(), kept.options());
  EXPECT_TRUE(hub.send("{\"no\":\"message\"}"));
  // Acknowledged means in the journal, whatever happens to the process now.
  const auto kinds = kinds_in(*hub.ingest);
  EXPECT_NE(std::find(kinds.begin(), kinds.end(), RecordKind::SetAside), kinds.end());
  EXPECT_TRUE(hub.send(message_of({process_event(1, "ls")})));
  hub.drain();
  const auto messages = kept.messages();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].payload, "{\"no\":\"message\"}");
  EXPECT_EQ(messages[0].device, "device-1");
  EXPECT_EQ(messages[0].reason, operations::Reason::MessageInvalid);
  EXPECT_NE(messages[0].why.find("expected"), std::string::npos);
  EXPECT_EQ(hub.ingest->counters().set_aside.value(), 1U);
  EXPECT_EQ(hub.ingest->counters().items.value(), 1U);
}

TEST(IngestSetAside, GoodEventsOfABadMessageAreStoredAndTheWholeIsKept) {
  const store::TempDir dir;
  Kept kept;
  Hub hub(dir.path(), kept.options());
  const std::string message = bad_among(message_of({process_event(1, "ls")}));
  EXPECT_TRUE(hub.send(message));
  hub.drain();
  ASSERT_EQ(kept.messages().size(), 1U);
  EXPECT_EQ(kept.messages()[0].payload, message);
  EXPECT_EQ(kept.messages()[0].reason, operations::Reason::EventInvalid);
  EXPECT_NE(kept.messages()[0].why.find("event 1"), std::string::npos);
  EXPECT_EQ(hub.ingest->counters().items.value(), 1U);
}

TEST(IngestSetAside, AFullStoreIsTriedAgainAndABrokenOneBlocksNothing) {
  const store::TempDir dir;
  Kept kept;
  Hub hub(dir.path(), kept.options());
  kept.fail(3, base::Code::Full);
  EXPECT_TRUE(hub.send("nonsense"));
  hub.drain();
  EXPECT_EQ(kept.messages().size(), 1U);
  EXPECT_EQ(kept.calls(), 4);
  kept.fail(1, base::Code::Corrupt);
  EXPECT_TRUE(hub.send("more nonsense"));
  EXPECT_TRUE(hub.send(message_of({process_event(1, "ls")})));
  hub.drain();
  EXPECT_EQ(kept.messages().size(), 1U);
  EXPECT_EQ(hub.ingest->counters().set_aside_lost.value(), 1U);
  EXPECT_EQ(hub.ingest->counters().items.value(), 1U);
}

TEST(IngestSetAside, ReplayTakesWhatIsAcceptableNow) {
  const store::TempDir dir;
  Kept kept;
  Hub hub(dir.path(), kept.options());
  Received message;
  message.device_id = "device-1";
  message.security = true;
  const std::string good = message_of({process_event(1, "ls")});
  const std::string bad = bad_among(good);
  message.payload = bad;
  const auto refused = hub.ingest->replay(message, kPatience);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Invalid);
  EXPECT_NE(refused.error().detail.find("event 1"), std::string::npos);
  message.payload = good;
  EXPECT_TRUE(hub.ingest->replay(message, kPatience));
  hub.drain();
  EXPECT_EQ(hub.ingest->counters().items.value(), 1U);
  EXPECT_EQ(kept.messages().size(), 0U);
}

TEST(IngestFollow, TheJournalKeepsWhatIsStoredUpToItsBound) {
  const store::TempDir dir;
  Options options;
  options.journal_segment_bytes = 4'096;
  options.journal_keep_bytes = 64 * 1024;
  Hub hub(dir.path(), options);
  for (int i = 0; i < 300; ++i)
    EXPECT_TRUE(hub.send(std::string(1'000, 't'), false));
  // The trimming follows the store.
  EXPECT_TRUE(hub.send(message_of({process_event(1, "ls")})));
  hub.drain();
  EXPECT_TRUE(eventually([&] { return hub.ingest->journal().bytes < 80'000U; }));
  EXPECT_GT(hub.ingest->journal().first_sequence, 1U);
  EXPECT_GT(hub.ingest->journal().bytes, 50'000U);
}

TEST(IngestFollow, WhatIsKeptMakesRoomForMessages) {
  const store::TempDir dir;
  Options options;
  options.journal_segment_bytes = 4'096;
  options.journal_max_bytes = 64 * 1024;
  options.journal_keep_bytes = 1 << 20;
  Hub hub(dir.path(), options);
  for (int i = 0; i < 300; ++i) {
    EXPECT_TRUE(hub.send(std::string(1'000, 't'), false)) << i;
    if (i % 10 == 0) hub.drain();
  }
  EXPECT_EQ(hub.ingest->counters().not_durable.value(), 0U);
}

TEST(IngestFollow, WaitsForWhatIsCommitted) {
  const store::TempDir dir;
  Hub hub(dir.path());
  const std::uint64_t before = hub.ingest->committed();
  std::stop_source stop;
  std::promise<bool> woken;
  auto answer = woken.get_future();
  {
    const std::jthread follower([&] {
      woken.set_value(
          hub.ingest->wait_committed(before, stop.get_token(), base::mono_now() + kPatience));
    });
    EXPECT_TRUE(hub.send("telemetry", false));
    EXPECT_TRUE(answer.get());
  }
  EXPECT_FALSE(hub.ingest->wait_committed(hub.ingest->committed(), {}, base::mono_now()));
  stop.request_stop();
  EXPECT_FALSE(hub.ingest->wait_committed(hub.ingest->committed(), stop.get_token(),
                                          base::mono_now() + kPatience));
}

TEST(IngestFollow, AlertsAreInTheJournalBeforeTheyAreStored) {
  const store::TempDir dir;
  Hub hub(dir.path());
  EXPECT_TRUE(hub.send(message_of({process_event(1, "sh -c echo cpuminer-multi")})));
  hub.drain();
  const auto counts = hub.alerts->counts();
  ASSERT_TRUE(counts);
  ASSERT_GT(counts->open, 0);
  const auto kinds = kinds_in(*hub.ingest);
  EXPECT_GE(std::count(kinds.begin(), kinds.end(), RecordKind::Alert), counts->open);
  EXPECT_EQ(hub.ingest->counters().alerts_not_followed.value(), 0U);
}

TEST(IngestTelemetry, IsStoredOnlyWhereThatIsWanted) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send("{\"t\":20}", false));
    hub.drain();
  }
  {
    Options options;
    options.store_telemetry = true;
    Hub hub(dir.path(), options);
    EXPECT_TRUE(hub.send("{\"t\":21}", false));
    EXPECT_TRUE(hub.send(message_of({process_event(1, "ls")})));
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().telemetry_rows.value(), 1U);
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT DeviceId, BodyEncoding, Body FROM telemetry"),
            (Table{{"device-1", "json", "{\"t\":21}"}}));
}

}  // namespace
}  // namespace hub::ingest
