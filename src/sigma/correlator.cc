#include "sigma/correlator.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sigma/correlator_state.h"

namespace sigma {
namespace {

// Of the events that a firing stands on: enough to understand it.
constexpr std::size_t kKeepsakes = 10;
// Beyond these neither sums nor counts are exact; nothing that happens comes near.
constexpr double kLargestNumber = 1e15;
constexpr std::int64_t kLargestCount = 1'000'000'000;
// The window's object, nodes of list, map and wheel.
constexpr std::size_t kGroupOverhead = 512;

// A second has a tick for each depth: what is judged then comes before what listens to it.
std::uint64_t tick_of(base::WallTime time, std::size_t depth) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return (seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds)) * kMaxDepth + depth;
}

// Not beyond the end of time.
base::WallTime plus(base::WallTime time, std::chrono::nanoseconds span) {
  return time > base::WallTime::max() - span ? base::WallTime::max() : time + span;
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(std::abs(number) <= kLargestNumber)) return std::nullopt;
  return number;
}

// Texts that cannot be taken for others when they stand one after another.
void append_part(std::string& key, std::string_view text) {
  key += std::to_string(text.size());
  key += ':';
  key += text;
}

// Fields that correlations listening to this one see: its groups, then its event's.
FieldOf seen_through(const Linked& linked, std::vector<std::string> values, FieldOf inner) {
  return [&linked, values = std::move(values),
          inner = std::move(inner)](std::string_view name) -> std::optional<std::string> {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (linked.correlation.group_by[i].text == name) return values[i];
    }
    return inner(name);
  };
}

// The groups that an occurrence belongs to, each by its values; `left`: how many more there are.
std::vector<std::vector<std::string>> groups_of(const std::vector<std::string>& fields,
                                                const FieldOf& field, const ValuesOf& all,
                                                std::uint64_t& left) {
  std::vector<std::vector<std::string>> out(1);
  for (const std::string& name : fields) {
    std::vector<std::string> values = all ? all(name) : std::vector<std::string>();
    if (values.empty()) {
      auto value = field(name);
      if (!value) return {};
      values.push_back(std::move(*value));
    }
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
    std::vector<std::vector<std::string>> longer;
    for (const auto& group : out) {
      for (const std::string& value : values) {
        if (longer.size() == kMostGroupsAtOnce) {
          ++left;
          continue;
        }
        longer.push_back(group);
        longer.back().push_back(value);
      }
    }
    out = std::move(longer);
  }
  return out;
}

}  // namespace

void Correlator::State::clear() {
  while (!groups.empty())
    remove(groups.front());
}

void Correlator::State::start(base::WallTime received) {
  if (started) return;
  wheel.start(tick_of(received, kMaxDepth - 1));
  started = true;
}

void Correlator::State::remove(Group& group) {
  note(group);
  wheel.remove(group);
  bytes -= group.bytes;
  nodes[group.correlation].groups.erase(group.key);
  groups.erase(group.self);
}

// Group and value of an occurrence. nullopt: it has no part in this correlation.
std::optional<Entry> Correlator::State::entry_of(const Linked& linked, const Listener& listener,
                                                 const Occurrence& occurrence,
                                                 const FieldOf& field) {
  Entry entry;
  entry.time = std::min(occurrence.time, plus(occurrence.received, options.lateness));
  entry.position = listener.position;
  entry.count = std::clamp<std::int64_t>(occurrence.count, 1, kLargestCount);
  const Correlation& correlation = linked.correlation;
  const bool texts =
      correlation.type == CorrelationType::ValueCount ||
      (correlation.type == CorrelationType::ValuePercentile && !correlation.percentile);
  for (const std::string& name : linked.value_fields[listener.position]) {
    const auto value = field(name);
    if (!value) return std::nullopt;
    if (texts) {
      append_part(entry.text, *value);
      continue;
    }
    const auto number = number_of(*value);
    if (!number) {
      ++counters.no_number;
      return std::nullopt;
    }
    entry.number = *number;
  }
  return entry;
}

std::unique_ptr<Window> Correlator::State::new_window(const Linked& linked) const {
  return make_window(linked.correlation,
                     {options.lateness, std::max<std::size_t>(options.max_entries, 8)});
}

Group& Correlator::State::group_of(std::size_t correlation, std::string key,
                                   std::vector<std::string> values) {
  Node& node = nodes[correlation];
  const auto known = node.groups.find(key);
  if (known != node.groups.end()) {
    groups.splice(groups.end(), groups, known->second);
    return *known->second;
  }
  Group& group = groups.emplace_back();
  group.self = std::prev(groups.end());
  group.correlation = correlation;
  group.basis = node.linked;
  group.key = std::move(key);
  group.values = std::move(values);
  group.window = new_window(*group.basis);
  node.groups.emplace(group.key, group.self);
  return group;
}

// Keeps the occurrence itself, and the rule that has most of them gives way: each is to be seen.
void Correlator::State::remember(Group& group, const Listener& listener,
                                 const Occurrence& occurrence, const FieldOf& field) {
  const Linked& linked = *group.basis;
  if (!nodes[group.correlation].at_once) {
    group.carried.clear();
    for (const std::string& name : linked.carried)
      group.carried.push_back(field(name));
  }
  const base::WallTime until =
      plus(occurrence.received, linked.correlation.timespan + options.lateness);
  wheel.set(group, tick_of(plus(until, std::chrono::seconds{1}), linked.depth));
  if (!occurrence.keepsake) return;
  const Sample sample{occurrence.time, listener.position, occurrence.keepsake};
  group.samples.insert(std::ranges::upper_bound(group.samples, sample.time, {}, &Sample::time),
                       sample);
  if (group.samples.size() <= kKeepsakes) return;
  std::vector<std::size_t> counts(linked.rule_ids.size(), 0);
  for (const Sample& one : group.samples)
    ++counts[one.position];
  const auto most = static_cast<std::uint32_t>(std::ranges::max_element(counts) - counts.begin());
  group.samples.erase(std::ranges::find(group.samples, most, &Sample::position));
}

Firing Correlator::State::firing_of(Group& group, const Satisfied& satisfied) const {
  const Linked& linked = *nodes[group.correlation].linked;
  Firing firing;
  firing.correlation = &linked.correlation;
  firing.first = satisfied.first;
  firing.last = satisfied.last;
  firing.events = satisfied.events;
  firing.value = satisfied.value;
  for (std::size_t i = 0; i < group.values.size(); ++i)
    firing.group.emplace_back(linked.correlation.group_by[i].text, group.values[i]);
  for (const Sample& sample : group.samples) {
    if (sample.time >= satisfied.first && sample.time <= satisfied.last)
      firing.keepsakes.push_back(sample.keepsake);
  }
  if (linked.correlation.type != CorrelationType::ValuePercentile ||
      linked.correlation.percentile) {
    std::erase_if(group.samples,
                  [&](const Sample& sample) { return sample.time <= satisfied.last; });
  }
  return firing;
}

// To the caller, and to the correlations of this correlation.
void Correlator::State::tell(std::size_t correlation, Firing firing, base::WallTime received,
                             const FieldOf& field, std::vector<Firing>& out) {
  const std::shared_ptr<const Linked> linked = nodes[correlation].linked;
  Occurrence occurrence{firing.last, received};
  if (!firing.keepsakes.empty()) occurrence.keepsake = firing.keepsakes.back();
  out.push_back(std::move(firing));
  for (const Listener& listener : linked->listeners)
    feed(listener, occurrence, field, out);
}

void Correlator::State::account(Group& group) {
  bytes -= group.bytes;
  group.bytes = kGroupOverhead + 2 * group.key.size() + group.window->bytes();
  for (const Sample& sample : group.samples)
    group.bytes += sizeof(Sample) + sample.keepsake->bytes();
  for (const auto& text : group.carried)
    group.bytes += sizeof text + (text ? text->size() : 0);
  bytes += group.bytes;
  note(group);
}

// Those that were idle longest; the one at hand stays, however large.
void Correlator::State::evict(const Group& current) {
  while (bytes > options.max_bytes && &groups.front() != &current) {
    Group& group = groups.front();
    ++counters.evicted_groups;
    counters.evicted_entries += group.window->entries();
    remove(group);
  }
}

void Correlator::State::feed(Listener listener, const Occurrence& occurrence, const FieldOf& field,
                             std::vector<Firing>& out, const ValuesOf& values) {
  const std::shared_ptr<const Linked> linked = nodes[listener.correlation].linked;
  for (auto& group :
       groups_of(linked->group_fields[listener.position], field, values, counters.evicted_entries))
    feed_group(listener, occurrence, field, std::move(group), out);
}

void Correlator::State::feed_group(Listener listener, Occurrence occurrence, const FieldOf& field,
                                   std::vector<std::string> values, std::vector<Firing>& out) {
  const std::shared_ptr<const Linked> linked = nodes[listener.correlation].linked;
  std::string key;
  for (const std::string& value : values)
    append_part(key, value);
  auto entry = entry_of(*linked, listener, occurrence, field);
  if (!entry) return;
  occurrence.time = entry->time;
  Group& group = group_of(listener.correlation, std::move(key), values);
  const bool at_once = nodes[listener.correlation].at_once;
  // Of a window that ended before this event.
  const std::vector<std::optional<std::string>> carried = group.carried;
  std::vector<Satisfied> satisfied;
  WindowLosses losses;
  group.window->add(std::move(*entry), satisfied, losses);
  counters.late += losses.late;
  counters.evicted_entries += losses.entries;
  std::vector<Firing> firings;
  if (!at_once) {
    for (const Satisfied& one : satisfied)
      firings.push_back(firing_of(group, one));
  }
  if (losses.late == 0) remember(group, listener, occurrence, field);
  if (at_once) {
    for (const Satisfied& one : satisfied)
      firings.push_back(firing_of(group, one));
  }
  if (!TimingWheel::has(group)) {
    remove(group);  // only what was late has ever come
  } else {
    account(group);
    evict(group);
  }
  // Nothing of the group is touched any more: who listens may need its memory.
  if (firings.empty()) return;
  const FieldOf own =
      at_once ? field
              : FieldOf([&linked, &carried](std::string_view name) -> std::optional<std::string> {
                  const auto known = std::ranges::find(linked->carried, name);
                  const auto index = static_cast<std::size_t>(known - linked->carried.begin());
                  return index < carried.size() ? carried[index] : std::nullopt;
                });
  const FieldOf seen = seen_through(*linked, std::move(values), own);
  for (Firing& firing : firings)
    tell(listener.correlation, std::move(firing), occurrence.received, seen, out);
}

void Correlator::State::expire(Group& group, base::WallTime received, std::vector<Firing>& out) {
  const std::size_t correlation = group.correlation;
  const std::shared_ptr<const Linked> linked = nodes[correlation].linked;
  std::vector<Satisfied> satisfied;
  group.window->close(satisfied);
  std::vector<Firing> firings;
  for (const Satisfied& one : satisfied)
    firings.push_back(firing_of(group, one));
  std::vector<std::string> values = std::move(group.values);
  const std::vector<std::optional<std::string>> carried = std::move(group.carried);
  remove(group);
  if (firings.empty()) return;
  const FieldOf seen =
      seen_through(*linked, std::move(values),
                   [&linked, &carried](std::string_view name) -> std::optional<std::string> {
                     const auto known = std::ranges::find(linked->carried, name);
                     const auto index = static_cast<std::size_t>(known - linked->carried.begin());
                     return index < carried.size() ? carried[index] : std::nullopt;
                   });
  for (Firing& firing : firings)
    tell(correlation, std::move(firing), received, seen, out);
}

Correlator::Correlator(Options options) : state_(std::make_unique<State>(options)) {}
Correlator::~Correlator() = default;
Correlator::Correlator(Correlator&&) noexcept = default;
Correlator& Correlator::operator=(Correlator&&) noexcept = default;

std::vector<Unlinked> Correlator::link(std::vector<Correlation> correlations,
                                       const RuleSet& rules) {
  State& state = *state_;
  state.clear();
  state.nodes.clear();
  state.listeners.clear();
  LinkOutcome outcome = link_correlations(std::move(correlations), rules);
  for (Linked& linked : outcome.linked) {
    for (std::uint32_t position = 0; position < linked.rule_ids.size(); ++position)
      state.listeners[linked.rule_ids[position]].push_back({state.nodes.size(), position});
    Node& node = state.nodes.emplace_back();
    node.at_once = judged_at_once(linked.correlation);
    node.linked = std::make_shared<const Linked>(std::move(linked));
  }
  return std::move(outcome.unlinked);
}

std::vector<const Correlation*> Correlator::correlations() const {
  std::vector<const Correlation*> out;
  for (const Node& node : state_->nodes)
    out.push_back(&node.linked->correlation);
  return out;
}

bool Correlator::listens(std::string_view rule_id) const {
  return state_->listeners.contains(rule_id);
}

void Correlator::adopt(Correlator&& former) {
  State& state = *state_;
  State& old = *former.state_;
  state.counters = old.counters;
  state.tracking = old.tracking;
  state.changed = std::move(old.changed);
  if (!state.started && old.started) {
    state.wheel.start(old.wheel.now());
    state.started = true;
  }
  std::unordered_map<std::string_view, std::size_t> by_id;
  for (std::size_t i = 0; i < state.nodes.size(); ++i)
    by_id.emplace(state.nodes[i].linked->correlation.id, i);
  for (auto next = old.groups.begin(); next != old.groups.end();) {
    const auto at = next++;
    Group& group = *at;
    const Linked& meant = *old.nodes[group.correlation].linked;
    const auto known = by_id.find(meant.correlation.id);
    if (known == by_id.end() || state.nodes[known->second].linked->meaning != meant.meaning) {
      if (state.tracking) state.changed.insert(saved_key(meant.correlation.id, group.key));
      continue;
    }
    const std::uint64_t due = group.due;
    old.wheel.remove(group);
    old.nodes[group.correlation].groups.erase(group.key);
    old.bytes -= group.bytes;
    state.groups.splice(state.groups.end(), old.groups, at);
    group.correlation = known->second;
    state.nodes[group.correlation].groups.emplace(group.key, group.self);
    state.wheel.set(group, due);
    state.bytes += group.bytes;
  }
}

void Correlator::observe(std::string_view rule_id, const Occurrence& occurrence,
                         const FieldOf& field, std::vector<Firing>& out, const ValuesOf& values) {
  advance(occurrence.received, out);
  const auto listeners = state_->listeners.find(rule_id);
  if (listeners == state_->listeners.end()) return;
  for (const Listener& listener : listeners->second)
    state_->feed(listener, occurrence, field, out, values);
}

void Correlator::advance(base::WallTime received, std::vector<Firing>& out) {
  state_->start(received);
  const std::uint64_t now = tick_of(received, kMaxDepth - 1);
  while (TimingWheel::Hook* hook = state_->wheel.next_due(now))
    state_->expire(static_cast<Group&>(*hook), received, out);
}

CorrelatorCounters Correlator::counters() const {
  CorrelatorCounters counters = state_->counters;
  counters.groups = state_->groups.size();
  counters.bytes = state_->bytes;
  return counters;
}

}  // namespace sigma
