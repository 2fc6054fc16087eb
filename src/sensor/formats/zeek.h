#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sensor/engine/record.h"

// Records as tab-separated logs that read like Zeek's. Source: Zeek's manual, "Zeek Log Formats",
// conn.log and weird.log. Threads: pure.
namespace sensor::formats {

// The lines before the first record: flows are conn.log, with MAC addresses and VLAN as its
// policy scripts add them; issues weird.log. Transactions have no log of that shape in Zeek: theirs
// is vedette_transaction.log, with columns of our own after the usual ones.
std::string zeek_flow_header();
std::string zeek_issue_header();
std::string zeek_transaction_header();

// One line each, appended. Nothing for what has no network address: Zeek's logs are about IP.
void zeek_line(std::string& out, const engine::FlowRecord& record, std::uint64_t flow);
void zeek_line(std::string& out, const engine::IssueRecord& record, std::uint64_t flow);
void zeek_line(std::string& out, const engine::TransactionRecord& record, std::uint64_t flow);

// How a connection went, as conn.log says: S0, SF, REJ, OTH ...
std::string_view connection_state(const engine::FlowRecord& record);
// What Zeek calls a protocol of ours: ssl for tls.
std::string_view zeek_service(std::string_view protocol);

}  // namespace sensor::formats
