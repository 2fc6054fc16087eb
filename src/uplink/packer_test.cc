#include "uplink/packer.h"

#include <set>

#include "base/json.h"
#include "os/scratch_testing.h"
#include "schema/decode.h"
#include "schema/message.h"
#include "uplink/identity.h"
#include "uplink/split.h"
#include "uplink/spool_testing.h"

namespace uplink {
namespace {

// The texts that stand in place of events in a message.
std::vector<std::string> events_of(const Message& message) {
  const auto parsed = base::json::parse(message.payload);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().to_string();
    return {};
  }
  std::vector<std::string> events;
  for (const auto& event : *parsed->find("Events")->if_array())
    events.push_back(*event.if_string());
  return events;
}

class PackerTest : public ::testing::Test {
 protected:
  void SetUp() override { spool_ = must_open(dir_ / "spool"); }
  void add(const std::string& name, Priority priority, std::size_t size = 0) {
    std::string text = '"' + name;
    text.resize(std::max(size, text.size() + 1) - 1, '.');
    spool_->append(text + '"', priority);
    spool_->flush();
  }

  os::ScratchDir dir_;
  std::unique_ptr<Spool> spool_;
  Packer::Options options_{"1.2.3", base::Guid{}, 10'000};
};

TEST_F(PackerTest, PutsHighFirstAndSaysWhatItCovers) {
  add("low", Priority::Low);
  add("high1", Priority::High);
  add("high2", Priority::High);
  Packer packer(*spool_, options_);
  EXPECT_TRUE(packer.has_unsent(Priority::High));
  const auto message = packer.next({.high = true, .low = false});
  ASSERT_TRUE(message);
  EXPECT_EQ(events_of(*message), (std::vector<std::string>{"high1", "high2", "low"}));
  EXPECT_EQ(message->events, 3U);
  EXPECT_EQ(message->covers[0], (journal::Range{1, 2}));
  EXPECT_EQ(message->covers[1], (journal::Range{1, 1}));
  EXPECT_FALSE(packer.has_unsent(Priority::High));
  EXPECT_FALSE(packer.has_unsent(Priority::Low));
  EXPECT_FALSE(packer.next({}));
}

TEST_F(PackerTest, KeepsLowEventsUntilTheyAreDue) {
  add("low", Priority::Low);
  Packer packer(*spool_, options_);
  EXPECT_FALSE(packer.next({.high = true, .low = false}));
  EXPECT_TRUE(packer.has_unsent(Priority::Low));
  EXPECT_EQ(events_of(*packer.next({})), (std::vector<std::string>{"low"}));
}

TEST_F(PackerTest, FillsTheRoomThatIsLeftWithLowEvents) {
  add("high", Priority::High, 1000);
  for (int i = 0; i < 20; ++i)
    add("low", Priority::Low, 500);
  Packer packer(*spool_, options_);
  const auto message = packer.next({.high = true, .low = false});
  ASSERT_TRUE(message);
  EXPECT_LE(message->payload.size(), options_.max_message_bytes);
  EXPECT_GT(message->payload.size(), options_.max_message_bytes - 502);
  EXPECT_EQ(message->event_bytes[0], 1000U);
  EXPECT_EQ(message->event_bytes[1], 500 * (message->events - 1));
  EXPECT_FALSE(packer.next({.high = true, .low = false}));
}

TEST_F(PackerTest, HighMayWaitWhileLowIsDue) {
  add("high", Priority::High);
  add("low", Priority::Low);
  Packer packer(*spool_, options_);
  EXPECT_EQ(events_of(*packer.next({.high = false, .low = true})),
            (std::vector<std::string>{"low"}));
  EXPECT_FALSE(packer.next({.high = false, .low = true}));
}

TEST_F(PackerTest, NeverExceedsTheLimitAndLeavesNothingOut) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "e" + std::to_string(i) + "_";
    const std::size_t size = name.size() + 2 + static_cast<std::size_t>(i * 7919 % 9000);
    if (size > Packer::max_event_bytes(options_)) continue;
    add(name, Priority::High, size);
    names.push_back(name);
  }
  Packer packer(*spool_, options_);
  std::size_t at = 0;
  while (const auto message = packer.next({})) {
    EXPECT_LE(message->payload.size(), options_.max_message_bytes);
    for (const std::string& event : events_of(*message)) {
      ASSERT_LT(at, names.size());
      EXPECT_TRUE(event.starts_with(names[at++]));
    }
  }
  EXPECT_EQ(at, names.size());
}

TEST_F(PackerTest, TheLargestEventFitsExactly) {
  add("x", Priority::High, Packer::max_event_bytes(options_));
  Packer packer(*spool_, options_);
  EXPECT_EQ(packer.next({})->payload.size(), options_.max_message_bytes);
}

TEST_F(PackerTest, DropsAndCountsWhatFitsInNoMessage) {
  add("before", Priority::High);
  add("giant", Priority::High, options_.max_message_bytes + 1);
  add("after", Priority::High);
  Packer packer(*spool_, options_);
  EXPECT_EQ(events_of(*packer.next({})), (std::vector<std::string>{"before", "after"}));
  EXPECT_EQ(spool_->stats().high.too_large, 1U);
  expect_balanced(*spool_);
}

TEST_F(PackerTest, SendsNothingThatWasEvictedInTheMeantime) {
  add("a", Priority::High, 9000);
  add("b", Priority::High, 9000);
  add("c", Priority::High, 100);
  Packer packer(*spool_, options_);
  EXPECT_EQ(packer.next({})->covers[0], (journal::Range{1, 1}));  // holds b back already
  spool_->settle(Priority::High, {2, 2}, Outcome::Evicted);
  EXPECT_EQ(packer.next({})->covers[0], (journal::Range{3, 3}));
}

// --- Parts ---

schema::Event ports(int count) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {base::WallTime(std::chrono::hours(1)), std::chrono::minutes(0)};
  std::vector<schema::ListeningPorts> items;
  for (int i = 0; i < count; ++i) {
    schema::ListeningPorts item;
    item.protocol = "tcp";
    item.local_port = std::to_string(i);
    items.push_back(item);
  }
  event.payload = std::move(items);
  return event;
}

TEST(EncodeInParts, LeavesWhatFitsInOnePiece) {
  const schema::Event event = ports(10);
  std::string whole;
  schema::encode_event(event, whole);
  std::vector<std::string> parts;
  EXPECT_EQ(encode_in_parts(event, whole.size(),
                            [&](std::string part) { parts.push_back(std::move(part)); })
                .count,
            1U);
  EXPECT_EQ(parts, std::vector<std::string>{whole});
}

TEST(EncodeInParts, DividesByItemsAndGivesEachPartAnId) {
  const schema::Event event = ports(100);
  std::vector<std::string> parts;
  const std::size_t count = encode_in_parts(event, 2000, [&](std::string part) {
                              parts.push_back(std::move(part));
                            }).count;
  EXPECT_EQ(parts.size(), count);
  EXPECT_GT(count, 2U);
  std::set<std::string> ids;
  std::vector<std::string> seen;
  for (const std::string& part : parts) {
    EXPECT_LE(part.size(), 2000U);
    const auto json = base::json::parse(part).value();
    ids.emplace(json.text_or("Id", ""));
    EXPECT_EQ(json.text_or("TimestampUTC", ""),
              base::json::parse(parts[0]).value().text_or("TimestampUTC", "?"));
    for (const auto& item : *json.find("Payload")->if_array())
      seen.emplace_back(item.text_or("LocalPort", ""));
  }
  EXPECT_EQ(ids.size(), count);
  EXPECT_TRUE(ids.contains(event.id.to_string()));
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(seen[static_cast<std::size_t>(i)], std::to_string(i));
}

schema::Event start_of(std::string command_line, std::string argv) {
  schema::Event event;
  event.id = base::Guid::random();
  event.payload = schema::payload_of(
      schema::ProcessCreate{.executable = "/usr/bin/python3",
                            .process_id = 7,
                            .parent_process_id = 1,
                            .user_id = "0",
                            .user_name = "root",
                            .command_line = std::move(command_line),
                            .extra_details = {{"Argv", std::move(argv)}, {"Cwd", "/"}}});
  return event;
}

TEST(EncodeInParts, CutsTheLongestTextsOfASingleItemAndSaysSo) {
  const std::string name = "\xE2\x82\xAC";  // a character that must not be divided
  std::string line;
  for (int i = 0; i < 3000; ++i)
    line += name;
  for (const std::size_t limit : {8000U, 4000U, 2001U, 1500U}) {
    std::vector<std::string> parts;
    const Pieces pieces =
        encode_in_parts(start_of(line, std::string(5000, '"')), limit,
                        [&](std::string part) { parts.push_back(std::move(part)); });
    EXPECT_EQ(pieces.count, 1U);
    EXPECT_EQ(pieces.truncated, 1U);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_LE(parts[0].size(), limit);
    EXPECT_GT(parts[0].size(), limit / 3);
    const auto json = base::json::parse(parts[0]).value();
    const auto& item = json.find("Payload")->if_array()->front();
    EXPECT_EQ(item.text_or("Executable", ""), "/usr/bin/python3");
    EXPECT_TRUE(line.starts_with(item.text_or("CommandLine", "?")));
    const auto* details = item.find("ExtraDetails");
    EXPECT_NE(details->text_or("Truncated", ""), "");
    EXPECT_NE(details->text_or("TruncatedBytes", ""), "");
    EXPECT_TRUE(schema::validate(schema::encode_envelope("1", base::Guid::random(),
                                                         std::vector<std::string_view>{parts[0]}),
                                 schema::Mode::Strict)
                    .valid());
  }
}

TEST(EncodeInParts, GivesWhatItCannotHelp) {
  std::size_t bytes = 0;
  EXPECT_EQ(encode_in_parts(ports(1), 10, [&](std::string part) { bytes = part.size(); }).count,
            1U);
  EXPECT_GT(bytes, 10U);
}

TEST(Divide, GivesTheSamePartTheSameId) {
  std::string whole;
  schema::encode_event(ports(100), whole);
  const auto ids = [&] {
    std::vector<std::string> found;
    divide(whole, 2000, [&](const std::string& part) {
      found.emplace_back(base::json::parse(part).value().text_or("Id", ""));
    });
    return found;
  };
  EXPECT_GT(ids().size(), 2U);
  EXPECT_EQ(ids(), ids());
}

// A smaller message size must neither block the queue nor lose what is in it.
TEST_F(PackerTest, DividesWhatASmallerLimitFinds) {
  std::string event;
  schema::encode_event(ports(200), event);
  spool_->append(event, Priority::High);
  std::string lone;
  schema::encode_event(start_of(std::string(9000, 'x'), ""), lone);
  spool_->append(lone, Priority::High);
  schema::encode_event(ports(1), lone = "");
  spool_->append(lone, Priority::High);
  spool_->flush();
  Packer packer(*spool_, {"1.2.3", base::Guid{}, 100'000});
  packer.set_max_message_bytes(4000);
  std::size_t items = 0;
  std::optional<journal::Range> covered;
  while (const auto message = packer.next({})) {
    EXPECT_LE(message->payload.size(), 4000U);
    // The first event has arrived when its last part has, not before.
    EXPECT_TRUE(items >= 150 || !message->covers[0]);
    if (message->covers[0]) {
      if (!covered) covered = message->covers[0];
      EXPECT_GE(message->covers[0]->first, covered->first);
      covered->last = message->covers[0]->last;
    }
    const auto parsed = base::json::parse(message->payload).value();
    for (const auto& each : *parsed.find("Events")->if_array())
      items += each.find("Payload")->if_array()->size();
  }
  EXPECT_EQ(items, 202U);
  EXPECT_EQ(covered, (journal::Range{1, 3}));
  EXPECT_EQ(packer.truncated(), 1U);
  EXPECT_EQ(spool_->stats().high.too_large, 0U);
}

// --- Identity ---

TEST(ParseConnectionString, ReadsADevicesOrModules) {
  const auto identity =
      parse_connection_string(
          "HostName=hub.example:18883;DeviceId=d1;ModuleId=m1;SharedAccessKey=a2V5")
          .value();
  EXPECT_EQ(identity.host_name, "hub.example");
  EXPECT_EQ(identity.port, 18883);
  EXPECT_EQ(identity.device_id, "d1");
  EXPECT_EQ(identity.module_id, "m1");
  EXPECT_EQ(identity.key_base64, "a2V5");
  EXPECT_EQ(parse_connection_string("HostName=h;DeviceId=d;SharedAccessKey=a2V5").value().port,
            8883);
}

TEST(ParseConnectionString, RefusesOthersWithoutShowingTheKey) {
  for (const char* text :
       {"", "HostName=h", "HostName=h;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0",
        "HostName=h;DeviceId=d;SharedAccessKey=sec ret!",
        "HostName=h;DeviceId=d;Unknown=x;SharedAccessKey=c2VjcmV0"}) {
    const auto identity = parse_connection_string(text);
    ASSERT_FALSE(identity) << text;
    EXPECT_EQ(identity.error().to_string().find("c2VjcmV0"), std::string::npos);
    EXPECT_EQ(identity.error().to_string().find("sec ret"), std::string::npos);
  }
}

}  // namespace
}  // namespace uplink
