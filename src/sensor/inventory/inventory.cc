#include "sensor/inventory/inventory.h"

#include <algorithm>
#include <array>

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

bool better(const Value& a, const Value& b) {
  if (a.confidence != b.confidence) return a.confidence > b.confidence;
  if (a.last != b.last) return a.last > b.last;
  return a.text < b.text;
}

void put(std::vector<Value>& values, const Value& value) {
  const auto same = std::ranges::find_if(values, [&](const Value& one) {
    return one.text == value.text && one.source == value.source;
  });
  if (same != values.end()) {
    same->confidence = std::max(same->confidence, value.confidence);
    same->first = std::min(same->first, value.first);
    same->last = std::max(same->last, value.last);
  } else {
    values.push_back(value);
  }
  std::ranges::sort(values, better);
  if (values.size() > Inventory::kMaxValues) values.pop_back();
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

std::optional<std::uint16_t> optional(int value) {
  if (value < 0) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::string_view Device::field(Fact fact) const {
  const auto found = std::ranges::find_if(
      fields, [fact](const Field& one) { return one.fact == fact && !one.slot && !one.rack; });
  return found == fields.end() ? std::string_view() : std::string_view(found->values[0].text);
}

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

// Routers send what others wrote: from many addresses, or with hops counted down.
bool Inventory::forwards(const std::map<IpKey, Link>& links) const {
  const auto foreign = std::ranges::count_if(
      links, [](const auto& one) { return !one.second.confirmed && !one.second.direct; });
  const auto unconfirmed =
      std::ranges::count_if(links, [](const auto& one) { return !one.second.confirmed; });
  return foreign > 0 || static_cast<std::size_t>(unconfirmed) > kMaxOwnAddresses;
}

std::map<Inventory::IpKey, Inventory::MacKey> Inventory::owners() const {
  std::map<IpKey, MacKey> owners;
  std::map<IpKey, const Link*> best;
  for (const auto& [mac, links] : links_) {
    const bool router = forwards(links);
    const bool many = links.size() > kMaxOwnAddresses;
    for (const auto& [ip, one] : links) {
      // What a router sends without having said that it is its own is somebody else's.
      if (!one.confirmed && router && (many || !one.direct)) continue;
      const Link*& before = best[ip];
      if (before != nullptr &&
          std::tuple(before->confirmed, before->last) >= std::tuple(one.confirmed, one.last))
        continue;
      before = &one;
      owners[ip] = mac;
    }
  }
  return owners;
}

void Inventory::merge(Node& whole, const Node& part) {
  if (part.first != base::WallTime{}) touch(whole, part.first);
  touch(whole, part.last);
  for (const auto& [key, values] : part.fields) {
    for (const Value& value : values)
      put(whole.fields[key], value);
  }
  whole.serves.insert(part.serves.begin(), part.serves.end());
  whole.uses.insert(part.uses.begin(), part.uses.end());
  whole.unanswered.insert(part.unanswered.begin(), part.unanswered.end());
  whole.serves_industry |= part.serves_industry;
  whole.uses_industry |= part.uses_industry;
  whole.programs |= part.programs;
}

void Inventory::add(Device& device, const Node& whole) {
  device.first = whole.first;
  device.last = whole.last;
  device.serves = whole.serves;
  device.uses = whole.uses;
  device.programming_device = whole.programs;
  device.scanner = whole.unanswered.size() >= kScanned;
  for (const auto& [key, values] : whole.fields) {
    device.fields.push_back(
        {std::get<0>(key), optional(std::get<1>(key)), optional(std::get<2>(key)), values});
  }
  classify(device, whole);
}

std::vector<Device> Inventory::devices(const Vendors& vendors) const {
  const std::map<IpKey, MacKey> owner = owners();
  std::map<std::string, Device> devices;
  for (const auto& [mac, own] : macs_) {
    Device device;
    Node whole = own;
    device.id = mac.text();
    device.macs.push_back(mac);
    device.local = true;
    if (const auto vlans = vlans_.find(mac); vlans != vlans_.end()) device.vlans = vlans->second;
    if (const auto links = links_.find(mac); links != links_.end()) {
      device.router = forwards(links->second);
      for (const auto& [ip, one] : links->second) {
        const auto whose = owner.find(ip);
        if (whose == owner.end()) continue;
        if (whose->second != mac) {
          if (!device.router) device.former_ips.push_back(ip.second);
          continue;
        }
        if (std::ranges::find(device.ips, ip.second) == device.ips.end())
          device.ips.push_back(ip.second);
        merge(whole, ips_.at(ip));
      }
    }
    if (const std::string_view vendor = vendors.of(mac); !vendor.empty()) {
      put(whole.fields[{Fact::Vendor, -1, -1}],
          {std::string(vendor), "oui", Confidence::Guess, whole.first, whole.last});
    }
    add(device, whole);
    devices.emplace(device.id, std::move(device));
  }
  for (const auto& [key, own] : ips_) {
    if (owner.contains(key)) continue;
    Device device;
    device.id = key.second.text();
    if (key.first != 0) {
      device.id += "@" + std::to_string(key.first);
      device.vlans.insert(key.first);
    }
    device.ips.push_back(key.second);
    add(device, own);
    devices.emplace(device.id, std::move(device));
  }
  std::vector<Device> all;
  all.reserve(devices.size());
  for (auto& [id, device] : devices)
    all.push_back(std::move(device));
  return all;
}

}  // namespace sensor::inventory
