#include "detect/scheduled/analytic_rule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/id.h"
#include "base/text.h"
#include "sigma/yaml.h"

namespace detect::scheduled {
namespace {

using sigma::Problem;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kLongest = 14 * 24h;
constexpr std::chrono::seconds kShortest = 1min;
// Templates on one alert's names and descriptions may use so many columns.
constexpr std::size_t kMaxDetails = 20;
constexpr std::size_t kMaxEntities = 10;

constexpr std::array<std::string_view, 26> kKeys = {
    "id", "name", "displayName", "description", "severity", "query", "queryFrequency",
    "queryPeriod", "triggerOperator", "triggerThreshold", "tactics", "relevantTechniques",
    "techniques", "entityMappings", "customDetails", "alertDetailsOverride",
    "eventGroupingSettings", "incidentConfiguration", "suppressionEnabled", "suppressionDuration",
    "remediation", "version", "kind",
    // These describe the rule for catalogues of rules.
    "status", "requiredDataConnectors", "metadata"};
constexpr std::array<std::string_view, 2> kMoreKeys = {"tags", "enabled"};

std::unexpected<Problem> fail_at_key(const YAML::Node& parent, const std::string& key,
                                     std::string message) {
  const YAML::Node node = parent[key];
  return sigma::fail_at(node ? node : parent, std::move(message));
}

// "5m", "1h", "14d", "PT5M".
std::optional<std::chrono::seconds> duration_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  if (text.front() == 'P' || text.front() == 'p') {
    const auto duration = base::parse_duration(text);
    if (!duration) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(*duration);
  }
  const auto number = base::parse_int(text.substr(0, text.size() - 1));
  if (!number || *number < 0 || *number > 1'000'000) return std::nullopt;
  switch (text.back()) {
    case 's':
      return std::chrono::seconds(*number);
    case 'm':
      return std::chrono::minutes(*number);
    case 'h':
      return std::chrono::hours(*number);
    case 'd':
      return std::chrono::days(*number);
    default:
      return std::nullopt;
  }
}

std::expected<std::chrono::seconds, Problem> read_duration(const YAML::Node& node,
                                                           const std::string& key,
                                                           std::chrono::seconds least) {
  const std::string text = TRY(sigma::read_text(node, key));
  const auto duration = duration_of(text);
  if (duration && *duration >= least && *duration <= kLongest) return *duration;
  return fail_at_key(node, key,
                     fmt::format("expected '{}' to be a time of {} to 14d (5m, 1h, 1d or PT5M), "
                                 "found '{}'",
                                 key, least == 0s ? "0m" : "1m", text));
}

std::expected<bool, Problem> read_bool(const YAML::Node& node, const std::string& key) {
  const std::string text = TRY(sigma::read_text(node, key));
  if (text.empty() || base::equal_ignore_case(text, "false")) return false;
  if (base::equal_ignore_case(text, "true")) return true;
  return fail_at_key(node, key,
                     fmt::format("expected '{}' to be true or false, found '{}'", key, text));
}

template <class Value, std::size_t N>
std::expected<Value, Problem> read_choice(
    const YAML::Node& node, const std::string& key, Value otherwise,
    const std::array<std::pair<std::string_view, Value>, N>& choices) {
  const std::string text = TRY(sigma::read_text(node, key));
  if (text.empty()) return otherwise;
  std::string known;
  for (const auto& [name, value] : choices) {
    if (base::equal_ignore_case(text, name)) return value;
    known += known.empty() ? "" : ", ";
    known += name;
  }
  return fail_at_key(node, key,
                     fmt::format("expected '{}' to be one of {}; found '{}'", key, known, text));
}

std::expected<void, Problem> read_schedule(const YAML::Node& node, AnalyticRule& rule) {
  const std::string kind = TRY(sigma::read_text(node, "kind"));
  if (base::equal_ignore_case(kind, "NRT")) {
    // Near real time: each minute, over the last one.
    rule.frequency = rule.period = kShortest;
    return {};
  }
  if (!kind.empty() && !base::equal_ignore_case(kind, "Scheduled"))
    return fail_at_key(node, "kind",
                       "expected 'kind' to be Scheduled or NRT, found '" + kind + "'");
  rule.frequency = TRY(read_duration(node, "queryFrequency", kShortest));
  rule.period = TRY(read_duration(node, "queryPeriod", kShortest));
  if (rule.period < rule.frequency) {
    return fail_at_key(node, "queryPeriod",
                       "expected 'queryPeriod' to be at least as long as 'queryFrequency': what "
                       "happens between would be missed");
  }
  using Choice = std::pair<std::string_view, Trigger>;
  rule.trigger = TRY(read_choice(
      node, "triggerOperator", Trigger::Above,
      std::array{Choice{"gt", Trigger::Above}, Choice{"GreaterThan", Trigger::Above},
                 Choice{"lt", Trigger::Below}, Choice{"LessThan", Trigger::Below},
                 Choice{"eq", Trigger::Equal}, Choice{"Equal", Trigger::Equal},
                 Choice{"ne", Trigger::NotEqual}, Choice{"NotEqual", Trigger::NotEqual}}));
  const std::string threshold = TRY(sigma::read_text(node, "triggerThreshold"));
  const auto number = base::parse_int(threshold);
  if (!threshold.empty() && (!number || *number < 0 || *number > 10'000)) {
    return fail_at_key(
        node, "triggerThreshold",
        "expected 'triggerThreshold' to be a number of rows from 0 to 10000, found '" + threshold +
            "'");
  }
  rule.threshold = number.value_or(0);
  if (TRY(read_bool(node, "suppressionEnabled")))
    rule.suppression = TRY(read_duration(node, "suppressionDuration", 0s));
  return {};
}

std::expected<EntityMapping, Problem> read_entity(const YAML::Node& node) {
  constexpr std::array<std::string_view, 2> kEntityKeys = {"entityType", "fieldMappings"};
  constexpr std::array<std::string_view, 2> kFieldKeys = {"identifier", "columnName"};
  if (!node.IsMap())
    return sigma::fail_at(
        node, "expected an entity (entityType, fieldMappings), found " + sigma::found_in(node));
  TRY(sigma::check_keys(node, "an entity", kEntityKeys));
  EntityMapping entity;
  entity.type = TRY(sigma::read_text(node, "entityType"));
  if (entity.type.empty()) return sigma::fail_at(node, "expected the entity's 'entityType'");
  const YAML::Node fields = node["fieldMappings"];
  if (!fields || !fields.IsSequence() || fields.size() == 0)
    return sigma::fail_at(fields ? fields : node,
                          "expected 'fieldMappings' to be a list of identifier and columnName");
  for (const auto& field : fields) {
    if (!field.IsMap())
      return sigma::fail_at(field,
                            "expected identifier and columnName, found " + sigma::found_in(field));
    TRY(sigma::check_keys(field, "a field mapping", kFieldKeys));
    FieldMapping mapping{TRY(sigma::read_text(field, "identifier")),
                         TRY(sigma::read_text(field, "columnName"))};
    if (mapping.identifier.empty() || mapping.column.empty())
      return sigma::fail_at(field, "expected both 'identifier' and 'columnName'");
    entity.fields.push_back(std::move(mapping));
  }
  return entity;
}

std::expected<void, Problem> read_entities(const YAML::Node& node, AnalyticRule& rule) {
  const YAML::Node list = node["entityMappings"];
  if (!list || list.IsNull()) return {};
  if (!list.IsSequence())
    return sigma::fail_at(list,
                          "expected 'entityMappings' to be a list, found " + sigma::found_in(list));
  if (list.size() > kMaxEntities)
    return sigma::fail_at(list, fmt::format("expected at most {} entities", kMaxEntities));
  for (const auto& entity : list)
    rule.entities.push_back(TRY(read_entity(entity)));
  return {};
}

std::expected<void, Problem> read_details(const YAML::Node& node, AnalyticRule& rule) {
  const YAML::Node details = node["customDetails"];
  if (!details || details.IsNull()) return {};
  if (!details.IsMap() || details.size() > kMaxDetails) {
    return sigma::fail_at(
        details,
        fmt::format("expected 'customDetails' to be up to {} names with columns", kMaxDetails));
  }
  for (const auto& detail : details) {
    if (!detail.first.IsScalar() || !detail.second.IsScalar())
      return sigma::fail_at(detail.second, "expected a column's name");
    rule.custom_details.emplace_back(detail.first.Scalar(), detail.second.Scalar());
  }
  return {};
}

std::expected<void, Problem> read_override(const YAML::Node& node, AnalyticRule& rule) {
  constexpr std::array<std::string_view, 5> kOverrideKeys = {
      "alertDisplayNameFormat", "alertDescriptionFormat", "alertSeverityColumnName",
      "alertTacticsColumnName", "alertDynamicProperties"};
  const YAML::Node details = node["alertDetailsOverride"];
  if (!details || details.IsNull()) return {};
  if (!details.IsMap())
    return sigma::fail_at(
        details, "expected 'alertDetailsOverride' to be a map, found " + sigma::found_in(details));
  TRY(sigma::check_keys(details, "alertDetailsOverride", kOverrideKeys));
  rule.title_format = TRY(sigma::read_text(details, "alertDisplayNameFormat"));
  rule.description_format = TRY(sigma::read_text(details, "alertDescriptionFormat"));
  rule.severity_column = TRY(sigma::read_text(details, "alertSeverityColumnName"));
  rule.tactics_column = TRY(sigma::read_text(details, "alertTacticsColumnName"));
  if (const YAML::Node dynamic = details["alertDynamicProperties"]; dynamic && !dynamic.IsNull())
    rule.warnings.push_back(
        sigma::problem_at(dynamic.Mark(), "'alertDynamicProperties' has no effect here"));
  return {};
}

std::expected<void, Problem> read_grouping(const YAML::Node& node, AnalyticRule& rule) {
  using How = std::pair<std::string_view, Aggregation>;
  using Which = std::pair<std::string_view, Grouping>;
  if (const YAML::Node events = node["eventGroupingSettings"]; events && events.IsMap()) {
    rule.aggregation =
        TRY(read_choice(events, "aggregationKind", Aggregation::SingleAlert,
                        std::array{How{"SingleAlert", Aggregation::SingleAlert},
                                   How{"AlertPerResult", Aggregation::AlertPerResult}}));
  }
  const YAML::Node incident = node["incidentConfiguration"];
  const YAML::Node grouping = incident && incident.IsMap() ? incident["groupingConfiguration"]
                                                           : YAML::Node(YAML::NodeType::Undefined);
  if (!grouping || !grouping.IsMap() || !TRY(read_bool(grouping, "enabled"))) return {};
  rule.grouping = TRY(read_choice(
      grouping, "matchingMethod", Grouping::AllEntities,
      std::array{Which{"AllEntities", Grouping::AllEntities}, Which{"AnyAlert", Grouping::AnyAlert},
                 Which{"Selected", Grouping::Selected}}));
  rule.group_entities = TRY(sigma::read_texts(grouping, "groupByEntities"));
  rule.group_custom_details = TRY(sigma::read_texts(grouping, "groupByCustomDetails"));
  for (const char* key : {"lookbackDuration", "reopenClosedIncident", "groupByAlertDetails"}) {
    if (const YAML::Node ignored = grouping[key]; ignored && !ignored.IsNull())
      rule.warnings.push_back(sigma::problem_at(
          ignored.Mark(), fmt::format("'{}' has no effect here: an open alert is added to, however "
                                      "old it is, and a closed one never",
                                      key)));
  }
  return {};
}

std::expected<void, Problem> check_names(const YAML::Node& node, const AnalyticRule& rule) {
  for (const std::string& name : rule.group_custom_details) {
    if (std::ranges::find(rule.custom_details, name, &Detail::first) == rule.custom_details.end()) {
      return fail_at_key(
          node, "incidentConfiguration",
          "'groupByCustomDetails' names '" + name + "', which 'customDetails' does not have");
    }
  }
  for (const std::string& type : rule.group_entities) {
    const auto same = [&](const EntityMapping& entity) {
      return base::equal_ignore_case(entity.type, type);
    };
    if (std::ranges::none_of(rule.entities, same)) {
      return fail_at_key(
          node, "incidentConfiguration",
          "'groupByEntities' names '" + type + "', which 'entityMappings' does not have");
    }
  }
  return {};
}

std::expected<AnalyticRule, Problem> read_rule(const YAML::Node& node) {
  if (!node.IsMap())
    return sigma::fail_at(node,
                          "expected an analytic rule (name, query, queryFrequency...), found " +
                              sigma::found_in(node));
  std::vector<std::string_view> known(kKeys.begin(), kKeys.end());
  known.insert(known.end(), kMoreKeys.begin(), kMoreKeys.end());
  TRY(sigma::check_keys(node, "an analytic rule", known));
  AnalyticRule rule;
  rule.id = base::to_lower(TRY(sigma::read_text(node, "id")));
  if (!base::Guid::parse(rule.id))
    return fail_at_key(node, "id", "expected 'id' to be a GUID, found '" + rule.id + "'");
  rule.name = TRY(sigma::read_text(node, "name"));
  if (rule.name.empty()) rule.name = TRY(sigma::read_text(node, "displayName"));
  if (rule.name.empty() || rule.name.size() > 256)
    return fail_at_key(node, "name", "expected 'name' to be a text of up to 256 bytes");
  rule.description = TRY(sigma::read_text(node, "description"));
  // Some of the published ones have quotes inside of quotes.
  if (rule.description.size() > 1 && rule.description.front() == '\'' &&
      rule.description.back() == '\'')
    rule.description = rule.description.substr(1, rule.description.size() - 2);
  const std::string severity = TRY(sigma::read_text(node, "severity"));
  const auto known_severity = parse_severity(severity);
  if (!known_severity) {
    return fail_at_key(
        node, "severity",
        "expected 'severity' to be Informational, Low, Medium or High; found '" + severity + "'");
  }
  rule.severity = *known_severity;
  rule.query = TRY(sigma::read_text(node, "query"));
  if (rule.query.empty()) return fail_at_key(node, "query", "expected 'query' to be KQL");
  TRY(read_schedule(node, rule));
  rule.tactics = TRY(sigma::read_texts(node, "tactics"));
  rule.techniques = TRY(sigma::read_texts(node, "relevantTechniques"));
  if (rule.techniques.empty()) rule.techniques = TRY(sigma::read_texts(node, "techniques"));
  rule.remediation = TRY(sigma::read_texts(node, "remediation"));
  rule.version = TRY(sigma::read_text(node, "version"));
  TRY(read_entities(node, rule));
  TRY(read_details(node, rule));
  TRY(read_override(node, rule));
  TRY(read_grouping(node, rule));
  TRY(check_names(node, rule));
  return rule;
}

}  // namespace

RuleInfo AnalyticRule::info() const {
  RuleInfo out;
  out.id = std::string(kRuleIdPrefix) + id;
  out.title = name;
  out.description = description;
  out.severity = severity;
  out.remediation = remediation;
  out.tactics = tactics;
  out.techniques = techniques;
  return out;
}

std::expected<AnalyticRule, Problem> parse(std::string_view yaml) {
  if (yaml.size() > kMaxRuleBytes)
    return std::unexpected(Problem{0, 0, "expected a rule of at most 256 KiB"});
  try {
    return read_rule(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& exception) {
    return std::unexpected(sigma::problem_at(exception.mark, "not YAML: " + exception.msg));
  }
}

std::vector<std::string> columns_in(std::string_view format) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while ((at = format.find("{{", at)) != std::string_view::npos) {
    const std::size_t end = format.find("}}", at);
    if (end == std::string_view::npos) break;
    out.emplace_back(base::trim(format.substr(at + 2, end - at - 2)));
    at = end + 2;
  }
  return out;
}

}  // namespace detect::scheduled
