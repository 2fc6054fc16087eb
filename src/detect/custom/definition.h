#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "detect/alerts.h"
#include "detect/custom/address_set.h"
#include "detect/custom/type.h"

// What somebody wants to be alerted of, about the devices of a security group.
namespace detect::custom {

enum class ListMode : std::uint8_t { Allow, Deny };

inline constexpr std::string_view kDefaultGroup = "default";
inline constexpr std::chrono::seconds kShortest{std::chrono::minutes{5}};
inline constexpr std::chrono::seconds kLongest{std::chrono::days{1}};
inline constexpr std::size_t kMaxValues = 1000;
inline constexpr std::size_t kMaxValue = 1024;        // bytes
inline constexpr std::size_t kMaxGroup = 128;         // bytes
inline constexpr std::size_t kMaxDescription = 4096;  // bytes

struct Definition {
  std::string group{kDefaultGroup};
  Type type = Type::ActiveConnections;
  bool enabled = true;
  Severity severity = Severity::Low;
  std::string description;  // why, in its author's words
  // Of a Range: what is below `min` or above `max` raises an alert.
  std::chrono::seconds window{std::chrono::hours{1}};
  std::int64_t min = 0;
  std::optional<std::int64_t> max;
  // Of a List: Allow raises an alert for what is not on it, Deny for what is. Addresses and blocks
  // of them; names of users, exactly; paths of programs, or their names without a slash.
  ListMode mode = ListMode::Allow;
  std::vector<std::string> values;

  const TypeInfo& info() const { return type_info(type); }
  bool operator==(const Definition&) const = default;
};

// What there can be one of: equal for definitions of the same group, type, and window or mode.
std::string id_of(const Definition& definition);

// {"group","type","window","min","max","allow" or "deny","severity","enabled","description"}.
// Instead of "type" there may be "metric" and "protocol". Errors: Invalid (the detail says what was
// expected).
base::Result<Definition> read_definition(const base::json::Value& object);
// The same members, without braces around them.
void write_members(base::json::Writer& writer, const Definition& definition);
// Errors: as of read_definition(). What it accepts can be in force.
base::Result<void> check(const Definition& definition);

// A definition made ready to compare. Never changes. Threads: any.
class Rule {
 public:
  // `definition` passed check(). `since`: where its first window begins; nothing before counts.
  Rule(std::string id, Definition definition, base::WallTime since);

  const std::string& id() const { return id_; }
  const Definition& definition() const { return definition_; }
  const TypeInfo& info() const { return definition_.info(); }
  base::WallTime since() const { return since_; }
  const RuleInfo& alert() const { return alert_; }

  // The window that a time lies in; negative before `since`.
  std::int64_t window_of(base::WallTime time) const;
  base::WallTime start_of(std::int64_t window) const;

  // Of a List: why it raises an alert about this value; nullopt: it does not. An address is
  // as Address::to_string() gives it.
  std::optional<Match> judge(std::string_view value) const;
  // Of a Range.
  bool above(std::int64_t count) const { return definition_.max && count > *definition_.max; }
  bool below(std::int64_t count) const { return count < definition_.min; }
  // "allowed are 0 to 10"
  std::string range_text() const;

 private:
  std::optional<std::string> listed_as(std::string_view value) const;

  std::string id_;
  Definition definition_;
  base::WallTime since_;
  RuleInfo alert_;
  AddressSet addresses_;
  std::unordered_map<std::string, std::size_t> values_;  // to its index
};

}  // namespace detect::custom
