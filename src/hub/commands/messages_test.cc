#include "hub/commands/messages.h"

#include <mutex>

#include "hub/commands/commands_testing.h"
#include "hub/commands/status.h"

namespace hub::commands {
namespace {

using base::Code;
using operations::Category;

class MessagesTest : public CommandsTest {
 protected:
  MessagesTest() {
    options_.path = path();
    options_.now = [this] { return now(); };
    // Expiries are looked at when a test says so.
    options_.sweep = std::chrono::hours(1);
    open();
  }
  void open() {
    messages_.reset();
    messages_ = Messages::open(options_, *registry_, operations_).value();
    messages_->add_listener([this](const identity::Name& name) {
      const std::lock_guard lock(mutex_);
      told_.push_back(name.to_string());
    });
  }
  std::vector<std::string> told() {
    messages_->sweep();  // is behind everything that was asked before
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, {});
  }

  static CloudMessage message(const identity::Name& to, std::string id, Ack ack = Ack::None) {
    CloudMessage message;
    message.to = to;
    message.message_id = std::move(id);
    message.ack = ack;
    message.body = "body of " + message.message_id;
    return message;
  }
  base::Result<Receipt> send(const identity::Name& to, std::string id, Ack ack = Ack::None) {
    operations::Record record;
    record.protocol = operations::Protocol::Https;
    record.actor = "anna";
    return messages_->send(message(to, std::move(id), ack), record);
  }
  Client client(const identity::Name& name) const {
    Client client;
    client.name = name;
    client.generation_id = registry_->get(name)->generation_id;
    client.record.protocol = operations::Protocol::Mqtt;
    return client;
  }
  std::vector<Locked> receive(const identity::Name& name, std::size_t most = 10,
                              Holder holder = Holder::Connection) {
    return messages_->receive(client(name), most, holder).value();
  }
  std::vector<std::string> ids(const identity::Name& name) {
    std::vector<std::string> found;
    for (const Locked& locked : receive(name))
      found.push_back(locked.message.message_id);
    return found;
  }
  base::Result<void> settle(const identity::Name& name, const std::string& token,
                            Settlement settlement) {
    return messages_->settle(client(name), token, settlement);
  }
  void pass(std::chrono::seconds time) {
    wall_ += time.count();
    messages_->sweep();
  }
  // "id fate" of the next batch, which is ended.
  std::vector<std::string> feedback() {
    const auto batch = messages_->receive_feedback().value();
    if (!batch) return {};
    std::vector<std::string> found;
    for (const Feedback& record : batch->records)
      found.push_back(record.original_message_id + " " + std::string(to_string(record.fate)));
    EXPECT_TRUE(messages_->settle_feedback(batch->lock_token, Settlement::Complete).has_value());
    return found;
  }

  Options options_;
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::unique_ptr<Messages> messages_;  // ends first: its thread tells
};

TEST_F(MessagesTest, IsDeliveredOnceAndInOrder) {
  CloudMessage full = message(kDevice, "m1", Ack::Full);
  full.correlation_id = "c";
  full.user_id = "u";
  full.content_type = "application/json";
  full.content_encoding = "utf-8";
  full.properties = {{"k", "v"}, {"k", "w"}, {"ö", ""}};
  full.body = std::string("\0\xFF", 2);
  const Receipt receipt = messages_->send(full, {}).value();
  EXPECT_EQ(receipt.expires, now() + std::chrono::hours(1));
  ASSERT_TRUE(send(kDevice, "m2").has_value());
  EXPECT_TRUE(messages_->may_receive(kDevice));
  EXPECT_FALSE(messages_->may_receive(kOther));
  EXPECT_EQ(told(), (std::vector<std::string>{"d1", "d1"}));

  const auto locked = receive(kDevice);
  ASSERT_EQ(locked.size(), 2U);
  const CloudMessage& got = locked[0].message;
  EXPECT_EQ(got.message_id, "m1");
  EXPECT_EQ(got.correlation_id, "c");
  EXPECT_EQ(got.user_id, "u");
  EXPECT_EQ(got.content_type, "application/json");
  EXPECT_EQ(got.content_encoding, "utf-8");
  EXPECT_EQ(got.properties, full.properties);
  EXPECT_EQ(got.body, full.body);
  EXPECT_EQ(got.ack, Ack::Full);
  EXPECT_EQ(got.to_address, "/devices/d1/messages/devicebound");
  EXPECT_EQ(locked[0].delivery_count, 1U);
  EXPECT_EQ(locked[0].sequence, receipt.sequence);
  EXPECT_EQ(locked[1].message.message_id, "m2");
  // They are locked.
  EXPECT_TRUE(receive(kDevice).empty());
  EXPECT_EQ(messages_->count(kDevice), 2U);

  for (const Locked& one : locked)
    EXPECT_TRUE(settle(kDevice, one.lock_token, Settlement::Complete).has_value());
  EXPECT_FALSE(messages_->may_receive(kDevice));
  EXPECT_EQ(settle(kDevice, locked[0].lock_token, Settlement::Complete).error().code,
            Code::Conflict);
  EXPECT_EQ(recorded(Category::C2DCommands),
            (std::vector<std::string>{"send 200", "send 200", "deliver 200", "deliver 200",
                                      "complete 200", "complete 200"}));
  EXPECT_EQ(messages_->counters().lock_lost.value(), 1U);
}

TEST_F(MessagesTest, OfAModuleIsNotItsDevices) {
  CloudMessage input = message(kModule, "m1");
  input.input = "in1";
  ASSERT_TRUE(messages_->send(input, {}).has_value());
  EXPECT_TRUE(ids(kDevice).empty());
  const auto locked = receive(kModule);
  ASSERT_EQ(locked.size(), 1U);
  EXPECT_EQ(locked[0].message.input, "in1");
  EXPECT_EQ(locked[0].message.to_address, "/devices/d1/modules/m1/inputs/in1");
  // Nobody else's lock.
  EXPECT_EQ(settle(kDevice, locked[0].lock_token, Settlement::Complete).error().code,
            Code::Conflict);
  EXPECT_TRUE(settle(kModule, locked[0].lock_token, Settlement::Complete).has_value());
}

TEST_F(MessagesTest, RefusesBeyondTheLimits) {
  EXPECT_EQ(send({"nobody", ""}, "m").error().code, Code::NotFound);
  CloudMessage large = message(kDevice, "m");
  large.body.assign(64 * 1024, 'x');
  EXPECT_EQ(messages_->send(large, {}).error().code, Code::TooLarge);
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(send(kDevice, std::to_string(i)).has_value());
  EXPECT_EQ(send(kDevice, "one more").error().code, Code::Full);
  EXPECT_TRUE(send(kOther, "another's").has_value());
  const auto records = recorded(Category::C2DCommands);
  EXPECT_EQ(records[0], "send 404 404001 unknown");
  EXPECT_EQ(records[1], "send 413 413001 message_too_large");
  EXPECT_EQ(records[52], "send 403 403004 queue_full");
  EXPECT_EQ(messages_->counters().refused.value(), 3U);
  // What has expired takes no place, even before it is swept.
  wall_ += 3600;
  EXPECT_TRUE(send(kDevice, "later").has_value());
}

TEST_F(MessagesTest, AbandonedOnesComeAgainInTheirOldPlace) {
  ASSERT_TRUE(send(kDevice, "m1", Ack::Full).has_value());
  ASSERT_TRUE(send(kDevice, "m2").has_value());
  for (unsigned delivery = 1; delivery <= 10; ++delivery) {
    const auto locked = receive(kDevice, 1);
    ASSERT_EQ(locked.size(), 1U) << delivery;
    EXPECT_EQ(locked[0].message.message_id, "m1");
    EXPECT_EQ(locked[0].delivery_count, delivery);
    (void)told();
    EXPECT_TRUE(settle(kDevice, locked[0].lock_token, Settlement::Abandon).has_value());
    EXPECT_EQ(told().size(), delivery < 10 ? 1U : 0U);
  }
  // Ten times is enough.
  EXPECT_EQ(ids(kDevice), std::vector<std::string>{"m2"});
  pass(std::chrono::seconds(15));
  EXPECT_EQ(feedback(), std::vector<std::string>{"m1 DeliveryCountExceeded"});
  EXPECT_EQ(messages_->counters().delivery_count_exceeded.value(), 1U);
  const auto records = recorded(Category::C2DCommands);
  EXPECT_EQ(records[records.size() - 2], "reject 200 delivery_count");
  // Over the protocol that it did not get through.
  EXPECT_EQ(operations_.recent(2)[1].protocol, operations::Protocol::Mqtt);
}

TEST_F(MessagesTest, LocksEndByThemselves) {
  ASSERT_TRUE(send(kDevice, "m1").has_value());
  const auto locked = receive(kDevice);
  pass(std::chrono::seconds(59));
  EXPECT_TRUE(ids(kDevice).empty());
  (void)told();
  pass(std::chrono::seconds(1));
  EXPECT_EQ(told(), std::vector<std::string>{"d1"});
  EXPECT_EQ(settle(kDevice, locked[0].lock_token, Settlement::Complete).error().code,
            Code::Conflict);
  EXPECT_EQ(receive(kDevice)[0].delivery_count, 2U);
}

TEST_F(MessagesTest, ExpireUnlessLocked) {
  CloudMessage brief = message(kDevice, "brief", Ack::Negative);
  brief.expiry = now() + std::chrono::seconds(10);
  CloudMessage taken = message(kDevice, "taken", Ack::Negative);
  taken.expiry = brief.expiry;
  CloudMessage eternal = message(kDevice, "eternal");
  eternal.expiry = now() + std::chrono::days(30);
  ASSERT_TRUE(messages_->send(taken, {}).has_value());
  const auto locked = receive(kDevice);
  ASSERT_TRUE(messages_->send(brief, {}).has_value());
  EXPECT_EQ(messages_->send(eternal, {})->expires, now() + std::chrono::days(2));
  wall_ += 10;
  // Not delivered, even before it is swept.
  EXPECT_EQ(ids(kDevice), std::vector<std::string>{"eternal"});
  messages_->sweep();
  EXPECT_EQ(messages_->count(kDevice), 2U);
  EXPECT_TRUE(settle(kDevice, locked[0].lock_token, Settlement::Complete).has_value());
  pass(std::chrono::seconds(15));
  EXPECT_EQ(feedback(), std::vector<std::string>{"brief Expired"});
}

TEST_F(MessagesTest, FeedbackGoesToThoseWhoAsked) {
  for (const Ack ack : {Ack::None, Ack::Positive, Ack::Negative, Ack::Full}) {
    const std::string name(to_string(ack));
    ASSERT_TRUE(send(kDevice, name + "-completed", ack).has_value());
    ASSERT_TRUE(send(kDevice, name + "-rejected", ack).has_value());
    ASSERT_TRUE(send(kOther, name + "-purged", ack).has_value());
  }
  for (const Locked& locked : receive(kDevice)) {
    const bool complete = locked.message.message_id.ends_with("completed");
    ASSERT_TRUE(
        settle(kDevice, locked.lock_token, complete ? Settlement::Complete : Settlement::Reject)
            .has_value());
  }
  EXPECT_EQ(messages_->purge(kOther, {}).value(), 4U);
  EXPECT_EQ(messages_->count(kOther), 0U);
  // Not yet: there may be more to hand out together.
  EXPECT_TRUE(feedback().empty());
  pass(std::chrono::seconds(15));
  EXPECT_EQ(feedback(),
            (std::vector<std::string>{"positive-completed Success", "negative-rejected Rejected",
                                      "full-completed Success", "full-rejected Rejected",
                                      "negative-purged Purged", "full-purged Purged"}));
  EXPECT_TRUE(feedback().empty());
}

TEST_F(MessagesTest, FeedbackIsLockedAndComesAgain) {
  options_.feedback_batch = 2;
  options_.max_feedback_deliveries = 3;
  open();
  int due = 0;
  messages_->add_feedback_listener([&due] { ++due; });
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(send(kDevice, id, Ack::Positive).has_value());
    ASSERT_TRUE(settle(kDevice, receive(kDevice)[0].lock_token, Settlement::Complete).has_value());
  }
  const auto first = messages_->receive_feedback().value();
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(first->records.size(), 2U);
  EXPECT_FALSE(messages_->receive_feedback().value().has_value());
  ASSERT_TRUE(messages_->settle_feedback(first->lock_token, Settlement::Abandon).has_value());
  EXPECT_FALSE(messages_->settle_feedback(first->lock_token, Settlement::Complete).has_value());
  const auto second = messages_->receive_feedback().value();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->sequence, first->sequence);
  EXPECT_EQ(second->delivery_count, 2U);
  // The lock ends by itself; the third time is the last.
  pass(std::chrono::seconds(60));
  EXPECT_GT(due, 0);
  const auto third = messages_->receive_feedback().value();
  ASSERT_TRUE(third.has_value());
  ASSERT_TRUE(messages_->settle_feedback(third->lock_token, Settlement::Abandon).has_value());
  EXPECT_EQ(messages_->counters().feedback_dropped.value(), 2U);
  EXPECT_EQ(feedback(), std::vector<std::string>{"c Success"});
}

TEST_F(MessagesTest, FeedbackThatNobodyFetchesGoes) {
  ASSERT_TRUE(send(kDevice, "a", Ack::Full).has_value());
  ASSERT_EQ(messages_->purge(kDevice, {}).value(), 1U);
  pass(std::chrono::seconds(3601));
  EXPECT_FALSE(messages_->receive_feedback().value().has_value());
  EXPECT_EQ(messages_->counters().feedback_dropped.value(), 1U);
}

TEST_F(MessagesTest, SurvivesARestart) {
  ASSERT_TRUE(send(kDevice, "by connection").has_value());
  ASSERT_EQ(receive(kDevice).size(), 1U);
  ASSERT_TRUE(send(kDevice, "by token").has_value());
  const auto token = receive(kDevice, 1, Holder::Token);
  ASSERT_EQ(token.size(), 1U);
  messages_->keep_subscription(kDevice, client(kDevice).generation_id, 1);
  open();
  EXPECT_EQ(messages_->count(kDevice), 2U);
  // The connection is gone; whoever has the token may still come.
  const auto again = receive(kDevice);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].message.message_id, "by connection");
  EXPECT_EQ(again[0].delivery_count, 2U);
  EXPECT_TRUE(settle(kDevice, token[0].lock_token, Settlement::Complete).has_value());
  EXPECT_EQ(messages_->kept_subscription(kDevice, client(kDevice).generation_id), 1);
  EXPECT_FALSE(messages_->kept_subscription(kDevice, "another").has_value());
  messages_->keep_subscription(kDevice, client(kDevice).generation_id, std::nullopt);
  open();
  EXPECT_FALSE(messages_->kept_subscription(kDevice, client(kDevice).generation_id).has_value());
}

TEST_F(MessagesTest, AreNotForTheNextOfThatName) {
  ASSERT_TRUE(send(kDevice, "for the first").has_value());
  messages_->keep_subscription(kDevice, client(kDevice).generation_id, 1);
  const Client first = client(kDevice);
  ASSERT_TRUE(registry_->remove(kDevice, "", "test").has_value());
  create(kDevice);
  messages_->sweep();
  EXPECT_EQ(messages_->count(kDevice), 0U);
  ASSERT_TRUE(send(kDevice, "for the second").has_value());
  EXPECT_EQ(ids(kDevice), std::vector<std::string>{"for the second"});
  EXPECT_EQ(messages_->receive(first, 1, Holder::Connection).error().code, Code::NotFound);
  EXPECT_FALSE(messages_->kept_subscription(kDevice, first.generation_id).has_value());
}

TEST_F(MessagesTest, ListsWhatWaits) {
  ASSERT_TRUE(send(kDevice, "m1", Ack::Full).has_value());
  ASSERT_TRUE(send(kDevice, "m2").has_value());
  ASSERT_EQ(receive(kDevice, 1).size(), 1U);
  const auto list = messages_->list(kDevice).value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].message_id, "m1");
  EXPECT_TRUE(list[0].locked);
  EXPECT_EQ(list[0].delivery_count, 1U);
  EXPECT_EQ(list[0].ack, Ack::Full);
  EXPECT_EQ(list[0].bytes, 12U);
  EXPECT_FALSE(list[1].locked);
  EXPECT_EQ(messages_->list({"nobody", ""}).error().code, Code::NotFound);
}

TEST_F(MessagesTest, IdsAreNoSql) {
  CloudMessage hostile = message(kDevice, "'); DROP TABLE command; --");
  hostile.properties = {{"' OR 1=1 --", "\"'"}};
  ASSERT_TRUE(messages_->send(hostile, {}).has_value());
  const auto locked = receive(kDevice);
  ASSERT_EQ(locked.size(), 1U);
  EXPECT_EQ(locked[0].message.message_id, hostile.message_id);
  EXPECT_EQ(locked[0].message.properties, hostile.properties);
  EXPECT_EQ(settle(kDevice, "' OR lock_token IS NOT NULL --", Settlement::Complete).error().code,
            Code::Conflict);
}

TEST_F(MessagesTest, RefusesWhatItCannotQueue) {
  options_.max_queued_bytes = 10;
  open();
  EXPECT_EQ(send(kDevice, "too long for the queue").error().code, Code::Unavailable);
  EXPECT_EQ(messages_->counters().overloaded.value(), 1U);
  messages_->stop();
  EXPECT_EQ(send(kDevice, "m").error().code, Code::Unavailable);
  EXPECT_EQ(recorded(Category::C2DCommands)[0], "send 503 503001");
}

}  // namespace
}  // namespace hub::commands
