#include "hub/rules/hunt.h"

#include <algorithm>
#include <map>
#include <set>

#include "sigma/fields.h"
#include "sigma/rule.h"

namespace hub::rules {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kTextFile = "text";
constexpr std::string_view kFilterFile = "filter";

// Closed under what correlations are built on and, with `upward`, what is built on the rules.
std::set<std::string> related(const std::vector<detect::ListedRule>& all, std::set<std::string> ids,
                              bool upward) {
  const auto refers = [](const detect::ListedRule& upper, const detect::ListedRule& lower) {
    return std::ranges::any_of(upper.builds_on, [&](const std::string& name) {
      return name == lower.info.id || name == lower.name;
    });
  };
  for (bool more = true; more;) {
    more = false;
    for (const detect::ListedRule& upper : all) {
      if (upper.kind != detect::RuleKind::Correlation) continue;
      for (const detect::ListedRule& lower : all) {
        if (!refers(upper, lower)) continue;
        const bool down = ids.contains(upper.info.id) && ids.insert(lower.info.id).second;
        const bool up = upward && ids.contains(lower.info.id) && ids.insert(upper.info.id).second;
        more = more || down || up;
      }
    }
  }
  return ids;
}

// What is in force without its rules: lists, profile, severities, exceptions.
detect::StreamOptions bare(const detect::StreamOptions& present) {
  detect::StreamOptions out = present;
  out.builtin = false;
  out.folder_rules = false;
  out.settings.texts.clear();
  for (auto& [id, setting] : out.settings.rules)
    setting.enabled = true;  // whoever asks wants to know
  return out;
}

// The documents of these rules, in the files that they are in, and of filters that name them.
Result<Chosen> choose(const detect::Stream& stream, const detect::StreamOptions& present,
                      const std::set<std::string>& ids) {
  Chosen out{bare(present), {}};
  std::map<std::string, std::string> files;  // name to documents
  const auto add = [&](const std::string& file, int line) -> Result<void> {
    std::string& text = files[file];
    text += (text.empty() ? "" : "---\n") + TRY(stream.document(file, line));
    return {};
  };
  for (const detect::ListedRule& rule : stream.list()) {
    if (ids.contains(rule.info.id)) TRY(add(rule.file, rule.line));
  }
  for (const detect::ListedFilter& filter : stream.filters()) {
    const bool named =
        filter.rules.empty() || std::ranges::any_of(filter.rules, [&](const std::string& rule) {
          return ids.contains(rule);
        });
    if (named) TRY(add(filter.file, filter.line));
  }
  for (auto& [file, text] : files)
    out.options.settings.texts.push_back({file, std::move(text)});
  return out;
}

std::string key_of(const detect::Finding& finding) {
  return finding.rule.id + "\n" + finding.device_id + "\n" + finding.entity;
}

// The same occurrence as two streams found it.
std::string occurrence_of(const detect::Finding& finding) {
  return finding.rule.id + finding.evidence.event_id.to_string() + finding.entity;
}

// Counts what two streams find, of which one leaves out more than the other.
class Counter {
 public:
  Counter(const Chosen& chosen, const HuntOptions& options, HuntResult& result)
      : chosen_(chosen), options_(options), result_(result) {}

  void take(std::vector<detect::Finding>& all, const std::vector<detect::Finding>& left) {
    std::multiset<std::string> kept;
    for (const detect::Finding& finding : left)
      kept.insert(occurrence_of(finding));
    for (detect::Finding& finding : all) {
      if (!counts(finding)) continue;
      const auto found = kept.find(occurrence_of(finding));
      const bool hidden = found == kept.end();
      if (!hidden) kept.erase(found);
      count(finding, hidden);
      if (result_.examples.size() < options_.examples)
        result_.examples.push_back({std::move(finding), hidden});
    }
  }

  void finish() {
    for (const auto& [key, alert] : alerts_) {
      ++result_.alerts.raised;
      if (alert) ++result_.alerts.hidden;
    }
    result_.rules = sorted(rules_);
    result_.devices = sorted(devices_);
    if (result_.devices.size() > kMostDevices) result_.devices.resize(kMostDevices);
  }

 private:
  bool counts(const detect::Finding& finding) const {
    return chosen_.rules.empty() ||
           std::ranges::find(chosen_.rules, finding.rule.id) != chosen_.rules.end();
  }

  void count(const detect::Finding& finding, bool hidden) {
    const auto hits = static_cast<std::uint64_t>(std::max<std::int64_t>(1, finding.hits));
    Tally& rule = rules_[finding.rule.id];
    rule.id = finding.rule.id;
    rule.name = finding.rule.title;
    Tally& device = devices_[finding.device_id];
    device.name = finding.device_id;
    for (Tally* tally : {&result_.hits, &rule, &device}) {
      tally->raised += hits;
      if (hidden) tally->hidden += hits;
    }
    const std::string key = key_of(finding);
    const auto found = alerts_.find(key);
    if (found != alerts_.end()) {
      found->second = found->second && hidden;
    } else if (alerts_.size() < kMostAlerts) {
      alerts_.emplace(key, hidden);
    }
  }

  static std::vector<Tally> sorted(const std::map<std::string, Tally>& tallies) {
    std::vector<Tally> out;
    for (const auto& [key, tally] : tallies)
      out.push_back(tally);
    std::ranges::stable_sort(out,
                             [](const Tally& a, const Tally& b) { return a.raised > b.raised; });
    return out;
  }

  const Chosen& chosen_;
  const HuntOptions& options_;
  HuntResult& result_;
  std::map<std::string, bool> alerts_;  // whether all of it is hidden
  std::map<std::string, Tally> rules_;
  std::map<std::string, Tally> devices_;
};

// The events that rules of these sources look at; empty: all.
std::vector<std::string> names_of(const detect::Stream& stream) {
  std::set<std::string> names;
  for (const detect::ListedRule& rule : stream.list()) {
    if (rule.kind != detect::RuleKind::Rule) continue;
    const sigma::LogSource source{rule.product, rule.category, rule.service};
    for (const sigma::Source one : sigma::sources_of(source)) {
      // Commands are hidden in the processes that are started.
      if (one == sigma::Source::command()) names.insert("ProcessCreate");
      if (const auto event = one.event()) names.insert(std::string(schema::to_string(*event)));
    }
  }
  return {names.begin(), names.end()};
}

std::unexpected<HuntFailure> wrong(base::Error error) {
  return std::unexpected(HuntFailure{Wrong{std::move(error)}, {}});
}

// Its rules must all be usable: problems of the text are the asker's own.
HuntOutcome<std::unique_ptr<detect::Stream>> open(const detect::StreamOptions& options) {
  auto stream = detect::Stream::load(options);
  if (!stream) return wrong(std::move(stream.error()));
  std::vector<detect::RuleProblem> problems;
  for (const detect::RuleProblem& problem : (*stream)->problems()) {
    if (problem.file == kTextFile || problem.file == kFilterFile) problems.push_back(problem);
  }
  if (!problems.empty()) {
    return std::unexpected(HuntFailure{
        Wrong{{Code::Invalid, "text", -1, "it cannot be used"}, std::move(problems)}, {}});
  }
  return std::move(*stream);
}

}  // namespace

Result<Chosen> choose_rule(const detect::Stream& stream, const detect::StreamOptions& present,
                           std::string_view rule_id) {
  const auto all = stream.list();
  const auto found =
      std::ranges::find_if(all, [&](const auto& rule) { return rule.info.id == rule_id; });
  if (found == all.end()) return fail(Code::NotFound, "there is no such rule that can run");
  if (found->kind == detect::RuleKind::Detector)
    return fail(Code::Unsupported,
                "it is a detector, which remembers more than history tells: rules and correlations "
                "can be hunted with");
  Chosen out = TRY(choose(stream, present, related(all, {found->info.id}, false)));
  out.rules = {found->info.id};
  return out;
}

Chosen choose_text(const detect::Stream& stream, const detect::StreamOptions& present,
                   std::string text) {
  Chosen out{bare(present), {}};
  static_cast<void>(stream);
  out.options.settings.texts.push_back({std::string(kTextFile), std::move(text)});
  return out;
}

Result<Chosen> choose_filtered(const detect::Stream& stream, const detect::StreamOptions& present,
                               const std::string& filter) {
  const sigma::ParsedRules parsed = sigma::parse(filter);
  if (!parsed.problems.empty() || parsed.filters.size() != 1)
    return fail(Code::Invalid, "text", -1,
                parsed.problems.empty() ? "expected one filter"
                                        : parsed.problems.front().to_string("text"));
  const auto all = stream.list();
  std::set<std::string> ids;
  const auto& named = parsed.filters.front().rules;
  for (const detect::ListedRule& rule : all) {
    const bool wanted = named.empty()
                            ? rule.kind == detect::RuleKind::Rule
                            : std::ranges::any_of(named, [&](const sigma::Mention& mention) {
                                return mention.text == rule.info.id ||
                                       (!rule.name.empty() && mention.text == rule.name);
                              });
    if (wanted) ids.insert(rule.info.id);
  }
  if (ids.empty()) return fail(Code::NotFound, "there is no such rule that can run");
  return choose(stream, present, related(all, std::move(ids), true));
}

HuntOutcome<HuntResult> hunt(store::Queries& queries, const Chosen& chosen,
                             const std::string& filter, const HuntOptions& options) {
  auto all = TRY(open(chosen.options));
  std::unique_ptr<detect::Stream> less;
  if (!filter.empty()) {
    detect::StreamOptions with = chosen.options;
    with.settings.texts.push_back({std::string(kFilterFile), filter});
    less = TRY(open(with));
  }
  HuntResult result;
  Counter counter(chosen, options, result);
  std::vector<detect::Finding> found;
  std::vector<detect::Finding> left;
  const auto judge = [&] {
    if (!found.empty()) counter.take(found, less ? left : found);
    found.clear();
    left.clear();
  };
  History history(queries);
  auto read =
      history.read({options.from, options.to, names_of(*all), options.device_id}, options.pace,
                   [&](const schema::Event& event, const detect::Origin& origin) {
                     for (std::size_t item = 0; item < event.item_count(); ++item) {
                       all->match(event, item, origin, found);
                       if (less) less->match(event, item, origin, left);
                     }
                     judge();
                   });
  if (!read) return std::unexpected(HuntFailure{{}, std::move(read.error())});
  result.progress = *read;
  // Windows that are over by then.
  all->on_time(result.progress.reached, found);
  if (less) less->on_time(result.progress.reached, left);
  judge();
  counter.finish();
  return result;
}

}  // namespace hub::rules
