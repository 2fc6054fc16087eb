#pragma once

#include <cstdint>
#include <string>

#include "sensor/engine/record.h"

// Records as lines of JSON that read like Suricata's EVE. Source: Suricata's manual, "EVE JSON
// Format". Threads: pure.
namespace sensor::formats {

// Appends one line. Flows are of event_type "flow", issues "anomaly"; transactions, which Suricata
// has in a shape for each protocol, are "vedette_transaction" with one shape for all, in the member
// of that name. What has no network address has its hardware addresses only.
void eve_line(std::string& out, const engine::FlowRecord& record, std::uint64_t flow);
void eve_line(std::string& out, const engine::IssueRecord& record, std::uint64_t flow);
void eve_line(std::string& out, const engine::TransactionRecord& record, std::uint64_t flow);

}  // namespace sensor::formats
