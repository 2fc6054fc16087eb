#include "sensor/inventory/edits.h"

#include <gtest/gtest.h>

#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

namespace {

using dissect::Confidence;
using dissect::Fact;

base::WallTime at(int seconds) {
  return base::WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

dissect::End end(std::uint8_t mac, std::uint8_t ip) {
  dissect::End one;
  if (mac != 0) one.mac = dissect::MacAddress::of(base::ByteVec{0, 0x1D, 0x9C, 0, 0, mac});
  if (ip != 0) one.ip = dissect::IpAddress::of(base::ByteVec{10, 0, 0, ip});
  return one;
}

// A PLC of two addresses, another, and one behind a router.
Inventory plant() {
  Inventory inventory;
  inventory.seen(at(0), end(1, 1), 0, 64);
  inventory.seen(at(0), end(1, 11), 0, 64);
  inventory.seen(at(1), end(2, 2), 0, 64);
  inventory.seen(at(2), end(0, 3), 0, 61);
  Told told;
  told.time = at(3);
  told.about = end(1, 1);
  told.protocol = "dhcp";
  told.fact = Fact::Name;
  told.value = "heard";
  told.confidence = Confidence::Protocol;
  inventory.told(told);
  Talk talk;
  talk.first = talk.last = at(4);
  talk.client = end(2, 2);
  talk.server = end(1, 1);
  talk.protocol = "modbus";
  talk.industrial = talk.answered = true;
  inventory.talked(talk);
  return inventory;
}

constexpr const char* kOne = "00:1d:9c:00:00:01";
constexpr const char* kTwo = "00:1d:9c:00:00:02";

// Edits by a person, in order.
struct Person {
  std::string lines;
  std::uint64_t next = 1;

  void edit(Action action, const std::string& device, const std::string& other = {},
            const std::string& field = {}, const std::string& value = {}) {
    Edit one;
    one.number = next++;
    one.time = at(100 + static_cast<int>(one.number));
    one.who = "ada";
    one.action = action;
    if (!device.empty()) one.device = *Address::parse(device);
    if (!other.empty()) one.other = *Address::parse(other);
    one.field = field;
    one.value = value;
    lines += Edits::line(one);
  }
  void undo(std::uint64_t number) {
    Edit one;
    one.number = next++;
    one.time = at(500);
    one.action = Action::Undo;
    one.undone = number;
    lines += Edits::line(one);
  }
  std::vector<Device> devices() const {
    const Edits edits = Edits::parse(lines);
    EXPECT_TRUE(edits.problems().empty());
    return plant().devices({}, edits);
  }
};

std::string ids(const std::vector<Device>& devices) {
  std::string text;
  for (const Device& one : devices)
    text += one.id + " ";
  return text;
}

}  // namespace

TEST(Address, IsWrittenAsIdsAre) {
  for (const std::string text : {"00:1d:9c:00:00:01", "10.0.0.9", "10.0.0.9@7", "fd00::9"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(Address::parse("00-1D-9C-00-00-01")->text(), kOne);
  EXPECT_EQ(Address::parse("FD00:0::9")->text(), "fd00::9");
  for (const std::string text : {"", "press", "10.0.0", "10.0.0.9@", "10.0.0.9@0", "10.0.0.9@5000",
                                 "224.0.0.1", "01:00:5e:00:00:01", "::", "00:1d:9c:00:00"})
    EXPECT_FALSE(Address::parse(text)) << text;
}

TEST(Edits, WhatAPersonSetsBeatsTheEvidence) {
  Person person;
  person.edit(Action::Set, kOne, "", "name", "Press 3");
  person.edit(Action::Set, kOne, "", "type", "RTU");
  person.edit(Action::Set, kOne, "", "level", "3");
  person.edit(Action::Set, kOne, "", "notes", "behind the wall");
  const auto devices = person.devices();
  const Device& one = devices[0];
  ASSERT_EQ(one.id, kOne);
  EXPECT_EQ(one.field(Fact::Name), "Press 3");
  EXPECT_TRUE(one.fields[0].values[0].stated);
  EXPECT_EQ(one.fields[0].values[0].source, "manual");
  ASSERT_EQ(one.fields[0].values.size(), 2U);
  EXPECT_EQ(one.fields[0].values[1].text, "heard");
  EXPECT_EQ(one.type.text, "RTU");
  ASSERT_EQ(one.fields[1].fact, Fact::Type);
  ASSERT_EQ(one.fields[1].values.size(), 2U);
  EXPECT_EQ(one.fields[1].values[1].text, "PLC");
  EXPECT_EQ(one.level, 3);
  EXPECT_EQ(one.heard_level, 1);
  EXPECT_EQ(one.notes, "behind the wall");
  EXPECT_EQ(one.edits, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(one.edited, at(104));
  EXPECT_TRUE(devices[1].edits.empty());
  person.edit(Action::Unset, kOne, "", "name");
  person.edit(Action::Unset, kOne, "", "level");
  const auto after = person.devices();
  EXPECT_EQ(after[0].field(Fact::Name), "heard");
  EXPECT_EQ(after[0].level, 1);
  EXPECT_EQ(after[0].edited, at(106));
}

TEST(Edits, MergeAndSplitCanBeUndone) {
  Person person;
  const std::string before = ids(person.devices());
  EXPECT_EQ(before, "00:1d:9c:00:00:01 00:1d:9c:00:00:02 10.0.0.3 ");
  person.edit(Action::Merge, "10.0.0.3", kTwo);
  EXPECT_EQ(ids(person.devices()), "00:1d:9c:00:00:01 00:1d:9c:00:00:02 ");
  EXPECT_EQ(person.devices()[1].ips.size(), 2U);
  // By an address that it has now.
  person.edit(Action::Set, "10.0.0.3", "", "name", "two");
  EXPECT_EQ(person.devices()[1].field(Fact::Name), "two");
  person.edit(Action::Split, kOne, "10.0.0.11");
  EXPECT_EQ(ids(person.devices()), "00:1d:9c:00:00:01 00:1d:9c:00:00:02 10.0.0.11 ");
  person.undo(1);
  const auto apart = person.devices();
  EXPECT_EQ(ids(apart), "00:1d:9c:00:00:01 00:1d:9c:00:00:02 10.0.0.11 10.0.0.3 ");
  EXPECT_EQ(apart[3].field(Fact::Name), "two");
  EXPECT_EQ(apart[3].edited, at(500));
  person.undo(3);
  EXPECT_EQ(ids(person.devices()), before);
  person.undo(5);
  person.undo(4);
  EXPECT_EQ(ids(person.devices()), "00:1d:9c:00:00:01 00:1d:9c:00:00:02 10.0.0.11 ");
}

TEST(Edits, AHardwareAddressTakesItsOwnAlong) {
  Person person;
  person.edit(Action::Merge, kTwo, kOne);
  const auto one = person.devices();
  EXPECT_EQ(ids(one), "00:1d:9c:00:00:01 10.0.0.3 ");
  EXPECT_EQ(one[0].macs.size(), 2U);
  EXPECT_EQ(one[0].ips.size(), 3U);
  EXPECT_TRUE(one[0].former_ips.empty());
  person.edit(Action::Split, kOne, kTwo);
  const auto two = person.devices();
  EXPECT_EQ(ids(two), "00:1d:9c:00:00:01 00:1d:9c:00:00:02 10.0.0.3 ");
  EXPECT_EQ(two[1].ips.size(), 1U);
  // Nothing would be left.
  person.edit(Action::Split, kTwo, kTwo);
  EXPECT_EQ(ids(person.devices()), ids(two));
}

TEST(Edits, WhatHasNothingToBeAboutChangesNothing) {
  Person person;
  const std::string before = ids(person.devices());
  person.edit(Action::Merge, "10.9.9.9", kOne);
  person.edit(Action::Merge, kOne, "10.9.9.9");
  person.edit(Action::Merge, kOne, "10.0.0.11");
  person.edit(Action::Split, kOne, kTwo);
  person.edit(Action::Set, "10.9.9.9", "", "name", "nobody");
  EXPECT_EQ(ids(person.devices()), before);
  EXPECT_TRUE(person.devices()[0].edits.empty());
}

TEST(Edits, SayWhichIsToBeUndone) {
  Person person;
  EXPECT_FALSE(Edits().to_undo(0));
  person.edit(Action::Set, kOne, "", "name", "a");
  person.edit(Action::Set, kOne, "", "name", "b");
  EXPECT_EQ(*Edits::parse(person.lines).to_undo(0), 2U);
  person.undo(2);
  const Edits edits = Edits::parse(person.lines);
  EXPECT_EQ(*edits.to_undo(0), 1U);
  EXPECT_EQ(*edits.to_undo(3), 3U);
  EXPECT_EQ(edits.to_undo(2).error().code, base::Code::Conflict);
  EXPECT_EQ(edits.to_undo(9).error().code, base::Code::NotFound);
}

TEST(Edits, LinesThatAreNoneArePassedOver) {
  Person person;
  person.edit(Action::Set, kOne, "", "name", "a");
  std::string lines =
      person.lines + "{\"edit\":2,\"do\":\"dance\"}\n" + person.lines + "{\"edit\":3";
  person.lines.clear();
  person.next = 4;
  person.edit(Action::Set, kTwo, "", "name", "b");
  lines += "\n" + person.lines;
  const Edits edits = Edits::parse(lines);
  EXPECT_EQ(edits.all().size(), 2U);
  ASSERT_EQ(edits.problems().size(), 3U);
  EXPECT_TRUE(edits.problems()[0].starts_with("line 2: "));
  EXPECT_NE(edits.problems()[1].find("was there before"), std::string::npos);
  EXPECT_EQ(edits.next_number(), 5U);
}

TEST(Edits, ValuesAndFieldsAreChecked) {
  EXPECT_TRUE(check_value("name", "Pumpe \xc3\xbc"));
  for (const std::string value : {"", "a\nb", "\xff"})
    EXPECT_FALSE(check_value("name", value));
  EXPECT_FALSE(check_value("name", std::string(kMaxValue + 1, 'x')));
  for (const std::string value : {"0", "5", "one"})
    EXPECT_FALSE(check_value("level", value));
  const auto unknown = editable_field("nam");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().detail.find("order-code"), std::string::npos);
}

}  // namespace sensor::inventory
