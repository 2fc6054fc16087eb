#include "hub/api/network_json.h"

#include <array>

#include "base/text.h"
#include "hub/twins/twins.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using network::Asset;
using network::Flow;
using network::Owner;

namespace {

constexpr std::string_view kSiteTag = "site";

// A field of the event and what the API calls it.
struct Field {
  std::string_view event;
  std::string_view name;
};
constexpr std::array<Field, 16> kTexts = {{{"MacAddress", "macAddress"},
                                           {"IpAddress", "ipAddress"},
                                           {"AssetType", "type"},
                                           {"Vendor", "vendor"},
                                           {"Model", "model"},
                                           {"OrderCode", "orderCode"},
                                           {"Firmware", "firmware"},
                                           {"HardwareRevision", "hardwareRevision"},
                                           {"SerialNumber", "serialNumber"},
                                           {"AssetName", "name"},
                                           {"Hostname", "hostname"},
                                           {"OperatingSystem", "operatingSystem"},
                                           {"Location", "location"},
                                           {"Mode", "mode"},
                                           {"UserName", "userName"},
                                           {"AssetId", "assetId"}}};
constexpr std::array<Field, 6> kLists = {{{"MacAddresses", "macAddresses"},
                                          {"IpAddresses", "ipAddresses"},
                                          {"FormerIpAddresses", "formerIpAddresses"},
                                          {"Vlans", "vlans"},
                                          {"Serves", "serves"},
                                          {"Uses", "uses"}}};
constexpr std::array<Field, 4> kFlags = {{{"IsLocal", "local"},
                                          {"IsRouter", "router"},
                                          {"IsScanner", "scanner"},
                                          {"IsProgrammingDevice", "programmingDevice"}}};

void write_text(Writer& writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty()) return writer.null();
  writer.value(text);
}

void write_details(Writer& writer, const Value& details) {
  for (const Field& field : kTexts)
    write_text(writer, field.name, details.text_or(field.event, ""));
  for (const Field& field : kLists) {
    writer.key(field.name);
    writer.begin_array();
    for (const std::string_view each : base::split(details.text_or(field.event, ""), ','))
      if (!each.empty()) writer.value(each);
    writer.end_array();
  }
  for (const Field& field : kFlags) {
    const Value* found = details.find(field.event);
    const bool* flag = found == nullptr ? nullptr : found->if_bool();
    writer.field(field.name, flag != nullptr && *flag);
  }
  const Value* level = details.find("PurdueLevel");
  writer.key("purdueLevel");
  if (level == nullptr || level->if_int() == nullptr) return writer.null();
  writer.value(*level->if_int());
}

void write_owner(Writer& writer, const Owner& owner) {
  writer.key("device");
  if (owner.device_id.empty()) return writer.null();
  writer.begin_object();
  writer.field("deviceId", owner.device_id);
  writer.field("basis", to_string(owner.basis));
  writer.end_object();
}

void write_sensor(Writer& writer, const network::Sensor& sensor) {
  writer.key("sensor");
  writer.begin_object();
  writer.field("deviceId", sensor.device_id);
  writer.field("moduleId", sensor.module_id);
  writer.end_object();
}

void write_part(Writer& writer, std::string_view name, const network::End& end,
                const network::Part& part) {
  writer.key(name);
  writer.begin_object();
  write_text(writer, "address", end.address);
  write_text(writer, "macAddress", end.hardware);
  write_text(writer, "assetId", part.party.asset_id);
  write_text(writer, "deviceId", part.party.device_id);
  writer.key("processes");
  writer.begin_array();
  for (const network::Process& process : part.processes) {
    writer.begin_object();
    writer.field("processId", process.process_id);
    writer.field("executable", process.executable);
    write_text(writer, "commandLine", process.command_line);
    write_text(writer, "userId", process.user_id);
    write_text(writer, "userName", process.user_name);
    writer.field("connections", process.connections);
    writer.field("firstSeen", time_text(process.first));
    writer.field("lastSeen", time_text(process.last));
    writer.end_object();
  }
  writer.end_array();
  writer.field("moreProcesses", part.left_out);
  writer.end_object();
}

}  // namespace

base::Result<network::Reader> network_tables(const Call& call) {
  return network::Reader::open(network::file_beside(call.services.options.state_file));
}

std::function<std::string(const std::string&)> site_of(const Call& call) {
  return [&call](const std::string& device) {
    const auto twin = call.services.dependencies.twins->get({device, {}});
    if (!twin) return std::string();
    return std::string(base::trim(twin->tags.properties.text_or(kSiteTag, "")));
  };
}

void write_asset(Writer& writer, const Asset& asset, const Owner& owner, std::string_view site,
                 Depth depth) {
  const auto details = base::json::parse(asset.details);
  writer.begin_object();
  writer.field("id", asset.id);
  write_sensor(writer, asset.sensor);
  write_text(writer, "site", site);
  write_details(writer, details ? *details : Value());
  writer.field("gone", asset.gone);
  writer.field("firstSeen", time_text(asset.first));
  writer.field("lastSeen", time_text(asset.last));
  write_owner(writer, owner);
  if (depth == Depth::Whole) {
    writer.key("doubts");
    writer.begin_array();
    for (const network::Doubted& each : owner.doubts) {
      writer.begin_object();
      writer.field("deviceId", each.device_id);
      writer.field("why", to_string(each.doubt));
      writer.end_object();
    }
    writer.end_array();
    // Text of the sensor's; what is no JSON cannot be part of an answer.
    const auto evidence = base::json::parse(asset.evidence);
    writer.key("evidence");
    if (evidence && evidence->if_array() != nullptr) {
      evidence->write(writer);
    } else {
      writer.begin_array();
      writer.end_array();
    }
  }
  writer.end_object();
}

void write_flow(Writer& writer, const Flow& flow) {
  writer.begin_object();
  write_sensor(writer, flow.key.sensor);
  write_part(writer, "client", flow.key.client, flow.client);
  write_part(writer, "server", flow.key.server, flow.server);
  writer.key("serverPort");
  if (const auto port = base::parse_int(flow.key.port)) {
    writer.value(*port);
  } else {
    writer.null();
  }
  writer.key("vlan");
  if (flow.key.vlan) {
    writer.value(*flow.key.vlan);
  } else {
    writer.null();
  }
  writer.field("protocol", flow.key.protocol);
  write_text(writer, "applicationProtocol", flow.key.application);
  write_text(writer, "expectedProtocol", flow.key.expected);
  writer.field("flows", flow.sums.flows);
  writer.field("clientPackets", flow.sums.client_packets);
  writer.field("serverPackets", flow.sums.server_packets);
  writer.field("clientBytes", flow.sums.client_bytes);
  writer.field("serverBytes", flow.sums.server_bytes);
  writer.field("messages", flow.sums.messages);
  writer.field("issues", flow.sums.issues);
  writer.field("firstSeen", time_text(flow.first));
  writer.field("lastSeen", time_text(flow.last));
  writer.end_object();
}

void write_flows(Writer& writer, std::string_view name, const FlowList& list,
                 const FlowRange& range) {
  writer.key(name);
  writer.begin_array();
  for (const Flow& flow : list.flows)
    write_flow(writer, flow);
  writer.end_array();
  writer.field("truncated", list.truncated);
  writer.field("from", time_text(range.window.from));
  writer.field("to", time_text(range.window.to));
}

}  // namespace hub::api
