#pragma once

#include <string>
#include <vector>

#include "store/catalogue.h"

// Raw events as tables of their own, made from src/schema's definitions: a new event or field
// appears by itself.
namespace store {

// The table with the columns that its events' fields are kept in, and with what KQL needs to find
// them. It must have EventDetails.
TableDefinition with_event_columns(TableDefinition table);

// How long EventDetails is, in SQL.
const std::string& billed_size_expression();

// A view for each event, named after it: one row for each item, with its fields as columns of their
// types and ExtraDetails. Fields come before what all rows have, should they share a name.
const std::vector<TableDefinition>& event_views();

const TableDefinition& defender_table();      // DefenderIoTRawEvent
const TableDefinition& agent_health_table();  // AgentHealth

}  // namespace store
