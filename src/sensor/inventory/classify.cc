// What a device is, from what it does, where it does not say so itself.
#include <algorithm>
#include <array>
#include <string_view>

#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

using dissect::Confidence;
using dissect::Fact;

namespace {

struct Role {
  std::string_view type;
  int level;  // of the Purdue model (ISA-95: 1 control, 2 supervision, 3 operations, 4 business)
};

// Level by what it is, whoever said so.
constexpr std::array<Role, 20> kRoles = {{{"PLC", 1},
                                          {"RTU", 1},
                                          {"IED", 1},
                                          {"IO device", 1},
                                          {"drive", 1},
                                          {"field device", 1},
                                          {"controller", 1},
                                          {"HMI", 2},
                                          {"engineering station", 2},
                                          {"SCADA", 2},
                                          {"historian", 3},
                                          {"OPC server", 3},
                                          {"server", 3},
                                          {"domain controller", 4},
                                          {"printer", 4},
                                          {"camera", 4},
                                          {"phone", 4},
                                          {"workstation", 4},
                                          {"switch", 0},
                                          {"router", 0}}};

bool has(const std::set<std::string>& protocols, std::initializer_list<std::string_view> any) {
  return std::ranges::any_of(
      any, [&](std::string_view one) { return protocols.contains(std::string(one)); });
}

std::string_view guess(const Device& device, bool serves_industry, bool uses_industry) {
  if (device.router) return "router";
  if (serves_industry) {
    if (has(device.serves, {"goose", "sv", "mms", "synchrophasor"})) return "IED";
    if (has(device.serves, {"dnp3", "iec104", "bsap", "roc-plus"})) return "RTU";
    if (has(device.serves, {"opcua"}) && uses_industry) return "OPC server";
    if (has(device.serves, {"hart-ip"})) return "field device";
    if (has(device.serves, {"knxnet-ip", "bacnet"})) return "controller";
    return "PLC";
  }
  if (device.programming_device) return "engineering station";
  if (uses_industry) return "HMI";
  if (has(device.serves, {"kerberos", "ldap"})) return "domain controller";
  if (has(device.serves, {"rtsp"})) return "camera";
  if (has(device.serves, {"sip"})) return "phone";
  if (has(device.uses, {"stp"})) return "switch";
  if (has(device.serves,
          {"http", "dns", "dhcp", "smb", "ftp", "tds", "ssh", "tls", "mqtt", "amqp", "ntp"}))
    return "server";
  if (has(device.uses, {"http", "tls", "smb", "dns"})) return "workstation";
  return {};
}

// Beside what a person said, what would be believed without, where nobody else says anything.
void show_guess(Device& device, std::string_view type) {
  const auto field = std::ranges::find_if(
      device.fields, [](const Field& one) { return one.fact == Fact::Type && !one.slot; });
  if (type.empty() || field == device.fields.end() || field->values.size() > 1) return;
  field->values.push_back(
      {std::string(type), "traffic", Confidence::Guess, device.first, device.last});
}

}  // namespace

void Inventory::classify(Device& device, const Node& whole) {
  for (const Field& one : device.fields) {
    if (one.fact == Fact::Type && !one.slot) device.type = one.values[0];
    if (one.fact == Fact::Gateway) device.router = true;
  }
  if (device.type.stated)
    show_guess(device, guess(device, whole.serves_industry, whole.uses_industry));
  if (device.type.text.empty()) {
    const std::string_view type = guess(device, whole.serves_industry, whole.uses_industry);
    if (type.empty()) return;
    device.type = {std::string(type), "traffic", Confidence::Guess, device.first, device.last};
  }
  const auto role = std::ranges::find(kRoles, std::string_view(device.type.text), &Role::type);
  if (role != kRoles.end()) device.level = role->level;
}

}  // namespace sensor::inventory
