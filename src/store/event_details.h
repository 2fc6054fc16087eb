#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kql/ticks.h"
#include "schema/fields.h"

// How the store keeps EventDetails, the JSON object of a raw event: the fields that events are
// looked for by in columns of their own, and what is left as text. What is written the way the hub
// writes it comes out byte for byte; any other text is kept as it is.
// Threads: pure; a DetailsSplitter is for one at a time.
namespace store {

// A field with a column: one of what triggered security events consist of, under one name whatever
// the event.
struct EventColumn {
  std::string_view field;   // ProcessId
  std::string_view column;  // its name in raw_event
  schema::FieldKind kind;   // Integer: BIGINT, Boolean: BOOLEAN, else VARCHAR. NULL: no such field
};
std::span<const EventColumn> event_columns();
inline constexpr std::size_t kMaxEventColumns = 64;

// What stands before the fields of `details`, in the column "DetailsForm": the offset in minutes
// from UTC that TimestampLocal is written with, or that there are no time stamps. NULL: the text is
// not the hub's, and EventDetails has all of it.
inline constexpr std::int32_t kWithoutTimes = -32'768;

// Takes details apart, again and again.
class DetailsSplitter {
 public:
  struct Field {
    std::string_view text;
    std::int64_t number = 0;  // of an Integer; 0 or 1 of a Boolean
  };

  // What it finds can be read until the next call, while `details` lives.
  void split(std::string_view event, kql::Ticks time_stamp, std::string_view details);

  std::optional<std::int32_t> form() const { return form_; }
  // The times of a text that is kept whole, as written, where they are strings; nullopt otherwise,
  // and of any other text.
  std::optional<std::string_view> written_local() const { return written_local_; }
  std::optional<std::string_view> written_utc() const { return written_utc_; }
  // The members without a column as an object, empty when there are none; or the whole text.
  std::string_view rest() const { return rest_; }
  // Of event_columns()[index]; nullptr when the details do not have it.
  const Field* field(std::size_t index) const {
    return (present_ >> index & 1U) != 0 ? &fields_[index] : nullptr;
  }

 private:
  bool split_canonical(const schema::EventInfo& info, std::span<const std::int16_t> columns,
                       kql::Ticks time_stamp, std::string_view details);
  bool take_value(std::string_view& text, std::size_t column);
  bool take_text(std::string_view& text, Field& field);
  void split_foreign(std::string_view details, const schema::EventInfo* info,
                     std::span<const std::int16_t> columns);

  std::optional<std::int32_t> form_;
  std::string_view rest_;
  std::uint64_t present_ = 0;
  Field fields_[kMaxEventColumns];
  std::optional<std::string> written_local_;
  std::optional<std::string> written_utc_;
  std::string rest_text_;
  std::deque<std::string> unescaped_;  // fields may point into it
  std::size_t unescaped_count_ = 0;
};

// Puts details together, again and again.
class DetailsJoiner {
 public:
  // Appends the text that was split. `field` gives the columns' values, nullptr for NULL.
  using Fields = const DetailsSplitter::Field* const*;
  void join(std::string_view event, kql::Ticks time_stamp, std::int32_t form, std::string_view rest,
            Fields fields, std::string& out);

 private:
  std::string event_;  // the last one, and what is known of it
  const schema::EventInfo* info_ = nullptr;
  std::span<const std::int16_t> columns_;
};

// The time as details have it: 2018-08-10T14:01:21.000+02:00.
void append_details_time(kql::Ticks time, std::int32_t offset_minutes, std::string& out);

}  // namespace store
