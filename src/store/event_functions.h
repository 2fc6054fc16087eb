#pragma once

#include <string>

#include <duckdb.h>

#include "base/result.h"

namespace store {

// Gives the database that the connection belongs to what the views over raw events call:
//   event_details(RawEventName, TimeStamp, DetailsForm, EventDetails, f_...): the JSON text
//   event_time(TimeStamp, DetailsForm, written, local): TimestampLocal or TimestampUTC of the text,
//     NULL where it has none; `written`: WrittenLocal or WrittenUtc; event_instant() the same as
//     KQL's ticks
//   kql_object_may_contain(text, EventDetails, f_...), with the columns that are texts, and
//     kql_object_may_say(), which takes the same: see kql::Shredded
// Once for each database that is opened. Errors: Invalid (DuckDB refuses one).
base::Result<void> register_event_functions(duckdb_connection connection);

// The call of event_details() over the columns of raw_event.
const std::string& event_details_call();

}  // namespace store
