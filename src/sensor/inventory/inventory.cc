#include "sensor/inventory/inventory.h"

#include <algorithm>
#include <array>

#include "sensor/inventory/values.h"

namespace sensor::inventory {

using dissect::Access;
using dissect::Confidence;
using dissect::End;
using dissect::Fact;
using dissect::IpAddress;
using dissect::MacAddress;

namespace {

// What systems begin with (and nearly all of them with one of four): no router has counted down.
bool fresh(std::uint8_t hops) {
  static constexpr std::array<std::uint8_t, 7> kFirst = {1, 30, 32, 60, 64, 128, 255};
  return std::ranges::find(kFirst, hops) != kFirst.end();
}

// What finds out addresses, and whether somebody is there, is no service that one has for another.
bool is_service(std::string_view protocol) {
  static constexpr std::array<std::string_view, 3> kNone = {"arp", "icmp", "icmpv6"};
  return !protocol.empty() && std::ranges::find(kNone, protocol) == kNone.end();
}

bool programs(Access access) {
  switch (access) {
    case Access::ProgramDownload:
    case Access::ProgramUpload:
    case Access::Start:
    case Access::Stop:
    case Access::ModeChange:
    case Access::Firmware:
      return true;
    default:
      return false;
  }
}

int number(const std::optional<std::uint16_t>& value) {
  return value ? int{*value} : -1;
}

}  // namespace

void Inventory::touch(Node& node, base::WallTime time) {
  if (node.first == base::WallTime{} || time < node.first) node.first = time;
  node.last = std::max(node.last, time);
}

// Facts are the network address's where there is one: it is what programs speak with.
Inventory::Node* Inventory::node(const End& end, std::uint16_t vlan, base::WallTime time) {
  const bool by_ip = !end.ip.none() && !end.ip.group();
  const bool by_mac = !by_ip && !end.mac.none() && !end.mac.group();
  if (!by_ip && !by_mac) return nullptr;
  const IpKey key{vlan, end.ip};
  const bool known = by_ip ? ips_.contains(key) : macs_.contains(end.mac);
  if (!known && ips_.size() + macs_.size() >= kMaxNodes) {
    ++left_out_;
    return nullptr;
  }
  Node& found = by_ip ? ips_[key] : macs_[end.mac];
  touch(found, time);
  return &found;
}

void Inventory::link(const End& end, std::uint16_t vlan, base::WallTime time, bool confirmed,
                     bool direct) {
  if (end.mac.none() || end.mac.group()) return;
  End hardware;
  hardware.mac = end.mac;
  if (node(hardware, vlan, time) == nullptr) return;
  if (vlan != 0) vlans_[end.mac].insert(vlan);
  if (end.ip.none() || end.ip.group() || !ips_.contains({vlan, end.ip})) return;
  Link& found = links_[end.mac][{vlan, end.ip}];
  if (found.first == base::WallTime{} || time < found.first) found.first = time;
  found.last = std::max(found.last, time);
  found.confirmed |= confirmed;
  found.direct |= direct;
}

void Inventory::seen(base::WallTime time, const End& from, std::uint16_t vlan, std::uint8_t hops) {
  if (node(from, vlan, time) == nullptr) return;
  link(from, vlan, time, false, fresh(hops));
}

void Inventory::told(const Told& told) {
  End about = told.about;
  // An address that belongs to the one that is spoken of.
  if (told.fact == Fact::Ip || told.fact == Fact::Mac) {
    if (node(about, told.vlan, told.time) == nullptr) return;
    link(about, told.vlan, told.time, told.confidence >= Confidence::Neighbor, true);
    return;
  }
  Node* const found = node(about, told.vlan, told.time);
  if (found == nullptr) return;
  const FieldKey key{told.fact, number(told.rack), number(told.slot)};
  if (found->fields.size() >= kMaxFields && !found->fields.contains(key)) {
    ++left_out_;
    return;
  }
  put(found->fields[key],
      {std::string(told.value), std::string(told.protocol), told.confidence, told.time, told.time});
}

void Inventory::talked(const Talk& talk) {
  const bool service = is_service(talk.protocol);
  Node* const client = node(talk.client, talk.vlan, talk.last);
  if (client != nullptr) {
    touch(*client, talk.first);
    if (service && talk.answered) client->uses.emplace(talk.protocol);
    client->uses_industry |= talk.industrial && talk.answered;
    if (!talk.answered && !talk.server.ip.none() && !talk.server.ip.group() &&
        client->unanswered.size() < kMaxPeers)
      client->unanswered.insert(talk.server.ip);
  }
  // Nobody is a server, or there at all, for being asked.
  if (!talk.answered) return;
  Node* const server = node(talk.server, talk.vlan, talk.last);
  if (server == nullptr) return;
  touch(*server, talk.first);
  if (service) server->serves.emplace(talk.protocol);
  server->serves_industry |= talk.industrial;
}

void Inventory::operated(base::WallTime time, const End& client, std::uint16_t vlan,
                         Access access) {
  if (!programs(access)) return;
  if (Node* const found = node(client, vlan, time); found != nullptr) found->programs = true;
}

}  // namespace sensor::inventory
