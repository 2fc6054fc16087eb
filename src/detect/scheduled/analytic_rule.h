#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detect/alerts.h"
#include "sigma/rule.h"

// Analytic rules: KQL that is asked on a schedule, in the YAML of Microsoft Sentinel's rule
// templates. Source: learn.microsoft.com/azure/sentinel, "Create custom analytics rules" and the
// rules of github.com/Azure/Azure-Sentinel.
namespace detect::scheduled {

// Longer texts are refused, in bytes.
inline constexpr std::size_t kMaxRuleBytes = 256 * 1024;

// Before the id, in what its alerts say about the rule: the workspace knows them by it.
inline constexpr std::string_view kRuleIdPrefix = "analytics_";

// When the number of rows makes an alert.
enum class Trigger : std::uint8_t { Above, Below, Equal, NotEqual };

// What becomes one alert.
enum class Aggregation : std::uint8_t { SingleAlert, AlertPerResult };

// Which alerts are about the same thing: an open one is added to, instead of another being made.
enum class Grouping : std::uint8_t {
  AllEntities,  // the same entities, all of them
  AnyAlert,     // whatever the rule found
  Selected,     // the same entities of the selected types and the same selected details
};

// "The Address of an Ip is in the column SourceAddress".
struct FieldMapping {
  std::string identifier;
  std::string column;
};
struct EntityMapping {
  std::string type;  // as written: IP, Host, IoTDevice...
  std::vector<FieldMapping> fields;
};

// A name and the column that it is taken from.
using Detail = std::pair<std::string, std::string>;

struct AnalyticRule {
  std::string id;
  std::string name;
  std::string description;
  Severity severity = Severity::Medium;
  std::string query;
  std::chrono::seconds frequency{0};  // one minute to 14 days
  std::chrono::seconds period{0};     // what is looked at; frequency to 14 days
  Trigger trigger = Trigger::Above;
  std::int64_t threshold = 0;
  std::vector<std::string> tactics;
  std::vector<std::string> techniques;
  std::vector<EntityMapping> entities;
  std::vector<Detail> custom_details;
  Aggregation aggregation = Aggregation::SingleAlert;
  Grouping grouping = Grouping::AllEntities;
  std::vector<std::string> group_entities;        // types; of Selected
  std::vector<std::string> group_custom_details;  // names; of Selected
  std::chrono::seconds suppression{0};            // no alert for so long after one; 0: never
  // {{Column}} in these is replaced by the value of the alert's first row.
  std::string title_format;
  std::string description_format;
  std::string severity_column;
  std::string tactics_column;
  std::vector<std::string> remediation;
  std::string version;
  // Nothing is wrong with these, but they have no effect here.
  std::vector<sigma::Problem> warnings;

  // What its alerts say about it.
  RuleInfo info() const;
};

// One rule. The query is not compiled here: see check_query(). Errors: the first thing that is
// wrong, and where in the text. Threads: pure.
std::expected<AnalyticRule, sigma::Problem> parse(std::string_view yaml);

// "{{A}} from {{B}}": the columns that a format names.
std::vector<std::string> columns_in(std::string_view format);

}  // namespace detect::scheduled
