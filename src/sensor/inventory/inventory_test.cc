#include "sensor/inventory/inventory.h"

#include <gtest/gtest.h>

namespace sensor::inventory {

namespace {

using dissect::Access;
using dissect::Confidence;
using dissect::End;
using dissect::Fact;

base::WallTime at(int seconds) {
  return base::WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

End end(std::uint8_t mac, std::uint8_t ip) {
  End one;
  if (mac != 0) one.mac = dissect::MacAddress::of(base::ByteVec{0, 0x1D, 0x9C, 0, 0, mac});
  if (ip != 0) one.ip = dissect::IpAddress::of(base::ByteVec{10, 0, 0, ip});
  return one;
}

Told fact(Fact what, std::string_view value, Confidence sure, const End& about, int time = 0) {
  Told told;
  told.time = at(time);
  told.about = about;
  told.protocol = "test";
  told.fact = what;
  told.value = value;
  told.confidence = sure;
  return told;
}

const Device* find(const std::vector<Device>& devices, std::string_view id) {
  for (const Device& one : devices) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

Talk talk(const End& client, const End& server, std::string_view protocol, bool industrial,
          bool answered = true) {
  Talk one;
  one.first = at(0);
  one.last = at(9);
  one.client = client;
  one.server = server;
  one.protocol = protocol;
  one.industrial = industrial;
  one.answered = answered;
  return one;
}

}  // namespace

TEST(Inventory, BelievesTheSurestThenTheLatest) {
  Inventory inventory;
  const End plc = end(1, 1);
  inventory.seen(at(0), plc, 5, 64);
  for (auto told : {fact(Fact::Firmware, "banner", Confidence::Banner, plc, 9),
                    fact(Fact::Firmware, "1.0", Confidence::Protocol, plc, 1),
                    fact(Fact::Firmware, "1.1", Confidence::Protocol, plc, 5)}) {
    told.vlan = 5;
    inventory.told(told);
  }
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 1U);
  const Device& device = devices[0];
  EXPECT_EQ(device.id, "00:1d:9c:00:00:01");
  EXPECT_TRUE(device.local);
  EXPECT_EQ(device.vlans, std::set<std::uint16_t>{5});
  EXPECT_EQ(device.field(Fact::Firmware), "1.1");
  ASSERT_EQ(device.fields.size(), 1U);
  ASSERT_EQ(device.fields[0].values.size(), 3U);
  EXPECT_EQ(device.fields[0].values[1].text, "1.0");
  EXPECT_EQ(device.fields[0].values[2].text, "banner");
  EXPECT_EQ(device.first, at(0));
  EXPECT_EQ(device.last, at(9));
}

TEST(Inventory, OneDeviceMayHaveSeveralAddresses) {
  Inventory inventory;
  inventory.seen(at(0), end(1, 1), 0, 64);
  inventory.seen(at(1), end(1, 2), 0, 64);
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices[0].ips.size(), 2U);
  EXPECT_FALSE(devices[0].router);
}

TEST(Inventory, WhatIsBehindARouterIsNotTheRouter) {
  Inventory inventory;
  for (std::uint8_t ip = 10; ip < 30; ++ip)
    inventory.seen(at(ip), end(1, ip), 0, 63);
  inventory.told(fact(Fact::Ip, "10.0.0.1", Confidence::Neighbor, end(1, 1)));
  inventory.told(fact(Fact::Model, "far", Confidence::Protocol, end(1, 10)));
  const auto devices = inventory.devices({});
  EXPECT_EQ(devices.size(), 21U);
  const Device* const router = find(devices, "00:1d:9c:00:00:01");
  ASSERT_NE(router, nullptr);
  EXPECT_TRUE(router->router);
  EXPECT_EQ(router->type.text, "router");
  ASSERT_EQ(router->ips.size(), 1U);
  EXPECT_EQ(router->ips[0].text(), "10.0.0.1");
  const Device* const far = find(devices, "10.0.0.10");
  ASSERT_NE(far, nullptr);
  EXPECT_FALSE(far->local);
  EXPECT_EQ(far->field(Fact::Model), "far");
}

TEST(Inventory, AddressesMove) {
  Inventory inventory;
  inventory.seen(at(0), end(1, 7), 0, 64);
  inventory.seen(at(100), end(2, 7), 0, 64);
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_TRUE(devices[0].ips.empty());
  ASSERT_EQ(devices[0].former_ips.size(), 1U);
  ASSERT_EQ(devices[1].ips.size(), 1U);
}

TEST(Inventory, TheSameAddressInTwoVlansIsTwoDevices) {
  Inventory inventory;
  inventory.seen(at(0), end(1, 7), 1, 64);
  inventory.seen(at(0), end(2, 7), 2, 64);
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].ips.size(), 1U);
  EXPECT_EQ(devices[1].ips.size(), 1U);
}

TEST(Inventory, RolesComeFromWhatIsDone) {
  Inventory inventory;
  for (std::uint8_t i = 1; i <= 5; ++i)
    inventory.seen(at(0), end(i, i), 0, 64);
  inventory.talked(talk(end(2, 2), end(1, 1), "modbus", true));
  inventory.talked(talk(end(3, 3), end(1, 1), "modbus", true));
  inventory.operated(at(1), end(3, 3), 0, Access::ProgramDownload);
  inventory.operated(at(1), end(2, 2), 0, Access::Read);
  inventory.talked(talk(end(4, 4), end(5, 5), "http", false));
  // Nobody is there for being asked.
  inventory.talked(talk(end(4, 4), end(0, 99), "modbus", true, false));
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 5U);
  EXPECT_EQ(devices[0].type.text, "PLC");
  EXPECT_EQ(devices[0].level, 1);
  EXPECT_EQ(devices[0].serves, std::set<std::string>{"modbus"});
  EXPECT_EQ(devices[1].type.text, "HMI");
  EXPECT_FALSE(devices[1].programming_device);
  EXPECT_EQ(devices[2].type.text, "engineering station");
  EXPECT_TRUE(devices[2].programming_device);
  EXPECT_EQ(devices[3].type.text, "workstation");
  EXPECT_EQ(devices[4].type.text, "server");
  // A device's own word counts more.
  inventory.told(fact(Fact::Type, "historian", Confidence::Protocol, end(5, 5)));
  const auto again = inventory.devices({});
  EXPECT_EQ(again[4].type.text, "historian");
  EXPECT_EQ(again[4].level, 3);
}

TEST(Inventory, BuildingsHaveControllers) {
  Inventory inventory;
  inventory.talked(talk(end(2, 2), end(1, 1), "bacnet", true));
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].type.text, "controller");
  EXPECT_EQ(devices[0].level, 1);
}

TEST(Inventory, FindingOutAddressesIsNoService) {
  Inventory inventory;
  for (const std::string_view protocol : {"arp", "icmp", "icmpv6", "dns"})
    inventory.talked(talk(end(2, 2), end(1, 1), protocol, false));
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].serves, std::set<std::string>{"dns"});
  EXPECT_EQ(devices[1].uses, std::set<std::string>{"dns"});
}

TEST(Inventory, WhoAsksManyInVainScans) {
  Inventory inventory;
  for (std::uint8_t i = 1; i <= Inventory::kScanned; ++i) {
    EXPECT_FALSE(!inventory.devices({}).empty() && inventory.devices({})[0].scanner);
    inventory.talked(talk(end(0, 200), end(0, i), "", false, false));
  }
  ASSERT_EQ(inventory.devices({}).size(), 1U);
  EXPECT_TRUE(inventory.devices({})[0].scanner);
}

TEST(Inventory, ModulesHaveTheirSlots) {
  Inventory inventory;
  Told told = fact(Fact::Module, "CPU", Confidence::Protocol, end(0, 1));
  told.slot = 2;
  inventory.told(told);
  told.slot = 3;
  told.value = "DI";
  inventory.told(told);
  const auto devices = inventory.devices({});
  ASSERT_EQ(devices[0].fields.size(), 2U);
  EXPECT_EQ(devices[0].fields[0].slot, 2);
  EXPECT_EQ(devices[0].fields[1].values[0].text, "DI");
}

TEST(Inventory, ItsMemoryIsBounded) {
  Inventory inventory;
  End one;
  for (std::uint32_t i = 0; i < Inventory::kMaxNodes + 100; ++i) {
    const auto byte = [i](unsigned int shift) { return static_cast<std::uint8_t>(i >> shift); };
    one.ip = dissect::IpAddress::of(base::ByteVec{10, byte(16), byte(8), byte(0)});
    inventory.seen(at(0), one, 0, 64);
  }
  EXPECT_EQ(inventory.left_out(), 100U);
  EXPECT_EQ(inventory.devices({}).size(), Inventory::kMaxNodes);
}

TEST(Vendors, AreFoundByTheirBlock) {
  const Vendors vendors = Vendors::parse(
      "OUI/MA-L   Organization\r\n"
      "00-1D-9C   (hex)\t\tRockwell Automation\r\n"
      "001D9C     (base 16)\t\tRockwell Automation\r\n"
      "ZZ-1D-9C   (hex)\t\tNobody\r\n"
      "ZZ1D9C     (base 16)\t\tNobody\r\n"
      "00-1D-9D   (hex)\t\tPrivate\r\n"
      "001D9D     (base 16)\t\tPrivate\r\n"
      "00-0E-8C   (hex)\t\tSiemens AG\r\n"
      "000E8C     (base 16)\t\tSiemens AG");
  EXPECT_EQ(vendors.size(), 2U);
  EXPECT_EQ(vendors.of(end(1, 0).mac), "Rockwell Automation");
  EXPECT_EQ(vendors.of(dissect::MacAddress::of(base::ByteVec{0, 0x0E, 0x8C, 1, 2, 3})),
            "Siemens AG");
  EXPECT_EQ(vendors.of(dissect::MacAddress::of(base::ByteVec{2, 0x0E, 0x8C, 1, 2, 3})), "");
  Inventory inventory;
  inventory.seen(at(0), end(1, 1), 0, 64);
  EXPECT_EQ(inventory.devices(vendors)[0].field(Fact::Vendor), "Rockwell Automation");
}

TEST(Vendors, TheSmallestBlockTells) {
  Vendors vendors = Vendors::parse(
      "70-B3-D5   (hex)\t\tIEEE Registration Authority\n"
      "70B3D5     (base 16)\t\tIEEE Registration Authority\n"
      "74-1A-E0   (hex)\t\tOf the whole\n"
      "741AE0     (base 16)\t\tOf the whole\n");
  vendors.add(
      "70-B3-D5   (hex)\t\tOf a small part\n"
      "F2F000-F2FFFF     (base 16)\t\tOf a small part\n"
      "74-1A-E0   (hex)\t\tOf a part\n"
      "900000-9FFFFF     (base 16)\t\tOf a part\n"
      "74-1A-E0   (hex)\t\tOf what is no block\n"
      "A00000-BFFFFF     (base 16)\t\tOf what is no block\n"
      "A00000-AFFFFF     (base 16)\t\tOf a line without its block\n"
      "74-1A-E0   (hex)\t\tSaid again\n"
      "741AE0     (base 16)\t\tSaid again\n");
  EXPECT_EQ(vendors.size(), 3U);
  const auto of = [&](std::uint8_t third, std::uint8_t fourth, std::uint8_t fifth) {
    const bool small = third == 0xD5;
    return vendors.of(
        dissect::MacAddress::of(small ? base::ByteVec{0x70, 0xB3, third, fourth, fifth, 1}
                                      : base::ByteVec{0x74, 0x1A, third, fourth, fifth, 1}));
  };
  EXPECT_EQ(of(0xD5, 0xF2, 0xF1), "Of a small part");
  EXPECT_EQ(of(0xD5, 0xF2, 0xE1), "");
  EXPECT_EQ(of(0xE0, 0x9F, 0xFF), "Of a part");
  EXPECT_EQ(of(0xE0, 0xA0, 0x00), "Of the whole");
  EXPECT_EQ(of(0xE1, 0x9F, 0xFF), "");
}

}  // namespace sensor::inventory
