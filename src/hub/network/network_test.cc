#include "hub/network/network.h"

#include <gtest/gtest.h>

#include "hub/network/owners.h"
#include "os/scratch_testing.h"

namespace hub::network {
namespace {

using std::chrono::hours;

schema::NetworkAsset asset(std::string name, std::string address, std::string hardware = {}) {
  schema::NetworkAsset out;
  out.asset_id = std::move(name);
  out.ip_address = address;
  out.ip_addresses = std::move(address);
  if (!hardware.empty()) out.mac_address = out.mac_addresses = hardware;
  out.is_local = true;
  out.first_seen = "2026-03-01T08:00:00Z";
  out.last_seen = "2026-03-01T09:00:00Z";
  return out;
}

class NetworkTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(const Bounds& bounds = {}) {
    tables_.reset();
    network_.reset();
    auto opened = Network::open({.path = dir_ / "network.db", .bounds = bounds});
    ASSERT_TRUE(opened) << opened.error().to_string();
    network_ = std::move(*opened);
    auto reader = Reader::open(dir_ / "network.db");
    ASSERT_TRUE(reader) << reader.error().to_string();
    tables_ = std::make_unique<Reader>(std::move(*reader));
  }

  template <class Item>
  void tell(const std::string& device, const std::string& module, Item item, base::WallTime time) {
    schema::Event event;
    event.time.utc = time;
    event.payload = schema::payload_of(std::move(item));
    network_->on_event(event, {device, module, kNow, 1}, findings_);
  }
  void sees(schema::NetworkAsset item, base::WallTime time = kNow,
            const std::string& sensor = "sensor-1") {
    tell(sensor, "vedette-sensor", std::move(item), time);
  }
  void settle() {
    const auto settled = network_->settle();
    ASSERT_TRUE(settled) << settled.error().to_string();
  }
  // Its agent has a connection from that address.
  void uses(const std::string& device, const std::string& address, base::WallTime time = kNow) {
    schema::ConnectionCreate item;
    item.local_address = address;
    item.remote_address = "10.0.0.1";
    tell(device, "azureiotsecurity", std::move(item), time);
  }
  void has_card(const std::string& device, const std::string& address) {
    schema::ConnectedHardware item;
    item.hardware_category = "Network";
    item.extra_details = {{"Interface", "eth0"}, {"MacAddress", address}};
    tell(device, "azureiotsecurity", std::move(item), kNow);
  }
  void remove(const std::string& device, const std::string& module) {
    store::TwinRow twin;
    twin.device_id = device;
    twin.module_id = module;
    twin.operation = "deleted";
    network_->on_twin(twin, {device, module, kNow, 2}, findings_);
  }
  AssetPage list(const AssetFilter& filter = {}) {
    auto page = tables_->list(filter);
    EXPECT_TRUE(page) << page.error().to_string();
    return page ? std::move(*page) : AssetPage{};
  }
  // "DEVICE BASIS", then whoever has it as well and why not.
  std::string owner(const Asset& of) {
    Owners owners(*tables_, [this](const std::string& device) { return sites_[device]; });
    const auto found = owners.of(of);
    EXPECT_TRUE(found);
    std::string out = found->device_id.empty()
                          ? std::string("nobody")
                          : found->device_id + " " + std::string(to_string(found->basis));
    for (const Doubted& each : found->doubts)
      out += "; " + each.device_id + " " + std::string(to_string(each.doubt));
    return out;
  }
  std::string owner() { return owner(list().items.at(0)); }

  static constexpr base::WallTime kNow{hours(500'000)};
  os::ScratchDir dir_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Reader> tables_;
  std::vector<detect::Finding> findings_;
  std::map<std::string, std::string> sites_;
};

TEST_F(NetworkTest, TheNewestPictureStays) {
  schema::NetworkAsset first = asset("00:1d:9c:00:00:09", "10.0.0.9", "00:1d:9c:00:00:09");
  sees(first, kNow - hours(2));
  settle();
  first.asset_type = "PLC";
  first.serves = "modbus,http";
  first.purdue_level = 1;
  schema::set(first.extra_details, "Evidence", "[1]");
  sees(first, kNow - hours(1));
  settle();
  schema::NetworkAsset older = asset("00:1d:9c:00:00:09", "10.0.0.8");
  older.first_seen = "2026-01-01T08:00:00Z";
  sees(older, kNow - hours(3));
  settle();
  // Told again after a crash: the same.
  sees(first, kNow - hours(1));
  settle();
  open();
  const AssetPage page = list();
  ASSERT_EQ(page.items.size(), 1U);
  const Asset& only = page.items[0];
  EXPECT_EQ(only.addresses, std::vector<std::string>{"10.0.0.9"});
  EXPECT_EQ(only.hardware, std::vector<std::string>{"00:1d:9c:00:00:09"});
  EXPECT_NE(only.details.find("\"AssetType\":\"PLC\""), std::string::npos) << only.details;
  EXPECT_EQ(only.details.find("Evidence"), std::string::npos);
  EXPECT_EQ(base::format_rfc3339(only.first, 0), "2026-01-01T08:00:00Z");
  const auto whole = tables_->asset(only.id);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->evidence, "[1]");
  EXPECT_EQ(tables_->asset("nobody").error().code, base::Code::NotFound);
}

TEST_F(NetworkTest, ListsAreFilteredAndComeInPages) {
  for (int i = 1; i <= 5; ++i) {
    schema::NetworkAsset item = asset("a" + std::to_string(i), "10.0.0." + std::to_string(i));
    item.asset_type = i == 1 ? "PLC" : "HMI";
    item.serves = i == 1 ? "modbus" : "http";
    item.uses = "dns";
    item.purdue_level = i == 1 ? 1 : 2;
    item.vendor = i == 2 ? "Rockwell Automation" : "Siemens";
    sees(item, kNow, i == 5 ? "sensor-2" : "sensor-1");
  }
  settle();
  const AssetPage first = list({.limit = 2});
  EXPECT_EQ(first.total, 5);
  ASSERT_EQ(first.items.size(), 2U);
  const AssetPage last = list({.limit = 3, .cursor = first.next_cursor});
  EXPECT_EQ(last.items.size(), 3U);
  EXPECT_EQ(last.next_cursor, "");
  EXPECT_EQ(list({.type = "plc"}).total, 1);
  EXPECT_EQ(list({.protocol = "DNS"}).total, 5);
  EXPECT_EQ(list({.protocol = "bus"}).total, 0);
  EXPECT_EQ(list({.level = 2}).total, 4);
  EXPECT_EQ(list({.search = "rockwell"}).total, 1);
  EXPECT_EQ(list({.search = "10.0.0.4"}).total, 1);
  EXPECT_EQ(list({.sensor = "sensor-2"}).total, 1);
  EXPECT_EQ(tables_->list({.cursor = "x"}).error().code, base::Code::Invalid);
  schema::NetworkAsset gone = asset("a1", "");
  gone.is_gone = true;
  sees(gone);
  settle();
  EXPECT_EQ(list().total, 4);
  const AssetPage all = list({.type = "PLC", .gone = true});
  ASSERT_EQ(all.total, 1);
  EXPECT_TRUE(all.items[0].gone);
  EXPECT_TRUE(all.items[0].addresses.empty());
  EXPECT_NE(all.items[0].details.find("10.0.0.1"), std::string::npos);
}

TEST_F(NetworkTest, BoundsAreKeptAndCounted) {
  open({.assets_of_sensor = 3, .assets = 4, .addresses_of_device = 2});
  for (int i = 1; i <= 5; ++i) {
    schema::NetworkAsset item = asset("a" + std::to_string(i), "10.0.0." + std::to_string(i));
    item.last_seen = "2026-03-01T09:0" + std::to_string(i) + ":00Z";
    sees(item);
    uses("d1", "10.0.0." + std::to_string(i), kNow - hours(i));
  }
  settle();
  EXPECT_EQ(network_->counters().assets_evicted.value(), 2U);
  EXPECT_EQ(list().total, 3);
  EXPECT_EQ(list({.search = "10.0.0.5"}).total, 1);
  EXPECT_EQ(network_->counters().addresses_evicted.value(), 3U);
  const auto claims = tables_->claims_of("d1");
  ASSERT_TRUE(claims);
  ASSERT_EQ(claims->size(), 2U);
  EXPECT_EQ((*claims)[0].address, "10.0.0.1");
  for (int i = 1; i <= 2; ++i)
    sees(asset("b" + std::to_string(i), "10.1.0." + std::to_string(i)), kNow, "sensor-2");
  settle();
  EXPECT_EQ(list({.gone = true}).total, 4);
  EXPECT_EQ(network_->counters().assets_evicted.value(), 3U);
}

TEST_F(NetworkTest, WhatIsDeletedTakesAlongWhatItSaid) {
  sees(asset("a1", "10.0.0.1"));
  tell("sensor-1", "second", asset("a1", "10.0.0.1"), kNow);
  uses("d1", "10.0.0.1");
  settle();
  EXPECT_EQ(list().total, 2);
  remove("sensor-1", "second");
  settle();
  EXPECT_EQ(list().total, 1);
  EXPECT_EQ(owner(), "d1 site");
  remove("d1", "");
  settle();
  EXPECT_EQ(owner(), "nobody");
  // It is made anew.
  uses("d1", "10.0.0.1");
  settle();
  EXPECT_EQ(owner(), "d1 site");
  remove("sensor-1", "");
  settle();
  EXPECT_EQ(list().total, 0);
}

TEST_F(NetworkTest, HardwareDecidesBeforeAddresses) {
  sees(asset("00:1d:9c:00:00:09", "10.0.0.9", "00:1d:9c:00:00:09"));
  uses("d1", "10.0.0.9");
  has_card("d1", "00:1d:9c:00:00:01");
  settle();
  EXPECT_EQ(owner(), "nobody; d1 otherHardware");
  has_card("d2", "00:1D:9C:00:00:09");
  settle();
  EXPECT_EQ(owner(), "d2 hardware") << "also without an address";
  has_card("d3", "00:1d:9c:00:00:09");
  settle();
  EXPECT_EQ(owner(), "nobody; d2 ambiguous; d3 ambiguous");
  uses("d3", "10.0.0.9");
  settle();
  EXPECT_EQ(owner(), "d3 hardware");
}

TEST_F(NetworkTest, AddressesOfSoftwareCountWithANetworkAddress) {
  sees(asset("02:42:ac:11:00:02", "172.17.0.2", "02:42:ac:11:00:02"));
  has_card("d1", "02:42:ac:11:00:02");
  settle();
  EXPECT_EQ(owner(), "nobody");
  uses("d1", "172.17.0.2");
  settle();
  EXPECT_EQ(owner(), "d1 hardware");
}

TEST_F(NetworkTest, TheSameAddressAtTwoSites) {
  sees(asset("10.0.0.9", "10.0.0.9"), kNow, "sensor-1");
  sees(asset("10.0.0.9", "10.0.0.9"), kNow, "sensor-2");
  uses("d1", "10.0.0.9");
  uses("d2", "10.0.0.9");
  settle();
  const AssetPage page = list();
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_EQ(owner(page.items[0]), "nobody; d1 ambiguous; d2 ambiguous") << "nothing tells";
  sites_ = {{"sensor-1", "north"}, {"d1", "north"}, {"sensor-2", "south"}, {"d2", "south"}};
  EXPECT_EQ(owner(page.items[0]), "d1 site; d2 otherSite");
  EXPECT_EQ(owner(page.items[1]), "d2 site; d1 otherSite");
  sites_.erase("d2");
  EXPECT_EQ(owner(page.items[1]), "nobody; d1 otherSite; d2 otherSite");
}

TEST_F(NetworkTest, GlobalAddressesAreThereOnce) {
  sees(asset("2a01:4f8::7", "2a01:4f8::7"));
  uses("d1", "2A01:04F8::0007");
  settle();
  sites_ = {{"sensor-1", "north"}, {"d1", "south"}};
  EXPECT_EQ(owner(), "d1 global");
}

TEST_F(NetworkTest, AnAddressThatMovedIsTheNewDevices) {
  sees(asset("10.0.0.9", "10.0.0.9"));
  uses("d1", "10.0.0.9", kNow - hours(5));
  uses("d1", "10.0.0.9", kNow - hours(3));
  uses("d2", "10.0.0.9", kNow - hours(2));
  settle();
  EXPECT_EQ(owner(), "d2 site; d1 ambiguous");
  uses("d1", "10.0.0.9", kNow - hours(1));
  settle();
  EXPECT_EQ(owner(), "nobody; d1 ambiguous; d2 ambiguous");
}

}  // namespace
}  // namespace hub::network
