#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/address.h"

namespace dissect {

// What a message tells of a device.
enum class Fact : std::uint8_t {
  Mac,
  Ip,
  Vlan,
  Vendor,
  VendorId,  // a number of the protocol's own register: "CIP 1"
  Model,
  OrderCode,
  Firmware,
  Hardware,  // revision
  Serial,
  Name,      // what people call it: station name, sysName, tag
  Hostname,  // as DNS, DHCP, NetBIOS have it
  Domain,
  Location,
  Os,
  OsVersion,
  Software,  // a server's or client's name and version
  Type,      // DeviceType's name
  Module,    // what sits in a slot
  Mode,      // of a controller: "run", "program", "remote run" ...
  User,      // who logged in from there
  Gateway,   // it forwards for others
};
std::string_view fact_name(Fact fact);

// How far a fact is to be believed: what overrides what.
enum class Confidence : std::uint8_t {
  Guess,     // by a port, a default, a prefix
  Banner,    // says itself, in a text that anybody can set
  Neighbor,  // LLDP, CDP, SNMP, DHCP
  Protocol,  // an identity object of an industrial protocol
};

// Whom a fact is about.
enum class About : std::uint8_t {
  Sender,
  Receiver,
  Address,  // `ip` or `mac` below: an answer about somebody else
};

struct Evidence {
  About about = About::Sender;
  Fact fact = Fact::Name;
  Confidence confidence = Confidence::Protocol;
  std::string_view value;  // UTF-8 made by `printable()`; good during the call only
  // Where in the device, when it is about a part of it.
  std::optional<std::uint16_t> rack;
  std::optional<std::uint16_t> slot;
  IpAddress ip;
  MacAddress mac;
};

}  // namespace dissect
