#include "sensor/print.h"

#include <chrono>

#include <fmt/format.h>

#include "base/json.h"
#include "base/time.h"
#include "sensor/engine/words.h"
#include "sensor/inventory/device_json.h"

namespace sensor {

namespace {

using base::json::Writer;
using dissect::End;

void write_end(Writer& json, std::string_view name, const End& end) {
  json.key(name);
  json.begin_object();
  if (!end.mac.none()) json.field("mac", end.mac.text());
  if (!end.ip.none()) json.field("ip", end.ip.text());
  if (end.port != 0) json.field("port", std::uint64_t{end.port});
  json.end_object();
}

void write_vlan(Writer& json, std::uint16_t vlan) {
  if (vlan != 0) json.field("vlan", std::uint64_t{vlan});
}

// "192.0.2.1:502", or the hardware address where there is no other.
std::string short_end(const End& end) {
  if (end.ip.none()) return end.mac.text();
  if (end.port == 0) return end.ip.text();
  if (end.ip.v4()) return fmt::format("{}:{}", end.ip.text(), end.port);
  return fmt::format("[{}]:{}", end.ip.text(), end.port);
}

std::string_view kind_name(dissect::Kind kind) {
  switch (kind) {
    case dissect::Kind::Request:
      return "request";
    case dissect::Kind::Response:
      return "response";
    case dissect::Kind::OneWay:
      return "one-way";
  }
  return "";
}

std::string_view outcome_name(dissect::Outcome outcome) {
  switch (outcome) {
    case dissect::Outcome::Unknown:
      return "unknown";
    case dissect::Outcome::Ok:
      return "ok";
    case dissect::Outcome::Failed:
      return "failed";
  }
  return "";
}

std::string_view issue_name(dissect::Issue::Kind kind) {
  static constexpr std::string_view kNames[] = {"truncated", "malformed", "violation",
                                                "unsupported", "left out"};
  return kNames[static_cast<std::size_t>(kind)];
}

void write_operation(Writer& json, std::string_view name, const dissect::Operation& operation) {
  if (operation.name.empty() && operation.code == 0) return;
  json.key(name);
  json.begin_object();
  json.field("code", std::uint64_t{operation.code});
  if (!operation.name.empty()) json.field("name", operation.name);
  json.end_object();
}

void write_objects(Writer& json, const std::vector<dissect::NamedObject>& objects) {
  if (objects.empty()) return;
  json.key("objects");
  json.begin_array();
  for (const dissect::NamedObject& one : objects) {
    json.begin_object();
    if (!one.space.empty()) json.field("space", one.space);
    if (!one.name.empty()) json.field("name", one.name);
    if (one.count != 0) {
      json.field("first", one.first);
      json.field("count", std::uint64_t{one.count});
    }
    json.end_object();
  }
  json.end_array();
}

std::string objects_text(const std::vector<dissect::NamedObject>& objects) {
  if (objects.empty()) return {};
  std::string text = engine::object_text(objects.front());
  if (objects.size() > 1) text += fmt::format(" and {} more", objects.size() - 1);
  return text;
}

}  // namespace

void json_line(std::string& out, const engine::TransactionRecord& record) {
  const dissect::Transaction& one = record.transaction;
  Writer json(out);
  json.begin_object();
  json.field("time", base::format_rfc3339(one.time, 6));
  json.field("protocol", one.protocol);
  json.field("kind", kind_name(one.kind));
  write_end(json, "client", one.client);
  write_end(json, "server", one.server);
  write_vlan(json, one.vlan);
  json.field("packet", one.packet);
  write_operation(json, "operation", one.operation);
  write_operation(json, "subOperation", one.sub_operation);
  json.field("access", dissect::access_name(one.access));
  if (one.unit) json.field("unit", std::uint64_t{*one.unit});
  write_objects(json, one.objects);
  if (one.answered) {
    json.field("answerPacket", one.answer_packet);
    json.field(
        "answerMicroseconds",
        std::chrono::duration_cast<std::chrono::microseconds>(*one.answered - one.time).count());
  }
  json.field("outcome", outcome_name(one.status.outcome));
  if (one.status.outcome == dissect::Outcome::Failed || !one.status.name.empty()) {
    json.key("status");
    json.begin_object();
    json.field("code", std::uint64_t{one.status.code});
    if (!one.status.name.empty()) json.field("name", one.status.name);
    json.end_object();
  }
  json.field("requestBytes", std::uint64_t{one.request_bytes});
  json.field("responseBytes", std::uint64_t{one.response_bytes});
  if (record.repeats != 0) json.field("repeats", record.repeats);
  json.end_object();
  out += '\n';
}

void json_line(std::string& out, const engine::EvidenceRecord& record) {
  Writer json(out);
  json.begin_object();
  json.field("time", base::format_rfc3339(record.time, 6));
  json.field("packet", record.packet);
  json.field("protocol", record.protocol);
  write_end(json, "about", record.about);
  write_end(json, "from", record.from);
  write_vlan(json, record.vlan);
  json.field("fact", dissect::fact_name(record.fact));
  json.field("confidence", inventory::confidence_name(record.confidence));
  json.field("value", record.value);
  if (record.rack) json.field("rack", std::uint64_t{*record.rack});
  if (record.slot) json.field("slot", std::uint64_t{*record.slot});
  json.end_object();
  out += '\n';
}

void json_line(std::string& out, const engine::IssueRecord& record) {
  Writer json(out);
  json.begin_object();
  json.field("time", base::format_rfc3339(record.time, 6));
  json.field("packet", record.packet);
  json.field("protocol", record.protocol);
  write_end(json, "from", record.from);
  write_end(json, "to", record.to);
  write_vlan(json, record.vlan);
  json.field("kind", issue_name(record.issue.kind));
  json.field("what", record.issue.what);
  json.field("code", std::uint64_t{record.issue.code});
  json.field("offset", std::uint64_t{record.issue.offset});
  json.end_object();
  out += '\n';
}

void json_line(std::string& out, const engine::FlowRecord& record) {
  const dissect::Side server = record.info.server;
  const dissect::Side client = dissect::other(server);
  const auto of = [&](dissect::Side side) { return record.counts[static_cast<std::size_t>(side)]; };
  Writer json(out);
  json.begin_object();
  json.field("first", base::format_rfc3339(record.first, 6));
  json.field("last", base::format_rfc3339(record.last, 6));
  json.field("packet", record.first_packet);
  json.field("transport", engine::transport_text(record.info));
  json.field("protocol", record.protocol == nullptr ? std::string_view() : record.protocol->name);
  if (record.expected != nullptr) json.field("expected", record.expected->name);
  write_end(json, "client", record.info.end(client));
  write_end(json, "server", record.info.end(server));
  json.field("serverKnown", record.info.server_known);
  write_vlan(json, record.vlan);
  json.field("clientPackets", of(client).packets);
  json.field("serverPackets", of(server).packets);
  json.field("clientBytes", of(client).bytes);
  json.field("serverBytes", of(server).bytes);
  json.field("clientPayload", of(client).payload);
  json.field("serverPayload", of(server).payload);
  json.field("messages", record.messages);
  json.field("issues", record.issues);
  json.field("gaps", record.gaps);
  json.end_object();
  out += '\n';
}

const char* transaction_header() {
  return "TIME                     CLIENT                SERVER                PROTOCOL     ACCESS "
         "              OUTCOME OPERATION, OBJECT\n";
}

void table_line(std::string& out, const engine::TransactionRecord& record) {
  const dissect::Transaction& one = record.transaction;
  std::string operation = engine::operation_text(one.operation);
  if (!one.sub_operation.name.empty()) operation += fmt::format(", {}", one.sub_operation.name);
  const std::string object = objects_text(one.objects);
  if (!object.empty()) operation += ": " + object;
  if (!one.status.name.empty()) operation += fmt::format(" ({})", one.status.name);
  out += fmt::format("{:<24} {:<21} {:<21} {:<12} {:<20} {:<7} {}\n",
                     base::format_rfc3339(one.time, 3), short_end(one.client),
                     short_end(one.server), one.protocol, dissect::access_name(one.access),
                     outcome_name(one.status.outcome), operation);
}

const char* evidence_header() {
  return "TIME                     DEVICE                PROTOCOL     SURE     FACT         "
         "VALUE\n";
}

void table_line(std::string& out, const engine::EvidenceRecord& record) {
  End about = record.about;
  about.port = 0;
  out +=
      fmt::format("{:<24} {:<21} {:<12} {:<8} {:<12} {}\n", base::format_rfc3339(record.time, 3),
                  short_end(about), record.protocol, inventory::confidence_name(record.confidence),
                  dissect::fact_name(record.fact), record.value);
}

const char* issue_header() {
  return "TIME                     FROM                  TO                    PROTOCOL     KIND   "
         "     WHAT\n";
}

void table_line(std::string& out, const engine::IssueRecord& record) {
  out += fmt::format("{:<24} {:<21} {:<21} {:<12} {:<11} {} ({})\n",
                     base::format_rfc3339(record.time, 3), short_end(record.from),
                     short_end(record.to), record.protocol, issue_name(record.issue.kind),
                     record.issue.what, record.issue.code);
}

const char* flow_header() {
  return "FIRST                    CLIENT                SERVER                TRANSPORT PROTOCOL  "
         " "
         "  PACKETS        BYTES   MESSAGES\n";
}

void table_line(std::string& out, const engine::FlowRecord& record) {
  std::string protocol(record.protocol == nullptr ? "-" : record.protocol->name);
  if (record.expected != nullptr) protocol += fmt::format(" (not {})", record.expected->name);
  out += fmt::format("{:<24} {:<21} {:<21} {:<9} {:<12} {:>7} {:>12} {:>10}\n",
                     base::format_rfc3339(record.first, 3),
                     short_end(record.info.end(dissect::other(record.info.server))),
                     short_end(record.info.end(record.info.server)),
                     engine::transport_text(record.info), protocol,
                     record.counts[0].packets + record.counts[1].packets,
                     record.counts[0].bytes + record.counts[1].bytes, record.messages);
}

}  // namespace sensor
