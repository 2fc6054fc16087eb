// Which addresses are one device, by the evidence and by what people say, and what it is.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sensor/inventory/inventory.h"
#include "sensor/inventory/values.h"

namespace sensor::inventory {

using dissect::Confidence;
using dissect::Fact;

namespace {

constexpr std::size_t kNone = SIZE_MAX;

std::optional<std::uint16_t> optional(int value) {
  if (value < 0) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

Value stated_value(const Edit& edit) {
  Value value;
  value.text = edit.value;
  value.source = "manual";
  value.stated = true;
  value.confidence = Confidence::Protocol;
  value.first = value.last = edit.time;
  return value;
}

}  // namespace

std::string_view Device::field(Fact fact) const {
  const auto found = std::ranges::find_if(
      fields, [fact](const Field& one) { return one.fact == fact && !one.slot && !one.rack; });
  return found == fields.end() ? std::string_view() : std::string_view(found->values[0].text);
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

// The devices that there are by the evidence.
std::vector<Inventory::Group> Inventory::groups(const std::map<IpKey, MacKey>& owner) const {
  std::vector<Group> groups;
  for (const auto& [mac, own] : macs_) {
    Group group;
    group.addresses.push_back({.mac = mac, .ip = {}, .vlan = 0});
    if (const auto links = links_.find(mac); links != links_.end()) {
      for (const auto& [ip, one] : links->second) {
        const auto whose = owner.find(ip);
        if (whose != owner.end() && whose->second == mac)
          group.addresses.push_back({.mac = {}, .ip = ip.second, .vlan = ip.first});
      }
    }
    groups.push_back(std::move(group));
  }
  for (const auto& [key, own] : ips_) {
    if (owner.contains(key)) continue;
    Group group;
    group.addresses.push_back({.mac = {}, .ip = key.second, .vlan = key.first});
    groups.push_back(std::move(group));
  }
  return groups;
}

// Whom people joined, parted and described, one edit after the other. One that has nothing to be
// about (any more) changes nothing.
class Arranging {
 public:
  using Group = Inventory::Group;
  using Owners = std::map<Inventory::IpKey, Inventory::MacKey>;
  Arranging(std::vector<Group>& groups, const Owners& owners) : groups_(groups), owners_(owners) {
    for (std::size_t i = 0; i < groups.size(); ++i)
      number(i);
  }

  void apply(const Edits& edits) {
    const std::vector<bool> force = edits.in_force();
    for (std::size_t i = 0; i < force.size(); ++i)
      if (force[i]) apply(edits.all()[i]);
    // What was undone has changed a device, too.
    for (const Edit& edit : edits.all()) {
      const Edit* about = &edit;
      while (about != nullptr && about->action == Action::Undo)
        about = edits.find(about->undone);
      if (about == nullptr) continue;
      for (const Address& one : {about->device, about->other})
        if (const std::size_t at = find(one); at != kNone)
          groups_[at].edited = std::max(groups_[at].edited, edit.time);
    }
  }

 private:
  std::size_t find(const Address& address) const {
    const auto found = where_.find(address);
    return found == where_.end() ? kNone : found->second;
  }
  void number(std::size_t group) {
    for (const Address& one : groups_[group].addresses)
      where_[one] = group;
  }

  void apply(const Edit& edit) {
    const std::size_t at = find(edit.device);
    if (at == kNone) return;
    if (edit.action == Action::Merge) {
      merge(at, find(edit.other), edit.number);
    } else if (edit.action == Action::Split) {
      if (find(edit.other) == at) split(at, edit.other, edit.number);
    } else {
      Group& group = groups_[at];
      group.edits.push_back(edit.number);
      if (edit.action == Action::Set) group.stated[edit.field] = &edit;
      if (edit.action == Action::Unset) group.stated.erase(edit.field);
    }
  }

  void merge(std::size_t from, std::size_t into, std::uint64_t number_of_edit) {
    if (into == kNone || into == from) return;
    Group& part = groups_[from];
    Group& whole = groups_[into];
    whole.addresses.insert(whole.addresses.end(), part.addresses.begin(), part.addresses.end());
    whole.stated.insert(part.stated.begin(), part.stated.end());
    whole.edits.insert(whole.edits.end(), part.edits.begin(), part.edits.end());
    whole.edits.push_back(number_of_edit);
    part = {};
    number(into);
  }

  // A hardware address takes along the network addresses that are its own by the evidence.
  void split(std::size_t from, const Address& address, std::uint64_t number_of_edit) {
    const auto goes = [&](const Address& one) {
      if (one == address) return true;
      if (address.mac.none() || !one.mac.none()) return false;
      const auto owner = owners_.find({one.vlan, one.ip});
      return owner != owners_.end() && owner->second == address.mac;
    };
    Group part;
    Group& whole = groups_[from];
    part.addresses.push_back(address);
    for (const Address& one : whole.addresses)
      if (one != address && goes(one)) part.addresses.push_back(one);
    if (part.addresses.size() == whole.addresses.size()) return;
    std::erase_if(whole.addresses, goes);
    for (Group* const one : {&whole, &part})
      one->edits.push_back(number_of_edit);
    groups_.push_back(std::move(part));
    number(groups_.size() - 1);
  }

  std::vector<Group>& groups_;
  const Owners& owners_;
  std::map<Address, std::size_t> where_;
};

void Inventory::describe(Device& device, Node& whole, const Group& group) {
  device.edits = group.edits;
  std::ranges::sort(device.edits);
  device.edited = group.edited;
  for (const auto& [name, edit] : group.stated) {
    device.stated.push_back(name);
    if (name == kNotesField) {
      device.notes = edit->value;
    } else if (const auto field = editable_field(name); field && name != kLevelField) {
      put(whole.fields[{field->fact, -1, -1}], stated_value(*edit));
    }
  }
  add(device, whole);
  if (const auto level = group.stated.find(kLevelField); level != group.stated.end()) {
    device.heard_level = device.level;
    device.level = static_cast<int>(base::parse_int(level->second->value).value_or(0));
  }
}

Device Inventory::device(const Group& group, const std::map<IpKey, MacKey>& owner,
                         const Vendors& vendors) const {
  Device device;
  Node whole;
  device.id = group.addresses.front().text();
  for (const Address& one : group.addresses) {
    if (one.mac.none()) {
      merge(whole, ips_.at({one.vlan, one.ip}));
      if (one.vlan != 0) device.vlans.insert(one.vlan);
      if (std::ranges::find(device.ips, one.ip) == device.ips.end()) device.ips.push_back(one.ip);
      continue;
    }
    device.macs.push_back(one.mac);
    merge(whole, macs_.at(one.mac));
    device.local = true;
    if (const auto vlans = vlans_.find(one.mac); vlans != vlans_.end())
      device.vlans.insert(vlans->second.begin(), vlans->second.end());
    const auto links = links_.find(one.mac);
    device.router |= links != links_.end() && forwards(links->second);
  }
  for (const dissect::MacAddress& mac : device.macs) {
    if (const std::string_view vendor = vendors.of(mac); !vendor.empty()) {
      put(whole.fields[{Fact::Vendor, -1, -1}],
          {std::string(vendor), "oui", Confidence::Guess, whole.first, whole.last});
    }
    const auto links = links_.find(mac);
    if (links == links_.end() || forwards(links->second)) continue;
    for (const auto& [ip, one] : links->second) {
      const auto whose = owner.find(ip);
      if (whose != owner.end() &&
          std::ranges::find(device.macs, whose->second) == device.macs.end())
        device.former_ips.push_back(ip.second);
    }
  }
  describe(device, whole, group);
  return device;
}

std::vector<Device> Inventory::devices(const Vendors& vendors, const Edits& edits) const {
  const std::map<IpKey, MacKey> owner = owners();
  std::vector<Group> all = groups(owner);
  if (!edits.all().empty()) Arranging(all, owner).apply(edits);
  std::vector<Device> devices;
  devices.reserve(all.size());
  for (const Group& group : all)
    if (!group.addresses.empty()) devices.push_back(device(group, owner, vendors));
  std::ranges::sort(devices, {}, &Device::id);
  return devices;
}

}  // namespace sensor::inventory
