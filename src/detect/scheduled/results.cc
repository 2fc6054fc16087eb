#include "detect/scheduled/results.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace detect::scheduled {
namespace {

using store::Value;

// A result with the places of its columns.
class Rows {
 public:
  Rows(const store::QueryResult& result, std::vector<std::string>& problems)
      : result_(result), problems_(problems) {
    for (std::size_t i = 0; i < result.columns.size(); ++i)
      places_.emplace(result.columns[i].name, i);
  }

  // Empty where the column is not there, which is told once.
  std::string text(std::size_t row, const std::string& column) {
    const auto place = places_.find(column);
    if (place != places_.end())
      return store::value_text(result_.columns[place->second].type,
                               result_.rows[row][place->second]);
    if (missed_.insert(column).second)
      problems_.push_back("the result has no column '" + column + "'");
    return {};
  }
  bool has(const std::string& column) const { return places_.contains(column); }

 private:
  const store::QueryResult& result_;
  std::vector<std::string>& problems_;
  std::map<std::string, std::size_t, std::less<>> places_;
  std::set<std::string, std::less<>> missed_;
};

std::string row_json(const std::vector<kql::Column>& columns, const std::vector<Value>& row) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    writer.key(columns[i].name);
    store::write_value(writer, columns[i].type, row[i]);
  }
  writer.end_object();
  return json;
}

std::string filled(const std::string& format, std::size_t row, Rows& rows) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = format.find("{{", at);
    const std::size_t close = open == std::string::npos ? open : format.find("}}", open);
    if (close == std::string::npos) return out + format.substr(at);
    out += format.substr(at, open - at);
    out += rows.text(
        row, std::string(base::trim(std::string_view(format).substr(open + 2, close - open - 2))));
    at = close + 2;
  }
}

// What of the row says what an alert is about, by the rule's grouping.
std::string entity_of(const AnalyticRule& rule, std::size_t row, Rows& rows) {
  if (rule.grouping == Grouping::AnyAlert) return {};
  std::string out;
  const auto add = [&out](const std::string& text) {
    if (text.empty()) return;
    if (!out.empty()) out += ' ';
    out += text;
  };
  for (const EntityMapping& entity : rule.entities) {
    const bool wanted = rule.grouping == Grouping::AllEntities ||
                        std::ranges::any_of(rule.group_entities, [&](const std::string& type) {
                          return base::equal_ignore_case(type, entity.type);
                        });
    if (!wanted) continue;
    for (const FieldMapping& field : entity.fields)
      add(rows.text(row, field.column));
  }
  if (rule.grouping == Grouping::Selected) {
    for (const auto& [name, column] : rule.custom_details) {
      if (std::ranges::find(rule.group_custom_details, name) != rule.group_custom_details.end())
        add(rows.text(row, column));
    }
  }
  return out;
}

// The device that a row is about: what is mapped to one, or the column of that name.
std::string device_of(const AnalyticRule& rule, std::size_t row, Rows& rows) {
  for (const EntityMapping& entity : rule.entities) {
    if (!base::equal_ignore_case(entity.type, "IoTDevice")) continue;
    for (const FieldMapping& field : entity.fields) {
      if (base::equal_ignore_case(field.identifier, "DeviceId"))
        return rows.text(row, field.column);
    }
  }
  return rows.has("DeviceId") ? rows.text(row, "DeviceId") : std::string();
}

// The entities and custom details, as the rows that say what matched.
std::vector<Match> matches_of(const AnalyticRule& rule, std::size_t row, Rows& rows) {
  std::vector<Match> out;
  for (const EntityMapping& entity : rule.entities) {
    for (const FieldMapping& field : entity.fields) {
      if (std::string value = rows.text(row, field.column); !value.empty())
        out.push_back({entity.type + " " + field.identifier, std::move(value), "entity", ""});
    }
  }
  for (const auto& [name, column] : rule.custom_details) {
    if (std::string value = rows.text(row, column); !value.empty())
      out.push_back({name, std::move(value), "detail", ""});
  }
  return out;
}

RuleInfo info_of(const AnalyticRule& rule, std::size_t row, Rows& rows) {
  RuleInfo info = rule.info();
  if (!rule.title_format.empty()) {
    // Of a name that depends on what was found, the rule's own stays known.
    info.aliases.push_back(info.title);
    info.title = filled(rule.title_format, row, rows).substr(0, 256);
    if (info.title.empty()) info.title = rule.name;
  }
  if (!rule.description_format.empty())
    info.description = filled(rule.description_format, row, rows).substr(0, 5000);
  if (!rule.severity_column.empty()) {
    if (const auto severity = parse_severity(rows.text(row, rule.severity_column)))
      info.severity = *severity;
  }
  if (!rule.tactics_column.empty()) {
    if (const std::string tactics = rows.text(row, rule.tactics_column); !tactics.empty()) {
      info.tactics.clear();
      for (const std::string_view tactic : base::split(tactics, ','))
        info.tactics.emplace_back(base::trim(tactic));
    }
  }
  return info;
}

std::string_view sign_of(Trigger trigger) {
  switch (trigger) {
    case Trigger::Above:
      return "more than";
    case Trigger::Below:
      return "fewer than";
    case Trigger::Equal:
      return "exactly";
    case Trigger::NotEqual:
      return "anything but";
  }
  return "";
}

std::string why_of(const AnalyticRule& rule, const Window& window, std::size_t rows) {
  return fmt::format("The query of '{}' gave {} {} between {} and {}; the rule waits for {} {}.",
                     rule.name, rows, rows == 1 ? "row" : "rows",
                     base::format_rfc3339(window.from, 0), base::format_rfc3339(window.to, 0),
                     sign_of(rule.trigger), rule.threshold);
}

// Rows that go into one alert.
struct Group {
  std::vector<std::size_t> rows;
  std::set<std::string> devices;
};

class Judge {
 public:
  Judge(const AnalyticRule& rule, const Window& window, const store::QueryResult& result,
        Judgement& judgement)
      : rule_(rule),
        window_(window),
        result_(result),
        judgement_(judgement),
        rows_(result, judgement.problems) {}

  // The new rows, put together as the rule says, in the order in which they came.
  void group(const std::vector<std::size_t>& fresh) {
    const bool each = rule_.aggregation == Aggregation::AlertPerResult;
    std::map<std::pair<std::string, std::string>, std::size_t> known;
    for (const std::size_t row : fresh) {
      const std::string device = device_of(rule_, row, rows_);
      // One alert for all rows, unless each has one; those about the same are the same alert.
      auto key = each ? std::pair(device, entity_of(rule_, row, rows_))
                      : std::pair(std::string(), std::string());
      auto found = known.find(key);
      if (found == known.end()) {
        if (groups_.size() >= kMaxAlerts) key = {"", "\n"};  // the rest
        found = known.emplace(std::move(key), groups_.size()).first;
        if (found->second == groups_.size()) groups_.emplace_back();
      }
      Group& group = groups_[found->second];
      group.rows.push_back(row);
      group.devices.insert(device);
    }
  }

  void tell() {
    for (const Group& group : groups_)
      judgement_.findings.push_back(finding(group));
  }

  // Too few rows, or none: there is nothing to point at but the window.
  void tell_absence() {
    Finding out = begun(rule_.info());
    out.evidence.event_id =
        base::Guid::derived("analytic window", rule_.id + base::format_rfc3339(window_.to, 9));
    std::string json;
    base::json::Writer writer(json);
    writer.begin_object();
    writer.field("Rows", static_cast<std::uint64_t>(result_.rows.size()));
    writer.field("From", base::format_rfc3339(window_.from));
    writer.field("To", base::format_rfc3339(window_.to));
    writer.end_object();
    out.evidence.details_json = std::move(json);
    judgement_.findings.push_back(std::move(out));
  }

 private:
  Finding begun(RuleInfo info) const {
    Finding out;
    out.rule = std::move(info);
    out.why = why_of(rule_, window_, result_.rows.size());
    out.received = window_.to;
    out.evidence.time = window_.to;
    out.evidence.event_name = "AnalyticRule";
    return out;
  }

  Evidence evidence(std::size_t row) {
    Evidence out;
    out.event_id = row_id(rule_, result_.columns, result_.rows[row]);
    out.time = window_.to;
    out.event_name = "AnalyticRule";
    out.details_json = row_json(result_.columns, result_.rows[row]);
    out.matched = matches_of(rule_, row, rows_);
    return out;
  }

  Finding finding(const Group& group) {
    const std::size_t first = group.rows.front();
    Finding out = begun(info_of(rule_, first, rows_));
    if (group.devices.size() == 1) out.device_id = *group.devices.begin();
    // One alert for all rows is about all that they name, or about the rule itself.
    std::set<std::string> entities;
    for (const std::size_t row : group.rows)
      entities.insert(entity_of(rule_, row, rows_));
    if (entities.size() == 1) out.entity = *entities.begin();
    out.hits = static_cast<std::int64_t>(group.rows.size());
    out.evidence = evidence(group.rows.back());
    const std::size_t others = std::min(group.rows.size(), kMaxEvidence) - 1;
    for (std::size_t i = 0; i < others; ++i)
      out.related.push_back(evidence(group.rows[i]));
    for (const std::size_t row : group.rows)
      judgement_.rows.push_back(row_id(rule_, result_.columns, result_.rows[row]));
    return out;
  }

  const AnalyticRule& rule_;
  const Window& window_;
  const store::QueryResult& result_;
  Judgement& judgement_;
  Rows rows_;
  std::vector<Group> groups_;
};

}  // namespace

base::Guid row_id(const AnalyticRule& rule, const std::vector<kql::Column>& columns,
                  const std::vector<Value>& row) {
  return base::Guid::derived("analytic row", rule.id + row_json(columns, row));
}

bool triggers(const AnalyticRule& rule, std::size_t rows) {
  const auto count = static_cast<std::int64_t>(rows);
  switch (rule.trigger) {
    case Trigger::Above:
      return count > rule.threshold;
    case Trigger::Below:
      return count < rule.threshold;
    case Trigger::Equal:
      return count == rule.threshold;
    case Trigger::NotEqual:
      return count != rule.threshold;
  }
  return false;
}

Judgement judge(const AnalyticRule& rule, const Window& window, const store::QueryResult& result,
                const std::function<bool(const base::Guid&)>& is_known) {
  Judgement out;
  if (!triggers(rule, result.rows.size())) return out;
  Judge judge(rule, window, result, out);
  if (result.rows.empty()) {
    judge.tell_absence();
    return out;
  }
  std::vector<std::size_t> fresh;
  for (std::size_t row = 0; row < result.rows.size(); ++row) {
    if (!is_known(row_id(rule, result.columns, result.rows[row]))) fresh.push_back(row);
  }
  judge.group(fresh);
  judge.tell();
  return out;
}

}  // namespace detect::scheduled
