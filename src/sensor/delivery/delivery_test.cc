#include "sensor/delivery/delivery.h"

#include <array>

#include <gtest/gtest.h>

#include "sensor/delivery/events.h"

namespace sensor::delivery {

namespace {

using namespace std::chrono_literals;
using dissect::Access;
using dissect::Fact;
using uplink::Priority;

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

dissect::End end(std::uint8_t number, std::uint16_t port) {
  const std::array<std::uint8_t, 4> ip = {10, 0, 0, number};
  const std::array<std::uint8_t, 6> mac = {0, 0x1D, 0x9C, 0, 0, number};
  return {.mac = dissect::MacAddress::of(mac), .ip = dissect::IpAddress::of(ip), .port = port};
}

constexpr dissect::Transport kTcp[] = {dissect::Transport::Tcp};
const dissect::Protocol kModbus{.name = "modbus",
                                .title = "Modbus",
                                .industrial = true,
                                .transports = kTcp,
                                .ports = {},
                                .selectors = {},
                                .probe = nullptr,
                                .open = nullptr};

engine::Record transaction(Access access, std::int64_t seconds) {
  engine::TransactionRecord record;
  dissect::Transaction& one = record.transaction;
  one.protocol = "modbus";
  one.client = end(1, 50000);
  one.server = end(9, 502);
  one.time = at(seconds);
  one.answered = at(seconds) + 1500us;
  one.operation = {.code = 16, .name = "Write Multiple Registers"};
  one.access = access;
  one.unit = 3;
  one.objects = {{.space = "holding registers", .name = "", .first = 10, .count = 2},
                 {.space = "", .name = "pump", .first = 0, .count = 0}};
  one.status.outcome = dissect::Outcome::Ok;
  one.request_bytes = 4;
  return {.position = 1, .flow = 1, .content = record};
}

engine::FlowRecord flow(std::uint8_t client, std::int64_t seconds, std::uint64_t packets) {
  engine::FlowRecord record;
  record.info.a = end(client, 50000);
  record.info.b = end(9, 502);
  record.info.server = dissect::Side::B;
  record.first = at(seconds);
  record.last = at(seconds + 2);
  record.counts[0] = {.packets = packets, .bytes = 60 * packets, .payload = 0};
  record.counts[1] = {.packets = 2, .bytes = 100, .payload = 0};
  record.messages = 4;
  record.protocol = &kModbus;
  return record;
}

inventory::Device device(const std::string& id, std::int64_t last) {
  inventory::Device made;
  made.id = id;
  made.macs = {end(9, 0).mac};
  made.ips = {end(9, 0).ip, end(10, 0).ip};
  made.local = true;
  made.type.text = "PLC";
  made.level = 1;
  made.first = at(0);
  made.last = at(last);
  const inventory::Value model{.text = "BMX",
                               .source = "modbus",
                               .confidence = dissect::Confidence::Protocol,
                               .first = at(0),
                               .last = at(last)};
  made.fields.push_back(
      {.fact = Fact::Model, .rack = std::nullopt, .slot = std::nullopt, .values = {model}});
  made.fields.push_back({.fact = Fact::Module, .rack = 0, .slot = 2, .values = {model}});
  return made;
}

// What comes out of a delivery.
struct Told {
  std::vector<std::pair<schema::Event, Priority>> events;
  std::vector<inventory::Device> devices;
  Delivery delivery{"sensor",
                    {"modbus"},
                    [this] { return devices; },
                    [this](schema::Event event, Priority priority) {
                      events.emplace_back(std::move(event), priority);
                    }};

  template <class Item>
  std::vector<Item> all() const {
    std::vector<Item> found;
    for (const auto& [event, priority] : events) {
      if (const auto* items = std::get_if<std::vector<Item>>(&event.payload))
        found.insert(found.end(), items->begin(), items->end());
    }
    return found;
  }
};

}  // namespace

TEST(Delivery, TellsWhatChangesADevice) {
  Told told;
  for (const Access access : {Access::Read, Access::Write, Access::Stop, Access::Session})
    told.delivery.take(transaction(access, 5));
  ASSERT_EQ(told.events.size(), 2U);
  EXPECT_EQ(told.events[0].second, Priority::Low);
  EXPECT_EQ(told.events[1].second, Priority::High);
  const auto items = told.all<schema::NetworkTransaction>();
  ASSERT_EQ(items.size(), 2U);
  schema::NetworkTransaction expected;
  expected.client_address = "10.0.0.1";
  expected.client_mac = "00:1d:9c:00:00:01";
  expected.client_port = "50000";
  expected.server_address = "10.0.0.9";
  expected.server_mac = "00:1d:9c:00:00:09";
  expected.server_port = "502";
  expected.application_protocol = "modbus";
  expected.access = "write";
  expected.operation = "Write Multiple Registers";
  expected.unit = 3;
  expected.objects = "holding registers 10-11; pump";
  expected.outcome = schema::NetworkOutcome::Ok;
  expected.request_bytes = 4;
  expected.response_bytes = 0;
  expected.answer_microseconds = 1500;
  EXPECT_EQ(items[0], expected);
  EXPECT_EQ(told.events[0].first.time.utc, at(5));
}

TEST(Delivery, TellsWhatFailsInIndustrialProtocols) {
  Told told;
  engine::Record record = transaction(Access::Read, 1);
  auto& one = std::get<engine::TransactionRecord>(record.content);
  one.transaction.status = {.outcome = dissect::Outcome::Failed, .code = 2, .name = ""};
  one.repeats = 4;
  told.delivery.take(record);
  one.transaction.protocol = "dns";
  told.delivery.take(record);
  const auto items = told.all<schema::NetworkTransaction>();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].status, "2");
  EXPECT_EQ(items[0].extra_details, (schema::ExtraDetails{{"HitCount", "5"}}));
}

TEST(Delivery, TheSameMakesTheSameEvents) {
  Told first;
  Told second;
  for (Told* const told : {&first, &second}) {
    told->delivery.take(transaction(Access::Write, 1));
    told->delivery.take(transaction(Access::Write, 2));
  }
  ASSERT_EQ(first.events.size(), 2U);
  EXPECT_EQ(first.events[0].first.id, second.events[0].first.id);
  EXPECT_NE(first.events[0].first.id, first.events[1].first.id);
}

TEST(Delivery, HoldsBackWhatIsTooMuchInAMinute) {
  Told told;
  Settings settings;
  settings.transactions_in_a_minute = 3;
  told.delivery.configure(settings);
  for (int i = 0; i < 10; ++i)
    told.delivery.take(transaction(Access::Write, 40));
  EXPECT_EQ(told.events.size(), 3U);
  EXPECT_EQ(told.delivery.left_out(), 7U);
  told.delivery.take(transaction(Access::Write, 105));
  EXPECT_EQ(told.events.size(), 4U);
}

TEST(Delivery, SumsUpConversationsInTurns) {
  Told told;
  told.delivery.take({.position = 1, .flow = 1, .content = flow(1, 0, 3)});
  told.delivery.take({.position = 2, .flow = 2, .content = flow(1, 10, 5)});
  engine::FlowRecord again = flow(2, 20, 1);
  again.told_before = true;
  told.delivery.take({.position = 3, .flow = 3, .content = again});
  engine::FlowRecord silent = flow(3, 20, 0);
  silent.counts[1] = {};
  told.delivery.take({.position = 4, .flow = 4, .content = silent});
  EXPECT_TRUE(told.events.empty());
  told.delivery.pass_time(at(302));
  const auto items = told.all<schema::NetworkConversation>();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].client_address, "10.0.0.1");
  EXPECT_EQ(items[0].flows, 2);
  EXPECT_EQ(items[0].client_packets, 8);
  EXPECT_EQ(items[0].server_packets, 4);
  EXPECT_EQ(items[0].client_bytes, 480);
  EXPECT_EQ(items[0].messages, 8);
  EXPECT_EQ(items[0].server_port, "502");
  EXPECT_EQ(items[0].protocol, "tcp");
  EXPECT_EQ(items[0].application_protocol, "modbus");
  EXPECT_EQ(items[0].first_seen, time_text(at(0)));
  EXPECT_EQ(items[0].last_seen, time_text(at(12)));
  EXPECT_EQ(items[1].flows, 0);
  // Nothing is told twice.
  told.delivery.finish();
  EXPECT_EQ(told.all<schema::NetworkConversation>().size(), 2U);
}

TEST(Delivery, ConversationsAreBounded) {
  Conversations few(2);
  for (const std::uint8_t client : std::array<std::uint8_t, 4>{1, 2, 3, 1})
    few.add(flow(client, 0, 1));
  EXPECT_EQ(few.take().size(), 2U);
  EXPECT_EQ(few.left_out(), 1U);
  few.add(flow(3, 0, 1));
  EXPECT_EQ(few.take().size(), 1U);
}

TEST(Delivery, EndsWithoutAnAddressCannotBeTold) {
  Conversations all;
  engine::FlowRecord nobody = flow(1, 0, 1);
  nobody.info.a = {};
  all.add(nobody);
  EXPECT_TRUE(all.take().empty());
  EXPECT_EQ(all.left_out(), 1U);
}

TEST(Delivery, DividesManyItemsOverEvents) {
  Told told;
  for (std::uint8_t client = 1; client <= 250; ++client) {
    if (client == 9) continue;
    told.delivery.take({.position = client, .flow = client, .content = flow(client, 0, 1)});
  }
  told.delivery.finish();
  EXPECT_EQ(told.events.size(), 3U);
  EXPECT_EQ(told.all<schema::NetworkConversation>().size(), 249U);
}

namespace {

// What is told at that time; all of it, whenever its events say that it was.
std::vector<schema::NetworkAsset> changed(Assets& assets,
                                          const std::vector<inventory::Device>& devices,
                                          base::WallTime now = at(5000)) {
  std::vector<schema::NetworkAsset> all;
  for (const auto& [time, items] : assets.changed(devices, now))
    all.insert(all.end(), items.begin(), items.end());
  return all;
}

}  // namespace

TEST(Assets, AreToldWhenTheyChange) {
  Assets assets;
  std::vector<inventory::Device> devices = {device("a", 10), device("b", 10)};
  const auto items = changed(assets, devices);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].asset_id, "a");
  EXPECT_EQ(items[0].ip_address, "10.0.0.9");
  EXPECT_EQ(items[0].ip_addresses, "10.0.0.9,10.0.0.10");
  EXPECT_EQ(items[0].asset_type, "PLC");
  EXPECT_EQ(items[0].model, "BMX");
  EXPECT_EQ(items[0].purdue_level, 1);
  ASSERT_EQ(items[0].extra_details.size(), 1U);
  EXPECT_EQ(items[0].extra_details[0].first, "Evidence");
  EXPECT_NE(items[0].extra_details[0].second.find("\"slot\":2"), std::string::npos);
  // Seen again: not worth telling, until an hour has passed.
  devices[0].last = at(100);
  EXPECT_TRUE(changed(assets, devices).empty());
  devices[0].last = at(3700);
  EXPECT_EQ(changed(assets, devices).size(), 1U);
  EXPECT_TRUE(changed(assets, devices).empty());
  // Something else is known, and be it in a slot.
  devices[1].fields[1].values[0].text = "BMX AMI";
  ASSERT_EQ(changed(assets, devices).size(), 1U);
  devices[1].router = true;
  ASSERT_EQ(changed(assets, devices).size(), 1U);
}

TEST(Assets, ThatAreNoMoreAreTold) {
  Assets assets;
  std::vector<inventory::Device> devices = {device("a", 10), device("b", 10)};
  EXPECT_EQ(changed(assets, devices).size(), 2U);
  devices.pop_back();
  const auto items = changed(assets, devices);
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].asset_id, "b");
  EXPECT_EQ(items[0].is_gone, true);
  EXPECT_TRUE(changed(assets, devices).empty());
  EXPECT_EQ(assets.known(), 1U);
}

// Of a capture, many tellings have one time: that of its last packet.
TEST(Assets, NoTwoTellingsOfOneHaveTheSameTime) {
  Assets assets;
  std::vector<inventory::Device> devices = {device("a", 10), device("b", 10)};
  const auto time_of = [&](std::string_view id) {
    base::WallTime found;
    for (const auto& [time, items] : assets.changed(devices, at(50) + 500us)) {
      for (const schema::NetworkAsset& item : items)
        if (item.asset_id == id) found = time;
    }
    return found;
  };
  EXPECT_EQ(time_of("a"), at(50));
  devices[0].router = true;
  EXPECT_EQ(time_of("a"), at(50) + 1ms);
  devices[1].router = true;
  EXPECT_EQ(time_of("b"), at(50) + 1ms);
  const inventory::Device kept = devices[0];
  devices.erase(devices.begin());
  EXPECT_EQ(time_of("a"), at(50) + 2ms);
  devices.push_back(kept);
  EXPECT_EQ(time_of("a"), at(50) + 3ms);
}

TEST(Assets, RememberWhatWasToldBefore) {
  Assets before;
  changed(before, {device("a", 10), device("b", 10)});
  Assets assets;
  assets.remember(before.told());
  const auto items = changed(assets, {device("a", 10)}, at(1));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].asset_id, "a");
  EXPECT_EQ(items[1].asset_id, "b");
  EXPECT_EQ(items[1].is_gone, true);
  // Later than what was told before, even by a clock that was set back.
  EXPECT_EQ(assets.told().at("a"), at(5000) + 1ms);
  EXPECT_TRUE(changed(assets, {device("a", 10)}).empty());
}

TEST(Assets, EvidenceIsBounded) {
  inventory::Device big = device("a", 1);
  const inventory::Field one = big.fields[1];
  for (std::uint16_t slot = 0; slot < 400; ++slot) {
    inventory::Field more = one;
    more.slot = slot;
    big.fields.push_back(more);
  }
  const schema::NetworkAsset item = asset_item(big);
  ASSERT_EQ(item.extra_details.size(), 2U);
  EXPECT_LT(item.extra_details[0].second.size(), 33U << 10U);
  EXPECT_EQ(item.extra_details[1].first, "EvidenceLeftOut");
}

TEST(Interest, KnowsAccessesByName) {
  EXPECT_EQ(*parse_access("program download"), Access::ProgramDownload);
  EXPECT_EQ(*parse_access("session"), Access::Session);
  EXPECT_FALSE(parse_access("reads"));
  EXPECT_EQ(names_of(bit(Access::Read) | bit(Access::Alarm)),
            (std::vector<std::string>{"read", "alarm"}));
}

}  // namespace sensor::delivery
