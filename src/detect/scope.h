#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "detect/finding.h"

// What a suppression hides, as a person describes it.
// Threads: pure.
namespace detect {

// How a field's value is compared, whatever the case.
enum class Comparison : std::uint8_t {
  Equals,
  Contains,
  StartsWith,
  EndsWith,
  Matches,  // * and ? stand for anything
  Within    // an address in a block: 10.0.0.0/8
};
std::string_view to_string(Comparison test);  // "startsWith"
std::optional<Comparison> parse_comparison(std::string_view text);

struct FieldTest {
  std::string field;  // of the event: CommandLine, ExtraDetails.Cwd; or one that the rule looked at
  Comparison test = Comparison::Equals;
  std::string value;
};

// All that is given has to hold; what is absent always does.
struct Scope {
  std::string rule_id = {};
  std::string device = {};               // * and ? stand for anything
  std::string entity = {};               // likewise
  std::optional<Severity> at_most = {};  // nothing above it
  std::vector<FieldTest> fields = {};
};

inline constexpr std::size_t kMaxFieldTests = 16;
inline constexpr std::size_t kMaxScopeText = 1024;  // bytes of each text

// {"ruleId":..,"device":..,"entity":..,"atMostSeverity":..,"fields":[{"field","test","value"}]}
void write_scope(base::json::Writer& writer, const Scope& scope);
// Errors: Invalid (the detail says which member, and what was expected), TooLarge.
base::Result<Scope> read_scope(const base::json::Value& value);
// In words: 'rule "x", device "press-*", CommandLine contains "backup"'.
std::string describe(const Scope& scope);

// What a scope is held against.
struct Subject {
  std::string_view rule_id;
  std::string_view device_id;
  std::string_view entity;
  Severity severity = Severity::Medium;
};
// Whether the scope takes it in, judged without the fields.
bool covers(const Scope& scope, const Subject& subject);
// Whether the event satisfies all of the scope's field tests.
bool covers(const Scope& scope, const Evidence& evidence);

// `*` any text, `?` any one byte, whatever the case. In time proportional to the product of both
// lengths at worst.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace detect
