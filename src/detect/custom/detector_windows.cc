// Counts in windows of time: what is out of its range.
#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "detect/custom/detector_state.h"

namespace detect::custom {

using std::chrono::nanoseconds;

namespace {

Match range_match(const Rule& rule, std::int64_t count) {
  return {
      "Count",
      std::to_string(count),
      fmt::format("{} in {}", rule.range_text(), base::format_duration(rule.definition().window)),
      {}};
}

// Evidence that stands for a window without anything in it.
Evidence window_evidence(const Rule& rule, std::string_view device, std::int64_t window,
                         std::int64_t count) {
  const base::WallTime start = rule.start_of(window);
  Evidence out;
  out.event_id = base::Guid::derived(
      "custom alert window",
      fmt::format("{}\n{}\n{}", device, rule.id(), start.time_since_epoch().count()));
  out.time = rule.start_of(window + 1);
  out.event_name = rule.info().event;
  base::json::Writer writer(out.details_json);
  writer.begin_object();
  writer.field("Type", rule.info().name);
  writer.field("WindowStart", base::format_rfc3339(start));
  writer.field("WindowEnd", base::format_rfc3339(out.time));
  writer.field("Count", count);
  writer.field("Min", rule.definition().min);
  if (rule.definition().max) writer.field("Max", *rule.definition().max);
  writer.end_object();
  return out;
}

}  // namespace

// `begin`: where the first window lies, if it is new and nothing older is known of the device.
Series& CustomDetector::State::series_of(Device& device, const RulePtr& rule,
                                         base::WallTime begin) {
  const auto found = std::ranges::find(device.series, rule->id(), &Series::rule_id);
  if (found != device.series.end()) return *found;
  Series& made = device.series.emplace_back();
  made.rule = rule;
  made.rule_id = rule->id();
  made.since = rule->since();
  begin = std::min(begin, presence_for(*rule).known_since(device.id).value_or(begin));
  made.judged = std::max<std::int64_t>(rule->window_of(begin), 0);
  device.resized = true;
  return made;
}

void CustomDetector::State::count(Device& device, const RulePtr& rule, const Observation& seen,
                                  const EvidenceMaker& evidence, std::vector<Finding>& findings) {
  const std::int64_t index = rule->window_of(seen.time);
  if (index < 0) return;  // before it was in force
  Series& series = series_of(device, rule, seen.time);
  if (!series.first) {
    series.first = seen.time;
    if (rule->definition().min > 0) due = base::WallTime::min();
  }
  if (rule->info().source == Source::Agent) device.agent = seen.module_id;
  const std::size_t room = series.windows.capacity();
  Window* window = series.window(index);
  device.resized = device.resized || series.windows.capacity() != room;
  if (window == nullptr) {
    late.add();
    return;
  }
  mark(device);
  window->count += std::max<std::int64_t>(seen.count, 0);
  if (window->told || !rule->above(window->count)) return;
  window->told = true;
  Finding finding = new_finding(*rule, device, seen);
  finding.entity = base::format_duration(rule->definition().window);
  finding.why = fmt::format("{} {} between {} and {}; {}.", window->count, rule->info().subject,
                            base::format_rfc3339(rule->start_of(index), 0),
                            base::format_rfc3339(rule->start_of(index + 1), 0), rule->range_text());
  finding.evidence = evidence();
  finding.evidence.matched.push_back(range_match(*rule, window->count));
  findings.push_back(std::move(finding));
}

void CustomDetector::State::judge(Device& device, base::WallTime now,
                                  std::vector<Finding>& findings) {
  const GroupRules* group = rules_of(device);
  if (group == nullptr || !group->minimum) return;
  for (const RulePtr& rule : group->all) {
    if (rule->info().kind != Kind::Range || rule->definition().min <= 0) continue;
    const bool known =
        std::ranges::find(device.series, rule->id(), &Series::rule_id) != device.series.end();
    const auto since = presence_for(*rule).known_since(device.id);
    if (known || since) judge(device, series_of(device, rule, since.value_or(now)), now, findings);
  }
}

// The windows that ended, and when to look again.
void CustomDetector::State::judge(Device& device, Series& series, base::WallTime now,
                                  std::vector<Finding>& findings) {
  const Rule& rule = *series.rule;
  const nanoseconds delay = delay_of(device, rule);
  const std::int64_t open = rule.window_of(now - delay);
  const auto kept = static_cast<std::int64_t>(Series::kKeptForMinimum) / 2;
  if (open - series.judged > kept) {
    unjudged.add(static_cast<std::uint64_t>(open - kept - series.judged));
    series.judged = open - kept;
  }
  for (; series.judged < open; ++series.judged) {
    mark(device);
    const std::int64_t count = series.count(series.judged);
    if (!rule.below(count) || !is_whole(device, series, series.judged)) continue;
    const base::WallTime end = rule.start_of(series.judged + 1);
    Observation seen;
    seen.module_id = device.agent;
    seen.received = now;
    Finding finding = new_finding(rule, device, seen);
    finding.entity = base::format_duration(rule.definition().window);
    finding.why = fmt::format("{} {} between {} and {}; {}.", count, rule.info().subject,
                              base::format_rfc3339(rule.start_of(series.judged), 0),
                              base::format_rfc3339(end, 0), rule.range_text());
    finding.evidence = window_evidence(rule, device.id, series.judged, count);
    finding.evidence.matched.push_back(range_match(rule, count));
    findings.push_back(std::move(finding));
  }
  std::erase_if(series.windows, [&](const Window& window) {
    return window.index + static_cast<std::int64_t>(Series::kKept) < series.judged;
  });
  due = std::min(due, rule.start_of(std::max<std::int64_t>(open, 0) + 1) + delay);
}

// Whether the device could have done all of it.
bool CustomDetector::State::is_whole(const Device& device, const Series& series,
                                     std::int64_t window) const {
  const base::WallTime start = series.rule->start_of(window);
  const Presence& presence = presence_for(*series.rule);
  if (presence.was_connected(device.id, start) &&
      presence.was_connected(device.id, series.rule->start_of(window + 1))) {
    return true;
  }
  return !presence.known_since(device.id) && series.count(window) > 0 && series.first &&
         *series.first <= start;
}

// How long after a window's end its events may still come.
nanoseconds CustomDetector::State::delay_of(const Device& device, const Rule& rule) {
  if (rule.info().source == Source::Hub) return nanoseconds(0);
  return std::max(fleet.reporting_delay(device.id), 2 * std::max(device.lag, device.lag_before));
}

}  // namespace detect::custom
