#include "store/event_upgrade.h"

#include <fmt/format.h>

namespace store {

namespace {

// `expression` for rows that have all of their details as JSON text.
std::string of_whole_text(std::string_view expression) {
  return fmt::format("CASE WHEN DetailsForm IS NULL AND json_valid(EventDetails) THEN {} END",
                     expression);
}

}  // namespace

std::string derived_field_sql(const EventColumn& column) {
  const std::string text =
      fmt::format("json_extract_string(EventDetails, '$.\"{}\"')", column.field);
  if (column.kind == schema::FieldKind::Integer)
    return of_whole_text(fmt::format("TRY_CAST({} AS BIGINT)", text));
  if (column.kind == schema::FieldKind::Boolean)
    return of_whole_text(fmt::format("TRY_CAST({} AS BOOLEAN)", text));
  return of_whole_text(text);
}

std::string derived_time_sql(std::string_view member) {
  return of_whole_text(
      fmt::format("CASE WHEN json_type(EventDetails, '$.\"{0}\"') = 'VARCHAR' THEN "
                  "json_extract_string(EventDetails, '$.\"{0}\"') END",
                  member));
}

}  // namespace store
