#include "sensor/formats/zeek.h"

#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "sensor/engine/words.h"
#include "sensor/formats/flow_names.h"

namespace sensor::formats {

using dissect::End;
using dissect::Side;
using dissect::Transport;

namespace {

constexpr std::string_view kUnset = "-";
constexpr std::string_view kEmpty = "(empty)";

std::string header(std::string_view path, std::string_view fields, std::string_view types) {
  std::string text = fmt::format(
      "#separator \\x09\n#set_separator\t,\n#empty_field\t{}\n#unset_field\t{}\n#path\t{}\n",
      kEmpty, kUnset, path);
  text += fmt::format("#fields\t{}\n#types\t{}\n", fields, types);
  return text;
}

// One line, field by field.
class Line {
 public:
  explicit Line(std::string& out) : out_(out) {}

  void text(std::string_view value) {
    begin();
    if (value.empty()) {
      out_ += kUnset;
    } else if (value == kUnset) {
      out_ += "\\x2d";
    } else {
      escaped(value);
    }
  }
  void number(std::uint64_t value) {
    begin();
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void unset() {
    begin();
    out_ += kUnset;
  }
  void flag(bool value) {
    begin();
    out_ += value ? 'T' : 'F';
  }
  // Seconds since 1970, and how long something took.
  void time(base::WallTime value) { seconds(value.time_since_epoch()); }
  void seconds(std::chrono::nanoseconds value) {
    begin();
    const auto micros = std::chrono::floor<std::chrono::microseconds>(value).count();
    fmt::format_to(std::back_inserter(out_), "{}.{:06}", micros / 1'000'000, micros % 1'000'000);
  }
  // A set whose elements have no comma of their own that is not escaped.
  template <class List, class Text>
  void set(const List& list, Text text_of) {
    begin();
    if (list.empty()) {
      out_ += kEmpty;
      return;
    }
    bool first = true;
    for (const auto& one : list) {
      if (!std::exchange(first, false)) out_ += ',';
      escaped(text_of(one), ',');
    }
  }
  void end() { out_ += '\n'; }

 private:
  void begin() {
    if (begun_) out_ += '\t';
    begun_ = true;
  }
  void escaped(std::string_view value, char separator = '\t') {
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7F || c == '\\' || c == separator) {
        fmt::format_to(std::back_inserter(out_), "\\x{:02x}", byte);
      } else {
        out_ += c;
      }
    }
  }

  std::string& out_;
  bool begun_ = false;
};

std::string_view transport_name(const dissect::FlowInfo& info) {
  constexpr std::uint16_t kIcmp = 1;
  constexpr std::uint16_t kIcmp6 = 58;
  switch (info.transport) {
    case Transport::Tcp:
      return "tcp";
    case Transport::Udp:
      return "udp";
    case Transport::Ip:
      return info.selector == kIcmp || info.selector == kIcmp6 ? "icmp" : "unknown_transport";
    case Transport::Link:
      break;
  }
  return "unknown_transport";
}

void ends(Line& line, const End& client, const End& server) {
  line.text(client.ip.text());
  line.number(client.port);
  line.text(server.ip.text());
  line.number(server.port);
}

void vlan(Line& line, std::uint16_t number) {
  if (number == 0) {
    line.unset();
  } else {
    line.number(number);
  }
}

std::size_t index_of(Side side) {
  return static_cast<std::size_t>(side);
}

std::string_view udp_state(bool client, bool server) {
  if (client && server) return "SF";
  return client ? "S0" : "SHR";
}

}  // namespace

std::string_view zeek_service(std::string_view protocol) {
  if (protocol == "tls") return "ssl";
  if (protocol == "kerberos") return "krb";
  if (protocol == "nbns" || protocol == "llmnr" || protocol == "mdns") return "dns";
  return protocol;
}

std::string_view connection_state(const engine::FlowRecord& record) {
  constexpr std::uint8_t kFin = 1;
  constexpr std::uint8_t kSyn = 2;
  constexpr std::uint8_t kReset = 4;
  const Side server = record.info.server;
  const Side client = dissect::other(server);
  const bool asked = record.heard[index_of(client)];
  const bool answered = record.heard[index_of(server)];
  if (record.info.transport != Transport::Tcp) return udp_state(asked, answered);
  const std::uint8_t from = record.tcp_flags[index_of(client)];
  const std::uint8_t to = record.tcp_flags[index_of(server)];
  const bool began = (from & kSyn) != 0;
  const bool accepted = (to & kSyn) != 0;
  if (began && !answered) {
    if ((from & kReset) != 0) return "RSTOS0";
    return (from & kFin) != 0 ? "SH" : "S0";
  }
  if (began && !accepted) return (to & kReset) != 0 ? "REJ" : "OTH";
  if (!began && accepted && !asked) {
    if ((to & kReset) != 0) return "RSTRH";
    return (to & kFin) != 0 ? "SHR" : "OTH";
  }
  if (!began || !accepted) return "OTH";
  if ((from & kReset) != 0) return "RSTO";
  if ((to & kReset) != 0) return "RSTR";
  if ((from & kFin) != 0 && (to & kFin) != 0) return "SF";
  if ((from & kFin) != 0) return "S2";
  return (to & kFin) != 0 ? "S3" : "S1";
}

std::string zeek_flow_header() {
  return header(
      "conn",
      "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\t"
      "orig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\t"
      "orig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\tvlan\t"
      "orig_l2_addr\tresp_l2_addr",
      "time\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\t"
      "string\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\tint\t"
      "string\tstring");
}

void zeek_line(std::string& out, const engine::FlowRecord& record, std::uint64_t flow) {
  const Side server_side = record.info.server;
  const End& client = record.info.end(dissect::other(server_side));
  const End& server = record.info.end(server_side);
  if (client.ip.none() || server.ip.none()) return;
  const flow::SideCounts& from = record.counts[index_of(dissect::other(server_side))];
  const flow::SideCounts& to = record.counts[index_of(server_side)];
  Line line(out);
  line.time(record.first);
  line.text(flow_uid(flow));
  ends(line, client, server);
  line.text(transport_name(record.info));
  line.text(record.protocol == nullptr ? std::string_view() : zeek_service(record.protocol->name));
  line.seconds(record.last - record.first);
  line.number(from.payload);
  line.number(to.payload);
  line.text(connection_state(record));
  line.unset();  // local_orig
  line.unset();  // local_resp
  line.unset();  // missed_bytes: gaps are counted, not measured, for each flow
  line.unset();  // history
  line.number(from.packets);
  line.number(from.bytes);
  line.number(to.packets);
  line.number(to.bytes);
  line.set(std::array<std::string, 0>(), [](const std::string& one) { return one; });
  vlan(line, record.vlan);
  line.text(client.mac.text());
  line.text(server.mac.text());
  line.end();
}

std::string zeek_issue_header() {
  return header("weird",
                "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tname\taddl\tnotice\tpeer\t"
                "source",
                "time\tstring\taddr\tport\taddr\tport\tstring\tstring\tbool\tstring\tstring");
}

void zeek_line(std::string& out, const engine::IssueRecord& record, std::uint64_t flow) {
  if (record.from.ip.none() || record.to.ip.none()) return;
  Line line(out);
  line.time(record.time);
  line.text(flow_uid(flow));
  ends(line, record.from, record.to);
  std::string name(record.issue.what);
  for (char& c : name) {
    if (c == ' ') c = '_';
  }
  line.text(name);
  line.number(record.issue.code);
  line.flag(false);
  line.unset();
  line.text(record.protocol);
  line.end();
}

std::string zeek_transaction_header() {
  return header(
      "vedette_transaction",
      "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tprotocol\taccess\toperation\t"
      "sub_operation\tunit\tobjects\toutcome\tstatus\trequest_bytes\tresponse_bytes\trtt\tvlan",
      "time\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring\tcount\tset[string]\t"
      "string\tstring\tcount\tcount\tinterval\tint");
}

void zeek_line(std::string& out, const engine::TransactionRecord& record, std::uint64_t flow) {
  static constexpr std::array<std::string_view, 3> kOutcomes = {"unknown", "ok", "failed"};
  const dissect::Transaction& one = record.transaction;
  if (one.client.ip.none() || one.server.ip.none()) return;
  Line line(out);
  line.time(one.time);
  line.text(flow_uid(flow));
  ends(line, one.client, one.server);
  line.text(one.protocol);
  line.text(dissect::access_name(one.access));
  line.text(engine::operation_text(one.operation));
  line.text(one.sub_operation.name);
  if (one.unit) {
    line.number(*one.unit);
  } else {
    line.unset();
  }
  line.set(one.objects, engine::object_text);
  line.text(kOutcomes.at(static_cast<std::size_t>(one.status.outcome)));
  line.text(one.status.name);
  line.number(one.request_bytes);
  line.number(one.response_bytes);
  if (one.answered) {
    line.seconds(*one.answered - one.time);
  } else {
    line.unset();
  }
  vlan(line, one.vlan);
  line.end();
}

}  // namespace sensor::formats
