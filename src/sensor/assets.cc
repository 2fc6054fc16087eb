#include "sensor/assets.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/time.h"
#include "os/file.h"
#include "sensor/inventory/device_json.h"

namespace sensor {

namespace {

using base::json::Writer;
using dissect::Fact;
using inventory::Device;

constexpr const char* kVendorLists[] = {"oui.txt", "mam.txt", "oui36.txt", "iab.txt"};
constexpr std::size_t kMaxVendorList = 64U << 20U;

template <class List>
void write_texts(Writer& json, std::string_view name, const List& list) {
  if (list.empty()) return;
  json.key(name);
  json.begin_array();
  for (const auto& one : list)
    json.value(one.text());
  json.end_array();
}

void write_names(Writer& json, std::string_view name, const std::set<std::string>& names) {
  if (names.empty()) return;
  json.key(name);
  json.begin_array();
  for (const std::string& one : names)
    json.value(one);
  json.end_array();
}

std::string join(const std::set<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ","));
}

}  // namespace

void note(inventory::Inventory& inventory, const engine::Record& record) {
  if (const auto* seen = std::get_if<engine::SightingRecord>(&record.content)) {
    inventory.seen(seen->time, seen->from, seen->vlan, seen->hops);
  } else if (const auto* fact = std::get_if<engine::EvidenceRecord>(&record.content)) {
    inventory::Told told;
    told.time = fact->time;
    told.about = fact->about;
    told.vlan = fact->vlan;
    told.protocol = fact->protocol;
    told.fact = fact->fact;
    told.confidence = fact->confidence;
    told.value = fact->value;
    told.rack = fact->rack;
    told.slot = fact->slot;
    inventory.told(told);
  } else if (const auto* flow = std::get_if<engine::FlowRecord>(&record.content)) {
    inventory::Talk talk;
    talk.first = flow->first;
    talk.last = flow->last;
    talk.client = flow->info.end(dissect::other(flow->info.server));
    talk.server = flow->info.end(flow->info.server);
    talk.vlan = flow->vlan;
    if (flow->protocol != nullptr) {
      talk.protocol = flow->protocol->name;
      talk.industrial = flow->protocol->industrial;
    }
    talk.answered = flow->heard[0] && flow->heard[1];
    inventory.talked(talk);
  } else if (const auto* done = std::get_if<engine::TransactionRecord>(&record.content)) {
    const dissect::Transaction& one = done->transaction;
    inventory.operated(one.time, one.client, one.vlan, one.access);
  }
}

inventory::Vendors installed_vendors() {
  inventory::Vendors vendors;
  for (const char* const list : kVendorLists) {
    const auto text = os::read_file(fmt::format("{}/{}", kVendorFolder, list), kMaxVendorList);
    if (text) vendors.add(*text);
  }
  return vendors;
}

void json_line(std::string& out, const Device& device) {
  Writer json(out);
  json.begin_object();
  json.field("id", device.id);
  write_texts(json, "mac", device.macs);
  write_texts(json, "ip", device.ips);
  write_texts(json, "formerIp", device.former_ips);
  if (!device.vlans.empty()) {
    json.key("vlan");
    json.begin_array();
    for (const std::uint16_t vlan : device.vlans)
      json.value(std::uint64_t{vlan});
    json.end_array();
  }
  json.field("local", device.local);
  if (!device.type.text.empty()) {
    json.key("type");
    json.begin_object();
    inventory::write_value(json, device.type);
    json.end_object();
  }
  if (device.level != 0) json.field("purdueLevel", device.level);
  if (device.heard_level != 0) json.field("purdueLevelHeard", device.heard_level);
  if (!device.notes.empty()) json.field("notes", device.notes);
  if (!device.edits.empty()) {
    json.key("edits");
    json.begin_array();
    for (const std::uint64_t number : device.edits)
      json.value(number);
    json.end_array();
  }
  json.field("router", device.router);
  json.field("scanner", device.scanner);
  json.field("programmingDevice", device.programming_device);
  write_names(json, "serves", device.serves);
  write_names(json, "uses", device.uses);
  if (!device.fields.empty()) {
    json.key("fields");
    inventory::write_fields(json, device);
  }
  json.field("first", base::format_rfc3339(device.first, 3));
  json.field("last", base::format_rfc3339(device.last, 3));
  json.end_object();
  out += '\n';
}

const char* asset_header() {
  return "ADDRESS                  HARDWARE           TYPE                 VENDOR                  "
         " "
         "MODEL                    FIRMWARE     NAME                 SERVES\n";
}

void table_line(std::string& out, const Device& device) {
  std::string_view name = device.field(Fact::Name);
  if (name.empty()) name = device.field(Fact::Hostname);
  std::string_view model = device.field(Fact::Model);
  if (model.empty()) model = device.field(Fact::OrderCode);
  out += fmt::format("{:<24} {:<18} {:<20} {:<24.24} {:<24.24} {:<12.12} {:<20.20} {}\n",
                     device.ips.empty() ? "" : device.ips[0].text(),
                     device.macs.empty() ? "" : device.macs[0].text(), device.type.text,
                     device.field(Fact::Vendor), model, device.field(Fact::Firmware), name,
                     join(device.serves));
}

}  // namespace sensor
