#pragma once

#include <string>
#include <string_view>

#include "store/event_details.h"

// Columns of raw events that came later, for rows that were stored before: what they hold of
// details that are kept as text (StoredColumn::derived).
namespace store {

std::string derived_field_sql(const EventColumn& column);
// Of the time stamps, TimestampLocal or TimestampUTC.
std::string derived_time_sql(std::string_view member);

}  // namespace store
