#include "sensor/formats/eve.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "sensor/engine/words.h"
#include "sensor/formats/flow_names.h"

namespace sensor::formats {

using base::json::Writer;
using dissect::End;
using dissect::Side;
using dissect::Transport;

namespace {

// As Suricata writes it: microseconds, and the offset without a colon.
std::string timestamp(base::WallTime time) {
  std::string text = base::format_rfc3339(time, 6);
  if (text.ends_with('Z')) text.replace(text.size() - 1, 1, "+0000");
  return text;
}

// JSON's readers keep 53 bits. One to one among as many, too, so that no two flows share a number.
std::uint64_t flow_id(std::uint64_t flow) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << 53U) - 1;
  std::uint64_t mixed = (flow + 0x9E3779B97F4A7C15ULL) & kMask;
  mixed = (mixed ^ (mixed >> 25U)) * 0xBF58476D1CE4E5B9ULL & kMask;
  mixed = (mixed ^ (mixed >> 23U)) * 0x94D049BB133111EBULL & kMask;
  return mixed ^ (mixed >> 27U);
}

std::string_view app_proto(std::string_view protocol) {
  if (protocol == "kerberos") return "krb5";
  return protocol;
}

// Members that all events begin with.
void begin(Writer& json, base::WallTime time, std::uint64_t flow, std::string_view type) {
  json.begin_object();
  json.field("timestamp", timestamp(time));
  json.field("flow_id", flow_id(flow));
  json.field("event_type", type);
}

void write_ends(Writer& json, const End& from, const End& to, std::uint16_t vlan) {
  if (vlan != 0) {
    json.key("vlan");
    json.begin_array();
    json.value(std::uint64_t{vlan});
    json.end_array();
  }
  if (!from.ip.none()) json.field("src_ip", from.ip.text());
  if (from.port != 0) json.field("src_port", std::uint64_t{from.port});
  if (!to.ip.none()) json.field("dest_ip", to.ip.text());
  if (to.port != 0) json.field("dest_port", std::uint64_t{to.port});
  if (from.mac.none() && to.mac.none()) return;
  json.key("ether");
  json.begin_object();
  if (!from.mac.none()) json.field("src_mac", from.mac.text());
  if (!to.mac.none()) json.field("dest_mac", to.mac.text());
  json.end_object();
}

std::string transport_name(const dissect::FlowInfo& info) {
  constexpr std::uint16_t kIcmp = 1;
  constexpr std::uint16_t kIcmp6 = 58;
  switch (info.transport) {
    case Transport::Tcp:
      return "TCP";
    case Transport::Udp:
      return "UDP";
    case Transport::Ip:
      if (info.selector == kIcmp) return "ICMP";
      return info.selector == kIcmp6 ? "IPv6-ICMP" : fmt::format("{:03}", info.selector);
    case Transport::Link:
      break;
  }
  return engine::transport_text(info);
}

std::string_view state_of(const engine::FlowRecord& record) {
  constexpr std::uint8_t kEnd = 1 | 4;  // FIN, RST
  if (record.info.transport == Transport::Tcp &&
      ((record.tcp_flags[0] | record.tcp_flags[1]) & kEnd) != 0)
    return "closed";
  return record.heard[0] && record.heard[1] ? "established" : "new";
}

void write_tcp(Writer& json, const engine::FlowRecord& record, Side client) {
  const auto flags = [&](Side side) { return record.tcp_flags[static_cast<std::size_t>(side)]; };
  const std::uint8_t all = flags(Side::A) | flags(Side::B);
  json.key("tcp");
  json.begin_object();
  json.field("tcp_flags", fmt::format("{:02x}", all));
  json.field("tcp_flags_ts", fmt::format("{:02x}", flags(client)));
  json.field("tcp_flags_tc", fmt::format("{:02x}", flags(dissect::other(client))));
  static constexpr std::pair<std::uint8_t, std::string_view> kFlags[] = {
      {1, "fin"}, {2, "syn"}, {4, "rst"}, {8, "psh"}, {16, "ack"}, {32, "urg"}};
  for (const auto& [bit, name] : kFlags) {
    if ((all & bit) != 0) json.field(name, true);
  }
  json.end_object();
}

}  // namespace

void eve_line(std::string& out, const engine::FlowRecord& record, std::uint64_t flow) {
  const Side server = record.info.server;
  const Side client = dissect::other(server);
  const flow::SideCounts& from = record.counts[static_cast<std::size_t>(client)];
  const flow::SideCounts& to = record.counts[static_cast<std::size_t>(server)];
  Writer json(out);
  begin(json, record.last, flow, "flow");
  write_ends(json, record.info.end(client), record.info.end(server), record.vlan);
  json.field("proto", transport_name(record.info));
  json.field("app_proto", record.protocol == nullptr ? std::string_view("failed")
                                                     : app_proto(record.protocol->name));
  if (record.expected != nullptr)
    json.field("app_proto_expected", app_proto(record.expected->name));
  json.key("flow");
  json.begin_object();
  json.field("pkts_toserver", from.packets);
  json.field("pkts_toclient", to.packets);
  json.field("bytes_toserver", from.bytes);
  json.field("bytes_toclient", to.bytes);
  json.field("start", timestamp(record.first));
  json.field("end", timestamp(record.last));
  json.field("age", std::chrono::floor<std::chrono::seconds>(record.last - record.first).count());
  json.field("state", state_of(record));
  json.field("reason", record.over ? "timeout" : "unknown");
  json.field("alerted", false);
  json.end_object();
  if (record.info.transport == Transport::Tcp) write_tcp(json, record, client);
  json.end_object();
  out += '\n';
}

void eve_line(std::string& out, const engine::IssueRecord& record, std::uint64_t flow) {
  Writer json(out);
  begin(json, record.time, flow, "anomaly");
  if (record.packet != 0) json.field("pcap_cnt", record.packet);
  write_ends(json, record.from, record.to, record.vlan);
  json.field("app_proto", app_proto(record.protocol));
  json.key("anomaly");
  json.begin_object();
  json.field("type", record.protocol.empty() ? "stream" : "applayer");
  std::string event = base::to_lower(record.issue.what);
  std::ranges::replace(event, ' ', '_');
  json.field("event", event);
  json.field("code", std::uint64_t{record.issue.code});
  json.field("layer", record.protocol.empty() ? "stream" : "proto_parser");
  json.end_object();
  json.end_object();
  out += '\n';
}

void eve_line(std::string& out, const engine::TransactionRecord& record, std::uint64_t flow) {
  const dissect::Transaction& one = record.transaction;
  Writer json(out);
  begin(json, one.time, flow, "vedette_transaction");
  if (one.packet != 0) json.field("pcap_cnt", one.packet);
  write_ends(json, one.client, one.server, one.vlan);
  json.field("app_proto", app_proto(one.protocol));
  json.key("vedette_transaction");
  json.begin_object();
  json.field("access", dissect::access_name(one.access));
  json.field("operation", engine::operation_text(one.operation));
  if (!one.sub_operation.name.empty()) json.field("sub_operation", one.sub_operation.name);
  if (one.unit) json.field("unit", std::uint64_t{*one.unit});
  json.key("objects");
  json.begin_array();
  for (const dissect::NamedObject& object : one.objects)
    json.value(engine::object_text(object));
  json.end_array();
  static constexpr std::string_view kOutcomes[] = {"unknown", "ok", "failed"};
  json.field("outcome", kOutcomes[static_cast<std::size_t>(one.status.outcome)]);
  if (!one.status.name.empty()) json.field("status", one.status.name);
  json.field("request_bytes", std::uint64_t{one.request_bytes});
  json.field("response_bytes", std::uint64_t{one.response_bytes});
  if (one.answered) {
    const auto took = std::chrono::floor<std::chrono::microseconds>(*one.answered - one.time);
    json.field("answer_microseconds", std::int64_t{took.count()});
  }
  json.end_object();
  json.end_object();
  out += '\n';
}

}  // namespace sensor::formats
