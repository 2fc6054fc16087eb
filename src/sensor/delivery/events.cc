#include "sensor/delivery/events.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/id.h"
#include "base/json.h"
#include "sensor/engine/words.h"
#include "sensor/inventory/device_json.h"

namespace sensor::delivery {

using dissect::End;
using dissect::Fact;
using inventory::Device;

namespace {

constexpr std::size_t kMaxObjectText = 4096;
constexpr std::size_t kMaxEvidence = 32U << 10U;

std::optional<std::string> some(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

template <class Addresses>
std::optional<std::string> all_of(const Addresses& addresses) {
  std::vector<std::string> texts;
  for (const auto& one : addresses)
    texts.push_back(one.text());
  return some(fmt::format("{}", fmt::join(texts, ",")));
}

std::string objects_of(const std::vector<dissect::NamedObject>& objects) {
  std::string text;
  std::size_t left_out = 0;
  for (const dissect::NamedObject& object : objects) {
    const std::string one = engine::object_text(object);
    if (text.size() + one.size() > kMaxObjectText) {
      ++left_out;
      continue;
    }
    if (!text.empty()) text += "; ";
    text += one;
  }
  if (left_out != 0) text += fmt::format("; and {} more", left_out);
  return text;
}

schema::NetworkOutcome outcome_of(dissect::Outcome outcome) {
  switch (outcome) {
    case dissect::Outcome::Ok:
      return schema::NetworkOutcome::Ok;
    case dissect::Outcome::Failed:
      return schema::NetworkOutcome::Failed;
    case dissect::Outcome::Unknown:
      break;
  }
  return schema::NetworkOutcome::Unknown;
}

std::optional<std::string> port_of(const End& end) {
  if (end.port == 0) return std::nullopt;
  return std::to_string(end.port);
}

std::optional<std::string> status_of(const dissect::Status& status) {
  if (!status.name.empty()) return std::string(status.name);
  if (status.outcome != dissect::Outcome::Failed) return std::nullopt;
  return std::to_string(status.code);
}

void add_identity(schema::NetworkAsset& item, const Device& device) {
  item.vendor = some(device.field(Fact::Vendor));
  item.model = some(device.field(Fact::Model));
  item.order_code = some(device.field(Fact::OrderCode));
  item.firmware = some(device.field(Fact::Firmware));
  item.hardware_revision = some(device.field(Fact::Hardware));
  item.serial_number = some(device.field(Fact::Serial));
  item.asset_name = some(device.field(Fact::Name));
  item.hostname = some(device.field(Fact::Hostname));
  item.location = some(device.field(Fact::Location));
  item.mode = some(device.field(Fact::Mode));
  item.user_name = some(device.field(Fact::User));
  const std::string_view version = device.field(Fact::OsVersion);
  std::string system(device.field(Fact::Os));
  if (!version.empty()) system += fmt::format("{}{}", system.empty() ? "" : " ", version);
  item.operating_system = some(system);
}

}  // namespace

bool has_address(const End& end) {
  return !end.ip.none() || !end.mac.none();
}

std::string time_text(base::WallTime time) {
  return base::format_rfc3339(time, 3);
}

schema::NetworkTransaction transaction_item(const engine::TransactionRecord& record) {
  const dissect::Transaction& one = record.transaction;
  schema::NetworkTransaction item;
  item.client_address = some(one.client.ip.text());
  item.client_mac = some(one.client.mac.text());
  item.client_port = port_of(one.client);
  item.server_address = some(one.server.ip.text());
  item.server_mac = some(one.server.mac.text());
  item.server_port = port_of(one.server);
  if (one.vlan != 0) item.vlan = one.vlan;
  item.application_protocol = one.protocol;
  item.access = dissect::access_name(one.access);
  item.operation = engine::operation_text(one.operation);
  item.sub_operation = some(one.sub_operation.name);
  if (one.unit) item.unit = *one.unit;
  item.objects = some(objects_of(one.objects));
  item.outcome = outcome_of(one.status.outcome);
  item.status = status_of(one.status);
  item.request_bytes = one.request_bytes;
  item.response_bytes = one.response_bytes;
  if (one.answered) {
    item.answer_microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(*one.answered - one.time).count();
  }
  if (record.repeats != 0)
    item.extra_details.emplace_back("HitCount", std::to_string(record.repeats + 1));
  return item;
}

schema::NetworkAsset asset_item(const Device& device) {
  schema::NetworkAsset item;
  item.asset_id = device.id;
  if (!device.macs.empty()) item.mac_address = some(device.macs.front().text());
  if (!device.ips.empty()) item.ip_address = some(device.ips.front().text());
  item.mac_addresses = all_of(device.macs);
  item.ip_addresses = all_of(device.ips);
  item.former_ip_addresses = all_of(device.former_ips);
  item.vlans = some(fmt::format("{}", fmt::join(device.vlans, ",")));
  item.asset_type = some(device.type.text);
  if (device.level != 0) item.purdue_level = device.level;
  add_identity(item, device);
  item.serves = some(fmt::format("{}", fmt::join(device.serves, ",")));
  item.uses = some(fmt::format("{}", fmt::join(device.uses, ",")));
  item.is_local = device.local;
  item.is_router = device.router;
  item.is_scanner = device.scanner;
  item.is_programming_device = device.programming_device;
  item.first_seen = time_text(device.first);
  item.last_seen = time_text(device.last);
  if (!device.notes.empty()) item.extra_details.emplace_back("Notes", device.notes);
  if (device.fields.empty()) return item;
  std::string evidence;
  base::json::Writer json(evidence);
  const std::size_t left_out = inventory::write_fields(json, device, kMaxEvidence);
  item.extra_details.emplace_back("Evidence", std::move(evidence));
  if (left_out != 0) item.extra_details.emplace_back("EvidenceLeftOut", std::to_string(left_out));
  return item;
}

schema::Event event_of(schema::Payload payload, base::WallTime time, std::string_view sensor) {
  schema::Event event;
  event.time = {time, std::chrono::minutes(0)};
  event.payload = std::move(payload);
  std::string text;
  schema::encode_event(event, text);
  event.id = base::Guid::derived("vedette-sensor", std::string(sensor) + text);
  return event;
}

}  // namespace sensor::delivery
