#include "sensor/inventory/saved.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/hash.h"

namespace sensor::inventory {

namespace {

using dissect::Confidence;
using dissect::End;
using dissect::Fact;

base::WallTime at(int seconds) {
  return base::WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

End end(std::uint32_t number) {
  const auto byte = [number](unsigned int shift) {
    return static_cast<std::uint8_t>(number >> shift);
  };
  End one;
  one.mac = dissect::MacAddress::of(base::ByteVec{0, 0x1D, 0x9C, 0, byte(8), byte(0)});
  one.ip = dissect::IpAddress::of(base::ByteVec{10, 0, byte(8), byte(0)});
  return one;
}

Told told(Fact fact, std::string_view value, const End& about, int time) {
  Told one;
  one.time = at(time);
  one.about = about;
  one.vlan = 7;
  one.protocol = "dhcp";
  one.fact = fact;
  one.confidence = Confidence::Neighbor;
  one.value = value;
  return one;
}

// Something of everything.
Inventory plant(std::uint32_t devices = 3) {
  Inventory inventory;
  for (std::uint32_t i = 1; i <= devices; ++i) {
    inventory.seen(at(static_cast<int>(i)), end(i), 7, 64);
    inventory.told(told(Fact::Hostname, "press-" + std::to_string(i), end(i), 50));
    inventory.told(told(Fact::Hostname, "old-" + std::to_string(i), end(i), 40));
    Told card = told(Fact::Module, "DI 16", end(i), 51);
    card.rack = 0;
    card.slot = 4;
    inventory.told(card);
    Talk talk;
    talk.first = at(5);
    talk.last = at(500);
    talk.client = end(i);
    talk.server = end(1);
    talk.vlan = 7;
    talk.protocol = "modbus";
    talk.industrial = true;
    talk.answered = i != 3;
    inventory.talked(talk);
  }
  inventory.told(told(Fact::Ip, "10.0.0.1", end(1), 60));
  inventory.operated(at(70), end(2), 7, dissect::Access::ProgramDownload);
  return inventory;
}

// All that devices are, as text.
std::string picture(const Inventory& inventory) {
  base::ByteWriter out;
  inventory.save(out);
  std::string text(base::as_text(out.view()));
  for (const Device& one : inventory.devices({})) {
    text += one.id + one.type.text + std::to_string(one.fields.size()) +
            std::to_string(one.programming_device) + base::format_rfc3339(one.first) +
            base::format_rfc3339(one.last);
  }
  return text;
}

// With a length and a checksum that are right.
base::ByteVec sealed(base::ByteVec content) {
  content.resize(content.size() - 4);
  base::ByteWriter out;
  out.bytes(base::ByteView(content).first(12));
  out.u64le(content.size() - 20);
  out.bytes(base::ByteView(content).subspan(20));
  out.u32le(base::crc32c(out.view()));
  return std::move(out).take();
}

}  // namespace

TEST(Saved, IsWhatItWas) {
  const Inventory before = plant();
  const ToldIds told = {{"00:1d:9c:00:00:01", at(80)}, {"10.9.9.9@4", at(90)}};
  const auto after = decode(encode(before, told));
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(picture(after->inventory), picture(before));
  EXPECT_EQ(after->told, told);
  const auto devices = after->inventory.devices({});
  ASSERT_EQ(devices.size(), 3U);
  EXPECT_EQ(devices[0].first, at(1));
  EXPECT_EQ(devices[1].field(Fact::Hostname), "press-2");
  EXPECT_EQ(devices[1].fields[0].values[1].text, "old-2");
  EXPECT_EQ(devices[1].fields[0].values[1].source, "dhcp");
  EXPECT_EQ(devices[1].fields[1].slot, 4);
  EXPECT_TRUE(devices[1].programming_device);
  EXPECT_EQ(devices[0].type.text, "PLC");
  EXPECT_EQ(devices[0].vlans, std::set<std::uint16_t>{7});
}

TEST(Saved, GoesOnFromThere) {
  auto after = decode(encode(plant(), {}));
  ASSERT_TRUE(after);
  after->inventory.seen(at(9000), end(2), 7, 64);
  after->inventory.seen(at(9000), end(4), 7, 64);
  const auto devices = after->inventory.devices({});
  ASSERT_EQ(devices.size(), 4U);
  EXPECT_EQ(devices[1].first, at(2));
  EXPECT_EQ(devices[1].last, at(9000));
  EXPECT_EQ(devices[3].first, at(9000));
}

TEST(Saved, OfNothingIsNothing) {
  const auto after = decode(encode({}, {}));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->inventory.nodes(), 0U);
}

// Whatever was cut off or turned over is found.
TEST(Saved, DamageIsFound) {
  const base::ByteVec good = encode(plant(), {{"x", at(1)}});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto cut = decode(base::ByteView(good).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, base::Code::Corrupt);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    base::ByteVec bad = good;
    bad[i] ^= 0x20;
    EXPECT_FALSE(decode(bad)) << i;
  }
  base::ByteVec longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode(longer));
}

// A checksum that is right says nothing about who wrote it.
TEST(Saved, ContentIsChecked) {
  const base::ByteVec good = encode(plant(), {{"x", at(1)}});
  ASSERT_TRUE(decode(sealed(good)));
  std::size_t refused = 0;
  for (std::size_t i = 20; i + 4 < good.size(); ++i) {
    base::ByteVec bad = good;
    bad[i] ^= 0xff;
    const auto read = decode(sealed(bad));
    if (!read) {
      ++refused;
      EXPECT_EQ(read.error().code, base::Code::Corrupt) << i;
      continue;
    }
    // What is taken can be worked with, and is what will be written.
    picture(read->inventory);
    ASSERT_TRUE(decode(encode(read->inventory, read->told))) << i;
  }
  EXPECT_GT(refused, good.size() / 4);
}

TEST(Saved, ItSaysWhatIsWrong) {
  const base::ByteVec good = encode(plant(), {});
  const auto text = decode(base::as_bytes("{\"not\":\"an inventory\"} at all, but long enough"));
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().detail.find("does not begin"), std::string::npos);
  base::ByteVec newer = good;
  newer[8] = 9;
  const auto other = decode(newer);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, base::Code::Unsupported);
  EXPECT_NE(other.error().detail.find("version 9"), std::string::npos);
  base::ByteVec turned = good;
  turned[30] ^= 1;
  const auto sum = decode(turned);
  ASSERT_FALSE(sum);
  EXPECT_NE(sum.error().detail.find("checksum"), std::string::npos);
}

TEST(Inventory, RoomIsMadeOnlyWhereThereIsHardlyAny) {
  Inventory inventory = plant();
  EXPECT_EQ(inventory.make_room(at(10'000)), 0U);
  const std::uint32_t many = Inventory::kMaxNodes / 2 - 100;
  for (std::uint32_t i = 10; i < many; ++i)
    inventory.seen(at(5000), end(i), 7, 64);
  // Hardware and network addresses of the three of the plant.
  const std::size_t before = inventory.nodes();
  EXPECT_EQ(inventory.make_room(at(4000)), 6U);
  EXPECT_EQ(inventory.nodes(), before - 6);
  const auto after = decode(encode(inventory, {}));
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(picture(after->inventory), picture(inventory));
  EXPECT_EQ(inventory.make_room(at(4000)), 0U);
}

}  // namespace sensor::inventory
