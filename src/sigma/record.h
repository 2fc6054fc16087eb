#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "schema/message.h"
#include "shell/commands.h"

// What rules look at: an item of an event, or a record of another source. All of one source have
// the same fields.
namespace sigma {

// Where what rules look at comes from: a kind of event, or one of
// - commands: what a process that was started runs (shell::Commands), `category: command`;
// - operations of the hub (table IoTHubOperations), `service: hub_operations`;
// - changes of how the hub is set up (table IoTHubAudit), `service: hub_audit`.
class Source {
 public:
  static constexpr std::size_t kCount = schema::kEventNames + 3;

  // NOLINTNEXTLINE(google-explicit-constructor): a kind of event is a source.
  constexpr Source(schema::EventName event) : index_(static_cast<std::uint8_t>(event)) {}
  static constexpr Source command() { return Source(schema::kEventNames); }
  static constexpr Source hub_operation() { return Source(schema::kEventNames + 1); }
  static constexpr Source hub_audit() { return Source(schema::kEventNames + 2); }
  static constexpr Source at(std::size_t index) { return Source(index); }  // below kCount

  constexpr std::size_t index() const { return index_; }
  // nullopt: no event.
  std::optional<schema::EventName> event() const;
  std::string_view name() const;  // "ProcessCreate", "Command", "HubOperation", "HubAudit"
  // The fields that it declares, by the names that rules have for them.
  std::vector<std::string_view> fields() const;

  bool operator==(const Source&) const = default;

 private:
  constexpr explicit Source(std::size_t index) : index_(static_cast<std::uint8_t>(index)) {}

  std::uint8_t index_;
};

// clang-format off
// Columns of the tables; `Properties.<name>` beside them.
inline constexpr std::array<std::string_view, 31> kOperationFields = {
    "TimeGenerated", "Category", "OperationName", "Level", "StatusCode", "SubCode", "Reason",
    "ResultDescription", "DeviceId", "ModuleId", "GenerationId", "Protocol", "CallerIpAddress",
    "SdkVersion", "TlsVersion", "TlsCipher", "AuthScope", "AuthType", "AuthIssuer",
    "AuthPolicy", "CredentialHash", "IpFilterRule", "Count", "Bytes", "MeterUnits",
    "SecurityMessages", "SmallSecurityMessages", "DurationMs", "CorrelationId", "Identity",
    "Properties"};
inline constexpr std::array<std::string_view, 14> kAuditFields = {
    "TimeGenerated", "OperationName", "Category", "Target", "ResultType", "Result",
    "StatusCode", "ResultDescription", "Identity", "AuthenticationMethod", "CallerIpAddress",
    "CorrelationId", "Properties", "AuditId"};
// clang-format on

// Where a field stands in a record of its source. A name that is none does not compile.
consteval std::size_t field_position(std::span<const std::string_view> fields,
                                     std::string_view name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i] == name) return i;
  }
  throw "no such field";  // NOLINT: never at run time
}
constexpr std::size_t command_field(shell::Field field) {
  return static_cast<std::size_t>(field);
}
consteval std::size_t operation_field(std::string_view name) {
  return field_position(kOperationFields, name);
}
consteval std::size_t audit_field(std::string_view name) {
  return field_position(kAuditFields, name);
}

// A record of a source that is no event. A field may have several values; a rule's field matches
// when any of them does.
//
//   record.add(operation_field("Category"), "Connections");
//
// Texts are not copied: they must live until the record was matched. Threads: one at a time.
class Record {
 public:
  // `source` is no event.
  explicit Record(Source source);

  Source source() const { return source_; }
  // Forgets all values, and keeps the memory.
  void clear();

  // Adds a value. Values of one field are added one after another.
  void add(std::size_t field, std::string_view value);
  template <class Texts>
  void add_all(std::size_t field, const Texts& values) {
    for (const auto& value : values)
      add(field, value);
  }
  void add_number(std::size_t field, std::int64_t number);
  // As above, when there is something to add.
  void add_filled(std::size_t field, std::string_view value) {
    if (!value.empty()) add(field, value);
  }
  // What rules call Properties.<name>.
  void add_property(std::string_view name, std::string_view value);
  // When it happened: TimestampUTC and TimestampLocal.
  void set_time(base::OffsetTime time) { time_ = time; }

  // Empty: it does not have the field.
  std::span<const std::string_view> values(std::size_t field) const;
  std::optional<std::string_view> property(std::string_view name) const;
  base::OffsetTime time() const { return time_; }

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };

  Source source_;
  base::OffsetTime time_{};
  std::vector<Range> ranges_;
  std::vector<std::string_view> values_;
  std::vector<std::pair<std::string_view, std::string_view>> properties_;
  std::deque<std::string> numbers_;
};

// What rules look at just now; refers to it.
class Subject {
 public:
  Subject(const schema::Event& event, std::size_t item)
      : source_(event.name()), event_(&event), position_(item) {}
  // NOLINTNEXTLINE(google-explicit-constructor): what rules look at.
  Subject(const Record& record) : source_(record.source()), record_(&record) {}
  // One of the commands of a process that was started by `event`.
  Subject(const shell::Commands& commands, std::size_t command, const schema::Event& event)
      : source_(Source::command()), event_(&event), commands_(&commands), position_(command) {}

  Source source() const { return source_; }
  // Of an event and of a command; nullptr: a record.
  const schema::Event* event() const { return event_; }
  std::size_t item() const { return position_; }  // of an event
  std::optional<std::string_view> property(std::string_view name) const;
  // Of a source that is no event.
  std::span<const std::string_view> values(std::size_t field) const {
    if (commands_ != nullptr) return commands_->values(position_, static_cast<shell::Field>(field));
    return record_->values(field);
  }
  base::OffsetTime time() const { return event_ != nullptr ? event_->time : record_->time(); }

 private:
  Source source_;
  const schema::Event* event_ = nullptr;
  const Record* record_ = nullptr;
  const shell::Commands* commands_ = nullptr;
  std::size_t position_ = 0;
};

}  // namespace sigma
