#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "sensor/formats/eve.h"
#include "sensor/formats/flow_names.h"
#include "sensor/formats/zeek.h"

namespace sensor::formats {

namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kReset = 4;
constexpr std::uint8_t kAck = 16;

constexpr dissect::Transport kTcp[] = {dissect::Transport::Tcp};
const dissect::Protocol kTls{.name = "tls",
                             .title = "TLS",
                             .industrial = false,
                             .transports = kTcp,
                             .ports = {},
                             .selectors = {},
                             .probe = nullptr,
                             .open = nullptr};

dissect::End end(std::uint8_t number, std::uint16_t port) {
  const std::array<std::uint8_t, 4> ip = {10, 0, 0, number};
  const std::array<std::uint8_t, 6> mac = {0, 0x1D, 0x9C, 0, 0, number};
  return {.mac = dissect::MacAddress::of(mac), .ip = dissect::IpAddress::of(ip), .port = port};
}

engine::FlowRecord flow() {
  engine::FlowRecord record;
  record.info.a = end(9, 443);
  record.info.b = end(1, 50000);
  record.info.server = dissect::Side::A;
  record.first = base::WallTime(1'700'000'000s + 250ms);
  record.last = record.first + 1500ms;
  record.counts[0] = {.packets = 3, .bytes = 300, .payload = 100};
  record.counts[1] = {.packets = 4, .bytes = 400, .payload = 150};
  record.heard[0] = record.heard[1] = true;
  record.tcp_flags[0] = record.tcp_flags[1] = kSyn | kAck | kFin;
  record.protocol = &kTls;
  record.vlan = 12;
  return record;
}

engine::TransactionRecord transaction() {
  engine::TransactionRecord record;
  dissect::Transaction& one = record.transaction;
  one.protocol = "modbus";
  one.client = end(1, 50000);
  one.server = end(9, 502);
  one.time = base::WallTime(1'700'000'000s);
  one.answered = one.time + 1250us;
  one.operation = {.code = 16, .name = "Write\tRegisters"};
  one.access = dissect::Access::Write;
  one.objects = {{.space = "tag", .name = "a,b", .first = 0, .count = 0},
                 {.space = "holding registers", .name = "", .first = 10, .count = 2}};
  one.status = {.outcome = dissect::Outcome::Failed, .code = 2, .name = "illegal data address"};
  return record;
}

engine::IssueRecord issue() {
  engine::IssueRecord record;
  record.time = base::WallTime(1'700'000'000s);
  record.packet = 7;
  record.protocol = "modbus";
  record.from = end(1, 50000);
  record.to = end(9, 502);
  record.issue = {.kind = dissect::Issue::Kind::Malformed, .what = "Function code 0"};
  return record;
}

// A log's fields by name, of its only line.
std::map<std::string, std::string> fields_of(const std::string& header, const std::string& line) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> types;
  for (const std::string_view one : base::split(header, '\n')) {
    if (one.starts_with("#fields\t")) names = base::split(one.substr(8), '\t');
    if (one.starts_with("#types\t")) types = base::split(one.substr(7), '\t');
  }
  EXPECT_EQ(names.size(), types.size());
  EXPECT_TRUE(line.ends_with('\n'));
  const auto values = base::split(std::string_view(line).substr(0, line.size() - 1), '\t');
  EXPECT_EQ(values.size(), names.size()) << line;
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i < std::min(names.size(), values.size()); ++i)
    fields[std::string(names[i])] = values[i];
  return fields;
}

base::json::Value parsed(const std::string& line) {
  EXPECT_TRUE(line.ends_with('\n'));
  auto value = base::json::parse(line);
  EXPECT_TRUE(value) << line;
  return value ? *value : base::json::Value();
}

std::string at(const base::json::Value& value, std::string_view name) {
  const base::json::Value* const member = value.find(name);
  return member == nullptr ? "absent" : member->to_json();
}

}  // namespace

TEST(FlowNames, AreTheSameAndTheirOwn) {
  EXPECT_EQ(flow_uid(1), flow_uid(1));
  EXPECT_EQ(flow_uid(1).size(), 18U);
  std::set<std::string> names;
  for (std::uint64_t flow = 0; flow < 10'000; ++flow)
    names.insert(flow_uid(flow));
  EXPECT_EQ(names.size(), 10'000U);
}

TEST(Eve, NoTwoFlowsShareANumberThatJsonKeeps) {
  std::set<std::string> numbers;
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1'795'000'000'000'000}}) {
    for (std::uint64_t flow = first; flow < first + 5000; ++flow) {
      std::string line;
      eve_line(line, engine::FlowRecord(), flow);
      const std::string number = at(parsed(line), "flow_id");
      EXPECT_LT(std::stoull(number), std::uint64_t{1} << 53U);
      numbers.insert(number);
    }
  }
  EXPECT_EQ(numbers.size(), 10'000U);
}

TEST(Zeek, WritesConnections) {
  std::string line;
  zeek_line(line, flow(), 5);
  auto fields = fields_of(zeek_flow_header(), line);
  EXPECT_EQ(fields["ts"], "1700000000.250000");
  EXPECT_EQ(fields["uid"], flow_uid(5));
  EXPECT_EQ(fields["id.orig_h"], "10.0.0.1");
  EXPECT_EQ(fields["id.resp_p"], "443");
  EXPECT_EQ(fields["proto"], "tcp");
  EXPECT_EQ(fields["service"], "ssl");
  EXPECT_EQ(fields["duration"], "1.500000");
  EXPECT_EQ(fields["orig_bytes"], "150");
  EXPECT_EQ(fields["resp_ip_bytes"], "300");
  EXPECT_EQ(fields["conn_state"], "SF");
  EXPECT_EQ(fields["tunnel_parents"], "(empty)");
  EXPECT_EQ(fields["vlan"], "12");
  EXPECT_EQ(fields["orig_l2_addr"], "00:1d:9c:00:00:01");
  EXPECT_EQ(fields["history"], "-");
}

TEST(Zeek, SaysHowConnectionsWent) {
  struct Case {
    std::uint8_t client;
    std::uint8_t server;
    bool answered;
    const char* state;
  };
  const Case cases[] = {{kSyn, 0, false, "S0"},
                        {kSyn | kFin, 0, false, "SH"},
                        {kSyn | kReset, 0, false, "RSTOS0"},
                        {kSyn, kReset | kAck, true, "REJ"},
                        {kSyn | kAck, kSyn | kAck, true, "S1"},
                        {kSyn | kAck | kFin, kSyn | kAck, true, "S2"},
                        {kSyn | kAck, kSyn | kAck | kFin, true, "S3"},
                        {kSyn | kFin, kSyn | kFin, true, "SF"},
                        {kSyn | kReset, kSyn, true, "RSTO"},
                        {kSyn, kSyn | kReset, true, "RSTR"},
                        {kAck, kAck, true, "OTH"}};
  for (const Case& one : cases) {
    engine::FlowRecord record = flow();
    record.tcp_flags[1] = one.client;
    record.tcp_flags[0] = one.server;
    record.heard[0] = one.answered;
    EXPECT_EQ(connection_state(record), one.state);
  }
  engine::FlowRecord record = flow();
  record.heard[1] = false;
  record.tcp_flags[1] = 0;
  record.tcp_flags[0] = kSyn | kAck | kFin;
  EXPECT_EQ(connection_state(record), "SHR");
  record.info.transport = dissect::Transport::Udp;
  EXPECT_EQ(connection_state(record), "SHR");
  record.heard[1] = true;
  EXPECT_EQ(connection_state(record), "SF");
}

TEST(Zeek, EscapesWhatSeparates) {
  std::string line;
  zeek_line(line, transaction(), 5);
  auto fields = fields_of(zeek_transaction_header(), line);
  EXPECT_EQ(fields["operation"], "Write\\x09Registers");
  EXPECT_EQ(fields["objects"], "tag a\\x2cb,holding registers 10-11");
  EXPECT_EQ(fields["rtt"], "0.001250");
  EXPECT_EQ(fields["status"], "illegal data address");
  EXPECT_EQ(fields["unit"], "-");
  line.clear();
  zeek_line(line, issue(), 5);
  fields = fields_of(zeek_issue_header(), line);
  EXPECT_EQ(fields["name"], "Function_code_0");
  EXPECT_EQ(fields["notice"], "F");
  EXPECT_EQ(fields["source"], "modbus");
}

TEST(Zeek, LeavesOutWhatHasNoNetworkAddress) {
  engine::FlowRecord record = flow();
  record.info.a.ip = {};
  std::string line;
  zeek_line(line, record, 5);
  EXPECT_EQ(line, "");
}

TEST(Eve, WritesFlows) {
  std::string line;
  eve_line(line, flow(), 5);
  const auto event = parsed(line);
  EXPECT_EQ(at(event, "timestamp"), "\"2023-11-14T22:13:21.750000+0000\"");
  EXPECT_EQ(at(event, "event_type"), "\"flow\"");
  EXPECT_EQ(at(event, "src_ip"), "\"10.0.0.1\"");
  EXPECT_EQ(at(event, "dest_port"), "443");
  EXPECT_EQ(at(event, "proto"), "\"TCP\"");
  EXPECT_EQ(at(event, "app_proto"), "\"tls\"");
  EXPECT_EQ(at(event, "vlan"), "[12]");
  const base::json::Value* const inner = event.find("flow");
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(at(*inner, "pkts_toserver"), "4");
  EXPECT_EQ(at(*inner, "bytes_toclient"), "300");
  EXPECT_EQ(at(*inner, "state"), "\"closed\"");
  EXPECT_EQ(at(*inner, "age"), "1");
  const base::json::Value* const tcp = event.find("tcp");
  ASSERT_NE(tcp, nullptr);
  EXPECT_EQ(at(*tcp, "tcp_flags_ts"), "\"13\"");
  EXPECT_EQ(at(*tcp, "fin"), "true");
}

TEST(Eve, WritesTransactionsAndAnomalies) {
  std::string line;
  eve_line(line, transaction(), 5);
  const auto event = parsed(line);
  EXPECT_EQ(at(event, "event_type"), "\"vedette_transaction\"");
  EXPECT_EQ(at(event, "app_proto"), "\"modbus\"");
  const base::json::Value* const inner = event.find("vedette_transaction");
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(at(*inner, "access"), "\"write\"");
  EXPECT_EQ(at(*inner, "objects"), "[\"tag a,b\",\"holding registers 10-11\"]");
  EXPECT_EQ(at(*inner, "answer_microseconds"), "1250");
  std::string second;
  eve_line(second, issue(), 5);
  const auto anomaly = parsed(second);
  EXPECT_EQ(at(anomaly, "flow_id"), at(event, "flow_id"));
  EXPECT_EQ(at(anomaly, "pcap_cnt"), "7");
  const base::json::Value* const what = anomaly.find("anomaly");
  ASSERT_NE(what, nullptr);
  EXPECT_EQ(at(*what, "event"), "\"function_code_0\"");
  EXPECT_EQ(at(*what, "type"), "\"applayer\"");
}

}  // namespace sensor::formats
