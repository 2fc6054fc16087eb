// What sensors see, joined with what agents say, over HTTP.
#include "hub/network/network.h"

#include <gtest/gtest.h>

#include "hub/api/server_testing.h"
#include "kql/ticks.h"
#include "schema/message.h"

namespace hub::api {
namespace {

using base::json::Value;

schema::NetworkAsset asset(std::string name, std::string address, std::string hardware) {
  schema::NetworkAsset out;
  out.asset_id = std::move(name);
  if (!address.empty()) out.ip_address = out.ip_addresses = std::move(address);
  if (!hardware.empty()) out.mac_address = out.mac_addresses = std::move(hardware);
  out.is_local = true;
  out.first_seen = out.last_seen = base::format_rfc3339(base::wall_now());
  return out;
}

class NetworkRoutes : public ServerTest {
 protected:
  ~NetworkRoutes() override { server_->stop(); }

  void add_parts(Dependencies&) override {
    all_ = must(
        network::Network::open({.path = network::file_beside(options_.state_file), .bounds = {}}));
  }

  // As the pipeline does with a message: the detector hears of it, and its rows are stored.
  template <class Item>
  void tell(const std::string& device, const std::string& module, Item item) {
    schema::Event event;
    event.id = base::Guid::random();
    event.time.utc = base::wall_now();
    event.payload = schema::payload_of(std::move(item));
    std::vector<detect::Finding> findings;
    all_->on_event(event, {device, module, event.time.utc, 1}, findings);
    ASSERT_TRUE(all_->settle());
    const std::string details = schema::event_details_json(event, 0);
    store::Batch batch;
    store::EventRow row;
    row.time_generated = row.time_stamp = kql::to_ticks(event.time.utc);
    row.device_id = device;
    row.module_id = module;
    row.event_id = event.id;
    row.name = schema::to_string(event.name());
    row.details = details;
    batch.events.push_back(row);
    ASSERT_TRUE(events_->append(batch, ++sequence_));
  }
  void sees(schema::NetworkAsset item, const std::string& sensor = "sensor-1") {
    tell(sensor, "vedette-sensor", std::move(item));
  }
  void talks(const std::string& client, const std::string& server, const std::string& port,
             const std::string& sensor = "sensor-1") {
    schema::NetworkConversation item;
    item.client_address = client;
    item.server_address = server;
    item.server_port = port;
    item.protocol = "tcp";
    item.application_protocol = "modbus";
    item.flows = 1;
    item.client_packets = 10;
    item.server_bytes = 900;
    item.first_seen = item.last_seen = base::format_rfc3339(base::wall_now());
    tell(sensor, "vedette-sensor", std::move(item));
  }
  void connects(const std::string& device, schema::Direction direction, const std::string& local,
                const std::string& remote, const std::string& program) {
    schema::ConnectionCreate item;
    const bool out = direction == schema::Direction::Out;
    item.local_address = local;
    item.local_port = out ? "50000" : "502";
    item.remote_address = remote;
    item.remote_port = out ? "502" : "50000";
    item.direction = direction;
    item.protocol = "tcp";
    item.process_id = 77;
    item.user_id = "1000";
    item.executable = program;
    item.command_line = program + " --poll";
    tell(device, "azureiotsecurity", std::move(item));
  }
  void create(const std::string& device, const std::string& site = {}) {
    ASSERT_EQ(send("PUT", "/api/v1/devices/" + device, "{}", owner()).status, 201U);
    if (site.empty()) return;
    const Reply tagged = send("PATCH", "/api/v1/devices/" + device + "/twin",
                              R"({"tags":{"site":")" + site + "\"}}", owner());
    ASSERT_EQ(tagged.status, 200U) << tagged.body;
  }

  Value got(const std::string& target) {
    const Reply reply = get("/api/v1" + target, token(Role::Reader));
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.json();
  }
  static const Value::Array& items(const Value& of, std::string_view name = "items") {
    return *of.find(name)->if_array();
  }
  static std::string text(const Value& of, std::string_view path) {
    const Value* found = &of;
    for (const std::string_view part : base::split(path, '.')) {
      found = found->find(part);
      if (found == nullptr) return "absent";
    }
    return found->if_string() == nullptr ? found->to_json() : *found->if_string();
  }

  std::unique_ptr<network::Network> all_;
};

TEST_F(NetworkRoutes, ListAndShowAssets) {
  start();
  create("sensor-1", "north");
  schema::NetworkAsset plc = asset("00:1d:9c:00:00:09", "10.0.0.9", "00:1d:9c:00:00:09");
  plc.asset_type = "PLC";
  plc.purdue_level = 1;
  plc.vendor = "Rockwell Automation";
  plc.serves = "enip,modbus";
  schema::set(plc.extra_details, "Evidence", R"([{"fact":"type","value":"PLC"}])");
  sees(plc);
  sees(asset("00:1d:9c:00:00:01", "10.0.0.1", "00:1d:9c:00:00:01"));
  const Value all = got("/network/assets");
  ASSERT_EQ(items(all).size(), 2U);
  EXPECT_EQ(text(items(all)[0], "ipAddress"), "10.0.0.1");
  EXPECT_EQ(text(items(all)[0], "vendor"), "null");
  const Value plcs = got("/network/assets?type=plc&level=1&protocol=modbus&search=rockwell");
  ASSERT_EQ(items(plcs).size(), 1U);
  const std::string id = text(items(plcs)[0], "id");
  EXPECT_EQ(items(got("/network/assets?limit=1")).size(), 1U);
  EXPECT_EQ(text(got("/network/assets?limit=1"), "nextCursor"), "1");
  EXPECT_EQ(items(got("/network/assets?sensor=sensor-2")).size(), 0U);
  const Value one = got("/network/assets/" + id);
  EXPECT_EQ(text(one, "serves"), R"(["enip","modbus"])");
  EXPECT_EQ(text(one, "site"), "north");
  EXPECT_EQ(text(one, "purdueLevel"), "1");
  EXPECT_EQ(text(one, "device"), "null");
  EXPECT_EQ(text(items(one, "evidence").at(0), "value"), "PLC");
  EXPECT_EQ(get("/api/v1/network/assets/nobody", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/network/assets/nobody/conversations", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/network/assets?level=7", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/network/assets?cursor=x", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/network/assets").status, 401U);
}

TEST_F(NetworkRoutes, FlowsNameTheProcessesAtBothEnds) {
  start();
  for (const char* device : {"sensor-1", "hmi", "plc"})
    create(device);
  sees(asset("00:1d:9c:00:00:01", "10.0.0.1", "00:1d:9c:00:00:01"));
  sees(asset("2001:db8::9", "2001:db8::9,10.0.0.9", ""));
  schema::LocalUsers user;
  user.user_id = "1000";
  user.user_name = "operator";
  tell("hmi", "azureiotsecurity", user);
  connects("hmi", schema::Direction::Out, "10.0.0.1", "10.0.0.9", "/usr/bin/hmi");
  connects("plc", schema::Direction::In, "10.0.0.9", "10.0.0.1", "/usr/sbin/modbusd");
  talks("10.0.0.1", "10.0.0.9", "502");
  talks("10.0.0.1", "10.0.0.7", "502");

  const Value device = got("/devices/hmi/network");
  EXPECT_EQ(text(items(device, "addresses").at(0), "address"), "10.0.0.1");
  ASSERT_EQ(items(device, "assets").size(), 1U);
  EXPECT_EQ(text(items(device, "assets")[0], "device.basis"), "site");
  ASSERT_EQ(items(device, "flows").size(), 2U);
  EXPECT_EQ(text(device, "truncated"), "false");
  for (const Value& flow : items(device, "flows")) {
    EXPECT_EQ(text(flow, "client.deviceId"), "hmi");
    const bool known = text(flow, "server.address") == "10.0.0.9";
    EXPECT_EQ(items(*flow.find("client"), "processes").size(), known ? 1U : 0U);
    if (!known) continue;
    const Value& process = items(*flow.find("client"), "processes")[0];
    EXPECT_EQ(text(process, "executable"), "/usr/bin/hmi");
    EXPECT_EQ(text(process, "userName"), "operator");
    EXPECT_EQ(text(process, "commandLine"), "/usr/bin/hmi --poll");
    EXPECT_EQ(text(flow, "server.deviceId"), "plc");
    const Value& server = items(*flow.find("server"), "processes")[0];
    EXPECT_EQ(text(server, "executable"), "/usr/sbin/modbusd");
    EXPECT_EQ(text(server, "userName"), "null");
    EXPECT_EQ(text(flow, "serverPort"), "502");
    EXPECT_EQ(text(flow, "serverBytes"), "900");
  }
  const std::string plc = text(items(got("/devices/plc/network"), "assets").at(0), "id");
  const Value talked = got("/network/assets/" + plc + "/conversations");
  ASSERT_EQ(items(talked).size(), 1U);
  EXPECT_EQ(text(items(talked)[0], "server.assetId"), plc);
  const Value cut = got("/devices/hmi/network?limit=1");
  EXPECT_EQ(items(cut, "flows").size(), 1U);
  EXPECT_EQ(text(cut, "truncated"), "true");
  EXPECT_EQ(items(got("/devices/hmi/network?to=2026-01-01T00:00:00Z"), "flows").size(), 0U);
  EXPECT_EQ(get("/api/v1/devices/hmi/network?from=today", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/devices/nobody/network", owner()).status, 404U);
}

TEST_F(NetworkRoutes, TheSameAddressAtTwoSitesIsTwoDevices) {
  start();
  create("sensor-1", "north");
  create("sensor-2", "south");
  create("hmi-north", "north");
  create("hmi-south", "south");
  for (const char* sensor : {"sensor-1", "sensor-2"}) {
    sees(asset("10.0.0.1", "10.0.0.1", ""), sensor);
    talks("10.0.0.1", "10.0.0.9", "502", sensor);
  }
  connects("hmi-north", schema::Direction::Out, "10.0.0.1", "10.0.0.9", "/usr/bin/north");
  connects("hmi-south", schema::Direction::Out, "10.0.0.1", "10.0.0.9", "/usr/bin/south");
  for (const std::string site : {"north", "south"}) {
    const Value device = got("/devices/hmi-" + site + "/network");
    EXPECT_EQ(text(device, "site"), site);
    ASSERT_EQ(items(device, "assets").size(), 1U) << site;
    EXPECT_EQ(text(items(device, "assets")[0], "site"), site);
    ASSERT_EQ(items(device, "others").size(), 1U);
    EXPECT_EQ(text(items(device, "others")[0], "why"), "otherSite");
    ASSERT_EQ(items(device, "flows").size(), 1U);
    const Value& client = *items(device, "flows")[0].find("client");
    ASSERT_EQ(items(client, "processes").size(), 1U);
    EXPECT_EQ(text(items(client, "processes")[0], "executable"), "/usr/bin/" + site);
  }
}

}  // namespace
}  // namespace hub::api
