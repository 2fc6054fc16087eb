#include "sigma/link.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/id.h"
#include "base/text.h"
#include "sigma/fields.h"

namespace sigma {
namespace {

// A rule that a correlation names.
struct Target {
  const Rule* rule = nullptr;
  std::size_t correlation = 0;  // index of `linked`, when it is none
};

class Linker {
 public:
  Linker(std::vector<Correlation> correlations, const RuleSet& rules)
      : waiting_(std::move(correlations)), rules_(rules) {}

  LinkOutcome run() {
    bool progress = true;
    while (progress) {
      progress = false;
      for (std::size_t i = 0; i < waiting_.size();) {
        if (!ready(waiting_[i])) {
          ++i;
          continue;
        }
        take(std::move(waiting_[i]));
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        progress = true;
      }
    }
    for (const Correlation& correlation : waiting_)
      refuse_stuck(correlation);
    connect();
    return std::move(outcome_);
  }

 private:
  static bool is(const Description& description, std::string_view id_or_name) {
    if (!description.name.empty() && description.name == id_or_name) return true;
    const auto guid = base::Guid::parse(id_or_name);
    return guid && guid->to_string() == description.id;
  }

  std::optional<Target> find(std::string_view id_or_name) const {
    for (std::size_t i = 0; i < outcome_.linked.size(); ++i) {
      if (is(outcome_.linked[i].correlation, id_or_name)) return Target{nullptr, i};
    }
    if (const Rule* rule = rules_.find(id_or_name)) return Target{rule, 0};
    return std::nullopt;
  }

  bool ready(const Correlation& correlation) const {
    return std::ranges::all_of(correlation.rules,
                               [this](const Mention& rule) { return find(rule.text).has_value(); });
  }

  void refuse(const Correlation& correlation, const Mention& where, std::string message,
              std::string missing = {}) {
    outcome_.unlinked.push_back(
        {correlation.id, {where.line, where.column, std::move(message)}, std::move(missing)});
  }

  // Of those that wait for ever: for a rule that there is none of, or for each other.
  void refuse_stuck(const Correlation& correlation) {
    for (const Mention& rule : correlation.rules) {
      if (find(rule.text)) continue;
      const bool waits = std::ranges::any_of(
          waiting_, [&](const Correlation& other) { return is(other, rule.text); });
      if (waits) {
        return refuse(correlation, rule,
                      "'" + rule.text + "' is a correlation that is not in force", rule.text);
      }
      return refuse(correlation, rule, missing_rule(rule.text), rule.text);
    }
  }

  std::string missing_rule(std::string_view name) const {
    std::string message =
        "expected the id or the name of a rule that is in force, found '" + std::string(name) + "'";
    std::vector<std::string_view> known;
    const auto add = [&](const Description& one) {
      known.push_back(one.name.empty() ? std::string_view(one.id) : one.name);
    };
    for (const Rule* rule : rules_.rules())
      add(*rule);
    for (const Linked& linked : outcome_.linked)
      add(linked.correlation);
    if (const auto near = base::nearest(name, known))
      message += " (did you mean '" + std::string(*near) + "'?)";
    return message;
  }

  void take(Correlation&& correlation) {
    Linked linked;
    std::vector<Target> targets;
    for (const Mention& rule : correlation.rules) {
      targets.push_back(*find(rule.text));
      const Target& target = targets.back();
      linked.rule_ids.push_back(target.rule != nullptr
                                    ? target.rule->id
                                    : outcome_.linked[target.correlation].correlation.id);
      if (target.rule == nullptr)
        linked.depth = std::max(linked.depth, outcome_.linked[target.correlation].depth + 1);
    }
    if (linked.depth >= kMaxDepth)
      return refuse(correlation, correlation.rules.front(),
                    "expected at most 32 levels of correlations");
    for (std::size_t i = 0; i < targets.size(); ++i) {
      for (auto [mentions, fields] : {std::pair{&correlation.group_by, &linked.group_fields},
                                      std::pair{&correlation.fields, &linked.value_fields}}) {
        fields->emplace_back();
        for (const Mention& mention : *mentions) {
          const Mention field = in_rule(correlation, mention, i, targets[i]);
          if (!knows(targets[i], field.text))
            return refuse(correlation, field, unknown(correlation, field, i, targets[i]));
          fields->back().push_back(field.text);
        }
      }
    }
    if (const auto wrong = wrong_entity(correlation)) {
      return refuse(correlation, {"", correlation.line, correlation.column},
                    "expected fields of 'group-by' in 'vedette.entity', found '" + *wrong + "'");
    }
    linked.correlation = std::move(correlation);
    outcome_.linked.push_back(std::move(linked));
  }

  static std::optional<std::string> wrong_entity(const Correlation& correlation) {
    for (const std::string& field : correlation.vedette.entity) {
      const bool grouped = std::ranges::any_of(
          correlation.group_by, [&](const Mention& mention) { return mention.text == field; });
      if (!grouped) return field;
    }
    return std::nullopt;
  }

  // What the field, perhaps an alias, is called in the events of one of the rules.
  Mention in_rule(const Correlation& correlation, const Mention& field, std::size_t position,
                  const Target& target) const {
    for (const Alias& alias : correlation.aliases) {
      if (alias.name.text != field.text) continue;
      for (const auto& [rule, name] : alias.fields) {
        const auto aliased = find(rule.text);
        const bool same =
            aliased && aliased->rule == target.rule && aliased->correlation == target.correlation;
        if (rule.text == correlation.rules[position].text || same) return name;
      }
    }
    return field;
  }

  bool knows(const Target& target, std::string_view field) const {
    if (device_field(field)) return true;
    if (target.rule != nullptr) {
      return std::ranges::any_of(sources_of(target.rule->log_source), [&](Source source) {
        return FieldReader::find(source, field).has_value();
      });
    }
    const Linked& linked = outcome_.linked[target.correlation];
    const bool grouped = std::ranges::any_of(
        linked.correlation.group_by, [&](const Mention& mention) { return mention.text == field; });
    // It passes on what its events have.
    return grouped || std::ranges::all_of(linked.rule_ids, [&](const std::string& id) {
             return knows(*find(id), field);
           });
  }

  std::string unknown(const Correlation& correlation, const Mention& field, std::size_t position,
                      const Target& target) const {
    const std::string& rule = correlation.rules[position].text;
    if (target.rule != nullptr) {
      const auto sources = sources_of(target.rule->log_source);
      return "of rule '" + rule + "': " + unknown_field(sources.front(), field.text) +
             "; 'aliases' may say what it is called there";
    }
    return "of correlation '" + rule +
           "': expected a field that it groups by, or that all its events " + "have, found '" +
           field.text + "'";
  }

  // Who listens to whom, and what therefore has to be carried from one to the other.
  void connect() {
    auto& all = outcome_.linked;
    std::map<std::string, std::size_t, std::less<>> by_id;
    for (std::size_t i = 0; i < all.size(); ++i)
      by_id.emplace(all[i].correlation.id, i);
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::uint32_t position = 0; position < all[i].rule_ids.size(); ++position) {
        const auto heard = by_id.find(all[i].rule_ids[position]);
        if (heard != by_id.end()) all[heard->second].listeners.push_back({i, position});
      }
    }
    for (std::size_t i = all.size(); i > 0; --i) {
      Linked& linked = all[i - 1];
      for (const Listener& listener : linked.listeners) {
        const Linked& other = all[listener.correlation];
        const auto add = [&](const std::vector<std::string>& fields) {
          linked.carried.insert(linked.carried.end(), fields.begin(), fields.end());
        };
        add(other.group_fields[listener.position]);
        add(other.value_fields[listener.position]);
        add(other.carried);
      }
      std::ranges::sort(linked.carried);
      linked.carried.erase(std::ranges::unique(linked.carried).begin(), linked.carried.end());
      linked.meaning = meaning_of(linked);
    }
  }

  static std::string meaning_of(const Linked& linked) {
    const Correlation& correlation = linked.correlation;
    std::string out(to_string(correlation.type));
    const auto add = [&](std::string_view text) {
      out += "\n" + std::to_string(text.size()) + ":";
      out += text;
    };
    add(std::to_string(correlation.timespan.count()));
    for (const Bound& bound : correlation.bounds)
      add(std::to_string(static_cast<int>(bound.kind)) + std::to_string(bound.number));
    add(correlation.percentile ? std::to_string(*correlation.percentile) : "");
    for (std::size_t i = 0; i < linked.rule_ids.size(); ++i) {
      add(linked.rule_ids[i]);
      for (const auto* fields : {&linked.group_fields[i], &linked.value_fields[i]}) {
        add(std::to_string(fields->size()));
        for (const std::string& field : *fields)
          add(field);
      }
    }
    for (const std::string& field : linked.carried)
      add(field);
    return out;
  }

  std::vector<Correlation> waiting_;
  const RuleSet& rules_;
  LinkOutcome outcome_;
};

}  // namespace

LinkOutcome link_correlations(std::vector<Correlation> correlations, const RuleSet& rules) {
  return Linker(std::move(correlations), rules).run();
}

}  // namespace sigma
