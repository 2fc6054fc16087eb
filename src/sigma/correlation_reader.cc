#include "sigma/correlation_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace sigma {
namespace {

using Outcome = std::expected<void, Problem>;

constexpr std::array<std::string_view, 7> kTypes = {"event_count",      "value_count", "temporal",
                                                    "temporal_ordered", "value_sum",   "value_avg",
                                                    "value_percentile"};
constexpr std::array<std::string_view, 7> kKeys = {"type",     "rules",     "group-by", "aliases",
                                                   "timespan", "condition", "generate"};
constexpr std::array<std::string_view, 8> kConditionKeys = {"lt", "lte", "gt",    "gte",
                                                            "eq", "neq", "field", "percentile"};
constexpr std::array<Bound::Kind, 6> kBounds = {Bound::Kind::Less,    Bound::Kind::LessEqual,
                                                Bound::Kind::Greater, Bound::Kind::GreaterEqual,
                                                Bound::Kind::Equal,   Bound::Kind::NotEqual};
// Longer than anything a stream can be asked to remember.
constexpr std::chrono::days kLongestTimespan{366};
// Enough to describe a course of events; the order of more is costly to watch.
constexpr std::size_t kMaxRules = 64;

bool counts_values(CorrelationType type) {
  return type == CorrelationType::ValueCount || type == CorrelationType::ValueSum ||
         type == CorrelationType::ValueAvg || type == CorrelationType::ValuePercentile;
}

bool temporal(CorrelationType type) {
  return type == CorrelationType::Temporal || type == CorrelationType::TemporalOrdered;
}

class Reader {
 public:
  Reader(const YAML::Node& root, Correlation& out)
      : root_(root), node_(root["correlation"]), out_(out) {}

  Outcome read() {
    if (!node_.IsMap())
      return fail_at(node_, "expected 'correlation' to be a map, found " + found_in(node_));
    TRY(check_keys(node_, "correlation", kKeys));
    for (const char* key : {"type", "rules", "timespan"}) {
      if (!node_[key])
        return fail_at(node_, "expected '" + std::string(key) + "' in 'correlation'");
    }
    TRY(type());
    TRY(rules());
    TRY(group_by());
    TRY(aliases());
    TRY(timespan());
    TRY(condition());
    return generate();
  }

 private:
  Outcome type() {
    const std::string type = TRY(read_text(node_, "type"));
    const auto known = std::ranges::find(kTypes, type);
    if (known == kTypes.end()) {
      std::string message = "expected a type of correlation, found '" + type + "'";
      if (const auto near = base::nearest(type, kTypes)) {
        message += " (did you mean '" + std::string(*near) + "'?)";
      } else {
        message +=
            "; there are event_count, value_count, temporal, temporal_ordered, value_sum, "
            "value_avg and value_percentile";
      }
      return fail_at(node_["type"], std::move(message));
    }
    out_.type = static_cast<CorrelationType>(known - kTypes.begin());
    return {};
  }

  // Names in which none stands twice.
  std::expected<std::vector<Mention>, Problem> distinct(const std::string& key) {
    std::vector<Mention> out = TRY(read_mentions(node_, key));
    for (auto one = out.begin(); one != out.end(); ++one) {
      const bool again = std::any_of(out.begin(), one,
                                     [&](const Mention& other) { return other.text == one->text; });
      if (again) {
        return std::unexpected(
            Problem{one->line, one->column, "expected '" + one->text + "' once in '" + key + "'"});
      }
    }
    return out;
  }

  Outcome rules() {
    out_.rules = TRY(distinct("rules"));
    if (out_.rules.empty())
      return fail_at(node_["rules"], "expected ids or names of rules, found none");
    if (out_.rules.size() > kMaxRules)
      return fail_at(node_["rules"], "expected at most 64 rules in a correlation");
    const bool one = out_.rules.size() == 1;
    if (one && temporal(out_.type)) {
      return fail_at(node_["rules"], "expected two rules or more for '" +
                                         std::string(to_string(out_.type)) + "', found one");
    }
    return {};
  }

  Outcome group_by() {
    out_.group_by = TRY(distinct("group-by"));
    if (out_.group_by.size() > kMaxRules)
      return fail_at(node_["group-by"], "expected at most 64 fields in 'group-by'");
    return {};
  }

  Outcome aliases() {
    const YAML::Node aliases = node_["aliases"];
    if (!aliases || aliases.IsNull()) return {};
    if (!aliases.IsMap())
      return fail_at(aliases, "expected 'aliases' to be a map, found " + found_in(aliases));
    for (const auto& entry : aliases) {
      if (!entry.second.IsMap()) {
        return fail_at(entry.second,
                       "expected a map of rules to their fields, found " + found_in(entry.second));
      }
      Alias alias{mention(entry.first), {}};
      for (const auto& field : entry.second) {
        if (!field.first.IsScalar() || !field.second.IsScalar())
          return fail_at(field.second,
                         "expected the name of a field, found " + found_in(field.second));
        if (!names_rule(field.first.Scalar())) return unknown_rule(field.first);
        alias.fields.emplace_back(mention(field.first), mention(field.second));
      }
      if (out_.aliases.size() == kMaxRules)
        return fail_at(entry.first, "expected at most 64 aliases");
      out_.aliases.push_back(std::move(alias));
    }
    return {};
  }

  bool names_rule(std::string_view name) const {
    return std::ranges::any_of(out_.rules, [&](const Mention& rule) { return rule.text == name; });
  }

  std::unexpected<Problem> unknown_rule(const YAML::Node& node) const {
    std::string message =
        "expected a rule of this correlation, as it stands under 'rules', found " + found_in(node);
    std::vector<std::string_view> names;
    for (const Mention& rule : out_.rules)
      names.push_back(rule.text);
    if (const auto near = base::nearest(node.Scalar(), names))
      message += " (did you mean '" + std::string(*near) + "'?)";
    return fail_at(node, std::move(message));
  }

  Outcome timespan() {
    const YAML::Node node = node_["timespan"];
    const std::string text = TRY(read_text(node_, "timespan"));
    const auto number = base::parse_int(text.empty() ? text : text.substr(0, text.size() - 1));
    std::chrono::seconds unit{0};
    switch (text.empty() ? '\0' : text.back()) {
      case 's':
        unit = std::chrono::seconds{1};
        break;
      case 'm':
        unit = std::chrono::minutes{1};
        break;
      case 'h':
        unit = std::chrono::hours{1};
        break;
      case 'd':
        unit = std::chrono::days{1};
        break;
      default:
        break;
    }
    if (!number || *number < 1 || unit.count() == 0) {
      return fail_at(
          node, "expected a time such as 30s, 5m, 1h or 2d in 'timespan', found '" + text + "'");
    }
    if (*number > kLongestTimespan / unit)
      return fail_at(node, "expected a timespan of at most 366 days, found '" + text + "'");
    out_.timespan = unit * *number;
    return {};
  }

  Outcome condition() {
    const YAML::Node node = node_["condition"];
    if (!node || node.IsNull()) {
      // A course of events is complete when all of it has happened.
      if (temporal(out_.type)) return {};
      return fail_at(node_, "expected 'condition' in 'correlation'");
    }
    if (!node.IsMap()) {
      return fail_at(node,
                     "expected 'condition' to be a map, such as {gte: 5}, found " + found_in(node));
    }
    TRY(check_keys(node, "condition", kConditionKeys));
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      const std::string key(kConditionKeys[i]);
      if (!node[key]) continue;
      out_.bounds.push_back({kBounds[i], TRY(number(node, key))});
    }
    if (out_.bounds.empty())
      return fail_at(node, "expected lt, lte, gt, gte, eq or neq in 'condition'");
    TRY(field(node));
    return percentile(node);
  }

  static std::expected<double, Problem> number(const YAML::Node& node, const std::string& key) {
    const std::string text = TRY(read_text(node, key));
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
      return fail_at(node[key], "expected a number in '" + key + "', found '" + text + "'");
    return value;
  }

  Outcome field(const YAML::Node& node) {
    out_.fields = TRY(read_mentions(node, "field"));
    const std::string type(to_string(out_.type));
    if (!counts_values(out_.type)) {
      if (out_.fields.empty()) return {};
      return fail_at(node["field"], "expected no 'field': '" + type + "' counts events");
    }
    if (out_.fields.empty())
      return fail_at(node, "expected 'field' in 'condition': whose values '" + type + "' is about");
    if (out_.fields.size() > 1 && out_.type != CorrelationType::ValueCount)
      return fail_at(node["field"], "expected one field for '" + type + "'");
    return {};
  }

  Outcome percentile(const YAML::Node& node) {
    if (!node["percentile"]) return {};
    if (out_.type != CorrelationType::ValuePercentile)
      return fail_at(node["percentile"], "expected 'percentile' with value_percentile only");
    const double value = TRY(number(node, "percentile"));
    if (value < 0 || value > 100)
      return fail_at(node["percentile"], "expected a percentile from 0 to 100");
    out_.percentile = value;
    return {};
  }

  // The specification has it at the top, others under `correlation`.
  Outcome generate() {
    for (const YAML::Node& parent : {root_, node_}) {
      const std::string text = TRY(read_text(parent, "generate"));
      if (text.empty()) continue;
      if (text != "true" && text != "false")
        return fail_at(parent["generate"], "expected true or false, found '" + text + "'");
      out_.generate = text == "true";
    }
    return {};
  }

  const YAML::Node root_;
  const YAML::Node node_;
  Correlation& out_;
};

}  // namespace

std::string_view to_string(CorrelationType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

bool Bound::holds(double value) const {
  switch (kind) {
    case Kind::Less:
      return value < number;
    case Kind::LessEqual:
      return value <= number;
    case Kind::Greater:
      return value > number;
    case Kind::GreaterEqual:
      return value >= number;
    case Kind::Equal:
      return value == number;
    case Kind::NotEqual:
      return value != number;
  }
  return false;
}

std::expected<void, Problem> read_correlation(const YAML::Node& root, Correlation& out) {
  return Reader(root, out).read();
}

}  // namespace sigma
