#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"

// What rules and detectors say: the material that alerts are made of.
namespace detect {

enum class Severity : std::uint8_t { Informational, Low, Medium, High };
std::string_view to_string(Severity severity);  // "High"
std::optional<Severity> parse_severity(std::string_view text);

// What of an event satisfied a rule.
struct Match {
  std::string field;    // our name of it: "CommandLine"
  std::string value;    // the event's
  std::string pattern;  // the rule's, as "contains 'xmrig'"
  std::string found;    // what of the value that was: "XMRig"; empty where no part stands out
};

// An event that an alert stands on.
struct Evidence {
  base::Guid event_id;
  std::uint32_t item = 0;
  base::WallTime time;  // the device's clock
  std::string event_name;
  std::string details_json;  // the payload item
  std::vector<Match> matched;
};

// What a rule says about itself, for people.
struct RuleInfo {
  std::string id;
  std::string title;
  std::string description;
  std::string author;
  std::string license;
  std::string url;  // of the rule's first reference; may be empty
  Severity severity = Severity::Medium;
  std::vector<std::string> remediation;
  std::vector<std::string> tactics;     // "Impact"
  std::vector<std::string> techniques;  // "T1496"
  std::vector<std::string> aliases;     // names of the same detection elsewhere
  std::vector<std::string> false_positives;
};

// Raise: it happened. Resolve: what an alert of the same rule, device, module and entity told is
// over; that alert is closed, with `why` as the reason. Where none is open it says nothing.
enum class Effect : std::uint8_t { Raise, Resolve };

// A rule that matched an event: what the pipeline hands over.
struct Finding {
  RuleInfo rule;
  std::string device_id;
  std::string module_id;
  std::string
      entity;       // what the alert is about on that device; same rule, device, entity: same thing
  std::string why;  // one sentence
  base::WallTime received;
  Evidence evidence;
  std::vector<Evidence> related;  // what happened before and belongs to it, by time
  std::int64_t hits = 1;          // how often it happened: aggregated events stand for several
  std::uint64_t sequence = 0;     // of the journal record
  Effect effect = Effect::Raise;
};

}  // namespace detect
