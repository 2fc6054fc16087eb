#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/message.h"
#include "sigma/record.h"
#include "sigma/rule.h"

// What a rule looks at, and where it finds the fields that it names.
namespace sigma {

// What a log source means: usually one; all events that people or programs cause for
// `product: linux` alone. Empty: we have none of it.
std::vector<Source> sources_of(const LogSource& source);
// Why sources_of() is empty: "there are no events for logsource product=linux service=sshd: ...".
std::string no_events_reason(const LogSource& source);

// Where the text of a field is put when it does not lie in its event or record as it is.
struct FieldText {
  std::string buffer;
  std::string_view one;
};

// A field of one source by its name in rules: Sigma's, ours, ExtraDetails.<name>, of AuditRecord
// also those of the record itself, of the hub's records Properties.<name>. TimestampUTC and
// TimestampLocal are the time of it all.
class FieldReader {
 public:
  // nullopt: there is no such field.
  static std::optional<FieldReader> find(Source source, std::string_view field);

  // Ours: Executable, ExtraDetails.ParentExecutable, Record.a0.
  const std::string& name() const { return name_; }
  // Whether both read the same field of the same source.
  bool same(const FieldReader& other) const { return kind_ == other.kind_ && name_ == other.name_; }
  // All values, of an event at most one: views into the event or record, or into `text`, which must
  // live as long. Empty: it does not have the field. The subject is of the source that the field
  // was found for.
  std::span<const std::string_view> read(const Subject& subject, FieldText& text) const;
  // The same in one text, for people: several values with ", " between them.
  std::optional<std::string> read_all(const Subject& subject) const;

 private:
  enum class Kind : std::uint8_t {
    Schema,
    Time,
    LocalTime,
    Target,
    Audit,
    SystemCall,
    Declared,
    Property
  };
  static std::optional<FieldReader> find_in_record(Source source, std::string_view field);
  static std::optional<FieldReader> find_in_event(schema::EventName event, std::string_view field);
  std::optional<std::string_view> read_one(const Subject& subject, std::string& buffer) const;
  std::optional<std::string_view> read_audit(const schema::Event& event, std::size_t item,
                                             std::string& buffer) const;

  Kind kind_ = Kind::Schema;
  std::string name_;
  schema::FieldRef field_;
  schema::FieldRef second_;   // of Target: the new name
  std::string key_;           // of Audit and Property: the record's own name of it
  std::size_t position_ = 0;  // of Declared
};

// "expected a field of ProcessCreate or ExtraDetails.<name>, found 'Imag' (did you mean 'Image'?)"
std::string unknown_field(Source source, std::string_view field);

// The fields that keywords are looked for in: texts that the source declares, not its numbers.
std::vector<std::string_view> keyword_fields(Source source);

// What an alert is about when its rule does not say: the program, where there is one.
std::vector<std::string> default_entity(Source source);

// Who sent the event, by the names that rules have for it: DeviceId (also ComputerName and the
// like) or ModuleId; nullopt: the name is no such field. For correlations, which look at many
// devices.
std::optional<std::string_view> device_field(std::string_view field);

// The operations of FileEvent that a category of file events means; empty: all events.
std::vector<std::string_view> operations_of(const LogSource& source);

}  // namespace sigma
