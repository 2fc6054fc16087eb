#include "cli/alert_filter.h"

#include "cli/commands.h"
#include "cli/validators.h"

namespace cli {

std::array<std::pair<std::string_view, const std::string*>, 14> AlertFilter::members() const {
  return {{{"status", &status},
           {"severity", &severity},
           {"device", &device},
           {"rule", &rule},
           {"entity", &entity},
           {"technique", &technique},
           {"tactic", &tactic},
           {"assignee", &assignee},
           {"verdict", &verdict},
           {"from", &from},
           {"until", &until},
           {"hidden", &hidden},
           {"suppression", &suppression},
           {"search", &search}}};
}

void AlertFilter::add_to(std::string& path) const {
  for (const auto& [name, value] : members())
    add_parameter(path, name, *value);
}

base::json::Value AlertFilter::to_json() const {
  base::json::Value::Object object;
  for (const auto& [name, value] : members()) {
    if (!value->empty()) object.push_back({std::string(name), base::json::Value(*value)});
  }
  return base::json::Value(std::move(object));
}

void add_alert_filter(CLI::App& command, AlertFilter& filter) {
  const auto text = [&command](const char* name, std::string& value, const char* help,
                               const char* type) {
    return command.add_option(name, value, help)->type_name(type);
  };
  text("--status", filter.status, "Only alerts in this state; open: new or active",
       "new|active|closed|open")
      ->check(one_of({"new", "active", "closed", "open"}));
  text("--severity", filter.severity, "Only alerts of this severity",
       "High|Medium|Low|Informational")
      ->transform(one_of({"High", "Medium", "Low", "Informational"}, CLI::ignore_case));
  text("--device", filter.device, "Only alerts of this device", "DEVICE");
  text("--rule", filter.rule, "Only alerts of the rule with this id", "RULE");
  text("--entity", filter.entity, "Only alerts that are about exactly this", "TEXT");
  text("--technique", filter.technique, "Only alerts with this technique of ATT&CK: T1059",
       "TECHNIQUE");
  text("--tactic", filter.tactic, "Only alerts with this tactic", "TACTIC");
  text("--assignee", filter.assignee, "Only alerts of this person; none: of nobody", "USER");
  text("--with-verdict", filter.verdict, "Only alerts with this verdict; none: without any",
       "VERDICT")
      ->check(
          one_of({"truePositive", "benign", "falsePositive", "undetermined", "resolved", "none"}));
  text("--from", filter.from, "Only alerts last seen since then: a time, or how long ago (PT24H)",
       "TIME");
  text("--until", filter.until, "Only alerts last seen before: a time, or how long ago", "TIME");
  text("--hidden", filter.hidden, "What of alerts that a suppression hides (default exclude)",
       "exclude|only|include")
      ->check(one_of({"exclude", "only", "include"}));
  text("--suppression", filter.suppression, "Only alerts that this suppression hides", "ID");
  text("--search", filter.search, "Only alerts that contain this text", "TEXT");
}

}  // namespace cli
