#pragma once

#include <string>

#include "sensor/engine/record.h"

namespace sensor {

// Records as lines of JSON, each with its newline, appended to `out`. Names are those of the
// reference page (docs/reference/sensor.md).
void json_line(std::string& out, const engine::TransactionRecord& record);
void json_line(std::string& out, const engine::EvidenceRecord& record);
void json_line(std::string& out, const engine::IssueRecord& record);
void json_line(std::string& out, const engine::FlowRecord& record);

// The same for people: one line of columns.
void table_line(std::string& out, const engine::TransactionRecord& record);
void table_line(std::string& out, const engine::EvidenceRecord& record);
void table_line(std::string& out, const engine::IssueRecord& record);
void table_line(std::string& out, const engine::FlowRecord& record);
const char* transaction_header();
const char* evidence_header();
const char* issue_header();
const char* flow_header();

}  // namespace sensor
